//! The syntax of an impl block. Bodies stay tokens, so that a half-typed body breaks nothing, and
//! syn's `full` feature is not needed.

use proc_macro2::{Ident, TokenStream, TokenTree};
use syn::ext::IdentExt;
use syn::parse::discouraged::Speculative;
use syn::parse::{ParseStream, Parser};
use syn::{Attribute, Generics, Path, Token, Type, WhereClause, braced};

use super::signature::{self, Method};
use super::vocabulary::is_mark;
use crate::diagnostics::Errors;
use crate::tokens::is_brace;

/// `impl<K> Counter<K> where .. { .. }`, as written.
pub(super) struct Block {
    pub(super) attrs: Vec<Attribute>,
    /// With the `where` clause.
    pub(super) generics: Generics,
    pub(super) self_ty: Type,
    pub(super) methods: Vec<Method>,
}

/// Reads the block. A method that does not parse costs only itself.
pub(super) fn parse(item: TokenStream, errors: &mut Errors) -> Option<Block> {
    let read = |input: ParseStream<'_>| parse_block(input, errors);
    match read.parse2(item) {
        Ok(block) => Some(block),
        Err(error) => {
            errors.push(error);
            None
        }
    }
}

fn parse_block(input: ParseStream<'_>, errors: &mut Errors) -> syn::Result<Block> {
    let attrs = input.call(Attribute::parse_outer)?;
    if !input.peek(Token![impl]) {
        let hint = if input.peek(Token![unsafe]) || input.peek(Token![trait]) { "" } else { " of a worker" };
        return Err(input.error(format_args!(
            "`#[handlers]` goes on an impl block{hint}: write `#[handlers] impl Counter {{ .. }}`"
        )));
    }
    let _: Token![impl] = input.parse()?;
    let mut generics: Generics = input.parse()?;
    let self_ty: Type = input.parse()?;
    if input.peek(Token![for]) {
        return Err(input.error(
            "`#[handlers]` goes on a worker's own impl block, because handlers are no trait's methods: write \
             `impl Counter { .. }`",
        ));
    }
    generics.where_clause = input.parse::<Option<WhereClause>>()?;
    let body;
    braced!(body in input);
    let _: Vec<Attribute> = body.call(Attribute::parse_inner)?;
    let mut methods = Vec::new();
    while !body.is_empty() {
        match parse_item(&body) {
            Ok(method) => methods.extend(method),
            Err(error) => errors.push(error),
        }
    }
    Ok(Block { attrs, generics, self_ty, methods })
}

/// Reads one item of the block; `None` if it is no function, or is skipped. Consumes the item even
/// if it returns an error.
fn parse_item(input: ParseStream<'_>) -> syn::Result<Option<Method>> {
    let attrs = input.call(Attribute::parse_outer).inspect_err(|_| skip_item(input))?;
    if let Some(path) = macro_call(input) {
        skip_item(input);
        let shown = quote::quote!(#path).to_string().replace(' ', "");
        return Err(syn::Error::new_spanned(
            path,
            format_args!(
                "`{shown}!` is expanded after `#[handlers]`, which sees no method that it writes: write the method out, or \
                 call the macro in an impl block without `#[handlers]`"
            ),
        ));
    }
    if !is_function(input) {
        skip_item(input);
        return match attrs.iter().find(|attribute| is_mark(attribute)) {
            Some(marker) => Err(syn::Error::new_spanned(
                &marker.meta,
                "this attribute goes on a method, and what is no method needs no mark: remove it",
            )),
            None => Ok(None),
        };
    }
    let ahead = input.fork();
    match signature::parse(attrs, &ahead) {
        Ok(method) => {
            input.advance_to(&ahead);
            Ok(Some(method))
        }
        Err((attrs, error)) => {
            skip_item(input);
            if attrs.iter().any(|attribute| attribute.path().is_ident("skip")) {
                Ok(None)
            } else {
                Err(error)
            }
        }
    }
}

/// The path of a macro call that stands for items.
fn macro_call(input: ParseStream<'_>) -> Option<Path> {
    let ahead = input.fork();
    let path = ahead.call(Path::parse_mod_style).ok()?;
    ahead.peek(Token![!]).then_some(path)
}

/// Whether a visibility and qualifiers are followed by `fn`.
fn is_function(input: ParseStream<'_>) -> bool {
    let ahead = input.fork();
    if ahead.parse::<syn::Visibility>().is_err() {
        return false;
    }
    while let Ok(word) = Ident::parse_any(&ahead) {
        match word.to_string().as_str() {
            "fn" => return true,
            "default" | "const" | "async" | "unsafe" | "safe" => {}
            "extern" => {
                let _name = ahead.parse::<syn::LitStr>();
            }
            _ => return false,
        }
    }
    false
}

/// Consumes an item: up to its `;`, or to its braces if neither a value nor a bound can follow
/// them.
fn skip_item(input: ParseStream<'_>) {
    let valued = [
        input.peek(Token![type]),
        input.peek(Token![static]),
        input.peek(Token![const]) && !is_function(input),
    ]
    .contains(&true);
    while !input.is_empty() {
        match input.parse::<TokenTree>() {
            Ok(TokenTree::Punct(end)) if end.as_char() == ';' => return,
            Ok(token) if is_brace(&token) && !valued => return,
            Ok(_) => {}
            Err(_) => return,
        }
    }
}
