//! `dist token`: credentials.

use clap::{Args, Subcommand};
use jiff::Timestamp;
use protocol::api::{CreateToken, CreatedToken, RotateToken, Token, Tokens};
use protocol::scope::ParseScopeError;
use protocol::{ErrorCode, Scope, paths};

use crate::client::Repeat;
use crate::error::CliError;
use crate::session::Session;
use crate::ui::{Align, Look, Table, parse_seconds};

/// Create, list, rotate and revoke tokens.
#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    Create(CreateArgs),
    List(ListArgs),
    Rotate(RotateArgs),
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

/// Create a token in place of another
///
/// Same name, scopes and lifetime. The old one works on for a day, or as said. The holder of a token may rotate it with itself.
#[derive(Debug, Args)]
pub(crate) struct RotateArgs {
    /// The token's id, as `dist token list` and `dist whoami` show it
    id: String,
    /// For how long the old one still works, such as 1h or 7d, at most 30d; 0s ends it at once [default: 1d]
    #[arg(long, value_name = "DURATION", value_parser = parse_overlap)]
    overlap: Option<u64>,
}

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
        TokenCommand::Rotate(args) => {
            let request = RotateToken { overlap_seconds: args.overlap };
            let path = paths::rotate_token(&args.id);
            let created: CreatedToken = session.client()?.post(&path, &request, Repeat::OnlyUnsent).await?.value;
            show_created(&created, session)
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
    show_created(&created, session)
}

/// The text of a token on stdout, alone; everything else beside it.
fn show_created(created: &CreatedToken, session: &Session) -> Result<(), CliError> {
    let about = &created.about;
    let expires = about.expires_at.map_or_else(|| "never".to_owned(), |moment| session.output.look.when(moment));
    let scopes = scopes_text(about);
    session.terminal.note(&format!("{} ({}) may {scopes}; expires {expires}. Shown this once:", about.name, about.id));
    session.output.answer(created, |_, created| format!("{}\n", created.token))
}

fn scopes_text(token: &Token) -> String {
    token.scopes.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// As [`parse_seconds`], or nothing at all.
fn parse_overlap(text: &str) -> Result<u64, String> {
    if matches!(text, "0" | "0s") { Ok(0) } else { parse_seconds(text) }
}

fn state(token: &Token, now: Timestamp, look: &Look) -> String {
    match (token.revoked_at, token.expires_at) {
        (Some(moment), _) => format!("revoked {}", look.when(moment)),
        (None, Some(moment)) if moment <= now => format!("expired {}", look.when(moment)),
        (None, Some(moment)) => format!("expires {}", look.when(moment)),
        (None, None) => "never expires".to_owned(),
    }
}

fn used(token: &Token, look: &Look) -> String {
    let when = token.used_at.map_or_else(|| "never".to_owned(), |moment| look.when(moment));
    token.used_from.as_ref().map_or(when.clone(), |from| format!("{when} from {from}"))
}

fn render_list(look: &Look, tokens: &Tokens) -> String {
    let mut table = Table::new(&[
        ("id", Align::Left),
        ("name", Align::Left),
        ("scopes", Align::Left),
        ("created", Align::Left),
        ("by", Align::Left),
        ("used", Align::Left),
        ("state", Align::Left),
    ]);
    for token in &tokens.tokens {
        table.row([
            token.id.clone(),
            token.name.clone(),
            scopes_text(token),
            look.when(token.created_at),
            token.created_by.clone(),
            used(token, look),
            state(token, look.now, look),
        ]);
    }
    table.render(look)
}
