use std::path::Path;
use std::sync::Barrier;
use std::time::Duration;

use gix_hash::ObjectId;
use refs::sqlite::{self, Action, ApplyError, Edit, Expected};
use rusqlite::Connection;

use crate::store::{app, apply, assert_unbroken, line, log, name, target};

const WRITERS: u8 = 4;
const ROUNDS: u8 = 60;
const CHANNELS: [&str; 3] = ["channels/alpha", "channels/beta", "channels/stable"];

fn open(path: &Path) -> Connection {
    let conn = Connection::open(path).expect("the directory is there");
    conn.busy_timeout(Duration::from_mins(1)).expect("settable");
    // What a crash would leave is not asked here, and without syncs the writers meet more often.
    conn.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF;").expect("settable");
    conn
}

/// Two channels at once to a value of this writer's own, from what they are now.
fn plan(conn: &Connection, writer: u8, round: u8) -> Vec<Edit> {
    let mut value = [0; 32];
    value[..2].copy_from_slice(&[writer, round]);
    let first = usize::from(round);
    [first, first + 1]
        .map(|n| name(CHANNELS[n % CHANNELS.len()]))
        .map(|name| {
            let expected = target(conn, &name).map_or(Expected::MustNotExist, Expected::MustExistAndMatch);
            Edit { name, expected, new: Some(ObjectId::from(value)) }
        })
        .to_vec()
}

/// Makes one move, planning again while others come in between. Returns how often they did.
fn make_move(conn: &mut Connection, mut edits: Vec<Edit>, writer: u8, round: u8) -> usize {
    for refused in 0..10_000 {
        match apply(conn, &edits, &line(Action::Promote, 0)) {
            Ok(_) => return refused,
            Err(ApplyError::Moved { last: Some(_), .. }) => {}
            Err(error) => panic!("{error}"),
        }
        // Read outside of the transaction that moves, as a client does.
        edits = plan(conn, writer, round);
    }
    panic!("writer {writer} starved");
}

/// All the moves of one writer. Returns how often it was refused.
fn write(path: &Path, start: &Barrier, writer: u8) -> usize {
    let mut conn = open(path);
    let mut planned = Some(plan(&conn, writer, 0));
    // All have planned from the same state, so all but one are refused at first.
    start.wait();
    (0..ROUNDS)
        .map(|round| {
            let edits = planned.take().unwrap_or_else(|| plan(&conn, writer, round));
            make_move(&mut conn, edits, writer, round)
        })
        .sum()
}

#[test]
fn no_update_is_lost_between_writers() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("refs.sqlite");
    open(&path).execute_batch(sqlite::SCHEMA_1).unwrap();
    let start = Barrier::new(usize::from(WRITERS));

    let refused: usize = std::thread::scope(|scope| {
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let (path, start) = (&path, &start);
                scope.spawn(move || write(path, start, writer))
            })
            .collect();
        writers.into_iter().map(|writer| writer.join().unwrap()).sum()
    });
    assert!(refused >= usize::from(WRITERS) - 1, "the writers never met");

    let conn = open(&path);
    let moves = usize::from(WRITERS) * usize::from(ROUNDS) * 2;
    assert_eq!(CHANNELS.iter().map(|text| log(&conn, &name(text)).len()).sum::<usize>(), moves);
    for text in CHANNELS {
        assert_unbroken(&conn, &name(text));
    }
    let kept = sqlite::list(&conn, &app(), sqlite::RefKind::All).unwrap();
    assert_eq!(kept.len(), CHANNELS.len());
}
