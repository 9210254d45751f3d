//! `cargo xtask dist`: what is handed to people: an archive with both programs, and a Debian package with a hardened unit.

mod archive;
mod debian;
pub mod unit;

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};
use clap::Args;

use crate::{
    digest, process,
    tools::{self, Tool},
    workspace::{self, Binaries, Profile},
};

/// Programs that Debian has to provide.
const TOOLS: &[Tool] = &[
    Tool { program: "tar", package: "tar" },
    Tool { program: "gzip", package: "gzip" },
    Tool { program: "strip", package: "binutils" },
    Tool { program: "dpkg-deb", package: "dpkg" },
    Tool { program: "dpkg-shlibdeps", package: "dpkg-dev" },
    unit::SYSTEMD_ANALYZE,
];

/// Where completions go, by shell: the folder and the file's name.
const COMPLETIONS: [(&str, &str, &str); 3] = [
    ("bash", "usr/share/bash-completion/completions", "dist"),
    ("zsh", "usr/share/zsh/vendor-completions", "_dist"),
    ("fish", "usr/share/fish/vendor_completions.d", "dist.fish"),
];

/// What `cargo xtask dist` is told.
#[derive(Args, Debug)]
pub struct Options {
    /// Package the quick build instead of the static one, to look at the packages themselves
    #[arg(long)]
    dev: bool,
}

/// How hard the Debian package is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// In seconds, for a look.
    Quick,
    /// As it is handed out.
    Small,
}

/// Builds the programs, and writes archive, package and `SHA256SUMS` into `target/package`.
///
/// # Errors
/// When something is missing, does not build, or is not in the packages as it should be.
pub fn run(options: &Options) -> Result<()> {
    tools::ensure(TOOLS)?;
    let binaries = if options.dev { workspace::build(Profile::Dev)? } else { workspace::build_static()? };
    let folder = workspace::root().join("target/package");
    let compression = if options.dev { Compression::Quick } else { Compression::Small };
    for file in make(&binaries, &folder, compression)? {
        println!("{}", file.display());
    }
    Ok(())
}

/// Packages built programs. Gives the files that were written.
///
/// # Errors
/// As [`run`].
pub fn make(binaries: &Binaries, folder: &Path, compression: Compression) -> Result<Vec<PathBuf>> {
    let root = folder.join("root");
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("cannot clear {}", folder.display()))?;
    }
    lay_out(binaries, &root)?;
    unit::check()?;
    let archive = archive::make(&root, folder, &version_of(&binaries.distd)?)?;
    let package = debian::make(folder, compression)?;
    let files: Vec<PathBuf> = std::iter::once(archive).chain(package).collect();
    let sums = folder.join("SHA256SUMS");
    fs::write(&sums, sums_of(&files)?).with_context(|| format!("cannot write {}", sums.display()))?;
    Ok(files.into_iter().chain([sums]).collect())
}

/// Programs, manual pages and completions as they lie in a system.
fn lay_out(binaries: &Binaries, root: &Path) -> Result<()> {
    let make = |path: &str| {
        let folder = root.join(path);
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display())).map(|()| folder)
    };
    let programs = make("usr/bin")?;
    for program in [&binaries.dist, &binaries.distd] {
        let name = program.file_name().context("a program without a name")?;
        let copy = programs.join(name);
        fs::copy(program, &copy).with_context(|| format!("cannot copy {}", program.display()))?;
        process::run(Command::new("strip").arg("--strip-unneeded").arg(&copy))?;
    }
    let (man_1, man_8) = (make("usr/share/man/man1")?, make("usr/share/man/man8")?);
    process::run(Command::new(&binaries.dist).args(["man", "--quiet"]).arg(&man_1))?;
    process::run(Command::new(&binaries.distd).arg("man").arg(&man_8))?;
    for (shell, path, name) in COMPLETIONS {
        let script = process::read(Command::new(&binaries.dist).args(["completions", shell]))?;
        ensure!(!script.is_empty(), "there are no completions for {shell}");
        let file = make(path)?.join(name);
        fs::write(&file, script).with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(())
}

/// `distd 0.1.0` is version 0.1.0.
fn version_of(distd: &Path) -> Result<String> {
    let said = process::read(Command::new(distd).arg("--version"))?;
    said.trim().strip_prefix("distd ").map(str::to_owned).with_context(|| format!("{said:?} is no version"))
}

/// The processor that the programs are for.
fn processor() -> &'static str {
    env::consts::ARCH
}

/// As `sha256sum -c` reads it.
fn sums_of(files: &[PathBuf]) -> Result<String> {
    let line = |file: &PathBuf| {
        let name = file.file_name().and_then(|name| name.to_str()).context("a file without a name")?;
        Ok(format!("{}  {name}\n", digest::of_file(file)?))
    };
    files.iter().map(line).collect()
}
