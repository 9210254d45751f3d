//! Beginning an upload, or going on with one; asking how far it got; dropping it.

use std::{
    fs::File,
    io::{self, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use super::{
    Upload, UploadError,
    owner::Owner,
    sessions::{Key, Progress, Session},
};
use crate::{Digest, Store, disk, faults, layout, sums::Running};

impl Store {
    /// Begins an upload, or goes on with what had arrived: see [`Upload::offset`].
    ///
    /// `owner` is the caller's namespace, 1 to 128 of `a-z`, `0-9` and `-`. Partials of different
    /// owners are separate, so that no one learns what another is sending; the object is stored
    /// once. `size_bytes` is what the whole object is announced to have. A partial that is longer
    /// than that cannot be a beginning of it and is dropped.
    ///
    /// Unless the hash in progress is still in memory, what had arrived is read back once.
    ///
    /// # Errors
    ///
    /// [`UploadError::BadOwner`]; [`UploadError::Busy`]; [`UploadError::NoSpace`], counting what
    /// other open uploads still have to write; [`UploadError::Io`].
    pub fn upload(&self, owner: &str, digest: Digest, size_bytes: u64) -> Result<Upload, UploadError> {
        let owner = Owner::parse(owner)?;
        let path = self.partial(&owner, &digest);
        let session = Session::begin(self, Key { owner, digest })?;
        let arrived = drop_if_longer(&path, size_bytes).map_err(UploadError::at(&path))?;
        let claim = self.space().claim(size_bytes - arrived)?;
        self.create_owner_dir(&path)?;
        let (file, progress) = open_at_end(&path, session.take_progress()).map_err(UploadError::at(&path))?;
        Ok(Upload {
            session,
            claim,
            path,
            file,
            running: progress.running,
            offset: progress.offset,
            size_bytes,
            hinted: progress.offset,
            resumable: true,
        })
    }

    /// How many bytes of an upload have arrived, `None` when none was begun. Also while it is
    /// going on.
    ///
    /// # Errors
    ///
    /// Of kind [`io::ErrorKind::InvalidInput`] when `owner` cannot be one, else when the file
    /// system does not tell; the message names the path.
    pub fn upload_offset(&self, owner: &str, digest: &Digest) -> io::Result<Option<u64>> {
        let path = self.partial(&owner_or_invalid_input(owner)?, digest);
        disk::file_len(&path).map_err(|error| disk::about(&path, &error))
    }

    /// Drops what has arrived of an upload; that there is nothing is no error. The space is free
    /// on return. The removal is not synced: after a power cut the partial may be back.
    ///
    /// # Errors
    ///
    /// Of kind [`io::ErrorKind::InvalidInput`] when `owner` cannot be one, of kind
    /// [`io::ErrorKind::ResourceBusy`] while the upload is going on, else when the file cannot be
    /// removed.
    pub fn discard_upload(&self, owner: &str, digest: &Digest) -> io::Result<()> {
        let owner = owner_or_invalid_input(owner)?;
        let path = self.partial(&owner, digest);
        let session = Session::begin(self, Key { owner, digest: *digest })
            .map_err(|error| io::Error::new(io::ErrorKind::ResourceBusy, error))?;
        session.take_progress();
        disk::remove_file(&path).map_err(|error| disk::about(&path, &error))
    }

    fn partial(&self, owner: &Owner, digest: &Digest) -> PathBuf {
        self.layout().uploads.join(owner.as_str()).join(digest.to_string())
    }

    fn create_owner_dir(&self, partial: &Path) -> Result<(), UploadError> {
        let dir = partial.parent().unwrap_or(&self.layout().uploads);
        layout::create_durably(dir).map_err(UploadError::at(dir))
    }
}

fn owner_or_invalid_input(owner: &str) -> io::Result<Owner> {
    Owner::parse(owner).map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))
}

/// How much of the partial at `path` there is to go on from, in bytes.
fn drop_if_longer(path: &Path, size_bytes: u64) -> io::Result<u64> {
    match disk::file_len(path)? {
        Some(arrived) if arrived > size_bytes => disk::remove_file(path).map(|()| 0),
        arrived => Ok(arrived.unwrap_or(0)),
    }
}

/// Opens the partial to append to it, with the hash of what it has: from memory where that agrees
/// with the file, else from the file.
fn open_at_end(path: &Path, known: Option<Progress>) -> io::Result<(File, Progress)> {
    faults::step("upload.open")?;
    let mut file = disk::open_partial(path)?;
    let arrived = file.metadata()?.len();
    let progress = match known {
        Some(progress) if progress.offset == arrived => {
            file.seek(SeekFrom::Start(arrived))?;
            progress
        }
        _ => {
            let mut running = Running::default();
            let offset = running.update_from(&mut file)?;
            Progress { running, offset }
        }
    };
    Ok((file, progress))
}
