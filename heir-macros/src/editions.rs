//! Words that are keywords in some editions only. The user's crate may have them as names, but
//! generated code is read by the rules of this crate's edition, in which all of them are keywords:
//! so it writes such a name raw.

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};

const WORDS: [&str; 5] = ["async", "await", "dyn", "gen", "try"];

/// The same name at another span, which may belong to another edition.
pub(crate) fn moved(name: &Ident, span: Span) -> Ident {
    if WORDS.iter().any(|word| name == word) {
        return Ident::new_raw(&name.to_string(), span);
    }
    let mut name = name.clone();
    name.set_span(span);
    name
}

/// The tokens with these words raw where they are names of fields, arguments, functions or modules,
/// because syn takes the words for keywords in every edition. Attributes and bodies are left as
/// they are.
pub(crate) fn with_raw_names(tokens: TokenStream) -> TokenStream {
    raw_names(tokens, false)
}

fn raw_names(tokens: TokenStream, in_braces: bool) -> TokenStream {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let named = tokens.iter().enumerate().map(|(place, token)| match token {
        TokenTree::Ident(word) if WORDS.iter().any(|known| word == known) && is_name(&tokens, place) => {
            TokenTree::Ident(Ident::new_raw(&word.to_string(), word.span()))
        }
        TokenTree::Group(group) => {
            let is_body = in_braces && group.delimiter() == Delimiter::Brace;
            let is_attribute = group.delimiter() == Delimiter::Bracket && is_pound(&tokens, place);
            if is_body || is_attribute {
                return token.clone();
            }
            let in_braces = in_braces || group.delimiter() == Delimiter::Brace;
            let mut named = Group::new(group.delimiter(), raw_names(group.stream(), in_braces));
            named.set_span(group.span());
            TokenTree::Group(named)
        }
        other => other.clone(),
    });
    named.collect()
}

/// Whether the word here is a name: after `fn`, in a path, or before the colon of a field or
/// argument.
fn is_name(tokens: &[TokenTree], place: usize) -> bool {
    let is_colon = |place: Option<usize>| {
        let token = place.and_then(|place| tokens.get(place));
        matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == ':')
    };
    let before = |by: usize| place.checked_sub(by);
    let follows_fn =
        before(1).is_some_and(|at| matches!(&tokens[at], TokenTree::Ident(word) if word == "fn"));
    let ends_path = is_colon(before(1)) && is_colon(before(2));
    let begins_path = is_colon(Some(place + 1)) && is_colon(Some(place + 2));
    // In `dyn ::path::Trait`, `dyn` is a keyword.
    let has_colon = is_colon(Some(place + 1))
        && !(begins_path && matches!(&tokens[place], TokenTree::Ident(word) if word == "dyn"));
    follows_fn || ends_path || has_colon
}

fn is_pound(tokens: &[TokenTree], place: usize) -> bool {
    let before = place.checked_sub(1).map(|before| &tokens[before]);
    matches!(before, Some(TokenTree::Punct(punct)) if punct.as_char() == '#')
}

#[cfg(test)]
mod tests {
    use quote::quote;

    use super::*;

    #[test]
    fn a_name_is_raw_where_generated_code_stands() {
        for word in WORDS {
            assert_eq!(
                moved(&Ident::new(word, Span::call_site()), Span::call_site()).to_string(),
                format!("r#{word}")
            );
        }
        let plain = Ident::new("count", Span::call_site());
        assert_eq!(moved(&plain, Span::call_site()).to_string(), "count");
        let raw = Ident::new_raw("gen", Span::call_site());
        assert_eq!(moved(&raw, Span::call_site()).to_string(), "r#gen");
    }

    #[test]
    fn names_are_told_from_keywords() {
        let given = quote! {
            #[fresh(x.await)]
            async fn try(&mut self, async: Box<dyn Fn()>, gen: dyn ::a::B, dyn: async::try::C) -> u8 { x.await }
        };
        let expected = quote! {
            #[fresh(x.await)]
            async fn r#try(&mut self, r#async: Box<dyn Fn()>, r#gen: dyn ::a::B, r#dyn: r#async::r#try::C) -> u8 { x.await }
        };
        assert_eq!(with_raw_names(given).to_string(), expected.to_string());
    }
}
