//! A `distd` of our own: started, asked for its address, stopped or killed.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader, Read, Seek},
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, ChildStdout, Command, ExitStatus, Stdio},
    sync::mpsc::{self, Receiver},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow, bail};
use rustix::process::{Pid, Signal, kill_process_group};

use crate::process;

/// How long a server may take until it listens, and until it has ended when told to.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a server prints on standard output once it is ready, before its URL.
const READY: &str = "listening on ";

/// A running server. It is killed when this is dropped.
#[derive(Debug)]
pub struct Server {
    child: Child,
    url: String,
    log: File,
}

impl Server {
    /// Starts a server on a port that the system chooses and waits until it listens.
    ///
    /// It gets a process group of its own: Ctrl-C at the terminal ends the task, and the task ends
    /// the server.
    ///
    /// # Errors
    /// When it cannot be started or does not say in time where it listens; the error carries the
    /// end of what it said instead.
    pub fn start(distd: &Path, data: &Path) -> Result<Self> {
        Self::start_command(Command::new(distd), data)
    }

    /// The same under `strace`, which writes the system calls named in `calls` to `trace`, in the
    /// order in which they happened, with the path of each file.
    ///
    /// # Errors
    /// As [`Server::start`].
    pub fn start_traced(distd: &Path, data: &Path, calls: &str, trace: &Path) -> Result<Self> {
        let mut strace = Command::new("strace");
        strace.args(["-f", "-y", "-s", "24", "-e", &format!("trace={calls}"), "-o"]).arg(trace).arg(distd);
        Self::start_command(strace, data)
    }

    /// The same, with every byte that is written, in hexadecimal.
    ///
    /// # Errors
    /// As [`Server::start`].
    pub fn start_recorded(distd: &Path, data: &Path, calls: &str, trace: &Path) -> Result<Self> {
        let mut strace = Command::new("strace");
        strace.args(["-f", "-y", "-xx", "-s", "4000000", "-e", &format!("trace={calls}"), "-o"]).arg(trace).arg(distd);
        Self::start_command(strace, data)
    }

    /// The same with variables and arguments of its own.
    ///
    /// # Errors
    /// As [`Server::start`].
    pub fn start_configured(distd: &Path, data: &Path, variables: &[(&str, &str)], arguments: &[&str]) -> Result<Self> {
        let mut command = Command::new(distd);
        command.envs(variables.iter().copied());
        Self::start_with_arguments(command, data, arguments)
    }

    fn start_command(command: Command, data: &Path) -> Result<Self> {
        Self::start_with_arguments(command, data, &[])
    }

    fn start_with_arguments(mut command: Command, data: &Path, arguments: &[&str]) -> Result<Self> {
        let log = tempfile::tempfile().context("cannot create a file for the server's log")?;
        let program = process::describe(&command);
        let mut child = command
            .args(["serve", "--listen", "127.0.0.1:0", "--data"])
            .arg(data)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log.try_clone().context("cannot share the server's log")?)
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot start {program}"))?;
        let stdout = child.stdout.take().context("the server has no standard output")?;
        let mut server = Self { child, url: String::new(), log };
        match watch_stdout(stdout).recv_timeout(PATIENCE) {
            Ok(url) => server.url = url,
            Err(_) => return Err(server.quote_log("the server did not say where it listens")),
        }
        Ok(server)
    }

    /// `http://ADDR:PORT`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The most memory it had in use at once so far, in bytes.
    ///
    /// # Errors
    /// When `/proc` does not say.
    pub fn read_peak_memory_bytes(&self) -> Result<u64> {
        let file = format!("/proc/{}/status", self.child.id());
        let status = fs::read_to_string(&file).with_context(|| format!("cannot read {file}"))?;
        parse_kib(&status, "VmHWM:").with_context(|| format!("{file} has no VmHWM"))
    }

    /// The memory that it has in use now, in bytes.
    ///
    /// # Errors
    /// When `/proc` does not say.
    pub fn read_memory_bytes(&self) -> Result<u64> {
        let file = format!("/proc/{}/status", self.child.id());
        let status = fs::read_to_string(&file).with_context(|| format!("cannot read {file}"))?;
        parse_kib(&status, "VmRSS:").with_context(|| format!("{file} has no VmRSS"))
    }

    /// Its process id, which is also the id of its process group.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// How it ended, when it has.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn try_wait(&mut self) -> Result<Option<ExitStatus>> {
        self.child.try_wait().context("cannot ask for the server's state")
    }

    /// Tells it to end (SIGTERM) and waits until it has.
    ///
    /// # Errors
    /// When it does not end in time, or with anything but exit code 0.
    pub fn stop(mut self) -> Result<()> {
        self.signal(Signal::TERM)?;
        let told = Instant::now();
        while told.elapsed() < PATIENCE {
            match self.try_wait()? {
                Some(status) if status.success() => return Ok(()),
                Some(status) => return Err(self.quote_log(&format!("the server ended with {status}"))),
                None => thread::sleep(Duration::from_millis(10)),
            }
        }
        bail!("the server did not end within {} s of SIGTERM", PATIENCE.as_secs())
    }

    /// Kills it (SIGKILL) and waits until it is gone.
    ///
    /// # Errors
    /// When it cannot be killed.
    pub fn kill(&mut self) -> Result<()> {
        self.signal(Signal::KILL)?;
        self.child.wait().context("cannot wait for the killed server")?;
        Ok(())
    }

    /// Signals the server's process group: itself, and what it runs under.
    fn signal(&self, signal: Signal) -> Result<()> {
        kill_process_group(Pid::from_child(&self.child), signal).context("cannot signal the server")
    }

    /// The administrator's token that it made at its first start and told in its log.
    ///
    /// # Errors
    /// When it made none.
    pub fn read_first_token(&mut self) -> Result<String> {
        let mut said = String::new();
        self.log.rewind().and_then(|()| self.log.read_to_string(&mut said)).context("cannot read the server's log")?;
        let token = said.lines().find_map(|line| line.trim().strip_prefix("export DIST_TOKEN="));
        token.map(str::to_owned).context("the server made no token")
    }

    /// A problem, and the end of what the server has logged.
    pub fn quote_log(&mut self, problem: &str) -> anyhow::Error {
        let mut said = Vec::new();
        // The log only adds to a message: where it cannot be read, the message stands alone.
        let _ = self.log.rewind().and_then(|()| self.log.read_to_end(&mut said));
        anyhow!("{problem}{}", process::quote_tail(&said))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail only for a server that has already been waited for.
        let _ = self.signal(Signal::KILL);
        let _ = self.child.wait();
    }
}

/// Reads the server's output to its end, so that it never blocks on a full pipe, and passes on the
/// URL when it comes.
fn watch_stdout(stdout: ChildStdout) -> Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            if let Some(url) = line.strip_prefix(READY) {
                // Nobody waits for a second address.
                let _ = sender.send(url.trim_end().to_owned());
            }
        }
    });
    receiver
}

/// A line such as `VmHWM:     1234 kB` (`man 5 proc_pid_status`), in bytes.
pub(crate) fn parse_kib(status: &str, field: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    let kibibytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use tempfile::TempDir;

    use super::*;

    /// A program that stands in for the server.
    fn stand_in(script: &str) -> (TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("distd");
        fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        (folder, program)
    }

    #[test]
    fn the_address_is_read_and_a_stop_waits_for_exit_0() {
        let script =
            "trap 'exit 0' TERM; echo a token; echo listening on http://127.0.0.1:7; while :; do sleep 0.01; done";
        let (folder, program) = stand_in(script);
        let server = Server::start(&program, folder.path()).unwrap();
        assert_eq!(server.url(), "http://127.0.0.1:7");
        server.stop().unwrap();
    }

    #[test]
    fn a_server_that_ends_before_it_listens_is_quoted() {
        let (folder, program) = stand_in("echo no room >&2; exit 1");
        let message = Server::start(&program, folder.path()).unwrap_err().to_string();
        assert!(message.ends_with("no room"), "{message}");
    }

    #[test]
    fn a_dropped_server_is_gone() {
        let (folder, program) = stand_in("echo listening on http://x; while :; do sleep 0.01; done");
        let server = Server::start(&program, folder.path()).unwrap();
        let proc = format!("/proc/{}", server.child.id());
        assert!(Path::new(&proc).exists());
        assert!(server.read_peak_memory_bytes().unwrap() > 0);
        drop(server);
        assert!(!Path::new(&proc).exists());
    }

    #[test]
    fn peak_memory_is_read_in_bytes() {
        assert_eq!(parse_kib("VmPeak:\t 9 kB\nVmHWM:\t    5 kB\n", "VmHWM:"), Some(5120));
        assert_eq!(parse_kib("VmPeak:\t 9 kB\n", "VmHWM:"), None);
    }
}
