//! `dist gc`: deletes what nothing names any more.

use clap::Args;
use protocol::api::{GcReport, GcRequest};
use protocol::{ByteSize, paths};

use crate::client::Repeat;
use crate::error::CliError;
use crate::session::Session;
use crate::ui::{Align, Look, Table};

/// Delete what nothing names any more on the server
///
/// In two steps: what no ref, reflog, stage or upload names is put into the trash, and deleted by a later run where nothing
/// names it still after the grace period. Uploads that nobody went on with are dropped, and releases give up their artifacts
/// where the app's retention says so. Runs beside pushes. Needs the scope admin.
#[derive(Debug, Args)]
pub(crate) struct GcArgs {
    /// Change nothing; show what would be done
    #[arg(long)]
    dry_run: bool,
}

/// Runs `dist gc`.
///
/// # Errors
/// What the server refuses.
pub(crate) async fn run(args: GcArgs, session: &Session) -> Result<(), CliError> {
    let request = GcRequest { dry_run: args.dry_run };
    let report: GcReport = session.client()?.post(paths::STORE_GC, &request, Repeat::Freely).await?.value;
    session.output.answer(&report, render)
}

fn render(look: &Look, report: &GcReport) -> String {
    let mut table = Table::new(&[("what", Align::Left), ("of", Align::Left), ("size", Align::Right)]);
    for release in &report.expired {
        let name = format!("{} {}", release.app, release.name);
        table.row(["gives up".to_owned(), name, ByteSize(release.size).to_string()]);
    }
    for upload in &report.abandoned {
        let name = format!("upload of {} to {}", upload.digest.short(), upload.app);
        table.row(["drops".to_owned(), name, ByteSize(upload.partial).to_string()]);
    }
    for copy in &report.left_copies {
        let name = format!("copy of {} ({})", copy.digest.short(), copy.owner);
        table.row(["drops".to_owned(), name, ByteSize(copy.partial).to_string()]);
    }
    for object in &report.trashed {
        table.row(["trashes".to_owned(), object.digest.short(), ByteSize(object.size).to_string()]);
    }
    for digest in &report.restored {
        table.row(["takes back".to_owned(), digest.short(), String::new()]);
    }
    for object in &report.deleted {
        table.row(["deletes".to_owned(), object.digest.short(), ByteSize(object.size).to_string()]);
    }
    let freed = ByteSize(report.freed_bytes());
    let table = if table.is_empty() { String::new() } else { table.render(look) + "\n" };
    let held = report.held.as_ref().map(|reason| format!("Nothing is deleted now: {reason}.\n")).unwrap_or_default();
    let end = match (report.is_empty(), report.dry_run) {
        (true, _) => "There is nothing to delete.\n".to_owned(),
        (false, true) => format!("{freed} would be free; nothing was changed.\n"),
        (false, false) => format!("{freed} are free.\n"),
    };
    table + &held + &end
}
