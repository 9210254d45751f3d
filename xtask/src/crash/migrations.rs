//! Ends a server while it changes the tables of an older version, with one app in them.

use std::{fs, path::Path};

use anyhow::{Context, Result, ensure};

use super::release::APP;
use crate::{
    server::Server,
    store::{self, sql},
    workspace::{self, Binaries},
};

/// The version of the tables that this `distd` makes.
pub(super) fn read_newest(binaries: &Binaries) -> Result<u32> {
    let folder = tempfile::tempdir().context("cannot create a folder for a store")?;
    Server::start(&binaries.distd, folder.path())?.stop()?;
    version(&folder.path().join("dist.sqlite"))
}

fn version(database: &Path) -> Result<u32> {
    sql(database, "PRAGMA user_version")?.trim().parse().context("user_version is no number")
}

/// Ends a server at `step` while it takes tables from `from` to the next version. Returns whether it ended.
pub(super) fn end(binaries: &Binaries, folder: &Path, step: &str, from: u32) -> Result<bool> {
    let (data, database) = (folder.join("data"), folder.join("data/dist.sqlite"));
    make_version(binaries, &data, from)?;
    let fault = format!("{step}@1=kill");
    let ended = Server::start_configured(&binaries.distd, &data, &[("DISTD_FAULT", &fault)], &[]).is_err();
    let kept = version(&database)?;
    let moved = u32::from(step == "migrate.committed");
    ensure!(kept == from + moved, "killed from version {from}, the tables have version {kept}");

    Server::start(&binaries.distd, &data).context("it does not start again")?.stop()?;
    store::fsck(&binaries.distd, &data)?;
    ensure!(sql(&database, "SELECT slug FROM apps")?.trim() == APP, "the app is gone");
    let backup = data.join("backups").join(format!("before-v{}.sqlite", from + 1));
    let before = sql(&backup, "PRAGMA user_version; SELECT slug FROM apps")?;
    ensure!(before == format!("{from}\n{APP}\n"), "no backup of before, but {before}");
    Ok(ended)
}

/// A data directory with the tables of a version: of the first, taken on by a server that is killed after the right step.
fn make_version(binaries: &Binaries, data: &Path, wanted: u32) -> Result<()> {
    let database = data.join("dist.sqlite");
    make_first_version(binaries, data)?;
    if wanted > 1 {
        let fault = format!("migrate.committed@{}=kill", wanted - 1);
        let ended = Server::start_configured(&binaries.distd, data, &[("DISTD_FAULT", &fault)], &[]).is_err();
        ensure!(ended, "{fault} is not reached");
    }
    let made = version(&database)?;
    ensure!(made == wanted, "the tables have version {made}, not {wanted}");
    Ok(())
}

/// A data directory of the first version of the tables.
pub(super) fn make_first_version(binaries: &Binaries, data: &Path) -> Result<()> {
    Server::start(&binaries.distd, data)?.stop()?;
    let database = data.join("dist.sqlite");
    // The index came with a later version.
    let of_refs = "SELECT sql || ';' FROM sqlite_master
                   WHERE tbl_name IN ('refs', 'reflog') AND sql <> '' AND name <> 'reflog_by_new'";
    let of_refs = sql(&database, of_refs)?;
    for suffix in ["", "-wal", "-shm"] {
        let file = data.join(format!("dist.sqlite{suffix}"));
        if file.exists() {
            fs::remove_file(&file).with_context(|| format!("cannot remove {}", file.display()))?;
        }
    }
    let schema = workspace::root().join("distd/src/db/schema.sql");
    let schema = fs::read_to_string(&schema).with_context(|| format!("cannot read {}", schema.display()))?;
    let row = format!("INSERT INTO apps VALUES ('{APP}', '{APP}', 'token', '2026-11-22T09:00:00.000Z', 'test');");
    let script = format!("PRAGMA journal_mode=WAL; BEGIN; {schema} {of_refs} {row} PRAGMA user_version=1; COMMIT;");
    sql(&database, &script).map(|_| ())
}
