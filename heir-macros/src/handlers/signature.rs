//! The syntax of a method before its body.

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use syn::ext::IdentExt;
use syn::parse::ParseStream;
use syn::{
    Abi, Attribute, Generics, Lifetime, ReturnType, Token, Type, Visibility, WhereClause, parenthesized,
};

use crate::tokens::{is_brace, visible};

/// A method as written, without its body.
pub(super) struct Method {
    pub(super) attrs: Vec<Attribute>,
    pub(super) vis: Visibility,
    /// The span of `async`.
    pub(super) asyncness: Option<Span>,
    /// `const`, `unsafe`, `extern`: no handler can have them.
    pub(super) qualifiers: Vec<Ident>,
    pub(super) ident: Ident,
    pub(super) generics: Generics,
    pub(super) receiver: Receiver,
    pub(super) args: Vec<Argument>,
    pub(super) output: Option<Type>,
}

pub(super) enum Receiver {
    /// `&mut self`
    Exclusive(Span),
    /// `self`, `&self`, `self: Rc<Self>`
    Other(Span),
    None,
}

impl Receiver {
    pub(super) fn span(&self) -> Option<Span> {
        match self {
            Self::Exclusive(span) | Self::Other(span) => Some(*span),
            Self::None => None,
        }
    }
}

pub(super) struct Argument {
    pub(super) attrs: Vec<Attribute>,
    pub(super) name: Name,
    pub(super) ty: Type,
}

pub(super) enum Name {
    /// `key` or `mut key`
    Plain(Ident),
    Pattern(TokenStream),
}

/// Reads a method from its visibility to its body. An error comes with the attributes, which decide
/// how to go on.
pub(super) fn parse(
    attrs: Vec<Attribute>,
    input: ParseStream<'_>,
) -> Result<Method, (Vec<Attribute>, syn::Error)> {
    match parse_rest(input) {
        Ok(method) => Ok(Method { attrs, ..method }),
        Err(error) => Err((attrs, error)),
    }
}

fn parse_rest(input: ParseStream<'_>) -> syn::Result<Method> {
    let vis: Visibility = input.parse()?;
    let (asyncness, qualifiers) = parse_qualifiers(input)?;
    let _: Token![fn] = input.parse()?;
    let ident: Ident = input.parse()?;
    let mut generics: Generics = input.parse()?;
    let inputs;
    parenthesized!(inputs in input);
    let receiver = parse_receiver(&inputs)?;
    let mut args = Vec::new();
    while !inputs.is_empty() {
        if is_variadic(&inputs) {
            // rustc reports what is wrong with the rest.
            let _: TokenStream = inputs.parse()?;
            break;
        }
        args.push(parse_argument(&inputs)?);
        if !inputs.is_empty() {
            let _: Token![,] = inputs.parse()?;
        }
    }
    let output = match input.parse::<ReturnType>()? {
        ReturnType::Default => None,
        ReturnType::Type(_, ty) => Some(*ty),
    };
    generics.where_clause = input.parse::<Option<WhereClause>>()?;
    if input.parse::<Option<Token![;]>>()?.is_none() {
        let body: TokenTree = input.parse()?;
        if !is_brace(&body) {
            return Err(syn::Error::new(body.span(), "expected the body of the method"));
        }
    }
    Ok(Method { attrs: Vec::new(), vis, asyncness, qualifiers, ident, generics, receiver, args, output })
}

fn parse_qualifiers(input: ParseStream<'_>) -> syn::Result<(Option<Span>, Vec<Ident>)> {
    let (mut asyncness, mut others) = (None, Vec::new());
    while !input.peek(Token![fn]) {
        if input.peek(Token![extern]) {
            let abi: Abi = input.parse()?;
            others.push(Ident::new("extern", abi.extern_token.span));
            continue;
        }
        let word = input.call(Ident::parse_any)?;
        if word == "async" {
            asyncness = Some(word.span());
        } else {
            others.push(word);
        }
    }
    Ok((asyncness, others))
}

fn parse_receiver(input: ParseStream<'_>) -> syn::Result<Receiver> {
    let ahead = input.fork();
    let _: Vec<Attribute> = ahead.call(Attribute::parse_outer)?;
    let reference: Option<Token![&]> = ahead.parse()?;
    let lifetime: Option<Lifetime> = if reference.is_some() { ahead.parse()? } else { None };
    let mutable: Option<Token![mut]> = ahead.parse()?;
    if !ahead.peek(Token![self]) || ahead.peek2(Token![::]) {
        return Ok(Receiver::None);
    }
    // This is a receiver: consume it from `input`, too.
    let _: Vec<Attribute> = input.call(Attribute::parse_outer)?;
    while !input.peek(Token![self]) {
        let _: TokenTree = input.parse()?;
    }
    let receiver: Token![self] = input.parse()?;
    let typed = input.peek(Token![:]);
    if typed {
        let _: Token![:] = input.parse()?;
        let _: Type = input.parse()?;
    }
    if !input.is_empty() {
        let _: Token![,] = input.parse()?;
    }
    let exclusive = reference.is_some() && lifetime.is_none() && mutable.is_some() && !typed;
    Ok(if exclusive { Receiver::Exclusive(receiver.span) } else { Receiver::Other(receiver.span) })
}

/// `...`, `args: ...`
fn is_variadic(input: ParseStream<'_>) -> bool {
    let ahead = input.fork();
    while !ahead.is_empty() && !ahead.peek(Token![...]) && !ahead.peek(Token![,]) {
        let _token = ahead.parse::<TokenTree>();
    }
    ahead.peek(Token![...])
}

fn parse_argument(input: ParseStream<'_>) -> syn::Result<Argument> {
    let attrs = input.call(Attribute::parse_outer)?;
    let mut pattern: Vec<TokenTree> = Vec::new();
    while !input.peek(Token![:]) || input.peek(Token![::]) {
        if input.peek(Token![::]) {
            pattern.push(input.parse()?);
        }
        pattern.push(input.parse()?);
    }
    let _: Token![:] = input.parse()?;
    let pattern = visible(pattern);
    let name = match pattern.as_slice() {
        [TokenTree::Ident(name)] if name != "_" => Name::Plain(name.clone()),
        [TokenTree::Ident(word), TokenTree::Ident(name)] if word == "mut" => Name::Plain(name.clone()),
        _ => Name::Pattern(pattern.into_iter().collect()),
    };
    Ok(Argument { attrs, name, ty: input.parse()? })
}
