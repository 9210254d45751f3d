//! What a command works with: settings, the clock's reading, stdout and stderr.

use std::io::IsTerminal;
use std::sync::Arc;

use anstream::ColorChoice;
use jiff::Timestamp;

use crate::cli::Global;
use crate::client::{Client, RetryPolicy};
use crate::config::{check_permissions, choose_server, choose_token, read_config};
use crate::error::CliError;
use crate::ui::{Format, Look, Output, Terminal, Times, Voice};

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
        Self { output: Output { format, look }, terminal: Arc::new(Terminal::new(voice)), now, global }
    }

    /// A client for the server that flags, environment and configuration name.
    ///
    /// # Errors
    /// When they name none, or something is wrong with them.
    pub(crate) fn client(&self) -> Result<Client, CliError> {
        let named = self.global.config.as_deref().filter(|path| !path.as_os_str().is_empty());
        let file = read_config(named)?;
        let server = choose_server(self.global.server.as_deref(), &file)?;
        let token = choose_token(self.global.token.as_deref(), &file)?;
        if let Some(warning) = check_permissions(named, &file) {
            self.terminal.note(&warning);
        }
        Client::new(server, token.as_ref(), RetryPolicy::new(self.global.retries), Arc::clone(&self.terminal))
    }
}

/// Columns of the terminal that stdout is; `None` where it is none.
fn terminal_width() -> Option<u16> {
    if std::io::stdout().is_terminal() { comfy_table::Table::new().width() } else { None }
}
