//! Whether a backup could be restored whole.

use std::collections::HashSet;
use std::path::Path;

use objstore::{Digest, DirLock, Options as StoreOptions, Store, VerifyError};
use protocol::api::{Finding, FindingKind};
use serde::Serialize;

use super::super::super::OpError;
use super::super::check::{self, Listener};
use super::{BackupError, Needed, Snapshots, snapshots};
use crate::db;

/// What a verification of a backup found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verified {
    /// `dist.backup-verify/1`.
    pub schema: &'static str,
    /// Snapshots looked at.
    pub snapshots: Vec<String>,
    /// Objects read.
    pub objects: u64,
    /// What is wrong, in words; empty where a restore would be whole.
    pub faults: Vec<String>,
}

/// Reads a backup whole: every object against its name, every database, and whether each snapshot has all it needs. What is
/// damaged is moved to the backup's `quarantine/`, so that the next backup brings it again. `listener` is told how far it is
/// with the objects.
///
/// # Errors
/// When the folder cannot be listed.
pub fn verify(directory: &Path, listener: Listener<'_>) -> Result<Verified, BackupError> {
    let _lock = DirLock::acquire(directory)?;
    let pool = Store::attach(directory, StoreOptions::default());
    let names = snapshots(directory)?;
    let mut faults = Vec::new();
    if names.is_empty() {
        faults.push("there is no snapshot".to_owned());
    }
    let objects = pool.survey()?.objects;
    let mut whole: HashSet<Digest> = objects.iter().map(|object| object.digest).collect();
    for finding in check::read_objects(&pool, &objects, listener)? {
        if let Ok(digest) = Digest::parse(&finding.subject) {
            whole.remove(&digest);
            faults.push(move_aside(&pool, digest, &finding));
        }
    }
    let databases = Snapshots::of(directory);
    for name in &names {
        if let Err(error) = verify_snapshot(&databases, name, &pool, &whole, &mut faults) {
            faults.push(format!("{name}: {error}"));
        }
    }
    Ok(Verified { schema: "dist.backup-verify/1", snapshots: names, objects: objects.len() as u64, faults })
}

/// As long as an object has its name a backup takes it for whole. One that cannot be read may be whole: it stays.
fn move_aside(pool: &Store, digest: Digest, finding: &Finding) -> String {
    let said = format!("object {digest}: {}", finding.message);
    if finding.kind != FindingKind::ObjectDamaged {
        return said;
    }
    // Looked at once more, for which file it is.
    let moved = match pool.verify(&digest) {
        Err(VerifyError::Damaged { file, .. }) => pool.quarantine(&digest, &file),
        _ => Ok(None),
    };
    match moved {
        Ok(None) => said,
        Ok(Some(_)) => format!("{said}; it was moved to quarantine/, and the next backup brings it again"),
        Err(error) => format!("{said}; it cannot be moved to quarantine/: {error}"),
    }
}

fn verify_snapshot(
    databases: &Snapshots<'_>,
    name: &str,
    pool: &Store,
    whole: &HashSet<Digest>,
    faults: &mut Vec<String>,
) -> Result<(), BackupError> {
    let as_it_is = db::open_read_only(&databases.path(name))?;
    let check: String = as_it_is.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    if check != "ok" {
        faults.push(format!("{name}: dist.sqlite: {check}"));
    }
    drop(as_it_is);
    let connection = databases.open(name)?;
    let chain = db::audit::check(&connection, None).map_err(OpError::from)?;
    faults.extend(chain.faults.iter().map(|fault| format!("{name}: {}", fault.message)));
    let needed = Needed::of(&connection, pool)?;
    let lacking: Vec<Digest> = needed.objects.iter().filter(|digest| !whole.contains(*digest)).copied().collect();
    for digest in needed.missed(&lacking) {
        faults.push(format!("{name}: it needs {digest}, which is not there or not whole"));
    }
    Ok(())
}
