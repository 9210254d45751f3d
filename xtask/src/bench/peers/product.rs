//! The product, as one of those that are compared.

use std::{path::PathBuf, process::Command};

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
    pulled: PathBuf,
}

impl Product {
    /// A server with an empty data directory and one app.
    pub(in crate::bench) fn start(binaries: &Binaries, ground: &Ground) -> Result<Self> {
        let data = ground.folder.join("data");
        let server = match ground.trace {
            Some(trace) => Server::start_traced(&binaries.distd, &data, measure::SYNCS, trace)?,
            None => Server::start(&binaries.distd, &data)?,
        };
        let client = Client::new(binaries, &server, &data)?;
        client.run(["app", "create", APP, "--access", "public"])?;
        let folder = ground.file.parent().context("the file is in a folder")?;
        let artifacts = vec![Entry::opaque(ground.file_name())];
        let manifest = Manifest { app: APP, version: "1.0.0".into(), build: "1".into(), channel: "beta", artifacts };
        let pulled = ground.folder.join("pulled").join(ground.file_name());
        Ok(Self { server, client, manifest: manifest.write(folder)?, pulled })
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
        command.arg(self.pulled.parent().unwrap_or(&self.pulled));
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
