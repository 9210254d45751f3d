//! `dist promote`: move a channel to a release, once its gates have been asked.

use clap::Args;
use protocol::api::{ExpectedRelease, GateResult, Moved, PromoteRequest, Promotion, PromotionQuery, Release};
use protocol::{AppSlug, ChannelName, Digest, ErrorCode, Gate, GateCode, Revision, paths};
use serde_json::json;

use super::{parse_name, parse_revision};
use crate::client::{Client, Repeat};
use crate::error::CliError;
use crate::session::Session;
use crate::ui::{Format, Look, render_moved, render_passed, render_promotion, render_refusal};

/// Move a channel to a release
///
/// Asks the channel's gates first. With --dry-run, shows from where to where it would go, what lies between and what each gate
/// says, and exits 6 where one blocks. The channel moves only if it still is where it was when its gates were asked; two
/// promotions at once do not undo each other.
#[derive(Debug, Args)]
pub(crate) struct PromoteArgs {
    /// The release, as APP@REV
    #[arg(value_name = "APP@REV")]
    release: String,
    /// The channel to move; made where it does not exist
    channel: String,
    /// Show what would happen, and change nothing
    #[arg(long, short = 'n')]
    dry_run: bool,
    /// Show the releases in between with their notes
    #[arg(long)]
    notes: bool,
    /// Go ahead although this gate blocks, such as macos-unsigned; needs --reason and the scope override:APP/CHANNEL. Repeatable
    #[arg(long = "override", value_name = "GATE", requires = "reason")]
    overrides: Vec<GateCode>,
    /// Refuse unless the channel points there now: any revision, or none for a channel that does not exist
    #[arg(long, value_name = "REV")]
    expect: Option<String>,
    /// Why, for the reflog and the audit log
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

/// Runs `dist promote`.
///
/// # Errors
/// What the server refuses.
pub(crate) async fn run(args: PromoteArgs, session: &Session) -> Result<(), CliError> {
    let target = parse_revision(&args.release)?;
    let channel: ChannelName = parse_name(&args.channel, ErrorCode::ChannelInvalid)?;
    let expect = args.expect.as_deref().map(parse_expect).transpose()?;
    let client = session.client()?;
    let query = PromotionQuery { revision: target.revision.to_string() };
    let plan: Promotion = client.get_query(&paths::promotion(&target.app, &channel), &query).await?;
    let expected = match expect {
        None => plan.from.as_ref().map_or(ExpectedRelease::Nothing, |from| ExpectedRelease::Release(from.id)),
        Some(None) => ExpectedRelease::Nothing,
        Some(Some(revision)) => ExpectedRelease::Release(resolve(&client, &target.app, &revision).await?),
    };
    let blocks: Vec<&GateResult> =
        plan.report.blocks().filter(|result| !is_overridden(result, &args.overrides)).collect();
    let show = |look: &Look, plan: &Promotion| {
        render_promotion(look, plan) + &if args.notes { render_passed(look, plan) } else { String::new() }
    };
    if !blocks.is_empty() {
        let whole = |look: &Look| show(look, &plan) + &render_refusal(look, &plan, &blocks);
        return Err(refuse(&plan, &blocks, session, args.dry_run, whole)?);
    }
    if args.dry_run {
        return session.output.answer(&plan, show);
    }
    let revision = Revision::release(&plan.to.name);
    let request = PromoteRequest { revision, expected, overrides: args.overrides, reason: args.reason };
    let moved = promote(&client, &target.app, &channel, &request, &plan).await?;
    let notes = |look: &Look| if args.notes { render_passed(look, &plan) } else { String::new() };
    session.output.answer(&moved, |look, moved| render_moved(look, moved, plan.ahead) + &notes(look))
}

async fn promote(
    client: &Client,
    app: &AppSlug,
    channel: &ChannelName,
    request: &PromoteRequest,
    plan: &Promotion,
) -> Result<Moved, CliError> {
    match client.post::<_, Moved>(&paths::promote(app, channel), request, Repeat::Freely).await {
        // Our own move of a moment ago, whose answer was lost, or someone else's of the same kind: it is there.
        Err(error)
            if error.code() == ErrorCode::RefMoved && is_there(&error, plan) && request.expected == seen(plan) =>
        {
            Ok(Moved::new(channel.clone(), Some(plan.to.clone()), plan.to.clone()))
        }
        outcome => outcome.map(|answer| answer.value),
    }
}

/// Where the plan saw the channel.
fn seen(plan: &Promotion) -> ExpectedRelease {
    plan.from.as_ref().map_or(ExpectedRelease::Nothing, |from| ExpectedRelease::Release(from.id))
}

fn is_there(error: &CliError, plan: &Promotion) -> bool {
    error.facts()["actual"].as_str() == Some(plan.to.id.to_string().as_str())
}

fn is_overridden(result: &GateResult, overrides: &[GateCode]) -> bool {
    result.gate.gate.can_be_overridden() && overrides.iter().any(|named| result.gate.is_meant_by(*named))
}

/// The error of a promotion that gates block. Shows the person the whole plan: as the answer to who asked for no more, and else
/// as what went wrong.
fn refuse(
    plan: &Promotion,
    blocks: &[&GateResult],
    session: &Session,
    is_answer: bool,
    render: impl Fn(&Look) -> String,
) -> Result<CliError, CliError> {
    if session.output.format == Format::Human {
        if is_answer {
            session.output.answer(plan, |look, _| render(look))?;
        } else {
            session.terminal.say(&render(&session.output.look));
        }
    }
    let has = |gate: Gate| blocks.iter().any(|result| result.gate.gate == gate);
    let code = if has(Gate::ReleaseRevoked) {
        ErrorCode::ReleaseRevoked
    } else if has(Gate::ChannelPinned) {
        ErrorCode::ChannelPinned
    } else {
        ErrorCode::GateBlocked
    };
    let why: Vec<String> = blocks.iter().map(|result| format!("{} ({})", result.message, result.gate)).collect();
    let message = format!("{} {}: {}", plan.app, plan.channel, why.join("; "));
    let details = json!({ "gates": plan.report.gates, "promotion": plan });
    Ok(CliError::new(code, message).details(details).told())
}

/// `none`, or a revision.
fn parse_expect(text: &str) -> Result<Option<Revision>, CliError> {
    if text == "none" { Ok(None) } else { parse_name(text, ErrorCode::RevisionInvalid).map(Some) }
}

/// The id of the release that a revision names.
///
/// # Errors
/// What the server refuses.
pub(crate) async fn resolve(client: &Client, app: &AppSlug, revision: &Revision) -> Result<Digest, CliError> {
    if let Ok(id) = Digest::parse(&revision.to_string()) {
        return Ok(id);
    }
    let release: Release = client.get(&paths::release(app, revision)).await?;
    Ok(release.id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_expected_is_a_revision_or_none() {
        assert_eq!(parse_expect("none").unwrap(), None);
        assert_eq!(parse_expect("2.4.0").unwrap().unwrap().to_string(), "2.4.0");
        assert_eq!(parse_expect("?").unwrap_err().code(), ErrorCode::RevisionInvalid);
    }
}
