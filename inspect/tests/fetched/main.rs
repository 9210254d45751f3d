//! Reports on real artifacts that are too large, or not free enough, to be committed.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod android;
mod apple;
mod packages;

use std::io::Cursor;
use std::path::Path;

use inspect::{Limits, Report, inspect};

/// The bytes of a fetched fixture.
fn fetched(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/fixtures").join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}: run cargo xtask fixtures", path.display()))
}

fn report(bytes: &[u8]) -> Report {
    inspect(Cursor::new(bytes), bytes.len() as u64, &Limits::default()).unwrap()
}
