//! What a token may do: action × app × channel.
//!
//! A scope is written `action[:app[/channel]]`. Without an app, or with `*`, it holds for every app.
//!
//! | scope | allows |
//! |---|---|
//! | `read:acme` | see and download everything of acme |
//! | `publish:acme` | publish releases of acme; moves no channel |
//! | `publish:acme/beta` | the same, and move beta to a release as it is published |
//! | `publish:acme/*` | the same for every channel of acme |
//! | `promote:acme/beta` | promote to and roll back beta |
//! | `promote:acme` | the same for every channel of acme, and revoke releases |
//! | `override:acme/stable` | override gates of stable; moves no channel by itself |
//! | `admin:acme` | everything with acme, creating it included |
//! | `admin` | everything |
//!
//! `publish`, `promote` and `override` include `read` on the same app.

use std::fmt;
use std::str::FromStr;

use refs::{AppSlug, ChannelName};
use serde::{Deserialize, Serialize};

/// The first part of a scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// See and download.
    Read,
    /// Publish releases.
    Publish,
    /// Move channels.
    Promote,
    /// Override gates of channels.
    Override,
    /// Everything.
    Admin,
}

/// One of several, or all of them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Which<T> {
    All,
    One(T),
}

impl<T: PartialEq> Which<T> {
    fn covers(&self, wanted: &T) -> bool {
        match self {
            Which::All => true,
            Which::One(one) => one == wanted,
        }
    }
}

/// One permission of a token, written `action[:app[/channel]]`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Scope {
    action: Action,
    app: Which<AppSlug>,
    channel: Option<Which<ChannelName>>,
}

/// What an operation needs to be allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need<'a> {
    /// See and download an app's releases.
    Read(&'a AppSlug),
    /// Publish a release of an app.
    Publish(&'a AppSlug),
    /// Move a channel to a release in the commit that publishes it.
    PublishTo(&'a AppSlug, &'a ChannelName),
    /// Promote to or roll back a channel.
    Promote(&'a AppSlug, &'a ChannelName),
    /// Promote to and roll back every channel, and revoke releases.
    PromoteAll(&'a AppSlug),
    /// Override gates of a channel.
    Override(&'a AppSlug, &'a ChannelName),
    /// Change an app itself, or create it.
    AdminApp(&'a AppSlug),
    /// Change what belongs to no app: tokens, the audit log.
    Admin,
}

impl Need<'_> {
    /// The narrowest scope that would do, for the hint of a refusal.
    pub fn narrowest(&self) -> String {
        match self {
            Need::Read(app) => format!("read:{app}"),
            Need::Publish(app) => format!("publish:{app}"),
            Need::PublishTo(app, channel) => format!("publish:{app}/{channel}"),
            Need::Promote(app, channel) => format!("promote:{app}/{channel}"),
            Need::PromoteAll(app) => format!("promote:{app}"),
            Need::Override(app, channel) => format!("override:{app}/{channel}"),
            Need::AdminApp(app) => format!("admin:{app}"),
            Need::Admin => "admin".to_owned(),
        }
    }
}

impl Scope {
    /// The scope that allows everything.
    pub fn admin() -> Self {
        Self { action: Action::Admin, app: Which::All, channel: None }
    }

    /// Whether this scope alone is enough.
    pub fn allows(&self, need: Need<'_>) -> bool {
        match need {
            Need::Read(app) => self.app.covers(app),
            Need::Publish(app) => self.is(&[Action::Publish, Action::Admin], app),
            Need::PublishTo(app, channel) => {
                self.allows(Need::Promote(app, channel))
                    || self.is(&[Action::Publish], app) && self.channel.as_ref().is_some_and(|it| it.covers(channel))
            }
            Need::Promote(app, channel) => self.moves(Action::Promote, app, channel),
            Need::Override(app, channel) => self.moves(Action::Override, app, channel),
            Need::PromoteAll(app) => {
                let is_of_all = matches!(self.channel, None | Some(Which::All));
                self.is(&[Action::Admin], app) || self.is(&[Action::Promote], app) && is_of_all
            }
            Need::AdminApp(app) => self.is(&[Action::Admin], app),
            Need::Admin => self.action == Action::Admin && self.app == Which::All,
        }
    }

    fn moves(&self, action: Action, app: &AppSlug, channel: &ChannelName) -> bool {
        self.is(&[Action::Admin], app)
            || self.is(&[action], app) && self.channel.as_ref().is_none_or(|it| it.covers(channel))
    }

    fn is(&self, actions: &[Action], app: &AppSlug) -> bool {
        actions.contains(&self.action) && self.app.covers(app)
    }
}

/// Text that is not a [`Scope`].
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ParseScopeError {
    /// The action is not one that exists.
    #[error("scope {0:?}: the action is one of read, publish, promote, override, admin")]
    Action(String),
    /// The app is not a slug or `*`.
    #[error("scope {scope:?}: {app:?} is not an app slug or *")]
    App {
        /// The whole scope.
        scope: String,
        /// Its app part.
        app: String,
    },
    /// The channel is not a channel name or `*`.
    #[error("scope {scope:?}: {channel:?} is not a channel name or *")]
    Channel {
        /// The whole scope.
        scope: String,
        /// Its channel part.
        channel: String,
    },
    /// The action takes no channel.
    #[error("scope {0:?}: only publish, promote and override take a channel")]
    NoChannel(String),
}

impl FromStr for Scope {
    type Err = ParseScopeError;

    fn from_str(text: &str) -> Result<Self, ParseScopeError> {
        let (action, rest) = text.split_once(':').unwrap_or((text, "*"));
        let action = match action {
            "read" => Action::Read,
            "publish" => Action::Publish,
            "promote" => Action::Promote,
            "override" => Action::Override,
            "admin" => Action::Admin,
            _ => return Err(ParseScopeError::Action(text.to_owned())),
        };
        let (app, channel) = match rest.split_once('/') {
            Some((app, channel)) => (app, Some(channel)),
            None => (rest, None),
        };
        if channel.is_some() && !matches!(action, Action::Publish | Action::Promote | Action::Override) {
            return Err(ParseScopeError::NoChannel(text.to_owned()));
        }
        Ok(Self {
            action,
            app: parse_which(app)
                .ok_or_else(|| ParseScopeError::App { scope: text.to_owned(), app: app.to_owned() })?,
            channel: channel.map(|channel| parse_channel(text, channel)).transpose()?,
        })
    }
}

fn parse_channel(scope: &str, channel: &str) -> Result<Which<ChannelName>, ParseScopeError> {
    parse_which(channel)
        .ok_or_else(|| ParseScopeError::Channel { scope: scope.to_owned(), channel: channel.to_owned() })
}

fn parse_which<T: FromStr>(text: &str) -> Option<Which<T>> {
    if text == "*" { Some(Which::All) } else { text.parse().ok().map(Which::One) }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.action {
            Action::Read => "read",
            Action::Publish => "publish",
            Action::Promote => "promote",
            Action::Override => "override",
            Action::Admin => "admin",
        })?;
        match (&self.app, &self.channel, self.action) {
            (Which::All, None, Action::Admin) => return Ok(()),
            (Which::All, _, _) => f.write_str(":*")?,
            (Which::One(app), _, _) => write!(f, ":{app}")?,
        }
        match &self.channel {
            None => Ok(()),
            Some(Which::All) => f.write_str("/*"),
            Some(Which::One(channel)) => write!(f, "/{channel}"),
        }
    }
}

impl TryFrom<String> for Scope {
    type Error = ParseScopeError;

    fn try_from(text: String) -> Result<Self, ParseScopeError> {
        text.parse()
    }
}

impl From<Scope> for String {
    fn from(scope: Scope) -> Self {
        scope.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_written_one_way() {
        let check = |text: &str, canonical: &str| assert_eq!(text.parse::<Scope>().unwrap().to_string(), canonical);
        check("admin", "admin");
        check("admin:*", "admin");
        check("admin:acme", "admin:acme");
        check("read", "read:*");
        check("publish:acme/*", "publish:acme/*");
        check("promote:*/beta", "promote:*/beta");
        for bad in ["", "write:acme", "read:Acme", "read:acme/beta", "publish:acme/", "promote:acme/Beta", "admin:a/b"]
        {
            assert!(bad.parse::<Scope>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_scope_allows_what_it_says_and_no_more() {
        let (acme, other): (AppSlug, AppSlug) = ("acme".parse().unwrap(), "other".parse().unwrap());
        let (beta, stable): (ChannelName, ChannelName) = ("beta".parse().unwrap(), "stable".parse().unwrap());
        let needs = [
            Need::Read(&acme),
            Need::Publish(&acme),
            Need::PublishTo(&acme, &beta),
            Need::PublishTo(&acme, &stable),
            Need::Promote(&acme, &beta),
            Need::Promote(&acme, &stable),
            Need::PromoteAll(&acme),
            Need::Override(&acme, &stable),
            Need::AdminApp(&acme),
            Need::Admin,
            Need::Read(&other),
        ];
        let check = |scope: &str, expected: &str| {
            let scope: Scope = scope.parse().unwrap();
            let allowed: String = needs.iter().map(|need| if scope.allows(*need) { 'y' } else { '-' }).collect();
            assert_eq!(allowed, expected, "{scope}");
        };
        check("read:acme", "y----------");
        check("read:*", "y---------y");
        check("publish:acme", "yy---------");
        check("publish:acme/beta", "yyy--------");
        check("publish:acme/*", "yyyy-------");
        check("promote:acme/beta", "y-y-y------");
        check("promote:acme", "y-yyyyy----");
        check("promote:acme/*", "y-yyyyy----");
        check("override:acme", "y------y---");
        check("override:acme/beta", "y----------");
        check("admin:acme", "yyyyyyyyy--");
        check("admin", "yyyyyyyyyyy");
        check("read:other", "----------y");
    }
}
