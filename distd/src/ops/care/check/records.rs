//! Refs, reflogs, manifests and the index: do they say the same, and does what they name exist?

use std::collections::HashSet;

use objstore::{Digest, ReadError, Store};
use protocol::api::FindingKind;
use protocol::{AppSlug, RefName, ReleaseId, ReleaseManifest, limits};
use refs::sqlite::{RefKind, ReflogEntry};
use rusqlite::Connection;
use serde_json::Value;

use super::super::super::{OpError, release_id};
use super::{Findings, Named};
use crate::db;

/// Lines of a reflog that are read at once.
const LINES: u32 = 1000;

/// Looks at the records of every app, and notes what they name.
pub(super) fn check(
    connection: &Connection,
    store: &Store,
    named: &mut Named,
    findings: &mut Findings<'_>,
) -> Result<(), OpError> {
    for app in db::apps::list(connection)? {
        let mut check = AppCheck { connection, store, app: &app.slug, named, findings };
        let refs = match refs::sqlite::list(connection, &app.slug, RefKind::All) {
            Ok(refs) => refs,
            Err(error) => {
                check.findings.error(FindingKind::Ref, app.slug.to_string(), error.to_string());
                continue;
            }
        };
        check.releases(&refs)?;
        check.other_refs(&refs)?;
        check.stages()?;
        check.reflogs(&refs)?;
    }
    Ok(())
}

/// What SQLite itself finds wrong.
pub(super) fn check_database(
    connection: &Connection,
    quick: bool,
    findings: &mut Findings<'_>,
) -> Result<(), rusqlite::Error> {
    let pragma = if quick { "PRAGMA quick_check(20)" } else { "PRAGMA integrity_check(20)" };
    let mut statement = connection.prepare(pragma)?;
    let lines: Vec<String> = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    for line in lines.iter().filter(|line| *line != "ok") {
        findings.error(FindingKind::Database, db::FILE_NAME, line.clone());
    }
    let mut statement = connection.prepare("PRAGMA foreign_key_check")?;
    let broken: Vec<String> = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    for table in broken.into_iter().take(20) {
        findings.error(FindingKind::Database, db::FILE_NAME, format!("a row of {table} refers to one that is missing"));
    }
    Ok(())
}

struct AppCheck<'a, 'b> {
    connection: &'a Connection,
    store: &'a Store,
    app: &'a AppSlug,
    named: &'a mut Named,
    findings: &'a mut Findings<'b>,
}

impl AppCheck<'_, '_> {
    /// Each ref of a release: its manifest, what that holds, and what the index says of both.
    fn releases(&mut self, refs: &[refs::Ref]) -> Result<(), OpError> {
        let mut ids = HashSet::new();
        for found in refs.iter().filter(|found| matches!(found.name, RefName::Release(_))) {
            let id = release_id(found.target);
            ids.insert(id);
            let subject = format!("{} {}", self.app, found.name);
            self.named.records += 1;
            self.named.require(id, None, || subject.clone());
            let is_expired = db::care::is_expired(self.connection, self.app, &id)?;
            let Some(manifest) = self.manifest(&id, &subject) else {
                // What it held is then known from the index alone.
                let lines = db::releases::artifacts(self.connection, self.app, &id)?;
                for line in lines.iter().filter(|_| !is_expired) {
                    self.named.require(line.sha256, Some(line.size), || subject.clone());
                }
                continue;
            };
            if manifest.app != *self.app || RefName::Release(manifest.name()) != found.name {
                let message = format!("its manifest is that of {} {}", manifest.app, manifest.name());
                self.findings.error(FindingKind::Manifest, subject.clone(), message);
                continue;
            }
            for line in manifest.artifacts.iter().filter(|_| !is_expired) {
                self.named.require(line.sha256, Some(line.size), || subject.clone());
            }
            self.index(&id, &manifest, &subject)?;
        }
        for row in db::releases::list(self.connection, self.app, None, None, u32::MAX)? {
            self.named.records += 1;
            if !ids.contains(&row.id) {
                let message = format!("the index has {}, and no ref does", row.id);
                self.findings.error(FindingKind::Index, format!("{} {}", self.app, row.name), message);
            }
        }
        Ok(())
    }

    fn manifest(&mut self, id: &ReleaseId, subject: &str) -> Option<ReleaseManifest> {
        let bytes = match self.store.read_to_vec(id, limits::MANIFEST_BYTES) {
            Ok(bytes) => bytes,
            // Told with the other objects, where it is missing still at the end.
            Err(ReadError::NotFound { .. }) => return None,
            Err(error) => {
                self.findings.error(FindingKind::Manifest, subject, error.to_string());
                return None;
            }
        };
        match ReleaseManifest::parse(&bytes) {
            Ok(manifest) => Some(manifest),
            Err(error) => {
                self.findings.error(FindingKind::Manifest, subject, error.to_string());
                None
            }
        }
    }

    fn index(&mut self, id: &ReleaseId, manifest: &ReleaseManifest, subject: &str) -> Result<(), OpError> {
        let differs = |what: String| Some(format!("the index says otherwise than the manifest: {what}; distd reindex"));
        let wrong = match db::releases::find(self.connection, self.app, id)? {
            None => Some("it is not in the index; distd reindex".to_owned()),
            Some(row) if row.name != manifest.name() => differs(format!("name {}", row.name)),
            Some(row) if row.parent != manifest.parent => differs("parent".to_owned()),
            Some(row) if row.size_bytes != manifest.size_bytes() => differs(format!("{} bytes", row.size_bytes)),
            Some(_) => match db::releases::artifacts(self.connection, self.app, id) {
                Ok(artifacts) if artifacts == manifest.artifacts => {
                    db::releases::differing(self.connection, manifest)?.and_then(differs)
                }
                Ok(_) => differs("artifacts".to_owned()),
                Err(error) => Some(error.to_string()),
            },
        };
        if let Some(message) = wrong {
            self.findings.error(FindingKind::Index, subject, message);
        }
        Ok(())
    }

    /// Channels point at releases; stages at documents, of which every digest counts.
    fn other_refs(&mut self, refs: &[refs::Ref]) -> Result<(), OpError> {
        for found in refs {
            let id = release_id(found.target);
            let subject = format!("{} {}", self.app, found.name);
            match &found.name {
                RefName::Release(_) => {}
                RefName::Channel(_) => {
                    self.named.records += 1;
                    self.named.require(id, None, || subject.clone());
                    if db::releases::find(self.connection, self.app, &id)?.is_none() {
                        let message = format!("it points at {id}, which is no release");
                        self.findings.error(FindingKind::Ref, subject, message);
                    }
                }
                RefName::Staging { .. } => {
                    self.named.records += 1;
                    self.named.require(id, None, || subject.clone());
                    if let Ok(bytes) = self.store.read_to_vec(&id, limits::MANIFEST_BYTES) {
                        let document = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
                        self.staged(&document, &subject);
                    }
                }
            }
        }
        Ok(())
    }

    /// Each staged part has its ref, and each such ref its part.
    fn stages(&mut self) -> Result<(), OpError> {
        for name in db::stages::unmatched(self.connection, self.app)? {
            let message = "the list of staged parts and the refs say otherwise; stage it again";
            self.findings.error(FindingKind::Ref, format!("{} {name}", self.app), message);
        }
        Ok(())
    }

    fn staged(&mut self, value: &Value, subject: &str) {
        match value {
            Value::Object(fields) => {
                let digest = fields.get("sha256").and_then(Value::as_str).and_then(|text| Digest::parse(text).ok());
                if let Some(digest) = digest {
                    self.named.require(digest, fields.get("size").and_then(Value::as_u64), || subject.to_owned());
                }
                fields.values().for_each(|value| self.staged(value, subject));
            }
            Value::Array(values) => values.iter().for_each(|value| self.staged(value, subject)),
            _ => {}
        }
    }

    /// Each reflog: without gaps, each line following from the one before, the last one where the ref is.
    fn reflogs(&mut self, refs: &[refs::Ref]) -> Result<(), OpError> {
        let mut statement = self.connection.prepare_cached("SELECT DISTINCT ref FROM reflog WHERE app = ?1")?;
        let names = statement.query_map([self.app.as_str()], |row| row.get(0))?;
        let names: Vec<String> = names.collect::<Result<_, _>>()?;
        let logged: HashSet<&str> = names.iter().map(String::as_str).collect();
        for found in refs.iter().filter(|found| !logged.contains(found.name.to_string().as_str())) {
            self.findings.error(FindingKind::Reflog, format!("{} {}", self.app, found.name), "it has no reflog");
        }
        for name in &names {
            let subject = format!("{} {name}", self.app);
            let Ok(name) = name.parse::<RefName>() else {
                self.findings.error(FindingKind::Reflog, subject, "this is no name of a ref");
                continue;
            };
            let target = refs.iter().find(|found| found.name == name).map(|found| found.target);
            self.reflog(&name, target, &subject)?;
        }
        Ok(())
    }

    fn reflog(&mut self, name: &RefName, target: Option<gix_hash::ObjectId>, subject: &str) -> Result<(), OpError> {
        let (mut before, mut follows) = (None, (None, target));
        loop {
            let lines = match refs::sqlite::reflog(self.connection, self.app, name, before, LINES) {
                Ok(lines) => lines,
                Err(error) => {
                    self.findings.error(FindingKind::Reflog, subject, error.to_string());
                    return Ok(());
                }
            };
            for line in &lines {
                self.named.records += 1;
                if let Some(message) = break_at(line, follows) {
                    self.findings.error(FindingKind::Reflog, subject, message);
                }
                self.require_release(name, line, subject)?;
                follows = (Some(line.seq), line.old);
            }
            before = lines.last().map(|line| line.seq);
            if lines.len() < LINES as usize {
                break;
            }
        }
        if follows != (Some(1), None) {
            self.findings.error(FindingKind::Reflog, subject, "it does not begin at its first line");
        }
        Ok(())
    }

    /// What a channel or a release was stays. What a stage was may be gone.
    fn require_release(&mut self, name: &RefName, line: &ReflogEntry, subject: &str) -> Result<(), OpError> {
        let Some(id) = line.new.map(release_id).filter(|_| !matches!(name, RefName::Staging { .. })) else {
            return Ok(());
        };
        if db::releases::find(self.connection, self.app, &id)?.is_none() {
            let message = format!("line {} names {id}, which is no release", line.seq);
            self.findings.error(FindingKind::Reflog, subject, message);
        }
        Ok(())
    }
}

/// What is wrong with a line, given the number and the old value of the line after it; of the newest, where the ref is.
fn break_at(line: &ReflogEntry, (after, value): (Option<u64>, Option<gix_hash::ObjectId>)) -> Option<String> {
    if after.is_some_and(|after| after != line.seq + 1) {
        return Some(format!("line {} is missing", line.seq + 1));
    }
    match (line.new == value, after) {
        (true, _) => None,
        (false, Some(after)) => Some(format!("line {after} does not follow from line {}", line.seq)),
        (false, None) => Some(format!("its last line, {}, does not lead to where the ref is", line.seq)),
    }
}
