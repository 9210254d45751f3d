//! The files of a release, what is known of them and what speaks against them.

use inspect::{Severity, Summary};
use protocol::ArtifactLine;
use protocol::api::ArtifactReport;

use super::{Align, Look, Table, size};

/// One line for each file. `last` is a column of one's own: its title, and a cell for each file.
pub(crate) fn artifact_table<'a>(
    look: &Look,
    lines: impl IntoIterator<Item = &'a ArtifactLine>,
    (title, cells): (&'static str, Vec<String>),
) -> String {
    let mut table = Table::new(&[
        ("platform", Align::Left),
        ("arch", Align::Left),
        ("kind", Align::Left),
        ("file", Align::Left),
        ("size", Align::Right),
        ("sha256", Align::Left),
        (title, Align::Left),
    ]);
    for (line, cell) in lines.into_iter().zip(cells) {
        table.row([
            line.platform.to_string(),
            line.arch.to_string(),
            line.kind.to_string(),
            line.filename.to_string(),
            size(line.size),
            line.sha256.short(),
            cell,
        ]);
    }
    if table.is_empty() { String::new() } else { table.render(look) }
}

/// The column of [`artifact_table`] with what each file says of itself: `com.acme 2.4.0 (241), signed`.
pub(crate) fn contents(reports: &[ArtifactReport]) -> (&'static str, Vec<String>) {
    let cell = |report: &ArtifactReport| report.summary.as_ref().map(content).unwrap_or_default();
    ("contains", reports.iter().map(cell).collect())
}

fn content(summary: &Summary) -> String {
    let build = summary.build.as_ref().filter(|build| summary.version.as_ref() != Some(build));
    let parts = [summary.id.clone(), summary.version.clone(), build.map(|build| format!("({build})"))];
    let what = parts.into_iter().flatten().collect::<Vec<_>>().join(" ");
    let signing = match summary.signing {
        inspect::Signing::NotApplicable => None,
        inspect::Signing::Signed if summary.stapled == Some(true) => Some("signed, stapled".to_owned()),
        signing => Some(signing.as_str().replace('-', " ")),
    };
    [Some(what).filter(|what| !what.is_empty()), signing].into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// What a person should know of the files, the worst first; empty where there is nothing.
pub(crate) fn findings(look: &Look, reports: &[ArtifactReport]) -> String {
    let mut found: Vec<_> =
        reports.iter().flat_map(|report| report.findings.iter().map(move |finding| (report, finding))).collect();
    found.sort_by_key(|(_, finding)| std::cmp::Reverse(finding.severity));
    let mut table = Table::new(&[
        ("severity", Align::Left),
        ("file", Align::Left),
        ("finding", Align::Left),
        ("what it means", Align::Left),
    ]);
    for (report, finding) in found {
        let cells = [severity(finding.severity), report.filename.as_str(), &finding.code, &finding.message];
        table.row(cells.map(str::to_owned));
    }
    if table.is_empty() { String::new() } else { table.render(look) }
}

/// How much a finding matters, in a word.
pub(crate) fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "info",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_told_in_one_cell() {
        let check = |json: serde_json::Value, expect: &str| {
            assert_eq!(content(&serde_json::from_value(json).unwrap()), expect);
        };
        check(serde_json::json!({}), "");
        check(
            serde_json::json!({"id": "com.acme", "version": "2.4.0", "build": "241", "signing": "signed"}),
            "com.acme 2.4.0 (241), signed",
        );
        check(serde_json::json!({"id": "acme", "version": "2", "build": "2", "signing": "ad-hoc"}), "acme 2, ad hoc");
        check(serde_json::json!({"signing": "signed", "stapled": true}), "signed, stapled");
    }
}
