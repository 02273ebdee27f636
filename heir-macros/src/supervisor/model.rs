//! The model: what a struct with `#[supervisor]` means.

use proc_macro2::{Ident, Span, TokenStream};
use quote::format_ident;
use syn::ext::IdentExt;
use syn::parse::ParseStream;
use syn::{Attribute, Generics, LitStr, Path, Token, Type, Visibility};

use crate::diagnostics::Errors;
use crate::options::{self, Millis, Slot};
use crate::settings::{Backoff, Restart, Shutdown};

/// A supervisor with its children: the annotated struct.
pub(super) struct Tree<'a> {
    pub(super) root: Path,
    pub(super) vis: &'a Visibility,
    /// As the user wrote it, with its span.
    pub(super) written_ident: &'a Ident,
    /// The same name as generated code, which may name deprecated items.
    pub(super) ident: Ident,
    /// With the type written out for `Self`.
    pub(super) generics: Generics,
    /// The `#[allow(..)]`s of the struct and its fields, for all generated code; `#[expect(..)]`
    /// counts as `#[allow(..)]`.
    pub(super) allowed: Vec<Attribute>,
    /// The struct's `#[deprecated]`, for its public companion.
    pub(super) deprecated: Vec<&'a Attribute>,
    pub(super) options: Options,
    /// In the order in which they are started.
    pub(super) children: Vec<Child<'a>>,
}

/// A child: one field of the struct.
pub(super) struct Child<'a> {
    pub(super) ident: &'a Ident,
    /// The field's visibility; the struct's, if the field is private.
    pub(super) vis: &'a Visibility,
    pub(super) docs: Vec<&'a Attribute>,
    pub(super) deprecated: Vec<&'a Attribute>,
    /// As the user wrote it, with its span.
    pub(super) written_ty: &'a Type,
    /// The same with the struct's type written out for `Self`, so that it can stand in another
    /// item.
    pub(super) ty: TokenStream,
    /// Whether the type names none of the struct's generic parameters.
    pub(super) is_concrete: bool,
    pub(super) options: ChildOptions,
}

/// An argument of a child.
pub(super) struct Arg {
    pub(super) name: Ident,
    pub(super) from: From,
}

/// Where an argument comes from.
pub(super) enum From {
    /// The caller of `start`, who gives a value of this type under this name; `Self` is written
    /// out.
    Caller(Ident, TokenStream),
    /// The tree: a handle in it, by the field of a child and the fields below.
    Tree(Vec<Ident>),
}

impl Arg {
    /// Its name among the arguments of `start`, if it is one of them.
    pub(super) fn name_of_start(&self) -> Option<&Ident> {
        match &self.from {
            From::Caller(name, _) => Some(name),
            From::Tree(_) => None,
        }
    }
}

impl Tree<'_> {
    /// The name of the generated companion: `AppHandle`.
    pub(super) fn handle(&self) -> Ident {
        format_ident!("{}Handle", self.ident, span = self.ident.span())
    }

    /// The name of the tree.
    pub(super) fn name(&self) -> String {
        self.options.name.value().map_or_else(|| self.ident.unraw().to_string(), LitStr::value)
    }

    /// The arguments of `start`, with their types: those that children take from its caller, in the
    /// order of the fields.
    pub(super) fn args(&self) -> impl Iterator<Item = (&Ident, &TokenStream)> {
        self.children.iter().flat_map(Child::args_of_start)
    }
}

impl Child<'_> {
    /// The name of the child in its supervisor.
    pub(super) fn name(&self) -> String {
        self.options.name.value().map_or_else(|| self.ident.unraw().to_string(), LitStr::value)
    }

    /// The span of that name.
    pub(super) fn name_span(&self) -> Span {
        self.options.name.value().map_or_else(|| self.ident.span(), LitStr::span)
    }

    pub(super) fn args(&self) -> &[Arg] {
        self.options.args.value().map_or(&[], Vec::as_slice)
    }

    /// Those of its arguments that the caller of `start` gives, with their types.
    pub(super) fn args_of_start(&self) -> impl Iterator<Item = (&Ident, &TokenStream)> {
        self.args().iter().filter_map(|arg| match &arg.from {
            From::Caller(name, ty) => Some((name, ty)),
            From::Tree(_) => None,
        })
    }
}

/// The options of `#[supervisor(..)]`, as given.
#[derive(Default)]
pub(super) struct Options {
    pub(super) name: Slot<LitStr>,
    pub(super) strategy: Slot<Strategy>,
    pub(super) intensity: Slot<u32>,
    pub(super) period: Slot<Millis>,
    pub(super) auto_shutdown: Slot<AutoShutdown>,
    pub(super) root: Slot<Path>,
}

/// Which children are restarted when one ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Strategy {
    OneForOne,
    OneForAll,
    RestForOne,
}

/// Whether the supervisor ends by itself when its significant children have ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AutoShutdown {
    Never,
    AnySignificant,
    AllSignificant,
}

const STRATEGIES: &[(&str, Strategy)] = &[
    ("one_for_one", Strategy::OneForOne),
    ("one_for_all", Strategy::OneForAll),
    ("rest_for_one", Strategy::RestForOne),
];

const AUTO_SHUTDOWNS: &[(&str, AutoShutdown)] = &[
    ("never", AutoShutdown::Never),
    ("any_significant", AutoShutdown::AnySignificant),
    ("all_significant", AutoShutdown::AllSignificant),
];

impl Options {
    /// Reads the options. An option with a mistake leaves its slot empty.
    pub(super) fn parse(tokens: TokenStream, errors: &mut Errors) -> Self {
        let mut given = Self::default();
        options::read_list(tokens, "supervisor", options::SUPERVISOR, errors, |key, input, errors| {
            match key.to_string().as_str() {
                "name" => given.name.fill(key, options::text(input, key)?, errors),
                "strategy" => given.strategy.fill(key, options::word(input, key, STRATEGIES)?, errors),
                "intensity" => given.intensity.fill(key, intensity(input, key)?, errors),
                "period" => given.period.fill(key, options::duration(input, key)?, errors),
                "auto_shutdown" => {
                    given.auto_shutdown.fill(key, options::word(input, key, AUTO_SHUTDOWNS)?, errors);
                }
                _ => given.root.fill(key, options::root_path(input, key)?, errors),
            }
            Ok(())
        });
        given
    }
}

/// The options of `#[child(..)]`, as given.
#[derive(Default)]
pub(super) struct ChildOptions {
    pub(super) args: Slot<Vec<Arg>>,
    pub(super) name: Slot<LitStr>,
    pub(super) restart: Slot<Restart>,
    pub(super) shutdown: Slot<Shutdown>,
    pub(super) significant: Slot<()>,
    pub(super) backoff: Slot<Backoff>,
    pub(super) registered: Slot<LitStr>,
    pub(super) intensity: Slot<u32>,
    pub(super) period: Slot<Millis>,
    pub(super) each: Slot<Path>,
    pub(super) escalate: Slot<()>,
    pub(super) max_given_up: Slot<u16>,
}

impl ChildOptions {
    /// Reads the options, with `self_ty` written for `Self`. An option with a mistake leaves its
    /// slot empty.
    pub(super) fn parse(tokens: TokenStream, self_ty: &TokenStream, errors: &mut Errors) -> Self {
        let mut given = Self::default();
        options::read_list(tokens, "child", options::CHILD, errors, |key, input, errors| {
            match key.to_string().as_str() {
                "args" => given.args.fill(key, args(input, key, self_ty)?, errors),
                "name" => given.name.fill(key, options::text(input, key)?, errors),
                "restart" => given.restart.fill(key, Restart::parse(input, key)?, errors),
                "shutdown" => given.shutdown.fill(key, Shutdown::parse(input, key)?, errors),
                "significant" => given.significant.fill(key, (), errors),
                "backoff" => given.backoff.fill(key, Backoff::parse(input, key)?, errors),
                "registered" => given.registered.fill(key, options::text(input, key)?, errors),
                "intensity" => given.intensity.fill(key, intensity(input, key)?, errors),
                "period" => given.period.fill(key, options::duration(input, key)?, errors),
                "each" => given.each.fill(key, options::function(input, key)?, errors),
                "escalate" => given.escalate.fill(key, (), errors),
                _ => {
                    let keys = options::count_from(0, input, key, "`max_given_up = 100`")?;
                    given.max_given_up.fill(key, keys, errors);
                }
            }
            Ok(())
        });
        given
    }
}

/// As in OTP, an intensity of 0 allows no restart.
fn intensity(input: ParseStream<'_>, key: &Ident) -> syn::Result<u32> {
    options::count_from(0, input, key, "`intensity = 10`")
}

/// Reads `(name: Type, name = other_name: Type, name = field.field, ..)`.
fn args(input: ParseStream<'_>, key: &Ident, self_ty: &TokenStream) -> syn::Result<Vec<Arg>> {
    let listed;
    let parentheses = syn::parenthesized!(listed in input);
    if listed.is_empty() {
        let problem = format_args!(
            "`{key}` are empty: write `{key}(name: Type)` or `{key}(name = field)`, or leave them out"
        );
        return Err(syn::Error::new(parentheses.span.join(), problem));
    }
    let args = arg_list(&listed, self_ty);
    // The rest after a mistake is skipped, so that it causes no second error.
    let _rest: TokenStream = listed.parse()?;
    args
}

fn arg_list(input: ParseStream<'_>, self_ty: &TokenStream) -> syn::Result<Vec<Arg>> {
    let mut args = Vec::new();
    while !input.is_empty() {
        args.push(arg(input, self_ty)?);
        if !input.is_empty() && !input.peek(Token![,]) {
            let what = match args.last() {
                Some(Arg { from: From::Tree(_), .. }) => "handle",
                _ => "type",
            };
            return Err(
                input.error(format_args!("unexpected token after the {what}: separate arguments with `,`"))
            );
        }
        let _: Option<Token![,]> = input.parse()?;
    }
    Ok(args)
}

fn arg(input: ParseStream<'_>, self_ty: &TokenStream) -> syn::Result<Arg> {
    let place = input.span();
    let form = "write `name: Type`, or `name = field`";
    let Ok(name) = input.parse::<Ident>() else {
        let problem = format_args!("an argument has a name, and a type or a handle of this tree: {form}");
        return Err(syn::Error::new(place, problem));
    };
    if input.peek(Token![=]) {
        let _: Token![=] = input.parse()?;
        let path = path_in_the_tree(input, &name)?;
        let colon: Option<Token![:]> = input.parse()?;
        let from = match path.as_slice() {
            [given] if colon.is_some() => From::Caller(given.clone(), ty(input, self_ty)?),
            _ => From::Tree(path),
        };
        return Ok(Arg { name, from });
    }
    let colon: Option<Token![:]> = input.parse()?;
    if colon.is_none() || input.is_empty() {
        // The name looks like a type, so the argument has no name.
        let is_type = crate::tokens::is_plain(&quote::quote!(#name))
            || name.to_string().starts_with(char::is_uppercase);
        let problem = if is_type {
            format!("an argument has a name and a type: write `name: {name}`")
        } else {
            format!(
                "the argument `{name}` has neither a type nor a handle: write `{name}: Type`, and the caller of `start` \
                 gives it, or `{name} = field`, and it is the handle of that child"
            )
        };
        return Err(syn::Error::new(name.span(), problem));
    }
    let from = From::Caller(name.clone(), ty(input, self_ty)?);
    Ok(Arg { name, from })
}

fn ty(input: ParseStream<'_>, self_ty: &TokenStream) -> syn::Result<TokenStream> {
    let ty: Type = input.parse()?;
    Ok(crate::tokens::replace_self(ty, self_ty))
}

/// Reads `ledger` or `shop.stock`.
fn path_in_the_tree(input: ParseStream<'_>, name: &Ident) -> syn::Result<Vec<Ident>> {
    let place = input.span();
    let problem = || {
        syn::Error::new(
            place,
            format_args!(
                "`{name}` is the handle of a child of this tree: write the child's field, as in `{name} = ledger` or \
                 `{name} = shop.stock`, or `{name}: Type` for a value that the caller of `start` gives"
            ),
        )
    };
    let mut path = Vec::new();
    loop {
        path.push(input.call(Ident::parse_any).map_err(|_| problem())?);
        if input.parse::<Option<Token![.]>>()?.is_none() {
            break;
        }
    }
    let is_named_for_start = path.len() == 1 && input.peek(Token![:]) && !input.peek(Token![::]);
    if !input.is_empty() && !input.peek(Token![,]) && !is_named_for_start {
        return Err(problem());
    }
    Ok(path)
}
