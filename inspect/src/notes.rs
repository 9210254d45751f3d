//! What a format's reader leaves beside its details: findings, the icon, the entries; and how it fails.

use std::fmt;

use crate::{Entries, Entry, Finding, Icon, Limits, Severity};

/// Collects what is found on the way. A reader gets one and adds to it.
#[derive(Debug)]
pub(crate) struct Notes<'a> {
    pub(crate) limits: &'a Limits,
    pub(crate) findings: Vec<Finding>,
    pub(crate) icon: Option<Icon>,
    pub(crate) entries: Option<Entries>,
}

/// Why an artifact cannot be read as its format. Becomes a finding of severity error.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Unreadable {
    pub(crate) code: &'static str,
    pub(crate) message: String,
}

impl Unreadable {
    /// `what` names the part and its place, such as `Payload/A.app/Info.plist`.
    pub(crate) fn new(code: &'static str, what: impl fmt::Display, why: impl fmt::Display) -> Self {
        Self { code, message: format!("{what}: {why}") }
    }
}

impl<'a> Notes<'a> {
    pub(crate) fn new(limits: &'a Limits) -> Self {
        Self { limits, findings: Vec::new(), icon: None, entries: None }
    }

    pub(crate) fn info(&mut self, code: &str, message: impl Into<String>) {
        self.add(code, Severity::Info, message.into());
    }

    pub(crate) fn warning(&mut self, code: &str, message: impl Into<String>) {
        self.add(code, Severity::Warning, message.into());
    }

    pub(crate) fn error(&mut self, code: &str, message: impl Into<String>) {
        self.add(code, Severity::Error, message.into());
    }

    /// Counts an entry, and lists it while there is room.
    pub(crate) fn entry(&mut self, entry: Entry) {
        let entries = self.entries.get_or_insert_default();
        entries.count += 1;
        entries.total_bytes = entries.total_bytes.saturating_add(entry.size_bytes);
        if entries.listed.len() < self.limits.listed_entries {
            entries.listed.push(entry);
        }
    }

    fn add(&mut self, code: &str, severity: Severity, message: String) {
        self.findings.push(Finding { code: code.to_owned(), severity, message });
    }
}
