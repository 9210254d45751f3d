//! `dist app`: the products on the server.

use clap::{Args, Subcommand, ValueEnum};
use protocol::api::{Access, App, Apps, CreateApp, UpdateApp};
use protocol::{AppRules, ChannelName, ErrorCode, paths};

use super::rules::{self, RulesArgs};
use super::{parse_app, parse_name};
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
    Access(AccessArgs),
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

/// Say who may see and download an app's releases
///
/// With --channel, who may see what that channel points at or pointed at, whatever the app's own access is.
#[derive(Debug, Args)]
pub(crate) struct AccessArgs {
    /// The app
    slug: String,
    /// Who may
    #[arg(value_enum)]
    access: AccessWord,
    /// For one channel
    #[arg(long, value_name = "CHANNEL")]
    channel: Option<String>,
}

/// Who may see and download an app's releases.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum AccessWord {
    /// Anyone who reaches the server
    Public,
    /// Holders of a capability link, or of a token that may read the app
    Link,
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
        AppCommand::Access(args) => access(args, session).await,
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
    let request = CreateApp { slug: parse_app(&args.slug)?, name: args.name, access: args.access.into() };
    let app: App = session.client()?.post(paths::APPS, &request, Repeat::OnlyUnsent).await?.value;
    session.output.answer(&app, |_, app| {
        let slug = &app.slug;
        format!("{slug} is created. `dist push --app {slug}` publishes its first release.\n")
    })
}

impl From<AccessWord> for Access {
    fn from(word: AccessWord) -> Self {
        match word {
            AccessWord::Public => Access::Public,
            AccessWord::Link => Access::Link,
            AccessWord::Token => Access::Token,
        }
    }
}

async fn access(args: AccessArgs, session: &Session) -> Result<(), CliError> {
    let (slug, client) = (parse_app(&args.slug)?, session.client()?);
    let access = Access::from(args.access);
    let Some(channel) = args.channel else {
        let request = UpdateApp { name: None, access: Some(access) };
        let app: App = client.patch(&paths::app(&slug), &request).await?;
        return session.output.answer(&app, |_, app| format!("{} is for {} now.\n", app.slug, audience(app.access)));
    };
    let channel: ChannelName = parse_name(&channel, ErrorCode::ChannelInvalid)?;
    let path = paths::rules(&slug);
    let mut rules: AppRules = client.get(&path).await?;
    rules.access.insert(channel.clone(), access);
    let rules: AppRules = client.put(&path, &rules).await?;
    session.output.answer(&rules, |_, _| format!("{slug} {channel} is for {} now.\n", audience(access)))
}

fn audience(access: Access) -> &'static str {
    match access {
        Access::Public => "anyone who reaches the server",
        Access::Link => "holders of a link or a token",
        Access::Token => "holders of a token",
    }
}

fn render(look: &Look, app: &App) -> String {
    let mut facts = vec![
        ("app", app.slug.to_string()),
        ("name", app.name.clone()),
        ("access", app.access.as_str().to_owned()),
        ("releases", app.releases.to_string()),
        ("created", format!("{} by {}", look.when(app.created_at), app.created_by)),
    ];
    if let Some(mirror) = &app.mirror {
        let updated =
            mirror.updated_at.map_or_else(|| "not yet equal".to_owned(), |at| format!("equal {}", look.when(at)));
        facts.push(("mirror of", format!("{}, {updated}", mirror.source)));
    }
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
