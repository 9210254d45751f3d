//! Where the workspace and its build products are, and building the two programs.

use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

use crate::process;

/// The folder that holds the workspace's `Cargo.toml`.
///
/// # Panics
/// Never: this crate is a folder of the workspace.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask is a folder of the workspace")
}

/// The cargo that runs this task, started in the workspace's root. Without what cargo has told this task of its own package:
/// build scripts that look at it, such as ring's, would build again what is built.
pub fn cargo() -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    let of_package = |name: &str| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
    for (name, _) in env::vars_os().filter(|(name, _)| name.to_str().is_some_and(of_package)) {
        command.env_remove(name);
    }
    command
}

/// What `cargo metadata --no-deps` says of the workspace.
#[derive(Debug, Deserialize)]
pub struct Metadata {
    /// The workspace's members.
    pub packages: Vec<Package>,
    /// Where cargo builds.
    pub target_directory: PathBuf,
}

/// One member of the workspace.
#[derive(Debug, Deserialize)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// Its `Cargo.toml`, absolute.
    pub manifest_path: PathBuf,
    /// What it declares to need, of all kinds and for all targets.
    pub dependencies: Vec<Dependency>,
}

/// One declared dependency.
#[derive(Debug, Deserialize)]
pub struct Dependency {
    /// The package's own name, also where the manifest renames it.
    pub name: String,
    /// `None` for a normal dependency, else `dev` or `build`.
    pub kind: Option<String>,
}

/// Reads the workspace's metadata.
///
/// # Errors
/// When cargo fails, for example on a broken manifest.
pub fn read_metadata() -> Result<Metadata> {
    let text = process::read(cargo().args(["metadata", "--no-deps", "--format-version", "1"]))?;
    serde_json::from_str(&text).context("cannot understand what `cargo metadata` printed")
}

/// How the programs are built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// Quick to build; what touches every byte is optimised all the same.
    Dev,
    /// The same among everything that the tests need, whose dependencies have other features: after `cargo xtask test` has
    /// built it, nothing is built again.
    Test,
    /// What is shipped, and what is measured.
    Release,
}

/// The built programs.
#[derive(Clone, Debug)]
pub struct Binaries {
    /// The command line.
    pub dist: PathBuf,
    /// The server.
    pub distd: PathBuf,
}

impl Binaries {
    /// The programs that were built together with the running test.
    ///
    /// # Errors
    /// When they are not there.
    pub fn of_this_build() -> Result<Self> {
        let test = env::current_exe().context("cannot tell where this test is")?;
        let folder = test.ancestors().nth(2).context("the test is not in a build folder")?;
        let [dist, distd] = ["dist", "distd"].map(|name| folder.join(name));
        for program in [&dist, &distd] {
            ensure!(program.exists(), "{} is not there: run `cargo build --workspace` first", program.display());
        }
        Ok(Self { dist, distd })
    }
}

/// Builds `dist` and `distd`, cargo's progress visible on standard error.
///
/// # Errors
/// When the build fails.
pub fn build(profile: Profile) -> Result<Binaries> {
    const PROGRAMS: &[&str] = &["--package", "dist", "--package", "distd", "--bins"];
    let mut command = cargo();
    command.arg("build");
    match profile {
        Profile::Dev => command.args(PROGRAMS),
        Profile::Test => command.args(["--workspace", "--all-targets"]),
        Profile::Release => command.args(PROGRAMS).arg("--release"),
    };
    run_build(&mut command)
}

/// Builds `dist` alone, optimised, for what needs no server.
///
/// # Errors
/// When the build fails.
pub fn build_client() -> Result<PathBuf> {
    let messages = read_build(cargo().args(["build", "--package", "dist", "--bins", "--release"]))?;
    find_executable(&messages, "dist")
}

/// Builds `dist` and `distd`, optimised and linked statically, for this machine's processor.
///
/// # Errors
/// When the build fails.
pub fn build_static() -> Result<Binaries> {
    run_build(static_build()?.args(["--package", "dist", "--package", "distd", "--bins"]))
}

/// Builds one program that is `distd`, and `dist` where it is started under that name; otherwise as [`build_static`].
///
/// # Errors
/// When the build fails.
pub fn build_both_in_one() -> Result<PathBuf> {
    let messages = read_build(static_build()?.args(["--package", "distd", "--features", "client", "--bins"]))?;
    find_executable(&messages, "distd")
}

/// CRT and random bytes are what the programs would otherwise take from a system around them.
fn static_build() -> Result<Command> {
    const FLAGS: &str = r#"-C target-feature=+crt-static --cfg getrandom_backend="linux_getrandom""#;
    // Without a target, cargo would use the flags for build scripts and procedural macros, too.
    let target = format!("{}-unknown-linux-gnu", env::consts::ARCH);
    let folder = read_metadata()?.target_directory.join("image");
    let mut command = cargo();
    command.env("RUSTFLAGS", FLAGS).args(["build", "--release", "--target", &target, "--target-dir"]).arg(folder);
    Ok(command)
}

fn run_build(command: &mut Command) -> Result<Binaries> {
    let messages = read_build(command)?;
    Ok(Binaries { dist: find_executable(&messages, "dist")?, distd: find_executable(&messages, "distd")? })
}

fn read_build(command: &mut Command) -> Result<String> {
    let output = command
        .arg("--message-format=json-render-diagnostics")
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("cannot start `{}`", process::describe(command)))?;
    if !output.status.success() {
        bail!("`{}` ended with {}", process::describe(command), output.status);
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// One line of cargo's message format, as far as it names an executable.
#[derive(Deserialize)]
struct Artifact {
    target: Target,
    profile: ArtifactProfile,
    executable: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
}

#[derive(Deserialize)]
struct ArtifactProfile {
    test: bool,
}

/// The program itself, not the program of its unit tests, which has the same name.
fn find_executable(messages: &str, name: &str) -> Result<PathBuf> {
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Artifact>(line).ok())
        .filter(|artifact| artifact.target.name == name && !artifact.profile.test)
        .find_map(|artifact| artifact.executable)
        .with_context(|| format!("cargo built no program named {name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_executable_is_found_among_cargos_messages() {
        let messages = concat!(
            r#"{"reason":"compiler-artifact","target":{"name":"distd"},"profile":{"test":false},"executable":null}"#,
            "\n",
            r#"{"reason":"compiler-artifact","target":{"name":"distd"},"profile":{"test":true},"executable":"/t/distd-1"}"#,
            "\n",
            r#"{"reason":"compiler-artifact","target":{"name":"distd"},"profile":{"test":false},"executable":"/t/distd"}"#,
            "\n",
            r#"{"reason":"build-finished","success":true}"#,
        );
        assert_eq!(find_executable(messages, "distd").unwrap(), Path::new("/t/distd"));
        assert!(find_executable(messages, "dist").is_err());
    }

    #[test]
    fn the_root_holds_the_workspace_manifest() {
        assert!(root().join("Cargo.lock").is_file());
    }
}
