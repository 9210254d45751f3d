//! `dist whoami`: who the token is.

use clap::Args;
use protocol::api::Whoami;
use protocol::paths;

use crate::error::CliError;
use crate::session::Session;
use crate::ui::{Look, key_values};

/// Show who the token is and what it may do
#[derive(Debug, Args)]
pub(crate) struct WhoamiArgs {}

/// The answer of `dist whoami`: the server's, and which server that is.
#[derive(Debug, serde::Serialize)]
struct Answer {
    server: String,
    #[serde(flatten)]
    whoami: Whoami,
}

/// Runs `dist whoami`.
///
/// # Errors
/// What the server refuses.
pub(crate) async fn run(session: &Session) -> Result<(), CliError> {
    let client = session.client()?;
    let whoami = client.get(paths::WHOAMI).await?;
    session.output.answer(&Answer { server: client.server().to_string(), whoami }, render)
}

fn render(look: &Look, answer: &Answer) -> String {
    let who = &answer.whoami;
    let scopes: Vec<String> = who.scopes.iter().map(ToString::to_string).collect();
    let expires = match (&who.token_id, who.expires_at) {
        (None, _) => String::new(),
        (Some(_), None) => "never".to_owned(),
        (Some(_), Some(moment)) => look.when(moment),
    };
    let facts = [
        ("server", format!("{} (version {})", answer.server, who.server_version)),
        ("actor", who.actor.clone()),
        ("token", who.token_id.clone().unwrap_or_default()),
        ("scopes", scopes.join(", ")),
        ("expires", expires),
    ];
    key_values(look, &facts)
}
