//! A tree as a graph of Graphviz.

use std::fmt::Write as _;

use super::diagram::{Of, each_shape, visible};
use super::nodes::Tree;

impl Tree {
    /// Writes the tree as a graph in the language of [Graphviz](https://graphviz.org): `dot -Tsvg`
    /// draws it.
    ///
    /// A box says what a worker does, how many rows its recorded tables have, and what waits in its
    /// mailbox. A worker that does not serve, and a supervisor that does not run, is red, and has the
    /// class `down` in an SVG. A name may have any characters: they are seen as they are, and a
    /// control character as in Rust (`\n`).
    ///
    /// All children that the tree lists are drawn:
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
    ///     tree.tree().to_dot(),
    ///     r#"digraph tree {
    ///     rankdir=LR
    ///     node [shape=box, style="filled", fillcolor="white"]
    ///     n0 [label="app\none_for_one, 10 restarts in 10s", style="filled,rounded"]
    ///     n0 -> n1
    ///     n1 [label="Counter\nincarnation 1 serving\ncounts: 1 row"]
    /// }
    /// "#
    /// );
    /// # tree.shutdown().await;
    /// # Ok::<_, BoxError>(())
    /// # }).unwrap();
    /// ```
    pub fn to_dot(&self) -> String {
        let mut written = String::from(
            "digraph tree {\n    rankdir=LR\n    node [shape=box, style=\"filled\", fillcolor=\"white\"]\n",
        );
        each_shape(self, |shape| {
            if let Some(above) = shape.above {
                let _ = writeln!(written, "    n{above} -> n{}", shape.number);
            }
            let _ = write!(written, "    n{} [label=\"", shape.number);
            for (index, line) in shape.lines.iter().enumerate() {
                written.push_str(if index == 0 { "" } else { "\\n" });
                write_text(&mut written, line);
            }
            written.push('"');
            if let Of::Supervisor { .. } = shape.of {
                written.push_str(", style=\"filled,rounded\"");
            }
            if shape.of.is_down() {
                written.push_str(", class=\"down\", fillcolor=\"#ffdddd\", color=\"#bb0000\"");
            }
            written.push_str("]\n");
        });
        written.push_str("}\n");
        written
    }
}

/// Writes text within quotes. Graphviz reads escapes in it, and the entities of HTML.
fn write_text(written: &mut String, text: &str) {
    for char in visible(text) {
        match char {
            '"' => written.push_str("\\\""),
            '\\' => written.push_str("\\\\"),
            '&' => written.push_str("&amp;"),
            _ => written.push(char),
        }
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
    fn all_but_quotes_backslashes_and_entities_stay_as_they_are() {
        for plain in ["m[1] {a|b} <c> end; -> #", "Zähler 計数 🦀", " a  b "] {
            assert_eq!(text(plain), plain);
        }
        assert_eq!(text(r#"a "b" \N &lt;"#), r#"a \"b\" \\N &amp;lt;"#);
        assert_eq!(text(r"ends with \"), r"ends with \\");
    }

    #[test]
    fn a_control_character_is_written_as_in_rust() {
        assert_eq!(text("a\nb\0\u{85}"), r"a\\nb\\u{0}\\u{85}");
    }
}
