//! The list of mutants, as it is written in `list/`.
//!
//! One file an area; each mutant is a paragraph:
//!
//! ```text
//! [tell-before-home]
//! in: worker/life.rs, fn leave
//! breaks: a caller that is told of a death finds the tables at home
//! - seat.give_back(tables, reason, unsettled);
//! + tell(); seat.give_back(tables, reason, unsettled);
//! ```
//!
//! `in` is a file of `heir-runtime/src` and, where the snippet alone occurs more than once, a text that occurs once in the
//! file: then the snippet is looked for in the braces that follow that text. The lines with `-` are the snippet. White space
//! and comments in the source make no difference to it. The lines with `+` take its place; without any it is left out. A
//! snippet that is neither an expression nor whole statements (an arm of a `match`) has lines with `=` instead: they take its
//! place for good, and say `MUTANT` where they ask for the mutant, and `ORIGINAL` for the snippet itself.
//!
//! A mutant that no test can catch has a reason, `equivalent` or `race`; one that no test catches yet has `missing`, which
//! describes the test. A line that begins with two blanks goes on with the one before it.

use std::fmt::Write as _;
use std::path::Path;
use std::{fs, io};

/// One plausible regression.
#[derive(Debug, Default)]
pub(crate) struct Mutant {
    pub(crate) id: String,
    /// The area: the name of its list.
    pub(crate) area: String,
    /// Where in the list it stands, for whoever has to mend it.
    pub(crate) at: String,
    pub(crate) file: String,
    /// The text before the braces it is in.
    pub(crate) within: Option<String>,
    /// The promise it breaks.
    pub(crate) breaks: String,
    pub(crate) snippet: String,
    pub(crate) change: Change,
    pub(crate) excuse: Option<Excuse>,
}

/// What takes the place of the snippet.
#[derive(Debug)]
pub(crate) enum Change {
    /// This, while the mutant is chosen.
    To(String),
    /// This, always: it asks for the mutant itself.
    Template(String),
}

impl Default for Change {
    fn default() -> Self {
        Self::To(String::new())
    }
}

/// Why a mutant is not caught.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Excuse {
    /// Nobody could tell the difference.
    Equivalent(String),
    /// Only another order of two threads shows it.
    Race(String),
    /// A test could, and there is none.
    Missing(String),
}

/// Reads all lists of a folder, and tells of everything that is wrong with them.
pub(crate) fn read(folder: &Path) -> io::Result<Result<Vec<Mutant>, String>> {
    let mut files: Vec<_> = fs::read_dir(folder)?.collect::<io::Result<Vec<_>>>()?;
    files.sort_by_key(fs::DirEntry::path);
    let (mut mutants, mut errors) = (Vec::new(), String::new());
    for file in files {
        let path = file.path();
        let area = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        for paragraph in paragraphs(&fs::read_to_string(&path)?) {
            match parse(&area, &paragraph) {
                Ok(mutant) => mutants.push(mutant),
                Err(why) => {
                    let _ = writeln!(errors, "list/{area}.txt:{}: {why}", paragraph.line);
                }
            }
        }
    }
    for (place, mutant) in mutants.iter().enumerate() {
        if mutants[..place].iter().any(|before| before.id == mutant.id) {
            let _ = writeln!(errors, "{}: there are two mutants called `{}`", mutant.at, mutant.id);
        }
    }
    Ok(if errors.is_empty() { Ok(mutants) } else { Err(errors) })
}

struct Paragraph {
    line: usize,
    lines: Vec<String>,
}

fn paragraphs(text: &str) -> Vec<Paragraph> {
    let mut paragraphs: Vec<Paragraph> = Vec::new();
    for (number, line) in text.lines().enumerate() {
        if line.starts_with('[') {
            paragraphs.push(Paragraph { line: number + 1, lines: vec![line.to_owned()] });
        } else if let Some(paragraph) = paragraphs.last_mut()
            && !line.trim().is_empty()
            && !line.starts_with('#')
        {
            match (line.strip_prefix("  "), paragraph.lines.last_mut()) {
                (Some(more), Some(before)) if !before.starts_with(['-', '+', '=']) => {
                    let _ = write!(before, " {}", more.trim());
                }
                _ => paragraph.lines.push(line.to_owned()),
            }
        }
    }
    paragraphs
}

fn parse(area: &str, paragraph: &Paragraph) -> Result<Mutant, String> {
    let mut mutant = Mutant { area: area.to_owned(), ..Mutant::default() };
    let (mut snippet, mut to, mut template) = (Vec::new(), Vec::new(), Vec::new());
    for line in &paragraph.lines {
        let text = line.get(1..).unwrap_or_default().trim_start().to_owned();
        match line.as_bytes().first() {
            Some(b'[') => text.trim_end_matches(']').clone_into(&mut mutant.id),
            Some(b'-') => snippet.push(text),
            Some(b'+') => to.push(text),
            Some(b'=') => template.push(text),
            _ => read_key(&mut mutant, line)?,
        }
    }
    mutant.at = format!("list/{area}.txt:{} [{}]", paragraph.line, mutant.id);
    mutant.snippet = snippet.join("\n");
    for (what, text) in [("in", &mutant.file), ("breaks", &mutant.breaks), ("-", &mutant.snippet)] {
        if text.trim().is_empty() {
            return Err(format!("[{}] has no `{what}`", mutant.id));
        }
    }
    mutant.change = match (to.is_empty(), template.is_empty()) {
        (_, true) => Change::To(to.join("\n")),
        (true, false) => Change::Template(template.join("\n")),
        (false, false) => return Err(format!("[{}] has both `+` and `=`", mutant.id)),
    };
    match &mutant.change {
        Change::Template(template) if !template.contains("MUTANT") => {
            Err(format!("[{}] never asks for its `MUTANT`", mutant.id))
        }
        Change::To(_) if mutant.snippet.starts_with("let ") => Err(format!(
            "[{}] would hide its `let` in a block: write the expression alone, or use `=`",
            mutant.id
        )),
        Change::To(_) | Change::Template(_) => Ok(mutant),
    }
}

fn read_key(mutant: &mut Mutant, line: &str) -> Result<(), String> {
    let Some((key, value)) = line.split_once(": ") else {
        return Err(format!("[{}] cannot be read at `{line}`", mutant.id));
    };
    let value = value.trim().to_owned();
    match key {
        "in" => match value.split_once(", ") {
            Some((file, within)) => {
                (mutant.file, mutant.within) = (file.to_owned(), Some(within.to_owned()));
            }
            None => mutant.file = value,
        },
        "breaks" => mutant.breaks = value,
        "equivalent" => mutant.excuse = Some(Excuse::Equivalent(value)),
        "race" => mutant.excuse = Some(Excuse::Race(value)),
        "missing" => mutant.excuse = Some(Excuse::Missing(value)),
        _ => return Err(format!("[{}] has a `{key}`, which means nothing", mutant.id)),
    }
    Ok(())
}
