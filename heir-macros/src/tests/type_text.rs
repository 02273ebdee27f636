use proc_macro2::{Group, TokenStream};
use quote::quote;

use super::*;

fn of(written: &str) -> String {
    type_text(&written.parse().expect("tokens"))
}

#[test]
fn a_type_has_one_text_however_it_is_written() {
    for written in [
        "Table<String, Vec<u8>>",
        "Table < String , Vec < u8 > >",
        "Table<String,Vec<u8>,>",
        "Table<\n    String, // the key\n    Vec<u8>,\n>",
        "heir_runtime::Table<std::string::String, ::std::vec::Vec<u8>>",
        "::heir_runtime::table::Table::<String, Vec::<core::primitive::u8>>",
        "(Table<(String), (Vec<(u8)>)>)",
        "r#Table<String, Vec<u8>>",
    ] {
        assert_eq!(of(written), "Table<String, Vec<u8>>", "{written}");
    }
}

#[test]
fn a_fragment_of_a_macro_is_no_part_of_the_text() {
    let fragment = |tokens: TokenStream| TokenTree::Group(Group::new(Delimiter::None, tokens));
    let (key, value) = (fragment(quote!(String)), fragment(quote!([u8; 4])));
    let table = fragment(quote!(a::Table<#key, Option<#value>>));
    assert_eq!(type_text(&quote!(#table)), "Table<String, Option<[u8; 4]>>");
    let length = fragment(quote!(4));
    assert_eq!(type_text(&quote!([u8; #length])), "[u8; 4]");
}

#[test]
fn each_form_of_a_type_has_its_text() {
    for (written, text) in [
        ("( )", "()"),
        ("(u8,)", "(u8,)"),
        ("( a::A ,B , )", "(A, B)"),
        ("[ u8;4 ]", "[u8; 4]"),
        ("[u8;{ N+1 }]", "[u8; { N + 1 }]"),
        ("[ a::A ]", "[A]"),
        ("&'static  str", "&'static str"),
        ("&  'a mut [u8]", "&'a mut [u8]"),
        ("std::borrow::Cow<'static , str>", "Cow<'static, str>"),
        ("Matrix<4,{ N }>", "Matrix<4, { N }>"),
        ("Box<dyn  a::Event+Send + 'static>", "Box<dyn Event + Send + 'static>"),
        ("Box<dyn Iterator<Item=a::A>>", "Box<dyn Iterator<Item = A>>"),
        ("<a::A as b::B<c::C>>::Row", "<A as B<C>>::Row"),
        ("<a::A>::Row", "<A>::Row"),
        ("r#type::r#struct", "struct"),
        ("fn(u8)->a::A", "fn ( u8 ) - > a : : A"),
        ("*const u8", "* const u8"),
        ("Box<dyn Fn( u8 )->u8>", "Box<dyn Fn ( u8 ) - > u8>"),
    ] {
        assert_eq!(of(written), text, "{written}");
    }
}

#[test]
fn what_is_no_type_has_a_text_all_the_same() {
    assert_eq!(of("1+ 2"), "1 + 2");
}
