//! `dist token`: credentials.

use clap::{Args, Subcommand};
use jiff::{Span, SpanRelativeTo, Timestamp, Unit};
use protocol::api::{CreateToken, CreatedToken, Token, Tokens};
use protocol::scope::ParseScopeError;
use protocol::{ErrorCode, Scope, paths};

use crate::client::Repeat;
use crate::error::CliError;
use crate::session::Session;
use crate::ui::{Align, Look, Table};

/// Create, list and revoke tokens.
#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    Create(CreateArgs),
    List(ListArgs),
    Revoke(RevokeArgs),
}

/// Create a token
///
/// Prints its text on stdout, alone: it is shown this once.
#[derive(Debug, Args)]
pub(crate) struct CreateArgs {
    /// Who it will be in reflogs and in the audit log
    #[arg(long, value_name = "NAME")]
    name: String,
    /// What it may do: ACTION[:APP[/CHANNEL]], such as publish:acme/beta. Repeatable, or separated by commas
    ///
    /// Actions are read, publish, promote and admin; * stands for every app or channel.
    #[arg(long = "scope", value_name = "SCOPE", required = true, value_delimiter = ',')]
    scopes: Vec<String>,
    /// For how long it works, such as 12h, 30d or 8w [default: 90d]
    #[arg(long, value_name = "DURATION", value_parser = parse_seconds, conflicts_with = "never")]
    expires: Option<u64>,
    /// Let it work until it is revoked
    #[arg(long)]
    never: bool,
}

/// List all tokens, without their secrets
#[derive(Debug, Args)]
pub(crate) struct ListArgs {}

/// Revoke a token
///
/// It stops working at once and stays in the list.
#[derive(Debug, Args)]
pub(crate) struct RevokeArgs {
    /// The token's id, as `dist token list` shows it
    id: String,
}

/// Runs `dist token …`.
///
/// # Errors
/// What the server refuses.
pub(crate) async fn run(command: TokenCommand, session: &Session) -> Result<(), CliError> {
    match command {
        TokenCommand::Create(args) => create(args, session).await,
        TokenCommand::List(ListArgs {}) => {
            let tokens: Tokens = session.client()?.get(paths::TOKENS).await?;
            session.output.answer(&tokens, render_list)
        }
        TokenCommand::Revoke(args) => {
            let token: Token = session.client()?.delete(&paths::token(&args.id)).await?;
            session.output.answer(&token, |_, token| format!("{} ({}) is revoked.\n", token.name, token.id))
        }
    }
}

async fn create(args: CreateArgs, session: &Session) -> Result<(), CliError> {
    let parse = |text: &String| {
        text.trim().parse().map_err(|error: ParseScopeError| CliError::new(ErrorCode::ScopeInvalid, error))
    };
    let scopes = args.scopes.iter().map(parse).collect::<Result<Vec<Scope>, _>>()?;
    let request = CreateToken { name: args.name, scopes, expires_in_seconds: args.expires, never_expires: args.never };
    // A lost answer loses a token that nobody knows; a repetition would make a second one.
    let created: CreatedToken = session.client()?.post(paths::TOKENS, &request, Repeat::OnlyUnsent).await?.value;
    let about = &created.about;
    let expires = about.expires_at.map_or_else(|| "never".to_owned(), |moment| session.output.look.when(moment));
    let scopes = scopes_text(about);
    session.terminal.note(&format!("{} ({}) may {scopes}; expires {expires}. Shown this once:", about.name, about.id));
    session.output.answer(&created, |_, created| format!("{}\n", created.token))
}

fn scopes_text(token: &Token) -> String {
    token.scopes.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// A duration in hours, days or weeks, in seconds. A day has 24 hours.
fn parse_seconds(text: &str) -> Result<u64, String> {
    let wrong = || format!("{text:?} is not a duration such as 30d");
    let span: Span = text.parse().map_err(|_| wrong())?;
    let seconds = span.total((Unit::Second, SpanRelativeTo::days_are_24_hours())).map_err(|_| wrong())?;
    // A duration of years still is far below what a float holds exactly.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked to be a small positive number"
    )]
    if (1.0..1e12).contains(&seconds) { Ok(seconds as u64) } else { Err(wrong()) }
}

fn state(token: &Token, now: Timestamp, look: &Look) -> String {
    match (token.revoked_at, token.expires_at) {
        (Some(moment), _) => format!("revoked {}", look.when(moment)),
        (None, Some(moment)) if moment <= now => format!("expired {}", look.when(moment)),
        (None, Some(moment)) => format!("expires {}", look.when(moment)),
        (None, None) => "never expires".to_owned(),
    }
}

fn render_list(look: &Look, tokens: &Tokens) -> String {
    let mut table = Table::new(&[
        ("id", Align::Left),
        ("name", Align::Left),
        ("scopes", Align::Left),
        ("created", Align::Left),
        ("by", Align::Left),
        ("state", Align::Left),
    ]);
    for token in &tokens.tokens {
        table.row([
            token.id.clone(),
            token.name.clone(),
            scopes_text(token),
            look.when(token.created_at),
            token.created_by.clone(),
            state(token, look.now, look),
        ]);
    }
    table.render(look)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_in_the_units_of_the_language() {
        let check = |text: &str, expected: u64| assert_eq!(parse_seconds(text), Ok(expected), "{text}");
        check("30d", 30 * 86_400);
        check("12h", 12 * 3_600);
        check("2w", 14 * 86_400);
        check("1d 12h", 36 * 3_600);
        check("90 days", 90 * 86_400);
        for bad in ["", "30", "0d", "-3d", "1 month", "soon"] {
            assert!(parse_seconds(bad).is_err(), "{bad}");
        }
    }
}
