//! `dist push`: publish a release and tell a person.

use clap::Args;
use protocol::publish::{PublishStatus, Published, PublishedArtifact, PublishedChannel, Transfer};

use super::release::{Credentials, PublishArgs, ReleaseArgs, publish_release};
use crate::error::CliError;
use crate::session::Session;
use crate::ui::{Look, artifact_table, findings, gates, key_values, size};

/// Publish a release
///
/// Reads dist.json, finds and hashes the files, asks the server what it lacks, sends that, and publishes: all or nothing.
/// With a channel, moves it. Running it again with the same content changes nothing and succeeds.
#[derive(Debug, Args)]
pub(crate) struct PushArgs {
    #[command(flatten)]
    release: ReleaseArgs,
    #[command(flatten)]
    how: PublishArgs,
}

/// Runs `dist push`.
///
/// # Errors
/// Whatever keeps the release from being published.
pub(crate) async fn run(args: PushArgs, session: &Session) -> Result<(), CliError> {
    let published = publish_release(args.release, args.how, Credentials::Configured, session).await?;
    session.terminal.note(&summary(&published.transfer));
    session.output.answer(&published, render)
}

/// What was sent, in one line.
pub(crate) fn summary(transfer: &Transfer) -> String {
    format!(
        "sent {} of {} objects, {} of {}, in {:.1} s ({} requests)",
        transfer.uploaded_objects,
        transfer.objects,
        size(transfer.uploaded_bytes),
        size(transfer.total_bytes),
        transfer.seconds,
        transfer.requests,
    )
}

/// What was published, where it points and where it is found.
pub(crate) fn render(look: &Look, published: &Published) -> String {
    let (app, release) = (&published.app, &published.release);
    let name = look.bold(&format!("{app} {}", release.name));
    let id = release.id.short();
    let head = match published.status {
        PublishStatus::Published => format!("{name} is published ({id}).\n"),
        PublishStatus::Unchanged => format!("{name} was published before with the same content ({id}).\n"),
    };
    let moved = published.channel.as_ref().map(moved).unwrap_or_default();
    let urls = [("install", published.urls.install.clone()), ("release", published.urls.release.clone())];
    let gates = gates(look, &published.gates);
    format!("{head}{moved}{gates}{}\n{}", artifacts(look, published), key_values(look, &urls))
}

fn moved(channel: &PublishedChannel) -> String {
    let name = &channel.name;
    match &channel.previous {
        Some(previous) if *previous == channel.current => format!("{name} pointed at it already.\n"),
        Some(previous) => format!("{name} now points at it (was {}).\n", previous.short()),
        None => format!("{name} now points at it (new channel).\n"),
    }
}

fn artifacts(look: &Look, published: &Published) -> String {
    let word = |artifact: &PublishedArtifact| if artifact.uploaded { "sent" } else { "was there" }.to_owned();
    let words = published.artifacts.iter().map(word).collect();
    let table = artifact_table(look, published.artifacts.iter().map(|artifact| &artifact.line), ("", words));
    let blocks = [table, findings(look, &published.reports)];
    blocks.iter().filter(|block| !block.is_empty()).flat_map(|block| ["\n", block]).collect()
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use protocol::publish::{PUBLISH_SCHEMA, PublishedRelease, PublishedUrls};
    use protocol::{ArtifactLine, Digest};

    use super::*;
    use crate::ui::Times;

    fn published(status: PublishStatus, previous: Option<Digest>) -> Published {
        let id = Digest::of(b"release");
        Published {
            schema: PUBLISH_SCHEMA.to_owned(),
            status,
            app: "acme".parse().unwrap(),
            release: PublishedRelease {
                id,
                name: "2.4.0+241".parse().unwrap(),
                version: "2.4.0".parse().unwrap(),
                build: Some("241".parse().unwrap()),
            },
            channel: Some(PublishedChannel { name: "beta".parse().unwrap(), previous, current: id }),
            artifacts: vec![PublishedArtifact {
                id: Digest::of(b"apk"),
                line: ArtifactLine {
                    platform: "android".parse().unwrap(),
                    arch: "universal".parse().unwrap(),
                    kind: "apk".parse().unwrap(),
                    filename: "acme.apk".parse().unwrap(),
                    size: 1_048_576,
                    sha256: Digest::of(b"apk"),
                },
                url: "https://dist.example.com/api/v1/apps/acme/objects/x".to_owned(),
                uploaded: true,
            }],
            urls: PublishedUrls {
                release: "https://dist.example.com/api/v1/apps/acme/releases/2.4.0+241".to_owned(),
                install: "https://dist.example.com/install/acme/beta".to_owned(),
            },
            transfer: Transfer {
                objects: 1,
                uploaded_objects: 1,
                uploaded_bytes: 1_048_576,
                total_bytes: 1_048_576,
                requests: 3,
                seconds: 0.12,
            },
            reports: Vec::new(),
            gates: Vec::new(),
            held: Vec::new(),
            warnings: Vec::new(),
        }
    }

    fn look() -> Look {
        Look { now: Timestamp::UNIX_EPOCH, times: Times::Relative, width: Some(80), colour: false }
    }

    #[test]
    fn a_publish_says_what_where_and_how_to_install() {
        insta::assert_snapshot!(render(&look(), &published(PublishStatus::Published, Some(Digest::of(b"x")))), @r"
        acme 2.4.0+241 is published (a4d451ec2346).
        beta now points at it (was 2d711642b726).

        platform  arch       kind  file         size  sha256
        android   universal  apk   acme.apk  1.0 MiB  dd37c2d7274f  sent

        install  https://dist.example.com/install/acme/beta
        release  https://dist.example.com/api/v1/apps/acme/releases/2.4.0+241
        ");
        insta::assert_snapshot!(summary(&published(PublishStatus::Published, None).transfer), @r"
        sent 1 of 1 objects, 1.0 MiB of 1.0 MiB, in 0.1 s (3 requests)
        ");
    }

    #[test]
    fn an_unchanged_publish_says_that_nothing_moved() {
        let same = Some(Digest::of(b"release"));
        let text = render(&look(), &published(PublishStatus::Unchanged, same));
        assert!(text.starts_with("acme 2.4.0+241 was published before with the same content"), "{text}");
        assert!(text.contains("beta pointed at it already."), "{text}");
        assert!(render(&look(), &published(PublishStatus::Published, None)).contains("(new channel)"));
    }
}
