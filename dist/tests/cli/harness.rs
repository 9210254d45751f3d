//! A server and a project of our own, and the `dist` under test.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// The `distd` that was built beside the `dist` under test. Built now where only `dist` was.
fn distd() -> PathBuf {
    let dist = Path::new(env!("CARGO_BIN_EXE_dist"));
    let distd = dist.with_file_name(format!("distd{}", std::env::consts::EXE_SUFFIX));
    if !distd.exists() {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let built = Command::new(cargo).args(["build", "--quiet", "--package", "distd"]).status().unwrap();
        assert!(built.success() && distd.exists(), "there is no {}", distd.display());
    }
    distd
}

/// A running server with a data directory of its own. Killed when dropped.
pub(crate) struct Server {
    child: Child,
    data: TempDir,
    pub(crate) url: String,
    pub(crate) token: String,
}

impl Server {
    pub(crate) fn start() -> Self {
        let data = tempfile::tempdir().unwrap();
        let (child, url) = serve(data.path(), "127.0.0.1:0");
        let token = make_token(data.path(), "admin");
        Self { child, data, url, token }
    }

    /// The same data at the same address, after a kill.
    pub(crate) fn start_again(&mut self) {
        let (child, _) = serve(self.data.path(), self.address());
        self.child = child;
    }

    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub(crate) fn address(&self) -> &str {
        self.url.strip_prefix("http://").unwrap()
    }

    pub(crate) fn data(&self) -> &Path {
        self.data.path()
    }

    /// Waits until so many bytes of uploads are on its disk.
    pub(crate) fn wait_for_upload(&self, size_bytes: u64) {
        let started = Instant::now();
        while folder_size(&self.data().join("uploads")) < size_bytes {
            assert!(started.elapsed() < Duration::from_secs(30), "the upload does not arrive");
            std::thread::yield_now();
        }
    }

    /// The text of a new token that may do so much.
    pub(crate) fn token(&self, scope: &str) -> String {
        make_token(self.data.path(), scope)
    }

    /// Runs `dist` in a project, as admin.
    pub(crate) fn dist(&self, project: &Project, arguments: &[&str]) -> Run {
        Run::of(self.command(project, arguments))
    }

    pub(crate) fn command(&self, project: &Project, arguments: &[&str]) -> Command {
        let mut command = project.command(arguments);
        command.env("DIST_SERVER", &self.url).env("DIST_TOKEN", &self.token);
        command
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have been killed by the test.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn serve(data: &Path, address: &str) -> (Child, String) {
    let mut child = Command::new(distd())
        .args(["serve", "--listen", address, "--data"])
        .arg(data)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let url = line.trim().strip_prefix("listening on ").expect("the server says where it listens").to_owned();
    (child, url)
}

fn folder_size(folder: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    let size =
        |path: PathBuf| if path.is_dir() { folder_size(&path) } else { path.metadata().map_or(0, |file| file.len()) };
    entries.flatten().map(|entry| size(entry.path())).sum()
}

fn make_token(data: &Path, scope: &str) -> String {
    let mut command = Command::new(distd());
    command.args(["token", "create", "--name", "test", "--scope", scope, "--json", "--data"]).arg(data);
    let output = command.output().unwrap();
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    document["token"].as_str().unwrap().to_owned()
}

/// A folder with artifacts and a `dist.json`.
pub(crate) struct Project(TempDir);

impl Project {
    /// A project of `acme` whose one artifact is `app.bin`.
    pub(crate) fn acme(content: &[u8]) -> Self {
        let project = Self(tempfile::tempdir().unwrap());
        project.write("app.bin", content);
        project.manifest(
            r#"{"app":"acme","version":"1.0.0","channel":"beta","artifacts":[{"path":"app.bin","platform":"linux"}]}"#,
        );
        project
    }

    pub(crate) fn manifest(&self, text: &str) {
        self.write("dist.json", text.as_bytes());
    }

    pub(crate) fn write(&self, name: &str, content: &[u8]) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// `dist` with nothing in its environment that could reach it from outside.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dist"));
        let path = std::env::var_os("PATH").unwrap_or_default();
        command.args(arguments).env_clear().env("PATH", path).env("HOME", self.0.path());
        command.current_dir(self.0.path()).stdin(Stdio::null());
        command
    }
}

/// What became of a command.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Run {
    pub(crate) fn of(mut command: Command) -> Self {
        command.output().unwrap().into()
    }

    /// Expects success.
    pub(crate) fn ok(self) -> Self {
        assert_eq!(self.code, Some(0), "{self:?}");
        self
    }

    /// The one document on stdout of a command that went well.
    pub(crate) fn json(self) -> Value {
        self.ok().document()
    }

    /// Expects a failure with this exit code and this `code`; gives the document.
    pub(crate) fn fails(self, exit_code: i32, code: &str) -> Value {
        assert_eq!(self.code, Some(exit_code), "{self:?}");
        let document = self.document();
        assert_eq!((document["schema"].as_str(), document["code"].as_str()), (Some("dist.error/1"), Some(code)));
        assert!(document["details"].is_object() && document["message"].is_string(), "{document}");
        document
    }

    fn document(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

/// Bytes that do not compress and are the same every time.
pub(crate) fn noise(len: usize) -> Vec<u8> {
    // SplitMix64: fast also in a build for tests.
    let mut bytes = Vec::with_capacity(len + 8);
    let mut state = 0_u64;
    while bytes.len() < len {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bytes.extend_from_slice(&(mixed ^ (mixed >> 27)).to_le_bytes());
    }
    bytes.truncate(len);
    bytes
}
