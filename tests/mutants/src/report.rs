//! The report: `tests/MUTANTS.md`.

use std::fmt::Write as _;

use crate::list::{Excuse, Mutant};
use crate::outcomes::{Outcomes, words};
use crate::run::{How, Outcome};

/// How many were caught, of how many that could be.
pub(crate) struct Score {
    caught: usize,
    of: usize,
    /// Those that the list says cannot be caught, and that were not.
    excused: usize,
    not_run: usize,
    /// What the list says that is not so, and those that nothing is said of.
    pub(crate) wrong: Vec<String>,
}

impl Score {
    pub(crate) fn of(mutants: &[Mutant], outcomes: &Outcomes) -> Self {
        let mut score = Self { caught: 0, of: 0, excused: 0, not_run: 0, wrong: Vec::new() };
        for mutant in mutants {
            let Some(outcome) = outcomes.get(&mutant.id) else {
                score.not_run += 1;
                continue;
            };
            let caught = is_caught(outcome);
            match &mutant.excuse {
                Some(Excuse::Equivalent(_) | Excuse::Race(_)) if !caught => score.excused += 1,
                _ => {
                    score.caught += usize::from(caught);
                    score.of += 1;
                }
            }
            let word = match &mutant.excuse {
                Some(Excuse::Equivalent(_)) if caught => "said to be equivalent, and caught",
                Some(Excuse::Missing(_)) if caught => "said to have no test, and caught",
                None if !caught => "not caught, and the list gives no reason",
                _ => continue,
            };
            score.wrong.push(format!("{}: {word}", mutant.at));
        }
        score
    }

    pub(crate) fn words(&self) -> String {
        #[expect(clippy::cast_precision_loss, reason = "some hundreds")]
        let percent = 100.0 * self.caught as f64 / self.of.max(1) as f64;
        let Self { caught, of, excused, not_run, .. } = self;
        let mut words = format!("{caught} of {of} are caught ({percent:.1} %); {excused} more cannot be");
        if *not_run > 0 {
            let _ = write!(words, "; {not_run} have not been run");
        }
        words
    }
}

fn is_caught(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Caught { how, .. } if *how != How::ByChance)
}

/// The report as text. It has no date and no times: it changes when the tests or the code do.
pub(crate) fn write(mutants: &[Mutant], outcomes: &Outcomes) -> String {
    let mut text = String::from(
        "# Mutants\n\nPlausible regressions in the code that custody rests on, put in one at a time: does a test fail? The \
         list is in\n`tests/mutants/list`; this report is written by\n\n```sh\ncargo run --release --manifest-path \
         tests/mutants/Cargo.toml\n```\n\n",
    );
    let intro = format!(
        "**{}.** Each is run against {} tests: those of `heir-runtime` (`lib`), `conformance` and `model`, in this order, \
         up to the first that fails; the tests that take long come last.",
        Score::of(mutants, outcomes).words(),
        outcomes.tests
    );
    wrapped(&mut text, "", "", &intro);
    text.push_str("\n## Those that survive\n\n");
    for mutant in mutants {
        let Some(outcome) = outcomes.get(&mutant.id).filter(|outcome| !is_caught(outcome)) else { continue };
        let (kind, why) = match &mutant.excuse {
            Some(Excuse::Equivalent(why)) => ("equivalent", &**why),
            Some(Excuse::Race(why)) => ("only a race shows it", &**why),
            Some(Excuse::Missing(why)) => ("a test is missing", &**why),
            None => ("a test is missing", "nobody has looked yet"),
        };
        let Mutant { id, file, breaks, .. } = mutant;
        let about = format!("`{id}` ({file}): {breaks}. *{kind}*: {why}. {}", words(outcome));
        wrapped(&mut text, "- ", "  ", &about);
    }
    text.push_str("\n## Those that are caught, and by which test\n");
    let mut area = "";
    for mutant in mutants {
        let Some(outcome) = outcomes.get(&mutant.id).filter(|outcome| is_caught(outcome)) else { continue };
        if area != mutant.area {
            area = &mutant.area;
            let _ = writeln!(text, "\n### {area}\n");
        }
        wrapped(&mut text, "- ", "  ", &format!("`{}`: {}. {}", mutant.id, mutant.breaks, words(outcome)));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_tells_what_it_was_written_of() {
        let mutant = |id: &str| Mutant {
            id: id.to_owned(),
            area: "estate".to_owned(),
            breaks:
                "a promise that is so long that it takes more than one line of the report to tell all of it"
                    .to_owned(),
            ..Mutant::default()
        };
        let mutants = ["a", "b", "c", "d", "e"].map(mutant);
        let mut outcomes = Outcomes::default();
        outcomes.tests = 361;
        outcomes.set("a", Outcome::Survived);
        for (id, how) in [("b", How::Failed), ("c", How::Hung), ("d", How::Ended), ("e", How::ByChance)] {
            let test =
                "links::a_test_whose_name_is_a_sentence_that_goes_on_for_rather_a_long_time".to_owned();
            outcomes.set(id, Outcome::Caught { suite: "conformance".to_owned(), test, how });
        }
        let report = write(&mutants, &outcomes);
        assert!(report.contains("3 of 5 are caught (60.0 %)"), "{report}");
        assert_eq!(Outcomes::of(&report), outcomes);
    }
}
