//! The rule on the types of fields: each is a `Child`. A field that breaks the rule is to be one
//! error.
//!
//! One constant, `__CHILDREN`, asserts the rule. The code that needs it takes it for granted, as
//! the code of a worker does with the rules on its fields. Anything else that a child's type must
//! be is asked of a type that depends on the constant: if the constant has an error, so has that
//! type, of which rustc says nothing more. Neither works for a type that names a generic parameter
//! of the struct.

use std::collections::HashSet;

use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::WhereClause;
use syn::spanned::Spanned;

use super::model::{Child, Tree};
use crate::tokens::path_at;

/// The span for errors about a child's type.
pub(super) fn at_type(child: &Child<'_>) -> Span {
    child.written_ty.span().resolved_at(Span::mixed_site())
}

fn concrete<'t, 'a>(tree: &'t Tree<'a>) -> impl Iterator<Item = &'t Child<'a>> {
    tree.children.iter().filter(|child| child.is_concrete)
}

/// The code that asserts the rule.
///
/// ```text
/// const __CHILDREN: usize = {
///     R::__private::assert_child::<Counter>();
///     R::__private::assert_child::<Io>();
///     R::__private::assert_named_args::<Counter>();
///     0
/// };
/// type __Checked<T> = <T as R::__private::Beside<[(); __CHILDREN]>>::Itself;
/// type __ArgsOf<T> = <T as R::supervision::Child>::Args;
/// ```
pub(super) fn asserted(tree: &Tree<'_>) -> Option<TokenStream> {
    let root = &tree.root;
    let args_of = tree.children.iter().any(takes_named_args).then(|| {
        quote!(
            type __ArgsOf<T> = <T as #root::supervision::Child>::Args;
        )
    });
    if concrete(tree).next().is_none() {
        return args_of;
    }
    let assertions = concrete(tree).map(|child| {
        let (place, ty) = (at_type(child), &child.ty);
        let root = path_at(root, place);
        let is_child = quote_spanned!(place=> #root::__private::assert_child::<#ty>(););
        let takes_args = child.options.args.key_span().filter(|_| takes_named_args(child)).map(|key| {
            let key = key.resolved_at(Span::mixed_site());
            let root = path_at(&tree.root, key);
            quote_spanned!(key=> #root::__private::assert_named_args::<#ty>();)
        });
        quote!(#is_child #takes_args)
    });
    Some(quote! {
        const __CHILDREN: usize = {
            #(#assertions)*
            0
        };
        type __Checked<T> = <T as #root::__private::Beside<[(); __CHILDREN]>>::Itself;
        #args_of
    })
}

/// Whether the child itself takes the arguments, and not the function that makes specs of keys.
fn takes_named_args(child: &Child<'_>) -> bool {
    !child.args().is_empty() && child.options.each.key_span().is_none()
}

/// `__Checked<Counter>`
pub(super) fn checked(child: &Child<'_>) -> TokenStream {
    let (place, ty) = (at_type(child), &child.ty);
    if !child.is_concrete {
        return quote!(#ty);
    }
    let name = Ident::new("__Checked", place.resolved_at(Span::call_site()));
    quote_spanned!(place=> #name<#ty>)
}

/// The struct's `where` clause, with bounds that take the rule for granted.
///
/// ```text
/// where for<'__rule> Counter: R::supervision::Child, for<'__rule> Io: R::supervision::Child
/// ```
pub(super) fn granted(tree: &Tree<'_>) -> Option<WhereClause> {
    let root = &tree.root;
    let mut generics = tree.generics.clone();
    let mut stated = HashSet::new();
    for Child { ty, .. } in concrete(tree) {
        if stated.insert(ty.to_string()) {
            let bound = syn::parse_quote!(for<'__rule> #ty: #root::supervision::Child);
            generics.make_where_clause().predicates.push(bound);
        }
    }
    generics.where_clause
}
