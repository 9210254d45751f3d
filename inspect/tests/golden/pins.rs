//! The pinned artifacts, as `cargo xtask fixtures` left them.

use std::path::{Path, PathBuf};

use serde_json::Value;

/// A pinned file that was fetched.
pub(crate) struct Pinned {
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) file: PathBuf,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Where the pinned file with this name is.
pub(crate) fn fetched(name: &str) -> PathBuf {
    let file = folder().join("target/fixtures").join(name);
    assert!(file.is_file(), "{} is not there: run cargo xtask fixtures", file.display());
    file
}

/// All artifacts of the table, without the tools.
pub(crate) fn artifacts() -> Vec<Pinned> {
    let table = std::fs::read(folder().join("fixtures/pins.json")).unwrap();
    let table: Value = serde_json::from_slice(&table).unwrap();
    let text = |pin: &Value, key: &str| pin[key].as_str().unwrap().to_owned();
    let pins = table["fixtures"].as_array().unwrap().iter();
    pins.filter(|pin| pin["kind"] != "tool")
        .map(|pin| {
            let name = text(pin, "name");
            Pinned { kind: text(pin, "kind"), file: fetched(&name), name }
        })
        .collect()
}

/// The artifacts of one of these kinds.
pub(crate) fn of_kinds(kinds: &[&str]) -> Vec<Pinned> {
    let found: Vec<Pinned> = artifacts().into_iter().filter(|pin| kinds.contains(&pin.kind.as_str())).collect();
    assert!(!found.is_empty(), "{kinds:?}");
    found
}
