//! Running the formats' own tools, and the keys that they sign with.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn output(folder: &Path, program: &str, arguments: &[&OsStr]) -> Output {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(folder).env("LC_ALL", "C.UTF-8").env("TZ", "UTC");
    command.output().unwrap_or_else(|error| panic!("{program}: {error}: cargo xtask test says what to install"))
}

/// Runs a program in a folder, which has to succeed, and returns its standard output.
pub(crate) fn run<S: AsRef<OsStr>>(folder: &Path, program: &str, arguments: &[S]) -> String {
    let arguments: Vec<&OsStr> = arguments.iter().map(AsRef::as_ref).collect();
    let output = output(folder, program, &arguments);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?}: {}\n{said}", String::from_utf8_lossy(&output.stdout));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Runs a program with arguments that have no spaces.
pub(crate) fn run_line(folder: &Path, program: &str, arguments: &str) -> String {
    run(folder, program, &arguments.split_whitespace().collect::<Vec<_>>())
}

/// Runs a program that says by its exit code whether something holds; with all that it printed.
pub(crate) fn ask(folder: &Path, program: &str, arguments: &str) -> (bool, String) {
    let arguments: Vec<&OsStr> = arguments.split_whitespace().map(OsStr::new).collect();
    let output = output(folder, program, &arguments);
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

/// What follows `start` on the first line that begins with it, spaces aside.
pub(crate) fn after<'a>(text: &'a str, start: &str) -> Option<&'a str> {
    text.lines().find_map(|line| line.trim_start().strip_prefix(start)).map(str::trim)
}

/// Kinds of keys that artifacts are signed with.
pub(crate) const RSA_2048: &str = "rsa:2048";
pub(crate) const RSA_4096: &str = "rsa:4096";
pub(crate) const P256: &str = "ec -pkeyopt ec_paramgen_curve:P-256";
pub(crate) const P384: &str = "ec -pkeyopt ec_paramgen_curve:P-384";

/// A folder with keys and what is made with them.
pub(crate) struct Workshop {
    folder: tempfile::TempDir,
}

impl Workshop {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let file = self.file(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, bytes).unwrap();
        file
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.file(name)).unwrap()
    }

    /// Runs a program in the folder.
    pub(crate) fn run(&self, program: &str, arguments: &str) -> String {
        run_line(self.folder(), program, arguments)
    }

    /// Makes `NAME.pem`, `NAME.pk8` and the certificate `NAME.crt` of `CN=NAME`.
    pub(crate) fn make_key(&self, name: &str, kind: &str) {
        self.run(
            "openssl",
            &format!("req -x509 -newkey {kind} -nodes -keyout {name}.pem -out {name}.crt -days 3650 -subj /CN={name}"),
        );
        self.run("openssl", &format!("pkcs8 -topk8 -nocrypt -in {name}.pem -outform DER -out {name}.pk8"));
    }
}
