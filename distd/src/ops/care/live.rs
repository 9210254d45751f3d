//! What is named by something: the roots of gc and what they hold.

use std::collections::HashSet;

use jiff::{SignedDuration, Timestamp};
use objstore::{Digest, ReadError, Store};
use protocol::{api::ExpiredRelease, limits};
use rusqlite::Connection;
use serde_json::Value;

use super::super::OpError;
use super::Policy;
use crate::db;

/// Every object that refs, reflogs within their window, staged parts, uploads within their lease and releases hold, but for the artifacts of
/// releases that have expired and of those in `given_up`.
///
/// A target that is no release of the index (a stage) may be a document of any kind: every digest in it counts.
///
/// # Errors
/// When a target of a ref is damaged: what it holds is not known then, and nothing may be deleted.
pub(super) fn live(
    connection: &Connection,
    store: &Store,
    policy: &Policy,
    given_up: &[ExpiredRelease],
    now: Timestamp,
) -> Result<HashSet<Digest>, OpError> {
    let (live, unread) = live_and_unread(connection, store, policy, given_up, now)?;
    unread.into_iter().next().map_or(Ok(live), |(_, error)| Err(error))
}

/// The same as if nothing had ever expired, for who deletes nothing by it. What cannot be read is told beside it: what that
/// holds in turn may be missing from the answer.
pub(super) fn live_for_ever(connection: &Connection, store: &Store) -> Result<(HashSet<Digest>, Vec<Digest>), OpError> {
    let forever = Policy { reflog_window: SignedDuration::MAX, upload_lease: SignedDuration::MAX, ..Policy::default() };
    let (live, unread) = live_and_unread(connection, store, &forever, &[], Timestamp::MIN)?;
    Ok((live, unread.into_iter().map(|(digest, _)| digest).collect()))
}

type Unread = Vec<(Digest, OpError)>;

fn live_and_unread(
    connection: &Connection,
    store: &Store,
    policy: &Policy,
    given_up: &[ExpiredRelease],
    now: Timestamp,
) -> Result<(HashSet<Digest>, Unread), OpError> {
    let given_up: HashSet<_> = given_up.iter().map(|it| (it.app.as_str(), it.release)).collect();
    let mut live: HashSet<Digest> = db::care::release_ids(connection)?.into_iter().collect();
    db::care::held_artifacts(connection, |app, release, digest| {
        if !given_up.contains(&(app.as_str(), release)) {
            live.insert(digest);
        }
    })?;
    live.extend(db::stages::live_objects(connection, now)?);
    let unread = documents(connection, store, policy, now, &mut live)?;
    for upload in db::care::announced(connection)? {
        if upload.touched_at > ago(now, policy.upload_lease) {
            live.insert(upload.digest);
        }
    }
    Ok((live, unread))
}

/// What [`live`] says, asked of one object after the other: without reading all that there is.
pub(super) struct Asked<'a> {
    connection: &'a Connection,
    documents: HashSet<Digest>,
    now: Timestamp,
    since: Timestamp,
}

impl<'a> Asked<'a> {
    /// # Errors
    /// As [`live`].
    pub(super) fn new(
        connection: &'a Connection,
        store: &Store,
        policy: &Policy,
        now: Timestamp,
    ) -> Result<Self, OpError> {
        let mut found = HashSet::new();
        match documents(connection, store, policy, now, &mut found)?.into_iter().next() {
            Some((_, error)) => Err(error),
            None => Ok(Self { connection, documents: found, now, since: ago(now, policy.upload_lease) }),
        }
    }

    pub(super) fn is_live(&self, digest: &Digest) -> Result<bool, OpError> {
        Ok(self.documents.contains(digest) || db::care::is_named(self.connection, digest, self.now, self.since)?)
    }
}

/// Adds the documents that refs and their logs name and that are no releases, and what these hold. Returns those that cannot
/// be read.
fn documents(
    connection: &Connection,
    store: &Store,
    policy: &Policy,
    now: Timestamp,
    live: &mut HashSet<Digest>,
) -> Result<Unread, OpError> {
    let mut unread = Vec::new();
    for target in db::care::unindexed_targets(connection, ago(now, policy.reflog_window))? {
        live.insert(target);
        match store.read_to_vec(&target, limits::MANIFEST_BYTES) {
            Ok(bytes) => collect(&serde_json::from_slice(&bytes).unwrap_or(Value::Null), live),
            // It was never written, or is lost: nobody can find anything through it.
            Err(ReadError::NotFound { .. }) => {}
            Err(ReadError::Damaged { digest, .. }) => unread.push((digest, OpError::ObjectDamaged { digest })),
            Err(other) => unread.push((target, OpError::storage("reading what a ref points at")(other.into()))),
        }
    }
    Ok(unread)
}

/// So long before now; the beginning of time where there is no such moment.
pub(super) fn ago(now: Timestamp, span: SignedDuration) -> Timestamp {
    now.checked_sub(span).unwrap_or(Timestamp::MIN)
}

/// Every digest that stands anywhere in a document.
fn collect(value: &Value, digests: &mut HashSet<Digest>) {
    match value {
        Value::String(text) => digests.extend(Digest::parse(text).ok()),
        Value::Array(values) => values.iter().for_each(|value| collect(value, digests)),
        Value::Object(fields) => fields.values().for_each(|value| collect(value, digests)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_digest_of_a_document_counts() {
        let (one, two) = (Digest::of(b"1"), Digest::of(b"2"));
        let document = serde_json::json!({"a": [{"sha256": one}, 7, "text"], "b": {"c": {"d": two}}});
        let mut found = HashSet::new();
        collect(&document, &mut found);
        assert_eq!(found, HashSet::from([one, two]));
    }

    #[test]
    fn what_is_asked_of_one_object_is_what_is_said_of_all() {
        let data = tempfile::tempdir().unwrap();
        let store = Store::open(data.path(), objstore::Options { reserve_bytes: 0 }).unwrap();
        drop(db::Database::open(data.path()).unwrap());
        let connection = Connection::open(data.path().join(db::FILE_NAME)).unwrap();
        let digests: Vec<Digest> = (0..20u8).map(|number| Digest::of(&[number])).collect();
        let document = store.put(serde_json::json!({ "sha256": digests[9] }).to_string().as_bytes()).unwrap().digest;
        let day = |day: u8| format!("'2026-11-{day:02}T00:00:00.000Z'");
        let run = |sql: String| connection.execute_batch(&sql).unwrap();
        for app in ["acme", "tool"] {
            run(format!(
                "INSERT INTO apps (slug, name, access, created_at, created_by) VALUES ('{app}', '', 'token', '', '');"
            ));
        }
        let release = |app: &str, id: usize, artifact: usize| {
            run(format!(
                "INSERT INTO releases (app, id, name, version, size_bytes, created_at, published_at, published_by)
                   VALUES ('{app}', '{0}', '{id}', '', 0, '', '', '');
                 INSERT INTO artifacts VALUES ('{app}', '{0}', 0, '', '', '', '', 0, '{1}');",
                digests[id], digests[artifact]
            ));
        };
        release("acme", 0, 1);
        release("acme", 2, 3);
        release("tool", 4, 5);
        release("tool", 6, 1);
        for (id, app) in [(2, "acme"), (6, "tool")] {
            run(format!("INSERT INTO expired_releases VALUES ('{app}', '{}', '');", digests[id]));
        }
        for (part, manifest, object, until) in [("linux", 7, 8, 30), ("macos", 10, 11, 1)] {
            run(format!(
                "INSERT INTO stages (app, release, part, manifest, staged_at, staged_by, expires_at)
                   VALUES ('tool', '2.0', '{part}', '{}', '', '', {});
                 INSERT INTO stage_objects VALUES ('tool', '2.0', '{part}', '{}');",
                digests[manifest],
                day(until),
                digests[object]
            ));
        }
        for (digest, announced, received) in
            [(12, 25, "NULL".to_owned()), (13, 1, day(25)), (14, 1, day(2)), (15, 1, "NULL".to_owned())]
        {
            run(format!(
                "INSERT INTO uploads VALUES ('tool', '{}', 1, '', {}, {received});",
                digests[digest],
                day(announced)
            ));
        }
        run(format!("INSERT INTO refs VALUES ('acme', 'staging/3.0/all', '{document}', {});", day(20)));

        let now: Timestamp = "2026-11-28T00:00:00Z".parse().unwrap();
        let policy = Policy::default();
        let live = live(&connection, &store, &policy, &[], now).unwrap();
        let asked = Asked::new(&connection, &store, &policy, now).unwrap();
        let named = [0, 1, 2, 4, 5, 6, 7, 8, 9, 12, 13].map(|number: usize| digests[number]);
        for digest in digests.iter().chain([&document]) {
            let expect = named.contains(digest) || *digest == document;
            assert_eq!((live.contains(digest), asked.is_live(digest).unwrap()), (expect, expect), "{digest}");
        }
    }
}
