//! Where the lines come from: a person at a terminal, a pipe, or, with neither, a session of our own.

use std::io::{self, IsTerminal, Write};

use rustyline::DefaultEditor;
use rustyline::error::ReadlineError;

/// Played when nobody types and nothing is piped in.
const SESSION: &[&str] = &[
    "count", "count", "count", "count", "count", "check", "kill", "count", "die", "count", "kill 20",
    "count", "tree", "quit",
];

const PROMPT: &str = "etsgive> ";

/// A source of lines.
pub(crate) enum Input {
    Terminal(Box<DefaultEditor>),
    Pipe { first: Option<String> },
    Session(std::slice::Iter<'static, &'static str>),
}

impl Input {
    pub(crate) fn open() -> Result<Self, ReadlineError> {
        if io::stdin().is_terminal() {
            return Ok(Self::Terminal(Box::new(DefaultEditor::new()?)));
        }
        let first = read_line()?;
        Ok(if first.is_some() { Self::Pipe { first } } else { Self::Session(SESSION.iter()) })
    }

    /// The next line, shown where nobody sees it being typed; `None` at the end. Blocks.
    pub(crate) fn next(&mut self) -> Result<Option<String>, ReadlineError> {
        let line = match self {
            Self::Terminal(editor) => {
                return match editor.readline(PROMPT) {
                    Ok(line) => {
                        editor.add_history_entry(&line)?;
                        Ok(Some(line))
                    }
                    Err(ReadlineError::Eof | ReadlineError::Interrupted) => Ok(None),
                    Err(error) => Err(error),
                };
            }
            Self::Pipe { first } => match first.take() {
                Some(line) => Some(line),
                None => read_line()?,
            },
            Self::Session(lines) => lines.next().map(ToString::to_string),
        };
        if let Some(line) = &line {
            println!("{PROMPT}{line}");
            io::stdout().flush()?;
        }
        Ok(line)
    }
}

fn read_line() -> io::Result<Option<String>> {
    let mut line = String::new();
    let read = io::stdin().read_line(&mut line)?;
    Ok((read > 0).then(|| line.trim_end().to_owned()))
}
