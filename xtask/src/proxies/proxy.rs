//! nginx and Caddy: started with the documented files, in a folder and on a port of their own.

use std::{
    fs,
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};

use crate::{process, workspace};

/// How long a proxy may take until it listens.
const PATIENCE: Duration = Duration::from_secs(30);

/// Which proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// nginx.
    Nginx,
    /// Caddy.
    Caddy,
}

impl Kind {
    /// Its name, for people.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Nginx => "nginx",
            Self::Caddy => "Caddy",
        }
    }

    /// What is documented for it.
    pub(super) fn documented(self) -> Result<String> {
        let file = match self {
            Self::Nginx => "nginx.conf",
            Self::Caddy => "Caddyfile",
        };
        let path = workspace::root().join("docs/deploy").join(file);
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
    }
}

/// An authority of our own and a certificate for `localhost`, PEM.
pub(super) struct Certificates {
    pub(super) authority: PathBuf,
    chain: PathBuf,
    key: PathBuf,
}

impl Certificates {
    /// Makes them in a folder.
    pub(super) fn make(folder: &Path) -> Result<Self> {
        let [authority, authority_key, chain, key] =
            ["authority.pem", "authority.key", "chain.pem", "own.key"].map(|name| folder.join(name));
        // What the system's own configuration would add is not known.
        let plain = folder.join("openssl.conf");
        fs::write(&plain, "[req]\ndistinguished_name = name\n[name]\n")?;
        let curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30"];
        let request = || {
            let mut command = Command::new("openssl");
            command.args(["req", "-x509"]).args(curve).arg("-config").arg(&plain);
            command
        };
        let constraints = ["-addext", "basicConstraints=critical,CA:TRUE", "-subj", "/CN=dist test authority"];
        process::read(request().args(constraints).arg("-keyout").arg(&authority_key).arg("-out").arg(&authority))?;
        let names = ["-addext", "subjectAltName=DNS:localhost", "-addext", "basicConstraints=CA:FALSE"];
        let mut own = request();
        own.args(names).args(["-subj", "/CN=localhost", "-CA"]).arg(&authority).arg("-CAkey").arg(&authority_key);
        process::read(own.arg("-keyout").arg(&key).arg("-out").arg(&chain))?;
        Ok(Self { authority, chain, key })
    }
}

/// A running proxy. It is killed when this is dropped.
pub(super) struct Proxy {
    child: Child,
    url: String,
}

impl Proxy {
    /// Starts one with this configuration, which is the documented one or a broken form of it, before the server at `server`.
    pub(super) fn start(
        kind: Kind,
        configuration: &str,
        folder: &Path,
        server: &str,
        port: u16,
        certificates: &Certificates,
    ) -> Result<Self> {
        let log = fs::File::create(folder.join("proxy.log"))?;
        let mut command = match kind {
            Kind::Nginx => nginx(configuration, folder, server, port, certificates)?,
            Kind::Caddy => caddy(configuration, folder, server, port, certificates)?,
        };
        command.env("HOME", folder).env("XDG_DATA_HOME", folder).env("XDG_CONFIG_HOME", folder);
        let child = command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).spawn();
        let child = child.with_context(|| format!("cannot start {}", kind.name()))?;
        let mut proxy = Self { child, url: format!("https://localhost:{port}") };
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            let has_ended = proxy.child.try_wait()?.is_some();
            if has_ended || begun.elapsed() > PATIENCE {
                let said = fs::read(folder.join("proxy.log"))?;
                bail!("{} does not listen{}", kind.name(), process::quote_tail(&said));
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(proxy)
    }

    /// Where clients reach it.
    pub(super) fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // nginx takes its workers with it only when it is asked to end.
        if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw) {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        let _ = self.child.wait();
    }
}

/// A port that nobody listens on.
pub(super) fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// What is documented, with what is another here: each must be there.
fn adapt(documented: &str, changes: &[(&str, String)]) -> Result<String> {
    changes.iter().try_fold(documented.to_owned(), |text, (from, to)| {
        ensure!(text.contains(from), "{from} is not in the documented configuration");
        Ok(text.replace(from, to))
    })
}

fn nginx(text: &str, folder: &Path, server: &str, port: u16, certificates: &Certificates) -> Result<Command> {
    let changes = [
        ("listen 443 ", format!("listen 127.0.0.1:{port} ")),
        ("dist.example.com", "localhost".to_owned()),
        ("/etc/ssl/dist/fullchain.pem", certificates.chain.display().to_string()),
        ("/etc/ssl/dist/privkey.pem", certificates.key.display().to_string()),
        ("127.0.0.1:8080", server.to_owned()),
    ];
    let place = folder.display();
    let temporary: Vec<String> = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .iter()
        .map(|name| format!("{name}_temp_path {place}/{name};"))
        .collect();
    // Without it, workers of a root's nginx could not reach this folder; for others it means nothing.
    let user = if rustix::process::geteuid().is_root() { "user root root;" } else { "" };
    let main = format!(
        "{user} daemon off; pid {place}/pid; error_log stderr;\nevents {{ worker_connections 64; }}\n\
         http {{ access_log off; {}\n{}\n}}\n",
        temporary.join(" "),
        adapt(text, &changes)?
    );
    let file = folder.join("nginx.conf");
    fs::write(&file, main)?;
    let mut command = Command::new("nginx");
    command.arg("-e").arg("stderr").arg("-p").arg(folder).arg("-c").arg(file);
    Ok(command)
}

fn caddy(text: &str, folder: &Path, server: &str, port: u16, certificates: &Certificates) -> Result<Command> {
    let (chain, key) = (certificates.chain.display(), certificates.key.display());
    let site = format!("https://localhost:{port} {{\n\tbind 127.0.0.1\n\ttls {chain} {key}");
    let changes = [("dist.example.com {", site), ("127.0.0.1:8080", server.to_owned())];
    let options = "{\n\tadmin off\n\tauto_https disable_redirects\n\tskip_install_trust\n}\n";
    let file = folder.join("Caddyfile");
    fs::write(&file, options.to_owned() + &adapt(text, &changes)?)?;
    let mut command = Command::new("caddy");
    command.args(["run", "--adapter", "caddyfile", "--config"]).arg(file);
    Ok(command)
}
