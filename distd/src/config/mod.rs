//! Where an option has its value from. Four layers, the first that says something wins: the command line, the environment,
//! `config/distd.toml` in the data directory, the default.
//!
//! Nothing is defined twice: each option of `distd serve` is a key of the file, with `_` for `-`, and its value is read as
//! the command line's is. Other commands take from the file what they share with `serve`.

mod file;
pub(crate) mod reference;

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command};
use serde::Serialize;

use file::File;

/// The command whose options are the file's keys.
const SERVE: &str = "serve";
/// Options that say where the file is, and so are not in it.
const PLACES: &[&str] = &["data", "config"];

/// Keys that take effect at SIGHUP; the others do at the next start.
pub(crate) const RELOADED: &[&str] = &[
    "gc_grace",
    "log",
    "reflog_window",
    "scrub_days",
    "stage_ttl",
    "trusted_proxy",
    "upload_lease",
    "x_accel_redirect",
    "x_sendfile",
];

/// One option as it is in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Setting {
    /// Its key in the file.
    pub key: String,
    /// What it is; `None` where it is not set, or is a secret.
    pub value: Option<String>,
    /// It is a secret: set or not, its value is never shown.
    pub is_secret: bool,
    /// Which layer it comes from.
    pub source: Source,
}

/// A layer of the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The command line.
    Flag,
    /// This variable of the environment.
    Environment(String),
    /// `config/distd.toml`.
    File,
    /// Nothing says anything.
    Default,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag => f.write_str("flag"),
            Self::Environment(name) => f.write_str(name),
            Self::File => f.write_str("file"),
            Self::Default => f.write_str("default"),
        }
    }
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The command line or the environment is not understood, or help was asked for.
    #[error(transparent)]
    CommandLine(#[from] clap::Error),
    /// The file cannot be read, or says what cannot be.
    #[error("{}", .0.join("\n"))]
    File(Vec<String>),
}

/// A command line with what lies below it.
pub struct Loaded {
    /// What clap understood, from all layers.
    pub matches: ArgMatches,
    /// The options of `serve`, where the command has them.
    pub settings: Vec<Setting>,
    /// The file; it need not exist.
    pub file: Option<PathBuf>,
}

/// Reads a command line, and the layers below it where the command that it names has options of `serve`.
///
/// # Errors
/// When a layer is not understood. The file's faults come all at once, each with its line.
pub fn load(command: &Command, arguments: &[OsString]) -> Result<Loaded, LoadError> {
    let matches = command.clone().try_get_matches_from(arguments)?;
    let Some(serve) = command.find_subcommand(SERVE) else {
        return Ok(Loaded { matches, settings: Vec::new(), file: None });
    };
    let (names, leaf, given) = descend(command, &matches);
    let Some(path) = path_of_file(leaf, serve, given) else {
        return Ok(Loaded { matches, settings: Vec::new(), file: None });
    };
    let file = File::read(&path, serve).map_err(LoadError::File)?;
    let matches = with_defaults(command.clone(), &names, &file).try_get_matches_from(arguments)?;
    let (_, leaf, given) = descend(command, &matches);
    let settings = keys(leaf).map(|arg| setting(arg, given, &file)).collect();
    Ok(Loaded { settings, file: Some(path), matches })
}

/// The options that are keys of the file.
fn keys(command: &Command) -> impl Iterator<Item = &Arg> {
    let is_key = |arg: &&Arg| arg.get_long().is_some_and(|long| !PLACES.contains(&long)) && arg.get_env().is_some();
    command.get_arguments().filter(is_key)
}

/// The key of an option.
fn key(arg: &Arg) -> Option<String> {
    arg.get_long().map(|long| long.replace('-', "_"))
}

/// The subcommand that a command line names: its names from the outermost, itself, and what was given to it.
fn descend<'a>(command: &'a Command, matches: &'a ArgMatches) -> (Vec<String>, &'a Command, &'a ArgMatches) {
    let (mut names, mut command, mut matches) = (Vec::new(), command, matches);
    while let Some((name, inner)) = matches.subcommand() {
        let Some(found) = command.find_subcommand(name) else { break };
        names.push(name.to_owned());
        (command, matches) = (found, inner);
    }
    (names, command, matches)
}

/// Where the file is, for a command that has options of `serve`.
fn path_of_file(leaf: &Command, serve: &Command, given: &ArgMatches) -> Option<PathBuf> {
    let shared = keys(leaf).any(|arg| keys(serve).any(|of_serve| of_serve.get_id() == arg.get_id()));
    if !shared {
        return None;
    }
    let named = given.try_get_one::<PathBuf>("config").ok().flatten().cloned();
    let data = given.try_get_one::<PathBuf>("data").ok().flatten();
    named.or_else(|| data.map(|data: &PathBuf| data.join(Path::new("config/distd.toml"))))
}

/// The command with what the file says in place of its defaults.
fn with_defaults(command: Command, names: &[String], file: &File) -> Command {
    let Some((name, inner)) = names.split_first() else {
        let known: Vec<_> =
            keys(&command).filter_map(|arg| Some((arg.get_id().clone(), file.values(&key(arg)?)?))).collect();
        return known
            .into_iter()
            .fold(command, |command, (id, values)| command.mut_arg(id, |arg| arg.default_values(values.to_vec())));
    };
    command.mut_subcommand(name, |command| with_defaults(command, inner, file))
}

fn setting(arg: &Arg, given: &ArgMatches, file: &File) -> Setting {
    let key = key(arg).unwrap_or_default();
    let id = arg.get_id().as_str();
    let source = match given.value_source(id) {
        Some(ValueSource::CommandLine) => Source::Flag,
        Some(ValueSource::EnvVariable) => {
            Source::Environment(arg.get_env().unwrap_or_default().to_string_lossy().into_owned())
        }
        _ if file.values(&key).is_some() => Source::File,
        _ => Source::Default,
    };
    let is_secret = arg.is_hide_env_values_set();
    let texts = given.get_raw(id).map(|raw| raw.map(|value| value.to_string_lossy()).collect::<Vec<_>>().join(","));
    Setting { key, value: texts.filter(|_| !is_secret), is_secret, source }
}

#[cfg(test)]
mod tests;
