//! `cargo xtask proxies`: a server behind the real nginx and the real Caddy, configured with the very files under
//! `docs/deploy`, and what `dist doctor` says of nginx when a line of them is missing or wrong.

mod broken;
mod proxy;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use serde_json::Value;

use crate::{
    client::Client,
    digest, process,
    server::Server,
    tools::{self, CADDY, CURL, NGINX, OPENSSL},
    workspace::{self, Binaries, Profile},
};
use proxy::{Certificates, Proxy};

/// What is uploaded where nothing is asked.
const SIZE_MIB: u64 = 64;

/// An address that a client comes from: any of this network is this machine.
const CLIENT: &str = "127.0.0.1";

/// What `cargo xtask proxies` is told.
#[derive(Args, Debug)]
pub struct Options {
    /// The artifact that is uploaded through each proxy, in MiB
    #[arg(long, value_name = "MIB", default_value_t = SIZE_MIB)]
    size_mib: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { size_mib: SIZE_MIB }
    }
}

/// A server, and what proxies before it need.
struct Site {
    binaries: Binaries,
    folder: tempfile::TempDir,
    certificates: Certificates,
}

/// Builds, starts both proxies in turn, and breaks nginx.
///
/// # Errors
/// When something does not come through, or the doctor does not find what is broken.
pub fn run(options: &Options) -> Result<()> {
    tools::ensure(&[NGINX, CADDY, CURL, OPENSSL])?;
    let binaries = workspace::build(Profile::Dev)?;
    let folder = tempfile::Builder::new().prefix("dist-proxies-").tempdir().context("cannot create a folder")?;
    let certificates = Certificates::make(folder.path())?;
    let site = Site { binaries, folder, certificates };
    for proxy in [Proxy::nginx, Proxy::caddy] {
        site.carry(proxy, options.size_mib)?;
    }
    site.heal()
}

type Start = fn(&Path, &str, u16, &Certificates) -> Result<Proxy>;

impl Site {
    /// A server on a data directory of its own that knows this address, and a proxy before it.
    fn start(&self, name: &str, start: Start, public: Option<&str>) -> Result<(Server, Proxy, Client)> {
        let folder = self.folder.path().join(name);
        fs::create_dir(&folder)?;
        let port = proxy::free_port()?;
        let own = format!("https://localhost:{port}");
        let public = public.unwrap_or(&own);
        let data = folder.join("data");
        let server = Server::start_configured(&self.binaries.distd, &data, &[("DISTD_PUBLIC_URL", public)], &[])?;
        let proxy = start(&folder, server.url().trim_start_matches("http://"), port, &self.certificates)?;
        let inside = Client::new(&self.binaries, &server, &data)?;
        let client = Client::of_server(&self.binaries.dist, proxy.url(), inside.token())?
            .trusting(&self.certificates.authority);
        Ok((server, proxy, client))
    }

    /// An upload that is killed and goes on, a download in parts, addresses, the audit log.
    fn carry(&self, start: Start, size_mib: u64) -> Result<()> {
        let (server, proxy, client) = self.start(&format!("carry-{size_mib}-{}", start as usize), start, None)?;
        let begun = Instant::now();
        let project = self.folder.path().join(format!("project-{}", proxy.name()));
        let artifact = make_project(&project, size_mib)?;
        client.run(["app", "create", "acme"])?;
        let resumed = self.publish_in_two(&client, &server, &project, size_mib)?;
        let sha256 = digest::hash_file(&artifact)?;
        let listed: Value = serde_json::from_str(&client.run(["show", "acme@beta", "--json"])?)?;
        let id = listed.pointer("/release/manifest/artifacts/0/sha256").or_else(|| find(&listed, "sha256"));
        ensure!(id.and_then(Value::as_str) == Some(sha256.as_str()), "the release names {id:?}, not {sha256}");
        let address = format!("{}/api/v1/apps/acme/objects/{sha256}", proxy.url());
        self.fetch_parts(&client, &address, &artifact)?;
        let pulled = self.folder.path().join(format!("pulled-{}", proxy.name()));
        fs::create_dir(&pulled)?;
        process::read(client.command().args(["pull", "acme@beta", "--all", "--dir"]).arg(&pulled))?;
        let whole = fs::read_dir(&pulled)?.flatten().any(|file| digest::hash_file(&file.path()).ok().as_ref() == Some(&sha256));
        ensure!(whole, "what was pulled through {} is not what was pushed", proxy.name());
        check_addresses(&client, &proxy)?;
        check_audit(&client)?;
        let said = client.run(["doctor", "--json"])?;
        let wrong = findings(&said)?;
        ensure!(wrong.is_empty(), "the doctor finds {wrong:?} behind {} as documented", proxy.name());
        let seconds = begun.elapsed().as_secs_f64();
        println!("{}: {size_mib} MiB up (killed, {resumed} sent again of them) and down, parts, addresses, audit log, doctor: as they should be, {seconds:.1} s", proxy.name());
        server.stop()
    }
}
