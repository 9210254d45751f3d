//! `dist app`: the products on the server.

use clap::{Args, Subcommand, ValueEnum};
use protocol::api::{Access, App, Apps, CreateApp};
use protocol::paths;

use super::parse_app;
use super::rules::{self, RulesArgs};
use crate::client::Repeat;
use crate::error::CliError;
use crate::session::Session;
use crate::ui::{Align, Look, Table, key_values};

/// Create, list and show apps, and what they ask of their artifacts.
#[derive(Debug, Subcommand)]
pub(crate) enum AppCommand {
    Create(CreateArgs),
    List(ListArgs),
    Show(ShowArgs),
    Rules(RulesArgs),
}

/// Create an app
///
/// Its slug is taken for good.
#[derive(Debug, Args)]
pub(crate) struct CreateArgs {
    /// Lowercase letters, digits and dashes
    slug: String,
    /// Its name for people [default: the slug]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Who may see and download its releases
    #[arg(long, value_enum, default_value_t = AccessWord::Token)]
    access: AccessWord,
}

/// List the apps that the token may read
#[derive(Debug, Args)]
pub(crate) struct ListArgs {}

/// Show one app
#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// The app
    slug: String,
}

/// Who may see and download an app's releases.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum AccessWord {
    /// Anyone who reaches the server
    Public,
    /// Holders of a token that may read the app
    Token,
}

/// Runs `dist app …`.
///
/// # Errors
/// What the server refuses.
pub(crate) async fn run(command: AppCommand, session: &Session) -> Result<(), CliError> {
    match command {
        AppCommand::Create(args) => create(args, session).await,
        AppCommand::Rules(args) => rules::run(&args, session).await,
        AppCommand::List(ListArgs {}) => {
            let apps: Apps = session.client()?.get(paths::APPS).await?;
            session.output.answer(&apps, render_list)
        }
        AppCommand::Show(args) => {
            let slug = parse_app(&args.slug)?;
            let app: App = session.client()?.get(&paths::app(&slug)).await?;
            session.output.answer(&app, render)
        }
    }
}

async fn create(args: CreateArgs, session: &Session) -> Result<(), CliError> {
    let access = match args.access {
        AccessWord::Public => Access::Public,
        AccessWord::Token => Access::Token,
    };
    let request = CreateApp { slug: parse_app(&args.slug)?, name: args.name, access };
    let app: App = session.client()?.post(paths::APPS, &request, Repeat::OnlyUnsent).await?.value;
    session.output.answer(&app, |_, app| {
        let slug = &app.slug;
        format!("{slug} is created. `dist push --app {slug}` publishes its first release.\n")
    })
}

fn render(look: &Look, app: &App) -> String {
    let facts = [
        ("app", app.slug.to_string()),
        ("name", app.name.clone()),
        ("access", app.access.as_str().to_owned()),
        ("releases", app.releases.to_string()),
        ("created", format!("{} by {}", look.when(app.created_at), app.created_by)),
    ];
    key_values(look, &facts)
}

fn render_list(look: &Look, apps: &Apps) -> String {
    let mut table = Table::new(&[
        ("app", Align::Left),
        ("name", Align::Left),
        ("access", Align::Left),
        ("releases", Align::Right),
        ("created", Align::Left),
    ]);
    for app in &apps.apps {
        table.row([
            app.slug.to_string(),
            app.name.clone(),
            app.access.as_str().to_owned(),
            app.releases.to_string(),
            look.when(app.created_at),
        ]);
    }
    if table.is_empty() {
        "No apps that you may read. `dist app create SLUG` makes one.\n".to_owned()
    } else {
        table.render(look)
    }
}
