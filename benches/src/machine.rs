//! What all this ran on, as words.

use std::fs;
use std::process::Command;

/// What all this ran on.
pub fn machine() -> String {
    let line = |file: &str, key: &str| {
        let text = fs::read_to_string(file).unwrap_or_default();
        let found =
            text.lines().find(|line| line.starts_with(key)).and_then(|line| line.split([':', '=']).nth(1));
        found.map_or("unknown".to_owned(), |value| value.trim().trim_matches('"').to_owned())
    };
    let rustc = Command::new("rustc").arg("--version").output();
    let rustc = rustc
        .map_or("unknown".to_owned(), |output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    format!(
        "{cores} cores of {} ({}), {}, {rustc}, release profile, the system's allocator.",
        line("/proc/cpuinfo", "model name"),
        std::env::consts::ARCH,
        line("/etc/os-release", "PRETTY_NAME"),
    )
}
