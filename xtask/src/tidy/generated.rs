//! The generated files under `docs/` say what the built programs say.

use std::fs;

use anyhow::Result;

use super::Finding;
use crate::{
    docs::{self, PAGES},
    workspace::{self, Binaries},
};

/// Generates every page anew and compares.
///
/// # Errors
/// When a program does not print its page.
pub fn check(binaries: &Binaries) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for page in PAGES {
        let current = docs::generate(binaries, page)?;
        // A page that is missing differs from its first line on.
        let committed = fs::read_to_string(workspace::root().join(page.file)).unwrap_or_default();
        findings.extend(compare(page.file, &committed, &current));
    }
    Ok(findings)
}

/// A finding at the first line that differs.
pub fn compare(file: &str, committed: &str, current: &str) -> Option<Finding> {
    if committed == current {
        return None;
    }
    let same = committed.lines().zip(current.lines()).take_while(|(committed, current)| committed == current).count();
    Some(Finding {
        file: file.to_owned(),
        line: Some(same + 1),
        rule: "a generated file is current".into(),
        remedy: "run `cargo xtask docs` and commit what changed".into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stale_page_is_found_at_its_first_difference() {
        let line = |committed, current| compare("docs/CLI.md", committed, current).map(|finding| finding.line);
        assert_eq!(line("a\nb\n", "a\nb\n"), None);
        assert_eq!(line("a\nb\n", "a\nc\n"), Some(Some(2)));
        assert_eq!(line("", "a\n"), Some(Some(1)));
        assert_eq!(line("a\n", "a\nb\n"), Some(Some(2)));
        assert_eq!(line("a", "a\n"), Some(Some(2)));
    }
}
