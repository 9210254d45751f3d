//! The flags that describe a release: the same for `check`, `push` and `ci publish`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use jiff::{Timestamp, Unit};
use protocol::Digest;
use protocol::dist_json::{ArtifactEntry, LinkEntry};
use protocol::publish::{Published, Staged};

use crate::error::CliError;
use crate::hash::hash_files;
use crate::plan::{Origin, Outside, Overrides, Plan, PlanRequest, plan_release};
use crate::publish::{MissingApp, Part, PublishOptions, hash_small, publish, refuse_held, stage};
use crate::session::Session;
use crate::source::find_source;
use crate::ui::parse_size;

/// What is to be published, where it differs from `dist.json`.
#[derive(Debug, Args)]
#[command(next_help_heading = "Release options")]
pub(crate) struct ReleaseArgs {
    /// The manifest [default: dist.json, which may be missing where flags say enough]
    #[arg(long, value_name = "FILE")]
    manifest: Option<PathBuf>,
    /// The app, in place of the manifest's
    #[arg(long, value_name = "SLUG")]
    app: Option<String>,
    /// The version, in place of the manifest's
    #[arg(long, value_name = "VERSION")]
    version: Option<String>,
    /// The build, in place of the manifest's
    #[arg(long, value_name = "BUILD")]
    build: Option<String>,
    /// The channel to move to the release, in place of the manifest's
    #[arg(long, value_name = "CHANNEL")]
    channel: Option<String>,
    /// Release notes, in place of the manifest's
    #[arg(long, value_name = "MARKDOWN", conflicts_with = "notes_file")]
    notes: Option<String>,
    /// A file with the release notes
    #[arg(long, value_name = "FILE")]
    notes_file: Option<PathBuf>,
    /// A file of the release; the first one replaces the manifest's list. Repeatable
    ///
    /// `PATH[,platform=P][,arch=A][,kind=K][,filename=NAME]`, relative to the current folder. What is left out is read from the
    /// file. A pattern must match exactly one file.
    #[arg(long = "artifact", value_name = "PATH[,KEY=VALUE…]", value_parser = parse_artifact)]
    artifacts: Vec<ArtifactEntry>,
    /// A place outside where the release can be had; the first one replaces the manifest's list. Repeatable
    ///
    /// KIND is testflight, app-store, google-play or web.
    #[arg(long = "link", value_name = "PLATFORM,KIND,URL", value_parser = parse_link)]
    links: Vec<LinkEntry>,
    /// Let the manifest name files outside of its folder
    #[arg(long)]
    allow_outside: bool,
}

/// How to publish: the flags of `push` and `ci publish`.
#[derive(Debug, Args)]
#[command(next_help_heading = "Publish options")]
pub(crate) struct PublishArgs {
    /// Create the app when it does not exist and the token may
    #[arg(long)]
    create_app: bool,
    /// Why, for the reflog and the audit log
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Most bytes in one request, for proxies that limit it, such as 64MiB
    #[arg(long, value_name = "SIZE", value_parser = parse_size, env = "DIST_CHUNK_SIZE")]
    chunk_size: Option<u64>,
}

impl ReleaseArgs {
    /// The plan of the release.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub(crate) fn plan(self) -> Result<Plan, CliError> {
        plan_release(&PlanRequest {
            manifest: self.manifest,
            overrides: Overrides {
                app: self.app,
                version: self.version,
                build: self.build,
                channel: self.channel,
                notes: self.notes,
                notes_file: self.notes_file,
                artifacts: self.artifacts,
                links: self.links,
            },
            outside: if self.allow_outside { Outside::Allowed } else { Outside::Refused },
        })
    }
}

impl PublishArgs {
    fn options(self) -> PublishOptions {
        PublishOptions {
            missing_app: if self.create_app { MissingApp::Create } else { MissingApp::Refuse },
            reason: self.reason,
            chunk_bytes: self.chunk_size,
        }
    }
}

/// What to publish with.
pub(crate) enum Credentials {
    /// The token that flags, environment and configuration name.
    Configured,
    /// The same, or else the identity of the CI job.
    Pipeline {
        /// Whom the identity token is meant for.
        audience: String,
    },
}

/// Plans, hashes and publishes.
///
/// # Errors
/// Whatever goes wrong on the way.
pub(crate) async fn publish_release(
    release: ReleaseArgs,
    how: PublishArgs,
    credentials: Credentials,
    session: &Session,
) -> Result<Published, CliError> {
    let plan = release.plan()?;
    for warning in &plan.warnings {
        session.terminal.note(&format!("warning: {warning}"));
    }
    let (client, digests) = match credentials {
        Credentials::Configured => (session.client()?, hash_small(&plan, &session.terminal).await?),
        Credentials::Pipeline { audience } => {
            let pipeline = session.pipeline()?;
            let digests = hash_small(&plan, &session.terminal).await?;
            (session.enter(pipeline, &plan.header.app, &audience).await?, digests)
        }
    };
    let (origin, options) = (origin(&plan.folder, session), how.options());
    publish(&client, &session.terminal, &plan, digests, origin, &options).await.and_then(refuse_held)
}

/// Plans, hashes and uploads, and notes it as a part of a release that is not published yet.
///
/// # Errors
/// Whatever goes wrong on the way.
pub(crate) async fn stage_release(
    release: ReleaseArgs,
    how: PublishArgs,
    (part, audience): (&Part, &str),
    session: &Session,
) -> Result<Staged, CliError> {
    let plan = release.plan()?;
    for warning in &plan.warnings {
        session.terminal.note(&format!("warning: {warning}"));
    }
    let pipeline = session.pipeline()?;
    let digests = hash_small(&plan, &session.terminal).await?;
    let client = session.enter(pipeline, &plan.header.app, audience).await?;
    let origin = origin(&plan.folder, session);
    let options = how.options();
    stage(&client, &session.terminal, &plan, (digests, origin), &options, part).await
}

/// What tells this build from another of the same content.
pub(crate) fn origin(folder: &Path, session: &Session) -> Origin {
    Origin { parent: None, created_at: to_seconds(session.now), source: find_source(folder) }
}

/// The digests of the plan's files, computed off the async threads.
///
/// # Errors
/// When a file cannot be read or changes.
pub(crate) async fn hash_plan(plan: &Plan, session: &Session) -> Result<Vec<Digest>, CliError> {
    let (files, terminal) = (plan.files.clone(), Arc::clone(&session.terminal));
    tokio::task::spawn_blocking(move || hash_files(&files, &terminal)).await.expect("hashing does not panic")
}

fn to_seconds(moment: Timestamp) -> Timestamp {
    moment.round(jiff::TimestampRound::new().smallest(Unit::Second).mode(jiff::RoundMode::Trunc)).unwrap_or(moment)
}

/// Splits the keys off from the right, so that a path may hold a comma.
fn parse_artifact(text: &str) -> Result<ArtifactEntry, String> {
    let mut entry = ArtifactEntry::default();
    let mut rest = text;
    while let Some((before, last)) = rest.rsplit_once(',') {
        let Some((key, value)) = last.split_once('=').filter(|(key, _)| is_word(key)) else { break };
        let field = match key {
            "platform" => &mut entry.platform,
            "arch" => &mut entry.arch,
            "kind" => &mut entry.kind,
            "filename" => &mut entry.filename,
            _ => return Err(format!("unknown key {key:?}: the keys are platform, arch, kind and filename")),
        };
        if field.replace(value.to_owned()).is_some() {
            return Err(format!("{key} is given twice"));
        }
        rest = before;
    }
    rest.clone_into(&mut entry.path);
    if rest.is_empty() { Err("a path comes first".to_owned()) } else { Ok(entry) }
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase())
}

fn parse_link(text: &str) -> Result<LinkEntry, String> {
    let mut parts = text.splitn(3, ',').map(str::to_owned);
    match (parts.next(), parts.next(), parts.next()) {
        (Some(platform), Some(kind), Some(url)) => Ok(LinkEntry { platform, kind, url }),
        _ => Err("a link is PLATFORM,KIND,URL".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_artifact_flag_is_a_path_and_keys() {
        let check = |text: &str, path: &str, platform: Option<&str>, filename: Option<&str>| {
            let entry = parse_artifact(text).unwrap();
            let found = (entry.path.as_str(), entry.platform.as_deref(), entry.filename.as_deref());
            assert_eq!(found, (path, platform, filename), "{text}");
        };
        check("a.apk", "a.apk", None, None);
        check("a, b=c.apk", "a, b=c.apk", None, None);
        check("a,b.zip,platform=linux,filename=x=y", "a,b.zip", Some("linux"), Some("x=y"));
        for bad in ["", ",kind=apk", "a,platfrom=ios", "a,kind=apk,kind=ipa"] {
            assert!(parse_artifact(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_link_flag_has_three_parts() {
        let link = parse_link("ios,testflight,https://a/?b=1,2").unwrap();
        assert_eq!((link.kind.as_str(), link.url.as_str()), ("testflight", "https://a/?b=1,2"));
        assert!(parse_link("ios,https://a").is_err());
    }

    #[test]
    fn releases_are_made_at_whole_seconds() {
        let moment = to_seconds("2026-11-22T09:00:00.987Z".parse().unwrap());
        assert_eq!(moment.to_string(), "2026-11-22T09:00:00Z");
    }
}
