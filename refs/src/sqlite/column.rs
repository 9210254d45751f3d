//! Ids and times as the tables hold them, both ways.

use gix_hash::ObjectId;
use jiff::Timestamp;

use super::error::{Corrupt, Row};

/// 64 lowercase hex digits.
pub(super) fn encode_id(id: ObjectId) -> String {
    id.to_string()
}

/// `2026-11-22T09:00:00.000Z`: of fixed width, so that text order is time order.
pub(super) fn encode_time(at: Timestamp) -> String {
    format!("{at:.3}")
}

pub(super) fn parse_id(row: Row<'_>, column: &'static str, text: &str) -> Result<ObjectId, Corrupt> {
    // Stricter than `from_hex`, which takes uppercase, and SHA-1 where another crate turned it on.
    let is_canonical = text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let id = is_canonical.then(|| ObjectId::from_hex(text.as_bytes()).ok()).flatten();
    row.or_corrupt(id, column, text, "64 lowercase hex digits")
}

pub(super) fn parse_time(row: Row<'_>, column: &'static str, text: &str) -> Result<Timestamp, Corrupt> {
    row.or_corrupt(text.parse().ok(), column, text, "an RFC 3339 time")
}
