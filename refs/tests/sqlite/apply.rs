use refs::sqlite::{Action, ApplyError, Change, Corrupt, Expected, LogLine};

use crate::store::{app, apply, assert_unbroken, edit, id, line, log, name, open, put, target, time};

const BETA: &str = "channels/beta";
const STABLE: &str = "channels/stable";
const RELEASE: &str = "releases/2.4.0+241";

#[test]
fn a_ref_is_created_moved_and_deleted() {
    let mut conn = open();
    let steps = [
        (Expected::MustNotExist, None, Some(1)),
        (Expected::MustExistAndMatch(id(1)), Some(1), Some(2)),
        (Expected::Any, Some(2), Some(3)),
        (Expected::MustExistAndMatch(id(3)), Some(3), None),
        (Expected::MustNotExist, None, Some(4)),
    ];
    for (expected, old, new) in steps {
        let changes = apply(&mut conn, &[edit(BETA, expected, new)], &line(Action::Promote, 0)).unwrap();
        assert_eq!(changes, [Change { name: name(BETA), old: old.map(id), new: new.map(id) }]);
        assert_eq!(target(&conn, &name(BETA)), new.map(id));
    }
    assert_eq!(log(&conn, &name(BETA)).len(), 5);
    assert_unbroken(&conn, &name(BETA));
}

#[test]
fn a_stale_edit_names_who_moved_the_ref() {
    let mut conn = open();
    put(&mut conn, BETA, Some(1), 0);
    let mallory = LogLine { actor: "mallory", action: Action::Rollback, reason: Some("oops"), at: time(1) };
    apply(&mut conn, &[edit(BETA, Expected::Any, Some(2))], &mallory).unwrap();

    let stale = edit(BETA, Expected::MustExistAndMatch(id(1)), Some(3));
    let error = apply(&mut conn, &[stale], &line(Action::Promote, 2)).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "channels/beta is at {}, expected {}; last moved by mallory (rollback) at 2026-11-22T09:00:01.000Z",
            id(2),
            id(1)
        )
    );
    let ApplyError::Moved { name: moved, expected, actual, last } = error else { panic!("{error}") };
    assert_eq!(*moved, name(BETA));
    assert_eq!(expected, Expected::MustExistAndMatch(id(1)));
    assert_eq!(actual, Some(id(2)));
    let last = last.unwrap();
    assert_eq!((last.seq, last.actor.as_str(), last.reason.as_deref()), (2, "mallory", Some("oops")));
    assert_eq!(last.at, time(1));
}

#[test]
fn a_ref_that_never_was_has_no_last_move() {
    let stale = edit(BETA, Expected::MustExistAndMatch(id(1)), Some(3));
    let error = apply(&mut open(), &[stale], &line(Action::Promote, 0)).unwrap_err();
    assert_eq!(error.to_string(), format!("channels/beta does not exist, expected {}", id(1)));
    assert!(matches!(error, ApplyError::Moved { actual: None, last: None, .. }));
}

#[test]
fn a_deleted_ref_names_who_deleted_it() {
    let mut conn = open();
    put(&mut conn, BETA, Some(1), 0);
    put(&mut conn, BETA, None, 1);
    let stale = edit(BETA, Expected::MustExistAndMatch(id(1)), Some(3));
    let error = apply(&mut conn, &[stale], &line(Action::Promote, 2)).unwrap_err();
    let ApplyError::Moved { actual: None, last: Some(last), .. } = error else { panic!("{error}") };
    assert_eq!((last.seq, last.old, last.new), (2, Some(id(1)), None));
}

#[test]
fn an_existing_ref_is_not_created_again() {
    let mut conn = open();
    put(&mut conn, BETA, Some(1), 0);
    for new in [1, 2] {
        let again = edit(BETA, Expected::MustNotExist, Some(new));
        let error = apply(&mut conn, &[again], &line(Action::Promote, 1)).unwrap_err();
        assert!(matches!(error, ApplyError::Moved { actual: Some(at), .. } if at == id(1)));
    }
}

#[test]
fn edits_of_which_the_last_is_stale_change_nothing() {
    let mut conn = open();
    put(&mut conn, STABLE, Some(1), 0);
    let edits = [
        edit(RELEASE, Expected::MustNotExist, Some(2)),
        edit(BETA, Expected::Any, Some(2)),
        edit(STABLE, Expected::MustExistAndMatch(id(9)), Some(2)),
    ];
    let tx = conn.transaction().unwrap();
    let error = refs::sqlite::apply(&tx, &app(), &edits, &line(Action::Publish, 1)).unwrap_err();
    assert!(matches!(error, ApplyError::Moved { .. }));
    // Also when the caller goes on and commits: nothing was written in the first place.
    tx.commit().unwrap();

    assert_eq!(target(&conn, &name(STABLE)), Some(id(1)));
    for untouched in [RELEASE, BETA] {
        assert_eq!(target(&conn, &name(untouched)), None);
        assert!(log(&conn, &name(untouched)).is_empty());
    }
}

#[test]
fn edits_are_reported_in_their_order() {
    let mut conn = open();
    put(&mut conn, STABLE, Some(1), 0);
    let edits = [
        edit(STABLE, Expected::Any, Some(2)),
        edit(BETA, Expected::Any, Some(2)),
        edit("staging/1.0/linux", Expected::Any, None),
    ];
    let changes = apply(&mut conn, &edits, &line(Action::Publish, 1)).unwrap();
    let names: Vec<_> = changes.iter().map(|change| change.name.to_string()).collect();
    assert_eq!(names, [STABLE, BETA, "staging/1.0/linux"]);
    assert_eq!(changes.iter().map(Change::is_noop).collect::<Vec<_>>(), [false, false, true]);
}

#[test]
fn a_release_is_neither_moved_nor_deleted() {
    let mut conn = open();
    put(&mut conn, RELEASE, Some(1), 0);
    for new in [Some(2), None] {
        for expected in [Expected::Any, Expected::MustNotExist, Expected::MustExistAndMatch(id(1))] {
            let error = apply(&mut conn, &[edit(RELEASE, expected, new)], &line(Action::Publish, 1)).unwrap_err();
            let ApplyError::CreateOnly { name: taken, current } = error else { panic!("{error}") };
            assert_eq!((*taken, current), (name(RELEASE), id(1)));
        }
    }
    assert_eq!(log(&conn, &name(RELEASE)).len(), 1);
}

#[test]
fn an_edit_that_changes_nothing_is_not_logged() {
    let mut conn = open();
    for text in [BETA, RELEASE] {
        put(&mut conn, text, Some(1), 0);
        let same = edit(text, Expected::MustExistAndMatch(id(1)), Some(1));
        let changes = apply(&mut conn, &[same], &line(Action::Promote, 1)).unwrap();
        assert!(changes[0].is_noop());
        assert_eq!(changes[0].old, Some(id(1)));
        assert_eq!(log(&conn, &name(text)).len(), 1);
        let found = refs::sqlite::find(&conn, &app(), &name(text)).unwrap().unwrap();
        assert_eq!(found.updated_at, time(0));
    }
}

#[test]
fn deleting_what_does_not_exist_changes_nothing() {
    let mut conn = open();
    for text in [BETA, RELEASE] {
        let gone = edit(text, Expected::Any, None);
        assert!(apply(&mut conn, &[gone], &line(Action::Delete, 0)).unwrap()[0].is_noop());
        assert!(log(&conn, &name(text)).is_empty());
    }
}

#[test]
fn a_ref_is_edited_once_in_one_set() {
    let twice = [edit(BETA, Expected::Any, Some(1)), edit(BETA, Expected::Any, Some(1))];
    let error = apply(&mut open(), &twice, &line(Action::Promote, 0)).unwrap_err();
    assert_eq!(error.to_string(), "channels/beta is edited twice in one set of edits");
    assert!(matches!(error, ApplyError::Duplicate { .. }));
}

#[test]
fn apps_do_not_share_refs() {
    let mut conn = open();
    put(&mut conn, BETA, Some(1), 0);
    let tx = conn.transaction().unwrap();
    let other = "other".parse().unwrap();
    let create = [edit(BETA, Expected::MustNotExist, Some(2))];
    refs::sqlite::apply(&tx, &other, &create, &line(Action::Promote, 1)).unwrap();
    tx.commit().unwrap();
    assert_eq!(target(&conn, &name(BETA)), Some(id(1)));
    assert_eq!(log(&conn, &name(BETA)).len(), 1);
    assert_eq!(refs::sqlite::find(&conn, &other, &name(BETA)).unwrap().unwrap().target, id(2));
}

#[test]
fn a_damaged_row_is_named() {
    let mut conn = open();
    put(&mut conn, BETA, Some(1), 0);
    conn.execute_batch("PRAGMA ignore_check_constraints = ON; UPDATE refs SET target = upper('ab')").unwrap();
    let error = apply(&mut conn, &[edit(BETA, Expected::Any, Some(2))], &line(Action::Promote, 1)).unwrap_err();
    assert_eq!(
        error.to_string(),
        r#"refs.target of acme channels/beta holds "AB", which is not 64 lowercase hex digits"#
    );
    assert!(matches!(error, ApplyError::Corrupt(Corrupt { column: "refs.target", .. })));
}
