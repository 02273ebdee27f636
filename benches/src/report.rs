//! One Markdown table per question, and the machine they were answered on.

use std::fmt::Write as _;
use std::fs;
use std::process::Command;

/// The answers to one question.
pub struct Table {
    pub title: String,
    /// What is measured, how, and where it is to land.
    pub about: &'static str,
    pub columns: Vec<Column>,
    pub rows: Vec<Row>,
    /// What the figures come from, above all those that miss their target.
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

    pub fn render(&self) -> String {
        let mut text = format!("## {}\n\n{}\n\n|", self.title, self.about.trim());
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
        let _ = write!(text, "\n{}\n", self.note.trim());
        text
    }
}

impl Unit {
    fn has_ratio(self) -> bool {
        !matches!(self, Self::Share | Self::Number)
    }

    fn ratio_name(self) -> &'static str {
        match self {
            Self::Speed | Self::Rate => "speed, first row = 1",
            Self::Time => "time, first row = 1",
            _ => "first row = 1",
        }
    }

    fn show(self, figure: f64) -> String {
        match self {
            Self::Speed | Self::Time if figure >= 10_000.0 => format!("{:.1} µs", figure / 1000.0),
            Self::Speed | Self::Time => format!("{figure:.0} ns"),
            Self::Bytes => format!("{figure:.0} B"),
            Self::Rate => format!("{:.0} k/s", figure / 1000.0),
            Self::Share => format!("{figure:.2}"),
            Self::Number => format!("{figure:.0}"),
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
            // Round by round: what disturbs the machine disturbs both.
            let ratios: Vec<f64> = samples.iter().zip(first).map(|(figure, first)| figure / first).collect();
            let ratio = match self {
                Self::Speed => 1.0 / median(&ratios),
                _ => median(&ratios),
            };
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
