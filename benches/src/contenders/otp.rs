//! OTP, if `erl` and `erlc` are installed: the same worker, in `otp/bench.erl`. It has a virtual machine of its own, and so is not
//! measured in turn with the others, but right after them.

use std::process::Command;

use crate::lane::Threads;
use crate::report::Row;

/// What OTP answers to a question with so many columns.
pub fn row(question: &str, columns: usize, threads: Threads) -> Option<Row> {
    let compiled = std::env::temp_dir().join("heir-benches-otp");
    std::fs::create_dir_all(&compiled).ok()?;
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/otp/bench.erl");
    let status = Command::new("erlc").arg("-o").arg(&compiled).arg(source).status().ok()?;
    assert!(status.success(), "otp/bench.erl does not compile");
    let schedulers = match threads {
        Threads::Current => "1",
        Threads::Two => "2",
    };
    let arguments = ["-noshell", "+S", schedulers, "+P", "2000000", "-run", "bench", "main", question];
    let output = Command::new("erl").arg("-pa").arg(&compiled).args(arguments).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let mut samples = vec![Vec::new(); columns];
    for line in text.lines() {
        let mut words = line.split_whitespace().skip(1);
        let (column, figure) = (words.next()?.parse::<usize>().ok()?, words.next()?.parse().ok()?);
        samples[column].push(figure);
    }
    Some(Row { name: format!("OTP {}", release()), samples })
}

fn release() -> String {
    let ask = "io:put_chars(erlang:system_info(otp_release)), halt().";
    let output = Command::new("erl").args(["-noshell", "-eval", ask]).output();
    output.map_or(String::new(), |output| String::from_utf8_lossy(&output.stdout).into_owned())
}
