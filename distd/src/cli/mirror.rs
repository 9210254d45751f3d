//! `distd mirror`: apps of another server, kept equal here.

use std::io::{IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;
use objstore::{DirLock, Options, Store};
use protocol::{AppSlug, ByteSize, ServerUrl};
use serde::Serialize;
use tokio::signal::unix::{SignalKind, signal};

use super::{Data, FROM_TOKEN, eprint, from_token, parse_duration, print};
use crate::db::{Database, FILE_NAME};
use crate::ops::care::Policy;
use crate::ops::care::gc::{Ground, Uploads};
use crate::ops::mirror::{self, MirrorError, Step, Updated, Work};
use crate::ops::remote::Remote;
use crate::server::make_directories;
use crate::{Clock, Inspector};

/// Keep apps of another server equal here, read-only: their releases, channels with how they moved, revocations and pins.
///
/// Takes what is new and ends, or goes on with --interval. Works whether or not a server runs on the directory. A token for
/// the other server that may read the apps comes from `DISTD_FROM_TOKEN`. Who may see the apps here, and the links to them, is
/// said here: at first only holders of a token.
#[derive(Debug, Args)]
pub(super) struct Mirror {
    /// The other server.
    #[arg(value_name = "URL", required_unless_present = "stop")]
    source: Option<ServerUrl>,
    /// The apps. May be repeated, or separated by commas.
    #[arg(long = "app", value_name = "APP", required = true, value_delimiter = ',')]
    apps: Vec<AppSlug>,
    #[command(flatten)]
    data: Data,
    /// Do it again and again, with so much time in between, such as 5m, 1h.
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    interval: Option<Duration>,
    /// Make the mirrors apps like any other, with all they have: where the other server is gone, or this one takes its place.
    #[arg(long, conflicts_with_all = ["source", "interval"])]
    stop: bool,
    /// Free space that is never used up, in MiB.
    #[arg(long, value_name = "MIB", env = "DISTD_RESERVE_MIB", default_value_t = 512)]
    reserve_mib: u64,
    /// Print one JSON document; with --interval one a line each time.
    #[arg(long)]
    json: bool,
}

/// What became of one app.
#[derive(Debug, Serialize)]
struct Outcome {
    app: AppSlug,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    updated: Option<Updated>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

impl Mirror {
    pub(super) fn run(self) -> Result<ExitCode> {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let ground = open(&self.data.data, self.reserve_mib.saturating_mul(1024 * 1024))?;
        runtime.block_on(async {
            match &self.source {
                Some(source) => self.mirror(ground, source.clone()).await,
                None => self.end(&ground).await,
            }
        })
    }

    async fn end(&self, ground: &Ground) -> Result<ExitCode> {
        for app in &self.apps {
            mirror::stop(ground, app).await?;
            eprint(&format!("{app} is an app of this server now\n"))?;
        }
        Ok(ExitCode::SUCCESS)
    }

    /// Until it is done, or told to end. What is begun then is gone on with next time.
    async fn mirror(&self, ground: Ground, source: ServerUrl) -> Result<ExitCode> {
        let remote = Remote::new(source, from_token())?;
        let work = Work { ground, inspector: Inspector::of_this_program()?, remote };
        let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        tokio::select! {
            done = self.update_again_and_again(&work) => done,
            _ = interrupt.recv() => Ok(ExitCode::from(130)),
            _ = terminate.recv() => Ok(ExitCode::SUCCESS),
        }
    }

    async fn update_again_and_again(&self, work: &Work) -> Result<ExitCode> {
        loop {
            let mut outcomes = Vec::new();
            for app in &self.apps {
                outcomes.push(self.update(work, app).await?);
            }
            if self.json {
                let pretty = self.interval.is_none();
                let text =
                    if pretty { serde_json::to_string_pretty(&outcomes) } else { serde_json::to_string(&outcomes) };
                print(&(text? + "\n"))?;
            }
            let Some(interval) = self.interval else {
                let is_whole = outcomes.iter().all(|outcome| outcome.error.is_none());
                return Ok(if is_whole { ExitCode::SUCCESS } else { ExitCode::FAILURE });
            };
            tokio::time::sleep(interval).await;
        }
    }

    async fn update(&self, work: &Work, app: &AppSlug) -> Result<Outcome> {
        let progress = Progress::new(app, self.json);
        let done = mirror::update(work, app, &|step| progress.hear(step)).await;
        progress.clear();
        match done {
            Ok(updated) => {
                // A log that says every five minutes that nothing happened is read by nobody.
                let is_news = self.interval.is_none() || updated != Updated::default();
                if is_news && !self.json {
                    print(&format!("{app}: {}\n", describe(&updated)))?;
                }
                Ok(Outcome { app: app.clone(), updated: Some(updated), error: None })
            }
            Err(error) => {
                eprint(&format!("error: {app}: {error}\n"))?;
                if matches!(&error, MirrorError::Remote(error) if error.is_denial()) {
                    eprint(&format!("hint: {FROM_TOKEN} is to hold a token with the scope read:{app} there\n"))?;
                }
                Ok(Outcome { app: app.clone(), updated: None, error: Some(error.to_string()) })
            }
        }
    }
}

/// `2 releases, 5 objects (340 MiB), 3 moves of channels`
fn describe(updated: &Updated) -> String {
    let Updated { releases, objects, bytes, moves, marks, withheld } = updated;
    let count = |count: &usize, one: &str, many: &str| {
        (*count > 0).then(|| format!("{count} {}", if *count == 1 { one } else { many }))
    };
    let parts = [
        count(releases, "release", "releases"),
        count(objects, "object", "objects").map(|text| format!("{text} ({})", ByteSize(*bytes))),
        count(moves, "move of a channel", "moves of channels"),
        count(marks, "revocation or pin", "revocations and pins"),
        count(withheld, "release without its artifacts", "releases without their artifacts"),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    if parts.is_empty() { "up to date".to_owned() } else { parts.join(", ") }
}

/// The database and the objects, beside whoever serves them; made where there are none.
fn open(data: &Path, reserve_bytes: u64) -> Result<Ground> {
    let options = Options { reserve_bytes };
    if !data.join(FILE_NAME).is_file() {
        make_directories(data)?;
        let _lock = DirLock::acquire(data)?;
        Store::open(data, options)?;
        Database::open(data)?;
    }
    let db = Database::attach(data).context("cannot work on this data directory")?;
    let store = Store::attach(data, options);
    Ok(Ground { db, store, clock: Clock::system(), policy: Policy::default(), uploads: Uploads::OfAnother })
}

/// A line at the terminal that says how far it is.
struct Progress {
    app: AppSlug,
    is_drawn: bool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    objects: usize,
    of_objects: usize,
    bytes: u64,
    of_bytes: u64,
}

impl Progress {
    fn new(app: &AppSlug, json: bool) -> Self {
        let is_drawn = !json && std::io::stderr().is_terminal();
        Self { app: app.clone(), is_drawn, state: Mutex::default() }
    }

    fn hear(&self, step: Step) {
        let mut state = self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match step {
            Step::Lacking { objects, bytes } => (state.of_objects, state.of_bytes) = (objects, bytes),
            Step::Arrived(bytes) => state.bytes += bytes,
            Step::Taken => state.objects += 1,
        }
        if self.is_drawn && state.of_objects > 0 {
            let State { objects, of_objects, bytes, of_bytes } = &*state;
            let (bytes, of_bytes) = (ByteSize(*bytes), ByteSize(*of_bytes));
            let text = format!("\r{}: {objects} of {of_objects} objects  {bytes} of {of_bytes}\x1b[K", self.app);
            let _ = std::io::stderr().lock().write_all(text.as_bytes());
        }
    }

    fn clear(&self) {
        if self.is_drawn {
            let _ = std::io::stderr().lock().write_all(b"\r\x1b[K");
        }
    }
}
