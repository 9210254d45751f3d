//! What the image holds, laid out under `target/image/root`.

use std::{
    fs::{self, Permissions},
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

use crate::workspace;

/// Where Debian keeps the roots of trust.
const CA_ROOTS: &str = "etc/ssl/certs/ca-certificates.crt";

/// The folder, which `Dockerfile` names too.
pub(super) fn folder() -> PathBuf {
    workspace::root().join("target/image/root")
}

/// The program under both names, the roots of trust, and the data directory: what the stage `source` of `Dockerfile` lays out, too.
pub(super) fn lay_out(program: &Path) -> Result<()> {
    let root = folder();
    if root.exists() {
        fs::remove_dir_all(&root).with_context(|| format!("cannot clear {}", root.display()))?;
    }
    put(program, &root.join("usr/bin/distd"), 0o755)?;
    symlink("distd", root.join("usr/bin/dist")).context("cannot give distd its other name")?;
    put(&Path::new("/").join(CA_ROOTS), &root.join(CA_ROOTS), 0o644)?;
    let data = root.join("data");
    fs::create_dir(&data).with_context(|| format!("cannot make {}", data.display()))?;
    set_mode(&data, 0o750)
}

fn put(from: &Path, to: &Path, mode: u32) -> Result<()> {
    let folder = to.parent().context("a file without a folder")?;
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    fs::copy(from, to).with_context(|| format!("cannot copy {}", from.display()))?;
    set_mode(to, mode)
}

fn set_mode(path: &Path, mode: u32) -> Result<()> {
    fs::set_permissions(path, Permissions::from_mode(mode)).with_context(|| format!("cannot chmod {}", path.display()))
}
