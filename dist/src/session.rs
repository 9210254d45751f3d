//! What a command works with: settings, the clock's reading, stdout and stderr.

use std::io::IsTerminal;
use std::sync::Arc;

use anstream::ColorChoice;
use jiff::Timestamp;
use protocol::{AppSlug, ServerUrl, TokenText};

use crate::cli::Global;
use crate::client::{Client, RetryPolicy};
use crate::config::{check_permissions, choose_server, choose_token, read_config};
use crate::error::CliError;
use crate::identity::{Asking, Identity, find_identity, no_credential};
use crate::ui::{Format, Look, Output, Paging, Terminal, Times, Voice};

/// What a command works with.
pub(crate) struct Session {
    global: Global,
    /// Where the answer goes.
    pub(crate) output: Output,
    /// Where everything else goes.
    pub(crate) terminal: Arc<Terminal>,
    /// When the command started.
    pub(crate) now: Timestamp,
}

/// A server, and what a pipeline publishes to it with.
pub(crate) struct Pipeline {
    server: ServerUrl,
    credential: Credential,
}

enum Credential {
    Token(TokenText),
    Identity(Identity),
}

impl Session {
    /// The session of a command line.
    pub(crate) fn new(global: Global, now: Timestamp) -> Self {
        let format = if global.json { Format::Json } else { Format::Human };
        let look = Look {
            now,
            times: if global.iso { Times::Exact } else { Times::Relative },
            width: terminal_width(),
            colour: anstream::AutoStream::choice(&std::io::stdout()) != ColorChoice::Never,
        };
        let voice = if global.quiet { Voice::Quiet } else { Voice::Normal };
        let paging = if global.no_pager { Paging::Never } else { Paging::Auto };
        Self { output: Output { format, look, paging }, terminal: Arc::new(Terminal::new(voice)), now, global }
    }

    /// A client for the server that flags, environment and configuration name.
    ///
    /// # Errors
    /// When they name none, or something is wrong with them.
    pub(crate) fn client(&self) -> Result<Client, CliError> {
        let (server, token) = self.settings()?;
        self.connect(server, token.map(|token| token.reveal()).as_deref())
    }

    /// What a pipeline publishes with: the token that flags, environment and configuration name, or else its own identity.
    ///
    /// # Errors
    /// As [`Session::client`], and when there is neither.
    pub(crate) fn pipeline(&self) -> Result<Pipeline, CliError> {
        let (server, token) = self.settings()?;
        let lookup = |name: &str| std::env::var(name).ok().filter(|value| !value.trim().is_empty());
        let credential = match token {
            Some(token) => Credential::Token(token),
            None => Credential::Identity(find_identity(&lookup).ok_or_else(|| no_credential(&lookup))?),
        };
        Ok(Pipeline { server, credential })
    }

    /// A client for a pipeline that is about to publish `app`. A token that comes for its identity begins to expire now.
    ///
    /// # Errors
    /// When the identity is refused.
    pub(crate) async fn enter(&self, pipeline: Pipeline, app: &AppSlug, audience: &str) -> Result<Client, CliError> {
        let Pipeline { server, credential } = pipeline;
        let token = match credential {
            Credential::Token(token) => token.reveal(),
            Credential::Identity(identity) => {
                let asking = Asking { server: &server, policy: self.policy(), terminal: &self.terminal };
                let made = asking.exchange(identity, app, audience).await?;
                let publisher = made.about.created_by.trim_start_matches("publisher:");
                self.terminal.note(&format!("publishing as {}, trusted publisher {publisher}", made.about.name));
                made.token
            }
        };
        self.connect(server, Some(&token))
    }

    fn policy(&self) -> RetryPolicy {
        RetryPolicy::new(self.global.retries)
    }

    fn connect(&self, server: ServerUrl, token: Option<&str>) -> Result<Client, CliError> {
        Client::new(server, token, self.policy(), Arc::clone(&self.terminal))
    }

    fn settings(&self) -> Result<(ServerUrl, Option<TokenText>), CliError> {
        let named = self.global.config.as_deref().filter(|path| !path.as_os_str().is_empty());
        let file = read_config(named)?;
        let server = choose_server(self.global.server.as_deref(), &file)?;
        let token = choose_token(self.global.token.as_deref(), &file)?;
        if let Some(warning) = check_permissions(named, &file) {
            self.terminal.note(&warning);
        }
        Ok((server, token))
    }
}

/// Columns of the terminal that stdout is; `None` where it is none.
fn terminal_width() -> Option<u16> {
    if std::io::stdout().is_terminal() { comfy_table::Table::new().width() } else { None }
}
