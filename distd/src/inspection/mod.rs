//! Inspection of hostile files in a process of its own, so that none of them can take the server down or slow it for others.
//!
//! The server starts itself again as a worker ([`worker`]) with the object as its standard input, at low priority and under
//! limits of memory, processor time and wall clock. What the worker does not finish becomes a finding.

pub mod worker;

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use inspect::{Finding, Format, INSPECTOR_VERSION, Report, Severity};
use protocol::Digest;
use protocol::checks::NOT_INSPECTED;
use tokio::io::AsyncReadExt;
use tokio::process::Command;
use tokio::sync::{OwnedMutexGuard, Semaphore, SemaphorePermit};

/// A report is never longer; the largest part of it is the list of entries.
const REPORT_BYTES: u64 = 16 * 1024 * 1024;

/// Processor time for any file, and what each MiB of it adds: some formats are hashed whole.
const CPU: Duration = Duration::from_secs(10);
const CPU_PER_MIB: Duration = Duration::from_millis(20);

/// How much longer than its processor time a worker may take by the clock.
const PATIENCE: u32 = 4;

/// Starts workers, a few at a time, one for each object.
#[derive(Clone)]
pub struct Inspector {
    program: Arc<PathBuf>,
    slots: Arc<Semaphore>,
    turns: Arc<Mutex<HashMap<Digest, Weak<tokio::sync::Mutex<()>>>>>,
}

/// While it is held no one else inspects the same object.
pub(crate) struct Turn(#[expect(dead_code, reason = "held, not read")] OwnedMutexGuard<()>);

/// A worker may be started.
pub(crate) struct Slot<'a>(#[expect(dead_code, reason = "held, not read")] SemaphorePermit<'a>);

impl Inspector {
    /// Workers are processes of this program, which has to be `distd`.
    pub fn new(program: PathBuf) -> Self {
        let width = std::thread::available_parallelism().map_or(1, usize::from);
        let (slots, turns) = (Arc::new(Semaphore::new(width)), Arc::default());
        Self { program: Arc::new(program), slots, turns }
    }

    /// Workers are processes of the program that runs.
    ///
    /// # Errors
    /// When the system cannot tell where it is.
    pub fn of_this_program() -> io::Result<Self> {
        Ok(Self::new(std::env::current_exe()?))
    }

    /// Waits until no one else inspects the object.
    pub(crate) async fn turn(&self, digest: Digest) -> Turn {
        let turn = {
            let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
            turns.retain(|_, turn| turn.strong_count() > 0);
            let known = turns.get(&digest).and_then(Weak::upgrade);
            known.unwrap_or_else(|| {
                let turn = Arc::default();
                turns.insert(digest, Arc::downgrade(&turn));
                turn
            })
        };
        Turn(turn.lock_owned().await)
    }

    /// Waits until another worker may be started.
    ///
    /// # Errors
    /// Never, as long as the server runs.
    pub(crate) async fn slot(&self) -> io::Result<Slot<'_>> {
        self.slots.acquire().await.map(Slot).map_err(io::Error::other)
    }

    /// What a file of `size_bytes` bytes says of itself, or that it could not be read within the limits.
    ///
    /// # Errors
    /// When no worker can be started.
    pub(crate) async fn inspect(&self, _slot: &Slot<'_>, file: File, size_bytes: u64) -> io::Result<Report> {
        let cpu = CPU + CPU_PER_MIB * u32::try_from(size_bytes / (1024 * 1024)).unwrap_or(u32::MAX);
        let mut worker = Command::new(self.program.as_path())
            .arg(worker::NAME)
            .args(["--cpu-seconds", &cpu.as_secs().to_string()])
            .env_clear()
            .stdin(Stdio::from(file))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        let mut answer = Vec::new();
        let stdout = worker.stdout.take().ok_or_else(|| io::Error::other("the worker has no output"))?;
        let reading = async {
            stdout.take(REPORT_BYTES).read_to_end(&mut answer).await?;
            worker.wait().await
        };
        match tokio::time::timeout(cpu * PATIENCE, reading).await {
            Err(_) => {
                Ok(unfinished(size_bytes, &format!("reading it took longer than {} s", (cpu * PATIENCE).as_secs())))
            }
            Ok(Err(error)) => Err(error),
            Ok(Ok(status)) => Ok(read_answer(status, &answer, size_bytes)),
        }
    }
}

fn read_answer(status: ExitStatus, answer: &[u8], size_bytes: u64) -> Report {
    if !status.success() {
        return unfinished(size_bytes, &format!("reading it went over a limit or failed ({status})"));
    }
    serde_json::from_slice(answer).unwrap_or_else(|_| unfinished(size_bytes, "reading it gave no report"))
}

fn unfinished(size_bytes: u64, why: &str) -> Report {
    tracing::warn!(size_bytes, why, "an artifact could not be inspected");
    let message = format!("{why}: nothing is known of what is inside");
    Report {
        inspector: INSPECTOR_VERSION,
        format: Format::File,
        size_bytes,
        details: None,
        icon: None,
        findings: vec![Finding { code: NOT_INSPECTED.to_owned(), severity: Severity::Warning, message }],
        entries: None,
    }
}
