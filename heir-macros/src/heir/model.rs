//! The model: what a struct with `#[heir]` means.

use proc_macro2::{Ident, Span, TokenStream};
use quote::format_ident;
use syn::ext::IdentExt;
use syn::{Attribute, Generics, LitStr, Path, Type, Visibility};

use super::survives::{Said, Survives};
use crate::diagnostics::Errors;
use crate::options::{self, Millis, Slot};
use crate::settings::{Backoff, Restart, Shutdown};
use crate::tokens::mentions;

/// A worker: the annotated struct.
pub(super) struct Worker<'a> {
    pub(super) root: Path,
    pub(super) vis: &'a Visibility,
    /// As the user wrote it, with its span.
    pub(super) written_ident: &'a Ident,
    /// The same name as generated code, which may name deprecated items.
    pub(super) ident: Ident,
    /// With the type written out for `Self`.
    pub(super) generics: Generics,
    /// The `packed` of `#[repr(packed)]`.
    pub(super) packed: Option<Span>,
    /// Whether a `#[table]` stands on the struct instead of a field.
    pub(super) has_table_on_top: bool,
    /// The `#[allow(..)]`s of the struct and its fields, for all generated code; `#[expect(..)]`
    /// counts as `#[allow(..)]`.
    pub(super) allowed: Vec<Attribute>,
    /// The struct's `#[deprecated]`, for its public companions.
    pub(super) deprecated: Vec<&'a Attribute>,
    pub(super) options: Options,
    pub(super) fields: Vec<Field<'a>>,
}

/// One field of the worker.
pub(super) struct Field<'a> {
    pub(super) ident: &'a Ident,
    pub(super) vis: &'a Visibility,
    pub(super) docs: Vec<&'a Attribute>,
    /// As the user wrote it, with its span.
    pub(super) written_ty: &'a Type,
    /// The same with the worker's type written out for `Self`, so that it can stand in another
    /// item.
    pub(super) ty: TokenStream,
    /// Whether the type names none of the worker's generic parameters.
    pub(super) is_concrete: bool,
    /// Whether its attributes have a mistake, which has been reported.
    pub(super) is_mistaken: bool,
    pub(super) kind: Kind,
}

/// What happens to a field when its incarnation ends, and how the next incarnation gets it.
pub(super) enum Kind {
    /// `word`: where `keep` or `rollback` is written.
    Table {
        restored: Restored,
        word: Option<Span>,
        init: Option<TokenStream>,
        survives: Option<Said>,
    },
    Arg,
    Fresh {
        with: Option<TokenStream>,
    },
}

/// In which state the next incarnation gets a table after a crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Restored {
    /// A recorded table: without the changes of the message that crashed.
    ByItsRecord,
    /// `keep`: as the crash left it.
    AsItIs,
    /// `rollback`: as it was before the message that crashed.
    BeforeTheMessage,
}

impl<'a> Worker<'a> {
    pub(super) fn tables(&self) -> impl Iterator<Item = &Field<'a>> {
        self.fields.iter().filter(|field| matches!(field.kind, Kind::Table { .. }))
    }

    pub(super) fn rollbacks(&self) -> impl Iterator<Item = &Field<'a>> {
        self.fields
            .iter()
            .filter(|field| matches!(field.kind, Kind::Table { restored: Restored::BeforeTheMessage, .. }))
    }

    pub(super) fn recorded(&self) -> impl Iterator<Item = &Field<'a>> {
        self.fields
            .iter()
            .filter(|field| matches!(field.kind, Kind::Table { restored: Restored::ByItsRecord, .. }))
    }

    /// The recorded tables that outlive the process, each with its place among all recorded tables.
    pub(super) fn stored(&self) -> impl Iterator<Item = (usize, &Field<'a>)> {
        self.recorded().enumerate().filter(|(_, field)| self.stores(field))
    }

    /// The `rollback` fields whose values outlive the process.
    pub(super) fn values(&self) -> impl Iterator<Item = &Field<'a>> {
        self.rollbacks().filter(|field| self.stores_value(field))
    }

    /// Whether the field is a recorded table that outlives the process.
    pub(super) fn stores(&self, field: &Field<'_>) -> bool {
        self.outlives_the_process(field, Restored::ByItsRecord)
    }

    /// Whether the field is a `rollback` field whose value outlives the process.
    pub(super) fn stores_value(&self, field: &Field<'_>) -> bool {
        self.outlives_the_process(field, Restored::BeforeTheMessage)
    }

    fn outlives_the_process(&self, field: &Field<'_>, kind: Restored) -> bool {
        let of_worker = self.options.survives.value();
        let Kind::Table { restored, survives, .. } = &field.kind else { return false };
        *restored == kind
            && of_worker.is_some_and(|said| said.survives == Survives::Process)
            && survives.is_none_or(|said| said.survives == Survives::Process)
    }

    pub(super) fn args(&self) -> impl Iterator<Item = &Field<'a>> {
        self.fields.iter().filter(|field| matches!(field.kind, Kind::Arg))
    }

    pub(super) fn fresh(&self) -> impl Iterator<Item = (&Field<'a>, Option<&TokenStream>)> {
        self.fields.iter().filter_map(|field| match &field.kind {
            Kind::Fresh { with } => Some((field, with.as_ref())),
            _ => None,
        })
    }

    /// The fields that are not tables, which belong to one incarnation.
    pub(super) fn rest(&self) -> impl Iterator<Item = &Field<'a>> {
        self.fields.iter().filter(|field| !matches!(field.kind, Kind::Table { .. }))
    }

    /// The name of a generated companion: `CounterTables`, `CounterManager`, `CounterHandle`,
    /// `CounterMessage`, `CounterArgs`.
    pub(super) fn companion(&self, suffix: &str) -> Ident {
        format_ident!("{}{}", self.ident, suffix, span = self.ident.span())
    }

    /// The path of another worker's bundle of tables, if this worker shares it.
    pub(super) fn shared_tables(&self) -> Option<&Path> {
        self.options.tables.value().filter(|path| !self.is_own_bundle(path))
    }

    /// Whether the path is the name of the worker's own bundle.
    pub(super) fn is_own_bundle(&self, path: &Path) -> bool {
        path.get_ident().is_some_and(|ident| *ident == self.companion("Tables"))
    }

    /// The child name.
    pub(super) fn name(&self) -> String {
        self.options.name.value().map_or_else(|| self.ident.unraw().to_string(), LitStr::value)
    }
}

/// The options of `#[heir(..)]`, as given.
#[derive(Default)]
pub(super) struct Options {
    pub(super) name: Slot<LitStr>,
    pub(super) registered: Slot<LitStr>,
    pub(super) restart: Slot<Restart>,
    pub(super) shutdown: Slot<Shutdown>,
    pub(super) backoff: Slot<Backoff>,
    pub(super) mailbox: Slot<u16>,
    pub(super) start_timeout: Slot<Millis>,
    pub(super) handler_timeout: Slot<Millis>,
    pub(super) heartbeat: Slot<Millis>,
    pub(super) crash_loop: Slot<CrashLoop>,
    pub(super) quarantine: Slot<AfterQuarantine>,
    /// Whether `quarantine` has a wrong value, which has been reported.
    pub(super) mistakes_quarantine: bool,
    pub(super) max_quarantined: Slot<u16>,
    /// The bundle of tables of another worker that has the same tables.
    pub(super) tables: Slot<Path>,
    pub(super) survives: Slot<Said>,
    /// Whether `survives` is given wrongly, or twice, which has been reported.
    pub(super) mistakes_survives: bool,
    pub(super) while_down: Slot<WhileDown>,
    pub(super) on_undelivered: Slot<Path>,
    pub(super) root: Slot<Path>,
}

/// After how many incarnations in a row that died over the tables the tables are quarantined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CrashLoop {
    After(u32),
    Never,
}

/// What a worker does after a quarantine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AfterQuarantine {
    Fresh,
    Stop,
}

/// What happens to messages while no incarnation serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WhileDown {
    Wait,
    WaitFor(Millis),
    Fail,
}

impl Options {
    /// Reads the options. An option with a mistake leaves its slot empty.
    pub(super) fn parse(tokens: TokenStream, errors: &mut Errors) -> Self {
        let (mut given, mentions_survives) = (Self::default(), mentions(&tokens, "survives"));
        options::read_list(tokens, "heir", options::HEIR, errors, |key, input, errors| {
            match key.to_string().as_str() {
                "name" => given.name.fill(key, options::text(input, key)?, errors),
                "registered" => given.registered.fill(key, options::text(input, key)?, errors),
                "restart" => given.restart.fill(key, Restart::parse(input, key)?, errors),
                "shutdown" => given.shutdown.fill(key, Shutdown::parse(input, key)?, errors),
                "backoff" => given.backoff.fill(key, Backoff::parse(input, key)?, errors),
                "mailbox" => given.mailbox.fill(key, options::count(input, key, "`mailbox = 64`")?, errors),
                "start_timeout" => given.start_timeout.fill(key, options::duration(input, key)?, errors),
                "handler_timeout" => given.handler_timeout.fill(key, options::duration(input, key)?, errors),
                "heartbeat" => given.heartbeat.fill(key, options::duration(input, key)?, errors),
                "crash_loop" => given.crash_loop.fill(key, crash_loop(input, key)?, errors),
                "quarantine" => {
                    let after = options::word(input, key, QUARANTINES);
                    given.mistakes_quarantine |= after.is_err();
                    given.quarantine.fill(key, after?, errors);
                }
                "max_quarantined" => {
                    let bundles = options::count_from(0, input, key, "`max_quarantined = 8`")?;
                    given.max_quarantined.fill(key, bundles, errors);
                }
                "tables" => {
                    let path = options::path(input, key, "`tables = CounterTables`")?;
                    given.tables.fill(key, path, errors);
                }
                "survives" => {
                    given.mistakes_survives |= given.survives.value().is_some();
                    given.survives.fill(key, Said::parse(input, key, "`survives = process`")?, errors);
                }
                "while_down" => given.while_down.fill(key, while_down(input, key)?, errors),
                "on_undelivered" => given.on_undelivered.fill(key, options::function(input, key)?, errors),
                _ => given.root.fill(key, options::root_path(input, key)?, errors),
            }
            Ok(())
        });
        given.mistakes_survives |= mentions_survives && given.survives.value().is_none();
        given
    }
}

const QUARANTINES: &[(&str, AfterQuarantine)] =
    &[("fresh", AfterQuarantine::Fresh), ("stop", AfterQuarantine::Stop)];

fn crash_loop(input: syn::parse::ParseStream<'_>, key: &Ident) -> syn::Result<CrashLoop> {
    if input.peek(Ident::peek_any) {
        let word = input.call(Ident::parse_any)?;
        if word == "never" {
            return Ok(CrashLoop::Never);
        }
        return Err(syn::Error::new(
            word.span(),
            format_args!("unknown value `{word}` of `{key}`: write `{key} = 5` or `{key} = never`"),
        ));
    }
    options::count(input, key, "`crash_loop = 5` or `crash_loop = never`").map(CrashLoop::After)
}

fn while_down(input: syn::parse::ParseStream<'_>, key: &Ident) -> syn::Result<WhileDown> {
    const WORDS: &[(&str, WhileDown)] = &[("wait", WhileDown::Wait), ("fail", WhileDown::Fail)];
    let ahead = input.fork();
    if let Ok(quoted) = ahead.parse::<LitStr>()
        && WORDS.iter().any(|(word, _)| *word == quoted.value())
    {
        // `word` reports the quotes.
        return options::word(input, key, WORDS);
    }
    if !input.peek(Ident::peek_any) {
        return options::duration(input, key).map(WhileDown::WaitFor);
    }
    let given = input.call(Ident::parse_any)?;
    let word = WORDS.iter().find(|(word, _)| given == word);
    word.map(|(_, value)| *value).ok_or_else(|| {
        syn::Error::new(
            given.span(),
            format_args!(
                "unknown value `{given}` of `{key}`: write `{key} = wait`, `{key} = fail` or `{key} = \"5s\"`"
            ),
        )
    })
}
