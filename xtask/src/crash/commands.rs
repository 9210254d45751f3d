//! Commands that work on a store by themselves, while a call of theirs fails: a repair, a migration, a backup, a restore.
//!
//! Each says what failed and ends; done again without the trouble, it succeeds.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use anyhow::{Context, Result, ensure};

use super::{
    backups::Kept,
    migrations,
    release::{APP, Release},
};
use crate::{client::Client, process, server::Server, store, workspace::Binaries};

/// What a failure says in the end: what the system calls it.
const WORDS: &[(&str, &str)] = &[
    ("enospc", "No space left on device"),
    ("eio", "Input/output error"),
    ("erofs", "Read-only file system"),
    ("busy", "Device or resource busy"),
];

/// That a command failed, and says why.
fn check_refused(output: &Output, fault: &str) -> Result<()> {
    let said = String::from_utf8_lossy(&[output.stdout.as_slice(), &output.stderr].concat()).into_owned();
    ensure!(!output.status.success(), "it does not come by the trouble: {said}");
    let words = WORDS.iter().find(|(failure, _)| fault.ends_with(failure)).map_or("error", |(_, words)| words);
    ensure!(said.contains(words), "it does not say what is wrong: {said}");
    Ok(())
}

/// A server that is to change the tables.
pub(super) fn migrate(binaries: &Binaries, folder: &Path, fault: &str) -> Result<()> {
    let data = folder.join("data");
    migrations::make_first_version(binaries, &data)?;
    let serve = Command::new(&binaries.distd)
        .args(["serve", "--listen", "127.0.0.1:0", "--data"])
        .arg(&data)
        .env("DISTD_FAULT", fault)
        .output()
        .context("cannot start distd")?;
    check_refused(&serve, fault)?;
    Server::start(&binaries.distd, &data)?.stop()?;
    let apps = store::sql(&data.join("dist.sqlite"), "SELECT slug FROM apps")?;
    ensure!(apps.trim() == APP, "the app is gone");
    store::fsck(&binaries.distd, &data)
}

/// A repair, which moves a damaged object aside.
pub(super) fn repair(binaries: &Binaries, folder: &Path, fault: &str) -> Result<()> {
    let data = folder.join("data");
    let server = Server::start(&binaries.distd, &data)?;
    let mut client = Client::new(binaries, &server, &data)?;
    client.run(["app", "create", APP, "--access", "token"])?;
    let release = Release::write(folder, 1, &[300_000, 5_000], &mut fastrand::Rng::with_seed(5))?;
    client.publish(&release.manifest)?;
    server.stop()?;
    let digest = release.artifacts[0].0.as_str();
    store::flip(&data, digest)?;
    let repair = |fault: &str| {
        let mut command = Command::new(&binaries.distd);
        process::capture(command.args(["fsck", "--repair", "--data"]).arg(&data).env("DISTD_FAULT", fault))
    };
    check_refused(&repair(fault)?, fault)?;
    store::read_fsck(&binaries.distd, &data)?.check_only(Some(digest))?;
    // Of a step that is not passed: there is no empty plan.
    repair("webhook.send=eio")?;
    ensure!(!store::object_path(&data, digest).exists(), "the damaged object was not moved aside");
    ensure!(fs::read_dir(data.join("quarantine")).context("cannot list the quarantine")?.count() > 0, "it is nowhere");
    let server = Server::start(&binaries.distd, &data)?;
    client.move_to(&server);
    client.publish(&release.manifest)?;
    release.pull(&client)?;
    server.stop()?;
    store::fsck(&binaries.distd, &data)
}

/// A backup, beside a running server.
pub(super) fn back_up(binaries: &Binaries, folder: &Path, fault: &str) -> Result<()> {
    let (kept, _) = Kept::open_with_old_backup(binaries, folder)?;
    check_refused(&kept.run(&kept.backup(), fault)?, fault)?;
    kept.verify().context("after the trouble")?;
    let head = kept.back_up()?;
    kept.verify()?;
    let restored = folder.join("restored");
    kept.restore(&restored)?;
    kept.check_restored(&restored, &head)?;
    kept.stop()
}

/// A restore.
pub(super) fn restore(binaries: &Binaries, folder: &Path, fault: &str) -> Result<()> {
    let (kept, _) = Kept::open_with_old_backup(binaries, folder)?;
    let head = kept.back_up()?;
    let restored = folder.join("restored");
    check_refused(&kept.run(&kept.restoring(&restored), fault)?, fault)?;
    kept.restore(&restored)?;
    kept.check_restored(&restored, &head)?;
    kept.stop()
}
