//! The archive: both programs, manual pages, completions and the unit, for systems without Debian's packages.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use super::processor;
use crate::{process, workspace};

/// What is in the archive's one folder, and where that lies below the package's root.
const PARTS: &[(&str, &str)] = &[
    ("bin", "usr/bin"),
    ("man/man1", "usr/share/man/man1"),
    ("man/man8", "usr/share/man/man8"),
    ("completions/bash", "usr/share/bash-completion/completions"),
    ("completions/zsh", "usr/share/zsh/vendor-completions"),
    ("completions/fish", "usr/share/fish/vendor_completions.d"),
];

/// Writes `dist-VERSION-PROCESSOR-linux.tar.gz`. The same input makes the same bytes.
pub(super) fn make(root: &Path, folder: &Path, version: &str) -> Result<PathBuf> {
    let name = format!("dist-{version}-{}-linux", processor());
    let inside = folder.join(&name);
    for (to, from) in PARTS {
        copy_folder(&root.join(from), &inside.join(to))?;
    }
    let unit = workspace::root().join("docs/deploy/distd.service");
    fs::create_dir_all(inside.join("systemd")).context("cannot make a folder")?;
    fs::copy(&unit, inside.join("systemd/distd.service")).with_context(|| format!("cannot copy {}", unit.display()))?;
    let archive = folder.join(format!("{name}.tar.gz"));
    let mut command = Command::new("tar");
    command.args(["--create", "--sort=name", "--owner=0", "--group=0", "--numeric-owner", "--mode=u=rwX,go=rX"]);
    command.args(["--mtime=@0", "--use-compress-program=gzip -9n", "--file"]).arg(&archive);
    process::run(command.arg("--directory").arg(folder).arg(&name))?;
    fs::remove_dir_all(&inside).with_context(|| format!("cannot remove {}", inside.display()))?;
    Ok(archive)
}

fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).with_context(|| format!("cannot make {}", to.display()))?;
    for entry in fs::read_dir(from).with_context(|| format!("cannot list {}", from.display()))? {
        let entry = entry?;
        fs::copy(entry.path(), to.join(entry.file_name()))
            .with_context(|| format!("cannot copy {}", entry.path().display()))?;
    }
    Ok(())
}
