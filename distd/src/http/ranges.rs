//! Which part of an object a request asks for (RFC 9110, section 14).

use std::ops::Range;

use axum::http::{HeaderMap, HeaderValue, header};
use http_range_header::{EndPosition, RangeUnsatisfiableError, StartPosition, SyntacticallyCorrectRange};

/// More parts than this in one request are answered with the whole object: it is cheaper for both sides.
const MOST_PARTS: usize = 16;

/// What to send of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wanted {
    /// All of it.
    Whole,
    /// One part.
    Part(Range<u64>),
    /// Several parts, in the order asked for.
    Parts(Vec<Range<u64>>),
    /// Only what it does not have.
    Nothing,
    /// The client has it already.
    NotModified,
}

/// Reads the conditional and range headers of a request for an object of `len` bytes.
pub(super) fn wanted(headers: &HeaderMap, etag: &HeaderValue, len: u64) -> Wanted {
    if header_list(headers, header::IF_NONE_MATCH).any(|tag| tag == "*" || tag.trim_start_matches("W/") == etag) {
        return Wanted::NotModified;
    }
    let Some(range) = headers.get(header::RANGE).and_then(|value| value.to_str().ok()) else { return Wanted::Whole };
    // If-Range with anything but our strong tag means that the client has another version: it gets the whole object.
    if headers.get(header::IF_RANGE).is_some_and(|value| value != etag) {
        return Wanted::Whole;
    }
    parse(range, len)
}

fn header_list(headers: &HeaderMap, name: header::HeaderName) -> impl Iterator<Item = &str> {
    let values = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(str::trim)
}

fn parse(text: &str, len: u64) -> Wanted {
    let ranges = match http_range_header::parse_range_header(text) {
        Ok(parsed) => parsed.ranges,
        Err(RangeUnsatisfiableError::ZeroSuffix) => return Wanted::Nothing,
        Err(_) => return Wanted::Whole,
    };
    if ranges.len() > MOST_PARTS || ranges.iter().any(is_reversed) {
        return Wanted::Whole;
    }
    let mut parts: Vec<Range<u64>> = ranges.iter().filter_map(|range| satisfiable(range, len)).collect();
    match parts.len() {
        0 => Wanted::Nothing,
        1 => Wanted::Part(parts.remove(0)),
        _ if parts.iter().map(|part| part.end - part.start).sum::<u64>() > len => Wanted::Whole,
        _ => Wanted::Parts(parts),
    }
}

fn is_reversed(range: &SyntacticallyCorrectRange) -> bool {
    matches!((range.start, range.end), (StartPosition::Index(start), EndPosition::Index(end)) if start > end)
}

fn satisfiable(range: &SyntacticallyCorrectRange, len: u64) -> Option<Range<u64>> {
    let start = match range.start {
        StartPosition::Index(start) => start,
        StartPosition::FromLast(count) => len.saturating_sub(count),
    };
    let end = match range.end {
        EndPosition::Index(last) => last.saturating_add(1).min(len),
        EndPosition::LastByte => len,
    };
    (start < end).then_some(start..end)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ETAG: HeaderValue = HeaderValue::from_static("\"abc\"");

    fn check(headers: &[(header::HeaderName, &'static str)], expect: &Wanted) {
        let headers: HeaderMap =
            headers.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect();
        assert_eq!(wanted(&headers, &ETAG, 100), *expect, "{headers:?}");
    }

    #[test]
    fn ranges_are_cut_to_the_object() {
        let range = |text: &'static str, expect: Wanted| check(&[(header::RANGE, text)], &expect);
        range("bytes=0-9", Wanted::Part(0..10));
        range("bytes=90-", Wanted::Part(90..100));
        range("bytes=-10", Wanted::Part(90..100));
        range("bytes=-1000", Wanted::Part(0..100));
        range("bytes=90-1000", Wanted::Part(90..100));
        range("bytes=0-0,-1", Wanted::Parts(vec![0..1, 99..100]));
        range("bytes=0-9,200-300", Wanted::Part(0..10));
        range("bytes=100-", Wanted::Nothing);
        range("bytes=-0", Wanted::Nothing);
        range("bytes=9-0", Wanted::Whole);
        range("bytes=0-99,0-99", Wanted::Whole);
        range("lines=0-9", Wanted::Whole);
        range("bytes=a-b", Wanted::Whole);
        range("bytes=0-0,1-1,2-2,3-3,4-4,5-5,6-6,7-7,8-8,9-9,10-10,11-11,12-12,13-13,14-14,15-15,16-16", Wanted::Whole);
    }

    #[test]
    fn conditions_go_before_ranges() {
        check(&[(header::IF_NONE_MATCH, "\"x\", \"abc\"")], &Wanted::NotModified);
        check(&[(header::IF_NONE_MATCH, "W/\"abc\"")], &Wanted::NotModified);
        check(&[(header::IF_NONE_MATCH, "*")], &Wanted::NotModified);
        check(&[(header::IF_NONE_MATCH, "\"x\"")], &Wanted::Whole);
        check(&[(header::RANGE, "bytes=1-2"), (header::IF_RANGE, "\"abc\"")], &Wanted::Part(1..3));
        check(&[(header::RANGE, "bytes=1-2"), (header::IF_RANGE, "\"x\"")], &Wanted::Whole);
        check(&[(header::RANGE, "bytes=1-2"), (header::IF_RANGE, "W/\"abc\"")], &Wanted::Whole);
    }

    #[test]
    fn an_empty_object_has_no_part() {
        assert_eq!(parse("bytes=0-", 0), Wanted::Nothing);
        assert_eq!(parse("bytes=-1", 0), Wanted::Nothing);
    }
}
