//! `dist link`: capability links.

use clap::{Args, Subcommand};
use jiff::Timestamp;
use protocol::api::{CreateLink, Link, Links, RotateKey, RotatedKey};
use protocol::paths;

use super::{parse_app, parse_channel_of_app};
use crate::client::Repeat;
use crate::error::CliError;
use crate::session::Session;
use crate::ui::{Align, Look, Table, parse_seconds};

/// Create, list and revoke links that open a channel to whoever has them.
#[derive(Debug, Subcommand)]
pub(crate) enum LinkCommand {
    Create(CreateArgs),
    List(ListArgs),
    Revoke(RevokeArgs),
    RotateKey(RotateKeyArgs),
}

/// Create a link
///
/// Whoever has it sees what the channel points at and downloads its files, without a token. The app's access, or the channel's,
/// has to be link or public: see `dist app access`.
#[derive(Debug, Args)]
pub(crate) struct CreateArgs {
    /// The channel, as APP@CHANNEL
    #[arg(value_name = "APP@CHANNEL")]
    channel: String,
    /// For how long it works, such as 12h, 7d or 8w [default: 30d]
    #[arg(long, value_name = "DURATION", value_parser = parse_seconds)]
    expires: Option<u64>,
    /// How many downloads it is good for [default: any number]
    #[arg(long, value_name = "N")]
    uses: Option<u64>,
    /// Whom it is for
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
}

/// List the links of an app, with their addresses
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// The app
    app: String,
}

/// Revoke a link
///
/// It stops working at once, and so do downloads begun through it.
#[derive(Debug, Args)]
pub(crate) struct RevokeArgs {
    /// The app
    app: String,
    /// The link's id, as `dist link list` shows it
    id: String,
}

/// Sign links with a new key from now on
#[derive(Debug, Args)]
pub(crate) struct RotateKeyArgs {
    /// End every link that an older key signed, of every app
    #[arg(long)]
    drop_old: bool,
}

/// Runs `dist link …`.
///
/// # Errors
/// What the server refuses.
pub(crate) async fn run(command: LinkCommand, session: &Session) -> Result<(), CliError> {
    let client = session.client()?;
    let address = |link: &Link| client.server().join(&link.path);
    match command {
        LinkCommand::Create(args) => {
            let (app, channel) = parse_channel_of_app(&args.channel)?;
            let request =
                CreateLink { channel, expires_in_seconds: args.expires, max_uses: args.uses, note: args.note };
            // A repetition would make a second one.
            let link: Link = client.post(&paths::links(&app), &request, Repeat::OnlyUnsent).await?.value;
            session.terminal.note(&about(&session.output.look, &link));
            session.output.answer(&link, |_, link| format!("{}\n", address(link)))
        }
        LinkCommand::List(args) => {
            let links: Links = client.get(&paths::links(&parse_app(&args.app)?)).await?;
            session.output.answer(&links, |look, links| render_list(look, links, &address))
        }
        LinkCommand::Revoke(args) => {
            let link: Link = client.delete(&paths::link(&parse_app(&args.app)?, &args.id)).await?;
            session.output.answer(&link, |_, link| format!("The link {} to {} is revoked.\n", link.id, link.channel))
        }
        LinkCommand::RotateKey(args) => {
            let request = RotateKey { drop_old: args.drop_old };
            let key: RotatedKey = client.post(paths::ROTATE_KEY, &request, Repeat::OnlyUnsent).await?.value;
            let rest = if args.drop_old { "Every link made before has ended." } else { "Links made before work on." };
            session.output.answer(&key, |_, key| format!("Links are signed with the key {} now. {rest}\n", key.key))
        }
    }
}

fn about(look: &Look, link: &Link) -> String {
    let uses = link.max_uses.map(|uses| format!(", for {uses} downloads")).unwrap_or_default();
    format!("{} opens {} {} until {}{uses}:", link.id, link.app, link.channel, look.when(link.expires_at))
}

fn state(look: &Look, link: &Link, now: Timestamp) -> String {
    if let Some(moment) = link.revoked_at {
        return format!("revoked {}", look.when(moment));
    }
    let is_used_up = link.max_uses.is_some_and(|uses| link.uses >= uses);
    match link.expires_at <= now {
        true => format!("ended {}", look.when(link.expires_at)),
        false if is_used_up => "used up".to_owned(),
        false => format!("ends {}", look.when(link.expires_at)),
    }
}

fn render_list(look: &Look, links: &Links, address: &dyn Fn(&Link) -> String) -> String {
    let mut table = Table::new(&[
        ("id", Align::Left),
        ("channel", Align::Left),
        ("for", Align::Left),
        ("downloads", Align::Right),
        ("state", Align::Left),
        ("by", Align::Left),
        ("address", Align::Left),
    ]);
    for link in &links.links {
        let uses = link.max_uses.map_or_else(|| link.uses.to_string(), |most| format!("{} of {most}", link.uses));
        let state = state(look, link, look.now);
        let works = state.starts_with("ends");
        table.row([
            link.id.clone(),
            link.channel.to_string(),
            link.note.clone().unwrap_or_default(),
            uses,
            state,
            link.created_by.clone(),
            if works { address(link) } else { String::new() },
        ]);
    }
    if table.is_empty() { "No links to channels that you may promote to.\n".to_owned() } else { table.render(look) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::Times;

    #[test]
    fn a_list_says_what_each_link_is_still_good_for() {
        let now: Timestamp = "2026-11-22T12:00:00Z".parse().unwrap();
        let look = Look { now, times: Times::Relative, width: None, colour: false };
        let link = |max_uses, uses, expires: &str, revoked: Option<&str>| Link {
            id: "0123456789abcdef".to_owned(),
            app: "acme".parse().unwrap(),
            channel: "beta".parse().unwrap(),
            note: Some("Ana".to_owned()),
            created_at: "2026-11-20T12:00:00Z".parse().unwrap(),
            created_by: "admin".to_owned(),
            expires_at: expires.parse().unwrap(),
            max_uses,
            uses,
            revoked_at: revoked.map(|at| at.parse().unwrap()),
            path: "/l/x".to_owned(),
        };
        let links = Links {
            links: vec![
                link(None, 3, "2026-11-29T12:00:00Z", None),
                link(Some(2), 2, "2026-11-29T12:00:00Z", None),
                link(Some(2), 1, "2026-11-21T12:00:00Z", None),
                link(None, 0, "2026-11-29T12:00:00Z", Some("2026-11-22T11:00:00Z")),
            ],
        };
        let text = render_list(&look, &links, &|link| format!("https://dist.example.com{}", link.path));
        insta::assert_snapshot!(text, @r"
        id                channel  for  downloads  state               by     address
        0123456789abcdef  beta     Ana          3  ends in 7 days      admin  https://dist.example.com/l/x
        0123456789abcdef  beta     Ana     2 of 2  used up             admin
        0123456789abcdef  beta     Ana     1 of 2  ended 1 day ago     admin
        0123456789abcdef  beta     Ana          0  revoked 1 hour ago  admin
        ");
    }
}
