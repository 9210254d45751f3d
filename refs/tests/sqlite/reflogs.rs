use gix_hash::ObjectId;
use jiff::{SignedDuration, Timestamp};
use refs::ChannelName;
use refs::sqlite::{
    Action, Expected, LogLine, ROLLBACK_WINDOW, ReadError, ReflogEntry, read_rollback_target, read_undo_stack, reflog,
    value_at, value_back,
};
use rusqlite::Connection;

use crate::store::{app, apply, edit, id, line, name, open, put, time};

const BETA: &str = "channels/beta";

fn beta() -> ChannelName {
    "beta".parse().expect("valid")
}

/// `channels/beta` goes to 1, 2, away, and to 3, ten seconds apart.
fn moved() -> Connection {
    let mut conn = open();
    for (new, seconds) in [(Some(1), 0), (Some(2), 10), (None, 20), (Some(3), 30)] {
        put(&mut conn, BETA, new, seconds);
    }
    conn
}

#[test]
fn a_line_holds_who_why_and_when() {
    let mut conn = open();
    let at = time(0) + SignedDuration::from_micros(1_999);
    let line = LogLine { actor: "ann", action: Action::Rollback, reason: Some("crash"), at };
    apply(&mut conn, &[edit(BETA, Expected::Any, Some(1))], &line).unwrap();
    let entry = ReflogEntry {
        seq: 1,
        old: None,
        new: Some(id(1)),
        actor: "ann".to_owned(),
        action: Action::Rollback,
        reason: Some("crash".to_owned()),
        at: time(0) + SignedDuration::from_millis(1),
    };
    assert_eq!(reflog(&conn, &app(), &name(BETA), None, 10).unwrap(), [entry]);
}

#[test]
fn pages_go_from_the_newest_to_the_oldest() {
    let conn = moved();
    let page = |before, limit| -> Vec<u64> {
        let entries = reflog(&conn, &app(), &name(BETA), before, limit).unwrap();
        entries.iter().map(|entry| entry.seq).collect()
    };
    assert_eq!(page(None, 3), [4, 3, 2]);
    assert_eq!(page(Some(2), 3), [1]);
    assert_eq!(page(Some(1), 3), [0; 0]);
    assert_eq!(page(Some(u64::MAX), 1), [4]);
    assert_eq!(page(None, 0), [0; 0]);
}

#[test]
fn value_back_counts_moves() {
    let conn = moved();
    let back = |n| value_back(&conn, &app(), &name(BETA), n).unwrap();
    let values: Vec<Option<ObjectId>> = (0..6).map(back).collect();
    assert_eq!(values, [Some(id(3)), None, Some(id(2)), Some(id(1)), None, None]);
    assert_eq!(back(u64::MAX), None);
    assert_eq!(value_back(&conn, &app(), &name("channels/none"), 1).unwrap(), None);
}

#[test]
fn value_at_is_what_it_was_then() {
    let conn = moved();
    let at = |when: Timestamp| value_at(&conn, &app(), &name(BETA), when).unwrap();
    assert_eq!(at(time(-1)), None);
    assert_eq!(at(time(0)), Some(id(1)));
    assert_eq!(at(time(9)), Some(id(1)));
    assert_eq!(at(time(10)), Some(id(2)));
    assert_eq!(at(time(25)), None);
    assert_eq!(at(time(1_000)), Some(id(3)));
    assert_eq!(at(Timestamp::MIN), None);
    assert_eq!(at(Timestamp::MAX), Some(id(3)));
}

#[test]
fn value_at_takes_the_later_move_where_the_clock_was_set_back() {
    let mut conn = open();
    put(&mut conn, BETA, Some(1), 100);
    put(&mut conn, BETA, Some(2), 50);
    assert_eq!(value_at(&conn, &app(), &name(BETA), time(60)).unwrap(), Some(id(2)));
    assert_eq!(value_at(&conn, &app(), &name(BETA), time(200)).unwrap(), Some(id(2)));
}

#[test]
fn rolling_back_twice_goes_two_releases_back() {
    let mut conn = open();
    for release in 1..=3 {
        put(&mut conn, BETA, Some(release), 0);
    }
    let mut visited = Vec::new();
    while let Some(target) = read_rollback_target(&conn, &app(), &beta()).unwrap() {
        visited.push(target);
        let release = target.as_slice()[0];
        let back = edit(BETA, Expected::Any, Some(release));
        apply(&mut conn, &[back], &line(Action::Rollback, 1)).unwrap();
    }
    assert_eq!(visited, [id(2), id(1)]);
    assert_eq!(read_undo_stack(&conn, &app(), &beta()).unwrap(), [id(1)]);
}

#[test]
fn the_undo_stack_is_read_from_a_bounded_window() {
    let mut conn = open();
    let window = usize::try_from(ROLLBACK_WINDOW).unwrap();
    let tx = conn.transaction().unwrap();
    for release in (1..=3u8).cycle().take(window + 50) {
        let edits = [edit(BETA, Expected::Any, Some(release))];
        refs::sqlite::apply(&tx, &app(), &edits, &line(Action::Promote, 0)).unwrap();
    }
    // One more than lines were read: the oldest of them says what was there before it.
    assert_eq!(read_undo_stack(&tx, &app(), &beta()).unwrap().len(), window + 1);
}

#[test]
fn a_damaged_line_is_named() {
    let conn = moved();
    conn.execute("UPDATE reflog SET action = 'explode' WHERE seq = 2", ()).unwrap();
    let error = reflog(&conn, &app(), &name(BETA), None, 10).unwrap_err();
    assert!(matches!(&error, ReadError::Corrupt(_)));
    assert_eq!(error.to_string(), r#"reflog.action of acme channels/beta holds "explode", which is not an action"#);
}

#[test]
fn every_action_reads_back() {
    let mut conn = open();
    for (action, release) in Action::ALL.into_iter().zip(1..) {
        apply(&mut conn, &[edit(BETA, Expected::Any, Some(release))], &line(action, 0)).unwrap();
        let newest = reflog(&conn, &app(), &name(BETA), None, 1).unwrap();
        assert_eq!(newest[0].action, action);
        assert_eq!(serde_json::to_string(&action).unwrap(), format!("\"{action}\""));
    }
}
