//! Re-emits the impl block: the user's tokens without our attributes. This works on bare tokens, so
//! that it holds for a block that does not parse, too.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

use super::vocabulary::{MARKERS, NEARLY};
use crate::tokens::{is_brace, visible};

/// The block without our attributes. Methods that become messages lose `#[deprecated]`, too: it is
/// for the callers of the handle, and generated code must be able to call the method.
pub(super) fn strip(item: TokenStream) -> TokenStream {
    let mut tokens: Vec<TokenTree> = item.into_iter().collect();
    if let Some(TokenTree::Group(body)) = tokens.iter_mut().rfind(|token| is_brace(token)) {
        let mut stripped = Group::new(Delimiter::Brace, strip_methods(body.stream()));
        stripped.set_span(body.span());
        *body = stripped;
    }
    tokens.into_iter().collect()
}

fn strip_methods(body: TokenStream) -> TokenStream {
    let tokens: Vec<TokenTree> = body.into_iter().collect();
    let mut out = TokenStream::new();
    let mut rest = tokens.as_slice();
    while !rest.is_empty() {
        let (attributes, after) = split_attributes(rest);
        let is_message = begins_function(after) && !attributes.iter().any(|(_, name)| name == "skip");
        for (tokens, name) in attributes {
            let ours = MARKERS.contains(&name.as_str())
                || NEARLY.iter().any(|(nearly, _)| *nearly == name)
                || (is_message && name == "deprecated");
            if !ours {
                out.extend(tokens.iter().cloned());
            }
        }
        rest = match after {
            // A fragment of a `macro_rules` macro, which may be a method.
            [TokenTree::Group(group), rest @ ..] if group.delimiter() == Delimiter::None => {
                let mut stripped = Group::new(Delimiter::None, strip_methods(group.stream()));
                stripped.set_span(group.span());
                out.extend([TokenTree::Group(stripped)]);
                rest
            }
            [token, rest @ ..] => {
                out.extend([token.clone()]);
                rest
            }
            [] => after,
        };
    }
    out
}

/// The outer attributes at the start, each with its name if that is one word, and the tokens after
/// them.
fn split_attributes(mut tokens: &[TokenTree]) -> (Vec<(&[TokenTree], String)>, &[TokenTree]) {
    let mut attributes = Vec::new();
    while let [TokenTree::Punct(pound), TokenTree::Group(content), rest @ ..] = tokens {
        if pound.as_char() != '#' || content.delimiter() != Delimiter::Bracket {
            break;
        }
        let mut words = visible(content.stream()).into_iter();
        let name = match (words.next(), words.next()) {
            // A longer path, as in `tokio::main`, is never ours.
            (Some(TokenTree::Ident(_)), Some(TokenTree::Punct(punct))) if punct.as_char() == ':' => {
                String::new()
            }
            (Some(TokenTree::Ident(name)), _) => name.to_string(),
            _ => String::new(),
        };
        attributes.push((&tokens[..2], name));
        tokens = rest;
    }
    (attributes, tokens)
}

/// Whether a visibility and qualifiers are followed by `fn`.
fn begins_function(tokens: &[TokenTree]) -> bool {
    const BEFORE: [&str; 7] = ["pub", "default", "const", "async", "unsafe", "safe", "extern"];
    for token in tokens {
        match token {
            TokenTree::Ident(word) if word == "fn" => return true,
            TokenTree::Ident(word) if BEFORE.iter().any(|before| word == before) => {}
            TokenTree::Literal(_) => {}
            TokenTree::Group(group) if group.delimiter() != Delimiter::Brace => {}
            _ => return false,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use quote::quote;

    use super::*;

    #[test]
    fn markers_go_and_all_else_stays() {
        let stripped = strip(quote! {
            #[allow(unused)]
            impl Counter {
                #[cast]
                #[inline]
                pub fn die(&mut self) { #[cast] let x = 1; }
                #[on(stop)]
                #[doc = "kept"]
                async fn stopped(&mut self) {}
                #[skip]
                #[deprecated]
                fn old(&self) {}
                #[tokio::cast]
                fn other(&mut self) {}
            }
        });
        let expected = quote! {
            #[allow(unused)]
            impl Counter {
                #[inline]
                pub fn die(&mut self) { #[cast] let x = 1; }
                #[doc = "kept"]
                async fn stopped(&mut self) {}
                #[deprecated]
                fn old(&self) {}
                #[tokio::cast]
                fn other(&mut self) {}
            }
        };
        assert_eq!(stripped.to_string(), expected.to_string());
    }

    #[test]
    fn deprecation_moves_off_a_message_only() {
        let stripped = strip(quote! {
            impl Counter {
                #[deprecated]
                pub(crate) async fn count(&mut self) {}
                #[deprecated]
                const LIMIT: fn() = limit;
            }
        });
        let expected = quote! {
            impl Counter {
                pub(crate) async fn count(&mut self) {}
                #[deprecated]
                const LIMIT: fn() = limit;
            }
        };
        assert_eq!(stripped.to_string(), expected.to_string());
    }
}
