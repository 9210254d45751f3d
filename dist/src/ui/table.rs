//! Tables without lines: columns two spaces apart, never wider than the terminal.

use comfy_table::{Attribute, Cell, CellAlignment, ColumnConstraint, ContentArrangement, TableStyle};

use super::Look;

/// On which side the cells of a column stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Align {
    /// Words.
    Left,
    /// Sizes and counts.
    Right,
}

/// A table being filled.
pub(crate) struct Table {
    titles: Vec<&'static str>,
    aligns: Vec<Align>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these columns.
    pub(crate) fn new(columns: &[(&'static str, Align)]) -> Self {
        Self {
            titles: columns.iter().map(|(title, _)| *title).collect(),
            aligns: columns.iter().map(|(_, align)| *align).collect(),
            rows: Vec::new(),
        }
    }

    /// Adds a row, one cell for each column.
    pub(crate) fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.into());
    }

    /// Whether it has no rows.
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The table as text that ends in a newline.
    pub(crate) fn render(&self, look: &Look) -> String {
        let mut table = comfy_table::Table::new();
        table.load_style(TableStyle::new()).set_content_arrangement(ContentArrangement::Dynamic);
        match look.width {
            Some(width) => table.set_width(width),
            None => table.set_content_arrangement(ContentArrangement::Disabled),
        };
        if look.colour {
            table.enforce_styling();
        } else {
            table.force_no_tty();
        }
        table.set_header(self.titles.iter().map(|title| Cell::new(title).add_attribute(Attribute::Dim)));
        for row in &self.rows {
            table.add_row(row.iter().map(|cell| Cell::new(printable(cell))));
        }
        for (column, align) in table.column_iter_mut().zip(&self.aligns) {
            column.set_padding((0, 2));
            column.set_cell_alignment(match align {
                Align::Left => CellAlignment::Left,
                Align::Right => CellAlignment::Right,
            });
        }
        if let Some(width) = look.width {
            keep_narrow_columns_whole(&mut table, width);
        }
        lines(table.lines())
    }
}

/// Where a table is too wide, its widest columns wrap; ids, names and times stay in one piece.
fn keep_narrow_columns_whole(table: &mut comfy_table::Table, width: u16) {
    let widths = table.column_max_content_widths();
    let mut by_width: Vec<usize> = (0..widths.len()).collect();
    by_width.sort_by_key(|column| widths[*column]);
    let mut room = width - width / 3;
    for column in by_width {
        let Some(left) = room.checked_sub(widths[column].saturating_add(2)) else { return };
        room = left;
        if let Some(column) = table.column_mut(column) {
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
    }
}

/// Facts about one thing: names on the left, values on the right. Facts without a value are left out.
pub(crate) fn key_values(look: &Look, facts: &[(&str, String)]) -> String {
    let width = facts.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    let told = facts.iter().filter(|(_, value)| !value.is_empty());
    lines(told.map(|(name, value)| format!("{}  {}", look.dim(&format!("{name:<width$}")), printable(value))))
}

fn lines(lines: impl Iterator<Item = String>) -> String {
    let trimmed: Vec<String> = lines.map(|line| line.trim_end().to_owned() + "\n").collect();
    trimmed.concat()
}

/// Text of others without the control characters that would move the cursor or recolour the terminal.
pub(crate) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::super::Times;
    use super::*;

    fn look(width: Option<u16>) -> Look {
        Look { now: Timestamp::UNIX_EPOCH, times: Times::Relative, width, colour: false }
    }

    fn table() -> Table {
        let mut table = Table::new(&[("channel", Align::Left), ("size", Align::Right), ("reason", Align::Left)]);
        table.row(["beta".into(), "1.0 MiB".into(), "a fix that many people waited for".into()]);
        table.row(["nightly".into(), "412.0 MiB".into(), "\u{1b}[31mred".into()]);
        table
    }

    #[test]
    fn a_table_has_plain_columns() {
        insta::assert_snapshot!(table().render(&look(None)), @r"
        channel       size  reason
        beta       1.0 MiB  a fix that many people waited for
        nightly  412.0 MiB  �[31mred
        ");
    }

    #[test]
    fn a_table_is_never_wider_than_the_terminal() {
        for width in [20, 40, 80] {
            let text = table().render(&look(Some(width)));
            assert!(text.lines().all(|line| line.chars().count() <= usize::from(width)), "{text}");
        }
        let narrow = table().render(&look(Some(40)));
        assert!(narrow.contains("nightly  412.0 MiB"), "{narrow}");
    }

    #[test]
    fn facts_without_a_value_are_left_out() {
        let facts = [("app", "acme".to_owned()), ("notes", String::new()), ("published", "today".to_owned())];
        assert_eq!(key_values(&look(None), &facts), "app        acme\npublished  today\n");
    }
}
