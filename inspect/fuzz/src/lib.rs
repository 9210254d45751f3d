//! The body of all fuzz targets: what must be so of every report is said once, beside the tests that hold kept findings
//! to it.

use inspect::Format;
use libfuzzer_sys::Corpus;

#[path = "../../tests/hostile/invariants.rs"]
mod invariants;
#[path = "../../tests/hostile/repair.rs"]
mod repair;

/// Inspects `bytes`, their checksums repaired. The corpus of a target keeps what is of its format.
pub fn inspect(bytes: &[u8], format: Format) -> Corpus {
    let mut bytes = bytes.to_vec();
    repair::repair(&mut bytes);
    let report = invariants::inspect(&bytes);
    if report.format == format { Corpus::Keep } else { Corpus::Reject }
}

/// Detects the format of `bytes`.
pub fn detect(bytes: &[u8]) {
    invariants::detect(bytes);
}
