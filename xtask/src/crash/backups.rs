//! Ends `distd backup` and `distd restore`, and does them again.

use std::{
    fs,
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use super::release::{APP, Release};
use crate::{
    client::Client,
    process,
    server::Server,
    store::{self, sql},
    workspace::Binaries,
};

/// What refs and reflogs say.
const REFS: &str = "SELECT * FROM refs ORDER BY app, name; SELECT * FROM reflog ORDER BY app, ref, seq";

/// A store whose server runs, and a folder with backups of it.
pub(super) struct Kept {
    distd: PathBuf,
    data: PathBuf,
    backups: PathBuf,
    server: Server,
    client: Client,
}

/// What `distd backup --json` and `distd restore --json` print, as far as it is looked at here.
#[derive(Deserialize)]
struct Report {
    audit_head: String,
}

/// Ends a backup at a step, beside a running server. Returns whether it ended.
pub(super) fn end_backup(binaries: &Binaries, folder: &Path, fault: &str) -> Result<bool> {
    let (kept, orphan) = Kept::open_with_old_backup(binaries, folder)?;
    let ended = is_killed(&kept.run(&kept.backup(), fault)?)?;
    kept.verify().context("after the kill")?;
    let head = kept.back_up()?;
    kept.verify()?;
    ensure!(!orphan.exists(), "what no backup needs is still in the pool");
    let snapshots = fs::read_dir(kept.backups.join("snapshots")).context("cannot list the snapshots")?.count();
    ensure!(snapshots == 1, "{snapshots} snapshots are there, and one is to be kept");
    let restored = folder.join("restored");
    kept.restore(&restored)?;
    kept.check_restored(&restored, &head)?;
    kept.server.stop()?;
    Ok(ended)
}

/// Ends a restore at a step. Returns whether it ended.
pub(super) fn end_restore(binaries: &Binaries, folder: &Path, fault: &str) -> Result<bool> {
    let (kept, _) = Kept::open_with_old_backup(binaries, folder)?;
    let head = kept.back_up()?;
    let restored = folder.join("restored");
    let ended = is_killed(&kept.run(&kept.restoring(&restored), fault)?)?;
    if restored.join("dist.sqlite").exists() {
        // It was as good as done: what is there is whole, and is not written over.
        let again = process::capture(&mut kept.command(&kept.restoring(&restored)))?;
        let said = String::from_utf8_lossy(&again.stderr).into_owned();
        ensure!(said.contains("holds a store already"), "a second restore does not refuse: {said}");
    } else {
        kept.restore(&restored)?;
    }
    kept.check_restored(&restored, &head)?;
    kept.server.stop()?;
    Ok(ended)
}

impl Kept {
    /// A store with a release, a backup of that, one more release, and in the pool an object that nothing names.
    pub(super) fn open_with_old_backup(binaries: &Binaries, folder: &Path) -> Result<(Self, PathBuf)> {
        let (data, backups) = (folder.join("data"), folder.join("backups"));
        let server = Server::start(&binaries.distd, &data)?;
        let client = Client::new(binaries, &server, &data)?;
        client.run(["app", "create", APP, "--access", "token"])?;
        let kept = Self { distd: binaries.distd.clone(), data, backups, server, client };
        let mut random = fastrand::Rng::with_seed(8);
        kept.client.publish(&Release::write(folder, 1, &[300_000, 5_000], &mut random)?.manifest)?;
        kept.back_up()?;
        kept.client.publish(&Release::write(folder, 2, &[300_000, 5_000], &mut random)?.manifest)?;
        let orphan = store::plant_orphan(&kept.backups, b"no backup needs it")?;
        Ok((kept, orphan))
    }

    pub(super) fn backup(&self) -> Vec<&Path> {
        let words = ["backup", "--method", "copy", "--keep", "1", "--json", "--data"];
        words.into_iter().map(Path::new).chain([self.data.as_path(), &self.backups]).collect()
    }

    pub(super) fn restoring<'a>(&'a self, to: &'a Path) -> Vec<&'a Path> {
        ["restore", "--json", "--data"].iter().map(Path::new).chain([to, &self.backups]).collect()
    }

    pub(super) fn command(&self, arguments: &[&Path]) -> Command {
        let mut command = Command::new(&self.distd);
        command.args(arguments);
        command
    }

    pub(super) fn run(&self, arguments: &[&Path], fault: &str) -> Result<Output> {
        process::capture(self.command(arguments).env("DISTD_FAULT", fault))
    }

    /// Returns the end of the audit chain.
    pub(super) fn back_up(&self) -> Result<String> {
        read_head(&mut self.command(&self.backup()))
    }

    pub(super) fn restore(&self, to: &Path) -> Result<String> {
        read_head(&mut self.command(&self.restoring(to)))
    }

    pub(super) fn verify(&self) -> Result<()> {
        process::read(Command::new(&self.distd).args(["backup", "--verify"]).arg(&self.backups)).map(|_| ())
    }

    /// What was restored is clean, with equal refs and the audit chain of the backup and of the store.
    pub(super) fn check_restored(&self, restored: &Path, head: &str) -> Result<()> {
        let found = store::read_fsck(&self.distd, restored)?;
        found.check_only(None)?;
        ensure!(found.audit_head == head, "the audit chain ends at {}, that of the backup at {head}", found.audit_head);
        let original = store::read_fsck(&self.distd, &self.data)?;
        original.check_only(None)?;
        ensure!(original.audit_head == head, "the audit chain of the store ends at {}", original.audit_head);
        let refs = |data: &Path| sql(&data.join("dist.sqlite"), REFS);
        ensure!(refs(restored)? == refs(&self.data)?, "other refs were restored");
        ensure!(!restored.join("dist.sqlite.part").exists(), "a part of a restore was left");
        Ok(())
    }

    pub(super) fn stop(self) -> Result<()> {
        self.server.stop()
    }
}

fn read_head(command: &mut Command) -> Result<String> {
    let report: Report = serde_json::from_str(&process::read(command)?).context("no document was printed")?;
    Ok(report.audit_head)
}

/// Whether a process ended by SIGKILL; otherwise it must have succeeded.
fn is_killed(output: &Output) -> Result<bool> {
    let is_killed = output.status.signal() == Some(9);
    ensure!(
        is_killed || output.status.success(),
        "it ended with {}{}",
        output.status,
        process::quote_tail(&output.stderr)
    );
    Ok(is_killed)
}
