//! A type as text. A store keeps the text beside the rows of a table, and refuses rows that were written
//! under another: so it is the same however the type is written (white space, paths, commas at the end),
//! and depends on no compiler's way of printing tokens. To change it is to change what is in files.

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::{AngleBracketedGenericArguments, GenericArgument, Path, PathArguments, PathSegment};
use syn::{TraitBound, Type, TypeParamBound, TypePath};

use crate::tokens::{ungroup, visible};

/// As in `Table<String, Vec<u8>>`: of each path the last segment, one space after each comma.
pub(crate) fn type_text(ty: &TokenStream) -> String {
    syn::parse2(ty.clone()).map_or_else(|_| words(ty.clone()), |ty| text(&ty))
}

fn text(ty: &Type) -> String {
    match ungroup(ty) {
        Type::Path(TypePath { qself: None, path, .. }) => last_segment(path),
        Type::Path(TypePath { qself: Some(of), path, .. }) => {
            let (base, names) = (text(&of.ty), path.segments.iter().skip(of.position));
            let of_trait = path.segments.iter().take(of.position).next_back().map(segment);
            let base = of_trait.map_or_else(|| base.clone(), |name| format!("{base} as {name}"));
            names.fold(format!("<{base}>"), |path, name| format!("{path}::{}", segment(name)))
        }
        Type::Tuple(tuple) => {
            let elems = listed(tuple.elems.iter().map(text));
            if tuple.elems.len() == 1 { format!("({elems},)") } else { format!("({elems})") }
        }
        Type::Array(array) => format!("[{}; {}]", text(&array.elem), words(array.len.to_token_stream())),
        Type::Slice(slice) => format!("[{}]", text(&slice.elem)),
        Type::Reference(reference) => {
            let lifetime = reference.lifetime.as_ref().map(|lifetime| format!("{lifetime} "));
            let mutable = if reference.mutability.is_some() { "mut " } else { "" };
            format!("&{}{mutable}{}", lifetime.unwrap_or_default(), text(&reference.elem))
        }
        Type::TraitObject(object) => {
            let bounds: Vec<String> = object.bounds.iter().map(bound).collect();
            format!("dyn {}", bounds.join(" + "))
        }
        other => words(other.to_token_stream()),
    }
}

fn bound(bound: &TypeParamBound) -> String {
    match bound {
        TypeParamBound::Trait(TraitBound { lifetimes: None, maybe: None, path, .. }) => last_segment(path),
        TypeParamBound::Lifetime(lifetime) => lifetime.to_string(),
        other => words(other.to_token_stream()),
    }
}

fn last_segment(path: &Path) -> String {
    path.segments.last().map(segment).unwrap_or_default()
}

fn segment(PathSegment { ident, arguments, .. }: &PathSegment) -> String {
    let name = ident.unraw();
    match arguments {
        PathArguments::None => name.to_string(),
        PathArguments::AngleBracketed(arguments) => format!("{name}{}", angled(arguments)),
        PathArguments::Parenthesized(arguments) => format!("{name} {}", words(arguments.to_token_stream())),
    }
}

fn angled(arguments: &AngleBracketedGenericArguments) -> String {
    format!("<{}>", listed(arguments.args.iter().map(argument)))
}

fn argument(argument: &GenericArgument) -> String {
    match argument {
        GenericArgument::Type(ty) => text(ty),
        GenericArgument::Lifetime(lifetime) => lifetime.to_string(),
        GenericArgument::AssocType(item) => {
            let arguments = item.generics.as_ref().map(angled).unwrap_or_default();
            format!("{}{arguments} = {}", item.ident.unraw(), text(&item.ty))
        }
        other => words(other.to_token_stream()),
    }
}

fn listed(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join(", ")
}

/// The tokens with one space between any two, for what hardly any row has: a length that is computed, a
/// function.
fn words(tokens: TokenStream) -> String {
    let words = visible(tokens).into_iter().map(|token| match token {
        TokenTree::Ident(name) => name.unraw().to_string(),
        TokenTree::Group(group) => {
            let (open, close) = match group.delimiter() {
                Delimiter::Parenthesis => ("(", ")"),
                Delimiter::Brace => ("{", "}"),
                Delimiter::Bracket => ("[", "]"),
                Delimiter::None => ("", ""),
            };
            [open, &words(group.stream()), close].join(" ")
        }
        other => other.to_string(),
    });
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
#[path = "tests/type_text.rs"]
mod tests;
