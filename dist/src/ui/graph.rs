//! Lines that join releases to their parents, for histories that fork. Each release has one parent, so lines meet and never part
//! on the way down.

use protocol::ReleaseId;

/// The lanes beside the releases shown so far, each with the release that it leads to.
#[derive(Debug, Default)]
pub(crate) struct Graph {
    lanes: Vec<Option<ReleaseId>>,
}

/// What stands to the left of one release, each as wide as the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rails {
    /// A line of its own before the release, where lines meet in it.
    pub(crate) join: Option<String>,
    /// Before the release itself.
    pub(crate) node: String,
    /// Before the lines that belong to it.
    pub(crate) body: String,
}

impl Graph {
    /// The rails of the next release, newest first.
    pub(crate) fn next(&mut self, id: ReleaseId, parent: Option<ReleaseId>) -> Rails {
        let leading: Vec<usize> = (0..self.lanes.len()).filter(|lane| self.lanes[*lane] == Some(id)).collect();
        let at = match leading.first() {
            Some(first) => *first,
            None => self.free_lane(),
        };
        let join = (leading.len() > 1).then(|| self.join(at, &leading[1..]));
        for lane in leading.iter().skip(1) {
            self.lanes[*lane] = None;
        }
        self.lanes[at] = parent;
        // Lines that have ended take no room beside what comes next.
        let width = self.lanes.iter().rposition(Option::is_some).map_or(0, |last| last + 1).max(at + 1);
        let row = |mark: char| {
            let cell = |lane: usize| match (lane == at, self.lanes[lane]) {
                (true, _) => mark,
                (false, Some(_)) => '│',
                (false, None) => ' ',
            };
            (0..width).flat_map(|lane| [cell(lane), ' ']).collect()
        };
        let rails = Rails { join, node: row('●'), body: row(if parent.is_some() { '│' } else { ' ' }) };
        while self.lanes.last() == Some(&None) {
            self.lanes.pop();
        }
        rails
    }

    fn free_lane(&mut self) -> usize {
        let free = self.lanes.iter().position(Option::is_none);
        free.unwrap_or_else(|| {
            self.lanes.push(None);
            self.lanes.len() - 1
        })
    }

    /// `├─┴─╯`: the lanes `from` end in the lane `into`, which is left of them.
    fn join(&self, into: usize, from: &[usize]) -> String {
        let last = from.last().copied().unwrap_or(into);
        let cell = |lane: usize| match lane {
            lane if lane == into => '├',
            lane if lane == last => '╯',
            lane if from.contains(&lane) => '┴',
            lane if lane > into && lane < last => {
                if self.lanes[lane].is_some() {
                    '┼'
                } else {
                    '─'
                }
            }
            lane => {
                if self.lanes[lane].is_some() {
                    '│'
                } else {
                    ' '
                }
            }
        };
        let fill = |lane: usize| if lane >= into && lane < last { '─' } else { ' ' };
        (0..self.lanes.len()).flat_map(|lane| [cell(lane), fill(lane)]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Draws `release < parent`, newest first.
    fn draw(history: &[(&str, Option<&str>)]) -> String {
        let id = |name: &str| ReleaseId::of(name.as_bytes());
        let mut graph = Graph::default();
        let rows = history.iter().flat_map(|(name, parent)| {
            let rails = graph.next(id(name), parent.map(id));
            [rails.join.unwrap_or_default(), format!("{}{name}", rails.node), rails.body]
        });
        let rows = rows.map(|row| row.trim_end().to_owned()).filter(|row| !row.is_empty());
        rows.map(|row| row + "\n").collect()
    }

    #[test]
    fn a_line_is_a_line() {
        insta::assert_snapshot!(draw(&[("c", Some("b")), ("b", Some("a")), ("a", None)]), @r"
        ● c
        │
        ● b
        │
        ● a
        ");
    }

    #[test]
    fn lines_that_come_from_one_release_meet_in_it() {
        let history = [("d", Some("b")), ("c", Some("b")), ("b", Some("a")), ("x", None), ("a", None)];
        insta::assert_snapshot!(draw(&history), @r"
        ● d
        │
        │ ● c
        │ │
        ├─╯
        ● b
        │
        │ ● x
        │
        ● a
        ");
    }

    #[test]
    fn several_lines_meet_at_once_and_pass_others() {
        let history =
            [("e", Some("a")), ("d", Some("b")), ("c", Some("a")), ("f", Some("a")), ("b", Some("a")), ("a", None)];
        insta::assert_snapshot!(draw(&history), @r"
        ● e
        │
        │ ● d
        │ │
        │ │ ● c
        │ │ │
        │ │ │ ● f
        │ │ │ │
        │ ● │ │ b
        │ │ │ │
        ├─┴─┴─╯
        ● a
        ");
        let passing = [("e", Some("a")), ("d", Some("z")), ("c", Some("a")), ("a", None), ("z", None)];
        insta::assert_snapshot!(draw(&passing), @r"
        ● e
        │
        │ ● d
        │ │
        │ │ ● c
        │ │ │
        ├─┼─╯
        ● │ a
          │
          ● z
        ");
    }
}
