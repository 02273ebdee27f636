//! What can be typed.

/// One line of the session.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Nothing,
    Count(u64),
    Check,
    Die,
    Kill(u64),
    KillManager,
    Tree,
    Help,
    Quit,
}

pub(crate) const HELP: &str = "\
count [n]      add one to the counter, n times
check          show the rows of the table, and who owns it
die            make the worker panic
kill [n]       kill the worker from outside, n times in a row
kill-manager   kill the manager
tree           show the supervision tree
help           show this
quit           stop the tree and leave";

/// Reads a line; the error says what would have been understood.
pub(crate) fn parse(line: &str) -> Result<Command, String> {
    let mut words = line.split_whitespace();
    let Some(command) = words.next() else { return Ok(Command::Nothing) };
    let argument = words.next();
    if let Some(word) = words.next() {
        return Err(format!("`{word}` is one word too many\n{HELP}"));
    }
    let times = || match argument {
        None => Ok(1),
        Some(n) => n.parse().map_err(|_| format!("`{n}` is not a number of times: `{command} 5`, say")),
    };
    let alone = |known| match argument {
        None => Ok(known),
        Some(word) => Err(format!("`{command}` takes no argument: leave out `{word}`")),
    };
    match command {
        "count" => times().map(Command::Count),
        "kill" => times().map(Command::Kill),
        "check" => alone(Command::Check),
        "die" => alone(Command::Die),
        "kill-manager" => alone(Command::KillManager),
        "tree" => alone(Command::Tree),
        "help" => alone(Command::Help),
        "quit" => alone(Command::Quit),
        unknown => Err(format!("there is no command `{unknown}`; there are:\n{HELP}")),
    }
}
