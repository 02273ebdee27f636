//! One mutant against the suites.

use std::io::{self, Read};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use crate::workspace::{Suite, VARIABLE};

/// What the suites say of a mutant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// This test failed.
    Caught { suite: String, test: String, how: How },
    /// All tests passed.
    Survived,
}

/// How a test failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    Failed,
    /// It had not ended when it was long overdue.
    Hung,
    /// Its process was ended by a signal: an abort, or too little memory.
    Ended,
    /// It failed once, and not when it was run again.
    ByChance,
}

/// What one process said.
#[derive(Default)]
struct Said {
    /// The test that failed.
    failed: Option<(String, How)>,
    /// How long each test took.
    tests: Vec<(String, Duration)>,
}

/// The suites as they are without a mutant.
pub(crate) struct Unharmed<'s> {
    suites: &'s [Suite],
    /// Of each suite, the tests that take long: they are asked when all others have passed.
    slow: Vec<Vec<String>>,
    pub(crate) tests: usize,
    /// A test that takes longer is taken to hang: one that is not slow, and one that is.
    pub(crate) limits: [Duration; 2],
}

/// The tests that take long are run only against what all others have let pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    Quick,
    Slow,
}

/// Which tests of a suite are run.
#[derive(Clone, Copy)]
enum Tests<'t> {
    Only(&'t [String]),
    AllBut(&'t [String]),
}

/// A test that takes longer than this is slow.
const SLOW: Duration = Duration::from_secs(1);

/// The test that reads the source: it would read all mutants at once.
const READS_THE_SOURCE: &str =
    "hostile::places::each_place_that_the_page_names_exists_and_each_function_that_catches_a_panic_is_named";

/// Runs the suites without a mutant. The error names the test that fails.
pub(crate) fn unharmed(suites: &[Suite]) -> io::Result<Result<Unharmed<'_>, String>> {
    let (mut slow, mut tests, mut longest) = (Vec::new(), 0, SLOW);
    for suite in suites {
        let said = run(suite, None, Tests::AllBut(&[]), Duration::from_mins(5))?;
        if let Some((test, how)) = said.failed {
            return Ok(Err(format!("without a mutant, {} {test} fails already ({how:?})", suite.name)));
        }
        tests += said.tests.len();
        longest = said.tests.iter().map(|(_, took)| *took).max().unwrap_or_default().max(longest);
        slow.push(said.tests.into_iter().filter(|(_, took)| *took > SLOW).map(|(test, _)| test).collect());
    }
    let limits = [SLOW * 10, (longest * 10).max(Duration::from_secs(30))];
    Ok(Ok(Unharmed { suites, slow, tests, limits }))
}

impl Unharmed<'_> {
    /// What is run against a mutant at this pace, in this order, until a test fails; and the limit for a test of these.
    fn parts(&self, pace: Pace) -> (Vec<(&Suite, Tests<'_>)>, Duration) {
        let [quick_limit, slow_limit] = self.limits;
        let suites = self.suites.iter().zip(&self.slow);
        match pace {
            Pace::Quick => (suites.map(|(suite, slow)| (suite, Tests::AllBut(slow))).collect(), quick_limit),
            Pace::Slow => {
                let suites = suites.filter(|(_, slow)| !slow.is_empty());
                (suites.map(|(suite, slow)| (suite, Tests::Only(slow))).collect(), slow_limit)
            }
        }
    }
}

/// Runs the suites with this mutant until a test fails; first the test that did so before.
pub(crate) fn against(
    unharmed: &Unharmed<'_>,
    mutant: &str,
    before: Option<&Outcome>,
    pace: Pace,
) -> io::Result<Outcome> {
    let (parts, mut limit) = unharmed.parts(pace);
    if let Some(before @ Outcome::Caught { suite, test, how: How::Failed }) = before
        && let Some(suite) = unharmed.suites.iter().find(|known| known.name == *suite)
    {
        let said = run(suite, Some(mutant), Tests::Only(std::slice::from_ref(test)), limit)?;
        if said.failed.is_some_and(|(failed, how)| failed == *test && how == How::Failed) {
            return Ok(before.clone());
        }
    }
    let mut chances = 3;
    'again: loop {
        for (suite, tests) in &parts {
            let Some((test, mut how)) = run(suite, Some(mutant), *tests, limit)?.failed else { continue };
            // A test that fails now and then catches nothing; behind it another one may.
            let alone = Tests::Only(std::slice::from_ref(&test));
            if how == How::Failed && run(suite, Some(mutant), alone, limit)?.failed.is_none() {
                chances -= 1;
                if chances > 0 {
                    continue 'again;
                }
                how = How::ByChance;
            }
            if how == How::Hung && !hangs(suite, mutant, &test, limit)? {
                limit *= 4;
                continue 'again;
            }
            return Ok(Outcome::Caught { suite: suite.name.to_owned(), test, how });
        }
        return Ok(Outcome::Survived);
    }
}

/// Whether a test that was overdue hangs: the machine may just have other things to do. So it is measured without the mutant, now.
fn hangs(suite: &Suite, mutant: &str, test: &str, limit: Duration) -> io::Result<bool> {
    let test = &[test.to_owned()];
    let begin = Instant::now();
    run(suite, None, Tests::Only(test), limit * 10)?;
    let limit = (begin.elapsed() * 10).max(limit);
    Ok(run(suite, Some(mutant), Tests::Only(test), limit)?.failed.is_some())
}

/// Runs tests of a suite, one after the other: then the one that fails first is always the same.
fn run(suite: &Suite, mutant: Option<&str>, tests: Tests<'_>, limit: Duration) -> io::Result<Said> {
    let mut command = Command::new("sh");
    // A mutant may go round for ever: it shall not take the machine's memory with it.
    command.args(["-c", "ulimit -v 8000000; exec \"$0\" \"$@\""]).arg(&suite.binary);
    command.args(["--test-threads=1", "--exact"]);
    match tests {
        Tests::AllBut(slow) => {
            let left_out = slow.iter().map(|test| &**test).chain([READS_THE_SOURCE]);
            command.args(left_out.flat_map(|test| ["--skip", test]));
        }
        Tests::Only(tests) => {
            command.args(tests);
        }
    }
    command.current_dir(&suite.folder).env("CARGO_MANIFEST_DIR", &suite.folder).env_remove(VARIABLE);
    command.envs(mutant.map(|mutant| (VARIABLE, mutant)));
    // The same operations each time, without a search for the smallest, and without a file of those that failed.
    command.env("PROPTEST_RNG_SEED", "1").env("PROPTEST_MAX_SHRINK_ITERS", "0");
    command.env("PROPTEST_DISABLE_FAILURE_PERSISTENCE", "1");
    // Very many tests panic on purpose.
    command.env("RUST_BACKTRACE", "0");
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    let output = chunks(&mut child);
    let said = listen(&output, limit);
    if said.as_ref().is_ok_and(|said| said.failed.is_none()) {
        let status = child.wait()?;
        let mut said = said.unwrap_or_else(|said| said);
        if !status.success() {
            said.failed = Some(("(the process)".to_owned(), How::Ended));
        }
        return Ok(said);
    }
    // It may have ended by itself.
    let _ = child.kill();
    child.wait()?;
    Ok(said.unwrap_or_else(|said| said))
}

/// What the process writes, as it comes.
fn chunks(child: &mut Child) -> Receiver<String> {
    let (send, receive) = channel();
    if let Some(mut stdout) = child.stdout.take() {
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(some @ 1..) = stdout.read(&mut buffer) {
                if send.send(String::from_utf8_lossy(&buffer[..some]).into_owned()).is_err() {
                    return;
                }
            }
        });
    }
    receive
}

/// Follows the tests until the first that fails; the error is that the process went away in the middle of one.
fn listen(output: &Receiver<String>, limit: Duration) -> Result<Said, Said> {
    let mut said = Said::default();
    let (mut unread, mut since) = (String::new(), Instant::now());
    loop {
        match output.recv_timeout(limit.saturating_sub(since.elapsed())) {
            Ok(more) => unread.push_str(&more),
            Err(RecvTimeoutError::Timeout) => {
                said.failed = Some((under_way(&unread), How::Hung));
                return Ok(said);
            }
            Err(RecvTimeoutError::Disconnected) => {
                let test = under_way(&unread);
                if test.is_empty() {
                    return Ok(said);
                }
                said.failed = Some((test, How::Ended));
                return Err(said);
            }
        }
        while let Some(end) = unread.find('\n') {
            let line: String = unread.drain(..=end).collect();
            let Some(test) = name(&line) else { continue };
            said.tests.push((test.to_owned(), since.elapsed()));
            since = Instant::now();
            if line.trim_end().ends_with("FAILED") {
                said.failed = Some((test.to_owned(), How::Failed));
                return Ok(said);
            }
        }
    }
}

/// The test whose line has begun and not ended.
fn under_way(line: &str) -> String {
    name(line).unwrap_or_default().to_owned()
}

fn name(line: &str) -> Option<&str> {
    Some(line.strip_prefix("test ")?.split_once(" ... ")?.0.trim_end_matches(" - should panic"))
}
