//! How the server is at this moment, in numbers: for those who watch it. Cheap enough to be asked every few seconds: no object
//! is listed, no table with many wide rows is read.

use std::fs;
use std::path::Path;

use jiff::Timestamp;
use protocol::scope::Need;

use super::care::state;
use super::{Caller, OpError};
use crate::blocking::blocking;
use crate::{Server, db};

/// A number with its name and what it means.
pub(crate) struct Gauge<T> {
    pub(crate) name: &'static str,
    pub(crate) help: &'static str,
    pub(crate) value: T,
}

/// Everything that is told.
pub(crate) struct Gauges {
    /// The chain of the audit log is not there before it was checked.
    pub(crate) counts: Vec<Gauge<u64>>,
    /// What has not happened yet is not there.
    pub(crate) times: Vec<Gauge<Timestamp>>,
}

/// The same as [`read`], for who asks with a token. Needs `admin`.
///
/// # Errors
/// When the caller may not, and those of [`read`].
pub(crate) async fn show(server: &Server, caller: &Caller) -> Result<Gauges, OpError> {
    caller.require(Need::Admin)?;
    read(server).await
}

/// Asks the database, the disk and the system.
///
/// # Errors
/// When the database or the disk does not answer.
pub(crate) async fn read(server: &Server) -> Result<Gauges, OpError> {
    let (rows, mirrored) = server
        .db
        .read(|connection| Ok::<_, OpError>((db::gauges::read(connection)?, db::mirrors::oldest_update(connection)?)))
        .await?;
    let care = state(&server.db, server.data()).await?;
    let (store, data) = (server.store.clone(), server.data().to_owned());
    let sizes = blocking(move || Ok::<_, OpError>((store.available_space()?, size_of_database(&data))));
    let (free, database) = sizes.await?;
    let count = |name, help, value| Gauge { name, help, value };
    let chain = server.chain.last();
    let mut counts = vec![
        count("apps", "Apps", rows.apps),
        count("releases", "Releases", rows.releases),
        count("objects", "Objects in the store that have been verified at least once", care.objects),
        count("object_bytes", "What these take up", care.bytes),
        count("trash_objects", "Objects that nothing names and that gc is going to delete", care.trashed),
        count("quarantined_objects", "Objects that were found damaged and moved aside", care.quarantined),
        count(
            "unreadable_objects",
            "Objects that the disk did not give when the background check last tried",
            server.unreadable.count(),
        ),
        count("uploads_in_progress", "Objects that were announced and have not arrived whole", rows.uploads),
        count("audit_events", "Number of the newest audit event", rows.audit_events),
        count("database_bytes", "The database and its write-ahead log", database),
        count("disk_free_bytes", "Free space where the data is", free),
        count("disk_reserve_bytes", "Free space below which uploads are refused", server.reserve_bytes()),
        count("memory_resident_bytes", "Memory that the process holds", resident_bytes()),
    ];
    let intact = "1 where the audit chain held when it was last checked, 0 where it did not";
    counts.extend(chain.map(|chain| count("audit_chain_intact", intact, u64::from(chain.faults == 0))));
    let time = |name, help, value: Option<Timestamp>| value.map(|value| Gauge { name, help, value });
    let times = [
        time("gc_last_run_timestamp_seconds", "When gc last ran", care.gc_at),
        time("fsck_last_run_timestamp_seconds", "When fsck last ran over the API", care.check.map(|(at, _)| at)),
        time("backup_last_run_timestamp_seconds", "When a backup was last tried", care.backup_at),
        time(
            "backup_last_success_timestamp_seconds",
            "When the last backup was made that lacks nothing",
            care.whole_backup_at,
        ),
        time(
            "mirror_oldest_update_timestamp_seconds",
            "When the mirror that has waited longest was last equal to its source",
            mirrored,
        ),
        time("audit_chain_checked_timestamp_seconds", "When the audit chain was checked", chain.map(|chain| chain.at)),
        time("check_oldest_timestamp_seconds", "When the object was read whose check is the oldest", care.oldest_check),
    ];
    Ok(Gauges { counts, times: times.into_iter().flatten().collect() })
}

fn size_of_database(data: &Path) -> u64 {
    let size = |suffix: &str| fs::metadata(data.join(format!("{}{suffix}", db::FILE_NAME))).map_or(0, |it| it.len());
    size("") + size("-wal")
}

/// Resident memory in bytes, from `/proc` (`proc_pid_statm(5)`); 0 where there is none.
fn resident_bytes() -> u64 {
    let statm = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: u64 = statm.split_whitespace().nth(1).and_then(|pages| pages.parse().ok()).unwrap_or(0);
    pages * rustix::param::page_size() as u64
}
