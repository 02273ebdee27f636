//! The options of the attributes: one table for each attribute, which feeds parsing, suggestions
//! and the test that the reference docs list exactly these options. Values are read here, too, into
//! slots that notice an option that is given twice.

use std::fmt::Display;

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::{LitInt, LitStr, Path, Token};

use crate::diagnostics::{Errors, alternatives, suggestion};

/// One option: its key; an example of its value (empty for a bare word, in parentheses if the value
/// has no `=`); and its default, in words.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) key: &'static str,
    pub(crate) value: &'static str,
    pub(crate) default: &'static str,
}

/// The options of `#[heir(..)]`.
pub(crate) const HEIR: &[Known] = &[
    Known { key: "name", value: "\"text\"", default: "the name of the struct" },
    Known { key: "registered", value: "\"text\"", default: "not registered" },
    Known { key: "restart", value: "permanent", default: "`permanent`" },
    Known { key: "shutdown", value: "\"5s\"", default: "`\"5s\"`" },
    Known { key: "backoff", value: "\"100ms\"", default: "`none`" },
    Known { key: "mailbox", value: "64", default: "`64`" },
    Known { key: "start_timeout", value: "\"60s\"", default: "`\"60s\"`" },
    Known { key: "handler_timeout", value: "\"5s\"", default: "none" },
    Known { key: "heartbeat", value: "\"1s\"", default: "none" },
    Known { key: "crash_loop", value: "5", default: "`5`" },
    Known { key: "quarantine", value: "stop", default: "`stop`" },
    Known { key: "max_quarantined", value: "8", default: "`8`" },
    Known { key: "tables", value: "CounterTables", default: "tables of its own" },
    Known { key: "survives", value: "process", default: "`task`" },
    Known { key: "while_down", value: "wait", default: "`wait`" },
    Known { key: "on_undelivered", value: "path", default: "no hook" },
    Known { key: "crate", value: "::heir_runtime", default: "`::heir_runtime`" },
];

/// The options of `#[supervisor(..)]`.
pub(crate) const SUPERVISOR: &[Known] = &[
    Known { key: "name", value: "\"text\"", default: "the name of the struct" },
    Known { key: "strategy", value: "one_for_one", default: "`one_for_one`" },
    Known { key: "intensity", value: "10", default: "`10`" },
    Known { key: "period", value: "\"10s\"", default: "`\"10s\"`" },
    Known { key: "auto_shutdown", value: "never", default: "`never`" },
    Known { key: "crate", value: "::heir_runtime", default: "`::heir_runtime`" },
];

/// The options of `#[child(..)]`.
pub(crate) const CHILD: &[Known] = &[
    Known { key: "args", value: "(name: Type)", default: "no arguments" },
    Known { key: "name", value: "\"text\"", default: "the name of the field" },
    Known { key: "restart", value: "transient", default: "what the child says itself" },
    Known { key: "shutdown", value: "\"5s\"", default: "what the child says itself" },
    Known { key: "significant", value: "", default: "" },
    Known { key: "backoff", value: "\"100ms\"", default: "what the child says itself" },
    Known { key: "registered", value: "\"text\"", default: "what the worker says itself" },
    Known { key: "intensity", value: "10", default: "what the branch says itself" },
    Known { key: "period", value: "\"10s\"", default: "what the branch says itself" },
    Known { key: "each", value: "path", default: "no function" },
    Known { key: "escalate", value: "", default: "" },
    Known { key: "max_given_up", value: "100", default: "`100`" },
];

/// The options of `#[handlers(..)]`.
pub(crate) const HANDLERS: &[Known] =
    &[Known { key: "crate", value: "::heir_runtime", default: "`::heir_runtime`" }];

/// The options of `#[every(..)]`, after its period.
pub(crate) const EVERY: &[Known] = &[Known { key: "missed", value: "skip", default: "`skip`" }];

/// The words of `#[table(..)]`.
pub(crate) const TABLE: &[Known] = &[
    Known { key: "keep", value: "", default: "" },
    Known { key: "rollback", value: "", default: "" },
    Known { key: "init", value: "expr", default: "the `Default` of the type, or no rows" },
    Known { key: "survives", value: "task", default: "what the worker says" },
];

/// The value of one option, with the span of its key for errors.
#[derive(Debug)]
pub(crate) struct Slot<T> {
    given: Option<(Span, T)>,
}

impl<T> Default for Slot<T> {
    fn default() -> Self {
        Self { given: None }
    }
}

impl<T> Slot<T> {
    /// Fills the slot. If it is full, that is an error at both keys.
    pub(crate) fn fill(&mut self, key: &Ident, value: T, errors: &mut Errors) {
        if let Some((first, _)) = self.given {
            errors.conflict(
                first,
                format_args!("`{key}` is first given here"),
                key.span(),
                format_args!("`{key}` is given twice: keep one of them"),
            );
        } else {
            self.given = Some((key.span(), value));
        }
    }

    pub(crate) fn key_span(&self) -> Option<Span> {
        self.given.as_ref().map(|(span, _)| *span)
    }

    pub(crate) fn value(&self) -> Option<&T> {
        self.given.as_ref().map(|(_, value)| value)
    }

    pub(crate) fn into_value(self) -> Option<T> {
        self.given.map(|(_, value)| value)
    }
}

/// Reads `key = value, word, ..`. Looks up each key in `known`, consumes the `=`, and calls `read`,
/// which parses the value. A mistake in one option costs only that option.
pub(crate) fn read_list(
    tokens: TokenStream,
    attribute: &str,
    known: &[Known],
    errors: &mut Errors,
    mut read: impl FnMut(&Ident, ParseStream<'_>, &mut Errors) -> syn::Result<()>,
) {
    let all = |input: ParseStream<'_>| {
        while !input.is_empty() {
            if let Err(error) = read_one(input, attribute, known, errors, &mut read) {
                errors.push(error);
                skip_to_comma(input);
            }
            if !input.is_empty() && !input.peek(Token![,]) {
                errors.at(input.span(), "unexpected token after the value: separate options with `,`");
                skip_to_comma(input);
            }
            let _: Option<Token![,]> = input.parse()?;
        }
        Ok(())
    };
    if let Err(error) = all.parse2(tokens) {
        errors.push(error);
    }
}

fn read_one(
    input: ParseStream<'_>,
    attribute: &str,
    known: &[Known],
    errors: &mut Errors,
    read: &mut impl FnMut(&Ident, ParseStream<'_>, &mut Errors) -> syn::Result<()>,
) -> syn::Result<()> {
    let keys: Vec<&str> = known.iter().map(|known| known.key).collect();
    let Ok(key) = Ident::parse_any(input) else {
        let list = alternatives(&keys);
        return Err(input.error(format_args!("expected an option of `#[{attribute}]`: write {list}")));
    };
    let name = key.to_string();
    let Some(option) = known.iter().find(|known| known.key == name) else {
        let hint = elsewhere(&name, attribute, &keys).unwrap_or_else(|| suggestion(&name, &keys));
        return Err(syn::Error::new(
            key.span(),
            format_args!("unknown option `{name}` of `#[{attribute}]`: {hint}"),
        ));
    };
    if option.value.is_empty() {
        if input.peek(Token![=]) || input.peek(syn::token::Paren) {
            return Err(input.error(format_args!("`{name}` takes no value: write the bare word")));
        }
    } else if !has_value(input, option)? {
        let Known { value, default, .. } = option;
        let equals = if value.starts_with('(') { "" } else { " = " };
        let has_other_form = input.peek(Token![:]) || input.peek(syn::token::Paren);
        let problem =
            if has_other_form && !equals.is_empty() { "has its value after a `=`" } else { "needs a value" };
        return Err(syn::Error::new(
            key.span(),
            format_args!("`{name}` {problem}: write `{name}{equals}{value}`, or leave it out for {default}"),
        ));
    }
    read(&key, input, errors)
}

/// What to write instead of an option that this attribute does not have, if it is a value without
/// its key, or an option of another attribute.
fn elsewhere(name: &str, attribute: &str, keys: &[&str]) -> Option<String> {
    const VALUES: &[(&str, &str)] = &[
        ("permanent", "restart"),
        ("transient", "restart"),
        ("temporary", "restart"),
        ("brutal_kill", "shutdown"),
        ("one_for_one", "strategy"),
        ("one_for_all", "strategy"),
        ("rest_for_one", "strategy"),
        ("task", "survives"),
        ("process", "survives"),
    ];
    if let Some((value, key)) = VALUES.iter().find(|(value, key)| *value == name && keys.contains(key)) {
        return Some(format!("write `{key} = {value}`"));
    }
    let owners =
        [("heir", HEIR), ("supervisor", SUPERVISOR), ("child", CHILD), ("table", TABLE), ("every", EVERY)];
    let owner = owners
        .iter()
        .find(|(owner, known)| *owner != attribute && known.iter().any(|known| known.key == name));
    owner.map(|(owner, _)| {
        let place = match *owner {
            "heir" => "`#[heir(..)]`, on the worker's struct",
            "supervisor" => "`#[supervisor(..)]`, on the tree's struct",
            "child" => "`#[child(..)]`, on a field of a supervisor",
            "every" => "`#[every(..)]`, on a handler of a worker",
            _ => "`#[table(..)]`, on a field of a worker",
        };
        format!("it is one of {place}")
    })
}

/// Whether a value follows. Consumes the `=` before it.
fn has_value(input: ParseStream<'_>, option: &Known) -> syn::Result<bool> {
    if option.value.starts_with('(') {
        return Ok(input.peek(syn::token::Paren));
    }
    let equals: Option<Token![=]> = input.parse()?;
    Ok(equals.is_some() && !input.is_empty() && !input.peek(Token![,]))
}

fn skip_to_comma(input: ParseStream<'_>) {
    while !input.is_empty() && !input.peek(Token![,]) {
        // While the input is not empty, a token tree parses.
        if input.parse::<TokenTree>().is_err() {
            break;
        }
    }
}

/// Reads one of `words`, without quotes.
pub(crate) fn word<T: Copy>(input: ParseStream<'_>, key: &Ident, words: &[(&str, T)]) -> syn::Result<T> {
    let names: Vec<&str> = words.iter().map(|(name, _)| *name).collect();
    if input.peek(LitStr) {
        let text: LitStr = input.parse()?;
        let value = text.value();
        let hint = if names.contains(&value.as_str()) {
            format!("write `{key} = {value}`")
        } else {
            suggestion(&value, &names)
        };
        return Err(syn::Error::new(text.span(), format_args!("`{key}` is a word without quotes: {hint}")));
    }
    let Ok(given) = Ident::parse_any(input) else {
        let list = alternatives(&names);
        return Err(input.error(format_args!("`{key}` is one of a few words: write {list}")));
    };
    let name = given.to_string();
    let value = words.iter().find(|(word, _)| *word == name).map(|(_, value)| *value);
    value.ok_or_else(|| {
        let hint = suggestion(&name, &names);
        syn::Error::new(given.span(), format_args!("unknown value `{name}` of `{key}`: {hint}"))
    })
}

/// Reads a string that is not empty.
pub(crate) fn text(input: ParseStream<'_>, key: &Ident) -> syn::Result<LitStr> {
    if !input.peek(LitStr) {
        return Err(input.error(format_args!("`{key}` is a text: write it in quotes, `{key} = \"text\"`")));
    }
    let text: LitStr = input.parse()?;
    if text.value().is_empty() {
        return Err(syn::Error::new(
            text.span(),
            format_args!("`{key}` is empty: write a text, or leave the option out"),
        ));
    }
    Ok(text)
}

/// Reads a count of at least one. `form` shows in the error how the option is written.
pub(crate) fn count<N: Count>(input: ParseStream<'_>, key: &Ident, form: &str) -> syn::Result<N> {
    count_from(1, input, key, form)
}

/// Reads a count of at least `least`.
pub(crate) fn count_from<N: Count>(
    least: u64,
    input: ParseStream<'_>,
    key: &Ident,
    form: &str,
) -> syn::Result<N> {
    if !input.peek(LitInt) && !input.peek(Token![-]) {
        return Err(input.error(format_args!("`{key}` is a number: write {form}")));
    }
    let count: LitInt = input.parse()?;
    let value = count.base10_parse::<u64>().ok().filter(|value| *value >= least);
    let of_type = count.suffix().is_empty() || count.suffix() == N::NAME;
    value.filter(|_| of_type).and_then(|value| N::try_from(value).ok()).ok_or_else(|| {
        syn::Error::new(
            count.span(),
            format_args!("`{count}` is out of range for `{key}`: write a number from {least} to {}", N::MAX),
        )
    })
}

/// An integer type of counts.
pub(crate) trait Count: TryFrom<u64> {
    const NAME: &'static str;
    const MAX: u64;
}

impl Count for u16 {
    const NAME: &'static str = "u16";
    const MAX: u64 = Self::MAX as u64;
}

impl Count for u32 {
    const NAME: &'static str = "u32";
    const MAX: u64 = Self::MAX as u64;
}

/// Reads the path of the runtime. It must hold wherever the generated code stands.
pub(crate) fn root_path(input: ParseStream<'_>, key: &Ident) -> syn::Result<Path> {
    not_quoted(input, key)?;
    let path = input.call(Path::parse_mod_style)?;
    let first = path.segments.first().map(|segment| segment.ident.to_string());
    if path.leading_colon.is_some() || matches!(first.as_deref(), Some("crate" | "$crate")) {
        return Ok(path);
    }
    let shown = quote::quote!(#path).to_string().replace(' ', "");
    Err(syn::Error::new_spanned(
        &path,
        format_args!("`{shown}` depends on where it is written: start the path with `::` or `crate`"),
    ))
}

/// Reads the path of a type. `form` shows in the error how the option is written.
pub(crate) fn path(input: ParseStream<'_>, key: &Ident, form: &str) -> syn::Result<Path> {
    not_quoted(input, key)?;
    let place = input.span();
    input.parse().map_err(|_| syn::Error::new(place, format_args!("`{key}` is a path: write {form}")))
}

fn not_quoted(input: ParseStream<'_>, key: &Ident) -> syn::Result<()> {
    if !input.peek(LitStr) {
        return Ok(());
    }
    let text: LitStr = input.parse()?;
    let problem = format_args!("`{key}` is a path without quotes: write `{key} = {}`", text.value());
    Err(syn::Error::new(text.span(), problem))
}

/// Reads the path of a function, as seen from the attribute.
pub(crate) fn function(input: ParseStream<'_>, key: &Ident) -> syn::Result<Path> {
    not_quoted(input, key)?;
    let place = input.span();
    let problem = format_args!("`{key}` is the path of a function: write `{key} = path::to::it`");
    input.parse().map_err(|_| syn::Error::new(place, problem))
}

/// A length of time, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Millis(pub(crate) u64);

/// The units of a length of time, with their milliseconds.
const UNITS: &[(&str, u64)] = &[("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000)];

/// Reads a length of time: `"250ms"`, `"10s"`, `"5m"`, `"1h"`.
pub(crate) fn duration(input: ParseStream<'_>, key: &Ident) -> syn::Result<Millis> {
    if !input.peek(LitInt) && !input.peek(LitStr) {
        return Err(input.error(format_args!("`{key}` is a length of time: write `{key} = \"10s\"`")));
    }
    duration_in(input, |value| format!("{key} = {value}"))
}

/// Reads a length of time. `form` is how a value is written where this one stands.
pub(crate) fn duration_in(input: ParseStream<'_>, form: impl Fn(&str) -> String) -> syn::Result<Millis> {
    if input.peek(LitInt) {
        let number: LitInt = input.parse()?;
        let (given, with_unit) =
            (form(&number.to_string()), form(&format!("\"{}s\"", number.base10_digits())));
        return Err(syn::Error::new(
            number.span(),
            format_args!("`{given}` has no unit: write a text such as `{with_unit}`"),
        ));
    }
    let text: LitStr = input.parse()?;
    parse_duration(&text.value()).map_err(|reason| {
        syn::Error::new(text.span(), format_args!("`{}` is no length of time: {reason}", text.value()))
    })
}

fn parse_duration(text: &str) -> Result<Millis, String> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let example = "write a number and a unit, such as `\"250ms\"`, `\"10s\"`, `\"5m\"` or `\"1h\"`";
    if number.is_empty() {
        return Err(example.into());
    }
    if unit.is_empty() {
        return Err(format!(
            "the unit is missing: write `\"{number}ms\"`, `\"{number}s\"`, `\"{number}m\"` or `\"{number}h\"`"
        ));
    }
    let Some((_, factor)) = UNITS.iter().find(|(name, _)| *name == unit) else {
        return Err(format!("`{unit}` is not a unit: {example}"));
    };
    let millis = number.parse::<u64>().ok().and_then(|number| number.checked_mul(*factor));
    match millis {
        None => Err(format!("it is too long: write at most `\"{}ms\"`", u64::MAX)),
        Some(0) => Err(format!("it is zero: {example}")),
        Some(millis) => Ok(Millis(millis)),
    }
}

/// Reports arguments of an attribute that takes none.
pub(crate) fn require_bare(attribute: &syn::Attribute, name: impl Display, errors: &mut Errors) {
    if !matches!(attribute.meta, syn::Meta::Path(_)) {
        errors.on(&attribute.meta, format_args!("`#[{name}]` takes no arguments: write `#[{name}]`"));
    }
}

#[cfg(test)]
#[path = "tests/options.rs"]
mod tests;
