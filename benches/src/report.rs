//! What was found out, as Markdown: a table for each question, or for each way in which a cost grows.

use std::fmt::Write as _;

/// What a question is answered with.
pub enum Answer {
    Table(Table),
    Growth(Growth),
}

/// Contenders side by side.
pub struct Table {
    pub title: String,
    /// What is measured, how, and where it is to land.
    pub about: &'static str,
    pub columns: Vec<Column>,
    pub rows: Vec<Row>,
    /// What the figures come from, above all those that miss their target.
    pub note: &'static str,
}

/// How one cost grows.
pub struct Growth {
    pub title: String,
    pub about: &'static str,
    /// What there is more and more of.
    pub of: &'static str,
    pub sizes: Vec<u64>,
    pub unit: Unit,
    /// With the figures for each size; none where there was nothing to measure.
    pub rows: Vec<Row>,
    /// Why the lines bend where they do.
    pub note: &'static str,
}

pub struct Column {
    pub name: String,
    pub unit: Unit,
}

/// What a figure is, and what its ratio to the first row says.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Nanoseconds; the ratio is that of the speeds.
    Speed,
    /// Nanoseconds; the ratio is that of the times.
    Time,
    Bytes,
    /// So many a second.
    Rate,
    /// A share of 1.
    Share,
    /// A number that is right or wrong.
    Number,
}

pub struct Row {
    pub name: String,
    /// For each column, one figure a round.
    pub samples: Vec<Vec<f64>>,
}

impl Answer {
    pub fn title(&self) -> &str {
        match self {
            Self::Table(table) => &table.title,
            Self::Growth(growth) => &growth.title,
        }
    }

    /// The name of its chart's file, without the ending.
    pub fn slug(&self) -> String {
        let words: Vec<String> = self
            .title()
            .split(|c: char| !c.is_alphanumeric())
            .filter(|word| !word.is_empty())
            .map(str::to_lowercase)
            .collect();
        words.join("-")
    }

    pub fn render(&self) -> String {
        let (about, table, note) = match self {
            Self::Table(table) => (table.about, table.render(), table.note),
            Self::Growth(growth) => (growth.about, growth.render(), growth.note),
        };
        let title = self.title();
        format!(
            "## {title}\n\n{}\n\n{table}\n![{title}](charts/{}.svg)\n\n{}\n",
            about.trim(),
            self.slug(),
            note.trim()
        )
    }
}

impl Row {
    pub fn new(name: impl Into<String>, samples: Vec<Vec<f64>>) -> Self {
        Self { name: name.into(), samples }
    }
}

impl Column {
    pub fn new(name: impl Into<String>, unit: Unit) -> Self {
        Self { name: name.into(), unit }
    }
}

impl Table {
    /// With a row more, if it is there.
    pub fn and(mut self, row: Option<Row>) -> Self {
        self.rows.extend(row);
        self
    }

    fn render(&self) -> String {
        let mut text = "|".to_owned();
        for column in &self.columns {
            let _ = write!(text, " | {}", column.name);
            if column.unit.has_ratio() {
                let _ = write!(text, " | spread | {}", column.unit.ratio_name());
            }
        }
        text.push_str(" |\n|---");
        for column in &self.columns {
            text.push_str(if column.unit.has_ratio() { "|--:|--:|--:" } else { "|--:" });
        }
        text.push_str("|\n");
        let first = &self.rows[0].samples;
        for row in &self.rows {
            let _ = write!(text, "| {}", row.name);
            for ((samples, column), first) in row.samples.iter().zip(&self.columns).zip(first) {
                column.unit.write(samples, first, &mut text);
            }
            text.push_str(" |\n");
        }
        text
    }
}

impl Growth {
    fn render(&self) -> String {
        let mut text = format!("| {}", self.of);
        for size in &self.sizes {
            let _ = write!(text, " | {}", short(*size));
        }
        text.push_str(" |\n|---");
        text.push_str(&"|--:".repeat(self.sizes.len()));
        text.push_str("|\n");
        for row in &self.rows {
            let _ = write!(text, "| {}", row.name);
            for (samples, first) in row.samples.iter().zip(&self.rows[0].samples) {
                match (samples.is_empty(), first.is_empty()) {
                    (true, _) => text.push_str(" |"),
                    (_, true) => drop(write!(text, " | {}", self.unit.show(median(samples)))),
                    _ => {
                        let figure = median(samples);
                        let ratio = figure / median(first);
                        let _ = write!(text, " | {} ({ratio:.2})", self.unit.show(figure));
                    }
                }
            }
            text.push_str(" |\n");
        }
        text
    }
}

/// 1000 as 1k.
pub fn short(size: u64) -> String {
    match size {
        1_000_000.. => format!("{}M", size / 1_000_000),
        1_000.. => format!("{}k", size / 1_000),
        _ => size.to_string(),
    }
}

impl Unit {
    pub fn has_ratio(self) -> bool {
        !matches!(self, Self::Share | Self::Number)
    }

    /// Whether longer bars mean something.
    pub fn has_chart(self) -> bool {
        self != Self::Share
    }

    pub fn ratio_name(self) -> &'static str {
        match self {
            Self::Speed | Self::Rate => "speed, first row = 1",
            Self::Time => "time, first row = 1",
            _ => "first row = 1",
        }
    }

    pub fn show(self, figure: f64) -> String {
        match self {
            Self::Speed | Self::Time if figure >= 10_000_000.0 => format!("{:.1} ms", figure / 1e6),
            Self::Speed | Self::Time if figure >= 10_000.0 => format!("{:.1} µs", figure / 1000.0),
            Self::Speed | Self::Time if figure < 10.0 => format!("{figure:.1} ns"),
            Self::Speed | Self::Time => format!("{figure:.0} ns"),
            Self::Bytes => format!("{figure:.0} B"),
            Self::Rate => format!("{:.0} k/s", figure / 1000.0),
            Self::Share => format!("{figure:.2}"),
            Self::Number => format!("{figure:.0}"),
        }
    }

    /// As short as it can be said, at an axis.
    pub fn tick(self, figure: f64) -> String {
        let (suffixes, unit) = match self {
            Self::Speed | Self::Time => (["n", "µ", "m", ""], "s"),
            Self::Bytes => (["", "k", "M", "G"], "B"),
            _ => (["", "k", "M", "G"], ""),
        };
        let mut figure = figure;
        let mut step = 0;
        while figure > 999.5 && step < 3 {
            figure /= 1000.0;
            step += 1;
        }
        format!("{} {}{unit}", (figure * 1000.0).round() / 1000.0, suffixes[step])
    }

    /// To the first row, round by round: what disturbs the machine disturbs both.
    pub fn ratio(self, samples: &[f64], first: &[f64]) -> f64 {
        let ratios: Vec<f64> = samples.iter().zip(first).map(|(figure, first)| figure / first).collect();
        match self {
            Self::Speed => 1.0 / median(&ratios),
            _ => median(&ratios),
        }
    }

    fn write(self, samples: &[f64], first: &[f64], text: &mut String) {
        if samples.is_empty() {
            text.push_str(if self.has_ratio() { " | | |" } else { " |" });
            return;
        }
        let figure = median(samples);
        let _ = write!(text, " | {}", self.show(figure));
        if self.has_ratio() {
            let (low, high) = spread(samples);
            let ratio = self.ratio(samples, first);
            let _ = write!(text, " | {} to {} | **{ratio:.2}**", self.show(low), self.show(high));
        }
    }
}

/// The middle one.
pub fn median(samples: &[f64]) -> f64 {
    percentile(samples, 50)
}

/// The one that so many percent of them are below.
pub fn percentile(samples: &[f64], percent: usize) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[(sorted.len() * percent / 100).min(sorted.len() - 1)]
}

/// Where the middle half of them is.
fn spread(samples: &[f64]) -> (f64, f64) {
    (percentile(samples, 25), percentile(samples, 75))
}
