//! Growth curves as SVG, for light and dark pages.

use std::{error::Error, fs, path::Path};

use plotters::{
    coord::Shift,
    prelude::{
        ChartBuilder, Circle, Cross, DrawingArea, IntoDrawingArea, IntoLogRange, LineSeries, PathElement, RGBColor,
        SVGBackend, ShapeStyle, TriangleMarker,
    },
    style::{Color, IntoFont, TextStyle},
};

use crate::growth::{Cost, Curve, Growth};

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Outcome<T = ()> = Result<T, Box<dyn Error>>;

const WIDTH: u32 = 1180;
const PANEL_HEIGHT: u32 = 330;
const LEGEND_ROW_HEIGHT: u32 = 22;
const INK: RGBColor = RGBColor(31, 35, 40);
const GRID: RGBColor = RGBColor(216, 222, 228);
const PAPER: RGBColor = RGBColor(255, 255, 255);
/// Told apart on white and on black, and by their marks.
const LINES: [RGBColor; 5] =
    [RGBColor(9, 105, 218), RGBColor(217, 95, 2), RGBColor(26, 148, 72), RGBColor(145, 89, 217), RGBColor(207, 54, 78)];
/// What a page that is dark has in the place of ink, grid and paper.
const DARK: &str = "<style>@media (prefers-color-scheme: dark) { [fill=\"#1F2328\"] { fill: #e6edf3 } \
    [stroke=\"#1F2328\"] { stroke: #e6edf3 } [stroke=\"#D8DEE4\"] { stroke: #30363d } \
    [fill=\"#FFFFFF\"] { fill: #0d1117 } }</style>";

/// One thing that is drawn of every cost.
struct Measure {
    title: &'static str,
    of: fn(&Cost) -> f64,
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
const MEASURES: [Measure; 3] = [
    Measure { title: "requests to AWS, posts included", of: |cost| cost.requests as f64 },
    Measure { title: "read and write units", of: |cost| cost.read_units + cost.write_units as f64 },
    Measure { title: "time, ms (p50)", of: |cost| cost.ms },
];

/// Draws a plot for each axis into a folder.
pub fn draw(growths: &[Growth], folder: &Path) -> Outcome {
    fs::create_dir_all(folder)?;
    for growth in growths {
        let mut svg = String::new();
        draw_one(growth, &mut svg)?;
        let styled = svg.replacen('>', &format!(">{DARK}"), 1);
        fs::write(folder.join(format!("{}.svg", growth.id)), styled + "\n")?;
    }
    Ok(())
}

fn draw_one(growth: &Growth, svg: &mut String) -> Outcome {
    let rows = u32::try_from(growth.curves.len())?;
    let size = (WIDTH, PANEL_HEIGHT + rows.div_ceil(2) * LEGEND_ROW_HEIGHT + 12);
    let area = SVGBackend::with_string(svg, size).into_drawing_area();
    area.fill(&PAPER)?;
    let (panels, legend) = area.split_vertically(PANEL_HEIGHT);
    for (panel, measure) in panels.split_evenly((1, MEASURES.len())).iter().zip(MEASURES) {
        draw_panel(panel, growth, &measure)?;
    }
    draw_legend(&legend, &growth.curves)?;
    area.present()?;
    Ok(())
}

fn draw_panel(area: &Area<'_>, growth: &Growth, measure: &Measure) -> Outcome {
    // Nothing at all has no place on a logarithmic axis.
    let points = |curve: &Curve| -> Vec<(f64, f64)> {
        #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
        curve.costs.iter().filter(|cost| cost.x > 0).map(|cost| (cost.x as f64, (measure.of)(cost).max(0.1))).collect()
    };
    let all: Vec<(f64, f64)> = growth.curves.iter().flat_map(points).collect();
    let bounds = |of: fn(&(f64, f64)) -> f64| {
        let values = || all.iter().map(of);
        (values().fold(f64::MAX, f64::min), values().fold(f64::MIN, f64::max))
    };
    let ((x_min, x_max), (y_min, y_max)) = (bounds(|p| p.0), bounds(|p| p.1));
    let text = |size: i32| TextStyle::from(("sans-serif", size).into_font()).color(&INK);
    let y_range = (y_min.min(1.0) * 0.7)..(y_max * 1.6);
    let mut chart = ChartBuilder::on(area)
        .caption(measure.title, text(17))
        .margin(10)
        .margin_right(18)
        .x_label_area_size(40)
        .y_label_area_size(52)
        .build_cartesian_2d((x_min * 0.85..x_max * 1.2).log_scale(), y_range.log_scale())?;
    chart
        .configure_mesh()
        .x_desc(growth.axis)
        .axis_desc_style(text(15))
        .label_style(text(14))
        .y_labels(4)
        .x_label_formatter(&short)
        .y_label_formatter(&short)
        .axis_style(INK)
        .bold_line_style(GRID)
        .light_line_style(PAPER.mix(0.0))
        .draw()?;
    for (n, curve) in growth.curves.iter().enumerate() {
        let line = style(n);
        chart.draw_series(LineSeries::new(points(curve), line))?;
        match n % 3 {
            0 => chart.draw_series(points(curve).into_iter().map(|p| Circle::new(p, 3, line.filled())))?,
            1 => chart.draw_series(points(curve).into_iter().map(|p| TriangleMarker::new(p, 5, line.filled())))?,
            _ => chart.draw_series(points(curve).into_iter().map(|p| Cross::new(p, 4, line)))?,
        };
    }
    Ok(())
}

fn draw_legend(area: &Area<'_>, curves: &[Curve]) -> Outcome {
    let text = TextStyle::from(("sans-serif", 16).into_font()).color(&INK);
    for (n, curve) in curves.iter().enumerate() {
        let column = i32::try_from(n % 2)?;
        let row = i32::try_from(n / 2)?;
        let (x, y) = (60 + column * 560, 12 + row * i32::try_from(LEGEND_ROW_HEIGHT)?);
        area.draw(&PathElement::new(vec![(x, y), (x + 30, y)], style(n)))?;
        match n % 3 {
            0 => area.draw(&Circle::new((x + 15, y), 3, style(n).filled()))?,
            1 => area.draw(&TriangleMarker::new((x + 15, y), 5, style(n).filled()))?,
            _ => area.draw(&Cross::new((x + 15, y), 4, style(n)))?,
        }
        area.draw_text(curve.work, &text, (x + 40, y - 7))?;
    }
    Ok(())
}

fn style(n: usize) -> ShapeStyle {
    LINES[n % LINES.len()].stroke_width(2)
}

/// A number as an axis has room for.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "what the chart calls it with")]
fn short(value: &f64) -> String {
    match *value {
        v if v >= 1e6 => format!("{}M", v / 1e6),
        v if v >= 1e3 => format!("{}k", v / 1e3),
        v => format!("{v}"),
    }
}
