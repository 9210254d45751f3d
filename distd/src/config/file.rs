//! `distd.toml`: one key an option, all at the top.

use std::collections::BTreeMap;
use std::path::Path;
use std::{fs, io};

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgAction, Command};
use toml::{Spanned, Value};

use super::{PLACES, key, keys};

/// What the file says, as the command line would: one text for each value.
#[derive(Debug, Default)]
pub(super) struct File(BTreeMap<String, Vec<String>>);

impl File {
    /// Reads the file; one that does not exist says nothing.
    ///
    /// # Errors
    /// All its faults, each a line that begins with the file and the line in it.
    pub(super) fn read(path: &Path, serve: &Command) -> Result<Self, Vec<String>> {
        let text = match fs::read_to_string(path) {
            Err(error) if is_out_of_reach(path, &error) => return Ok(Self::default()),
            read => read.map_err(|error| vec![format!("{}: {error}", path.display())])?,
        };
        Self::parse(&text, serve).map_err(|faults| {
            faults.iter().map(|(line, fault)| format!("{}:{line}: {fault}", path.display())).collect()
        })
    }

    fn parse(text: &str, serve: &Command) -> Result<Self, Vec<(usize, String)>> {
        let line_of = |offset: usize| text[..offset.min(text.len())].matches('\n').count() + 1;
        let table: BTreeMap<String, Spanned<Value>> = toml::from_str(text)
            .map_err(|error| vec![(line_of(error.span().unwrap_or_default().start), error.message().to_owned())])?;
        let (mut said, mut faults) = (BTreeMap::new(), Vec::new());
        for (key, value) in table {
            let line = line_of(value.span().start);
            match read_value(&key, value.as_ref(), serve) {
                Ok(texts) => _ = said.insert(key, texts),
                Err(fault) => faults.push((line, fault)),
            }
        }
        faults.sort();
        if faults.is_empty() { Ok(Self(said)) } else { Err(faults) }
    }

    /// What the file says for a key.
    pub(super) fn values(&self, key: &str) -> Option<&[String]> {
        self.0.get(key).map(Vec::as_slice)
    }
}

/// No file is there, or not even its folder can be looked into: opening the data directory says more of that.
fn is_out_of_reach(path: &Path, error: &io::Error) -> bool {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => true,
        io::ErrorKind::PermissionDenied => fs::metadata(path).is_err(),
        _ => false,
    }
}

/// The texts of one key, once the option takes them.
fn read_value(name: &str, value: &Value, serve: &Command) -> Result<Vec<String>, String> {
    if PLACES.contains(&name) {
        return Err(format!("`{name}` says where this file is; set it by --{name} or the environment"));
    }
    let Some(arg) = keys(serve).find(|arg| key(arg).as_deref() == Some(name)) else {
        return Err(unknown(name, serve));
    };
    let texts =
        texts(value).ok_or_else(|| format!("`{name}` must be a text, a number, true or false, or a list of texts"))?;
    match arg.get_action() {
        ArgAction::SetTrue if matches!(value, Value::Boolean(_)) => return Ok(texts),
        ArgAction::SetTrue => return Err(format!("`{name}` must be true or false")),
        ArgAction::Append => {}
        _ if texts.len() == 1 => {}
        _ => return Err(format!("`{name}` takes one value")),
    }
    for text in &texts {
        check(arg, text).map_err(|why| format!("`{name}` cannot be {text:?}: {why}"))?;
    }
    Ok(texts)
}

fn texts(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::String(text) => Some(vec![text.clone()]),
        Value::Integer(number) => Some(vec![number.to_string()]),
        Value::Boolean(flag) => Some(vec![flag.to_string()]),
        Value::Array(values) => values.iter().map(|value| value.as_str().map(str::to_owned)).collect(),
        Value::Float(_) | Value::Datetime(_) | Value::Table(_) => None,
    }
}

/// Whether an option takes a value; why not.
fn check(arg: &Arg, text: &str) -> Result<(), String> {
    // Alone, so that nothing of the environment and of other options speaks.
    let alone = Arg::new(arg.get_id().clone()).long("key").value_parser(arg.get_value_parser().clone());
    let tried = Command::new("key").arg(alone).try_get_matches_from(["key", &format!("--key={text}")]);
    let Err(error) = tried else { return Ok(()) };
    if let Some(ContextValue::Strings(possible)) = error.get(ContextKind::ValidValue) {
        return Err(format!("it is one of {}", possible.join(", ")));
    }
    let why = std::error::Error::source(&error).map(ToString::to_string);
    Err(why.unwrap_or_else(|| error.kind().to_string()))
}

fn unknown(name: &str, serve: &Command) -> String {
    let flag = format!("--{}", name.replace('_', "-"));
    let similar = match serve.clone().try_get_matches_from([SELF, &flag]) {
        Err(error) if error.kind() == ErrorKind::UnknownArgument => match error.get(ContextKind::SuggestedArg) {
            Some(ContextValue::String(similar)) => Some(similar.trim_start_matches("--").replace('-', "_")),
            _ => None,
        },
        _ => None,
    };
    let hint = similar.map_or_else(String::new, |similar| format!("; did you mean `{similar}`?"));
    format!("`{name}` is no option of `distd serve`{hint}")
}

/// What stands where a command line has the program.
const SELF: &str = "distd serve";
