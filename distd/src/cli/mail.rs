//! How mail goes out.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::Result;
use clap::Args;
use lettre::message::Mailbox;

use crate::exit::{Ended, Exit};
use crate::webhooks::{Mailer, SmtpUrl};

/// The server that mails are given to, and in whose name.
#[derive(Debug, Clone, Args)]
#[expect(clippy::struct_field_names, reason = "they are the names of options")]
pub(super) struct Mailing {
    /// The mail server that webhooks of the kind mailto: are sent through: smtps: for TLS or smtp: for STARTTLS, and then
    /// //USER@HOST:PORT. Nothing is encrypted with ?tls=none after smtp:
    #[arg(long, value_name = "URL", env = "DISTD_SMTP_URL")]
    smtp_url: Option<SmtpUrl>,
    /// Who mails are from, such as dist@example.com.
    #[arg(long, value_name = "ADDRESS", env = "DISTD_SMTP_FROM")]
    smtp_from: Option<Mailbox>,
    /// The file with the password for the mail server.
    #[arg(long, value_name = "FILE", env = "DISTD_SMTP_PASSWORD_FILE")]
    smtp_password_file: Option<PathBuf>,
    /// The password for the mail server. Others on this machine can read it on a command line: use the variable or a file.
    #[arg(long, value_name = "PASSWORD", env = "DISTD_SMTP_PASSWORD", hide_env_values = true)]
    smtp_password: Option<Password>,
}

/// A password, which nothing prints.
#[derive(Clone)]
struct Password(String);

impl FromStr for Password {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(hidden)")
    }
}

impl Mailing {
    /// What sends mail, where that is configured.
    ///
    /// # Errors
    /// When the options do not fit together, or the password cannot be read.
    pub(super) fn mailer(&self) -> Result<Option<Mailer>> {
        let refuse = |fault: &str| Err(Ended::new(Exit::Configuration, fault).into());
        let has_password = self.smtp_password.is_some() || self.smtp_password_file.is_some();
        let Some(url) = &self.smtp_url else {
            if has_password || self.smtp_from.is_some() {
                return refuse("smtp_from and smtp_password need smtp_url, the server to send mail through");
            }
            return Ok(None);
        };
        if url.has_password() {
            return refuse("the password of smtp_url belongs into smtp_password_file or DISTD_SMTP_PASSWORD");
        }
        let Some(from) = &self.smtp_from else { return refuse("smtp_url needs smtp_from: who mails are from") };
        if has_password != url.has_user() {
            return refuse("a user in smtp_url and smtp_password (or smtp_password_file) belong together");
        }
        Ok(Some(Mailer::new(url.clone(), from.clone(), self.password()?)))
    }

    fn password(&self) -> Result<Option<String>> {
        match (&self.smtp_password, &self.smtp_password_file) {
            (Some(_), Some(_)) => {
                let message = "smtp_password and smtp_password_file exclude each other";
                Err(Ended::new(Exit::Configuration, message).into())
            }
            (Some(Password(text)), None) => Ok(Some(text.clone())),
            (None, Some(file)) => read_password(file).map(Some),
            (None, None) => Ok(None),
        }
    }
}

/// The text of a file, without the end of its line.
fn read_password(file: &Path) -> Result<String> {
    let text = fs::read_to_string(file).map_err(|error| {
        let message = format!("cannot read smtp_password_file {}: {error}", file.display());
        Ended::new(Exit::Configuration, message)
    })?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}
