//! What became of each mutant when it was run last: read from the report, so that a mutant that has got a test, or a reason, is
//! run, or told of, without the others, and so that the test that caught one the last time is asked first.

use std::collections::BTreeMap;

use crate::run::{How, Outcome};

/// The outcomes by id, and how many tests there were.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcomes {
    pub(crate) tests: usize,
    by_id: BTreeMap<String, Outcome>,
}

impl Outcomes {
    /// What a report tells of.
    pub(crate) fn of(report: &str) -> Self {
        let mut outcomes = Self::default();
        for paragraph in report.split("\n- ").map(|text| text.split("\n#").next().unwrap_or_default()) {
            let words = paragraph.split_whitespace().collect::<Vec<_>>().join(" ");
            if let Some((id, outcome)) = read(&words) {
                outcomes.by_id.insert(id.to_owned(), outcome);
            }
        }
        let words = report.split_whitespace().collect::<Vec<_>>();
        let tests =
            words.windows(2).find(|words| words[1] == "tests:").and_then(|words| words[0].parse().ok());
        outcomes.tests = tests.unwrap_or_default();
        outcomes
    }

    pub(crate) fn get(&self, id: &str) -> Option<&Outcome> {
        self.by_id.get(id)
    }

    pub(crate) fn set(&mut self, id: &str, outcome: Outcome) {
        self.by_id.insert(id.to_owned(), outcome);
    }

    pub(crate) fn forget(&mut self, id: &str) {
        self.by_id.remove(id);
    }
}

/// How an outcome ends the words about its mutant; `read` reads it.
pub(crate) fn words(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Survived => "Survives.".to_owned(),
        Outcome::Caught { suite, test, how } => {
            let how = HOW.iter().find(|(known, _)| known == how).map_or("", |(_, words)| words);
            format!("{how} {suite} `{test}`.")
        }
    }
}

const HOW: [(How, &str); 4] = [
    (How::Failed, "Caught by"),
    (How::Hung, "Hangs"),
    (How::Ended, "Ends the process of"),
    (How::ByChance, "Caught by chance only, by"),
];

fn read(words: &str) -> Option<(&str, Outcome)> {
    let (id, rest) = words.strip_prefix('`')?.split_once('`')?;
    if rest.ends_with("Survives.") {
        return Some((id, Outcome::Survived));
    }
    let (before, test) = rest.strip_suffix("`.")?.rsplit_once(" `")?;
    let (before, suite) = before.rsplit_once(' ')?;
    let (how, _) = HOW.iter().rfind(|(_, how)| before.ends_with(how))?;
    Some((id, Outcome::Caught { suite: suite.to_owned(), test: test.to_owned(), how: *how }))
}
