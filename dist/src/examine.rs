//! What the server will say of the files of a plan, said before a byte is sent.

use std::fs::File;

use inspect::{Limits, Report};
use jiff::Timestamp;
use protocol::api::ArtifactReport;
use protocol::checks::Claim;
use protocol::{AppRules, ErrorCode, ReleaseManifest, paths};

use crate::error::CliError;
use crate::plan::PlannedFile;
use crate::session::Session;
use crate::ui::Terminal;

/// Inspects each file and holds it against its line in the manifest and the app's rules. Blocks.
///
/// # Errors
/// [`ErrorCode::ArtifactUnreadable`].
pub(crate) fn examine(
    files: &[PlannedFile],
    manifest: &ReleaseManifest,
    rules: &AppRules,
    now: Timestamp,
    terminal: &Terminal,
) -> Result<Vec<ArtifactReport>, CliError> {
    let bar = terminal.bar("inspecting", files.iter().map(|file| file.stamp.size_bytes).sum(), 0);
    let examine_one = |(file, line)| {
        let claim = Claim { line, version: &manifest.version, build: manifest.build.as_ref() };
        let report = inspect_file(file)?;
        bar.advance(file.stamp.size_bytes);
        Ok(ArtifactReport {
            platform: line.platform,
            filename: line.filename.clone(),
            sha256: line.sha256,
            summary: Some(report.summary()),
            findings: claim.check(&report, rules, now),
        })
    };
    let reports = files.iter().zip(&manifest.artifacts).map(examine_one).collect();
    bar.finish();
    reports
}

fn inspect_file(file: &PlannedFile) -> Result<Report, CliError> {
    let unreadable = |error: std::io::Error| {
        CliError::new(ErrorCode::ArtifactUnreadable, format!("cannot read {}", file.path.display())).caused_by(error)
    };
    let opened = File::open(&file.path).map_err(unreadable)?;
    inspect::inspect(opened, file.stamp.size_bytes, &Limits::default()).map_err(unreadable)
}

/// The rules of the app, where a server is configured that tells them. A person hears why they are not asked for.
pub(crate) async fn ask_rules(manifest: &ReleaseManifest, session: &Session) -> AppRules {
    let unknown = |why: &str| {
        session.terminal.note(&format!("the app's own rules are not checked: {why}"));
        AppRules::default()
    };
    let client = match session.client() {
        Ok(client) => client,
        Err(error) => return unknown(&error.full_message()),
    };
    match client.get(&paths::rules(&manifest.app)).await {
        Ok(rules) => rules,
        // It learns who it is from its first release.
        Err(error) if error.code() == ErrorCode::AppNotFound => AppRules::default(),
        Err(error) => unknown(&error.full_message()),
    }
}
