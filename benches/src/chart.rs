//! An SVG chart for each answer, in colours that can be told apart on a light page and on a dark one; the page is their background.

use std::error::Error;
use std::path::Path;

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::report::{Answer, Column, Growth, Row, Table, median, short};

type Drawn = Result<(), Box<dyn Error>>;
type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

const INK: RGBColor = RGBColor(125, 133, 144);
const TEXT: i32 = 16;

/// Where names stand, and how much is left to them.
const NAMES: i32 = 290;

/// By the beginning of a name: a contender has one colour everywhere.
const COLOURS: &[(&str, RGBColor)] = &[
    ("heir, a recorded", RGBColor(59, 130, 246)),
    ("`Table`", RGBColor(59, 130, 246)),
    ("heir, a `keep`", RGBColor(18, 153, 168)),
    ("restart loop over", RGBColor(176, 136, 0)),
    ("`RwLock<HashMap>`, f", INK),
    ("`RwLock<BTreeMap>`", INK),
    ("`RwLock", RGBColor(176, 136, 0)),
    ("`OrderedTable`", RGBColor(59, 130, 246)),
    ("papaya, f", RGBColor(214, 85, 156)),
    ("papaya", RGBColor(18, 153, 168)),
    ("`DashMap`, f", RGBColor(34, 160, 107)),
    ("kameo", RGBColor(229, 83, 75)),
    ("`DashMap`", RGBColor(229, 83, 75)),
    ("ractor", RGBColor(34, 160, 107)),
    ("tokio-actors", RGBColor(166, 107, 214)),
    ("actix", RGBColor(214, 85, 156)),
    ("OTP", RGBColor(232, 113, 10)),
    ("ets", RGBColor(232, 113, 10)),
];

pub fn draw(answer: &Answer, file: &Path) -> Drawn {
    match answer {
        Answer::Table(table) => bars(table, file),
        Answer::Growth(growth) => lines(growth, file),
    }
}

fn colour(name: &str) -> RGBColor {
    COLOURS.iter().find(|(start, _)| name.starts_with(start)).map_or(INK, |(_, colour)| *colour)
}

fn plain(name: &str) -> String {
    name.replace('`', "")
}

fn written(text: &str, at: (i32, i32), anchor: HPos) -> Text<'_, (i32, i32), &str> {
    let style = ("sans-serif", TEXT).into_text_style(&(1, 1)).color(&INK).pos(Pos::new(anchor, VPos::Center));
    Text::new(text, at, style)
}

/// A panel for each column that can be compared, a bar for each row.
fn bars(table: &Table, file: &Path) -> Drawn {
    const BAR: i32 = 22;
    const WIDEST: i32 = 330;
    let panels: Vec<(usize, &Column)> =
        table.columns.iter().enumerate().filter(|(_, column)| column.unit.has_chart()).collect();
    let height = (table.rows.len() as i32 + 2) * BAR;
    let size = (NAMES + WIDEST + 200, height * panels.len() as i32);
    let root = SVGBackend::new(file, (size.0 as u32, size.1 as u32)).into_drawing_area();
    for ((at, column), area) in panels.iter().zip(root.split_evenly((panels.len(), 1))) {
        panel(table, *at, column, (BAR, WIDEST), &area)?;
    }
    root.present()?;
    Ok(())
}

fn panel(table: &Table, at: usize, column: &Column, (bar, widest): (i32, i32), area: &Area<'_>) -> Drawn {
    let first = &table.rows[0].samples[at];
    let value = |row: &Row| {
        let samples = row.samples.get(at).filter(|samples| !samples.is_empty())?;
        let figure = median(samples);
        let text = column.unit.show(figure);
        Some(if column.unit.has_ratio() {
            let ratio = column.unit.ratio(samples, first);
            (ratio, format!("{ratio:.2} ({text})"))
        } else {
            (figure, text)
        })
    };
    let values: Vec<_> = table.rows.iter().map(value).collect();
    let most = values.iter().flatten().map(|(value, _)| *value).fold(1e-9, f64::max);
    // What is a hundred times as much as another would leave nothing of that one.
    let logarithmic = column.unit.has_ratio() && most > 25.0;
    let length = |value: f64| {
        let share =
            if logarithmic { (value * 10.0).max(1.0).log10() / (most * 10.0).log10() } else { value / most };
        (share * f64::from(widest)) as i32
    };
    let scale = if logarithmic { ", logarithmic" } else { "" };
    let title = if column.unit.has_ratio() {
        format!("{}: {}{scale}", column.name, column.unit.ratio_name())
    } else {
        column.name.clone()
    };
    area.draw(&written(&title, (NAMES, bar / 2), HPos::Left))?;
    if column.unit.has_ratio() {
        let one = NAMES + length(1.0);
        let line = [(one, bar), (one, (table.rows.len() as i32 + 1) * bar)];
        area.draw(&PathElement::new(line, INK.mix(0.5)))?;
    }
    for (n, (row, value)) in table.rows.iter().zip(&values).enumerate() {
        let top = (n as i32 + 1) * bar;
        area.draw(&written(&plain(&row.name), (NAMES - 8, top + bar / 2), HPos::Right))?;
        let (end, text) = value.as_ref().map_or((0, "-"), |(value, text)| (length(*value), text));
        let shape = [(NAMES, top + 3), (NAMES + end, top + bar - 3)];
        area.draw(&Rectangle::new(shape, colour(&row.name).filled()))?;
        area.draw(&written(text, (NAMES + end + 6, top + bar / 2), HPos::Left))?;
    }
    Ok(())
}

/// A line for each row, on logarithmic scales, and their names beside them.
fn lines(growth: &Growth, file: &Path) -> Drawn {
    const SIZE: (i32, i32) = (600, 400);
    let root = SVGBackend::new(file, ((SIZE.0 + NAMES) as u32, SIZE.1 as u32)).into_drawing_area();
    let (left, right) = root.split_horizontally(SIZE.0);
    let points = |row: &Row| -> Vec<(f64, f64)> {
        let all = growth.sizes.iter().zip(&row.samples).filter(|(_, samples)| !samples.is_empty());
        all.map(|(size, samples)| (*size as f64, median(samples).max(f64::MIN_POSITIVE))).collect()
    };
    let all: Vec<f64> = growth.rows.iter().flat_map(points).map(|(_, figure)| figure).collect();
    let least = all.iter().copied().fold(f64::INFINITY, f64::min);
    let most = all.iter().copied().fold(0.0, f64::max);
    let height = 10f64.powf(least.log10().floor())..10f64.powf(most.log10().ceil()) * 1.001;
    let width = 0.8..growth.sizes.iter().copied().max().unwrap_or(1) as f64 * 1.3;
    let mut chart = ChartBuilder::on(&left)
        .margin(12)
        .x_label_area_size(48)
        .y_label_area_size(76)
        .build_cartesian_2d(width.log_scale(), height.log_scale())?;
    let label = || ("sans-serif", TEXT).into_text_style(&(1, 1)).color(&INK);
    chart
        .configure_mesh()
        .x_labels(growth.sizes.len() + 1)
        .x_label_formatter(&|size| short(size.round() as u64))
        .y_label_formatter(&|figure| growth.unit.tick(*figure))
        .axis_style(INK)
        .bold_line_style(INK.mix(0.25))
        .light_line_style(INK.mix(0.1))
        .label_style(label())
        .x_desc(growth.of)
        .axis_desc_style(label())
        .draw()?;
    for (n, row) in growth.rows.iter().enumerate() {
        let (colour, points) = (colour(&row.name), points(row));
        chart.draw_series(LineSeries::new(points.iter().copied(), colour.stroke_width(2)))?;
        let dots = points.iter().map(|point| Circle::new(*point, 3, colour.filled()));
        chart.draw_series(dots)?;
        let at = 24 + n as i32 * 24;
        right.draw(&Rectangle::new([(6, at - 2), (26, at + 2)], colour.filled()))?;
        right.draw(&written(&plain(&row.name), (34, at), HPos::Left))?;
    }
    root.present()?;
    Ok(())
}
