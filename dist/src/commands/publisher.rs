//! `dist publisher`: pipelines that may publish without a secret.

use clap::{Args, Subcommand};
use protocol::api::{DEFAULT_AUDIENCE, Publisher, PublisherKind, PublisherRule, Publishers};
use protocol::{ErrorCode, paths};

use super::{parse_app, parse_name};
use crate::client::Repeat;
use crate::error::CliError;
use crate::session::Session;
use crate::ui::{Align, Look, Table};

/// Add, list and remove trusted publishers: pipelines that may publish without a secret.
#[derive(Debug, Subcommand)]
pub(crate) enum PublisherCommand {
    Add(Box<AddArgs>),
    List(ListArgs),
    Remove(RemoveArgs),
}

/// Let a pipeline publish an app
///
/// The server then exchanges the identity token of such a job for a token that may publish this app and works for 15 minutes.
/// Everything given has to hold. github and forgejo need --repository-id, --owner-id, --workflow and --ref; gitlab needs all of
/// these but --owner-id; other needs --issuer and --claim.
#[derive(Debug, Args)]
pub(crate) struct AddArgs {
    /// The app
    app: String,
    /// Whose pipelines: github, gitlab, forgejo or other
    #[arg(long, value_name = "KIND")]
    kind: PublisherKind,
    /// The issuer of the identity tokens [default: the public instance of github and gitlab]
    ///
    /// Of Forgejo it is `https://HOST/api/actions`, of GitLab `https://HOST`.
    #[arg(long, value_name = "URL")]
    issuer: Option<String>,
    /// Whom the identity tokens are meant for; `dist ci publish --audience` asks for the same
    #[arg(long, value_name = "TEXT", default_value = DEFAULT_AUDIENCE)]
    audience: String,
    /// The number of the repository, or GitLab's project id
    #[arg(long, value_name = "NUMBER")]
    repository_id: Option<u64>,
    /// The number of the repository's owner, or GitLab's namespace id
    #[arg(long, value_name = "NUMBER")]
    owner_id: Option<u64>,
    /// The file that defines the pipeline, such as acme/app/.github/workflows/release.yml
    ///
    /// On GitLab such as gitlab.com/acme/app//.gitlab-ci.yml. With @REF behind it, only as it is there.
    #[arg(long, value_name = "FILE")]
    workflow: Option<String>,
    /// The branch or tag, such as refs/heads/main or refs/tags/v*
    #[arg(long = "ref", value_name = "REF")]
    reference: Option<String>,
    /// The deployment environment of the job
    #[arg(long, value_name = "NAME")]
    environment: Option<String>,
    /// A further claim and what it has to be. Repeatable
    #[arg(long = "claim", value_name = "NAME=VALUE", value_parser = parse_claim)]
    claims: Vec<(String, String)>,
    /// A channel that a release may move as it is published. Repeatable, or separated by commas
    #[arg(long = "channel", value_name = "CHANNEL", value_delimiter = ',')]
    channels: Vec<String>,
}

/// List the trusted publishers of an app
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// The app
    app: String,
}

/// Remove a trusted publisher from an app
///
/// Tokens that it got work until they expire.
#[derive(Debug, Args)]
pub(crate) struct RemoveArgs {
    /// The app
    app: String,
    /// The publisher's id, as `dist publisher list` shows it
    id: String,
}

/// Runs `dist publisher …`.
///
/// # Errors
/// What the server refuses.
pub(crate) async fn run(command: PublisherCommand, session: &Session) -> Result<(), CliError> {
    match command {
        PublisherCommand::Add(args) => add(*args, session).await,
        PublisherCommand::List(args) => {
            let app = parse_app(&args.app)?;
            let publishers: Publishers = session.client()?.get(&paths::publishers(&app)).await?;
            session.output.answer(&publishers, render_list)
        }
        PublisherCommand::Remove(args) => {
            let app = parse_app(&args.app)?;
            let publisher: Publisher = session.client()?.delete(&paths::publisher(&app, &args.id)).await?;
            session.output.answer(&publisher, |_, it| format!("{} may publish {} no longer.\n", it.id, it.app))
        }
    }
}

async fn add(args: AddArgs, session: &Session) -> Result<(), CliError> {
    let app = parse_app(&args.app)?;
    let channels = args.channels.iter().map(|name| parse_name(name.trim(), ErrorCode::ChannelInvalid));
    let rule = PublisherRule {
        kind: args.kind,
        issuer: args.issuer,
        audience: args.audience,
        repository_id: args.repository_id,
        owner_id: args.owner_id,
        workflow: args.workflow,
        reference: args.reference,
        environment: args.environment,
        claims: args.claims.into_iter().collect(),
        channels: channels.collect::<Result<_, _>>()?,
    };
    let path = paths::publishers(&app);
    let added: Publisher = session.client()?.post(&path, &rule, Repeat::OnlyUnsent).await?.value;
    session.output.answer(&added, |_, added| format!("{} may now publish {}.\n", added.id, added.app))
}

fn parse_claim(text: &str) -> Result<(String, String), String> {
    let parts = text.split_once('=').filter(|(name, value)| !name.is_empty() && !value.is_empty());
    let (name, value) = parts.ok_or("write NAME=VALUE, such as sub=acme/app")?;
    Ok((name.to_owned(), value.to_owned()))
}

/// What a rule pins, in the words of the flags.
fn pinned(rule: &PublisherRule) -> String {
    let number = |name: &str, number: Option<u64>| number.map(|number| format!("{name} {number}"));
    let text = |name: &str, text: &Option<String>| text.as_ref().map(|text| format!("{name} {text}"));
    let pins = [
        number("repository", rule.repository_id),
        number("owner", rule.owner_id),
        text("workflow", &rule.workflow),
        text("ref", &rule.reference),
        text("environment", &rule.environment),
    ];
    let claims = rule.claims.iter().map(|(name, value)| format!("{name}={value}"));
    pins.into_iter().flatten().chain(claims).collect::<Vec<_>>().join(", ")
}

fn render_list(look: &Look, publishers: &Publishers) -> String {
    let mut table = Table::new(&[
        ("id", Align::Left),
        ("kind", Align::Left),
        ("issuer", Align::Left),
        ("audience", Align::Left),
        ("pins", Align::Left),
        ("channels", Align::Left),
        ("added", Align::Left),
    ]);
    for publisher in &publishers.publishers {
        let rule = &publisher.rule;
        table.row([
            publisher.id.clone(),
            rule.kind.to_string(),
            rule.issuer().unwrap_or_default().to_owned(),
            rule.audience.clone(),
            pinned(rule),
            rule.channels.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
            format!("{} by {}", look.when(publisher.created_at), publisher.created_by),
        ]);
    }
    if table.is_empty() {
        "No trusted publishers. `dist publisher add` lets a pipeline publish without a secret.\n".to_owned()
    } else {
        table.render(look)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_may_hold_what_separates_it() {
        assert_eq!(parse_claim("sub=a=b").unwrap(), ("sub".to_owned(), "a=b".to_owned()));
        assert!(parse_claim("sub").is_err() && parse_claim("=x").is_err() && parse_claim("sub=").is_err());
    }
}
