//! `dist diff`: what differs between two releases.

use clap::Args;
use protocol::api::CompareQuery;
use protocol::compare::Comparison;
use protocol::{AppSlug, RevisionRange, Selection, paths};

use super::{parse_revision, parse_selection};
use crate::error::CliError;
use crate::session::Session;
use crate::ui::{Part, render_diff};

/// More files than two archives can list.
const ALL_FILES: u32 = 1_000_000;

/// Show what differs between two releases
///
/// Artifacts that were added, removed or changed; what they say of themselves, such as version, lowest system, permissions,
/// entitlements, signer and profile; files inside archives; links and notes. Written APP@A APP@B or APP@A..B. Unlike in
/// `dist log`, A..B means the two ends, whether or not B came from A.
#[derive(Debug, Args)]
pub(crate) struct DiffArgs {
    /// The older release, or both as APP@A..B
    #[arg(value_name = "APP@A")]
    from: String,
    /// The newer release
    #[arg(value_name = "APP@B")]
    to: Option<String>,
    /// One line for each artifact
    #[arg(long)]
    stat: bool,
    /// List every file inside archives that differs, not only those whose size changed most
    #[arg(long, conflicts_with = "stat")]
    files: bool,
}

/// Runs `dist diff`.
///
/// # Errors
/// What the server refuses.
pub(crate) async fn run(args: &DiffArgs, session: &Session) -> Result<(), CliError> {
    let (app, range) = parse_ends(&args.from, args.to.as_deref())?;
    let query = CompareQuery { files: args.files.then_some(ALL_FILES) };
    let comparison: Comparison = session.client()?.get_query(&paths::compare(&app, &range), &query).await?;
    let part = if args.stat { Part::Stat } else { Part::Whole };
    session.output.answer_paged(&comparison, |look, comparison| render_diff(look, &app, comparison, part))
}

fn parse_ends(from: &str, to: Option<&str>) -> Result<(AppSlug, RevisionRange), CliError> {
    let Some(to) = to else {
        let both = parse_selection(from)?;
        return match both.selection {
            Some(Selection::Range(range)) => Ok((both.app, range)),
            _ => Err(CliError::usage(format!("{from:?} is one release, and a difference needs two"))
                .hint("write APP@A APP@B or APP@A..B, such as acme@stable..beta")),
        };
    };
    let (from, to) = (parse_revision(from)?, parse_revision(to)?);
    if from.app != to.app {
        return Err(
            CliError::usage(format!("{from} and {to} are of two apps")).hint("releases are compared within one app")
        );
    }
    Ok((from.app, RevisionRange { from: from.revision, to: to.revision }))
}

#[cfg(test)]
mod tests {
    use protocol::ErrorCode;

    use super::*;

    #[test]
    fn two_releases_of_one_app_are_named_in_either_way() {
        let check = |from, to| {
            let (app, range) = parse_ends(from, to).unwrap();
            assert_eq!(format!("{app}@{range}"), "acme@stable..beta~2");
        };
        check("acme@stable..beta~2", None);
        check("acme@stable", Some("acme@beta~2"));
        let refused = |from, to| parse_ends(from, to).unwrap_err().code();
        assert_eq!(refused("acme@stable", None), ErrorCode::Usage);
        assert_eq!(refused("acme", None), ErrorCode::Usage);
        assert_eq!(refused("acme@stable", Some("other@beta")), ErrorCode::Usage);
        assert_eq!(refused("acme@a..b", Some("acme@beta")), ErrorCode::RevisionInvalid);
    }
}
