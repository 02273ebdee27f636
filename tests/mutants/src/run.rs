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
struct Said {
    /// The test that failed.
    failed: Option<(String, How)>,
    /// How long the longest test took.
    longest: Duration,
    tests: usize,
}

/// The suites without a mutant: how many tests they have, and how long one may take. The error names the test that fails.
pub(crate) fn unharmed(suites: &[Suite]) -> io::Result<Result<(usize, Duration), String>> {
    let (mut tests, mut longest) = (0, Duration::ZERO);
    for suite in suites {
        let said = run(suite, None, None, Duration::from_mins(5))?;
        if let Some((test, how)) = said.failed {
            return Ok(Err(format!("without a mutant, {} {test} fails already ({how:?})", suite.name)));
        }
        tests += said.tests;
        longest = longest.max(said.longest);
    }
    Ok(Ok((tests, (longest * 10).max(Duration::from_secs(30)))))
}

/// Runs the suites with this mutant until a test fails; first the test that did so before.
pub(crate) fn against(
    suites: &[Suite],
    mutant: &str,
    before: Option<&Outcome>,
    limit: Duration,
) -> io::Result<Outcome> {
    if let Some(before @ Outcome::Caught { suite, test, how: How::Failed }) = before
        && let Some(suite) = suites.iter().find(|known| known.name == *suite)
    {
        let said = run(suite, Some(mutant), Some(test), limit)?;
        if said.failed.is_some_and(|(failed, how)| failed == *test && how == How::Failed) {
            return Ok(before.clone());
        }
    }
    let mut limit = limit;
    'again: loop {
        for suite in suites {
            let Some((test, mut how)) = run(suite, Some(mutant), None, limit)?.failed else { continue };
            // A test that fails now and then catches nothing.
            if how == How::Failed && run(suite, Some(mutant), Some(&test), limit)?.failed.is_none() {
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
    let begin = Instant::now();
    run(suite, None, Some(test), limit * 10)?;
    let limit = (begin.elapsed() * 10).max(limit);
    Ok(run(suite, Some(mutant), Some(test), limit)?.failed.is_some())
}

/// Runs the tests of a suite, or one of them, one after the other: then the one that fails first is always the same.
fn run(suite: &Suite, mutant: Option<&str>, only: Option<&str>, limit: Duration) -> io::Result<Said> {
    let mut command = Command::new("sh");
    // A mutant may go round for ever: it shall not take the machine's memory with it.
    command.args(["-c", "ulimit -v 8000000; exec \"$0\" \"$@\""]).arg(&suite.binary);
    command.arg("--test-threads=1").args(only.into_iter().flat_map(|test| ["--exact", test]));
    command.current_dir(&suite.folder).env("CARGO_MANIFEST_DIR", &suite.folder).env_remove(VARIABLE);
    command.envs(mutant.map(|mutant| (VARIABLE, mutant)));
    // The same operations each time, without a search for the smallest, and without a file of those that failed.
    command.env("PROPTEST_RNG_SEED", "1").env("PROPTEST_MAX_SHRINK_ITERS", "0");
    command.env("PROPTEST_DISABLE_FAILURE_PERSISTENCE", "1");
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
    let mut said = Said { failed: None, longest: Duration::ZERO, tests: 0 };
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
            said.tests += 1;
            said.longest = said.longest.max(since.elapsed());
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
