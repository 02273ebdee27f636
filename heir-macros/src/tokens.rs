//! Helpers on token streams that the attributes share.

use std::collections::HashSet;

use proc_macro2::{Delimiter, Group, Ident, Spacing, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::{
    Attribute, GenericArgument, GenericParam, Generics, Lifetime, MacroDelimiter, Path, PathArguments, Token,
    Type,
};

use crate::editions;

/// The path of the runtime if no `crate = path` is given.
pub(crate) fn default_root() -> Path {
    syn::parse_quote!(::heir_runtime)
}

/// The path with every token at the span `at`, so that an error about the item that it leads to is
/// reported there, and only there. Each token keeps its own hygiene.
pub(crate) fn path_at(path: &Path, at: Span) -> TokenStream {
    let tokens = path.to_token_stream().into_iter().map(|mut token| {
        token.set_span(at.resolved_at(token.span()));
        token
    });
    tokens.collect()
}

/// `name` at the span `at`, with the macro's hygiene: lints do not look at it, and the editor's "go
/// to definition" still finds the user's token.
pub(crate) fn generated(name: &Ident, at: Span) -> Ident {
    editions::moved(name, at.resolved_at(Span::call_site()))
}

/// Writes `self_ty` for every `Self` in `tokens`, which are about to stand in another type's item.
pub(crate) fn replace_self(tokens: impl ToTokens, self_ty: &TokenStream) -> TokenStream {
    let tokens = tokens.into_token_stream();
    if mentions(&tokens, "Self") { replace(tokens, self_ty) } else { tokens }
}

/// [`replace_self`] in generics and their `where` clause.
pub(crate) fn generics_without_self(written: &Generics, self_ty: &TokenStream) -> Generics {
    let mut generics: Generics =
        syn::parse2(replace_self(written, self_ty)).unwrap_or_else(|_| written.clone());
    let where_clause = replace_self(&written.where_clause, self_ty);
    generics.where_clause = syn::parse2(where_clause).unwrap_or_else(|_| written.where_clause.clone());
    generics
}

fn replace(tokens: TokenStream, self_ty: &TokenStream) -> TokenStream {
    let mut out = TokenStream::new();
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        match token {
            TokenTree::Ident(ident) if ident == "Self" => {
                let before_path = matches!(tokens.peek(), Some(TokenTree::Punct(next))
                    if next.as_char() == ':' && next.spacing() == Spacing::Joint);
                // `Self::X` becomes `<Type>::X`, which holds in types and in expressions.
                out.extend(if before_path { quote!(<#self_ty>) } else { self_ty.clone() });
            }
            TokenTree::Group(group) => {
                let mut replaced = Group::new(group.delimiter(), replace(group.stream(), self_ty));
                replaced.set_span(group.span());
                out.extend([TokenTree::Group(replaced)]);
            }
            other => out.extend([other]),
        }
    }
    out
}

/// Whether `word` stands anywhere in `tokens`.
pub(crate) fn mentions(tokens: &TokenStream, word: &str) -> bool {
    tokens.clone().into_iter().any(|token| match token {
        TokenTree::Ident(ident) => ident == word,
        TokenTree::Group(group) => mentions(&group.stream(), word),
        _ => false,
    })
}

/// Where `word` first stands in `tokens`.
pub(crate) fn find(tokens: &TokenStream, word: &str) -> Option<Span> {
    tokens.clone().into_iter().find_map(|token| match token {
        TokenTree::Ident(ident) => (ident == word).then(|| ident.span()),
        TokenTree::Group(group) => find(&group.stream(), word),
        _ => None,
    })
}

/// The type without the invisible group that a `macro_rules` macro puts around `$ty`, and without
/// parentheses.
pub(crate) fn ungroup(mut ty: &Type) -> &Type {
    loop {
        match ty {
            Type::Group(group) => ty = &group.elem,
            Type::Paren(paren) => ty = &paren.elem,
            _ => return ty,
        }
    }
}

/// Whether the attribute's path ends in `name`, as both `#[heir]` and `#[heir_runtime::heir]` do.
pub(crate) fn is_named(attribute: &Attribute, name: &str) -> bool {
    attribute.path().segments.last().is_some_and(|segment| segment.ident == name)
}

/// The attributes whose path is `name` alone.
pub(crate) fn attributes<'a>(
    all: &'a [Attribute],
    name: &'static str,
) -> impl Iterator<Item = &'a Attribute> {
    all.iter().filter(move |attribute| attribute.path().is_ident(name))
}

/// The `#[allow(..)]`s of an item and its parts, for all code that is generated from it.
///
/// Some generated code, such as a bound, cannot have attributes of its own. If a lint finds
/// something in it, it finds the same in the user's code, and tells it there. `#[expect(..)]`
/// becomes `#[allow(..)]`; `deny` and `forbid` are left out, because the user did not mean
/// generated code by them.
pub(crate) fn allowed<'a>(
    item: &'a [Attribute],
    parts: impl Iterator<Item = &'a [Attribute]>,
) -> Vec<Attribute> {
    let (mut allowed, mut written) = (Vec::new(), HashSet::new());
    for attribute in std::iter::once(item).chain(parts).flatten() {
        let attribute = if attribute.path().is_ident("allow") {
            attribute.clone()
        } else if attribute.path().is_ident("expect")
            && let Ok(lints) = arguments(attribute)
        {
            syn::parse_quote!(#[allow(#lints)])
        } else {
            continue;
        };
        if written.insert(attribute.to_token_stream().to_string()) {
            allowed.push(attribute);
        }
    }
    allowed
}

/// The arguments of an attribute: empty for `#[name]`, the tokens in `#[name(..)]`; an error in any
/// other form.
pub(crate) fn arguments(attribute: &Attribute) -> syn::Result<TokenStream> {
    match &attribute.meta {
        syn::Meta::Path(_) => Ok(TokenStream::new()),
        syn::Meta::List(list) => {
            let form = match list.delimiter {
                MacroDelimiter::Paren(_) => return Ok(list.tokens.clone()),
                MacroDelimiter::Brace(_) => "{..}",
                MacroDelimiter::Bracket(_) => "[..]",
            };
            Err(no_form(&list.path, form, list.delimiter.span().open()))
        }
        syn::Meta::NameValue(pair) => Err(no_form(&pair.path, " = ..", pair.eq_token.span)),
    }
}

fn no_form(path: &Path, form: &str, place: Span) -> syn::Error {
    let name = path.to_token_stream();
    syn::Error::new(
        place,
        format_args!(
            "`#[{name}{form}]` is no form of this attribute: write `#[{name}(..)]`, its arguments in parentheses"
        ),
    )
}

/// Whether a type names none of the generic parameters.
pub(crate) fn is_concrete(ty: &TokenStream, generics: &Generics) -> bool {
    !generics.params.iter().any(|param| mentions(ty, &param_name(param)))
}

/// The name of a parameter; of a lifetime, without the quote.
pub(crate) fn param_name(param: &GenericParam) -> String {
    match param {
        GenericParam::Type(param) => param.ident.to_string(),
        GenericParam::Const(param) => param.ident.to_string(),
        GenericParam::Lifetime(param) => param.lifetime.ident.to_string(),
    }
}

/// The parameters that `used` names, with their bounds. If one of the bounds names another
/// parameter, too, they are all kept.
pub(crate) fn generics_naming(generics: &Generics, used: &TokenStream) -> Generics {
    let is_kept = |param: &GenericParam| mentions(used, &param_name(param));
    let (kept, left_out): (Vec<_>, Vec<_>) = generics.params.iter().cloned().partition(is_kept);
    if kept.is_empty() {
        return Generics::default();
    }
    let names_one_of = |params: &[GenericParam], tokens: &TokenStream| {
        params.iter().any(|param| mentions(tokens, &param_name(param)))
    };
    let mut naming = generics.clone();
    let mut falls_apart = kept.iter().all(|param| !names_one_of(&left_out, &param.to_token_stream()));
    if let Some(clause) = &mut naming.where_clause {
        for predicate in std::mem::take(&mut clause.predicates) {
            let tokens = predicate.to_token_stream();
            let names_others = names_one_of(&left_out, &tokens);
            falls_apart &= !names_others || !names_one_of(&kept, &tokens);
            if !names_others {
                clause.predicates.push(predicate);
            }
        }
    }
    if !falls_apart {
        return generics.clone();
    }
    naming.params = kept.into_iter().collect();
    naming
}

/// `<K = String, const N: usize = 4>`: the parameters of a type alias. They have no bounds, as
/// rustc does not check bounds there, and warns of them.
pub(crate) fn alias_params(generics: &Generics) -> Option<TokenStream> {
    let params = generics.params.iter().filter_map(|param| match param {
        GenericParam::Type(param) => {
            let (ident, default) = (&param.ident, default_of(param.default.as_ref()));
            Some(quote!(#ident #default))
        }
        GenericParam::Const(param) => {
            let (ident, ty, default) = (&param.ident, &param.ty, default_of(param.default.as_ref()));
            Some(quote!(const #ident: #ty #default))
        }
        GenericParam::Lifetime(_) => None,
    });
    (!generics.params.is_empty()).then(|| quote!(<#(#params),*>))
}

fn default_of<T: ToTokens>(default: Option<&(Token![=], T)>) -> Option<TokenStream> {
    default.map(|(equals, value)| quote!(#equals #value))
}

/// The type of a hidden field that mentions all type parameters; `None` if `used` mentions each
/// already.
///
/// ```text
/// ::core::marker::PhantomData<fn(&K, &V)>
/// ```
pub(crate) fn phantom(generics: &Generics, used: &TokenStream) -> Option<TokenStream> {
    let all_used = generics.type_params().all(|param| mentions(used, &param.ident.to_string()));
    let params = generics.type_params().map(|param| &param.ident);
    (!all_used).then(|| quote!(::core::marker::PhantomData<fn(#(&#params),*)>))
}

/// `&'static str` for `&str`: rustc then reports the missing lifetime once, in the user's code.
pub(crate) fn with_lifetime(ty: &Type) -> Type {
    let mut ty = ty.clone();
    if let Type::Reference(reference) = &mut ty
        && reference.lifetime.is_none()
    {
        let span = reference.and_token.span;
        reference.lifetime = Some(Lifetime::new("'static", span));
    }
    ty
}

/// Whether the type has the name of a type that breaks no rule. If it is another type of that name
/// that does break one, rustc reports that in its own words.
pub(crate) fn is_plain(ty: &TokenStream) -> bool {
    syn::parse2(ty.clone()).is_ok_and(|ty| is_plain_type(&ty))
}

/// Whether the type has the name of a recorded table, with arguments that break no rule; nor the rule of
/// stored tables, if it is one.
pub(crate) fn is_plain_table(ty: &TokenStream, is_stored: bool) -> bool {
    const TABLES: [&str; 3] = ["BagTable", "OrderedTable", "Table"];
    let Ok(ty) = syn::parse2(ty.clone()) else { return false };
    let Some((name, arguments)) = name_and_arguments(&ty) else { return false };
    let [key, value] = arguments.as_slice() else { return false };
    let is_plain_value = is_plain_type(value) && (!is_stored || is_plain_to_serde(value));
    TABLES.iter().any(|table| name == table) && is_plain_key(key) && is_plain_value
}

/// [`is_plain`], and serde writes and reads it.
pub(crate) fn is_plain_value(ty: &TokenStream) -> bool {
    syn::parse2(ty.clone()).is_ok_and(|ty| is_plain_type(&ty) && is_plain_to_serde(&ty))
}

/// The names of plain types that are `Eq`, `Ord` and `Hash`.
const KEYS: [&str; 15] = [
    "bool", "char", "String", "i8", "i16", "i32", "i64", "i128", "isize", "u8", "u16", "u32", "u64", "u128",
    "usize",
];

fn is_plain_key(ty: &Type) -> bool {
    name_and_arguments(ty)
        .is_some_and(|(name, arguments)| arguments.is_empty() && KEYS.iter().any(|key| name == key))
}

/// Whether the type is by its name `Clone`, `Default`, `Send` and `Sync`.
fn is_plain_type(ty: &Type) -> bool {
    const OTHERS: [&str; 3] = ["Duration", "f32", "f64"];
    const CONTAINERS: [&str; 9] =
        ["Arc", "BTreeMap", "BTreeSet", "Box", "HashMap", "HashSet", "Option", "Vec", "VecDeque"];
    if let Type::Tuple(tuple) = ungroup(ty) {
        return tuple.elems.len() <= 4 && tuple.elems.iter().all(is_plain_type);
    }
    let Some((name, arguments)) = name_and_arguments(ty) else { return false };
    let is_one_of = |names: &[&str]| names.iter().any(|plain| name == plain);
    if arguments.is_empty() {
        return is_one_of(&KEYS) || is_one_of(&OTHERS);
    }
    is_one_of(&CONTAINERS) && arguments.into_iter().all(is_plain_type)
}

/// Whether serde writes and reads a plain type, also without a feature: no `Arc`, and keys that have an
/// order and a hash.
fn is_plain_to_serde(ty: &Type) -> bool {
    const KEYED: [&str; 4] = ["BTreeMap", "BTreeSet", "HashMap", "HashSet"];
    if let Type::Tuple(tuple) = ungroup(ty) {
        return tuple.elems.iter().all(is_plain_to_serde);
    }
    let Some((name, arguments)) = name_and_arguments(ty) else { return false };
    let is_keyed = KEYED.iter().any(|keyed| name == keyed);
    name != "Arc"
        && (!is_keyed || arguments.first().is_some_and(|key| is_plain_key(key)))
        && arguments.into_iter().all(is_plain_to_serde)
}

/// `Vec` and `[u64]` for `Vec<u64>`; `None` for a longer path, or for arguments that are not types.
fn name_and_arguments(ty: &Type) -> Option<(&Ident, Vec<&Type>)> {
    let Type::Path(path) = ungroup(ty) else { return None };
    let segment = path.path.segments.first()?;
    if path.qself.is_some() || path.path.leading_colon.is_some() || path.path.segments.len() > 1 {
        return None;
    }
    let arguments = match &segment.arguments {
        PathArguments::None => Vec::new(),
        PathArguments::AngleBracketed(arguments) => {
            let types = arguments.args.iter().map(|argument| match argument {
                GenericArgument::Type(ty) => Some(ty),
                _ => None,
            });
            types.collect::<Option<_>>()?
        }
        PathArguments::Parenthesized(_) => return None,
    };
    Some((&segment.ident, arguments))
}

/// The tokens without the invisible groups that `macro_rules` macros put around fragments.
pub(crate) fn visible(tokens: impl IntoIterator<Item = TokenTree>) -> Vec<TokenTree> {
    let mut out = Vec::new();
    for token in tokens {
        match token {
            TokenTree::Group(group) if group.delimiter() == Delimiter::None => {
                out.extend(visible(group.stream()));
            }
            other => out.push(other),
        }
    }
    out
}

/// Whether the token is a body: braces, or the invisible group around a fragment `$body:block`.
pub(crate) fn is_brace(token: &TokenTree) -> bool {
    let tokens = visible([token.clone()]);
    matches!(tokens.as_slice(), [TokenTree::Group(group)] if group.delimiter() == Delimiter::Brace)
}
