//! The end of a program, tested on processes that get real signals. They wait for each other by the
//! lines of their output, and never by time.
#![cfg(unix)]

mod one_line;

use std::io::{BufRead, BufReader, Lines, Read};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ChildStderr, ChildStdout, Command, Stdio};

/// A running service.
struct Service {
    process: Child,
    lines: Lines<BufReader<ChildStdout>>,
    stderr: ChildStderr,
}

/// How it ended: its exit code, the lines that had not been read, and its stderr.
struct End {
    code: i32,
    lines: Vec<String>,
    stderr: String,
}

impl Service {
    /// Starts the service, and waits until it has told this.
    fn start(which: &str, until: &str) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_service"))
            .arg(which)
            .env("RUST_BACKTRACE", "0")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let stderr = process.stderr.take().unwrap();
        let mut service = Self { process, lines, stderr };
        service.wait_for(until);
        service
    }

    fn wait_for(&mut self, line: &str) {
        assert!(self.lines.by_ref().any(|told| told.unwrap() == line), "it has not told `{line}`");
    }

    fn signal(&self, name: &str) {
        let kill = format!("kill -s {name} {}", self.process.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    }

    fn end(mut self) -> End {
        let lines = self.lines.by_ref().map(Result::unwrap).collect();
        let mut stderr = String::new();
        self.stderr.read_to_string(&mut stderr).unwrap();
        let status = self.process.wait().unwrap();
        let code = status.code().unwrap_or_else(|| panic!("killed by signal {:?}", status.signal()));
        End { code, lines, stderr }
    }
}

/// A test that fails leaves no process behind.
impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn sigterm_and_sigint_stop_the_tree_in_reverse_order_and_the_code_is_0() {
    for signal in ["TERM", "INT"] {
        let service = Service::start("serves", "up");
        service.signal(signal);
        let End { code, lines, stderr } = service.end();
        assert_eq!((code, &*stderr), (0, ""));
        assert_eq!(lines, ["last stops", "inside stops", "first stops"]);
    }
}

#[test]
fn a_second_signal_ends_the_process_at_once_though_a_stop_hook_hangs() {
    for (first, second, expected) in [("TERM", "TERM", 143), ("INT", "INT", 130), ("INT", "TERM", 143)] {
        let mut service = Service::start("hangs", "up");
        service.signal(first);
        service.wait_for("last stops");
        service.signal(second);
        let End { code, lines, .. } = service.end();
        assert_eq!((code, lines), (expected, vec![]));
    }
}

#[test]
fn a_second_signal_ends_the_process_at_once_though_a_worker_blocks_the_only_thread() {
    for (first, second, expected) in [("TERM", "INT", 130), ("INT", "TERM", 143)] {
        let mut service = Service::start("blocks", "blocked");
        service.signal(first);
        service.wait_for("a signal has come");
        service.signal(second);
        let End { code, lines, .. } = service.end();
        assert_eq!((code, lines), (expected, vec![]));
    }
}

#[test]
fn a_tree_that_gives_up_ends_the_program_which_says_why_and_the_code_is_1() {
    let service = Service::start("gives up", "inside stops");
    let End { code, lines, stderr } = service.end();
    assert_eq!((code, lines), (1, vec!["first stops".to_owned()]));
    let why = "the tree gave up after too many restarts, the last because of panic: asked to die";
    assert_eq!(stderr.lines().last(), Some(why), "{stderr}");
}

#[test]
fn a_program_whose_tree_takes_longer_than_its_bound_says_who_was_aborted_and_the_code_is_1() {
    let service = Service::start("hangs and is late", "up");
    service.signal("TERM");
    let End { code, lines, stderr } = service.end();
    assert_eq!((code, lines), (1, vec!["last stops".to_owned()]));
    let who = "the worker of `last`, the worker of `first`, the worker of `inside`";
    let said = format!("the tree was asked to stop; aborted, because it did not stop in time: {who}\n");
    assert_eq!(stderr, said);
}

#[test]
fn one_signal_asks_all_trees_of_a_process() {
    let service = Service::start("is one of two", "up");
    service.signal("TERM");
    let End { code, lines, .. } = service.end();
    assert_eq!((code, lines.last().map(|line| &**line)), (0, Some("the other: the tree was asked to stop")));
}

#[test]
fn a_tree_that_has_ended_leaves_the_signals_to_those_that_still_run() {
    let service = Service::start("outlives another", "up");
    service.signal("TERM");
    let End { code, lines, .. } = service.end();
    assert_eq!((code, lines.len()), (0, 3), "{lines:?}");
}

#[test]
fn a_tree_that_begins_after_the_first_signal_is_asked_at_once_and_the_second_signal_stays_the_second() {
    let mut service = Service::start("hangs, and another begins", "up");
    service.signal("TERM");
    service.wait_for("the other: the tree was asked to stop");
    service.signal("TERM");
    assert_eq!(service.end().code, 143);
}

#[test]
fn a_program_that_goes_on_after_its_tree_ends_at_a_signal() {
    for (signal, expected) in [("TERM", 143), ("INT", 130)] {
        let service = Service::start("goes on", "over: the tree was asked to stop");
        service.signal(signal);
        assert_eq!(service.end().code, expected);
    }
}

#[test]
fn a_signal_asks_the_tree_that_a_program_starts_after_another_one() {
    let service = Service::start("starts another", "up");
    service.signal("TERM");
    let End { code, lines, stderr } = service.end();
    assert_eq!((code, lines, &*stderr), (0, vec![], ""));
}
