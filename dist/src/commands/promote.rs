//! `dist promote`: move a channel to a release.

use clap::Args;
use protocol::api::{ExpectedRelease, Moved, PromoteRequest, Release};
use protocol::{AppSlug, ChannelName, Digest, ErrorCode, Revision, paths};

use super::{parse_name, parse_revision};
use crate::client::{Client, Repeat};
use crate::error::CliError;
use crate::session::Session;
use crate::ui::{Look, gates};

/// Move a channel to a release
#[derive(Debug, Args)]
pub(crate) struct PromoteArgs {
    /// The release, as APP@REV
    #[arg(value_name = "APP@REV")]
    release: String,
    /// The channel to move; made where it does not exist
    channel: String,
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
    let expected = match expect {
        None => ExpectedRelease::Any,
        Some(None) => ExpectedRelease::Nothing,
        Some(Some(revision)) => ExpectedRelease::Release(resolve(&client, &target.app, &revision).await?),
    };
    let request = PromoteRequest { revision: target.revision, expected, reason: args.reason };
    // To the same release twice is the same as once.
    let path = paths::promote(&target.app, &channel);
    let moved: Moved = client.post(&path, &request, Repeat::Freely).await?.value;
    session.output.answer(&moved, render_moved)
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

/// Where a channel was and is, in one sentence.
pub(crate) fn render_moved(_look: &Look, moved: &Moved) -> String {
    let (channel, to) = (&moved.channel, &moved.to.name);
    let sentence = match &moved.from {
        Some(from) if from.id == moved.to.id => format!("{channel} points at {to} already. Nothing moved.\n"),
        Some(from) => format!("{channel} now points at {to} (was {}).\n", from.name),
        None => format!("{channel} now points at {to} (new channel).\n"),
    };
    sentence + &gates(&moved.gates)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use protocol::api::ReleaseRef;

    use super::*;
    use crate::ui::Times;

    #[test]
    fn a_move_is_told_with_where_it_came_from() {
        let look = Look { now: Timestamp::UNIX_EPOCH, times: Times::Relative, width: None, colour: false };
        let release = |name: &str| ReleaseRef { id: Digest::of(name.as_bytes()), name: name.parse().unwrap() };
        let check = |from: Option<&str>, expected: &str| {
            let moved = Moved {
                channel: "beta".parse().unwrap(),
                from: from.map(release),
                to: release("2.4.0+241"),
                gates: Vec::new(),
            };
            assert_eq!(render_moved(&look, &moved), expected);
        };
        check(Some("2.3.9+238"), "beta now points at 2.4.0+241 (was 2.3.9+238).\n");
        check(Some("2.4.0+241"), "beta points at 2.4.0+241 already. Nothing moved.\n");
        check(None, "beta now points at 2.4.0+241 (new channel).\n");
    }

    #[test]
    fn what_is_expected_is_a_revision_or_none() {
        assert_eq!(parse_expect("none").unwrap(), None);
        assert_eq!(parse_expect("2.4.0").unwrap().unwrap().to_string(), "2.4.0");
        assert_eq!(parse_expect("?").unwrap_err().code(), ErrorCode::RevisionInvalid);
    }
}
