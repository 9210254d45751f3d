//! A `dist` of our own: run against one server with one token, its JSON read.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};
use serde::Deserialize;
use tempfile::TempDir;

use crate::{process, server::Server, workspace::Binaries};

/// The command line, told which server and token to use.
#[derive(Debug)]
pub struct Client {
    dist: PathBuf,
    url: String,
    token: String,
    /// An empty home, so that a configuration on this machine says nothing here.
    home: TempDir,
    /// Whose certificates it trusts, where it is not those that the system does.
    authority: Option<PathBuf>,
}

/// What `dist ci publish --json` prints (`dist.publish/1`), as far as it is looked at here.
#[derive(Clone, Debug, Deserialize)]
pub struct Publication {
    /// Whether something changed.
    pub status: Status,
    /// The release.
    pub release: Release,
    /// Its artifacts.
    pub artifacts: Vec<Artifact>,
    /// What went over the wire.
    pub transfer: Transfer,
}

/// Whether a publication changed something.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// A release became visible.
    Published,
    /// It was there already, the same.
    Unchanged,
}

/// A release's id and name.
#[derive(Clone, Debug, Deserialize)]
pub struct Release {
    /// 64 lowercase hex digits.
    pub id: String,
    /// `version+build`.
    pub name: String,
}

/// One artifact of a release.
#[derive(Clone, Debug, Deserialize)]
pub struct Artifact {
    /// The name it is pulled under.
    pub filename: String,
    /// 64 lowercase hex digits.
    pub sha256: String,
}

/// What a publication sent.
#[derive(Clone, Debug, Deserialize)]
pub struct Transfer {
    /// Objects of the release.
    pub objects: u64,
    /// Objects of which something was sent.
    pub uploaded_objects: u64,
    /// Bytes sent.
    pub uploaded_bytes: u64,
    /// Bytes of all objects.
    pub total_bytes: u64,
    /// HTTP requests made.
    pub requests: u64,
}

/// What `distd token create --json` prints, as far as it is looked at here.
#[derive(Deserialize)]
struct NewToken {
    token: String,
}

impl Client {
    /// A client of a running server, with an admin token made on its data directory.
    ///
    /// # Errors
    /// When the token cannot be made.
    pub fn new(binaries: &Binaries, server: &Server, data: &Path) -> Result<Self> {
        let token = create_admin_token(&binaries.distd, data)?;
        Self::of_server(&binaries.dist, server.url(), &token)
    }

    /// A client of the server at `url`, with a token of it.
    ///
    /// # Errors
    /// When it cannot be given a home.
    pub fn of_server(dist: &Path, url: &str, token: &str) -> Result<Self> {
        let home = tempfile::tempdir().context("cannot create an empty home")?;
        Ok(Self { dist: dist.to_owned(), url: url.to_owned(), token: token.to_owned(), home, authority: None })
    }

    /// The same client, which trusts the certificates of this authority, PEM.
    #[must_use]
    pub fn trusting(self, authority: &Path) -> Self {
        Self { authority: Some(authority.to_owned()), ..self }
    }

    /// The address of the server.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The token that it sends.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// The same client for a server that was started again, at another address.
    pub fn move_to(&mut self, server: &Server) {
        server.url().clone_into(&mut self.url);
    }

    /// A `dist` command, ready to be given arguments.
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.dist);
        command
            .env("DIST_SERVER", &self.url)
            .env("DIST_TOKEN", &self.token)
            .env("HOME", self.home.path())
            .env("XDG_CONFIG_HOME", self.home.path());
        if let Some(authority) = &self.authority {
            command.env("SSL_CERT_FILE", authority);
        }
        command
    }

    /// Runs `dist` with these arguments and returns what it printed.
    ///
    /// # Errors
    /// When it ends with anything but exit code 0.
    pub fn run<I, S>(&self, arguments: I) -> Result<String>
    where
        I: IntoIterator<Item = S>,
        S: AsRef<OsStr>,
    {
        process::read(self.command().args(arguments))
    }

    /// The command that CI runs, ready to be started.
    pub fn publish_command(&self, manifest: &Path) -> Command {
        let mut command = self.command();
        command.args(["ci", "publish", "--server", &self.url, "--token", &self.token, "--json", "--manifest"]);
        command.arg(manifest);
        command
    }

    /// Publishes what a `dist.json` says, as CI does.
    ///
    /// # Errors
    /// When `dist` fails or prints something else than a publication.
    pub fn publish(&self, manifest: &Path) -> Result<Publication> {
        let text = process::read(&mut self.publish_command(manifest))?;
        serde_json::from_str(&text).with_context(|| format!("`dist ci publish` printed no dist.publish/1: {text}"))
    }
}

/// The version of a program, as `--version` prints it behind the name.
///
/// # Errors
/// When it prints something else.
pub fn version_of(program: &Path) -> Result<String> {
    let said = process::read(Command::new(program).arg("--version"))?;
    let version = said.split_whitespace().nth(1).with_context(|| format!("a version was expected, not: {said}"))?;
    Ok(version.to_owned())
}

fn create_admin_token(distd: &Path, data: &Path) -> Result<String> {
    let text = process::read(
        Command::new(distd)
            .args(["token", "create", "--name", "xtask", "--scope", "admin", "--json", "--data"])
            .arg(data),
    )?;
    let token: NewToken =
        serde_json::from_str(&text).context("`distd token create --json` printed no document with a token")?;
    Ok(token.token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_publication_is_read_as_the_contract_has_it() {
        let publication: Publication = serde_json::from_str(
            r#"{"schema":"dist.publish/1","status":"unchanged","app":"acme",
                "release":{"id":"ab","name":"2.4.0+241","version":"2.4.0","build":"241"},
                "channel":{"name":"beta","previous":null,"current":"ab"},
                "artifacts":[{"id":"cd","platform":"android","arch":"universal","kind":"apk","filename":"a.apk",
                              "size":1,"sha256":"cd","url":"x","uploaded":false}],
                "urls":{"release":"r","install":"i"},
                "transfer":{"objects":2,"uploaded_objects":0,"uploaded_bytes":0,"total_bytes":2,"requests":2,"seconds":0.1},
                "warnings":[]}"#,
        )
        .unwrap();
        assert_eq!(publication.status, Status::Unchanged);
        assert_eq!(publication.release.name, "2.4.0+241");
        assert_eq!(publication.artifacts[0].filename, "a.apk");
        assert_eq!(publication.transfer.requests, 2);
    }
}
