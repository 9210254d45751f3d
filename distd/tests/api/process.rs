//! The real program, in a process of its own.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use protocol::api::CreatedToken;

/// A server whose log goes to a file.
pub(crate) struct Program {
    child: Child,
    log: PathBuf,
    pub(crate) url: String,
}

impl Program {
    pub(crate) fn start(data: &Path, log: &Path, flags: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_distd"))
            .args(["serve", "--listen", "127.0.0.1:0", "--reserve-mib", "0", "--data"])
            .arg(data)
            .args(flags)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(log).unwrap())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let url = line.trim().strip_prefix("listening on ").unwrap().to_owned();
        Self { child, log: log.to_owned(), url }
    }

    /// Sends a signal, such as `HUP`.
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
    }

    /// Waits until the log says this, and fails where the program ends without.
    pub(crate) fn wait_for(&mut self, text: &str) {
        loop {
            let has_ended = self.child.try_wait().unwrap().is_some();
            let said = fs::read_to_string(&self.log).unwrap();
            if said.contains(text) {
                return;
            }
            assert!(!has_ended, "it ended without {text:?}: {said}");
            std::thread::yield_now();
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs a command of the program to its end.
pub(crate) fn run(words: &[&str], data: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_distd")).args(words).arg("--data").arg(data).output().unwrap()
}

/// The token that `distd token create` makes.
pub(crate) fn make_token(data: &Path) -> String {
    let words = ["token", "create", "--name", "admin", "--scope", "admin", "--json"];
    let made: CreatedToken = serde_json::from_slice(&run(&words, data).stdout).unwrap();
    made.token
}
