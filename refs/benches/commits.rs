//! Commits of refs: a release gets its ref and a channel moves to it, in one transaction that is durable when it is over; and the
//! same without the disk.

#![allow(clippy::unwrap_used, reason = "a benchmark that cannot go on ends")]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use gix_hash::ObjectId;
use jiff::Timestamp;
use refs::sqlite::{Action, Edit, Expected, LogLine, SCHEMA_1, SCHEMA_2, apply};
use refs::{AppSlug, RefName};
use rusqlite::{Connection, TransactionBehavior};

fn open(connection: Connection) -> Connection {
    connection.pragma_update(None, "journal_mode", "WAL").unwrap();
    connection.pragma_update(None, "synchronous", "FULL").unwrap();
    connection.execute_batch(&format!("{SCHEMA_1}{SCHEMA_2}")).unwrap();
    connection
}

fn commit(connection: &mut Connection, app: &AppSlug, number: u64) {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&number.to_le_bytes());
    let new = Some(ObjectId::Sha256(bytes));
    let release: RefName = format!("releases/1.0.{number}").parse().unwrap();
    let channel: RefName = "channels/beta".parse().unwrap();
    let edits = [
        Edit { name: release, expected: Expected::MustNotExist, new },
        Edit { name: channel, expected: Expected::Any, new },
    ];
    let line = LogLine { actor: "ci", action: Action::Publish, reason: None, at: Timestamp::UNIX_EPOCH };
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).unwrap();
    apply(&transaction, app, &edits, &line).unwrap();
    transaction.commit().unwrap();
}

fn commits(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().unwrap();
    let app: AppSlug = "acme".parse().unwrap();
    let mut group = criterion.benchmark_group("ref commit");
    group.throughput(Throughput::Elements(1));
    let on_disk = Connection::open(folder.path().join("refs.sqlite")).unwrap();
    for (name, connection) in [("durable", on_disk), ("in memory", Connection::open_in_memory().unwrap())] {
        let (mut connection, mut number) = (open(connection), 0);
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                number += 1;
                commit(&mut connection, &app, number);
            });
        });
    }
    group.finish();
}

criterion_group!(benches, commits);
criterion_main!(benches);
