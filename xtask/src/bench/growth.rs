//! How figures grow with an amount of work: one table with a column for each amount, and the order of growth.

use serde::Serialize;
use serde_json::{Value, json};

use super::table::{self, Row, Spread};

/// What was measured of one thing, once for each amount.
pub(super) struct Series {
    name: String,
    spreads: Vec<Spread>,
}

/// The exponents of growth: 0 for none, 1 for as the amount grows.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Orders {
    /// Of the straight line that is nearest to all points (least squares, both axes logarithmic).
    pub(super) all: f64,
    /// From the first to the last.
    pub(super) ends: f64,
    /// Between the last two.
    pub(super) last: f64,
}

impl Series {
    /// Times, in milliseconds; a row for each amount.
    pub(super) fn of_times<'a>(name: &str, rows: impl IntoIterator<Item = &'a Row>) -> Self {
        let spreads = rows.into_iter().map(|row| table::spread(row.seconds.iter().map(|one| one * 1e3).collect()));
        Self { name: format!("{name}, ms"), spreads: spreads.collect() }
    }

    /// Figures that are the same in every run.
    pub(super) fn of_figures(name: &str, figures: impl IntoIterator<Item = f64>) -> Self {
        let spreads = figures.into_iter().map(|figure| table::spread(vec![figure]));
        Self { name: name.to_owned(), spreads: spreads.collect() }
    }

    fn orders(&self, amounts: &[u64]) -> Option<Orders> {
        orders(amounts, &self.spreads.iter().map(|spread| spread.median).collect::<Vec<_>>())
    }
}

/// `None` for fewer than two points.
#[allow(clippy::cast_precision_loss, reason = "amounts are far below 2⁵³")]
fn orders(amounts: &[u64], figures: &[f64]) -> Option<Orders> {
    let points: Vec<_> = amounts.iter().zip(figures).map(|(&x, &y)| ((x as f64).ln(), y.ln())).collect();
    let [first, .., before, last] = points[..] else {
        let [first, last] = points[..] else { return None };
        let only = slope(first, last);
        return Some(Orders { all: only, ends: only, last: only });
    };
    Some(Orders { all: fit(&points), ends: slope(first, last), last: slope(before, last) })
}

fn slope(from: (f64, f64), to: (f64, f64)) -> f64 {
    (to.1 - from.1) / (to.0 - from.0)
}

/// The slope of the straight line for which the squares of the vertical distances are least.
#[allow(clippy::cast_precision_loss, reason = "there are a few points")]
fn fit(points: &[(f64, f64)]) -> f64 {
    let count = points.len() as f64;
    let (x, y) = points.iter().fold((0.0, 0.0), |sums, point| (sums.0 + point.0 / count, sums.1 + point.1 / count));
    let (both, own) = points.iter().fold((0.0, 0.0), |sums, point| {
        let (dx, dy) = (point.0 - x, point.1 - y);
        (sums.0 + dx * dy, sums.1 + dx * dx)
    });
    both / own
}

/// Medians, below them minima and maxima, and the orders of growth.
pub(super) fn render(unit: &str, amounts: &[u64], all: &[Series]) -> String {
    let line = |name: &str, cells: Vec<String>, orders: [String; 3]| {
        let cells = cells.iter().map(|cell| format!(" {cell:>13}")).collect::<Vec<_>>().concat();
        let [all, ends, last] = orders;
        format!("{name:<28}{cells} {all:>7} {ends:>6} {last:>6}").trim_end().to_owned() + "\n"
    };
    let none = || [""; 3].map(str::to_owned);
    let heads = amounts.iter().map(u64::to_string).collect();
    let mut text = line(unit, heads, ["order", "ends", "last"].map(str::to_owned));
    for series in all {
        let medians = series.spreads.iter().map(|spread| short(spread.median)).collect();
        let orders = series.orders(amounts);
        let orders = orders.map(|orders| [orders.all, orders.ends, orders.last].map(|order| format!("{order:.2}")));
        text += &line(&series.name, medians, orders.unwrap_or_else(none));
        if series.spreads.iter().any(|spread| spread.min < spread.max) {
            let range = |spread: &Spread| format!("{}-{}", short(spread.min), short(spread.max));
            text += &line("", series.spreads.iter().map(range).collect(), none());
        }
    }
    text
}

/// What the columns are, below a table.
pub(super) const LEGEND: &str = "medians, below them minimum-maximum. It grows as the amount to the power of: \"order\" over all \
     (least squares of the logarithms), \"ends\" from the first to the last, \"last\" between the last two";

/// With about four digits.
fn short(figure: f64) -> String {
    let decimals = match figure {
        100.0.. => 0,
        10.0.. => 1,
        _ => 2,
    };
    format!("{figure:.decimals$}")
}

/// Each with its spreads and orders.
pub(super) fn to_json(amounts: &[u64], all: &[Series]) -> Value {
    let of_series =
        |series: &Series| json!({ "name": series.name, "spreads": series.spreads, "orders": series.orders(amounts) });
    json!({ "amounts": amounts, "series": all.iter().map(of_series).collect::<Vec<_>>() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_near(orders: Orders, expect: [f64; 3]) {
        for (order, expect) in [orders.all, orders.ends, orders.last].into_iter().zip(expect) {
            assert!((order - expect).abs() < 1e-9, "{orders:?}");
        }
    }

    #[test]
    fn the_order_of_growth_is_an_exponent() {
        for (figures, expect) in [([2.0, 2.0, 2.0], 0.0), ([2.0, 20.0, 200.0], 1.0), ([1.0, 100.0, 10_000.0], 2.0)] {
            assert_near(orders(&[1, 10, 100], &figures).unwrap(), [expect; 3]);
        }
        assert_near(orders(&[1, 10], &[1.0, 10.0]).unwrap(), [1.0; 3]);
        assert_eq!(orders(&[1], &[1.0]), None);
    }

    #[test]
    fn what_grows_only_at_the_end_has_different_orders() {
        assert_near(orders(&[1, 10, 100], &[1.0, 1.0, 100.0]).unwrap(), [1.0, 1.0, 2.0]);
        assert_near(orders(&[1, 10, 100, 1000], &[1.0, 1.0, 1.0, 10.0]).unwrap(), [0.3, 1.0 / 3.0, 1.0]);
    }

    #[test]
    fn a_series_has_a_line_of_medians_and_one_of_ranges() {
        let row = |seconds: &[f64]| Row { name: String::new(), bytes: 0, seconds: seconds.to_vec() };
        let rows = [row(&[0.001, 0.002, 0.003]), row(&[0.02])];
        let text = render("artifacts", &[1, 10], &[Series::of_times("push", &rows)]);
        let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(lines[0], ["artifacts", "1", "10", "order", "ends", "last"]);
        assert_eq!(lines[1], ["push,", "ms", "2.00", "20.0", "1.00", "1.00", "1.00"]);
        assert_eq!(lines[2], ["1.00-3.00", "20.0-20.0"]);
    }
}
