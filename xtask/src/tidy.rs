//! `cargo xtask tidy`: the rules that hold across the source tree.
//!
//! Each rule is a pure check over text or metadata that yields [`Finding`]s; this file reads what
//! they need and prints what they find. A finding names file, line, rule and remedy.

pub mod arrows;
pub mod generated;
pub mod rules;
pub mod source;

use std::{fmt, fs, path::Path};

use anyhow::{Context, Result, ensure};
use walkdir::{DirEntry, WalkDir};

use crate::workspace::{self, Binaries, Profile};

/// A place where a rule is broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Path below the workspace's root.
    pub file: String,
    /// Counted from 1; `None` where the rule is about the whole file.
    pub line: Option<usize>,
    /// What should hold and does not.
    pub rule: String,
    /// What to do about it.
    pub remedy: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.file)?;
        if let Some(line) = self.line {
            write!(formatter, ":{line}")?;
        }
        write!(formatter, ": {}\n    remedy: {}", self.rule, self.remedy)
    }
}

/// Checks the rules about the source, then builds the programs and checks what they generate.
///
/// # Errors
/// When a rule is broken, or what a rule reads cannot be read or built.
pub fn run() -> Result<()> {
    check_source_tree()?;
    check_generated(&workspace::build(Profile::Test)?)
}

/// Checks the rules that need nothing built.
///
/// # Errors
/// When a rule is broken, or what a rule reads cannot be read.
pub fn check_source_tree() -> Result<()> {
    let mut findings = arrows::check(&workspace::read_metadata()?);
    findings.extend(arrows::check_tree(&arrows::read_client_tree()?));
    findings.extend(check_sources(workspace::root())?);
    report("the source tree", &findings)
}

/// Checks that the generated pages are what the programs print.
///
/// # Errors
/// When one is not, or a program does not print its page.
pub fn check_generated(binaries: &Binaries) -> Result<()> {
    report("the generated pages", &generated::check(binaries)?)
}

fn report(subject: &str, findings: &[Finding]) -> Result<()> {
    for finding in findings {
        println!("{finding}");
    }
    ensure!(findings.is_empty(), "tidy: {} finding(s) in {subject}", findings.len());
    println!("tidy: {subject}: nothing to say");
    Ok(())
}

/// Checks every Rust file below `root`.
///
/// # Errors
/// When a file cannot be read, or is not Rust.
pub fn check_sources(root: &Path) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for entry in WalkDir::new(root).sort_by_file_name().into_iter().filter_entry(is_ours) {
        let entry = entry.context("cannot walk the source tree")?;
        let path = entry.path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
            let name = path.strip_prefix(root).unwrap_or(path).to_string_lossy();
            findings.extend(rules::check(&name, &text)?);
        }
    }
    Ok(findings)
}

/// Neither build products nor hidden folders.
fn is_ours(entry: &DirEntry) -> bool {
    let name = entry.file_name().to_string_lossy();
    entry.depth() == 0 || !(name.starts_with('.') || name == "target")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_names_file_line_rule_and_remedy() {
        let mut finding = Finding {
            file: "distd/src/http/apps.rs".into(),
            line: Some(7),
            rule: "handlers hold no SQL".into(),
            remedy: "call an operation".into(),
        };
        assert_eq!(
            finding.to_string(),
            "distd/src/http/apps.rs:7: handlers hold no SQL\n    remedy: call an operation"
        );
        finding.line = None;
        assert!(finding.to_string().starts_with("distd/src/http/apps.rs: handlers"));
    }

    #[test]
    fn build_products_and_hidden_folders_are_not_walked() {
        let root = tempfile::tempdir().unwrap();
        for folder in ["target", ".git", "a/src"] {
            fs::create_dir_all(root.path().join(folder)).unwrap();
            fs::write(root.path().join(folder).join("x.rs"), "fn f() { todo!() }").unwrap();
        }
        let findings = check_sources(root.path()).unwrap();
        assert_eq!(findings.len(), 1, "{findings:?}");
        assert_eq!(findings[0].file, "a/src/x.rs");
    }
}
