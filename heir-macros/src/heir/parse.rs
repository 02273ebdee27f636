//! From the derive's input to the model. Each field and each option is read by itself, so that one
//! mistake hides no other.

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::parse::{ParseStream, Parser};
use syn::{Attribute, DeriveInput, Expr, Token};

use super::model::{Field, Kind, Options, Restored, Worker};
use super::survives::Said;
use crate::attached::HEIR;
use crate::diagnostics::Errors;
use crate::options::{self, Slot};
use crate::tokens::{
    allowed, arguments, attributes, default_root, find, generated, generics_without_self, is_concrete,
    mentions, replace_self, with_lifetime,
};

/// Reads the whole struct; `None` if it has no named fields.
pub(super) fn worker<'a>(input: &'a DeriveInput, errors: &mut Errors) -> Option<Worker<'a>> {
    let options = read_options(input, errors);
    HEIR.of_fields(input, errors);
    let fields = HEIR.fields(input, errors)?;
    let (_, type_generics, _) = input.generics.split_for_impl();
    let ident = generated(&input.ident, input.ident.span());
    let self_ty = quote!(#ident #type_generics);
    Some(Worker {
        root: options.root.value().cloned().unwrap_or_else(default_root),
        vis: &input.vis,
        written_ident: &input.ident,
        ident,
        generics: generics_without_self(&input.generics, &self_ty),
        packed: packed(input),
        has_table_on_top: attributes(&input.attrs, "table").next().is_some(),
        allowed: allowed(&input.attrs, fields.iter().map(|field| field.attrs.as_slice())),
        deprecated: attributes(&input.attrs, "deprecated").collect(),
        options,
        fields: fields.into_iter().filter_map(|field| read_field(field, input, &self_ty, errors)).collect(),
    })
}

fn packed(input: &DeriveInput) -> Option<Span> {
    let words = attributes(&input.attrs, "repr").filter_map(|attribute| arguments(attribute).ok()).flatten();
    words.into_iter().find_map(|word| match word {
        TokenTree::Ident(word) if word == "packed" => Some(word.span()),
        _ => None,
    })
}

fn read_options(input: &DeriveInput, errors: &mut Errors) -> Options {
    let mut given = attributes(&input.attrs, "__heir");
    let first = given.next();
    if let (Some(first), Some(second)) = (first, given.next()) {
        let place = |attribute: &Attribute| attribute.pound_token.span;
        errors.conflict(
            place(first),
            "`#[heir]` is first given here",
            place(second),
            "`#[heir]` is given twice: put all options into one",
        );
    }
    let tokens = first.map(arguments).transpose().unwrap_or_default();
    Options::parse(tokens.unwrap_or_default(), errors)
}

fn read_field<'a>(
    field: &'a syn::Field,
    input: &DeriveInput,
    self_ty: &TokenStream,
    errors: &mut Errors,
) -> Option<Field<'a>> {
    for attribute in attributes(&field.attrs, "child") {
        errors.on(
            attribute.path(),
            "`#[child]` is for a field of a `#[supervisor]`, whose children are its fields: a worker has none",
        );
    }
    let ty = replace_self(with_lifetime(&field.ty), self_ty);
    let mistakes = errors.len();
    let kind = read_kind(&field.attrs, errors);
    Some(Field {
        ident: field.ident.as_ref()?,
        vis: &field.vis,
        docs: attributes(&field.attrs, "doc").collect(),
        written_ty: &field.ty,
        is_concrete: is_concrete(&ty, &input.generics),
        ty,
        is_mistaken: errors.len() > mistakes,
        kind,
    })
}

/// Reads a field's kind from its one attribute of ours.
fn read_kind(attrs: &[Attribute], errors: &mut Errors) -> Kind {
    let mut markers = attrs
        .iter()
        .filter(|attribute| ["table", "arg", "fresh"].iter().any(|name| attribute.path().is_ident(name)));
    let Some(marker) = markers.next() else {
        return Kind::Fresh { with: None };
    };
    for other in markers {
        let (first, second) = (marker.path().to_token_stream(), other.path().to_token_stream());
        errors.on(second, "a field has one kind, and this one has two: keep one of the attributes");
        errors.on(first, "the field's first kind is given here");
    }
    if marker.path().is_ident("table") {
        read_table(marker, errors)
    } else if marker.path().is_ident("arg") {
        options::require_bare(marker, "arg", errors);
        Kind::Arg
    } else {
        read_fresh(marker, errors)
    }
}

/// Reads `#[table]`, `#[table(keep)]`, `#[table(rollback, init = expr, survives = task)]`.
fn read_table(marker: &Attribute, errors: &mut Errors) -> Kind {
    let mistakes = errors.len();
    let tokens = arguments(marker).unwrap_or_else(|error| {
        errors.push(error);
        TokenStream::new()
    });
    let (mut keep, mut rollback, mut init) = (Slot::default(), Slot::default(), Slot::default());
    let mut survives = Slot::default();
    options::read_list(tokens, "table", options::TABLE, errors, |key, input, errors| {
        match key.to_string().as_str() {
            "keep" => keep.fill(key, (), errors),
            "rollback" => rollback.fill(key, (), errors),
            "survives" => {
                survives.fill(key, Said::parse(input, key, "`survives = task`, or leave it out")?, errors);
            }
            _ => init.fill(key, init_expr(input)?, errors),
        }
        Ok(())
    });
    let restored = match (keep.key_span(), rollback.key_span()) {
        (Some(keep), Some(rollback)) => {
            errors.conflict(
                keep,
                "`keep` hands the table over as the crash left it",
                rollback,
                "`rollback` restores the table, `keep` does not: write one of them",
            );
            Restored::AsItIs
        }
        (Some(_), None) => Restored::AsItIs,
        (None, Some(_)) => Restored::BeforeTheMessage,
        // After a mistake the meaning is unknown. `keep` asks least of the type, so it adds no
        // errors.
        (None, None) if errors.len() > mistakes => Restored::AsItIs,
        (None, None) => Restored::ByItsRecord,
    };
    let word = keep.key_span().or(rollback.key_span());
    let (init, survives) = (init.into_value(), survives.into_value());
    Kind::Table { restored, word, init, survives }
}

/// Reads an expression up to the comma that ends it. Generics and closures contain commas, and
/// without its `full` feature syn parses only simple expressions. Any other expression is taken to
/// end at a comma that a word of the table follows.
fn init_expr(input: ParseStream<'_>) -> syn::Result<TokenStream> {
    let ahead = input.fork();
    let is_simple = ahead.parse::<Expr>().is_ok() && (ahead.is_empty() || ahead.peek(Token![,]));
    let rest = ahead.cursor();
    let mut expr = TokenStream::new();
    while !input.is_empty() && !if is_simple { input.cursor() == rest } else { at_next_word(input) } {
        expr.extend([input.parse::<TokenTree>()?]);
    }
    Ok(expr)
}

/// Whether a comma is next, and after it the end or a word of `#[table(..)]`.
fn at_next_word(input: ParseStream<'_>) -> bool {
    let ahead = input.fork();
    if ahead.parse::<Token![,]>().is_err() {
        return false;
    }
    let word = ahead.parse::<Ident>().ok();
    match word {
        None => ahead.is_empty(),
        Some(word) if word == "init" || word == "survives" => {
            ahead.peek(Token![=]) && !ahead.peek(Token![==])
        }
        Some(word) => (word == "keep" || word == "rollback") && (ahead.is_empty() || ahead.peek(Token![,])),
    }
}

/// Reads `#[fresh(expr)]`.
fn read_fresh(marker: &Attribute, errors: &mut Errors) -> Kind {
    let tokens = arguments(marker).unwrap_or_else(|error| {
        errors.push(error);
        TokenStream::new()
    });
    if tokens.is_empty() {
        if !matches!(marker.meta, syn::Meta::NameValue(_)) {
            errors.on(
                &marker.meta,
                "`#[fresh]` needs an expression: write `#[fresh(expr)]`, or no attribute for the type's `Default`",
            );
        }
        return Kind::Fresh { with: None };
    }
    let several = |input: ParseStream<'_>| {
        let simple = input.parse::<Expr>().is_ok();
        let comma = (simple && input.peek(Token![,])).then(|| input.span());
        let _rest: TokenStream = input.parse()?;
        Ok(comma)
    };
    waits_for_nothing(&tokens, errors);
    if let Ok(Some(comma)) = several.parse2(tokens.clone()) {
        errors.at(comma, "`#[fresh(expr)]` takes one expression: write a tuple, or one attribute a field");
    }
    Kind::Fresh { with: Some(tokens) }
}

/// Reports an `.await` outside of any `async` block, as far as the tokens tell.
fn waits_for_nothing(tokens: &TokenStream, errors: &mut Errors) {
    if mentions(tokens, "async") {
        return;
    }
    if let Some(place) = find(tokens, "await") {
        errors.at(
            place,
            "`#[fresh(..)]` is made at once, and cannot wait: make it in `#[on(start)]`, or as a table, whose `init` may wait",
        );
    }
}
