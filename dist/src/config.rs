//! Where the server is and who we are: flags, then environment, then the configuration file.
//!
//! ```toml
//! # ~/.config/dist/config.toml
//! server = "https://dist.example.com"
//! token = "dist_…"
//! ```

use std::io;
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy;
use protocol::{ErrorCode, ServerUrl, TokenText};
use serde::Deserialize;

use crate::error::CliError;

/// What the configuration file may hold.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConfigFile {
    /// Address of the server.
    pub(crate) server: Option<String>,
    /// The token to send with every request.
    pub(crate) token: Option<String>,
}

/// The usual place of the configuration file; `None` where there is no home directory.
pub(crate) fn default_path() -> Option<PathBuf> {
    let strategy = etcetera::choose_base_strategy().ok()?;
    Some(strategy.config_dir().join("dist").join("config.toml"))
}

/// Reads the configuration file: the one named, which must exist, or the usual one, which need not.
///
/// # Errors
/// [`ErrorCode::ConfigInvalid`] when the file cannot be read or has a key that is unknown or of the wrong type.
pub(crate) fn read_config(named: Option<&Path>) -> Result<ConfigFile, CliError> {
    let Some(path) = named.map(Path::to_owned).or_else(default_path) else { return Ok(ConfigFile::default()) };
    match std::fs::read_to_string(&path) {
        Ok(text) => parse_config(&text, &path),
        Err(error) if error.kind() == io::ErrorKind::NotFound && named.is_none() => Ok(ConfigFile::default()),
        Err(error) => {
            let message = format!("cannot read the configuration {}", path.display());
            Err(CliError::new(ErrorCode::ConfigInvalid, message).caused_by(error))
        }
    }
}

fn parse_config(text: &str, path: &Path) -> Result<ConfigFile, CliError> {
    toml::from_str(text).map_err(|error| {
        let place = error.span().map(|span| line_and_column(text, span.start)).unwrap_or_default();
        // Only the message: the error's own rendering quotes the line, and the line may hold the token.
        let message = format!("the configuration {}{place}: {}", path.display(), error.message());
        CliError::new(ErrorCode::ConfigInvalid, message).hint("the keys are server and token")
    })
}

fn line_and_column(text: &str, at: usize) -> String {
    let before = text.get(..at).unwrap_or_default();
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    format!(" line {} column {column}", before.matches('\n').count() + 1)
}

/// What to tell a person whose token file others can read; `None` where all is well.
pub(crate) fn check_permissions(named: Option<&Path>, config: &ConfigFile) -> Option<String> {
    config.token.as_ref()?;
    let path = named.map(Path::to_owned).or_else(default_path)?;
    is_readable_by_others(&path).then(|| {
        let path = path.display();
        format!("warning: {path} holds a token and others can read it; run: chmod 600 {path}")
    })
}

#[cfg(unix)]
fn is_readable_by_others(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & 0o044 != 0)
}

#[cfg(not(unix))]
fn is_readable_by_others(_path: &Path) -> bool {
    false
}

/// The first of flag (or environment) and file that is not empty. An unset secret of a CI is an empty variable.
fn choose(flag: Option<&str>, file: Option<&str>) -> Option<String> {
    let filled = |text: &&str| !text.trim().is_empty();
    flag.filter(filled).or(file.filter(filled)).map(|text| text.trim().to_owned())
}

/// The address of the server.
///
/// # Errors
/// [`ErrorCode::Usage`] when none is given or it is not an address.
pub(crate) fn choose_server(flag: Option<&str>, file: &ConfigFile) -> Result<ServerUrl, CliError> {
    let hint = "give --server https://HOST, set DIST_SERVER, or write server = \"https://HOST\" into the configuration";
    let text = choose(flag, file.server.as_deref())
        .ok_or_else(|| CliError::usage("no server is named, so there is nobody to ask").hint(hint))?;
    text.parse().map_err(|error: protocol::paths::ParseServerUrlError| CliError::usage(error).hint(hint))
}

/// The token, where there is one.
///
/// # Errors
/// [`ErrorCode::Unauthenticated`] when it is not the text of a token.
pub(crate) fn choose_token(flag: Option<&str>, file: &ConfigFile) -> Result<Option<TokenText>, CliError> {
    let Some(text) = choose(flag, file.token.as_deref()) else { return Ok(None) };
    let token = text.parse().map_err(|error: protocol::token::ParseTokenError| {
        CliError::new(ErrorCode::Unauthenticated, error)
            .hint("check DIST_TOKEN or --token; `dist token create` makes one")
    })?;
    Ok(Some(token))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<ConfigFile, CliError> {
        parse_config(text, Path::new("config.toml"))
    }

    #[test]
    fn an_unknown_key_is_named_with_its_place_and_without_the_line() {
        let error = parse("server = \"https://a\"\ntokn = \"dist_secret\"\n").unwrap_err();
        assert_eq!(error.code(), ErrorCode::ConfigInvalid);
        let message = error.to_string();
        assert!(message.contains("config.toml line 2 column 1") && message.contains("`tokn`"), "{message}");
        assert!(!message.contains("secret"), "{message}");
        assert_eq!(parse("token = 1").unwrap_err().code(), ErrorCode::ConfigInvalid);
    }

    #[test]
    fn flags_win_over_the_file_and_empty_is_not_given() {
        let file = parse("server = \"https://file\"").unwrap();
        let check = |flag: Option<&str>, expected: &str| {
            assert_eq!(choose_server(flag, &file).unwrap().to_string(), expected);
        };
        check(Some("https://flag"), "https://flag");
        check(Some(""), "https://file");
        check(None, "https://file");
        assert_eq!(choose_server(Some("nas:80"), &file).unwrap_err().code(), ErrorCode::Usage);
        assert_eq!(choose_server(None, &ConfigFile::default()).unwrap_err().code(), ErrorCode::Usage);
    }

    #[test]
    fn a_token_is_checked_before_it_is_sent() {
        let token = TokenText::from_random([1; 5], [2; 32]).reveal();
        let none = ConfigFile::default();
        assert_eq!(choose_token(Some(&format!(" {token}\n")), &none).unwrap().unwrap().reveal(), token);
        assert!(choose_token(Some(""), &none).unwrap().is_none());
        let error = choose_token(Some("ghp_1234"), &none).unwrap_err();
        assert_eq!(error.code(), ErrorCode::Unauthenticated);
        assert!(!error.to_string().contains("ghp_"));
    }

    #[test]
    fn a_configuration_that_was_named_must_exist() {
        let error = read_config(Some(Path::new("/nonexistent/config.toml"))).unwrap_err();
        assert_eq!(error.code(), ErrorCode::ConfigInvalid);
    }
}
