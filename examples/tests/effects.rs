//! The examples of what leaves with a commit, of late replies and of ticks, as their users run them: each crashes its workers a
//! hundred times a second, and compares its totals with what they should be.

use std::process::Command;

fn run(example: &str) -> String {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    let output = Command::new(env!("CARGO"))
        .args(["run", "--quiet", "--example", example, "--manifest-path", manifest])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn no_job_is_lost_and_no_result_is_written_twice() {
    let printed = run("job_queue");
    let expected = "450 done, 50 dead letters, 0 still open
the results add up to 37499250, and should to 37499250
the first dead letter: job 0, incarnation ";
    assert!(printed.starts_with(expected), "{printed}");
    assert!(
        printed.contains("panic: job 0 is poison\nmore than a hundred incarnations of each: true"),
        "{printed}"
    );
}

#[test]
fn look_ups_run_side_by_side_and_every_caller_is_told() {
    let expected = "10 look-ups of 20 ms took 20 ms
400 callers were told the right name, 0 another
50 names known, 0 callers still wait
no name was looked up twice: true
more than 30 incarnations: true
";
    assert_eq!(run("slow_lookups"), expected);
}

#[test]
fn the_sweep_runs_on_time_in_a_worker_that_crashes_a_hundred_times_a_second() {
    let expected = "301 incarnations in 3050 ms
30 sweeps
251 sessions have expired, and should: 251; 49 are open, and should: 49
";
    assert_eq!(run("sweep"), expected);
}
