use quote::quote;

use super::*;

fn duration_of(text: &str) -> Result<u64, String> {
    parse_duration(text).map(|Millis(millis)| millis)
}

/// Reads options of `#[heir(..)]`, ignoring their values; returns the error messages.
fn messages(tokens: TokenStream) -> String {
    let mut errors = Errors::new();
    let mut name = Slot::default();
    read_list(tokens, "heir", HEIR, &mut errors, |key, input, errors| {
        match key.to_string().as_str() {
            "mailbox" => drop(count::<u16>(input, key, "`mailbox = 64`")?),
            "crate" => drop(root_path(input, key)?),
            "shutdown" => drop(duration(input, key)?),
            "restart" => word(input, key, &[("permanent", ()), ("transient", ())])?,
            _ => name.fill(key, text(input, key)?, errors),
        }
        Ok(())
    });
    errors.finish().unwrap_or_default().to_string()
}

#[test]
fn a_duration_is_a_number_and_a_unit() {
    assert_eq!(duration_of("250ms"), Ok(250));
    assert_eq!(duration_of("10s"), Ok(10_000));
    assert_eq!(duration_of("5m"), Ok(300_000));
    assert_eq!(duration_of("1h"), Ok(3_600_000));
    assert_eq!(duration_of("18446744073709551615ms"), Ok(u64::MAX));
}

#[test]
fn a_duration_that_is_none_says_how_to_write_one() {
    for (text, part) in [
        ("", "write a number and a unit"),
        ("s", "write a number and a unit"),
        ("10", "write `\"10ms\"`, `\"10s\"`"),
        ("10d", "`d` is not a unit"),
        ("1.5s", "`.5s` is not a unit"),
        ("0s", "it is zero"),
        ("99999999999999999999s", "too long: write at most `\"18446744073709551615ms\"`"),
        ("9999999999999999999h", "too long"),
        ("18446744073709551616ms", "too long"),
    ] {
        let reason = duration_of(text).expect_err(text);
        assert!(reason.contains(part), "{text}: {reason}");
    }
}

#[test]
fn each_option_is_read_on_its_own() {
    let messages = messages(quote!(mailbox = 0, restrat = x, shutdown = 5, name = "", crate = heir));
    for part in [
        "`0` is out of range for `mailbox`",
        "did you mean `restart`?",
        "`shutdown = 5` has no unit",
        "`name` is empty",
        "start the path with `::` or `crate`",
    ] {
        assert!(messages.contains(part), "{part}: {messages}");
    }
}

#[test]
fn an_option_without_a_value_says_what_to_write() {
    for tokens in [quote!(mailbox), quote!(mailbox =), quote!(mailbox, name = "x"), quote!(mailbox(64))] {
        let messages = messages(tokens);
        assert!(messages.contains("write `mailbox = 64`, or leave it out for `64`"), "{messages}");
    }
}

#[test]
fn an_option_given_twice_is_reported_at_both_places() {
    let messages = messages(quote!(name = "a", name = "b"));
    assert!(messages.contains("`name` is first given here"), "{messages}");
    assert!(messages.contains("`name` is given twice"), "{messages}");
}

#[test]
fn a_word_in_quotes_is_told_to_lose_them() {
    let messages = messages(quote!(restart = "transient"));
    assert!(messages.contains("write `restart = transient`"), "{messages}");
}

#[test]
fn a_trailing_comma_is_fine() {
    assert_eq!(messages(quote!(name = "a", mailbox = 3,)), "");
    assert_eq!(messages(quote!()), "");
}
