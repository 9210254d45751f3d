//! Sampled stacks: read from what `perf script` prints, folded to one line each, drawn as a flame graph.

use std::{
    collections::{BTreeMap, hash_map::DefaultHasher},
    fmt::Write,
    hash::{Hash, Hasher},
};

/// How often each stack was seen; a stack is its frames from the program on, with `;` between them.
pub(super) type Folded = BTreeMap<String, u64>;

/// Reads `perf script -F comm,pid,tid,ip,sym`: a line with a thread's name and `PROCESS/THREAD`, then a line for each frame, the
/// innermost first, then an empty line. Threads count for their process, which is called as its first thread is, or as is
/// `known`: both ends name their threads the same.
pub(super) fn fold(script: &str, known: &[(u32, &str)]) -> Folded {
    let heads =
        || script.split("\n\n").filter_map(|sample| parse_head(sample.trim_start_matches('\n').lines().next()?));
    let mut names: BTreeMap<u32, &str> =
        heads().filter(|head| head.process == head.thread).map(|head| (head.process, head.name)).collect();
    names.extend(known.iter().copied());
    let mut folded = Folded::new();
    for sample in script.split("\n\n") {
        let mut lines = sample.lines().filter(|line| !line.is_empty());
        let Some(head) = lines.next().and_then(parse_head) else { continue };
        let mut frames: Vec<&str> = lines.map(name_frame).collect();
        frames.push(names.get(&head.process).copied().unwrap_or(head.name));
        frames.reverse();
        *folded.entry(frames.join(";")).or_default() += 1;
    }
    folded
}

/// Whose sample it is.
struct Head<'a> {
    name: &'a str,
    process: u32,
    thread: u32,
}

fn parse_head(line: &str) -> Option<Head<'_>> {
    let (name, ids) = line.trim().rsplit_once(char::is_whitespace)?;
    let (process, thread) = ids.split_once('/')?;
    Some(Head { name: name.trim(), process: process.parse().ok()?, thread: thread.parse().ok()? })
}

/// The part of all samples whose innermost frame has no name, in percent.
pub(super) fn share_unknown(folded: &Folded) -> f64 {
    find_tops(folded).iter().filter(|(_, name)| name.ends_with(UNKNOWN)).map(|(share, _)| share).sum()
}

const UNKNOWN: &str = "[unknown]";

/// A frame without its address; `;` would end it.
fn name_frame(line: &str) -> &str {
    let name = line.trim().split_once(' ').map_or("", |(_, name)| name.trim());
    let name = name.split(';').next().unwrap_or(name);
    if name.is_empty() { UNKNOWN } else { name }
}

/// One line a stack, as other tools for flame graphs read them.
pub(super) fn to_text(folded: &Folded) -> String {
    let lines: Vec<String> = folded.iter().map(|(stack, count)| format!("{stack} {count}\n")).collect();
    lines.concat()
}

/// Where the samples were: the program and its innermost frame, in percent of all, the most first.
#[allow(clippy::cast_precision_loss, reason = "samples are far fewer than 2⁵³")]
pub(super) fn find_tops(folded: &Folded) -> Vec<(f64, String)> {
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for (stack, count) in folded {
        let (program, inner) = stack.split_once(';').unwrap_or((stack, UNKNOWN));
        let inner = inner.rsplit(';').next().unwrap_or(inner);
        *counts.entry(format!("{program}: {inner}")).or_default() += count;
    }
    let all: u64 = counts.values().sum();
    let share = |(name, count): (String, u64)| (count as f64 / all as f64 * 100.0, name);
    let mut tops: Vec<_> = counts.into_iter().map(share).collect();
    tops.sort_by(|one, other| other.0.total_cmp(&one.0));
    tops
}

/// A frame, and what was seen inside of it.
#[derive(Default)]
struct Node<'a> {
    count: u64,
    inside: BTreeMap<&'a str, Node<'a>>,
}

impl Node<'_> {
    fn depth(&self) -> u32 {
        1 + self.inside.values().map(Node::depth).max().unwrap_or(0)
    }
}

const WIDTH: f64 = 1200.0;
const ROW: f64 = 16.0;
/// About that of a letter.
const LETTER: f64 = 6.5;
/// What is narrower is left out.
const LEAST: f64 = 0.3;

/// An SVG picture: each frame as wide as its part of the samples, what it called above it. A frame's name and share show where
/// the pointer is.
pub(super) fn draw(folded: &Folded) -> String {
    let mut root = Node::default();
    for (stack, count) in folded {
        root.count += count;
        let mut node = &mut root;
        for frame in stack.split(';') {
            node = node.inside.entry(frame).or_default();
            node.count += count;
        }
    }
    let height = f64::from(root.depth()) * ROW;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" font-family=\"monospace\" \
         font-size=\"11\">\n"
    );
    draw_node(&mut svg, "all", &root, (0.0, WIDTH, height - ROW), root.count);
    svg + "</svg>\n"
}

#[allow(clippy::cast_precision_loss, reason = "samples are far fewer than 2⁵³")]
fn draw_node(svg: &mut String, name: &str, node: &Node, (x, width, y): (f64, f64, f64), all: u64) {
    if width < LEAST {
        return;
    }
    let share = node.count as f64 / all as f64 * 100.0;
    let text: String = name.chars().take(letters_in(width)).collect();
    let (name, text) = (escape(name), escape(&text));
    // Writing to a String does not fail.
    let _ = writeln!(
        svg,
        "<g><title>{name}: {share:.2} %</title><rect x=\"{x:.1}\" y=\"{y}\" width=\"{width:.1}\" height=\"{}\" \
         fill=\"hsl({},70%,65%)\"/><text x=\"{:.1}\" y=\"{}\">{text}</text></g>",
        ROW - 1.0,
        hue(&name),
        x + 2.0,
        y + ROW - 4.0,
    );
    let mut from = x;
    for (name, inside) in &node.inside {
        let part = width * inside.count as f64 / node.count as f64;
        draw_node(svg, name, inside, (from, part, y - ROW), all);
        from += part;
    }
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a picture is 1200 wide")]
fn letters_in(width: f64) -> usize {
    ((width - 4.0) / LETTER).max(0.0) as usize
}

/// The same for the same name: from red to yellow.
fn hue(name: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    hasher.finish() % 55
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCRIPT: &str = "dist     7/7     \n\t    55d0 sha256::compress\n\t    55d1 main\n\n\
                          a worker 7/8     \n\t    55d2 sha256::compress\n\t    55d1 main\n\n\
                          a worker 9/10    \n\t    ffff <T as Read>::read\n\n";

    fn folded() -> Folded {
        fold(SCRIPT, &[(9, "distd")])
    }

    #[test]
    fn stacks_are_folded_from_the_program_on() {
        assert_eq!(to_text(&folded()), "dist;main;sha256::compress 2\ndistd;<T as Read>::read 1\n");
        assert!(fold("", &[]).is_empty());
        let idle = fold("\nswapper 0/0 \n\t   ffff\n", &[]);
        assert_eq!(to_text(&idle), "swapper;[unknown] 1\n");
        assert!((share_unknown(&idle) - 100.0).abs() < 1e-9 && share_unknown(&folded()).abs() < 1e-9);
    }

    #[test]
    fn the_innermost_frames_are_told_with_their_share() {
        let tops = find_tops(&folded());
        assert_eq!(tops[0].1, "dist: sha256::compress");
        assert!((tops[0].0 - 66.67).abs() < 0.01 && (tops[1].0 - 33.33).abs() < 0.01, "{tops:?}");
    }

    #[test]
    fn a_picture_has_each_frame_as_wide_as_its_share() {
        let svg = draw(&folded());
        for expect in [
            "<title>all: 100.00 %</title><rect x=\"0.0\" y=\"48\" width=\"1200.0\"",
            "<title>sha256::compress: 66.67 %</title><rect x=\"0.0\" y=\"0\" width=\"800.0\"",
            "<title>&lt;T as Read&gt;::read: 33.33 %</title><rect x=\"800.0\" y=\"16\" width=\"400.0\"",
        ] {
            assert!(svg.contains(expect), "{svg}");
        }
    }
}
