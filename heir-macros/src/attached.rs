//! An attribute on a struct. An attribute macro sees `cfg`s that are not evaluated yet, so it
//! leaves the struct as it is and attaches an internal derive, which does the work: the struct
//! survives every mistake, and the derive sees the fields that exist.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, format_ident, quote};
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::{Attribute, Data, DataStruct, DeriveInput, Field, Fields, Path, Visibility};

use crate::diagnostics::Errors;
use crate::tokens::is_named;

/// An attribute on a struct: `#[heir]` or `#[supervisor]`. The texts are parts of its errors.
pub(crate) struct Marker {
    /// As in `heir`: the options are passed to the derive as `#[__heir(..)]`.
    pub(crate) name: &'static str,
    /// As in `Heir`: the name of the internal derive in the runtime.
    pub(crate) derive: &'static str,
    /// What the attribute makes the struct.
    pub(crate) makes: &'static str,
    /// Why the attribute goes on a struct.
    pub(crate) because: &'static str,
    /// Why the struct's fields need names.
    pub(crate) because_by_name: &'static str,
    /// What to write instead, if the attribute is on an impl block.
    pub(crate) on_impl: &'static str,
}

pub(crate) const HEIR: Marker = Marker {
    name: "heir",
    derive: "Heir",
    makes: "a worker",
    because: "a worker's tables are its fields",
    because_by_name: "its tables are passed on by name",
    on_impl: ": write `#[handlers]` on an impl block",
};

pub(crate) const SUPERVISOR: Marker = Marker {
    name: "supervisor",
    derive: "Supervisor",
    makes: "a supervisor",
    because: "a supervisor's children are its fields",
    because_by_name: "its children are reached by name",
    on_impl: "",
};

/// An item with its keyword, as far as `attach` has to know it.
struct Item {
    attrs: Vec<Attribute>,
    vis: Visibility,
    keyword: Ident,
    rest: TokenStream,
}

impl Marker {
    /// Returns the struct's fields; an error if the item is no struct, or its fields have no names.
    pub(crate) fn fields<'a>(&self, input: &'a DeriveInput, errors: &mut Errors) -> Option<Vec<&'a Field>> {
        match &input.data {
            Data::Struct(DataStruct { fields: Fields::Named(fields), .. }) => {
                return Some(fields.named.iter().collect());
            }
            Data::Struct(DataStruct { fields: Fields::Unit, .. }) => return Some(Vec::new()),
            Data::Struct(DataStruct { fields: Fields::Unnamed(fields), .. }) => {
                let Self { makes, because_by_name, .. } = self;
                errors.on(
                    fields,
                    format_args!(
                        "the fields of {makes} need names, because {because_by_name}: write `{{ name: Type }}`"
                    ),
                );
            }
            Data::Enum(data) => errors.at(data.enum_token.span, self.misplaced()),
            Data::Union(data) => errors.at(data.union_token.span, self.misplaced()),
        }
        None
    }

    /// Reports attributes of fields that stand on the struct: rustc accepts a derive's helper
    /// attributes there, too.
    pub(crate) fn of_fields(&self, input: &DeriveInput, errors: &mut Errors) {
        for attribute in &input.attrs {
            let Some(name) = attribute.path().get_ident().map(ToString::to_string) else { continue };
            let is_of_worker = ["table", "arg", "fresh"].contains(&name.as_str());
            if !is_of_worker && name != "child" {
                continue;
            }
            let problem = match (self.name, is_of_worker) {
                ("heir", true) => format!("`#[{name}]` says what one field is: write it on that field"),
                ("heir", false) => format!(
                    "`#[{name}]` is for a field of a `#[supervisor]`: what a worker says of itself is an option of \
                     `#[heir(..)]`"
                ),
                (_, true) => {
                    format!("`#[{name}]` is for a field of a worker: it goes on the child's own struct")
                }
                (_, false) => format!(
                    "`#[{name}]` says how one child is supervised: write it on that field, or, for the supervisor itself, \
                     an option of `#[supervisor(..)]`"
                ),
            };
            errors.on(attribute.path(), problem);
        }
    }

    /// Attaches the internal derive to a struct; leaves any other item as it is, with an error.
    ///
    /// ```text
    /// #[derive(::heir_runtime::__private::Heir)]
    /// #[__heir(restart = transient)]
    /// pub struct Counter { .. }
    /// ```
    pub(crate) fn attach(&self, root: &Path, options: &TokenStream, item: TokenStream) -> TokenStream {
        let mut errors = Errors::new();
        let attached = match parse.parse2(item.clone()) {
            Ok(parsed) if parsed.keyword == "struct" => {
                let item = self.without_second(parsed, &mut errors);
                let derive = format_ident!("{}", self.derive);
                let given = format_ident!("__{}", self.name);
                quote! {
                    #[derive(#root::__private::#derive)]
                    #[#given(#options)]
                    #item
                }
            }
            Ok(Item { keyword, .. }) => {
                let hint = if keyword == "impl" { self.on_impl } else { "" };
                errors.at(keyword.span(), format_args!("{}; this is `{keyword}`{hint}", self.misplaced()));
                item
            }
            Err(_) => {
                errors.at(Span::call_site(), self.misplaced());
                item
            }
        };
        let errors = errors.finish();
        quote!(#errors #attached)
    }

    /// The text of the error that the attribute is not on a struct.
    fn misplaced(&self) -> String {
        format!("`#[{}]` goes on a struct, because {}", self.name, self.because)
    }

    /// The item without a second `#[heir]` or `#[supervisor]`. A second one is an error; left in,
    /// its expansion would add more errors.
    fn without_second(&self, item: Item, errors: &mut Errors) -> TokenStream {
        let Item { attrs, vis, keyword, rest } = item;
        let (again, others): (Vec<_>, Vec<_>) = attrs
            .into_iter()
            .partition(|attribute| [HEIR, SUPERVISOR].iter().any(|marker| is_named(attribute, marker.name)));
        if let Some(second) = again.first() {
            let problem = match [HEIR, SUPERVISOR].iter().find(|marker| is_named(second, marker.name)) {
                Some(other) if other.name != self.name => {
                    format!(
                        "a struct cannot be {} and {}: keep one of the attributes",
                        self.makes, other.makes
                    )
                }
                _ => format!("`#[{}]` is given twice: put all options into one", self.name),
            };
            errors.on(second.path(), problem);
            errors.at(Span::call_site(), format_args!("`#[{}]` is first given here", self.name));
        }
        let mut tokens = TokenStream::new();
        for attribute in others {
            attribute.to_tokens(&mut tokens);
        }
        tokens.extend(quote!(#vis #keyword #rest));
        tokens
    }
}

fn parse(input: ParseStream<'_>) -> syn::Result<Item> {
    Ok(Item {
        attrs: input.call(Attribute::parse_outer)?,
        vis: input.parse()?,
        keyword: input.call(Ident::parse_any)?,
        rest: input.parse()?,
    })
}
