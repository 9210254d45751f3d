//! `dist revoke`, `dist restore`: withdraw a release, and bring it back.

use clap::Args;
use protocol::api::{RestoreRequest, RevokeRequest, Withdrawn};
use protocol::paths;

use super::parse_revision;
use crate::client::Repeat;
use crate::error::CliError;
use crate::session::Session;
use crate::ui::{printable, render_rollback};

/// Withdraw a release
///
/// It is kept and shown, struck through, and can no longer be promoted, installed or downloaded: whoever tries is told why.
/// Refused while a channel points at it, unless --rollback takes those channels back and pins them. `dist restore` undoes it.
#[derive(Debug, Args)]
pub(crate) struct RevokeArgs {
    /// The release, as APP@REV
    #[arg(value_name = "APP@REV")]
    release: String,
    /// Why: whoever tries to download it is told
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Roll back the channels that point at it, and pin them
    #[arg(long)]
    rollback: bool,
}

/// Bring a release that was revoked back into use
///
/// Channels stay where they are.
#[derive(Debug, Args)]
pub(crate) struct RestoreArgs {
    /// The release, as APP@REV
    #[arg(value_name = "APP@REV")]
    release: String,
    /// Why, for the audit log
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

/// Runs `dist revoke`.
///
/// # Errors
/// What the server refuses.
pub(crate) async fn revoke(args: RevokeArgs, session: &Session) -> Result<(), CliError> {
    let target = parse_revision(&args.release)?;
    let request = RevokeRequest { reason: args.reason, rollback: args.rollback };
    // A channel names another release once it was rolled back, so a request that may have been carried out is not repeated.
    let path = paths::revoke(&target.app, &target.revision);
    let done: Withdrawn = session.client()?.post(&path, &request, Repeat::OnlyUnsent).await?.value;
    session.output.answer(&done, |look, done| {
        let name = look.bold(&format!("{} {}", target.app, done.release.name));
        let why = done.revoked.as_ref().map(|revoked| printable(&revoked.reason)).unwrap_or_default();
        let mut text = format!("{name} is revoked: {why}.\nIt can no longer be promoted, installed or downloaded.\n");
        for moved in &done.moved {
            text.push('\n');
            text += &render_rollback(look, target.app.as_str(), moved);
        }
        text
    })
}

/// Runs `dist restore`.
///
/// # Errors
/// What the server refuses.
pub(crate) async fn restore(args: RestoreArgs, session: &Session) -> Result<(), CliError> {
    let target = parse_revision(&args.release)?;
    let path = paths::restore(&target.app, &target.revision);
    let request = RestoreRequest { reason: args.reason };
    let done: Withdrawn = session.client()?.post(&path, &request, Repeat::Freely).await?.value;
    session.output.answer(&done, |look, done| {
        let name = look.bold(&format!("{} {}", target.app, done.release.name));
        format!("{name} can be promoted, installed and downloaded. Channels stay where they are.\n")
    })
}
