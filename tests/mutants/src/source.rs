//! A source file with mutants in it: where each snippet is, and the text with a switch in its place.

use std::fmt::Write as _;
use std::ops::Range;

use crate::list::{Change, Mutant};

/// A snippet that was found.
struct Found<'m> {
    mutant: &'m Mutant,
    range: Range<usize>,
    /// Those in the same text, or in a part of it.
    inner: Vec<Found<'m>>,
}

/// A file with switches in it, and the lines of each mutant.
pub(crate) struct Mutated {
    pub(crate) text: String,
    /// For each mutant its first line and its last; the outer before the inner.
    pub(crate) lines: Vec<(String, Range<usize>)>,
}

/// Puts the mutants of one file into its text; on an error, says what is wrong with each that cannot be put there.
pub(crate) fn mutate(text: &str, mutants: &[&Mutant]) -> Result<Mutated, Vec<String>> {
    let code = Code::new(text);
    let (mut found, mut errors) = (Vec::new(), Vec::new());
    for mutant in mutants {
        match code.find(mutant) {
            Ok(range) => found.push(Found { mutant, range, inner: Vec::new() }),
            Err(why) => errors.push(format!("{}: {why}", mutant.at)),
        }
    }
    // The outer before the inner, and the first in the list before the others.
    found.sort_by_key(|found| (found.range.start, std::cmp::Reverse(found.range.end)));
    let mut nested = Vec::new();
    for found in found {
        nest(&mut nested, found, &mut errors);
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    let mut mutated = Mutated { text: String::new(), lines: Vec::new() };
    render(text, 0..text.len(), &nested, &mut mutated);
    Ok(mutated)
}

fn nest<'m>(nested: &mut Vec<Found<'m>>, found: Found<'m>, errors: &mut Vec<String>) {
    match nested.last_mut() {
        Some(last) if found.range.start < last.range.end => {
            let hides = matches!(&last.mutant.change, Change::Template(to) if !to.contains("ORIGINAL"));
            if found.range.end > last.range.end || hides {
                let (one, other) = (&found.mutant.at, &last.mutant.id);
                errors.push(format!("{one}: it shares a part of its snippet with `{other}`, and cannot"));
            } else {
                nest(&mut last.inner, found, errors);
            }
        }
        _ => nested.push(found),
    }
}

fn render(text: &str, range: Range<usize>, nested: &[Found<'_>], into: &mut Mutated) {
    let mut from = range.start;
    for found in nested {
        into.text.push_str(&text[from..found.range.start]);
        let first = line_of(&into.text);
        let place = into.lines.len();
        into.lines.push((found.mutant.id.clone(), first..first));
        switch(text, found, into);
        into.lines[place].1.end = line_of(&into.text) + 1;
        from = found.range.end;
    }
    into.text.push_str(&text[from..range.end]);
}

/// Writes the original beside the mutant, so that both are compiled, and which of them runs is asked at run time.
fn switch(text: &str, found: &Found<'_>, into: &mut Mutated) {
    let asked = format!("crate::__mutant::is(\"{}\")", found.mutant.id);
    let original = |into: &mut Mutated| render(text, found.range.clone(), &found.inner, into);
    match &found.mutant.change {
        Change::Template(template) => {
            let mut parts = template.split("ORIGINAL");
            into.text.push_str(&parts.next().unwrap_or_default().replace("MUTANT", &asked));
            for part in parts {
                original(into);
                into.text.push_str(&part.replace("MUTANT", &asked));
            }
        }
        Change::To(to) => {
            let is_expression = !found.mutant.snippet.ends_with([';', '}']);
            let (open, close) = if is_expression { ("(", ")") } else { ("", "") };
            let _ = write!(into.text, "{open}if {asked} {{\n{to}\n}} else {{\n");
            original(into);
            let _ = write!(into.text, "\n}}{close}");
        }
    }
}

fn line_of(text: &str) -> usize {
    text.bytes().filter(|byte| *byte == b'\n').count() + 1
}

/// The code of a file, without comments, white space and unit tests.
struct Code {
    /// Its characters, and where each is in the text.
    characters: Vec<(usize, char)>,
}

impl Code {
    fn new(text: &str) -> Self {
        let end = text.find("#[cfg(test)]\nmod tests").unwrap_or(text.len());
        let mut characters = Vec::new();
        let mut start = 0;
        for line in text[..end].split_inclusive('\n') {
            let code = match line.find("//") {
                // A comment has nothing before it, or a blank.
                Some(at) if at == 0 || line[..at].ends_with([' ', '\t']) => &line[..at],
                _ => line,
            };
            characters.extend(
                code.char_indices()
                    .filter(|(_, character)| !character.is_whitespace())
                    .map(|(at, character)| (start + at, character)),
            );
            start += line.len();
        }
        Self { characters }
    }

    /// Where in the text the snippet of this mutant is: exactly once.
    fn find(&self, mutant: &Mutant) -> Result<Range<usize>, String> {
        let within = match &mutant.within {
            None => 0..self.characters.len(),
            Some(text) => match self.occurrences(text, 0..self.characters.len())[..] {
                [at] => self.braces_after(at),
                [] => return Err(format!("there is no `{text}` in {}", mutant.file)),
                _ => return Err(format!("`{text}` is there more than once in {}", mutant.file)),
            },
        };
        match self.occurrences(&mutant.snippet, within)[..] {
            [at] => {
                let last = at + squeezed(&mutant.snippet).len() - 1;
                let (end, character) = self.characters[last];
                Ok(self.characters[at].0..end + character.len_utf8())
            }
            [] => Err(format!("there is no such code in {} any more", mutant.place())),
            ref all => Err(format!("there is such code {} times in {}", all.len(), mutant.place())),
        }
    }

    fn occurrences(&self, text: &str, within: Range<usize>) -> Vec<usize> {
        let wanted = squeezed(text);
        within
            .clone()
            .filter(|at| {
                let here = &self.characters[*at..within.end];
                here.len() >= wanted.len()
                    && here.iter().zip(&wanted).all(|((_, character), wanted)| character == wanted)
            })
            .collect()
    }

    /// From here to the brace that closes the first one that opens.
    fn braces_after(&self, at: usize) -> Range<usize> {
        let mut depth = 0_usize;
        for (place, (_, character)) in self.characters.iter().enumerate().skip(at) {
            match character {
                '{' => depth += 1,
                '}' if depth == 1 => return at..place + 1,
                '}' => depth = depth.saturating_sub(1),
                _ => {}
            }
        }
        at..self.characters.len()
    }
}

fn squeezed(text: &str) -> Vec<char> {
    text.chars().filter(|character| !character.is_whitespace()).collect()
}

impl Mutant {
    /// Where its snippet is looked for.
    fn place(&self) -> String {
        match &self.within {
            Some(within) => format!("{}, `{within}`", self.file),
            None => self.file.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "fn one() {\n    a(x); // not b(y)\n    b(y);\n}\n\nfn two() {\n    b(y);\n}\n";

    fn mutant(id: &str, within: Option<&str>, snippet: &str, to: &str) -> Mutant {
        Mutant {
            id: id.to_owned(),
            within: within.map(str::to_owned),
            snippet: snippet.to_owned(),
            change: Change::To(to.to_owned()),
            ..Mutant::default()
        }
    }

    fn mutated(mutants: &[Mutant]) -> Result<String, Vec<String>> {
        Ok(mutate(SOURCE, &mutants.iter().collect::<Vec<_>>())?.text)
    }

    #[test]
    fn a_snippet_is_found_whatever_blanks_and_comments_are_in_it() {
        let text = mutated(&[mutant("m", None, "a( x );b(y);", "")]).unwrap();
        let switch = "if crate::__mutant::is(\"m\") {\n\n} else {\na(x); // not b(y)\n    b(y);\n}";
        assert_eq!(text, SOURCE.replace("a(x); // not b(y)\n    b(y);", switch));
    }

    #[test]
    fn all_snippets_that_are_not_there_once_are_named_together() {
        let mutants = [
            mutant("m", None, "c", ""),
            mutant("n", None, "b(y)", ""),
            mutant("o", Some("fn three"), "a", ""),
        ];
        assert_eq!(mutated(&mutants).unwrap_err().len(), 3);
    }

    #[test]
    fn a_snippet_is_looked_for_in_the_braces_it_is_in() {
        let text = mutated(&[mutant("m", Some("fn two"), "b(y)", "c")]).unwrap();
        let (one, two) = text.split_at(text.find("fn two").unwrap());
        assert!(
            !one.contains("__mutant")
                && two.contains("(if crate::__mutant::is(\"m\") {\nc\n} else {\nb(y)\n});")
        );
    }

    #[test]
    fn a_mutant_may_be_in_the_original_of_another() {
        let text =
            mutated(&[mutant("outer", None, "a(x);b(y);", ""), mutant("inner", None, "x", "z")]).unwrap();
        assert!(text.find("\"outer\"").unwrap() < text.find("\"inner\"").unwrap());
        assert!(
            mutated(&[mutant("m", None, "a(x);b", ""), mutant("n", Some("fn one"), "x); b(y)", "")]).is_err()
        );
    }
}
