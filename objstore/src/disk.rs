//! What differs between operating systems, and the two kinds of sync.

use std::{
    fs::{self, File, OpenOptions},
    io,
    ops::Range,
    path::Path,
    time::SystemTime,
};

use crate::faults;

/// Makes the entries of `dir` durable: what was created in it, moved into it or removed from it.
#[cfg(unix)]
pub(crate) fn sync_dir(dir: &Path) -> io::Result<()> {
    faults::step("directory.sync")?;
    File::open(dir)?.sync_all()
}

/// Directories cannot be synced here; the file system orders entries by itself.
#[cfg(not(unix))]
pub(crate) fn sync_dir(_dir: &Path) -> io::Result<()> {
    Ok(())
}

/// Makes `file` what an object is: read-only for everyone, bytes and mode durable.
pub(crate) fn seal(file: &File) -> io::Result<()> {
    faults::step("object.seal")?;
    let mut permissions = file.metadata()?.permissions();
    set_read_only(&mut permissions);
    file.set_permissions(permissions)?;
    file.sync_all()
}

#[cfg(unix)]
fn set_read_only(permissions: &mut fs::Permissions) {
    use std::os::unix::fs::PermissionsExt;
    permissions.set_mode(0o444);
}

#[cfg(not(unix))]
fn set_read_only(permissions: &mut fs::Permissions) {
    permissions.set_readonly(true);
}

/// Whether a file has the mode of an object: read-only for everyone.
#[cfg(unix)]
pub(crate) fn is_sealed(metadata: &fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    metadata.permissions().mode() & 0o7777 == 0o444
}

#[cfg(not(unix))]
pub(crate) fn is_sealed(metadata: &fs::Metadata) -> bool {
    metadata.permissions().readonly()
}

/// Gives the file at `path` the mode of an object.
pub(crate) fn set_sealed_mode(path: &Path) -> io::Result<()> {
    let mut permissions = fs::metadata(path)?.permissions();
    set_read_only(&mut permissions);
    fs::set_permissions(path, permissions)
}

/// Opens a partial upload for reading and writing, creating it when `path` is free.
///
/// A crash between [`seal`] and the rename leaves a partial read-only, so that is undone first.
pub(crate) fn open_partial(path: &Path) -> io::Result<File> {
    match fs::metadata(path) {
        Ok(metadata) if metadata.permissions().readonly() => {
            fs::set_permissions(path, writable(metadata.permissions()))?;
        }
        _ => {}
    }
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

#[cfg(unix)]
fn writable(mut permissions: fs::Permissions) -> fs::Permissions {
    use std::os::unix::fs::PermissionsExt;
    permissions.set_mode(0o600);
    permissions
}

#[cfg(not(unix))]
#[allow(clippy::permissions_set_readonly_false, reason = "there are no other bits here")]
fn writable(mut permissions: fs::Permissions) -> fs::Permissions {
    permissions.set_readonly(false);
    permissions
}

/// Reads at `offset` without moving the file's own position.
#[cfg(unix)]
pub(crate) fn read_at(file: &File, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
    faults::step("object.read")?;
    std::os::unix::fs::FileExt::read_at(file, buf, offset)
}

/// Reads at `offset` what the page cache has, and never waits for the disk: `None` where it would, or where the system cannot
/// tell.
#[cfg(target_os = "linux")]
pub(crate) fn read_cached_at(file: &File, offset: u64, buf: &mut [u8]) -> io::Result<Option<usize>> {
    use rustix::io::{Errno, ReadWriteFlags};
    faults::step("object.read")?;
    match rustix::io::preadv2(file, &mut [io::IoSliceMut::new(buf)], offset, ReadWriteFlags::NOWAIT) {
        Ok(count) => Ok(Some(count)),
        // As the last two, file systems and kernels answer that do not know the flag.
        Err(Errno::AGAIN | Errno::OPNOTSUPP | Errno::NOSYS) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn read_cached_at(_file: &File, _offset: u64, _buf: &mut [u8]) -> io::Result<Option<usize>> {
    Ok(None)
}

/// Asks the kernel to read `range` now, without waiting: it is wanted soon. A hint: nothing depends on it.
#[cfg(target_os = "linux")]
pub(crate) fn start_reading(file: &File, range: Range<u64>) {
    let length = std::num::NonZeroU64::new(range.end - range.start);
    let _ = rustix::fs::fadvise(file, range.start, length, rustix::fs::Advice::WillNeed);
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn start_reading(_file: &File, _range: Range<u64>) {}

/// Reads at `offset`. Moves the file's own position.
#[cfg(windows)]
pub(crate) fn read_at(file: &File, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, buf, offset)
}

/// Asks the kernel to begin writing `range` to disk now, without waiting, so that the sync at the
/// end of a large upload finds little left to do. A hint: nothing depends on it.
///
/// On Linux, "not needed" starts writeback of dirty pages; it evicts only pages that were clean
/// already, so the file stays cached for the inspection that follows.
#[cfg(target_os = "linux")]
pub(crate) fn start_writeback(file: &File, range: Range<u64>) {
    let length = std::num::NonZeroU64::new(range.end - range.start);
    let _ = rustix::fs::fadvise(file, range.start, length, rustix::fs::Advice::DontNeed);
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn start_writeback(_file: &File, _range: Range<u64>) {}

/// Which file it is, whatever its name: enough to tell whether another one has taken its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileId {
    device: u64,
    number: u64,
    size_bytes: u64,
    modified: Option<SystemTime>,
}

impl FileId {
    pub(crate) fn of(metadata: &fs::Metadata) -> Self {
        let (device, number) = number(metadata);
        // The number of a file that was removed may be used again.
        Self { device, number, size_bytes: metadata.len(), modified: metadata.modified().ok() }
    }

    /// The file at `path`, or `None` where there is none.
    pub(crate) fn at(path: &Path) -> io::Result<Option<Self>> {
        match fs::metadata(path) {
            Ok(metadata) if metadata.is_file() => Ok(Some(Self::of(&metadata))),
            Ok(_) => Ok(None),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Its size in bytes.
    pub fn size_bytes(&self) -> u64 {
        self.size_bytes
    }
}

#[cfg(unix)]
fn number(metadata: &fs::Metadata) -> (u64, u64) {
    use std::os::unix::fs::MetadataExt;
    (metadata.dev(), metadata.ino())
}

#[cfg(not(unix))]
fn number(_metadata: &fs::Metadata) -> (u64, u64) {
    (0, 0)
}

/// The size of the file at `path` in bytes, or `None` where there is none.
pub(crate) fn file_len(path: &Path) -> io::Result<Option<u64>> {
    Ok(FileId::at(path)?.map(|file| file.size_bytes))
}

/// Removes the file at `path`; a missing one counts as removed.
pub(crate) fn remove_file(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// `error`, saying which `path` it is about. The kind is kept.
pub(crate) fn about(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}
