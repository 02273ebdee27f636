//! From the derive's input to the model. Each field and each option is read by itself, so that one
//! mistake hides no other.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Attribute, DeriveInput, Visibility};

use super::model::{Child, ChildOptions, Options, Tree};
use crate::attached::SUPERVISOR;
use crate::diagnostics::Errors;
use crate::editions::with_raw_names;
use crate::tokens::{
    allowed, arguments, attributes, default_root, generated, generics_without_self, is_concrete,
    replace_self, with_lifetime,
};

/// Reads the whole struct; `None` if it has no named fields.
pub(super) fn tree<'a>(input: &'a DeriveInput, errors: &mut Errors) -> Option<Tree<'a>> {
    let given = attributes(&input.attrs, "__supervisor").next();
    let tokens = given.map(arguments).transpose().unwrap_or_default();
    let options = Options::parse(tokens.unwrap_or_default(), errors);
    SUPERVISOR.of_fields(input, errors);
    let fields = SUPERVISOR.fields(input, errors)?;
    let (_, type_generics, _) = input.generics.split_for_impl();
    let ident = generated(&input.ident, input.ident.span());
    let self_ty = quote!(#ident #type_generics);
    Some(Tree {
        root: options.root.value().cloned().unwrap_or_else(default_root),
        vis: &input.vis,
        written_ident: &input.ident,
        ident,
        generics: generics_without_self(&input.generics, &self_ty),
        allowed: allowed(&input.attrs, fields.iter().map(|field| field.attrs.as_slice())),
        deprecated: attributes(&input.attrs, "deprecated").collect(),
        options,
        children: fields.into_iter().filter_map(|field| child(field, input, &self_ty, errors)).collect(),
    })
}

fn child<'a>(
    field: &'a syn::Field,
    input: &'a DeriveInput,
    self_ty: &TokenStream,
    errors: &mut Errors,
) -> Option<Child<'a>> {
    for name in ["table", "arg", "fresh"] {
        for attribute in attributes(&field.attrs, name) {
            let hint = if name == "arg" {
                ", and what its spec takes is named here by `#[child(args(name: Type))]`"
            } else {
                ""
            };
            errors.on(
                attribute.path(),
                format_args!(
                    "`#[{name}]` is for a field of a worker: it goes on the child's own struct{hint}"
                ),
            );
        }
    }
    let ty = replace_self(with_lifetime(&field.ty), self_ty);
    Some(Child {
        ident: field.ident.as_ref()?,
        vis: if matches!(field.vis, Visibility::Inherited) { &input.vis } else { &field.vis },
        docs: attributes(&field.attrs, "doc").collect(),
        deprecated: attributes(&field.attrs, "deprecated").collect(),
        written_ty: &field.ty,
        is_concrete: is_concrete(&ty, &input.generics),
        ty,
        options: child_options(&field.attrs, self_ty, errors),
    })
}

fn child_options(attrs: &[Attribute], self_ty: &TokenStream, errors: &mut Errors) -> ChildOptions {
    let mut given = attributes(attrs, "child");
    let Some(first) = given.next() else {
        return ChildOptions::default();
    };
    for second in given {
        errors.on(second.path(), "`#[child]` is given twice: put all options into one");
        errors.on(first.path(), "`#[child]` is first given here");
    }
    let tokens = arguments(first).unwrap_or_else(|error| {
        errors.push(error);
        TokenStream::new()
    });
    ChildOptions::parse(with_raw_names(tokens), self_ty, errors)
}
