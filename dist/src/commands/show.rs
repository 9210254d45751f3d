//! `dist show`: one release with everything that is known of it, and where it is and was live.

use clap::Args;
use protocol::api::{Revocation, ShownRelease, Stay};
use protocol::manifest::Link;
use protocol::paths;

use super::parse_revision;
use crate::error::CliError;
use crate::session::Session;
use crate::ui::{Align, Look, Table, artifact_table, contents, findings, key_values, printable, size};

/// Show one release: its artifacts, what they say of themselves, who made it, and where it is and was live
#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// The release, as APP@REV
    #[arg(value_name = "APP@REV")]
    release: String,
}

/// Runs `dist show`.
///
/// # Errors
/// What the server refuses.
pub(crate) async fn run(args: &ShowArgs, session: &Session) -> Result<(), CliError> {
    let wanted = parse_revision(&args.release)?;
    let release: ShownRelease = session.client()?.get(&paths::release(&wanted.app, &wanted.revision)).await?;
    session.output.answer_paged(&release, render)
}

/// `2 hours ago by ana: crashes on start`
fn revoked(look: &Look, revoked: &Revocation) -> String {
    format!("{} by {}: {}", look.when(revoked.at), revoked.by, revoked.reason)
}

fn render(look: &Look, shown: &ShownRelease) -> String {
    let release = &shown.release;
    let manifest = &release.manifest;
    let channels: Vec<String> = release.channels.iter().map(ToString::to_string).collect();
    let source = &manifest.source;
    let text = |field: &Option<String>| field.clone().unwrap_or_default();
    let facts = [
        ("release", format!("{} {}", release.app, release.name)),
        ("id", release.id.to_string()),
        ("parent", manifest.parent.map(|parent| parent.to_string()).unwrap_or_default()),
        ("channels", channels.join(", ")),
        ("published", format!("{} by {}", look.when(release.published_at), release.published_by)),
        ("revoked", release.revoked.as_ref().map(|it| revoked(look, it)).unwrap_or_default()),
        ("size", size(release.size_bytes)),
        ("commit", text(&source.commit)),
        ("branch", text(&source.branch)),
        ("repository", text(&source.repository)),
        ("run", text(&source.run_url)),
    ];
    let notes = manifest.notes.as_deref().unwrap_or_default().trim_end();
    let files = artifact_table(look, &manifest.artifacts, contents(&release.reports));
    let found = findings(look, &release.reports);
    let links = links(&manifest.links);
    let blocks = [key_values(look, &facts), stays(look, &shown.stays), files, found, links, printable(notes)];
    let shown = blocks.iter().map(|block| block.trim_end()).filter(|block| !block.is_empty());
    shown.collect::<Vec<_>>().join("\n\n") + "\n"
}

/// When which channel was at the release, newest first.
fn stays(look: &Look, stays: &[Stay]) -> String {
    let mut table = Table::new(&[
        ("live on", Align::Left),
        ("from", Align::Left),
        ("until", Align::Left),
        ("how", Align::Left),
        ("by", Align::Left),
        ("why", Align::Left),
    ]);
    for stay in stays {
        table.row([
            stay.channel.to_string(),
            look.when(stay.since),
            stay.until.map_or_else(|| "now".to_owned(), |until| look.when(until)),
            stay.action.clone(),
            stay.by.clone(),
            stay.reason.clone().unwrap_or_default(),
        ]);
    }
    if table.is_empty() { String::new() } else { table.render(look) }
}

/// One line for each link of a release.
pub(crate) fn links(list: &[Link]) -> String {
    let lines: Vec<String> =
        list.iter().map(|link| format!("{} {} {}\n", link.platform, link.kind, printable(&link.url))).collect();
    lines.concat()
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use protocol::{Digest, ReleaseManifest};
    use serde_json::json;

    use super::*;
    use crate::ui::Times;

    fn shown() -> ShownRelease {
        let line = |platform: &str, kind: &str, name: &str, size: u64| {
            json!({"platform": platform, "arch": "universal", "kind": kind, "filename": name, "size": size,
                "sha256": Digest::of(name.as_bytes())})
        };
        let artifacts = [
            line("android", "apk", "acme.apk", 12_582_912),
            line("ios", "ipa", "Acme-with-a-long-name-2.4.0.ipa", 420_478_976),
        ];
        let manifest: ReleaseManifest = serde_json::from_value(json!({
            "schema": "dist.release/1", "app": "acme", "version": "2.4.0", "build": "241", "parent": Digest::of(b"parent"),
            "created_at": "2026-11-22T09:00:00Z", "notes": "# Fix login on iOS 18\n\n- More",
            "source": {"commit": "a1b2c3d4e5f6", "branch": "main", "run_url": "https://ci.example.com/acme/runs/4711"},
            "links": [{"platform": "ios", "kind": "testflight", "url": "https://testflight.apple.com/join/abc"}],
            "artifacts": artifacts
        }))
        .unwrap();
        let report = |at: usize, summary: serde_json::Value, findings: serde_json::Value| {
            let line = &manifest.artifacts[at];
            json!({"platform": line.platform, "filename": line.filename, "sha256": line.sha256, "summary": summary,
                "findings": findings})
        };
        let signed =
            json!({"id": "com.acme.app", "version": "2.4.0", "build": "241", "signing": "signed", "debuggable": false});
        let unsigned = json!({"id": "com.acme.app", "version": "2.4.0", "build": "241", "signing": "unsigned", "debuggable": true});
        let finding = json!([{"code": "debuggable", "severity": "warning", "message": "a debugger may attach to it"}]);
        let reports = json!([report(0, unsigned, finding), report(1, signed, json!([]))]);
        serde_json::from_value(json!({
            "app": "acme", "id": manifest.id(), "name": "2.4.0+241", "published_at": "2026-11-16T10:00:00Z",
            "published_by": "ci-main", "channels": ["beta"], "size_bytes": 433_061_888, "reports": reports, "manifest": manifest,
            "stays": [
                {"channel": "beta", "since": "2026-11-22T11:00:00Z", "by": "ana", "action": "rollback",
                    "reason": "2.4.1 crashes on start for whoever never signed in before"},
                {"channel": "beta", "since": "2026-11-16T10:00:00Z", "by": "ci-main", "action": "publish",
                    "until": "2026-11-22T10:00:00Z", "followed_by": {"id": Digest::of(b"next"), "name": "2.4.1+245"}}]
        }))
        .unwrap()
    }

    fn rendered(width: u16, colour: bool) -> String {
        let now: Timestamp = "2026-11-22T12:00:00Z".parse().unwrap();
        let text = render(&Look { now, times: Times::Relative, width: Some(width), colour }, &shown());
        assert!(colour || text.lines().all(|line| line.chars().count() <= usize::from(width)), "{text}");
        text.replace('\u{1b}', "^")
    }

    #[test]
    fn a_release_at_80_columns() {
        insta::assert_snapshot!(rendered(80, false));
    }

    #[test]
    fn a_release_at_140_columns() {
        insta::assert_snapshot!(rendered(140, false));
    }

    #[test]
    fn a_release_in_colour_at_80_columns() {
        insta::assert_snapshot!(rendered(80, true));
    }

    #[test]
    fn a_release_in_colour_at_140_columns() {
        insta::assert_snapshot!(rendered(140, true));
    }
}
