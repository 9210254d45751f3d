//! Another app, of which a channel is moved and pulled all the time, and where that channel must be.

use std::{
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
};

use anyhow::{Context, Result, ensure};

use super::release::Release;
use crate::{client::Client, server::Server, store::sql, workspace::Binaries};

const APP: &str = "side";

/// What is done in turn. The releases are those that [`Side::open`] published.
const TURNS: &[&[&str]] = &[
    &["unpin", "side@stable"],
    &["promote", "side@1.0.0+2", "stable"],
    &["promote", "side@1.0.0+3", "stable"],
    &["rollback", "side@stable"],
    &["pull", "side@stable"],
];

/// The releases that each turn moves the channel to: the first or the second.
const MOVES: &[Option<usize>] = &[None, Some(0), Some(1), Some(0), None];

/// The app, and what was acknowledged about it.
pub(super) struct Side {
    client: Client,
    /// The ids of its releases.
    ids: Vec<String>,
    /// Where the channel is, for all that was acknowledged.
    stable: usize,
    /// Where it may be instead: a move that was not answered.
    unanswered: Option<usize>,
}

impl Side {
    /// Makes the app, with two releases, and the channel at the second.
    pub(super) fn open(
        binaries: &Binaries,
        server: &Server,
        token: &str,
        folder: &Path,
        random: &mut fastrand::Rng,
    ) -> Result<Self> {
        let client = Client::of_server(&binaries.dist, server.url(), token)?;
        client.run(["app", "create", APP, "--access", "token"])?;
        let mut ids = Vec::new();
        for number in 1..=2 {
            let release = Release::write_for(APP, folder, number, &[20_000], random)?;
            ids.push(client.publish(&release.manifest)?.release.id);
            client.run(["promote", &release.revision, "stable"])?;
        }
        Ok(Self { client, ids, stable: 1, unanswered: None })
    }

    /// Does one thing after the other until it is over. Returns how many were acknowledged.
    pub(super) fn work(&mut self, over: &AtomicBool) -> Result<u32> {
        let folder = tempfile::tempdir().context("cannot create a folder")?;
        let mut acknowledged = 0;
        for (turn, to) in TURNS.iter().zip(MOVES).cycle() {
            if over.load(Ordering::SeqCst) {
                break;
            }
            let mut command = self.client.command();
            command.args(*turn).args(["--retries", "0"]);
            if turn[0] == "pull" {
                command.arg("--force").arg("-o").arg(folder.path());
            }
            let output = crate::process::capture(&mut command)?;
            if output.status.success() {
                self.stable = to.unwrap_or(self.stable);
                acknowledged += 1;
            } else if over.load(Ordering::SeqCst) {
                self.unanswered = *to;
                break;
            } else {
                // Before the kill only that may fail: there may be no pin.
                let said = crate::process::quote_tail(&output.stderr);
                ensure!(turn[0] == "unpin", "`dist {}` ended with {}{said}", turn.join(" "), output.status);
            }
        }
        Ok(acknowledged)
    }

    /// That the channel is where it was last moved to, after a restart.
    pub(super) fn check(&mut self, server: &Server, data: &Path) -> Result<()> {
        self.client.move_to(server);
        let at = format!("SELECT target FROM refs WHERE app = '{APP}' AND name = 'channels/stable'");
        let at = sql(&data.join("dist.sqlite"), &at)?;
        let is_at = |release: usize| self.ids[release] == at.trim();
        match self.unanswered.take() {
            Some(release) if is_at(release) => self.stable = release,
            _ => ensure!(is_at(self.stable), "side@stable was at {}, and is at {at}", self.ids[self.stable]),
        }
        Ok(())
    }
}
