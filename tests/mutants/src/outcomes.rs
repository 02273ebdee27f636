//! What became of each mutant when it was run last: kept in `target/mutants`, so that one that has got a test, or a reason, can
//! be run, or told of, without the others.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{fs, io};

use crate::run::{How, Outcome};

/// The outcomes by id, and how many tests there were.
pub(crate) struct Outcomes {
    file: PathBuf,
    pub(crate) tests: usize,
    by_id: BTreeMap<String, Outcome>,
}

impl Outcomes {
    /// Those of earlier runs, if there are any.
    pub(crate) fn load(root: &Path) -> Self {
        let file = root.join("target/mutants/outcomes.txt");
        let text = fs::read_to_string(&file).unwrap_or_default();
        let mut lines = text.lines();
        let tests = lines.next().and_then(|tests| tests.parse().ok()).unwrap_or_default();
        Self { file, tests, by_id: lines.filter_map(read).collect() }
    }

    /// Nothing is known any more: the code, or the tests, may be others.
    pub(crate) fn forget(&mut self) {
        self.by_id.clear();
    }

    pub(crate) fn get(&self, id: &str) -> Option<&Outcome> {
        self.by_id.get(id)
    }

    pub(crate) fn set(&mut self, id: &str, outcome: Outcome) {
        self.by_id.insert(id.to_owned(), outcome);
    }

    pub(crate) fn save(&self) -> io::Result<()> {
        let mut text = format!("{}\n", self.tests);
        for (id, outcome) in &self.by_id {
            let _ = match outcome {
                Outcome::Survived => writeln!(text, "{id}"),
                Outcome::Caught { suite, test, how } => writeln!(text, "{id}\t{suite}\t{test}\t{how:?}"),
            };
        }
        fs::write(&self.file, text)
    }
}

fn read(line: &str) -> Option<(String, Outcome)> {
    let mut parts = line.split('\t').map(str::to_owned);
    let id = parts.next()?;
    let Some(suite) = parts.next() else { return Some((id, Outcome::Survived)) };
    let test = parts.next()?;
    let how = parts.next()?;
    let all = [How::Failed, How::Hung, How::Ended, How::ByChance];
    let how = all.into_iter().find(|known| format!("{known:?}") == how)?;
    Some((id, Outcome::Caught { suite, test, how }))
}
