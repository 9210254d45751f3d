//! What must be so of every report, whatever the bytes. The fuzz targets share this file.

use std::io::Cursor;

use inspect::{Format, Limits, Report, Severity};
use serde_json::Value;

/// Texts of a certificate's name and of findings are put together from several fields.
const FIELDS: usize = 4;
/// More findings than any reader makes of one file.
const FINDINGS: usize = 2_000;

/// Inspects bytes and holds the report to everything that this file says.
#[allow(dead_code, reason = "only the fuzz targets call it")]
pub fn inspect(bytes: &[u8]) -> Report {
    let limits = Limits::default();
    let report = inspect::inspect(Cursor::new(bytes), bytes.len() as u64, &limits).expect("bytes in memory are read");
    check(&report, bytes, &limits);
    report
}

/// Detects under a name of each kind, and as [`inspect`] does.
pub fn detect(bytes: &[u8]) -> Format {
    let detect = |name| {
        let detected = inspect::detect(&mut Cursor::new(bytes), bytes.len() as u64, name);
        detected.expect("bytes in memory are read").format
    };
    for name in ["a-linux-amd64.tar.gz", "Acme_arm64.dmg", "a.exe", "\u{fffd}/..\0"] {
        detect(name);
    }
    detect("")
}

/// Holds the report on `bytes` to its bounds.
pub fn check(report: &Report, bytes: &[u8], limits: &Limits) {
    let json = serde_json::to_string(report).expect("a report is JSON");
    assert_eq!(&serde_json::from_str::<Report>(&json).expect("and can be read back"), report);
    assert_eq!(report.size_bytes, bytes.len() as u64);
    assert!(report.findings.len() <= FINDINGS, "{} findings", report.findings.len());
    for finding in &report.findings {
        let is_code = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        assert!(!finding.code.is_empty() && finding.code.bytes().all(is_code), "{finding:?}");
        assert!(finding.message.len() <= FIELDS * limits.text_bytes, "{} {}", finding.code, finding.message.len());
        assert!(finding.message.trim().len() > 8, "{finding:?} does not say what is wrong");
    }
    let is_explained = report.findings.iter().any(|finding| finding.severity == Severity::Error);
    assert!(report.details.is_some() || report.format == Format::File || is_explained, "{report:?}");
    if let Some(icon) = &report.icon {
        assert!(icon.png.starts_with(b"\x89PNG\r\n\x1a\n") && icon.png.len() <= limits.icon_bytes, "{icon:?}");
        assert!(icon.width.max(icon.height) <= limits.icon_pixels && icon.path.len() <= limits.text_bytes, "{icon:?}");
    }
    if let Some(entries) = &report.entries {
        assert!(entries.listed.len() <= limits.listed_entries && entries.listed.len() as u64 <= entries.count);
        assert!(entries.listed.iter().all(|entry| entry.path.len() <= limits.text_bytes), "a path is too long");
    }
    let details = serde_json::to_value(&report.details).expect("details are JSON");
    check_texts(&details, FIELDS * limits.text_bytes);
}

fn check_texts(value: &Value, most_bytes: usize) {
    match value {
        Value::String(text) => assert!(text.len() <= most_bytes, "a text of {} bytes: {text:.80}", text.len()),
        Value::Array(items) => items.iter().for_each(|item| check_texts(item, most_bytes)),
        Value::Object(fields) => fields.iter().for_each(|(key, item)| {
            assert!(key.len() <= most_bytes, "a key of {} bytes", key.len());
            check_texts(item, most_bytes);
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
