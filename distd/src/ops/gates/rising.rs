//! Which of two versions or builds is the higher one.

use std::cmp::Ordering;

use protocol::ReleaseName;

/// How one release name stands to another; `None` where that cannot be told, as with builds that are no numbers.
pub(super) fn compare_names(one: &ReleaseName, other: &ReleaseName) -> Option<Ordering> {
    let of_versions = compare_versions(one.version().as_str(), other.version().as_str());
    if of_versions != Ordering::Equal {
        return Some(of_versions);
    }
    match (one.build(), other.build()) {
        (Some(one), Some(other)) => compare_builds(one.as_str(), other.as_str()),
        (one, other) => (one.is_none() == other.is_none()).then_some(Ordering::Equal),
    }
}

/// Numbers between dots, the first one that differs decides; `None` where a part is no number and the texts differ.
pub(super) fn compare_builds(one: &str, other: &str) -> Option<Ordering> {
    if one == other {
        return Some(Ordering::Equal);
    }
    let numbers = |text: &str| text.split('.').map(|part| part.parse::<u64>().ok()).collect::<Option<Vec<_>>>();
    let (mut one, mut other) = (numbers(one)?, numbers(other)?);
    let parts = one.len().max(other.len());
    one.resize(parts, 0);
    other.resize(parts, 0);
    Some(one.cmp(&other))
}

/// As semantic versioning has it, and with any number of parts: `2.4.0-rc.1` is below `2.4.0`.
fn compare_versions(one: &str, other: &str) -> Ordering {
    let split = |text: &'_ str| -> (String, Option<String>) {
        let (core, rest) = text.split_once('-').map_or((text, None), |(core, rest)| (core, Some(rest)));
        (core.to_owned(), rest.map(str::to_owned))
    };
    let ((core, rest), (other_core, other_rest)) = (split(one), split(other));
    compare_parts(&core, &other_core).then_with(|| match (rest, other_rest) {
        (None, None) => Ordering::Equal,
        (None, Some(_)) => Ordering::Greater,
        (Some(_), None) => Ordering::Less,
        (Some(rest), Some(other)) => compare_parts(&rest, &other),
    })
}

fn compare_parts(one: &str, other: &str) -> Ordering {
    let (mut one, mut other) = (one.split('.'), other.split('.'));
    loop {
        let parts = (one.next(), other.next());
        let order = match parts {
            (None, None) => return Ordering::Equal,
            (one, other) => compare_part(one.unwrap_or("0"), other.unwrap_or("0")),
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}

fn compare_part(one: &str, other: &str) -> Ordering {
    match (one.parse::<u64>(), other.parse::<u64>()) {
        (Ok(one), Ok(other)) => one.cmp(&other),
        (Ok(_), Err(_)) => Ordering::Less,
        (Err(_), Ok(_)) => Ordering::Greater,
        (Err(_), Err(_)) => one.cmp(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_and_builds_are_ordered_as_people_mean_them() {
        let check = |one: &str, other: &str, expected: Option<Ordering>| {
            assert_eq!(compare_names(&one.parse().unwrap(), &other.parse().unwrap()), expected, "{one} {other}");
        };
        check("2.4.0", "2.3.9", Some(Ordering::Greater));
        check("2.10.0", "2.9.0", Some(Ordering::Greater));
        check("2.4", "2.4.0", Some(Ordering::Equal));
        check("2.4.0-rc.1", "2.4.0", Some(Ordering::Less));
        check("2.4.0-rc.2", "2.4.0-rc.10", Some(Ordering::Less));
        check("2.4.0+241", "2.4.0+99", Some(Ordering::Greater));
        check("2.4.0+241", "2.4.0+241", Some(Ordering::Equal));
        check("2.4.0+1.2", "2.4.0+1.10", Some(Ordering::Less));
        check("2.4.0+abc", "2.4.0+abd", None);
        check("2.4.0+1", "2.4.0", None);
        check("2.5.0+1", "2.4.0+900", Some(Ordering::Greater));
    }
}
