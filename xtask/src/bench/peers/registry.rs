//! docker-registry, with skopeo as its client: the file is one layer of an OCI image.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};
use serde_json::json;

use super::{
    Ground, Kind, Peer,
    daemon::{Daemon, free_port},
};
use crate::{
    digest,
    tools::{OPENSSL, Tool},
};

const TOOLS: &[Tool] = &[
    OPENSSL,
    Tool { program: "docker-registry", package: "docker-registry" },
    Tool { program: "skopeo", package: "skopeo" },
];

const DURABILITY: &str = "the registry hashes every byte and syncs each file it writes, but no folder";

pub(super) const KIND: Kind = Kind {
    name: "docker-registry",
    tools: TOOLS,
    what: "openssl dgst -sha256 of the file, which an image layout needs, then skopeo copy of a layout with the file as \
           its one layer, not compressed",
    durability: DURABILITY,
    start,
};

/// The same where the layout is there already. It is what the registry and its client can do at best, and less than what
/// publishes a file.
pub(super) const KNOWN_KIND: Kind = Kind {
    name: "registry-prehashed",
    tools: TOOLS,
    what: "as docker-registry, but the digest is known beforehand and not timed; with nothing new no byte of the file is read",
    durability: DURABILITY,
    start: start_known,
};

const LAYER: &str = "application/octet-stream";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// A registry, its file as a layer.
pub(in crate::bench) struct Registry {
    daemon: Daemon,
    folder: PathBuf,
    address: String,
    digest: String,
    /// What is hashed before a push.
    hashed: Option<PathBuf>,
}

fn start(ground: &Ground) -> Result<Box<dyn Peer>> {
    Ok(Box::new(Registry { hashed: Some(ground.file.to_owned()), ..Registry::start(ground)? }))
}

fn start_known(ground: &Ground) -> Result<Box<dyn Peer>> {
    Ok(Box::new(Registry::start(ground)?))
}

impl Registry {
    pub(in crate::bench) fn start(ground: &Ground) -> Result<Self> {
        write_layout(ground, &ground.make("oci")?)?;
        let address = format!("127.0.0.1:{}", free_port()?);
        let configuration = json!({
            "version": 0.1,
            "log": { "level": "error", "accesslog": { "disabled": true } },
            "storage": { "filesystem": { "rootdirectory": ground.make("data")? } },
            "http": { "addr": address },
        });
        // JSON is YAML.
        let file = ground.folder.join("config.yml");
        fs::write(&file, configuration.to_string()).context("cannot write the registry's configuration")?;
        let mut command = ground.command("docker-registry");
        command.arg("serve").arg(&file);
        let port = address.rsplit(':').next().and_then(|port| port.parse().ok()).context("an address has a port")?;
        Ok(Self {
            daemon: Daemon::start(ground, &command, port)?,
            folder: ground.folder.to_owned(),
            address,
            digest: ground.digest.to_owned(),
            hashed: None,
        })
    }

    /// Where a plain client downloads the layer.
    pub(in crate::bench) fn url(&self) -> String {
        format!("http://{}/v2/bench/blobs/sha256:{}", self.address, self.digest)
    }

    fn skopeo(&self) -> Command {
        let mut command = Command::new("skopeo");
        command.current_dir(&self.folder).env("HOME", &self.folder).args(["copy", "--quiet", "--insecure-policy"]);
        command
    }
}

impl Peer for Registry {
    fn push(&self) -> Vec<Command> {
        let mut command = self.skopeo();
        command.args(["--dest-tls-verify=false", "--preserve-digests", "oci:oci:v1"]);
        command.arg(format!("docker://{}/bench:v1", self.address));
        let hash = self.hashed.iter().map(|file| {
            let mut hash = Command::new("openssl");
            hash.args(["dgst", "-sha256"]).arg(file);
            hash
        });
        hash.chain([command]).collect()
    }

    fn pull(&self) -> Vec<Command> {
        let mut command = self.skopeo();
        command.args(["--src-tls-verify=false", &format!("docker://{}/bench:v1", self.address), "dir:pulled"]);
        vec![command]
    }

    fn pulled(&self) -> PathBuf {
        self.folder.join("pulled").join(&self.digest)
    }

    fn group(&self) -> Option<u32> {
        Some(self.daemon.group())
    }
}

/// An OCI image layout (OCI image-spec 1.0, `image-layout.md`) whose one layer is the file.
fn write_layout(ground: &Ground, layout: &Path) -> Result<()> {
    let blobs = layout.join("blobs/sha256");
    fs::create_dir_all(&blobs).context("cannot create an image layout")?;
    ground.link(&blobs.join(ground.digest))?;
    let size = fs::metadata(ground.file).context("cannot look at the file")?.len();
    let config = write_blob(&blobs, "{}")?;
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": { "mediaType": CONFIG, "digest": format!("sha256:{config}"), "size": 2 },
        "layers": [{ "mediaType": LAYER, "digest": format!("sha256:{}", ground.digest), "size": size }],
    })
    .to_string();
    let index = json!({
        "schemaVersion": 2,
        "manifests": [{
            "mediaType": MANIFEST,
            "digest": format!("sha256:{}", write_blob(&blobs, &manifest)?),
            "size": manifest.len(),
            "annotations": { "org.opencontainers.image.ref.name": "v1" },
        }],
    });
    fs::write(layout.join("index.json"), index.to_string()).context("cannot write an image index")?;
    fs::write(layout.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).context("cannot write an image layout")
}

fn write_blob(blobs: &Path, text: &str) -> Result<String> {
    let id = digest::of_bytes(text.as_bytes());
    fs::write(blobs.join(&id), text).context("cannot write a blob")?;
    Ok(id)
}
