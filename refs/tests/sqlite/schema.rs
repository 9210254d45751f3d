use refs::sqlite::Expected;
use refs::sqlite::{Action, ApplyError};

use crate::store::{apply, edit, line, open, put};

#[test]
fn a_person_can_read_the_tables() {
    let mut conn = open();
    put(&mut conn, "channels/beta", Some(0xab), 0);
    let row: (String, String, String, String) = conn.query_row("SELECT * FROM refs", (), |row| row.try_into()).unwrap();
    assert_eq!(
        row,
        ("acme".to_owned(), "channels/beta".to_owned(), "ab".repeat(32), "2026-11-22T09:00:00.000Z".to_owned())
    );
    let line: (i64, Option<String>, String, String) =
        conn.query_row("SELECT seq, old, new, action FROM reflog", (), |row| row.try_into()).unwrap();
    assert_eq!(line, (1, None, "ab".repeat(32), "promote".to_owned()));
}

#[test]
fn slips_by_hand_are_refused() {
    let mut conn = open();
    put(&mut conn, "channels/beta", Some(1), 0);
    for slip in [
        "UPDATE refs SET target = 'abc'",
        "UPDATE refs SET target = upper(replace(target, '0', 'a'))",
        "UPDATE refs SET target = NULL",
        "UPDATE refs SET updated_at = '2026-11-22 09:00:00'",
        "UPDATE reflog SET new = 'abc'",
        "UPDATE reflog SET old = new",
        "UPDATE reflog SET seq = 0",
        "UPDATE reflog SET at = '2026-11-22T09:00:00Z'",
        "UPDATE reflog SET actor = NULL",
    ] {
        conn.execute(slip, ()).expect_err(slip);
    }
}

#[test]
fn a_time_that_would_not_sort_is_refused() {
    let mut conn = open();
    let mut early = line(Action::Promote, 0);
    early.at = jiff::Timestamp::MIN;
    let error = apply(&mut conn, &[edit("channels/beta", Expected::Any, Some(1))], &early).unwrap_err();
    assert!(matches!(error, ApplyError::Sqlite(_)));
}

#[test]
fn each_read_is_a_search_by_key() {
    let conn = open();
    for (sql, expect) in [
        (
            "SELECT name FROM refs WHERE app = 'a' AND name >= 'b' AND name < 'c' ORDER BY name",
            "SEARCH refs USING PRIMARY KEY (app=? AND name>? AND name<?)",
        ),
        (
            "SELECT name FROM refs WHERE app = 'a' AND target = 'b' ORDER BY name",
            "SEARCH refs USING COVERING INDEX refs_by_target (app=? AND target=?)",
        ),
        (
            "SELECT old FROM reflog WHERE app = 'a' AND ref = 'b' AND seq < 9 ORDER BY seq DESC LIMIT 5",
            "SEARCH reflog USING PRIMARY KEY (app=? AND ref=? AND seq<?)",
        ),
    ] {
        let mut statement = conn.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let plan: Vec<String> =
            statement.query_map((), |row| row.get("detail")).unwrap().collect::<Result<_, _>>().unwrap();
        assert_eq!(plan, [expect]);
    }
}
