//! Reports on every pinned artifact, kept as snapshots, and what the formats' own tools say of the same bytes.
//!
//! What no package holds is made here by those tools. `cargo xtask test` installs them and fetches the artifacts.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod android;
mod apple;
mod archives;
mod bundle;
mod linux;
mod pins;
mod resigned;
mod snapshots;
mod tools;
mod windows;

use std::io::Cursor;
use std::path::Path;

use inspect::{Limits, Report, inspect};

fn report(bytes: &[u8]) -> Report {
    inspect(Cursor::new(bytes), bytes.len() as u64, &Limits::default()).unwrap()
}

fn report_of(file: &Path) -> Report {
    report(&std::fs::read(file).unwrap_or_else(|error| panic!("{}: {error}", file.display())))
}

/// The details of a report, which has to be of this format.
macro_rules! details {
    ($report:expr, $variant:ident) => {
        match &$report.details {
            Some(inspect::Details::$variant(details)) => details,
            other => panic!("{other:?} {:?}", $report.findings),
        }
    };
}
use details;

fn has_finding(report: &Report, code: &str) -> bool {
    report.findings.iter().any(|finding| finding.code == code)
}
