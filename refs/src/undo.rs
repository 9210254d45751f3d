//! Where a channel goes when it is rolled back without naming a release.
//!
//! `@{1}` would be the wrong answer: after one rollback it names the bad release again. So the
//! reflog is read as an undo stack, and a rollback shortens it.

use gix_hash::ObjectId;

use crate::{Action, ReflogEntry};

/// The release that the next rollback of a channel goes to, if none is named: the one under the
/// top of its [`undo_stack`]. `None` when there is none left to go back to.
///
/// Rolling back twice goes two releases back, and never forward again.
///
/// `entries` are lines of one reflog, oldest first and up to the newest. Older ones may be
/// missing; then the answer is the same or `None`.
pub fn rollback_target(entries: &[ReflogEntry]) -> Option<ObjectId> {
    let stack = undo_stack(entries);
    stack.len().checked_sub(2).map(|under_the_top| stack[under_the_top])
}

/// The releases that a channel can be taken back through, the current one last.
///
/// - A move that is no rollback puts its new value on top.
/// - A rollback to a value in the stack takes everything above it away, down to its latest
///   occurrence below the top.
/// - A rollback to a value that is not in the stack puts it on top, like any other move. But if
///   older lines are missing, the value may lie below what is known, so the known stack goes and it
///   becomes the only one.
/// - A deletion empties the stack.
///
/// `entries` are lines of one reflog, oldest first and up to the newest. Where older ones are
/// missing, the stack is the top of what it would be with them.
pub fn undo_stack(entries: &[ReflogEntry]) -> Vec<ObjectId> {
    let Some(first) = entries.first() else {
        return Vec::new();
    };
    let is_whole = first.seq == 1;
    let mut stack = Vec::from_iter(first.old);
    for entry in entries {
        let Some(new) = entry.new else {
            stack.clear();
            continue;
        };
        if entry.action == Action::Rollback {
            match position_below_top(&stack, new) {
                Some(at) => stack.truncate(at),
                None if is_whole => {}
                None => stack.clear(),
            }
        }
        stack.push(new);
    }
    stack
}

fn position_below_top(stack: &[ObjectId], value: ObjectId) -> Option<usize> {
    let (_top, below) = stack.split_last()?;
    below.iter().rposition(|&held| held == value)
}
