//! `dist ci stage`: one job's part of a release that several put together.

use clap::Args;
use protocol::publish::Staged;
use protocol::{ErrorCode, PartName};

use super::Identify;
use crate::commands::parse_name;
use crate::commands::push::summary;
use crate::commands::release::{PublishArgs, ReleaseArgs, stage_release};
use crate::error::CliError;
use crate::publish::Part;
use crate::session::Session;
use crate::ui::{Look, artifact_table};

/// Upload one job's part of a release that several jobs put together
///
/// Nothing of it is visible before `dist ci finalize`. Running the job again replaces its part. A part that is not used goes away
/// after 7 days, unless the server is told otherwise. The artifacts are those of this job: give them with --artifact where
/// dist.json lists those of the others too.
#[derive(Debug, Args)]
pub(crate) struct StageArgs {
    /// What this part is called, such as linux
    #[arg(long, value_name = "NAME")]
    part: String,
    /// How many parts the release has in all, shown as "3 of 5 parts". In a GitHub matrix: ${{ strategy.job-total }}
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=64))]
    of: Option<u32>,
    #[command(flatten)]
    release: ReleaseArgs,
    #[command(flatten)]
    how: PublishArgs,
    #[command(flatten)]
    who: Identify,
}

/// Runs `dist ci stage`.
///
/// # Errors
/// Whatever keeps the part from being staged.
pub(super) async fn run(args: StageArgs, session: &Session) -> Result<(), CliError> {
    let name: PartName = parse_name(&args.part, ErrorCode::Usage)?;
    let part = Part { name: name.clone(), of: args.of };
    let staged = stage_release(args.release, args.how, (&part, &args.who.audience), session).await?;
    let (app, release) = (&staged.app, &staged.stage.release);
    session.terminal.note(&format!("staged {name} of {app} {release}: {}", summary(&staged.transfer)));
    session.output.answer(&staged, render)
}

fn render(look: &Look, staged: &Staged) -> String {
    let stage = &staged.stage;
    let name = look.bold(&format!("{} {}", staged.app, stage.release));
    let head = format!("{} of {name} is staged. It expires {}.\n", stage.part, look.when(stage.expires_at));
    let blank = vec![String::new(); stage.artifacts.len()];
    let table = artifact_table(look, &stage.artifacts, ("", blank));
    if table.is_empty() { head } else { format!("{head}\n{table}") }
}
