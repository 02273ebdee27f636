//! The settings of a child that its supervisor acts on, given by `#[heir]`, `#[supervisor]` or
//! `#[child]`: reads them, and writes them as calls of the spec's methods.

use proc_macro2::{Delimiter, Group, Ident, Literal, TokenStream};
use quote::quote;
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::{LitStr, Path, Token};

use crate::options::{self, Millis};

/// When a supervisor restarts a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Restart {
    Permanent,
    Transient,
    Temporary,
}

/// How a supervisor stops a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shutdown {
    Within(Millis),
    BrutalKill,
}

/// How long a supervisor waits before it restarts a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Backoff {
    None,
    Fixed(Millis),
    Exponential { first: Millis, max: Millis },
}

const RESTARTS: &[(&str, Restart)] = &[
    ("permanent", Restart::Permanent),
    ("transient", Restart::Transient),
    ("temporary", Restart::Temporary),
];

impl Restart {
    pub(crate) fn parse(input: ParseStream<'_>, key: &Ident) -> syn::Result<Self> {
        options::word(input, key, RESTARTS)
    }

    /// `.restart(R::Restart::Transient)`
    pub(crate) fn call(self, root: &Path) -> TokenStream {
        let variant = match self {
            Self::Permanent => quote!(Permanent),
            Self::Transient => quote!(Transient),
            Self::Temporary => quote!(Temporary),
        };
        quote!(.restart(#root::Restart::#variant))
    }
}

impl Shutdown {
    pub(crate) fn parse(input: ParseStream<'_>, key: &Ident) -> syn::Result<Self> {
        let Some(word) = word(input, key, "brutal_kill")? else {
            return options::duration(input, key).map(Self::Within);
        };
        if word == "brutal_kill" {
            return Ok(Self::BrutalKill);
        }
        Err(unknown(&word, key, format_args!("`{key} = \"5s\"` or `{key} = brutal_kill`")))
    }

    /// `.shutdown(R::Shutdown::Timeout(::core::time::Duration::from_secs(30)))`
    pub(crate) fn call(self, root: &Path) -> TokenStream {
        match self {
            Self::BrutalKill => quote!(.shutdown(#root::Shutdown::BrutalKill)),
            Self::Within(limit) => {
                let limit = duration(limit);
                quote!(.shutdown(#root::Shutdown::Timeout(#limit)))
            }
        }
    }
}

impl Backoff {
    /// Reads `none`, `"100ms"` or `exponential("100ms", "10s")`.
    pub(crate) fn parse(input: ParseStream<'_>, key: &Ident) -> syn::Result<Self> {
        let Some(word) = word(input, key, "none")? else {
            return options::duration(input, key).map(Self::Fixed);
        };
        if word == "none" {
            Ok(Self::None)
        } else if word == "exponential" {
            exponential(input, &word)
        } else {
            let forms = format_args!(
                "`{key} = none`, `{key} = \"100ms\"` or `{key} = exponential(\"100ms\", \"10s\")`"
            );
            Err(unknown(&word, key, forms))
        }
    }

    /// `.backoff(R::Backoff::Fixed(::core::time::Duration::from_millis(100)))`
    pub(crate) fn call(self, root: &Path) -> TokenStream {
        let variant = match self {
            Self::None => quote!(None),
            Self::Fixed(pause) => {
                let pause = duration(pause);
                quote!(Fixed(#pause))
            }
            Self::Exponential { first, max } => {
                let (first, max) = (duration(first), duration(max));
                quote!(Exponential { first: #first, max: #max })
            }
        };
        quote!(.backoff(#root::Backoff::#variant))
    }
}

/// Reads the two pauses of `exponential(..)`.
fn exponential(input: ParseStream<'_>, word: &Ident) -> syn::Result<Backoff> {
    let form = "write `exponential(\"100ms\", \"10s\")`";
    let group = input.parse::<Group>().ok().filter(|group| group.delimiter() == Delimiter::Parenthesis);
    let Some(group) = group else {
        let problem = format_args!("`{word}` needs its first and its longest pause: {form}");
        return Err(syn::Error::new(word.span(), problem));
    };
    let pauses = |input: ParseStream<'_>| {
        let first = pause(input, word)?;
        let comma: Option<Token![,]> = input.parse()?;
        if comma.is_none() || input.is_empty() {
            return Err(syn::Error::new(
                word.span(),
                format_args!("`{word}` needs its longest pause, too: {form}"),
            ));
        }
        let max = pause(input, word)?;
        let _: Option<Token![,]> = input.parse()?;
        if !input.is_empty() {
            return Err(input.error(format_args!("`{word}` takes two lengths of time: {form}")));
        }
        Ok((first, max))
    };
    let ((first_text, first), (max_text, max)) = pauses.parse2(group.stream())?;
    if first.0 > max.0 {
        return Err(syn::Error::new(
            group.span(),
            format_args!(
                "the first pause is longer than the longest: write `{word}(\"{max_text}\", \"{first_text}\")`"
            ),
        ));
    }
    Ok(Backoff::Exponential { first, max })
}

/// Reads one pause; returns it with its text.
fn pause(input: ParseStream<'_>, word: &Ident) -> syn::Result<(String, Millis)> {
    if !input.peek(LitStr) {
        return Err(input.error(format_args!(
            "a pause of `{word}` is a length of time: write `{word}(\"100ms\", \"10s\")`"
        )));
    }
    let text: LitStr = input.fork().parse()?;
    Ok((text.value(), options::duration(input, word)?))
}

/// Reads a word, if one is next. `bare` is a word that takes no arguments, and that must not be
/// quoted.
fn word(input: ParseStream<'_>, key: &Ident, bare: &str) -> syn::Result<Option<Ident>> {
    if let Ok(text) = input.fork().parse::<LitStr>()
        && text.value() == bare
    {
        let problem = format_args!("`{bare}` is a word without quotes: write `{key} = {bare}`");
        return Err(syn::Error::new(text.span(), problem));
    }
    if input.peek(Ident::peek_any) { input.call(Ident::parse_any).map(Some) } else { Ok(None) }
}

fn unknown(word: &Ident, key: &Ident, forms: std::fmt::Arguments<'_>) -> syn::Error {
    syn::Error::new(word.span(), format_args!("unknown value `{word}` of `{key}`: write {forms}"))
}

/// `::core::time::Duration::from_secs(30)`
pub(crate) fn duration(Millis(millis): Millis) -> TokenStream {
    let (constructor, number) =
        if millis % 1000 == 0 { (quote!(from_secs), millis / 1000) } else { (quote!(from_millis), millis) };
    let number = Literal::u64_unsuffixed(number);
    quote!(::core::time::Duration::#constructor(#number))
}
