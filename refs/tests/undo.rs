//! The undo stack of a channel, against a stack that is simply pushed and popped.

use gix_hash::ObjectId;
use jiff::Timestamp;
use proptest::prelude::*;
use refs::{Action, ReflogEntry, rollback_target, undo_stack};

fn id(release: u8) -> ObjectId {
    ObjectId::from([release; 32])
}

/// A reflog, written one move at a time.
#[derive(Default)]
struct Log(Vec<ReflogEntry>);

impl Log {
    fn push(&mut self, action: Action, new: Option<u8>) {
        let new = new.map(id);
        let old = self.0.last().and_then(|entry| entry.new);
        if old == new {
            return;
        }
        self.0.push(ReflogEntry {
            seq: self.0.len() as u64 + 1,
            old,
            new,
            actor: "ci".to_owned(),
            action,
            reason: None,
            at: Timestamp::UNIX_EPOCH,
        });
    }
}

/// Each word is one move: `A` promotes release A, `<A` rolls back to it, `-` deletes the channel.
fn log(moves: &str) -> Log {
    let mut log = Log::default();
    for word in moves.split_whitespace() {
        match word.as_bytes() {
            b"-" => log.push(Action::Delete, None),
            [b'<', release] => log.push(Action::Rollback, Some(*release)),
            [release] => log.push(Action::Promote, Some(*release)),
            _ => panic!("no such move: {word}"),
        }
    }
    log
}

fn check(moves: &str, expect: &str) {
    let stack = undo_stack(&log(moves).0);
    assert_eq!(stack, expect.bytes().map(id).collect::<Vec<_>>(), "{moves}");
}

#[test]
fn moves_push_and_rollbacks_truncate() {
    check("", "");
    check("A", "A");
    check("A B C", "ABC");
    check("A B C <B", "AB");
    check("A B C <A", "A");
    check("A B C <B <A", "A");
    check("A B C <B D", "ABD");
    check("A B C <B D <B", "AB");
    check("A B A", "ABA");
    check("A B A C <A", "ABA");
    check("A B A <B", "AB");
}

#[test]
fn a_rollback_to_a_release_that_was_taken_off_puts_it_back_on() {
    check("A B C <A <B", "AB");
    check("A B <X", "ABX");
    check("<X", "X");
}

#[test]
fn a_deletion_empties_the_stack() {
    check("A B -", "");
    check("A B - C", "C");
    check("A B - C D <C", "C");
}

#[test]
fn the_target_is_under_the_top() {
    assert_eq!(rollback_target(&[]), None);
    assert_eq!(rollback_target(&log("A").0), None);
    assert_eq!(rollback_target(&log("A B").0), Some(id(b'A')));
    assert_eq!(rollback_target(&log("A B C <B").0), Some(id(b'A')));
    assert_eq!(rollback_target(&log("A B C <B <A").0), None);
}

#[test]
fn a_rollback_below_a_cut_log_has_no_target() {
    let log = log("A B C D <B");
    assert_eq!(rollback_target(&log.0), Some(id(b'A')));
    assert_eq!(rollback_target(&log.0[3..]), None);
}

#[derive(Clone, Debug)]
enum Step {
    Promote(u8),
    Rollback,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![(0..5u8).prop_map(Step::Promote), Just(Step::Rollback)]
}

fn any_log() -> impl Strategy<Value = Log> {
    let action = prop_oneof![
        2 => Just(Action::Promote),
        1 => Just(Action::Publish),
        3 => Just(Action::Rollback),
    ];
    let step = (action, proptest::option::weighted(0.95, 0..6u8));
    proptest::collection::vec(step, 0..60).prop_map(|steps| {
        let mut log = Log::default();
        for (action, new) in steps {
            log.push(if new.is_some() { action } else { Action::Delete }, new);
        }
        log
    })
}

impl std::fmt::Debug for Log {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let moves = self.0.iter().map(|e| (e.action, e.new.map(|id| id.as_slice()[0])));
        f.debug_list().entries(moves).finish()
    }
}

proptest! {
    #[test]
    fn rollbacks_without_a_name_pop(steps in proptest::collection::vec(step(), 0..60)) {
        let mut log = Log::default();
        let mut model: Vec<ObjectId> = Vec::new();
        for step in steps {
            match step {
                Step::Promote(release) => {
                    log.push(Action::Promote, Some(release));
                    if model.last() != Some(&id(release)) {
                        model.push(id(release));
                    }
                }
                Step::Rollback => {
                    let target = rollback_target(&log.0);
                    prop_assert_eq!(target, model.iter().rev().nth(1).copied());
                    if let Some(target) = target {
                        log.push(Action::Rollback, Some(target.as_slice()[0]));
                        model.pop();
                    }
                }
            }
            prop_assert_eq!(undo_stack(&log.0), model.clone());
        }
    }

    #[test]
    fn the_top_is_where_the_channel_is(log in any_log()) {
        let now = log.0.last().and_then(|entry| entry.new);
        prop_assert_eq!(undo_stack(&log.0).last().copied(), now);
    }

    #[test]
    fn a_cut_log_gives_the_top_of_the_whole_stack(log in any_log(), cut in 0..60usize) {
        let whole = undo_stack(&log.0);
        let part = undo_stack(&log.0[cut.min(log.0.len())..]);
        prop_assert!(whole.ends_with(&part), "{whole:?} does not end with {part:?}");
    }

    #[test]
    fn rolling_back_again_and_again_comes_to_an_end(mut log in any_log()) {
        let mut left = undo_stack(&log.0).len();
        while let Some(target) = rollback_target(&log.0) {
            log.push(Action::Rollback, Some(target.as_slice()[0]));
            left -= 1;
            prop_assert_eq!(undo_stack(&log.0).len(), left);
        }
        prop_assert!(left <= 1);
    }
}
