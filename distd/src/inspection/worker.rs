//! The other side: reads one file from standard input under limits that it cannot lift, writes its report, ends.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;

use anyhow::{Context, Result};
use clap::Parser;
use inspect::Limits;
use rustix::process::{Resource, Rlimit, nice, setrlimit};

/// The command that makes `distd` a worker.
pub(super) const NAME: &str = "inspect-worker";

/// Memory of the whole process. Inspection itself keeps to 64 MiB; the rest is the program and its libraries.
const MEMORY_BYTES: u64 = 256 * 1024 * 1024;

/// How far behind everyone else a worker stands.
const NICENESS: i32 = 10;

#[derive(Debug, Parser)]
#[command(name = NAME)]
struct Worker {
    /// Processor time after which the system ends it.
    #[arg(long)]
    cpu_seconds: u64,
}

/// Does its one work, where this process was started for that. It is asked before the command line of the server is looked at,
/// which would take longer than to inspect a small file.
///
/// # Errors
/// When the artifact cannot be read, or the limits cannot be set.
pub fn run() -> Option<Result<()>> {
    let mut arguments = std::env::args_os().skip(1).peekable();
    arguments.next_if(|first| first == NAME)?;
    let worker = Worker::try_parse_from(std::iter::once(NAME.into()).chain(arguments));
    Some(worker.context("reading the command line").and_then(|worker| worker.run()))
}

impl Worker {
    fn run(&self) -> Result<()> {
        let hard = |most: u64| Rlimit { current: Some(most), maximum: Some(most) };
        setrlimit(Resource::Cpu, hard(self.cpu_seconds)).context("limiting processor time")?;
        setrlimit(Resource::Core, hard(0)).context("refusing core dumps")?;
        setrlimit(Resource::Fsize, hard(0)).context("refusing to write files")?;
        setrlimit(Resource::Nofile, hard(8)).context("refusing to open files")?;
        if cfg!(target_os = "linux") {
            setrlimit(Resource::As, hard(MEMORY_BYTES)).context("limiting memory")?;
        }
        // Where the system does not allow it, it runs beside the others.
        let _ = nice(NICENESS);
        let file = File::from(io::stdin().as_fd().try_clone_to_owned().context("opening the artifact")?);
        let size_bytes = file.metadata().context("opening the artifact")?.len();
        let report = inspect::inspect(file, size_bytes, &Limits::default()).context("reading the artifact")?;
        let answer = serde_json::to_vec(&report)?;
        Ok(io::stdout().lock().write_all(&answer)?)
    }
}
