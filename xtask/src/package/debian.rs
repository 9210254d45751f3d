//! The Debian package, made by cargo-deb from `distd/Cargo.toml` and looked at with Debian's own tools.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};

use super::Compression;
use crate::{process, tools, workspace};

/// What the package must hold, with the mode that `dpkg-deb --contents` shows.
const HOLDS: &[(&str, &str)] = &[
    ("-rwxr-xr-x", "./usr/bin/dist"),
    ("-rwxr-xr-x", "./usr/bin/distd"),
    ("-rw-r--r--", "./usr/lib/systemd/system/distd.service"),
    ("-rw-r--r--", "./usr/lib/sysusers.d/distd.conf"),
    ("-rw-r--r--", "./etc/default/distd"),
    ("-rw-r--r--", "./usr/share/man/man1/dist.1.gz"),
    ("-rw-r--r--", "./usr/share/man/man1/dist-ci-publish.1.gz"),
    ("-rw-r--r--", "./usr/share/man/man8/distd.8.gz"),
    ("-rw-r--r--", "./usr/share/man/man8/distd-serve.8.gz"),
    ("-rw-r--r--", "./usr/share/bash-completion/completions/dist"),
    ("-rw-r--r--", "./usr/share/zsh/vendor-completions/_dist"),
    ("-rw-r--r--", "./usr/share/fish/vendor_completions.d/dist.fish"),
];

/// Makes the package of what is laid out in `folder/root`; `None` where cargo-deb is not installed.
pub(super) fn make(folder: &Path, compression: Compression) -> Result<Option<PathBuf>> {
    if tools::find_program("cargo-deb").is_none() {
        println!("cargo-deb is not installed: there is no Debian package (`cargo install cargo-deb`)");
        return Ok(None);
    }
    let mut command = workspace::cargo();
    command.args(["deb", "--package", "distd", "--no-build", "--no-strip", "--output"]).arg(folder);
    if compression == Compression::Quick {
        command.arg("--fast");
    }
    let said = process::read(&mut command)?;
    let package = PathBuf::from(said.lines().last().context("cargo-deb names no package")?.trim());
    check(&package)?;
    Ok(Some(package))
}

/// Holds a package to what it is to hold.
fn check(package: &Path) -> Result<()> {
    let contents = process::read(Command::new("dpkg-deb").arg("--contents").arg(package))?;
    for (mode, path) in HOLDS {
        let is_roots = |line: &str| line.contains(" 0/0 ") || line.contains(" root/root ");
        let has = |line: &str| line.starts_with(mode) && line.ends_with(&format!(" {path}")) && is_roots(line);
        ensure!(contents.lines().any(has), "{} has no {path} with {mode}:\n{contents}", package.display());
    }
    let read = |parts: &[&str]| process::read(Command::new("dpkg-deb").arg("--info").arg(package).args(parts));
    let (control, postinst) = (read(&[])?, read(&["postinst"])?);
    ensure!(control.contains("Package: distd"), "{} is another package:\n{control}", package.display());
    let makes_user = postinst.lines().any(|line| line.contains("systemd-sysusers") && line.ends_with(" distd.conf"));
    ensure!(makes_user, "{} makes no user dist:\n{postinst}", package.display());
    Ok(())
}
