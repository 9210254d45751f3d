//! Programs that Debian provides: is one there, and how does it get there.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Result, bail};

use crate::process;

/// A program and the Debian package that brings it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tool {
    /// The file in a folder of `PATH`.
    pub program: &'static str,
    /// What `apt-get install` calls it.
    pub package: &'static str,
}

/// Traces system calls.
pub const STRACE: Tool = Tool { program: "strace", package: "strace" };
/// Reads the database from outside.
pub const SQLITE3: Tool = Tool { program: "sqlite3", package: "sqlite3" };
/// The integrity check that anyone can run.
pub const SHA256SUM: Tool = Tool { program: "sha256sum", package: "coreutils" };
/// Walks the objects for that check.
pub const FIND: Tool = Tool { program: "find", package: "findutils" };
/// Downloads from the npm registry.
pub const NPM: Tool = Tool { program: "npm", package: "npm" };
/// Runs what drives a browser.
pub const NODE: Tool = Tool { program: "node", package: "nodejs" };
/// The browser that pages are opened in.
pub const CHROMIUM: Tool = Tool { program: "chromium", package: "chromium" };
/// Downloads as scripts do.
pub const CURL: Tool = Tool { program: "curl", package: "curl" };
/// Downloads from the Python package index.
pub const PIP: Tool = Tool { program: "pip3", package: "python3-pip" };
/// Makes profiles and certificates, and the measure for hashing.
pub const OPENSSL: Tool = Tool { program: "openssl", package: "openssl" };

/// A proxy that people put before the server.
pub const NGINX: Tool = Tool { program: "nginx", package: "nginx" };
/// Another one.
pub const CADDY: Tool = Tool { program: "caddy", package: "caddy" };

/// Runs what asks the API.
pub const PYTHON: Tool = Tool { program: "python3", package: "python3" };

/// The formats' own tools, which the golden tests of `inspect` make artifacts with and hold its reports against.
pub const FORMATS: &[Tool] = &[
    OPENSSL,
    Tool { program: "7z", package: "p7zip-full" },
    Tool { program: "aapt2", package: "aapt" },
    Tool { program: "apksigner", package: "apksigner" },
    Tool { program: "bsdtar", package: "libarchive-tools" },
    Tool { program: "dpkg-deb", package: "dpkg" },
    Tool { program: "java", package: "default-jre-headless" },
    Tool { program: "makensis", package: "nsis" },
    Tool { program: "msiinfo", package: "msitools" },
    Tool { program: "osslsigncode", package: "osslsigncode" },
    PYTHON,
    Tool { program: "readelf", package: "binutils" },
    Tool { program: "rpm", package: "rpm" },
    Tool { program: "tar", package: "tar" },
    Tool { program: "unsquashfs", package: "squashfs-tools" },
    Tool { program: "wixl", package: "wixl" },
];

/// Sees to it that every tool is there: what is missing is installed when this runs as root.
///
/// # Errors
/// Without root, an error that names the one command to run; else when the installation fails.
pub fn ensure(tools: &[Tool]) -> Result<()> {
    let mut missing: Vec<&str> =
        tools.iter().filter(|tool| find_program(tool.program).is_none()).map(|tool| tool.package).collect();
    missing.sort_unstable();
    missing.dedup();
    if missing.is_empty() {
        return Ok(());
    }
    if find_program("apt-get").is_none() || !is_root() {
        bail!("needed and not installed: {0}; on Debian, run as root: apt-get install -y {0}", missing.join(" "));
    }
    refresh_package_lists()?;
    println!("installing {}", missing.join(" "));
    process::read(
        Command::new("apt-get")
            .args(["install", "-y", "--no-install-recommends"])
            .args(&missing)
            .env("DEBIAN_FRONTEND", "noninteractive"),
    )?;
    Ok(())
}

/// Runs `apt-get update` when this machine has no package lists yet, as a fresh image has none.
///
/// # Errors
/// When the lists are missing and this does not run as root, or the update fails.
pub fn refresh_package_lists() -> Result<()> {
    if has_package_lists(Path::new("/var/lib/apt/lists")) {
        return Ok(());
    }
    if !is_root() {
        bail!("this machine has no package lists yet; run as root: apt-get update");
    }
    process::read(Command::new("apt-get").arg("update"))?;
    Ok(())
}

/// The first file named `program` in `PATH`.
pub fn find_program(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

fn has_package_lists(folder: &Path) -> bool {
    fs::read_dir(folder)
        .is_ok_and(|entries| entries.flatten().any(|entry| entry.file_name().to_string_lossy().contains("_Packages")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_found_in_path_and_a_made_up_one_is_not() {
        assert!(find_program("sh").is_some());
        assert!(find_program("no-such-program-here").is_none());
    }

    #[test]
    fn lists_count_only_when_they_hold_packages() {
        let folder = tempfile::tempdir().unwrap();
        assert!(!has_package_lists(folder.path()));
        fs::write(folder.path().join("lock"), "").unwrap();
        assert!(!has_package_lists(folder.path()));
        fs::write(folder.path().join("mirror_main_binary-amd64_Packages.lz4"), "").unwrap();
        assert!(has_package_lists(folder.path()));
    }
}
