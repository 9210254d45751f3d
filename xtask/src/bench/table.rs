//! Rows of measured seconds, as a table for people and as JSON for scripts.

use serde::Serialize;

/// What was measured of one thing, over several runs.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Row {
    /// What was timed.
    pub(super) name: String,
    /// The bytes that each run went through.
    pub(super) bytes: u64,
    /// One figure a run, in the order of the runs.
    pub(super) seconds: Vec<f64>,
}

/// The middle and the ends of some figures.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Spread {
    /// The middle one, or the mean of the two in the middle.
    pub(super) median: f64,
    /// The smallest.
    pub(super) min: f64,
    /// The largest.
    pub(super) max: f64,
}

impl Row {
    pub(super) fn new(name: impl Into<String>, bytes: u64) -> Self {
        Self { name: name.into(), bytes, seconds: Vec::new() }
    }

    /// In seconds.
    pub(super) fn time(&self) -> Spread {
        spread(self.seconds.clone())
    }

    /// In 10⁶ bytes a second.
    #[allow(clippy::cast_precision_loss, reason = "sizes are far below 2⁵³")]
    pub(super) fn speed(&self) -> Spread {
        spread(self.seconds.iter().map(|seconds| self.bytes as f64 / seconds / 1e6).collect())
    }
}

/// The middle and the ends; not numbers where there are no figures.
pub(super) fn spread(mut figures: Vec<f64>) -> Spread {
    figures.sort_by(f64::total_cmp);
    let (Some(&min), Some(&max)) = (figures.first(), figures.last()) else {
        return Spread { median: f64::NAN, min: f64::NAN, max: f64::NAN };
    };
    let middle = figures.len() / 2;
    let median =
        if figures.len() % 2 == 1 { figures[middle] } else { f64::midpoint(figures[middle - 1], figures[middle]) };
    Spread { median, min, max }
}

/// The figure that this part of all of them does not exceed; `sorted` is in ascending order.
#[allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts are far below 2⁵³, and parts are between 0 and 1"
)]
pub(super) fn percentile(sorted: &[f64], part: f64) -> f64 {
    let rank = (sorted.len() as f64 * part).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or(f64::NAN)
}

/// A table of speeds.
pub(super) fn render(rows: &[Row]) -> String {
    let line = |name: &str, figures: [String; 4]| {
        let [median, min, max, seconds] = figures;
        format!("{name:<24} {median:>10} {min:>10} {max:>10} {seconds:>12}\n")
    };
    let mut table = line("", ["median", "min", "max", "median"].map(str::to_owned));
    table += &line("", ["MB/s", "MB/s", "MB/s", "seconds"].map(str::to_owned));
    for row in rows {
        let (speed, time) = (row.speed(), row.time());
        let [median, min, max] = [speed.median, speed.min, speed.max].map(|speed| format!("{speed:.0}"));
        table += &line(&row.name, [median, min, max, format!("{:.3}", time.median)]);
    }
    table
}

/// The rows with their spreads.
pub(super) fn to_json(rows: &[Row]) -> serde_json::Value {
    let rows = rows.iter().map(|row| {
        serde_json::json!({
            "name": row.name,
            "bytes": row.bytes,
            "seconds": row.seconds,
            "time": row.time(),
            "mb_per_second": row.speed(),
        })
    });
    rows.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(seconds: &[f64]) -> Row {
        Row { name: "cp".into(), bytes: 10_000_000, seconds: seconds.to_vec() }
    }

    #[test]
    fn the_median_is_the_middle_one_or_the_mean_of_two() {
        assert_eq!(row(&[3.0, 1.0, 2.0]).time(), Spread { median: 2.0, min: 1.0, max: 3.0 });
        assert_eq!(row(&[1.0, 2.0]).time(), Spread { median: 1.5, min: 1.0, max: 2.0 });
    }

    #[test]
    fn a_percentile_is_the_figure_that_this_part_does_not_exceed() {
        let figures: Vec<f64> = (1..=200).map(f64::from).collect();
        for (part, expect) in [(0.5, 100.0), (0.99, 198.0), (1.0, 200.0)] {
            assert_eq!(percentile(&figures, part).to_bits(), f64::to_bits(expect), "{part}");
        }
        assert!(percentile(&[], 0.5).is_nan());
    }

    #[test]
    fn speed_is_in_millions_of_bytes_a_second() {
        assert_eq!(row(&[1.0, 2.0]).speed(), Spread { median: 7.5, min: 5.0, max: 10.0 });
    }

    #[test]
    fn a_table_has_a_line_per_row() {
        let table = render(&[row(&[1.0])]);
        assert_eq!(table.lines().count(), 3);
        assert!(table.lines().last().unwrap().starts_with("cp "), "{table}");
        assert_eq!(to_json(&[row(&[1.0])])[0]["mb_per_second"]["median"], 10.0);
    }
}
