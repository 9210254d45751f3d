//! How the product and its peers did in one step, as a table and as JSON.

use serde_json::{Value, json};

use super::{
    compare::{self, Contestant, Figures},
    look, table,
};

const HEADS: [&str; 2] = [
    "                    median    min    max   median  dist is              ",
    "                      MB/s   MB/s   MB/s  seconds   median    min    max",
];

/// One step of each, the product first.
pub(super) fn render(contestants: &[Contestant], step: usize) -> String {
    let heads = HEADS.iter().zip(look::HEADS).map(|(own, look)| format!("{own}{look}\n"));
    let own = &contestants[0].steps[step];
    let lines = contestants.iter().map(|contestant| line(contestant.name, &contestant.steps[step], own));
    heads.chain(lines).collect()
}

fn line(name: &str, figures: &Figures, own: &Figures) -> String {
    let speed = figures.row.speed();
    let [median, min, max] = [speed.median, speed.min, speed.max].map(|speed| format!("{speed:.0}"));
    let seconds = format!("{:.3}", figures.row.time().median);
    let ratio = compare::ratio(&own.row, &figures.row);
    let [middle, least, most] = [ratio.median, ratio.min, ratio.max].map(|ratio| format!("{ratio:.2}"));
    let columns = look::columns(&figures.look);
    format!("{name:<18} {median:>7} {min:>6} {max:>6} {seconds:>8} {middle:>8} {least:>6} {most:>6}{columns}\n")
}

/// What the columns mean, what each is and what it promises.
pub(super) fn describe(contestants: &[Contestant]) -> String {
    let about = contestants.iter().map(|Contestant { name, what, durability, note, .. }| {
        let note = note.as_ref().map_or_else(String::new, |note| format!("    {note}.\n"));
        format!("{name}: {what}.\n    durable: {durability}.\n{note}")
    });
    let head = format!("\"dist is\": how many times as fast as this peer, run by run; {}\n\n", look::LEGEND);
    std::iter::once(head).chain(about).collect()
}

/// All steps of each.
pub(super) fn to_json(contestants: &[Contestant]) -> Vec<Value> {
    let of_step = |(figures, own): (&Figures, &Figures)| {
        let mut step = table::to_json(std::slice::from_ref(&figures.row))[0].take();
        step["ratio"] = json!(compare::ratio(&own.row, &figures.row));
        step["look"] = json!(figures.look);
        step
    };
    let of_contestant = |contestant: &Contestant| {
        json!({
            "name": contestant.name,
            "what": contestant.what,
            "durability": contestant.durability,
            "note": contestant.note,
            "steps": contestant.steps.iter().zip(&contestants[0].steps).map(of_step).collect::<Vec<_>>(),
        })
    };
    contestants.iter().map(of_contestant).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_a_line_with_its_ratio_to_the_product() {
        let timed = |name: &'static str, seconds: f64| {
            let mut contestant =
                Contestant::new(name, "", "", 1_000_000, Box::new(|_| anyhow::bail!("nothing is started")));
            contestant.steps[0].row.seconds = vec![seconds];
            contestant
        };
        let table = render(&[timed("dist", 1.0), timed("git", 3.0)], 0);
        let lines: Vec<Vec<&str>> = table.lines().skip(2).map(|line| line.split_whitespace().collect()).collect();
        assert_eq!((lines[0][0], lines[0][5]), ("dist", "1.00"));
        assert_eq!((lines[1][0], lines[1][4], lines[1][5]), ("git", "3.000", "3.00"));
    }
}
