//! Which of two versions is the newer one, as people count them.
//!
//! Versions are free text of letters, digits, `.` and `-`, so this is a convention, not a rule that every author follows: the
//! parts between dots count as numbers, what follows the first `-` comes before the version without it (`2.0-rc.1` before
//! `2.0`, Semantic Versioning 2.0.0, section 11), and missing parts are zero (`2.0` is `2.0.0`).

use std::cmp::Ordering;

use refs::{Build, Version};

/// How `a` stands to `b`.
pub fn compare_versions(a: &Version, b: &Version) -> Ordering {
    let (a, a_pre) = cut(a.as_str());
    let (b, b_pre) = cut(b.as_str());
    compare_parts(a, b).then_with(|| match (a_pre, b_pre) {
        (None, None) => Ordering::Equal,
        (None, Some(_)) => Ordering::Greater,
        (Some(_), None) => Ordering::Less,
        (Some(a), Some(b)) => compare_parts(a, b),
    })
}

/// How build `a` stands to build `b`; `None` where that cannot be told, as of commit ids.
pub fn compare_builds(a: &Build, b: &Build) -> Option<Ordering> {
    let is_counted = |text: &str| text.split(['.', '-']).all(|part| part.bytes().all(|byte| byte.is_ascii_digit()));
    if a == b {
        return Some(Ordering::Equal);
    }
    (is_counted(a.as_str()) && is_counted(b.as_str())).then(|| compare_parts(a.as_str(), b.as_str()))
}

fn cut(text: &str) -> (&str, Option<&str>) {
    text.split_once('-').map_or((text, None), |(core, rest)| (core, Some(rest)))
}

fn compare_parts(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a.split(['.', '-']), b.split(['.', '-']));
    loop {
        let order = match (a.next(), b.next()) {
            (None, None) => return Ordering::Equal,
            (a, b) => compare_part(a.unwrap_or("0"), b.unwrap_or("0")),
        };
        if order.is_ne() {
            return order;
        }
    }
}

/// Runs of digits count as numbers, all else as text: `rc9` before `rc10`.
fn compare_part(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (runs(a), runs(b));
    loop {
        let order = match (a.next(), b.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => Ordering::Less,
            (Some(_), None) => Ordering::Greater,
            (Some(a), Some(b)) => compare_run(a, b),
        };
        if order.is_ne() {
            return order;
        }
    }
}

fn compare_run(a: &str, b: &str) -> Ordering {
    let is_number = |run: &str| run.starts_with(|c: char| c.is_ascii_digit());
    match (is_number(a), is_number(b)) {
        (true, true) => {
            let (a, b) = (a.trim_start_matches('0'), b.trim_start_matches('0'));
            a.len().cmp(&b.len()).then_with(|| a.cmp(b))
        }
        (true, false) => Ordering::Less,
        (false, true) => Ordering::Greater,
        (false, false) => a.cmp(b),
    }
}

/// The text cut where digits begin or end.
fn runs(text: &str) -> impl Iterator<Item = &str> {
    text.as_bytes().chunk_by(|a, b| a.is_ascii_digit() == b.is_ascii_digit()).scan(0, move |at, run| {
        let start = *at;
        *at += run.len();
        text.get(start..*at)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_count_as_people_count() {
        let check = |a: &str, b: &str, expect: Ordering| {
            let (a, b): (Version, Version) = (a.parse().unwrap(), b.parse().unwrap());
            assert_eq!(compare_versions(&a, &b), expect, "{a} to {b}");
            assert_eq!(compare_versions(&b, &a), expect.reverse(), "{b} to {a}");
        };
        check("10.0", "9.9", Ordering::Greater);
        check("2.0", "2.0.0", Ordering::Equal);
        check("2.0.1", "2.0", Ordering::Greater);
        check("2.0-rc.1", "2.0", Ordering::Less);
        check("2.0-rc.10", "2.0-rc.9", Ordering::Greater);
        check("2.0-rc10", "2.0-rc9", Ordering::Greater);
        check("2.0-beta", "2.0-alpha.3", Ordering::Greater);
        check("1.0.0b2", "1.0.0b10", Ordering::Less);
        check("2026.11.22", "2026.2.1", Ordering::Greater);
        check("1.007", "1.7", Ordering::Equal);
        check("1.99999999999999999999999", "1.100000000000000000000000", Ordering::Less);
    }

    #[test]
    fn builds_are_compared_where_they_count() {
        let check = |a: &str, b: &str, expect: Option<Ordering>| {
            assert_eq!(compare_builds(&a.parse().unwrap(), &b.parse().unwrap()), expect, "{a} to {b}");
        };
        check("241", "99", Some(Ordering::Greater));
        check("1.2", "1.10", Some(Ordering::Less));
        check("9f3ac01", "9f3ac01", Some(Ordering::Equal));
        check("9f3ac01", "41c07aa", None);
        check("241", "41c07aa", None);
    }
}
