//! How the notes of two releases differ, line by line.

use std::ops::Range;

use serde::{Deserialize, Serialize};
use similar::{ChangeTag, DiffOp, TextDiff};
use utoipa::ToSchema;

use crate::platform::words;

/// Lines around a difference that are shown with it.
const CONTEXT: usize = 3;

/// Most lines of one side times lines of the other that are compared; larger notes count as replaced. Keeps notes that were
/// made to be slow from being so.
const MOST_COMPARED: usize = 4_000_000;

words! {
    /// What became of a line.
    LineChange, "line change" {
        /// Both have it.
        Same = "same",
        /// Only the newer has it.
        Added = "added",
        /// Only the older has it.
        Removed = "removed",
    }
}

/// How notes differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NotesChange {
    /// Lines that only the newer has.
    pub added: u64,
    /// Lines that only the older has.
    pub removed: u64,
    /// The differences with the lines around them.
    pub hunks: Vec<NoteHunk>,
}

/// Neighbouring lines with at least one difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NoteHunk {
    /// The first line of the older notes, from 1.
    pub old_start: u64,
    /// The first line of the newer notes, from 1.
    pub new_start: u64,
    /// The lines, in their order.
    pub lines: Vec<NoteLine>,
}

/// One line of notes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NoteLine {
    /// What became of it.
    pub change: LineChange,
    /// Its text, without its end.
    pub text: String,
}

/// Compares notes by line; `None` where they are the same but for how lines end.
pub(super) fn compare(old: &str, new: &str) -> Option<NotesChange> {
    let (old, new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    if old == new {
        return None;
    }
    let hunks = if old.len().saturating_mul(new.len()) > MOST_COMPARED {
        vec![replaced(&old, &new)]
    } else {
        let diff = TextDiff::from_slices(&old, &new);
        diff.grouped_ops(CONTEXT).iter().map(|ops| hunk(&diff, ops)).collect()
    };
    let count = |change| hunks.iter().flat_map(|hunk| &hunk.lines).filter(|line| line.change == change).count() as u64;
    Some(NotesChange { added: count(LineChange::Added), removed: count(LineChange::Removed), hunks })
}

fn hunk(diff: &TextDiff<'_, '_, str>, ops: &[DiffOp]) -> NoteHunk {
    let start = |range: Range<usize>| range.start as u64 + 1;
    let lines = ops.iter().flat_map(|op| diff.iter_changes(op)).map(|change| NoteLine {
        change: match change.tag() {
            ChangeTag::Equal => LineChange::Same,
            ChangeTag::Insert => LineChange::Added,
            ChangeTag::Delete => LineChange::Removed,
        },
        text: change.value().to_owned(),
    });
    NoteHunk {
        old_start: ops.first().map_or(1, |op| start(op.old_range())),
        new_start: ops.first().map_or(1, |op| start(op.new_range())),
        lines: lines.collect(),
    }
}

fn replaced(old: &[&str], new: &[&str]) -> NoteHunk {
    let line = |change| move |text: &&str| NoteLine { change, text: (*text).to_owned() };
    let removed = old.iter().map(line(LineChange::Removed));
    NoteHunk { old_start: 1, new_start: 1, lines: removed.chain(new.iter().map(line(LineChange::Added))).collect() }
}
