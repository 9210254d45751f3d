//! A peer's server: started on a port that was free, waited for, killed when dropped.

use std::{
    fs::File,
    io::{Read, Seek},
    net::{TcpListener, TcpStream},
    os::unix::process::CommandExt,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process_group};

use super::Ground;
use crate::{bench::measure, process};

/// How long a server may take until it listens.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running server in a process group of its own.
pub(in crate::bench) struct Daemon {
    child: Child,
}

impl Daemon {
    /// Starts a server in the foreground and waits until something listens on `port` of 127.0.0.1.
    ///
    /// # Errors
    /// When it cannot be started or does not listen in time; the error carries the end of what it said.
    pub(in crate::bench) fn start(ground: &Ground, command: &Command, port: u16) -> Result<Self> {
        let mut command = measure::traced(command, ground.trace);
        let name = process::describe(&command);
        let mut log = tempfile::tempfile().context("cannot create a file for a server's log")?;
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log.try_clone()?).process_group(0);
        let child = command.spawn().with_context(|| format!("cannot start `{name}`"))?;
        let mut daemon = Self { child };
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            let has_ended = daemon.child.try_wait().context("cannot ask for a server's state")?.is_some();
            if has_ended || begun.elapsed() > PATIENCE {
                bail!("`{name}` does not listen{}", quote(&mut log));
            }
            thread::sleep(Duration::from_millis(10));
        }
        Ok(daemon)
    }

    /// Its process group.
    pub(in crate::bench) fn group(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // Both fail only for a server that has already ended.
        let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
        let _ = self.child.wait();
    }
}

fn quote(log: &mut File) -> String {
    let mut said = Vec::new();
    // The log only adds to a message: where it cannot be read, the message stands alone.
    let _ = log.rewind().and_then(|()| log.read_to_end(&mut said));
    process::quote_tail(&said)
}

/// A port that nothing listens on now, for servers that do not tell which one the system chose.
///
/// # Errors
/// When the system gives none.
pub(in crate::bench) fn free_port() -> Result<u16> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).context("cannot find a free port")?;
    Ok(listener.local_addr().context("cannot find a free port")?.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_ends_at_once_is_quoted() {
        let folder = tempfile::tempdir().unwrap();
        let ground = Ground { folder: folder.path(), file: folder.path(), digest: "", trace: None };
        let mut command = Command::new("sh");
        command.args(["-c", "echo no room >&2; exit 1"]);
        let message = Daemon::start(&ground, &command, free_port().unwrap()).err().unwrap().to_string();
        assert!(message.ends_with("no room"), "{message}");
    }
}
