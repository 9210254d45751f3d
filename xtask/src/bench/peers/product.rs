//! The product, as one of those that are compared.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use super::{Ground, Peer};
use crate::{
    bench::measure,
    client::{Client, Publication, Status},
    manifest::{Entry, Manifest},
    server::Server,
    workspace::Binaries,
};

/// The app that is published to.
pub(in crate::bench) const APP: &str = "bench";

/// A server and the command line for it.
pub(in crate::bench) struct Product {
    server: Server,
    client: Client,
    manifest: PathBuf,
    /// Where a pull writes to.
    output: PathBuf,
    pulled: PathBuf,
}

/// The `dist.json` of a release of these files, in their folder.
///
/// # Errors
/// When it cannot be written.
pub(in crate::bench) fn write_manifest<'a>(folder: &Path, names: impl IntoIterator<Item = &'a str>) -> Result<PathBuf> {
    let artifacts = names.into_iter().map(Entry::opaque).collect();
    Manifest { app: APP, version: "1.0.0".into(), build: "1".into(), channel: "beta", artifacts }.write(folder)
}

impl Product {
    /// A server with an empty data directory and one app.
    pub(in crate::bench) fn start(binaries: &Binaries, ground: &Ground) -> Result<Self> {
        let folder = ground.file.parent().context("the file is in a folder")?;
        let manifest = write_manifest(folder, [ground.file_name()])?;
        let product = Self::of_manifest(binaries, ground.folder, &manifest, ground.trace)?;
        Ok(Self { pulled: product.pulled.join(ground.file_name()), ..product })
    }

    /// The same with a line in `distd.toml`.
    pub(in crate::bench) fn start_configured(binaries: &Binaries, ground: &Ground, line: &str) -> Result<Self> {
        let folder = ground.folder.join("data/config");
        fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
        fs::write(folder.join("distd.toml"), line).context("cannot write distd.toml")?;
        Self::start(binaries, ground)
    }

    /// The same for a release of any number of files. What is pulled is a folder then.
    pub(in crate::bench) fn of_manifest(
        binaries: &Binaries,
        folder: &Path,
        manifest: &Path,
        trace: Option<&Path>,
    ) -> Result<Self> {
        let data = folder.join("data");
        let server = match trace {
            Some(trace) => Server::start_traced(&binaries.distd, &data, measure::SYNCS, trace)?,
            None => Server::start(&binaries.distd, &data)?,
        };
        let client = Client::new(binaries, &server, &data)?;
        client.run(["app", "create", APP, "--access", "public"])?;
        let output = folder.join("pulled");
        Ok(Self { server, client, manifest: manifest.to_owned(), pulled: output.clone(), output })
    }

    /// The command line of this server.
    pub(in crate::bench) fn client(&self) -> &Client {
        &self.client
    }

    /// Ends the server.
    ///
    /// # Errors
    /// When it does not end as it should.
    pub(in crate::bench) fn stop(self) -> Result<()> {
        self.server.stop()
    }

    /// Publishes the file and says where a plain client downloads it.
    pub(in crate::bench) fn publish(&self) -> Result<String> {
        let file = self.client.publish(&self.manifest)?.artifacts.first().map(|artifact| artifact.filename.clone());
        Ok(format!("{}/artifacts/{APP}/1.0.0+1/{}", self.client.url(), file.context("a release has an artifact")?))
    }
}

impl Peer for Product {
    fn push(&self) -> Vec<Command> {
        vec![self.client.publish_command(&self.manifest)]
    }

    fn pull(&self) -> Vec<Command> {
        let mut command = self.client.command();
        command.args(["pull", &format!("{APP}@beta"), "--json", "-o"]);
        command.arg(&self.output);
        vec![command]
    }

    fn pulled(&self) -> PathBuf {
        self.pulled.clone()
    }

    fn group(&self) -> Option<u32> {
        Some(self.server.id())
    }

    fn note_push_again(&self, printed: &str) -> Result<Option<String>> {
        let publication: Publication = serde_json::from_str(printed).context("dist printed no dist.publish/1")?;
        ensure!(publication.status == Status::Unchanged, "the second push changed something");
        let requests = publication.transfer.requests;
        if requests == 0 {
            bail!("the second push asked nothing: {}", Value::from(printed));
        }
        Ok(Some(format!("a push with nothing new: {requests} requests")))
    }
}
