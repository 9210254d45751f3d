//! `cargo xtask proxies`: a server behind the real nginx and the real Caddy, configured with the very files under
//! `docs/deploy`, and what `dist doctor` says of nginx when a line of them is missing or wrong.

mod broken;
mod proxy;

use std::{
    fs::{self, File},
    io::{Read, Seek, SeekFrom},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use serde_json::Value;
use walkdir::WalkDir;

use crate::{
    client::Client,
    digest,
    manifest::{Entry, Manifest},
    process,
    server::Server,
    tools::{self, CADDY, CURL, NGINX, OPENSSL},
    workspace::{self, Binaries, Profile},
};
use broken::{BROKEN, check_finding, findings};
use proxy::{Certificates, Kind, Proxy};

/// What is uploaded where nothing is asked.
const SIZE_MIB: u64 = 64;

/// Another address of this machine, which the audit log must have for a request that came from it.
const ELSEWHERE: &str = "127.0.0.9";

/// How long an upload may take until it can be killed.
const PATIENCE: Duration = Duration::from_mins(1);

/// What `cargo xtask proxies` is told.
#[derive(Args, Debug)]
pub struct Options {
    /// The artifact that is uploaded through each proxy, in MiB
    #[arg(long, value_name = "MIB", default_value_t = SIZE_MIB, value_parser = clap::value_parser!(u64).range(8..))]
    size_mib: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { size_mib: SIZE_MIB }
    }
}

/// Builds, starts both proxies in turn, and breaks nginx.
///
/// # Errors
/// When something does not come through, or the doctor does not find what is broken.
pub fn run(options: &Options, profile: Profile) -> Result<()> {
    tools::ensure(&[NGINX, CADDY, CURL, OPENSSL])?;
    let binaries = workspace::build(profile)?;
    let folder = tempfile::Builder::new().prefix("dist-proxies-").tempdir().context("cannot create a folder")?;
    let ground = Ground { binaries, certificates: Certificates::make(folder.path())?, folder: folder.path() };
    for kind in [Kind::Nginx, Kind::Caddy] {
        ground.carry(kind, options.size_mib).with_context(|| format!("behind {}", kind.name()))?;
    }
    for broken in BROKEN {
        ground.diagnose(broken).with_context(|| format!("{} broken", broken.code))?;
        println!("nginx with a wrong {}: found, with the documented line", broken.code);
    }
    ground.diagnose_links().context("http links")?;
    println!("http links where https is expected: found");
    Ok(())
}

/// What every server and proxy needs.
struct Ground<'a> {
    binaries: Binaries,
    certificates: Certificates,
    folder: &'a Path,
}

/// A server behind a proxy, and a client that reaches it so. The proxy goes first.
struct Site {
    client: Client,
    proxy: Proxy,
    server: Server,
    folder: PathBuf,
}

impl Ground<'_> {
    fn start(&self, name: &str, kind: Kind, configuration: &str, scheme: &str) -> Result<Site> {
        let folder = self.folder.join(name);
        fs::create_dir(&folder)?;
        let (port, data) = (proxy::free_port()?, folder.join("data"));
        let public = format!("{scheme}://localhost:{port}");
        let server = Server::start_configured(&self.binaries.distd, &data, &[("DISTD_PUBLIC_URL", &public)], &[])?;
        let address = server.url().trim_start_matches("http://");
        let proxy = Proxy::start(kind, configuration, &folder, address, port, &self.certificates)?;
        let inside = Client::new(&self.binaries, &server, &data)?;
        let client = Client::of_server(&self.binaries.dist, proxy.url(), inside.token())?;
        Ok(Site { client: client.trusting(&self.certificates.authority), proxy, server, folder })
    }

    /// As documented: an upload that is killed and goes on, parts of it, addresses, the audit log, and a doctor without a word.
    fn carry(&self, kind: Kind, size_mib: u64) -> Result<()> {
        let begun = Instant::now();
        let site = self.start(kind.name(), kind, &kind.documented()?, "https")?;
        site.client.run(["app", "create", "acme", "--access", "link"])?;
        let sent_again = site.publish_in_two(size_mib)?;
        site.check_parts(&self.certificates.authority)?;
        site.check_addresses(&self.certificates.authority)?;
        site.check_audit(&self.certificates.authority)?;
        let found = findings(&site.client.run(["doctor", "--json"])?)?;
        ensure!(found.is_empty(), "the doctor finds {found:?} in what is documented");
        drop(site.proxy);
        site.server.stop()?;
        println!(
            "{}: {size_mib} MiB up (killed on the way, {sent_again} bytes sent after that), parts, addresses, audit log and doctor \
             are as they should be, {:.1} s",
            kind.name(),
            begun.elapsed().as_secs_f64()
        );
        Ok(())
    }

    fn diagnose(&self, broken: &broken::Broken) -> Result<()> {
        let documented = Kind::Nginx.documented()?;
        let (right, wrong) = broken.instead;
        ensure!(documented.contains(right), "{right} is not in the documented configuration");
        let site = self.start(broken.code, Kind::Nginx, &documented.replace(right, wrong), "https")?;
        let found = site.ask_doctor()?;
        check_finding(&found, broken.code, &documented, &Kind::Caddy.documented()?)
    }

    /// A server that was told an address with http, behind a proxy that is right.
    fn diagnose_links(&self) -> Result<()> {
        let site = self.start("http_links", Kind::Nginx, &Kind::Nginx.documented()?, "http")?;
        let found = site.ask_doctor()?;
        let [check] = found.as_slice() else { bail!("not one finding: {found:?}") };
        let line = format!("public_url = \"{}\"", site.proxy.url());
        ensure!(
            check["code"] == "http_links" && check["mend"]["distd"] == line.as_str(),
            "{check} where {line} mends it"
        );
        Ok(())
    }
}

impl Site {
    /// What the doctor finds; the exit code says whether something of it is wrong.
    fn ask_doctor(&self) -> Result<Vec<Value>> {
        let output = process::capture(self.client.command().args(["doctor", "--json", "--upload-mib", "4"]))?;
        let found = findings(&String::from_utf8_lossy(&output.stdout))?;
        let expected = i32::from(found.iter().any(|check| check["level"] == "fail"));
        ensure!(output.status.code() == Some(expected), "the doctor ended with {} and found {found:?}", output.status);
        Ok(found)
    }

    /// Publishes, kills the client once a quarter has arrived, publishes again. How many bytes that sent.
    fn publish_in_two(&self, size_mib: u64) -> Result<u64> {
        let artifact = self.artifact();
        let mut random = fastrand::Rng::with_seed(9);
        let mut bytes = vec![0; 1024 * 1024];
        let mut file = File::create(&artifact)?;
        for _ in 0..size_mib {
            random.fill(&mut bytes);
            std::io::Write::write_all(&mut file, &bytes)?;
        }
        let manifest = Manifest {
            app: "acme",
            version: "1.0.0".to_owned(),
            build: "1".to_owned(),
            channel: "beta",
            artifacts: vec![Entry::opaque("app.bin")],
        };
        let manifest = manifest.write(&self.folder)?;
        let size = size_mib * 1024 * 1024;
        let mut first = self.client.publish_command(&manifest);
        let mut first = first.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        let begun = Instant::now();
        while self.arrived() < size / 4 {
            ensure!(begun.elapsed() < PATIENCE, "the upload does not arrive");
            ensure!(first.try_wait()?.is_none(), "the upload ended before it was killed");
            thread::sleep(Duration::from_millis(1));
        }
        first.kill()?;
        first.wait()?;
        let publication = self.client.publish(&manifest)?;
        let sent = publication.transfer.uploaded_bytes;
        ensure!(sent < size, "{sent} bytes were sent after the kill, of {size}: the upload did not go on");
        let sha256 = digest::of_file(&artifact)?;
        ensure!(publication.artifacts.iter().any(|it| it.sha256 == sha256), "the release has other bytes");
        Ok(sent)
    }

    fn artifact(&self) -> PathBuf {
        self.folder.join("app.bin")
    }

    fn arrived(&self) -> u64 {
        let files = WalkDir::new(self.folder.join("data/uploads")).into_iter().flatten();
        files.filter_map(|file| file.metadata().ok()).filter(fs::Metadata::is_file).map(|it| it.len()).sum()
    }

    fn curl(&self, authority: &Path) -> Command {
        let mut command = Command::new("curl");
        command.args(["--silent", "--show-error", "--fail", "--ipv4", "--cacert"]).arg(authority);
        command.args(["--header", &format!("Authorization: Bearer {}", self.client.token())]);
        command
    }

    /// One range, several, and the whole.
    fn check_parts(&self, authority: &Path) -> Result<()> {
        let artifact = self.artifact();
        let address = format!("{}/api/v1/apps/acme/objects/{}", self.proxy.url(), digest::of_file(&artifact)?);
        let get = |range: &str| -> Result<Vec<u8>> {
            let mut command = self.curl(authority);
            let output = process::capture(command.args(["--include", "--http1.1", "--range", range, &address]))?;
            ensure!(output.status.success(), "{range}: {}", String::from_utf8_lossy(&output.stderr));
            ensure!(output.stdout.starts_with(b"HTTP/1.1 206 "), "{range} was not answered with a part");
            Ok(output.stdout)
        };
        ensure!(get("1000000-1000999")?.ends_with(&slice(&artifact, 1_000_000)?), "a range has other bytes");
        let parts = get("10-1009,2000000-2000999")?;
        for at in [10, 2_000_000] {
            let part = slice(&artifact, at)?;
            ensure!(parts.windows(part.len()).any(|window| window == part), "a range of several has other bytes");
        }
        let whole = self.folder.join("whole");
        process::read(self.curl(authority).arg("--output").arg(&whole).arg(&address))?;
        ensure!(digest::of_file(&whole)? == digest::of_file(&artifact)?, "the download has other bytes");
        Ok(())
    }

    /// A link is an address that works from outside, and its page names it and no other.
    fn check_addresses(&self, authority: &Path) -> Result<()> {
        let made: Value = serde_json::from_str(&self.client.run(["link", "create", "acme@beta", "--json"])?)?;
        let path = made["path"].as_str().with_context(|| format!("a link without a path: {made}"))?;
        let address = format!("{}{path}", self.proxy.url());
        let page = process::read(self.curl(authority).arg(&address))?;
        let inside = self.server.url().trim_start_matches("http://");
        ensure!(page.contains(&address), "the page of {address} does not name it");
        ensure!(!page.contains(inside), "the page of {address} names {inside}");
        Ok(())
    }

    /// A change from another address has that in the audit log.
    fn check_audit(&self, authority: &Path) -> Result<()> {
        let address = |path: &str| format!("{}{path}", self.proxy.url());
        let mut create = self.curl(authority);
        create.args([
            "--interface",
            ELSEWHERE,
            "--header",
            "X-Forwarded-For: 192.0.2.7",
            "--json",
            r#"{"slug":"elsewhere"}"#,
        ]);
        process::read(create.arg(address("/api/v1/apps")))?;
        let log = process::read(self.curl(authority).arg(address("/api/v1/audit?action=app.create")))?;
        let log: Value = serde_json::from_str(&log)?;
        let newest = &log["events"][0];
        ensure!(newest["subject"] == "elsewhere" && newest["address"] == ELSEWHERE, "the audit log has {newest}");
        Ok(())
    }
}

/// A thousand bytes of a file.
fn slice(file: &Path, at: u64) -> Result<Vec<u8>> {
    let mut bytes = vec![0; 1000];
    let mut file = File::open(file)?;
    file.seek(SeekFrom::Start(at))?;
    file.read_exact(&mut bytes)?;
    Ok(bytes)
}
