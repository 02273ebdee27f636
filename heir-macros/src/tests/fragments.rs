use quote::quote;

use super::*;

/// The fragment in an invisible group, as a macro passes it on.
fn fragment(tokens: TokenStream) -> TokenTree {
    TokenTree::Group(Group::new(Delimiter::None, tokens))
}

/// The tokens as rustc reads them after a procedural macro has printed them: without invisible
/// groups.
fn read(tokens: TokenStream) -> TokenStream {
    let read = tokens.into_iter().flat_map(|token| match token {
        TokenTree::Group(group) => {
            let inner = read(group.stream());
            let delimiter = group.delimiter();
            if delimiter == Delimiter::None {
                inner
            } else {
                quote!().into_iter().chain([TokenTree::Group(Group::new(delimiter, inner))]).collect()
            }
        }
        other => TokenStream::from(other),
    });
    read.collect()
}

macro_rules! assert_read {
    ($e:ident = $fragment:tt in $($written:tt => $expected:tt;)*) => {$({
        let $e = fragment(quote! $fragment);
        assert_eq!(read(kept_together(quote! $written)).to_string(), quote! $expected.to_string());
    })*};
}

#[test]
fn no_operator_reaches_into_a_fragment() {
    assert_read! { e = {1 + 2} in
        {#e * 3} => {(1 + 2) * 3};
        {3 - #e} => {3 - (1 + 2)};
        {-#e} => {-(1 + 2)};
        {#e as u8} => {(1 + 2) as u8};
        {#e.pow(2)} => {(1 + 2).pow(2)};
        {x == #e} => {x == (1 + 2)};
        {f(#e * 3)} => {f((1 + 2) * 3)};
        {&mut #e} => {&mut (1 + 2)};
        {..#e} => {..(1 + 2)};
        {#e..} => {(1 + 2)..};
    }
    assert_read! { e = {-1} in
        {#e.abs()} => {(-1).abs()};
        {#e * 3} => {-1 * 3};
    }
    assert_read! { e = {self.f} in
        {#e(x)} => {(self.f)(x)};
        {#e.g} => {self.f.g};
    }
    assert_read! { e = {a < b} in
        {#e == c} => {(a < b) == c};
    }
    assert_read! { e = {x as usize} in
        {#e < 3} => {(x as usize) < 3};
    }
    assert_read! { e = {if a { 1 } else { 2 }} in
        {#e + 1} => {(if a { 1 } else { 2 }) + 1};
        {let x = #e;} => {let x = if a { 1 } else { 2 };};
    }
    assert_read! { e = {|x| x} in
        {#e(1)} => {(|x| x)(1)};
    }
    assert_read! { e = {P { x: 1 }} in
        {if #e == p {}} => {if (P { x: 1 }) == p {}};
        {match #e {}} => {match (P { x: 1 }) {}};
    }
}

#[test]
fn a_struct_literal_is_no_body() {
    let body = fragment(quote!({ f() }));
    assert_read! { e = {P { x: 1 }} in
        {if #e #body} => {if (P { x: 1 }) { f() }};
        {let p = #e;} => {let p = P { x: 1 };};
    }
    assert_read! { e = {p == P { x: 1 }} in
        {if #e {}} => {if (p == P { x: 1 }) {}};
    }
    assert_read! { e = {m! { x }} in
        {if #e {}} => {if m! { x } {}};
    }
}

#[test]
fn a_fragment_that_nothing_reaches_is_left_alone() {
    for e in [
        quote!(1 + 2),
        quote!(-1),
        quote!(f(x)?),
        quote!(pub(crate)),
        quote!(dyn A + B),
        quote!(Vec<u8>),
        quote!(let x = 1 + 2),
        quote!(
            fn f() -> u8 {}
        ),
        quote!(doc = "x"),
        quote!(1..=2),
    ] {
        let written = fragment(e.clone());
        assert_eq!(
            read(kept_together(quote!(f(#written); let x: u8 = #written; [#written]))).to_string(),
            quote!(f(#e); let x: u8 = #e; [#e]).to_string()
        );
    }
    for e in [
        quote!(x),
        quote!(a::b(c).d()?),
        quote!("x"),
        quote!(Vec::<u8>::new()),
        quote!(m!(a + b)),
        quote!(<A as B>::C),
    ] {
        let written = fragment(e.clone());
        assert_eq!(read(kept_together(quote!(#written * 3))).to_string(), quote!(#e * 3).to_string());
    }
}

#[test]
fn types_and_patterns_are_fragments_too() {
    assert_read! { t = {dyn A + Send} in
        {&#t} => {&(dyn A + Send)};
        {&'static #t} => {&'static (dyn A + Send)};
        {Box<#t>} => {Box<dyn A + Send>};
    }
    assert_read! { t = {HashMap<K, Vec<u8>>} in
        {Option<#t>} => {Option<HashMap<K, Vec<u8>>>};
        {&#t} => {&HashMap<K, Vec<u8>>};
        {#t::new()} => {<HashMap<K, Vec<u8>>>::new()};
    }
    assert_read! { t = {[u8; 4]} in
        {#t::default()} => {<[u8; 4]>::default()};
    }
    assert_read! { t = {a::B} in
        {#t::default()} => {a::B::default()};
    }
    assert_read! { p = {1 | 2} in
        {&#p => x} => {&(1 | 2) => x};
        {Some(#p) => x} => {Some(1 | 2) => x};
    }
}

#[test]
fn a_fragment_may_be_handed_on_from_macro_to_macro() {
    let inner = fragment(quote!(1 + 2));
    let outer = fragment(quote!(#inner));
    assert_eq!(read(kept_together(quote!(#outer * 3))).to_string(), quote!((1 + 2) * 3).to_string());
}
