//! The report: `tests/MUTANTS.md`.

use std::fmt::Write as _;

use crate::list::{Excuse, Mutant};
use crate::run::{How, Outcome};

/// Mutants, each with what became of it.
type Results<'m> = [(&'m Mutant, Outcome)];

/// How many were caught, of how many that could be.
pub(crate) struct Score {
    pub(crate) caught: usize,
    pub(crate) of: usize,
    /// Those that the list says cannot be caught, or that are caught by chance.
    pub(crate) excused: usize,
    /// What the list says that is not so, and those that nothing is said of.
    pub(crate) wrong: Vec<String>,
}

impl Score {
    pub(crate) fn of(results: &Results<'_>) -> Self {
        let mut score = Self { caught: 0, of: 0, excused: 0, wrong: Vec::new() };
        for (mutant, outcome) in results {
            let caught = is_caught(outcome);
            match &mutant.excuse {
                Some(Excuse::Equivalent(_) | Excuse::Race(_)) if !caught => score.excused += 1,
                _ => {
                    score.caught += usize::from(caught);
                    score.of += 1;
                }
            }
            let word = match (&mutant.excuse, outcome) {
                (Some(Excuse::Equivalent(_)), Outcome::Caught { .. }) => "said to be equivalent, and caught",
                (Some(Excuse::Missing(_)), _) if caught => "said to have no test, and caught",
                (None, _) if !caught => "not caught, and the list gives no reason",
                _ => continue,
            };
            score.wrong.push(format!("{}: {word}", mutant.at));
        }
        score
    }

    pub(crate) fn words(&self) -> String {
        #[expect(clippy::cast_precision_loss, reason = "some hundreds")]
        let percent = 100.0 * self.caught as f64 / self.of.max(1) as f64;
        let Self { caught, of, excused, .. } = self;
        format!("{caught} of {of} are caught ({percent:.1} %); {excused} more cannot be")
    }
}

fn is_caught(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Caught { how, .. } if *how != How::ByChance)
}

/// The report as text. It has no date and no times: it changes when the tests or the code do.
pub(crate) fn write(results: &Results<'_>, tests: usize) -> String {
    let score = Score::of(results);
    let mut text = String::from(
        "# Mutants\n\nPlausible regressions in the code that custody rests on, put in one at a time: does a test fail? The \
         list is in\n`tests/mutants/list`; this report is written by\n\n```sh\ncargo run --release --manifest-path \
         tests/mutants/Cargo.toml\n```\n\n",
    );
    let intro = format!(
        "**{}.** They are run against {tests} tests: those of `heir-runtime` (`lib`), `conformance` and `model`, in this \
         order, up to the first that fails.\n",
        score.words()
    );
    wrapped(&mut text, "", "", &intro);
    text.push_str("\n## Those that survive\n\n");
    for (mutant, outcome) in results.iter().filter(|(_, outcome)| !is_caught(outcome)) {
        let (kind, why) = match &mutant.excuse {
            Some(Excuse::Equivalent(why)) => ("equivalent", &**why),
            Some(Excuse::Race(why)) => ("only a race shows it", &**why),
            Some(Excuse::Missing(why)) => ("a test is missing", &**why),
            None => ("a test is missing", "nobody has looked yet"),
        };
        let chance = match outcome {
            Outcome::Caught { suite, test, .. } => format!(" By chance, {suite} `{test}` has caught it."),
            Outcome::Survived => String::new(),
        };
        let Mutant { id, file, breaks, .. } = mutant;
        wrapped(&mut text, "- ", "  ", &format!("`{id}` ({file}): {breaks}. *{kind}*: {why}.{chance}\n"));
    }
    text.push_str("\n## Those that are caught, and by which test\n");
    let mut area = "";
    for (mutant, outcome) in results {
        let Outcome::Caught { suite, test, how } = outcome else { continue };
        if *how == How::ByChance {
            continue;
        }
        if area != mutant.area {
            area = &mutant.area;
            let _ = writeln!(text, "\n### {area}\n");
        }
        let how = match how {
            How::Hung => ", which hangs",
            How::Ended => ", whose process ends",
            How::Failed | How::ByChance => "",
        };
        let Mutant { id, breaks, .. } = mutant;
        wrapped(&mut text, "- ", "  ", &format!("`{id}`: {breaks}. {suite} `{test}`{how}\n"));
    }
    text
}

/// Writes words in lines of at most a hundred columns.
fn wrapped(text: &mut String, first: &str, others: &str, words: &str) {
    let mut line = String::from(first);
    for word in words.split_whitespace() {
        if line.chars().count() + word.chars().count() > 100 && line.trim() != first.trim() {
            let _ = writeln!(text, "{}", line.trim_end());
            others.clone_into(&mut line);
        }
        let _ = write!(line, "{word} ");
    }
    let _ = writeln!(text, "{}", line.trim_end());
}
