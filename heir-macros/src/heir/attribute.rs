//! The attribute itself. It sees `cfg`s that are not evaluated yet, so it leaves the item as it is and only attaches
//! the derive: the struct survives every mistake, and the derive sees the fields that exist.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote};
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::{Attribute, Path, Visibility};

use crate::diagnostics::Errors;
use crate::heir::model::Options;
use crate::tokens::{default_root, is_named};

/// What the attribute must know about its item.
struct Item {
    attrs: Vec<Attribute>,
    vis: Visibility,
    keyword: Ident,
    rest: TokenStream,
}

/// Attaches the internal derive to a struct; re-emits anything else with an error.
///
/// ```text
/// #[derive(::heir_runtime::__private::Heir)]
/// #[__heir(restart = transient)]
/// pub struct Counter { .. }
/// ```
pub(crate) fn attach(options: &TokenStream, item: TokenStream) -> TokenStream {
    let mut errors = Errors::new();
    let root = root_of(options);
    let attached = match parse.parse2(item.clone()) {
        Ok(parsed) if parsed.keyword == "struct" => {
            let item = without_second(parsed, &mut errors);
            quote! {
                #[derive(#root::__private::Heir)]
                #[__heir(#options)]
                #item
            }
        }
        Ok(parsed) => {
            errors.at(parsed.keyword.span(), misplaced(&parsed.keyword));
            item
        }
        Err(_) => {
            errors.at(
                Span::call_site(),
                "`#[heir]` goes on a struct, because a worker's tables are its fields",
            );
            item
        }
    };
    let errors = errors.finish();
    quote!(#errors #attached)
}

fn parse(input: ParseStream<'_>) -> syn::Result<Item> {
    Ok(Item {
        attrs: input.call(Attribute::parse_outer)?,
        vis: input.parse()?,
        keyword: input.call(Ident::parse_any)?,
        rest: input.parse()?,
    })
}

fn misplaced(keyword: &Ident) -> String {
    let found = keyword.to_string();
    let hint = if found == "impl" { ": write `#[handlers]` on an impl block" } else { "" };
    format!("`#[heir]` goes on a struct, because a worker's tables are its fields; this is `{found}`{hint}")
}

/// The item; a second `#[heir]` on it is an error and left out, so that its expansion adds no more errors.
fn without_second(item: Item, errors: &mut Errors) -> TokenStream {
    let Item { attrs, vis, keyword, rest } = item;
    let (again, others): (Vec<_>, Vec<_>) =
        attrs.into_iter().partition(|attribute| is_named(attribute, "heir"));
    if let Some(second) = again.first() {
        errors.on(second.path(), "`#[heir]` is given twice: put all options into one");
        errors.at(Span::call_site(), "`#[heir]` is first given here");
    }
    let mut tokens = TokenStream::new();
    for attribute in others {
        attribute.to_tokens(&mut tokens);
    }
    tokens.extend(quote!(#vis #keyword #rest));
    tokens
}

/// The `crate = path` among the options; all else in them is the derive's to read, errors included.
fn root_of(options: &TokenStream) -> Path {
    let mut errors = Errors::new();
    let options = Options::parse(options.clone(), &mut errors);
    errors.discard();
    options.root.into_value().unwrap_or_else(default_root)
}
