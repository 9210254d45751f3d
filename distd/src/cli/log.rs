//! The log of a server: on stderr, and in files where that is asked for.

use std::io::IsTerminal;
use std::path::Path;

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use tracing_appender::non_blocking::WorkerGuard;
use tracing_appender::rolling::{RollingFileAppender, Rotation};
use tracing_subscriber::filter::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry, fmt, reload};

/// How the log is written.
#[derive(Debug, Clone, Args)]
pub(super) struct Logging {
    /// How lines of the log are written.
    #[arg(long, env = "DISTD_LOG_FORMAT", default_value = "text")]
    log_format: LogFormat,
    /// What is logged: error, warn, info, debug or trace, also by module, such as `info,distd::ops=debug`.
    #[arg(long, value_name = "FILTER", env = "DISTD_LOG", default_value = "info", value_parser = parse_filter)]
    log: String,
    /// Write the log into the data directory's `logs` too, a file a day, and keep so many; 0 for stderr alone.
    #[arg(long, value_name = "DAYS", env = "DISTD_LOG_DAYS", default_value_t = 0)]
    log_days: usize,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// A log that is being written. What is in memory still is written when it goes.
pub(super) struct Log {
    filter: reload::Handle<EnvFilter, Registry>,
    _file: Option<WorkerGuard>,
}

impl Logging {
    /// Begins to log.
    pub(super) fn start(&self, data: &Path) -> Result<Log> {
        let (filter, handle) = reload::Layer::new(self.filter());
        let colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        let stderr = self.layer(std::io::stderr, colour);
        let (file, guard) = match self.log_days {
            0 => (None, None),
            days => {
                let (writer, guard) = tracing_appender::non_blocking(daily(&data.join("logs"), days)?);
                (Some(self.layer(writer, false)), Some(guard))
            }
        };
        tracing_subscriber::registry().with(filter).with(stderr).with(file).init();
        Ok(Log { filter: handle, _file: guard })
    }

    fn layer<S, W>(&self, writer: W, colour: bool) -> Box<dyn Layer<S> + Send + Sync>
    where
        S: tracing::Subscriber + for<'a> tracing_subscriber::registry::LookupSpan<'a>,
        W: for<'a> fmt::MakeWriter<'a> + Send + Sync + 'static,
    {
        let layer = fmt::layer().with_writer(writer).with_target(false).with_ansi(colour);
        match self.log_format {
            LogFormat::Text => layer.boxed(),
            LogFormat::Json => layer.json().boxed(),
        }
    }

    fn filter(&self) -> EnvFilter {
        // It writes whole addresses, and a capability or a mistaken token in one is a secret.
        let silent = "tower_http::csrf=off".parse().expect("a directive of our own");
        EnvFilter::new(&self.log).add_directive(silent)
    }
}

impl Log {
    /// Logs by another filter from now on.
    pub(super) fn change(&self, logging: &Logging) {
        // It fails only where the log is gone, and the program with it.
        let _ = self.filter.reload(logging.filter());
    }
}

fn daily(folder: &Path, days: usize) -> Result<RollingFileAppender> {
    let context = || format!("cannot write the log to {}", folder.display());
    std::fs::create_dir_all(folder).with_context(context)?;
    let files =
        RollingFileAppender::builder().rotation(Rotation::DAILY).filename_prefix("distd").filename_suffix("log");
    files.max_log_files(days).build(folder).with_context(context)
}

fn parse_filter(text: &str) -> Result<String, String> {
    EnvFilter::try_new(text).map(|_| text.to_owned()).map_err(|error| error.to_string())
}
