//! Commands that care for a store: fsck, gc, backup, restore. All work beside a running server.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use jiff::{SignedDuration, Timestamp};
use objstore::{CopyMethod, DirLock, LockError, Options, Store};
use protocol::ByteSize;
use protocol::api::{CheckEvent, CheckReport, Finding, FindingLevel, GcReport};

use super::{Data, eprint, from_token, parse_duration, print};
use crate::Clock;
use crate::blocking::give_way;
use crate::db::Database;
use crate::ops::Caller;
use crate::ops::care::check::{CheckError, Checked};
use crate::ops::care::gc::{self, Ground, Uploads};
use crate::ops::care::repair::{self, Source};
use crate::ops::care::schedule::{Backups, Schedule};
use crate::ops::care::{self, Policy, backup, check};
use crate::ops::remote::Remote;

/// Where `fsck` keeps how far it got.
const POSITION: &str = "fsck.position";

/// Exit codes of `fsck`: as of other programs of that name.
const FOUND: u8 = 1;
const COULD_NOT_RUN: u8 = 2;

/// How long things are kept that nothing names.
#[derive(Debug, Clone, Args)]
pub(super) struct Keeping {
    /// How long an object that nothing names stays in the trash before it is deleted.
    #[arg(long, value_name = "DURATION", value_parser = parse_span, env = "DISTD_GC_GRACE", default_value = "7d")]
    gc_grace: Duration,
    /// How long an upload is kept that nobody goes on with.
    #[arg(long, value_name = "DURATION", value_parser = parse_span, env = "DISTD_UPLOAD_LEASE", default_value = "7d")]
    upload_lease: Duration,
    /// For how long a reflog keeps what only it names.
    #[arg(long, value_name = "DURATION", value_parser = parse_span, env = "DISTD_REFLOG_WINDOW", default_value = "90d")]
    reflog_window: Duration,
}

impl Keeping {
    fn policy(&self) -> Policy {
        let signed = |span: Duration| SignedDuration::try_from(span).unwrap_or(SignedDuration::MAX);
        Policy {
            grace: signed(self.gc_grace),
            upload_lease: signed(self.upload_lease),
            reflog_window: signed(self.reflog_window),
            ..Policy::default()
        }
    }
}

/// As [`parse_duration`], and `0`.
fn parse_span(text: &str) -> Result<Duration, String> {
    if text == "0" { Ok(Duration::ZERO) } else { parse_duration(text) }
}

/// What `serve` does by itself.
#[derive(Debug, Clone, Args)]
pub(super) struct Caring {
    #[command(flatten)]
    keeping: Keeping,
    /// How often gc runs; 0 for never.
    #[arg(long, value_name = "DURATION", value_parser = parse_span, env = "DISTD_GC_EVERY", default_value = "24h")]
    gc_every: Duration,
    /// Within how many days every object is read and verified in the background; 0 for never.
    #[arg(long, value_name = "DAYS", env = "DISTD_SCRUB_DAYS", default_value_t = 30)]
    scrub_days: u32,
    /// Make backups in this folder.
    #[arg(long, value_name = "DIR", env = "DISTD_BACKUP")]
    backup: Option<PathBuf>,
    /// How often a backup is made.
    #[arg(long, value_name = "DURATION", value_parser = parse_duration, env = "DISTD_BACKUP_EVERY", default_value = "24h")]
    backup_every: Duration,
    /// How many backups are kept.
    #[arg(long, value_name = "N", env = "DISTD_BACKUP_KEEP", default_value_t = 14)]
    backup_keep: usize,
}

impl Caring {
    pub(super) fn policy(&self) -> Policy {
        Policy { scrub_days: self.scrub_days, ..self.keeping.policy() }
    }

    pub(super) fn schedule(self) -> Schedule {
        let (every, keep) = (self.backup_every, self.backup_keep);
        let method = CopyMethod::Reflink;
        Schedule {
            gc_every: (!self.gc_every.is_zero()).then_some(self.gc_every),
            backup: self.backup.map(|directory| Backups { directory, every, keep, method }),
        }
    }
}

/// The database and the objects of a data directory, whether or not a server runs on it.
struct Opened {
    ground: Ground,
    /// Held where no server runs.
    _lock: Option<DirLock>,
}

fn open(data: &Path, policy: Policy) -> Result<Opened> {
    anyhow::ensure!(data.join(crate::db::FILE_NAME).is_file(), "{} holds no store", data.display());
    let options = Options { reserve_bytes: 0 };
    let (lock, store, db, uploads) = match DirLock::acquire(data) {
        Ok(lock) => (Some(lock), Store::open(data, options)?, Database::open(data)?, Uploads::Ours),
        Err(LockError::Held { .. }) => {
            (None, Store::attach(data, options), Database::attach(data)?, Uploads::OfAnother)
        }
        Err(error) => return Err(error.into()),
    };
    Ok(Opened { ground: Ground { db, store, clock: Clock::system(), policy, uploads }, _lock: lock })
}

/// The threads that a command's own work needs.
fn runtime() -> Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?)
}

/// Check the store: objects, refs, reflogs, manifests, the index, the audit chain.
///
/// Exit code 0: clean; 1: something is wrong; 2: the check could not be made.
#[derive(Debug, Args)]
#[allow(clippy::struct_excessive_bools, reason = "flags of a command line")]
pub(super) struct Fsck {
    #[command(flatten)]
    data: Data,
    /// Sizes and links only: read no object but manifests.
    #[arg(long)]
    quick: bool,
    /// Read no more than so much a second.
    #[arg(long, value_name = "MIB", default_value_t = 0)]
    max_mib_per_second: u64,
    /// Objects that are read at the same time; 0 for one on each core.
    #[arg(long, value_name = "N", default_value_t = 0)]
    threads: usize,
    /// Go on where a check was ended.
    #[arg(long, conflicts_with = "quick")]
    resume: bool,
    /// Put right what can be: move damaged objects to quarantine, restore them from --from, make the index again.
    #[arg(long)]
    repair: bool,
    /// Where whole objects come from: a backup or data directory, or the address of a server (token: `DISTD_FROM_TOKEN`).
    #[arg(long, value_name = "DIR|URL", requires = "repair")]
    from: Option<String>,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
}

impl Fsck {
    pub(super) fn run(self) -> ExitCode {
        match self.check() {
            Ok(report) if report.is_clean() && !report.interrupted => ExitCode::SUCCESS,
            Ok(_) => ExitCode::from(FOUND),
            Err(error) => {
                // Where stderr is gone too there is no one left to tell.
                let _ = eprint(&format!("error: {error:#}\n"));
                ExitCode::from(COULD_NOT_RUN)
            }
        }
    }

    fn check(&self) -> Result<CheckReport> {
        let data = &self.data.data;
        anyhow::ensure!(data.join(crate::db::FILE_NAME).is_file(), "{} holds no store", data.display());
        let position = data.join(POSITION);
        let options = check::Options {
            quick: self.quick,
            max_bytes_per_second: self.max_mib_per_second.saturating_mul(1024 * 1024),
            threads: self.threads,
            resume: self.resume.then(|| check::read_position(&position)).flatten(),
            position: (!self.quick).then_some(position),
        };
        let store = Store::attach(data, Options { reserve_bytes: 0 });
        let progress = Progress::new(self.json);
        give_way();
        let begun = Clock::system().now();
        let outcome = check::examine(data, &store, &options, &AtomicBool::new(false), &|event| progress.hear(&event));
        progress.clear();
        self.note(&store, outcome.as_ref(), begun);
        let mut report = outcome?.report;
        let repaired = if self.repair && !report.is_clean() { self.repair(&mut report) } else { Ok(()) };
        if self.json {
            print(&(serde_json::to_string_pretty(&report)? + "\n"))?;
        } else {
            print(&render(&report))?;
        }
        // Whatever became of the repair, what was found is told first.
        repaired?;
        Ok(report)
    }

    /// For who asks later. What is looked at may be a copy that cannot be written, or a database that is damaged: the report
    /// says what there is to say.
    fn note(&self, store: &Store, outcome: Result<&Checked, &CheckError>, begun: Timestamp) {
        let noted = Database::attach(&self.data.data).map_err(anyhow::Error::from).and_then(|db| {
            let at = (begun, Clock::system().now());
            Ok(runtime()?.block_on(care::note_check(&db, store, self.quick, outcome, at))?)
        });
        if let Err(error) = noted {
            tracing::debug!("the check is not noted: {error:#}");
        }
    }

    fn repair(&self, report: &mut CheckReport) -> Result<()> {
        let source = self.from.as_deref().map(parse_source).transpose()?;
        let opened = open(&self.data.data, Policy::default())?;
        runtime()?.block_on(repair::run(&opened.ground, report, source.as_ref())).context("the repair could not go on")
    }
}

fn parse_source(text: &str) -> Result<Source> {
    if text.starts_with("http://") || text.starts_with("https://") {
        return Ok(Source::Server(Remote::new(text.parse()?, from_token())?));
    }
    let directory = PathBuf::from(text);
    anyhow::ensure!(directory.join("objects").is_dir(), "{text} has no folder objects");
    Ok(Source::Directory(directory))
}

/// A line on a terminal that says how far a check is.
struct Progress {
    begun: Instant,
    is_drawn: bool,
}

impl Progress {
    fn new(json: bool) -> Self {
        Self { begun: Instant::now(), is_drawn: !json && std::io::stderr().is_terminal() }
    }

    fn hear(&self, event: &CheckEvent) {
        let CheckEvent::Progress { objects, of_objects, bytes, of_bytes } = event else { return };
        if !self.is_drawn {
            return;
        }
        let seconds = self.begun.elapsed().as_secs_f64().max(0.001);
        #[allow(clippy::cast_precision_loss, reason = "for people")]
        let (done, all) = (*bytes as f64, *of_bytes as f64);
        let rate = done / seconds;
        let left = if rate > 0.0 { (all - done).max(0.0) / rate } else { 0.0 };
        let text = format!(
            "\r{objects} of {of_objects} objects  {} of {}  {:.0} MiB/s  {left:.0} s left\x1b[K",
            ByteSize(*bytes),
            ByteSize(*of_bytes),
            rate / (1024.0 * 1024.0)
        );
        let _ = std::io::stderr().lock().write_all(text.as_bytes());
    }

    fn clear(&self) {
        if self.is_drawn {
            let _ = std::io::stderr().lock().write_all(b"\r\x1b[K");
        }
    }
}

fn render(report: &CheckReport) -> String {
    let line = |finding: &Finding| {
        let mark = match (finding.level, &finding.repaired) {
            (_, Some(_)) => "repaired",
            (FindingLevel::Error, None) => "ERROR",
            (FindingLevel::Note, None) => "note",
        };
        let done = finding.repaired.as_ref().map(|done| format!(" ({done})")).unwrap_or_default();
        format!("{mark:<8} {:<17} {}: {}{done}", finding.kind.as_str(), finding.subject, finding.message)
    };
    let mut lines: Vec<String> = report.findings.iter().map(line).collect();
    let looked = if report.quick { "sizes and links only" } else { "every byte read" };
    lines.push(format!(
        "{} objects, {}, {} records in {:.1} s ({looked})",
        report.objects,
        ByteSize(report.bytes),
        report.records,
        report.seconds
    ));
    lines.push(format!("audit head {}", report.audit_head));
    let errors = report.findings.iter().filter(|it| it.level == FindingLevel::Error && it.repaired.is_none()).count();
    lines.push(match errors {
        0 => "clean".to_owned(),
        1 => "1 error".to_owned(),
        errors => format!("{errors} errors"),
    });
    lines.join("\n") + "\n"
}

/// Delete what nothing names any more: in two steps, first the trash, then for good after the grace period.
#[derive(Debug, Args)]
pub(super) struct Gc {
    #[command(flatten)]
    data: Data,
    #[command(flatten)]
    keeping: Keeping,
    /// Change nothing; say what would be done.
    #[arg(long)]
    dry_run: bool,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
}

impl Gc {
    pub(super) fn run(&self) -> Result<()> {
        let opened = open(&self.data.data, self.keeping.policy())?;
        let runtime = runtime()?;
        let report = if self.dry_run {
            runtime.block_on(gc::rehearse(&opened.ground))?
        } else {
            runtime.block_on(gc::run(&opened.ground, &Caller::local()))?
        };
        if self.json { print(&(serde_json::to_string_pretty(&report)? + "\n")) } else { print(&render_gc(&report)) }
    }
}

fn render_gc(report: &GcReport) -> String {
    let expired = report.expired.iter().map(|it| format!("gives up   {} {} ({})", it.app, it.name, ByteSize(it.size)));
    let abandoned =
        report.abandoned.iter().map(|it| format!("drops      upload of {} to {}", it.digest.short(), it.app));
    let left = report.left_copies.iter().map(|it| format!("drops      copy of {} ({})", it.digest.short(), it.owner));
    let trashed = report.trashed.iter().map(|it| format!("trashes    {} ({})", it.digest, ByteSize(it.size)));
    let restored = report.restored.iter().map(|digest| format!("takes back {digest}"));
    let deleted = report.deleted.iter().map(|it| format!("deletes    {} ({})", it.digest, ByteSize(it.size)));
    let mut lines: Vec<String> =
        expired.chain(abandoned).chain(left).chain(trashed).chain(restored).chain(deleted).collect();
    lines.extend(report.held.as_ref().map(|reason| format!("nothing is deleted now: {reason}")));
    let freed = ByteSize(report.freed_bytes());
    lines.push(if report.dry_run { format!("{freed} would be free") } else { format!("{freed} are free") });
    lines.join("\n") + "\n"
}

/// Make a backup, or check one. Beside a running server too; incremental.
#[derive(Debug, Args)]
pub(super) struct Backup {
    /// The folder with the backups.
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    #[command(flatten)]
    data: Data,
    /// How objects get there.
    #[arg(long, value_name = "METHOD", default_value = "reflink")]
    method: Method,
    /// Keep the newest N backups, and remove the others and what only they need.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    keep: Option<u64>,
    /// Make none: read the backups that are there, whole.
    #[arg(long, conflicts_with_all = ["keep", "method"])]
    verify: bool,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Method {
    /// Shared until changed where the file system can, else copied.
    Reflink,
    /// One more name for the same file, on the same file system: no protection against a failing disk.
    Link,
    /// Copied and verified.
    Copy,
}

impl Backup {
    pub(super) fn run(&self) -> Result<ExitCode> {
        if self.verify { self.verify() } else { self.create() }
    }

    fn create(&self) -> Result<ExitCode> {
        let opened = open(&self.data.data, Policy::default())?;
        let Ground { db, store, clock, .. } = &opened.ground;
        let method = match self.method {
            Method::Reflink => CopyMethod::Reflink,
            Method::Link => CopyMethod::Link,
            Method::Copy => CopyMethod::Copy,
        };
        let made = backup::create(&self.data.data, store, db, &self.directory, method, clock.now());
        if let Err(error) = runtime()?.block_on(care::note_backup(db, made.as_ref(), clock.now())) {
            eprint(&format!("warning: the backup is not noted: {error}\n"))?;
        }
        let mut report = made?;
        if let Some(keep) = self.keep {
            report.removed = backup::rotate(&self.directory, usize::try_from(keep)?)?;
        }
        if self.json {
            print(&(serde_json::to_string_pretty(&report)? + "\n"))?;
        } else {
            let backup::BackupReport { snapshot, objects, copied, audit_head, .. } = &report;
            print(&format!("{snapshot}: {objects} objects, {copied} of them new\naudit head {audit_head}\n"))?;
            for digest in &report.missing {
                eprint(&format!("ERROR {digest} is damaged or missing in the store, and so in the backup\n"))?;
            }
            for removed in &report.removed {
                print(&format!("removed {removed}\n"))?;
            }
        }
        Ok(if report.missing.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    fn verify(&self) -> Result<ExitCode> {
        let progress = Progress::new(self.json);
        let verified = backup::verify(&self.directory, &|event| progress.hear(&event));
        progress.clear();
        let verified = verified?;
        if self.json {
            print(&(serde_json::to_string_pretty(&verified)? + "\n"))?;
        } else {
            verified.faults.iter().try_for_each(|fault| print(&format!("ERROR {fault}\n")))?;
            let state = if verified.faults.is_empty() { "all whole" } else { "damaged" };
            print(&format!("{} backups, {} objects, {state}\n", verified.snapshots.len(), verified.objects))?;
        }
        Ok(if verified.faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// Restore a backup into an empty data directory. A folder with objects/ and dist.sqlite will do as one.
#[derive(Debug, Args)]
pub(super) struct Restore {
    /// The folder with the backups.
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    #[command(flatten)]
    data: Data,
    /// Which backup; the newest unless given.
    #[arg(long, value_name = "SNAPSHOT")]
    at: Option<String>,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
}

impl Restore {
    pub(super) fn run(&self) -> Result<ExitCode> {
        let chosen = backup::choose(&self.directory, self.at.as_deref())?;
        let report = backup::restore(&chosen, &self.data.data)?;
        if self.json {
            print(&(serde_json::to_string_pretty(&report)? + "\n"))?;
        } else {
            print(&format!("{} objects restored\naudit head {}\n", report.objects, report.audit_head))?;
            for digest in &report.missing {
                eprint(&format!("ERROR {digest} is not in the backup, or not whole\n"))?;
            }
        }
        Ok(if report.missing.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}
