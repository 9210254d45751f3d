//! `cargo xtask browser`: installs what the tests drive a real browser with, into `target/browser`.

use std::{fs, process::Command};

use anyhow::Result;

use crate::{
    process,
    tools::{self, CHROMIUM, CURL, NODE, NPM},
    workspace,
};

/// The last line of versions that runs on Debian's Node, and what finds faults of accessibility.
const PACKAGES: [&str; 2] = ["puppeteer-core@24.43.1", "axe-core@4.14.1"];

/// Installs what is missing: Chromium and Node from Debian, the packages from the npm registry.
///
/// # Errors
/// When something can be neither found nor installed.
pub fn run() -> Result<()> {
    tools::ensure(&[CHROMIUM, CURL, NODE, NPM])?;
    let folder = workspace::root().join("target/browser");
    let marker = folder.join(PACKAGES.join("+").replace('/', "-"));
    if !marker.exists() {
        println!("installing {}", PACKAGES.join(" and "));
        fs::create_dir_all(&folder)?;
        let arguments = ["install", "--no-audit", "--no-fund", "--silent", "--prefix"];
        process::read(Command::new("npm").args(arguments).arg(&folder).args(PACKAGES))?;
        fs::write(marker, "")?;
    }
    Ok(())
}
