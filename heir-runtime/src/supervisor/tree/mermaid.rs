//! A tree as a flowchart of Mermaid.

use std::fmt::Write as _;

use super::diagram::{Of, each_shape, visible};
use super::nodes::Tree;

impl Tree {
    /// Writes the tree as a flowchart of [Mermaid](https://mermaid.js.org), as GitHub and GitLab show
    /// it in a code block called `mermaid`.
    ///
    /// A box says what a worker does, how many rows its recorded tables have, and what waits in its
    /// mailbox. A worker that does not serve, and a supervisor that does not run, has the class
    /// `down`, which is red. A name may have any characters: they are seen as they are, and a control
    /// character as in Rust (`\n`).
    ///
    /// All children that the tree lists are drawn. GitHub draws no more than 500 lines between boxes:
    /// [`SupervisorHandle::tree_up_to`](crate::SupervisorHandle::tree_up_to) lists fewer.
    ///
    /// ```
    /// # use heir_runtime::prelude::*;
    /// # #[heir] struct Counter { #[table] counts: Table<String, u64> }
    /// # #[handlers]
    /// # impl Counter { fn count(&mut self, key: String) -> u64 { self.counts.add(key, 1) } }
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// let mut tree = Supervisor::builder("app");
    /// let counter = tree.worker(Counter::spec());
    /// let tree = tree.start().await?;
    /// counter.count("hits".into()).await?;
    /// assert_eq!(
    ///     tree.tree().to_mermaid(),
    ///     r#"flowchart LR
    ///     n0(["app<br>one_for_one, 10 restarts in 10s"])
    ///     n0 --> n1["Counter<br>incarnation 1 serving<br>counts: 1 row"]
    ///     classDef down fill:#ffdddd,stroke:#bb0000,color:#000000
    /// "#
    /// );
    /// # tree.shutdown().await;
    /// # Ok::<_, BoxError>(())
    /// # }).unwrap();
    /// ```
    pub fn to_mermaid(&self) -> String {
        let mut written = String::from("flowchart LR\n");
        each_shape(self, |shape| {
            written.push_str("    ");
            if let Some(above) = shape.above {
                let _ = write!(written, "n{above} --> ");
            }
            let (open, close) = match shape.of {
                Of::Supervisor { .. } => ("([", "])"),
                Of::Worker { .. } | Of::Others => ("[", "]"),
            };
            let _ = write!(written, "n{}{open}\"", shape.number);
            for (index, line) in shape.lines.iter().enumerate() {
                written.push_str(if index == 0 { "" } else { "<br>" });
                write_text(&mut written, line);
            }
            let _ = write!(written, "\"{close}");
            written.push_str(if shape.of.is_down() { ":::down\n" } else { "\n" });
        });
        written.push_str("    classDef down fill:#ffdddd,stroke:#bb0000,color:#000000\n");
        written
    }
}

/// Writes text within quotes. Mermaid reads entities, HTML, Markdown, links, icons and styles in it:
/// all but letters, digits and what cannot be any of that becomes the number of a character.
fn write_text(written: &mut String, text: &str) {
    let mut before = None;
    let mut chars = visible(text).peekable();
    while let Some(char) = chars.next() {
        let after = chars.peek().copied();
        let is_between = |of: fn(char) -> bool| before.is_some_and(of) && after.is_some_and(of);
        let is_plain = match char {
            ',' => true,
            ' ' => before.is_some_and(|before| before != ' '),
            ':' => after == Some(' '),
            '_' | '-' => is_between(char::is_alphanumeric),
            '.' => is_between(|char| char.is_ascii_digit()),
            _ => char.is_alphanumeric(),
        };
        if char == '\\' && after == Some('n') {
            // Together they would be a new line, also written as numbers: what is between has no width.
            written.push_str("#92;#8203;");
        } else if is_plain {
            written.push(char);
        } else {
            let _ = write!(written, "#{};", u32::from(char));
        }
        before = Some(char);
    }
}

#[cfg(test)]
mod tests {
    use super::write_text;

    fn text(of: &str) -> String {
        let mut written = String::new();
        write_text(&mut written, of);
        written
    }

    #[test]
    fn words_stay_as_they_are() {
        for plain in ["Counter", "one_for_one, 10 restarts in 1.5s", "a-b: c", "Zähler", "計数", "end", "12"]
        {
            assert_eq!(text(plain), plain);
        }
    }

    #[test]
    fn what_mermaid_reads_as_something_else_is_a_number() {
        for (name, written) in [
            (r#"a"b"#, "a#34;b"),
            ("a#b;", "a#35;b#59;"),
            ("<b>&", "#60;b#62;#38;"),
            ("m[1](x)", "m#91;1#93;#40;x#41;"),
            (r"a\nb\b", "a#92;#8203;nb#92;b"),
            ("`code` **bold** _a_", "#96;code#96; #42;#42;bold#42;#42; #95;a#95;"),
            ("1. one", "1#46; one"),
            ("- one", "#45; one"),
            ("%%{init}%%", "#37;#37;#123;init#125;#37;#37;"),
            ("style:x#", "style#58;x#35;"),
            ("www.x.org", "www#46;x#46;org"),
            ("  a  b ", "#32;#32;a #32;b "),
            ("http://x", "http#58;#47;#47;x"),
            ("🦀", "#129408;"),
        ] {
            assert_eq!(text(name), written, "{name:?}");
        }
    }

    #[test]
    fn a_control_character_is_written_as_in_rust() {
        assert_eq!(text("a\nb\0"), "a#92;#8203;nb#92;u#123;0#125;");
    }
}
