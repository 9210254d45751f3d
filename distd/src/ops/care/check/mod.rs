//! The check of a store: does every object have the bytes of its name, and does everything that is named exist?
//!
//! It changes nothing. It works on one look at the records and one at the files, and asks again for what was missing or too
//! much between the two, so that it can run beside a server.

mod audit;
mod objects;
mod records;

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use objstore::{Digest, Store, SurveyedObject};
use protocol::api::{CheckEvent, CheckReport, Finding, FindingKind, FindingLevel};
use protocol::audit_chain::Mark;
use rusqlite::Connection;

use super::super::OpError;
use super::live::live_for_ever;
use crate::db;
pub(crate) use audit::over_api;
pub use objects::{Position, read_position};

/// The schema of the report.
const SCHEMA: &str = "dist.fsck/1";

/// How to check.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Sizes and links only, no bytes.
    pub quick: bool,
    /// Read no more than so many bytes a second; 0 for no limit.
    pub max_bytes_per_second: u64,
    /// Objects that are read at the same time; 0 for one on each core.
    pub threads: usize,
    /// Where the position is kept while it runs, so that a check that was ended goes on.
    pub position: Option<PathBuf>,
    /// What an earlier check had done.
    pub resume: Option<Position>,
}

/// A check that could not be made.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// The database cannot be opened, or has other tables.
    #[error(transparent)]
    Open(#[from] db::OpenError),
    /// The objects cannot be listed.
    #[error(transparent)]
    List(#[from] objstore::ListError),
    /// A thread that read objects ended by a fault in this program: what it read is not known.
    #[error("a thread of the check ended by a fault of distd; please report it")]
    Panicked,
    /// The records cannot be read at all.
    #[error(transparent)]
    Records(#[from] OpError),
}

impl From<rusqlite::Error> for CheckError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Records(error.into())
    }
}

/// Who hears of what is going on.
pub type Listener<'a> = &'a (dyn Fn(CheckEvent) + Sync);

/// What a check came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Checked {
    /// For people and programs.
    pub report: CheckReport,
    /// Objects that were read and have the bytes of their names, with their sizes.
    pub whole: Vec<(Digest, u64)>,
}

/// As [`examine`], for who wants the report only.
///
/// # Errors
/// As [`examine`].
pub fn run(
    data: &Path,
    store: &Store,
    options: &Options,
    stop: &AtomicBool,
    listener: Listener<'_>,
) -> Result<CheckReport, CheckError> {
    examine(data, store, options, stop, listener).map(|checked| checked.report)
}

/// Checks the store of a data directory, whether or not a server runs on it. Ends early once `stop` is set.
///
/// # Errors
/// When it cannot be made; what is wrong with the store is no error but in the report.
pub fn examine(
    data: &Path,
    store: &Store,
    options: &Options,
    stop: &AtomicBool,
    listener: Listener<'_>,
) -> Result<Checked, CheckError> {
    let begun = Instant::now();
    let connection = db::open_existing(data)?;
    db::check_version(&connection, &data.join(db::FILE_NAME))?;
    let mut findings = Findings::new(listener);
    let (named, audit_head) = look_at_records(&connection, store, options, &mut findings)?;
    check_permissions(data, &mut findings);
    let survey = store.survey()?;
    findings.strays(&survey);
    let suspects = compare(&named, &survey.objects, &mut findings);
    let read = if options.quick {
        objects::Read::default()
    } else {
        objects::read(store, &survey.objects, &suspects.wrong_size, options, stop, &mut findings)?
    };
    let interrupted = stop.load(Ordering::Relaxed);
    if !interrupted {
        settle(&connection, store, &suspects, &mut findings)?;
    }
    let records = named.records;
    let objects = survey.objects.len() as u64;
    let bytes = if options.quick { survey.objects.iter().map(|it| it.size_bytes).sum() } else { read.bytes };
    let report = CheckReport {
        schema: SCHEMA.to_owned(),
        quick: options.quick,
        objects,
        bytes,
        records,
        seconds: begun.elapsed().as_secs_f64(),
        audit_head,
        findings: findings.close(),
        interrupted,
    };
    Ok(Checked { report, whole: read.whole })
}

/// Reads all of these objects on all cores; returns those that are not what their names say.
pub(super) fn read_objects(
    store: &Store,
    objects: &[SurveyedObject],
    listener: Listener<'_>,
) -> Result<Vec<Finding>, CheckError> {
    let mut findings = Findings::new(listener);
    let (all, to_the_end) = (HashSet::new(), AtomicBool::new(false));
    objects::read(store, objects, &all, &Options::default(), &to_the_end, &mut findings)?;
    Ok(findings.list)
}

/// Findings of one kind that are told; of all others only how many there are. A store of which the disk was changed has
/// millions, and nobody reads them.
const TOLD_OF_A_KIND: u64 = 10_000;

/// What was found so far.
struct Findings<'a> {
    list: Vec<Finding>,
    counts: BTreeMap<(FindingLevel, FindingKind), u64>,
    listener: Listener<'a>,
}

impl<'a> Findings<'a> {
    fn new(listener: Listener<'a>) -> Self {
        Self { list: Vec::new(), counts: BTreeMap::new(), listener }
    }

    /// Everything that is told, in order.
    fn close(mut self) -> Vec<Finding> {
        for ((level, kind), count) in std::mem::take(&mut self.counts) {
            if count > TOLD_OF_A_KIND {
                let message = format!("{} more of this kind", count - TOLD_OF_A_KIND);
                self.add(kind, level, "store".to_owned(), message);
            }
        }
        self.list.sort_by(|a, b| (a.level, a.kind, &a.subject).cmp(&(b.level, b.kind, &b.subject)));
        self.list
    }

    fn error(&mut self, kind: FindingKind, subject: impl Into<String>, message: impl Into<String>) {
        self.add(kind, FindingLevel::Error, subject.into(), message.into());
    }

    fn note(&mut self, kind: FindingKind, subject: impl Into<String>, message: impl Into<String>) {
        self.add(kind, FindingLevel::Note, subject.into(), message.into());
    }

    fn add(&mut self, kind: FindingKind, level: FindingLevel, subject: String, message: String) {
        self.push(Finding { kind, level, subject, message, repaired: None });
    }

    fn push(&mut self, finding: Finding) {
        let count = self.counts.entry((finding.level, finding.kind)).or_default();
        *count += 1;
        if *count <= TOLD_OF_A_KIND {
            (self.listener)(CheckEvent::Found(finding.clone()));
            self.list.push(finding);
        }
    }

    fn strays(&mut self, survey: &objstore::Survey) {
        for path in &survey.strays {
            let message = "it is no object; move it away, the store does not touch it";
            self.error(FindingKind::Stray, path.display().to_string(), message);
        }
        let more = survey.stray_count - survey.strays.len() as u64;
        if more > 0 {
            self.error(FindingKind::Stray, "objects", format!("{more} more files that are no objects"));
        }
    }
}

/// What the records name.
#[derive(Default)]
struct Named {
    /// What must be there, with its size where it is known and one of those that name it.
    required: BTreeMap<Digest, (Option<u64>, String)>,
    /// What may be there beside that: uploads, the trash, what has expired.
    tolerated: HashSet<Digest>,
    /// Rows that were looked at.
    records: u64,
}

impl Named {
    fn require(&mut self, digest: Digest, size: Option<u64>, by: impl FnOnce() -> String) {
        let entry = self.required.entry(digest).or_insert_with(|| (size, by()));
        entry.0 = entry.0.or(size);
    }
}

fn look_at_records(
    connection: &Connection,
    store: &Store,
    options: &Options,
    findings: &mut Findings<'_>,
) -> Result<(Named, Mark), CheckError> {
    let snapshot = connection.unchecked_transaction()?;
    let mut named = name(&snapshot, store, Some(findings))?;
    records::check_database(&snapshot, options.quick, findings)?;
    let chain = db::audit::check(&snapshot, None).map_err(OpError::from)?;
    named.records += chain.events;
    for fault in &chain.faults {
        findings.error(FindingKind::Audit, format!("event {}", fault.seq), fault.message.clone());
    }
    Ok((named, chain.head))
}

/// What the records of one snapshot name. What is wrong with them is told where someone listens.
fn name(connection: &Connection, store: &Store, findings: Option<&mut Findings<'_>>) -> Result<Named, CheckError> {
    let mut named = Named::default();
    let mut silent = Findings::new(&|_| {});
    records::check(connection, store, &mut named, findings.unwrap_or(&mut silent))?;
    let tolerated = &mut named.tolerated;
    tolerated.extend(db::care::trash(connection).map_err(OpError::from)?.into_iter().map(|it| it.digest));
    tolerated.extend(db::care::announced(connection).map_err(OpError::from)?.into_iter().map(|it| it.digest));
    tolerated.extend(db::care::expired_artifacts(connection).map_err(OpError::from)?);
    // Whatever gc would keep is no orphan. What cannot be read was told above.
    tolerated.extend(live_for_ever(connection, store)?.0);
    Ok(named)
}

/// What has to be asked again at the end.
#[derive(Default)]
struct Suspects {
    missing: Vec<Digest>,
    orphans: Vec<Digest>,
    wrong_size: HashSet<Digest>,
}

fn compare(named: &Named, objects: &[SurveyedObject], findings: &mut Findings<'_>) -> Suspects {
    let mut suspects = Suspects::default();
    let mut there = HashSet::new();
    for object in objects {
        there.insert(object.digest);
        if !object.is_read_only {
            findings.error(FindingKind::ObjectMode, object.digest.to_string(), "its file can be written to");
        }
        match named.required.get(&object.digest) {
            Some((Some(size), by)) if *size != object.size_bytes => {
                let message = format!("its file has {} bytes, {by} says {size}", object.size_bytes);
                findings.error(FindingKind::ObjectSize, object.digest.to_string(), message);
                suspects.wrong_size.insert(object.digest);
            }
            None if !named.tolerated.contains(&object.digest) => suspects.orphans.push(object.digest),
            _ => {}
        }
    }
    suspects.missing = named.required.keys().filter(|digest| !there.contains(digest)).copied().collect();
    suspects
}

/// Pushes and gc went on meanwhile: what was missing or too much counts only where it still is.
fn settle(
    connection: &Connection,
    store: &Store,
    suspects: &Suspects,
    findings: &mut Findings<'_>,
) -> Result<(), CheckError> {
    if suspects.missing.is_empty() && suspects.orphans.is_empty() {
        return Ok(());
    }
    let snapshot = connection.unchecked_transaction()?;
    let named = name(&snapshot, store, None)?;
    for digest in &suspects.missing {
        if let Some((_, by)) = named.required.get(digest)
            && store.len(digest).map_err(OpError::from)?.is_none()
        {
            findings.error(FindingKind::ObjectMissing, digest.to_string(), format!("{by} needs it"));
        }
    }
    for digest in &suspects.orphans {
        let is_named = named.required.contains_key(digest) || named.tolerated.contains(digest);
        if !is_named && store.len(digest).map_err(OpError::from)?.is_some() {
            findings.note(FindingKind::ObjectOrphan, digest.to_string(), "nothing names it; gc deletes it in time");
        }
    }
    Ok(())
}

/// The keys that sign links are for the server alone, and so is the right to change the database.
#[cfg(unix)]
fn check_permissions(data: &Path, findings: &mut Findings<'_>) {
    use std::os::unix::fs::PermissionsExt;
    let mut refuse = |file: &str, bits: u32, message: &str| {
        let mode = std::fs::metadata(data.join(file)).map_or(0, |metadata| metadata.permissions().mode());
        if mode & bits != 0 {
            findings.error(FindingKind::Permissions, file, message);
        }
    };
    refuse("config/link.keys", 0o077, "others on this machine can read the keys that sign links: chmod 600");
    for suffix in ["", "-wal", "-shm"] {
        let file = format!("{}{suffix}", db::FILE_NAME);
        refuse(&file, 0o002, "everyone on this machine can change the database: chmod o-w");
    }
}

#[cfg(not(unix))]
fn check_permissions(_data: &Path, _findings: &mut Findings<'_>) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_very_many_findings_of_a_kind_the_first_are_told_and_how_many_more() {
        let told = std::sync::atomic::AtomicU64::new(0);
        let listener = |_: CheckEvent| {
            told.fetch_add(1, Ordering::Relaxed);
        };
        let mut findings = Findings::new(&listener);
        for number in 0..TOLD_OF_A_KIND + 7 {
            findings.error(FindingKind::Stray, format!("{number:06}"), "it is no object");
        }
        findings.note(FindingKind::ObjectOrphan, "x", "nothing names it");
        let list = findings.close();
        assert_eq!(list.len() as u64, TOLD_OF_A_KIND + 2);
        assert_eq!(told.into_inner(), TOLD_OF_A_KIND + 2);
        let more: Vec<_> = list.iter().filter(|it| it.subject == "store").map(|it| it.message.as_str()).collect();
        assert_eq!(more, ["7 more of this kind"]);
    }
}
