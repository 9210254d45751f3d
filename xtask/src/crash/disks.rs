//! Disks that are really full and really read-only, and a database that someone else really holds.
//!
//! The first two are mounted, which takes root and a machine that lets it; where it does not, the report says so. Each time
//! the server says clearly what is wrong, reading goes on, `distd fsck` is clean, and the same push succeeds afterwards.

use std::{
    fmt, fs,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail, ensure};

use super::release::{APP, Release};
use crate::{
    bench::write_noise,
    client::Client,
    process,
    server::Server,
    store,
    tools::{self, SQLITE3},
    workspace::Binaries,
};

const MIB: u64 = 1 << 20;

/// How large the disk is that is filled.
const SIZE: &str = "size=64m";

/// What is removed from the full disk to have space again.
const BALLAST_BYTES: u64 = 16 * MIB;

/// What was tried.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Pushes until the disk was full.
    pub fitted: u32,
    /// Why nothing could be mounted, where that is so.
    pub not_mounted: Option<String>,
}

impl fmt::Display for Tally {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.not_mounted {
            None => write!(formatter, "a disk full after {} pushes, a read-only one and", self.fitted)?,
            Some(why) => write!(formatter, "NOT tried: a disk that is full, one that is read-only ({why}); tried:")?,
        }
        write!(formatter, " a database that is held: told, read from, and clean after")
    }
}

/// Goes through all of them.
///
/// # Errors
/// When something does not hold.
pub fn run(binaries: &Binaries) -> Result<Tally> {
    tools::ensure(&[SQLITE3])?;
    let folder = tempfile::tempdir().context("cannot create a folder")?;
    busy(binaries, folder.path()).context("while the database is held")?;
    let place = folder.path().join("disk");
    fs::create_dir(&place).context("cannot create a folder to mount on")?;
    let mounted = Mount::make(&["-t", "tmpfs", "-o", SIZE, "tmpfs"], &place);
    let disk = match mounted {
        Ok(disk) => disk,
        Err(error) => return Ok(Tally { not_mounted: Some(error.to_string()), ..Tally::default() }),
    };
    let fitted = fill(binaries, folder.path(), &place).context("on a full disk")?;
    drop(disk);
    lock(binaries, folder.path()).context("on a read-only disk")?;
    Ok(Tally { fitted, not_mounted: None })
}

/// Something that is mounted, until this is dropped.
struct Mount {
    place: PathBuf,
}

impl Mount {
    fn make(arguments: &[&str], place: &Path) -> Result<Self> {
        process::read(Command::new("mount").args(arguments).arg(place))?;
        Ok(Self { place: place.to_owned() })
    }

    /// What is in `place`, mounted on itself: what was opened before stays as it was, what is opened now is read-only.
    fn make_read_only(place: &Path) -> Result<Self> {
        process::read(Command::new("mount").arg("--bind").args([place, place]))?;
        let mount = Self { place: place.to_owned() };
        process::read(Command::new("mount").args(["-o", "remount,bind,ro"]).arg(place))?;
        Ok(mount)
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        // Lazily: a file on it may still be open. Where it fails there is nobody to tell but who removes the folder.
        let _ = process::read(Command::new("umount").arg("--lazy").arg(&self.place));
    }
}

/// A store whose server runs, with a release.
struct Stage<'a> {
    binaries: &'a Binaries,
    data: PathBuf,
    folder: &'a Path,
    server: Server,
    client: Client,
    random: fastrand::Rng,
    published: Vec<Release>,
}

impl<'a> Stage<'a> {
    fn open(binaries: &'a Binaries, folder: &'a Path, data: PathBuf) -> Result<Self> {
        let server = start(binaries, &data)?;
        let client = Client::new(binaries, &server, &data)?;
        client.run(["app", "create", APP, "--access", "token"])?;
        let random = fastrand::Rng::with_seed(13);
        let mut stage = Self { binaries, data, folder, server, client, random, published: Vec::new() };
        let first = stage.release(1, 300_000)?;
        stage.publish(first)?;
        Ok(stage)
    }

    fn release(&mut self, number: u32, bytes: u64) -> Result<Release> {
        let above = tempfile::tempdir_in(self.folder).context("cannot create a folder")?.keep();
        Release::write(&above, number, &[bytes], &mut self.random)
    }

    fn publish(&mut self, release: Release) -> Result<()> {
        self.client.publish(&release.manifest)?;
        self.published.push(release);
        Ok(())
    }

    /// Returns what the client was told where the push was refused.
    fn push(&self, release: &Release) -> Result<Option<String>> {
        let output = process::capture(self.client.publish_command(&release.manifest).args(["--retries", "0"]))?;
        Ok((!output.status.success()).then(|| String::from_utf8_lossy(&output.stdout).into_owned()))
    }

    fn check_refused(&self, release: &Release, codes: &[&str]) -> Result<()> {
        let said = self.push(release)?.with_context(|| format!("the push of {} is not refused", release.revision))?;
        ensure!(codes.iter().any(|code| said.contains(code)), "it does not say what is wrong: {said}");
        self.check_readable()
    }

    /// All that was published can be pulled, and nothing is wrong.
    fn check_readable(&self) -> Result<()> {
        self.published.iter().try_for_each(|release| release.pull(&self.client)).context("reading does not go on")?;
        store::fsck(&self.binaries.distd, &self.data)
    }

    fn close(self) -> Result<()> {
        self.check_readable()?;
        self.server.stop()?;
        store::check_objects(&self.data)?;
        store::fsck(&self.binaries.distd, &self.data)
    }
}

/// Without the reserve, which refuses before the disk does.
fn start(binaries: &Binaries, data: &Path) -> Result<Server> {
    Server::start_configured(&binaries.distd, data, &[], &["--reserve-mib", "0"])
}

/// Fills the disk at `place` by pushes, and then to the last byte. Returns how many pushes fitted.
fn fill(binaries: &Binaries, folder: &Path, place: &Path) -> Result<u32> {
    const FULL: [&str; 2] = ["insufficient_storage", "storage_failed"];
    let mut stage = Stage::open(binaries, folder, place.join("data"))?;
    let ballast = place.join("ballast");
    write_noise(&ballast, BALLAST_BYTES, 1)?;
    let (refused, fitted) = loop {
        let number = 1 + stage.published.len();
        ensure!(number < 40, "the disk does not get full");
        let release = stage.release(u32::try_from(number)?, 4 * MIB)?;
        match stage.push(&release)? {
            None => stage.published.push(release),
            Some(said) => {
                ensure!(FULL.iter().any(|code| said.contains(code)), "it does not say what is wrong: {said}");
                break (release, u32::try_from(number)? - 1);
            }
        }
    };
    stage.check_readable()?;
    // Now not even the database can grow.
    let filler = place.join("filler");
    fill_up(&filler)?;
    let small = stage.release(100, 5_000)?;
    stage.check_refused(&small, &FULL)?;
    let failed = process::capture(&mut back_up(binaries, &stage.data, &place.join("backups")))?;
    let said = String::from_utf8_lossy(&failed.stderr).into_owned();
    ensure!(!failed.status.success() && said.contains("error: "), "a backup to a full disk: {} {said}", failed.status);

    fs::remove_file(&ballast).context("cannot free space")?;
    ensure!(stage.push(&small)?.is_none(), "there is space again, and the small push is refused");
    ensure!(stage.push(&refused)?.is_none(), "there is space again, and the push is refused");
    fs::remove_file(&filler).context("cannot free space")?;
    stage.published.extend([small, refused]);
    stage.close()?;
    Ok(fitted)
}

fn back_up(binaries: &Binaries, data: &Path, to: &Path) -> Command {
    let mut command = Command::new(&binaries.distd);
    command.arg("backup").arg(to).arg("--data").arg(data);
    command
}

fn fill_up(file: &Path) -> Result<()> {
    let mut rest = fs::File::create(file).context("cannot create a file")?;
    loop {
        match rest.write(&[0; 4096]) {
            Err(error) if error.kind() == std::io::ErrorKind::StorageFull => return Ok(()),
            written => written.context("cannot fill the disk")?,
        };
    }
}

/// Makes a data directory read-only below a running server, and before one.
fn lock(binaries: &Binaries, folder: &Path) -> Result<()> {
    let mut stage = Stage::open(binaries, folder, folder.join("locked"))?;
    let release = stage.release(2, 300_000)?;
    let read_only = Mount::make_read_only(&stage.data)?;
    stage.check_refused(&release, &["storage_failed"])?;
    drop(read_only);
    stage.publish(release)?;
    stage.check_readable()?;

    let Stage { data, server, .. } = stage;
    server.stop()?;
    let read_only = Mount::make_read_only(&data)?;
    let started = start(binaries, &data);
    let said = started.err().map(|error| format!("{error:#}")).context("it starts on a read-only disk")?;
    ensure!(said.contains("error: ") && said.contains("Read-only"), "it does not say why it does not start: {said}");
    drop(read_only);
    start(binaries, &data)?.stop()?;
    store::fsck(&binaries.distd, &data)
}

/// Holds the database by another connection, longer than the server waits for it.
fn busy(binaries: &Binaries, folder: &Path) -> Result<()> {
    let mut stage = Stage::open(binaries, folder, folder.join("held"))?;
    let release = stage.release(2, 300_000)?;
    let mut holder = Command::new("sqlite3")
        .arg(stage.data.join("dist.sqlite"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start sqlite3")?;
    let mut tell = holder.stdin.take().context("sqlite3 has no standard input")?;
    let mut said = BufReader::new(holder.stdout.take().context("sqlite3 has no standard output")?);
    writeln!(tell, ".timeout 10000\nBEGIN IMMEDIATE;\nSELECT 'held';").context("cannot tell sqlite3")?;
    let mut line = String::new();
    said.read_line(&mut line).context("cannot hear sqlite3")?;
    if line.trim() != "held" {
        bail!("the database cannot be held: {line}");
    }
    let refused = stage.check_refused(&release, &["storage_failed"]);
    writeln!(tell, "COMMIT;").context("cannot tell sqlite3")?;
    drop(tell);
    holder.wait().context("cannot wait for sqlite3")?;
    refused?;
    stage.publish(release)?;
    stage.close()
}
