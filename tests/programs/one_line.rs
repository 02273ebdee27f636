//! What a program says of its workers' panics when it wants them in one line: tested on processes,
//! because the panic hook and stderr are the process's.

use std::process::Command;

const SOURCE: &str = include_str!("panics.rs");

/// What a program has said.
struct Said {
    success: bool,
    /// Events, and what a subscriber was told.
    stdout: Vec<String>,
    stderr: String,
}

/// Runs a program to its end, with panics in one line if `args` says so.
fn run(which: &str, args: &[&str]) -> Said {
    run_with("0", which, args)
}

fn run_with(backtrace: &str, which: &str, args: &[&str]) -> Said {
    let mut program = Command::new(env!("CARGO_BIN_EXE_panics"));
    program.arg(which).args(args).env("RUST_BACKTRACE", backtrace).env_remove("RUST_LIB_BACKTRACE");
    let output = program.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Said {
        success: output.status.success(),
        stdout: text(output.stdout).lines().map(str::to_owned).collect(),
        stderr: text(output.stderr),
    }
}

/// The place of the first `panics` behind `after` in the program.
fn place(after: &str, panics: &str) -> String {
    let from = SOURCE.find(after).unwrap_or_else(|| panic!("no `{after}`"));
    let at = from + SOURCE[from..].find(panics).unwrap();
    let line_start = SOURCE[..at].rfind('\n').unwrap() + 1;
    let line = SOURCE[..at].matches('\n').count() + 1;
    format!("tests/programs/panics.rs:{line}:{}", at - line_start + 1)
}

/// The line of a death of `loud` over a message.
fn died_in(handler: &str, words: &str) -> String {
    format!(
        "loud: worker 1 panicked in `{handler}` at {}: {words}",
        place(&format!("fn {handler}("), "panic!")
    )
}

const FOLLOWS: [&str; 2] = [
    "loud: worker 1 died in the middle of a message (panic: asked to die), manager regains the tables",
    "loud: worker ended (panic: asked to die), supervisor restarts it",
];

#[test]
fn a_panic_is_one_line_on_stderr_and_an_event_before_those_that_follow_from_it() {
    let said = run("die", &["a line"]);
    let line = died_in("die", "asked to die");
    assert_eq!(said.stderr, format!("{line}\n"));
    assert_eq!(said.stdout, [&*line, FOLLOWS[0], FOLLOWS[1]]);
    assert!(said.success);
}

#[test]
fn a_subscriber_is_told_it_as_an_error_and_what_follows_from_it_only_at_debug() {
    let said = run("die", &["a line", "traced", "unobserved"]);
    assert_eq!(said.stderr, "");
    let debug = FOLLOWS.map(|line| format!("DEBUG {line}"));
    let is_told = |line: &&String| !line.starts_with("DEBUG") || debug.contains(line);
    let told: Vec<_> = said.stdout.iter().filter(is_told).map(|line| &**line).collect();
    let line = format!("ERROR {}", died_in("die", "asked to die"));
    let end = "INFO loud: stopped for good: it was shut down; the tables stay in the estate";
    let last = "INFO app: supervisor stopped for good: it was shut down";
    assert_eq!(told, [&line, &*debug[0], &*debug[1], end, last]);
}

#[test]
fn without_it_a_panic_is_rusts_own_report_and_two_warnings() {
    let said = run("die", &["traced", "unobserved"]);
    let report = format!("panicked at {}:\nasked to die\n", place("fn die(", "panic!"));
    assert!(said.stderr.contains(&report), "{}", said.stderr);
    let loud: Vec<_> = said.stdout.iter().filter_map(|line| line.strip_prefix("WARN ")).collect();
    assert_eq!(loud, FOLLOWS);
    assert!(!said.stdout.iter().any(|line| line.contains("worker 1 panicked")));
}

#[test]
fn each_panic_says_in_which_handler_hook_or_task_it_was() {
    let in_hook = |hook: &str, at: &str, words: &str| {
        format!("loud: worker 1 panicked in `#[on({hook})]` at {}: {words}", place(at, "assert!"))
    };
    let line =
        |who: &str, at: &str, panics: &str, words: &str| format!("{who} at {}: {words}", place(at, panics));
    let died = || died_in("die", "asked to die");
    let cases = [
        ("die later", vec![died_in("die_later", "asked to die later")]),
        ("die in time", vec![died_in("die_later", "asked to die later")]),
        (
            "raise",
            vec![line(
                "loud: worker 1 panicked in `raise`",
                "fn raise(",
                "panic_any",
                "a panic whose payload is not text",
            )],
        ),
        ("transfer", vec![in_hook("transfer", "fn transfer(", "in a transfer")]),
        ("start", vec![in_hook("start", "fn start(", "in a start")]),
        ("stop", vec![in_hook("stop", "fn stop(", "in a stop")]),
        (
            "down",
            vec![
                died().replace("loud", "second"),
                line("first: worker 1 panicked in `#[on(down)]`", "fn down(", "panic!", "in a down"),
            ],
        ),
        (
            "verify",
            vec![
                died(),
                line("loud: manager panicked in `#[on(verify)]`", "fn verify(", "assert!", "in a verify"),
            ],
        ),
        ("init", vec![line("loud: manager panicked in `init`", "fn counted(", "assert!", "in init")]),
        (
            "attach",
            vec![line("loud: worker 1 panicked in task `reader`", "fn attach(", "panic!", "in a task")],
        ),
        ("follow", vec![line("loud: worker 1 panicked", "fn follow(", "panic!", "after the commit")]),
        (
            "hang",
            vec![line(
                "loud: worker 1 panicked in `hang`",
                "impl Drop for Breaks",
                "panic!",
                "in a destructor",
            )],
        ),
        (
            "keep what breaks",
            vec![
                died_in("keep_what_breaks", "asked to die"),
                line("loud: manager panicked", "impl Drop for Breaks", "panic!", "in a destructor"),
            ],
        ),
        (
            "write and die",
            vec![
                died_in("write_and_die", "asked to die"),
                line("loud: manager panicked", "impl Drop for Fragile", "panic!", "in a row"),
            ],
        ),
        (
            "by hand",
            vec![line("handmade: worker 1 panicked in `wake`", "fn handle(", "assert!", "asked to die")],
        ),
    ];
    for (which, expected) in cases {
        let said = run(which, &["a line"]);
        assert_eq!(said.stderr.lines().collect::<Vec<_>>(), expected, "{which}");
        let events = said.stdout.iter().filter(|event| event.contains(" panicked ")).map(|event| &**event);
        let events = events.filter(|event| !event.contains("are quarantined"));
        assert_eq!(events.collect::<Vec<_>>(), expected, "{which}");
        assert_eq!(said.stdout.first(), expected.first(), "{which}");
        assert!(said.success, "{which}");

        // Nothing else is told of it above the level debug, but what is not the panic itself.
        let said = run(which, &["a line", "traced", "unobserved"]);
        assert_eq!(said.stderr, "", "{which}");
        let errors = said.stdout.iter().filter_map(|line| line.strip_prefix("ERROR "));
        let errors = errors.filter(|line| !line.contains("are quarantined"));
        assert_eq!(errors.collect::<Vec<_>>(), expected, "{which}");
        // It dies of the kill, and its task of the panic.
        let warnings = usize::from(which == "hang");
        let told = said.stdout.iter().filter(|line| line.starts_with("WARN")).count();
        assert_eq!(told, warnings, "{which}: {:?}", said.stdout);
    }
}

#[test]
fn a_message_of_several_lines_is_told_on_one() {
    let said = run("compare", &["a line"]);
    let words = r"assertion `left == right` failed: the counts\tdiffer\n  left: 0\n right: 7";
    let place = place("fn compare(", "assert_eq!");
    assert_eq!(said.stderr, format!("loud: worker 1 panicked in `compare` at {place}: {words}\n"));
}

#[test]
fn a_panic_that_the_users_own_code_catches_is_told_when_its_poll_ends() {
    let said = run("catch", &["a line"]);
    let line = format!("loud: worker 1 panicked at {}: caught by hand", place("fn catch(", "panic!"));
    assert_eq!(said.stderr, format!("{line}\n"));
    assert_eq!(said.stdout, [line]);
}

#[test]
fn of_two_panics_of_one_message_each_is_told_once_and_the_one_it_dies_of_has_its_handler() {
    let said = run("catch and die", &["a line"]);
    let first =
        format!("loud: worker 1 panicked at {}: caught by hand", place("fn catch_and_die(", "panic!"));
    let at = place("fn catch_and_die(", "panic!(\"asked");
    let second = format!("loud: worker 1 panicked in `catch_and_die` at {at}: asked to die");
    assert_eq!(said.stderr, format!("{first}\n{second}\n"));
    assert_eq!(said.stdout, [&*first, &*second, FOLLOWS[0], FOLLOWS[1]]);
}

#[test]
fn of_two_panics_that_end_the_process_each_is_seen() {
    for more in [&[][..], &["traced"]] {
        let said = run("die twice", &[&["a line"], more].concat());
        assert!(!said.success);
        let line = |at, words| format!("loud: worker 1 panicked at {}: {words}\n", place(at, "panic!"));
        let both = [line("fn die_twice(", "asked to die"), line("impl Drop for Breaks", "in a destructor")];
        let rest = said.stderr.strip_prefix(&both.concat()).unwrap_or_else(|| panic!("{}", said.stderr));
        assert!(rest.contains("panic in a destructor during cleanup"), "{rest}");
        assert_eq!(said.stderr.matches("asked to die").count(), 1, "{}", said.stderr);
    }
}

#[test]
fn a_death_by_a_panic_that_was_not_seen_here_stays_a_warning() {
    // Of another task, whose panic the handler passes on.
    let said = run("pass on", &["a line", "traced", "unobserved"]);
    let warnings = |said: &Said| said.stdout.iter().filter(|line| line.starts_with("WARN")).count();
    assert_eq!((&*said.stderr, warnings(&said)), ("", 2));
    // Of another worker, to which it is linked.
    let said = run("link", &["a line", "traced", "unobserved"]);
    assert_eq!(warnings(&said), 2, "{:?}", said.stdout);
    assert!(
        said.stdout
            .contains(&"WARN first: worker 1 died (panic: asked to die), manager regains the tables".into())
    );
    let told = said.stdout.iter().filter_map(|line| line.strip_prefix("ERROR "));
    assert_eq!(told.collect::<Vec<_>>(), [died_in("die", "asked to die").replace("loud", "second")]);
}

#[test]
fn panics_outside_of_workers_keep_the_hook_that_was_there() {
    for (which, words) in [
        ("elsewhere", &["in a task of the program", "in a thread"][..]),
        ("join", &["in a task of the user's"]),
    ] {
        let said = run(which, &["a line"]);
        assert_eq!(said.stderr.matches("panicked at").count(), words.len(), "{}", said.stderr);
        for words in words {
            let at = place(&format!("{words}\""), "\"").len();
            assert!(at > 0 && said.stderr.contains(&format!(":\n{words}\n")), "{}", said.stderr);
        }
        assert!(said.stdout.is_empty(), "{:?}", said.stdout);
    }
}

#[test]
fn tasks_that_ran_before_it_was_called_keep_the_hook_that_was_there() {
    let said = run("begun before", &["traced", "unobserved"]);
    let report = format!("panicked at {}:\nasked to die\n", place("fn die(", "panic!"));
    assert_eq!(said.stderr.matches("panicked").count(), 1);
    assert!(said.stderr.contains(&report), "{}", said.stderr);
    let told: Vec<_> = said.stdout.iter().filter(|line| !line.starts_with("DEBUG")).collect();
    let second = died_in("die_later", "asked to die later").replace("worker 1", "worker 2");
    assert_eq!(
        told[..3],
        [&format!("WARN {}", FOLLOWS[0]), &format!("WARN {}", FOLLOWS[1]), &format!("ERROR {second}")]
    );
    assert!(!told[3..].iter().any(|line| line.starts_with("WARN")), "{told:?}");
}

#[test]
fn a_backtrace_is_told_if_it_is_asked_for() {
    let line = died_in("die", "asked to die");
    let said = run_with("1", "die", &["a line"]);
    let backtrace = said.stderr.strip_prefix(&format!("{line}\nstack backtrace:\n")).unwrap();
    assert!(backtrace.contains("Loud::die"), "{backtrace}");
    assert_eq!(said.stdout[0], line);
    let said = run_with("1", "die", &["a line", "traced", "unobserved"]);
    assert_eq!(said.stderr, "");
    assert!(said.stdout.contains(&format!("ERROR {line}, with a backtrace")), "{:?}", said.stdout);
}

#[test]
fn panics_of_many_threads_at_once_are_a_whole_line_each() {
    let said = run("many", &["a line", "unobserved"]);
    let mut lines: Vec<_> = said.stderr.lines().map(str::to_owned).collect();
    let place = place("fn die_later(", "panic!");
    let line = |n, incarnation| {
        format!("loud {n}: worker {incarnation} panicked in `die_later` at {place}: asked to die later")
    };
    let mut expected: Vec<_> =
        (0..50).flat_map(|n| (1..=10).map(move |i| (n, i))).map(|(n, i)| line(n, i)).collect();
    lines.sort();
    expected.sort();
    assert_eq!(lines, expected);
}

#[test]
fn with_quiet_panics_before_or_after_it_observers_are_told_and_nothing_is_printed() {
    for quiet in ["quiet first", "quiet last"] {
        let said = run("die", &["a line", quiet]);
        assert_eq!(said.stderr, "", "{quiet}");
        assert_eq!(said.stdout, [&*died_in("die", "asked to die"), FOLLOWS[0], FOLLOWS[1]], "{quiet}");
        let said = run("elsewhere", &["a line", quiet]);
        assert_eq!(said.stderr.matches("panicked at").count(), 2, "{quiet}");
    }
    let said = run("die", &["quiet first"]);
    assert_eq!((&*said.stderr, said.stdout), ("", FOLLOWS.map(str::to_owned).to_vec()));
}

#[test]
fn a_subscriber_or_observer_that_panics_when_it_is_told_one_keeps_nobody_from_it() {
    let by_hand =
        format!("handmade: worker 1 panicked in `wake` at {}: asked to die", place("fn handle(", "assert!"));
    let cases = [
        ("die", &["traced", "hostile"][..], died_in("die", "asked to die")),
        ("die", &["hostile observer"], died_in("die", "asked to die")),
        ("by hand", &["traced", "hostile"], by_hand.clone()),
        ("by hand", &["hostile observer"], by_hand),
    ];
    for (which, hostile, line) in cases {
        let said = run(which, &[&["a line"], hostile].concat());
        assert!(said.success);
        assert_eq!(said.stderr.lines().filter(|told| **told == line).count(), 1, "{}", said.stderr);
        let restarts = said.stdout.iter().filter(|event| event.ends_with("supervisor restarts it"));
        assert_eq!(restarts.count(), 1, "{:?}", said.stdout);
    }
}
