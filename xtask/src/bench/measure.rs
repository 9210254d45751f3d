//! What is told of a command besides its time: syncs, peak memory, bytes over loopback. None of it is looked at in a run that
//! is timed.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use anyhow::{Context, Result, ensure};

use crate::{
    process,
    tools::{STRACE, Tool},
};

/// What looking needs.
pub(super) const TOOLS: &[Tool] = &[STRACE, Tool { program: "time", package: "time" }];

/// The system calls that make bytes durable.
pub(super) const SYNCS: &str = "fsync,fdatasync,sync_file_range,syncfs,sync,msync";

/// The command under `strace`, which adds the syncs of it and of all it starts to a file.
pub(super) fn traced(command: &Command, trace: Option<&Path>) -> Command {
    match trace {
        Some(trace) => {
            let mut strace = Command::new("strace");
            strace.args(["-f", "-A", "--seccomp-bpf", "-e", &format!("trace={SYNCS}"), "-o"]).arg(trace);
            behind(strace, command)
        }
        None => behind(Command::new("env"), command),
    }
}

/// The command as the arguments of a program that runs it, in the same folder with the same variables.
pub(super) fn behind(mut program: Command, command: &Command) -> Command {
    program.arg(command.get_program()).args(command.get_args());
    if let Some(folder) = command.get_current_dir() {
        program.current_dir(folder);
    }
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => program.env(name, value),
            None => program.env_remove(name),
        };
    }
    program
}

/// How many syncs were traced so far.
///
/// # Errors
/// When the trace cannot be read.
pub(super) fn count_syncs(trace: &Path) -> Result<u64> {
    if !trace.exists() {
        return Ok(0);
    }
    let text = fs::read_to_string(trace).with_context(|| format!("cannot read {}", trace.display()))?;
    Ok(count_calls(&text))
}

/// Calls that began; one that another thread interrupts has a second line, which is not counted.
fn count_calls(trace: &str) -> u64 {
    let is_call = |line: &&str| {
        let call = line.trim_start_matches(|letter: char| letter.is_ascii_digit() || letter == ' ');
        call.split_once('(').is_some_and(|(name, _)| SYNCS.split(',').any(|sync| sync == name))
    };
    trace.lines().filter(is_call).count() as u64
}

/// Runs a command and says how much memory the largest process of it took at once, in bytes, and what it printed.
///
/// # Errors
/// When it fails.
pub(super) fn run_for_memory(command: &Command, folder: &Path) -> Result<(u64, String)> {
    let file = folder.join("memory");
    let mut time = Command::new(crate::tools::find_program("time").context("GNU time is not installed")?);
    time.args(["-f", "%M", "-o"]).arg(&file);
    let printed = process::read(&mut behind(time, command))?;
    let said = fs::read_to_string(&file).context("GNU time wrote nothing")?;
    let kib: u64 = said.lines().last().and_then(|line| line.trim().parse().ok()).context("GNU time said no number")?;
    Ok((kib * 1024, printed))
}

/// Bytes that loopback has carried since the system started, packets' heads included.
///
/// # Errors
/// When the kernel does not say.
pub(super) fn read_loopback_bytes() -> Result<u64> {
    let text = fs::read_to_string("/proc/net/dev").context("cannot read /proc/net/dev")?;
    parse_loopback(&text).context("/proc/net/dev has no line for lo")
}

fn parse_loopback(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.trim().strip_prefix("lo:"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Looks at the processes of a group, again and again, until it is asked.
pub(super) struct Watch {
    ended: Arc<AtomicBool>,
    thread: JoinHandle<u64>,
}

impl Watch {
    /// Looks every 10 ms.
    pub(super) fn start(group: u32) -> Self {
        let ended = Arc::new(AtomicBool::new(false));
        let is_over = Arc::clone(&ended);
        let thread = thread::spawn(move || {
            let mut peak = 0;
            loop {
                let was_over = is_over.load(Ordering::Relaxed);
                peak = peak.max(find_largest(group));
                if was_over {
                    return peak;
                }
                thread::sleep(Duration::from_millis(10));
            }
        });
        Self { ended, thread }
    }

    /// The most memory that one process of the group had so far, in bytes.
    ///
    /// # Errors
    /// When none was seen.
    pub(super) fn finish(self) -> Result<u64> {
        self.ended.store(true, Ordering::Relaxed);
        let peak = self.thread.join().ok().context("the watch ended early")?;
        ensure!(peak > 0, "no process of the server was seen");
        Ok(peak)
    }
}

/// From now on the peaks of a group's processes are those of what comes. Best effort: a kernel without `clear_refs` keeps the
/// old ones, which are not lower (`man 5 proc_pid_clear_refs`).
pub(super) fn forget_peaks(group: u32) {
    for folder in list_members(group) {
        let _ = fs::write(folder.join("clear_refs"), "5");
    }
}

/// The folders in `/proc` of a group's processes.
fn list_members(group: u32) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let folders = entries.flatten().map(|entry| entry.path());
    folders.filter(|folder| read_stat(folder).is_some_and(|stat| stat.group == group)).collect()
}

/// `VmHWM` of the process of the group that has the highest. Processes come and go meanwhile.
fn find_largest(group: u32) -> u64 {
    let peaks = list_members(group).into_iter().filter_map(|folder| {
        let status = fs::read_to_string(folder.join("status")).ok()?;
        crate::server::parse_kib(&status, "VmHWM:")
    });
    peaks.max().unwrap_or(0)
}

/// What `/proc/PID/stat` says of a process, as far as it is looked at.
pub(super) struct Stat {
    /// Its id.
    pub(super) id: u32,
    /// Who started it.
    pub(super) parent: u32,
    /// Its process group.
    pub(super) group: u32,
}

/// The first, fourth and fifth field of `stat`; the second is a name in parentheses (`man 5 proc_pid_stat`). `None` for what is
/// no process, or none any more.
pub(super) fn read_stat(folder: &Path) -> Option<Stat> {
    let stat = fs::read_to_string(folder.join("stat")).ok()?;
    let (head, tail) = stat.rsplit_once(')')?;
    let mut fields = tail.split_whitespace().skip(1).map(str::parse);
    let [parent, group] = [fields.next()?.ok()?, fields.next()?.ok()?];
    Some(Stat { id: head.split(' ').next()?.parse().ok()?, parent, group })
}

/// Writes out what earlier work left in memory, so that it is not written during what is timed next.
///
/// # Errors
/// When `sync` fails.
pub(super) fn settle() -> Result<()> {
    process::run(&mut Command::new("sync"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interrupted_syncs_count_once() {
        let trace = "12 fsync(4) = 0\n13 fdatasync(5 <unfinished ...>\n12 +++ exited with 0 +++\n\
                     13 <... fdatasync resumed>) = 0\n14 --- SIGURG {si_signo=SIGURG} ---\nsyncfs(3) = 0\n";
        assert_eq!(count_calls(trace), 3);
    }

    #[test]
    fn loopback_is_read_from_its_line() {
        let text = "Inter-|   Receive\n face |bytes\n  eth0:  7 1\n    lo: 1234 5 0\n";
        assert_eq!(parse_loopback(text), Some(1234));
    }

    #[test]
    fn a_command_runs_behind_another_with_its_folder_and_variables() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo $WORD; pwd"]).env("WORD", "here").current_dir("/");
        assert_eq!(process::read(&mut traced(&command, None)).unwrap(), "here\n/\n");
    }
}
