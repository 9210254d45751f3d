//! `distd config`: what the server would run with, without running it.

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, CommandFactory, Subcommand};

use super::serve::Serve;
use super::{Cli, print};
use crate::config::{Setting, Source, reference};

/// The configuration: flags, then `DISTD_…`, then `config/distd.toml` in the data directory, then defaults.
#[derive(Debug, Subcommand)]
pub(super) enum Config {
    /// Say whether a server would start with it; every fault at once.
    Check(Box<Checked>),
    /// Say what is in force and where each value comes from. Secrets are not shown.
    Show(Box<Shown>),
    /// Print the page about all of it, Markdown.
    #[command(hide = true)]
    Reference,
}

#[derive(Debug, Args)]
pub(super) struct Checked {
    #[command(flatten)]
    serve: Serve,
    #[arg(skip)]
    file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct Shown {
    #[command(flatten)]
    serve: Serve,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
    #[arg(skip)]
    settings: Vec<Setting>,
}

impl Config {
    /// Takes what the layers said.
    pub(super) fn take(&mut self, settings: Vec<Setting>, file: Option<PathBuf>) {
        match self {
            Self::Check(check) => {
                check.file = file;
                check.serve.configuration = settings;
            }
            Self::Show(show) => show.settings = settings,
            Self::Reference => {}
        }
    }

    pub(super) fn run(self) -> Result<()> {
        match self {
            Self::Check(check) => check.run(),
            Self::Show(show) => show.run(),
            Self::Reference => print(&reference::page(&Cli::command())),
        }
    }
}

impl Checked {
    fn run(self) -> Result<()> {
        tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(self.serve.check())?;
        let of_file = self.serve.configuration.iter().filter(|setting| setting.source == Source::File).count();
        match self.file.filter(|file| file.exists()) {
            Some(file) => print(&format!("{} is right; {of_file} of its keys are in force\n", file.display())),
            None => print("there is no file; flags, environment and defaults are right\n"),
        }
    }
}

impl Shown {
    fn run(self) -> Result<()> {
        if self.json {
            let document = serde_json::json!({ "schema": "distd.config/1", "settings": self.settings });
            return print(&(serde_json::to_string_pretty(&document)? + "\n"));
        }
        drop(self.serve);
        let lines: Vec<[String; 3]> = self.settings.iter().map(line).collect();
        let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or_default();
        let (keys, values) = (width(0), width(1));
        let text = lines.iter().map(|[key, value, source]| format!("{key:<keys$}  {value:<values$}  {source}\n"));
        print(&text.collect::<String>())
    }
}

fn line(setting: &Setting) -> [String; 3] {
    let value = match (&setting.value, setting.is_secret && setting.source != Source::Default) {
        (_, true) => "(hidden)".to_owned(),
        (Some(value), false) => value.clone(),
        (None, false) => "—".to_owned(),
    };
    [setting.key.clone(), value, setting.source.to_string()]
}
