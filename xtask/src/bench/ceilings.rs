//! What the machine itself can do with files: hash them, copy them durably, send their bytes over loopback.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::Command,
    thread,
};

use anyhow::{Context, Result, ensure};

use super::{table::Row, time};
use crate::process;

/// The three, measured in every run.
pub(super) struct Ceilings {
    /// `openssl dgst -sha256`.
    pub(super) hash: Row,
    /// `cp`, then `sync` of the copies.
    pub(super) copy: Row,
    /// Through a socket of 127.0.0.1, from memory into nothing.
    pub(super) loopback: Row,
}

impl Ceilings {
    pub(super) fn new(bytes: u64) -> Self {
        Self {
            hash: Row::new("openssl dgst -sha256", bytes),
            copy: Row::new("cp, sync", bytes),
            loopback: Row::new("loopback", bytes),
        }
    }

    /// Measures each once. The files are in the page cache then.
    ///
    /// # Errors
    /// When a tool fails.
    pub(super) fn measure(&mut self, files: &[PathBuf], folder: &Path) -> Result<()> {
        let copies = tempfile::tempdir_in(folder).context("cannot create a folder")?;
        let names = files.iter().filter_map(|file| file.file_name()).map(|name| copies.path().join(name));
        let names: Vec<PathBuf> = names.collect();
        let (seconds, ()) = time(|| hash_all(files))?;
        self.hash.seconds.push(seconds);
        let (seconds, ()) = time(|| {
            process::run(Command::new("cp").args(files).arg(copies.path()))?;
            process::run(Command::new("sync").args(&names))
        })?;
        self.copy.seconds.push(seconds);
        let (seconds, ()) = time(|| send_over_loopback(self.loopback.bytes))?;
        self.loopback.seconds.push(seconds);
        Ok(())
    }

    pub(super) fn rows(&self) -> [Row; 3] {
        [&self.hash, &self.copy, &self.loopback].map(Clone::clone)
    }
}

/// `openssl dgst -sha256` of all of them in one process: hashing and nothing else.
///
/// # Errors
/// When it fails.
pub(super) fn hash_all(files: &[PathBuf]) -> Result<()> {
    process::read(Command::new("openssl").args(["dgst", "-sha256"]).args(files)).map(drop)
}

fn send_over_loopback(bytes: u64) -> Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).context("cannot listen")?;
    let address = listener.local_addr().context("cannot listen")?;
    let sender = thread::spawn(move || -> Result<()> {
        let mut stream = TcpStream::connect(address).context("cannot connect")?;
        let chunk = vec![0; 1 << 20];
        let mut left = bytes;
        while left > 0 {
            let length = usize::try_from(left).map_or(chunk.len(), |left| left.min(chunk.len()));
            stream.write_all(&chunk[..length]).context("cannot send")?;
            left -= length as u64;
        }
        Ok(())
    });
    let (mut stream, _) = listener.accept().context("cannot accept")?;
    let (mut received, mut buffer) = (0, vec![0; 1 << 20]);
    loop {
        let length = stream.read(&mut buffer).context("cannot receive")?;
        if length == 0 {
            break;
        }
        received += length as u64;
    }
    sender.join().map_err(|_| anyhow::anyhow!("the sender ended early"))??;
    ensure!(received == bytes, "{received} of {bytes} bytes came over loopback");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_comes_over_loopback() {
        send_over_loopback(0).unwrap();
        send_over_loopback((3 << 20) + 7).unwrap();
    }
}
