//! Verifying a bundle: every byte of it, before anything is done with it.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use objstore::Hasher;
use protocol::api::WantedObject;
use protocol::bundle::{BUNDLE_JSON, BUNDLE_SCHEMA, BUNDLE_SUMS, Bundle, object_path};
use protocol::{Digest, ReleaseManifest, limits};
use serde::Deserialize;

use super::invalid;
use super::tar::{BLOCK, END, entry_bytes, padding, read_header};
use crate::error::CliError;
use crate::plan::Stamp;
use crate::ui::{Bar, Terminal};
use crate::upload::LocalObject;

/// How much is read and hashed at a time.
const READ_BYTES: usize = 256 * 1024;

/// Most zeros after the last object: GNU tar fills up to 10 KiB.
const TRAILING_BYTES: u64 = 64 * 1024;

/// A bundle every byte of which was verified.
#[derive(Debug)]
pub(crate) struct OpenBundle {
    /// What it holds.
    pub(crate) about: Bundle,
    /// Its manifests, in the order of its releases.
    pub(crate) manifests: Vec<ReleaseManifest>,
    /// Bytes of the file.
    pub(crate) size_bytes: u64,
    path: PathBuf,
    stamp: Stamp,
    starts: HashMap<Digest, u64>,
}

/// What tells a bundle of a later version from something else.
#[derive(Deserialize)]
struct Schema {
    schema: String,
}

/// The file, read from front to back.
struct Reading<'a> {
    path: &'a Path,
    file: BufReader<File>,
    at: u64,
    bar: Bar,
}

impl OpenBundle {
    /// Reads and verifies a bundle. Blocks.
    ///
    /// # Errors
    /// [`protocol::ErrorCode::BundleInvalid`], or what keeps the file from being read.
    pub(crate) fn open(path: &Path, terminal: &Terminal) -> Result<Self, CliError> {
        let cannot = |error| CliError::io("read", path, error);
        let file = File::open(path).map_err(cannot)?;
        if !file.metadata().map_err(cannot)?.is_file() {
            return Err(CliError::usage(format!("{} is not a file", path.display()))
                .hint("a bundle is read twice and in places: copy it into a file first"));
        }
        let stamp = Stamp::of(&file).map_err(cannot)?;
        let bar = terminal.bar("verifying", stamp.size_bytes, 0);
        let file = BufReader::with_capacity(READ_BYTES, file);
        let mut reading = Reading { path, file, at: 0, bar };
        let found = reading.bundle(stamp);
        reading.bar.finish();
        found
    }

    /// An object of the bundle, to be sent from where it is.
    pub(crate) fn object(&self, object: &WantedObject) -> Option<LocalObject> {
        let start = *self.starts.get(&object.digest)?;
        Some(LocalObject {
            digest: object.digest,
            path: self.path.clone(),
            start,
            size_bytes: object.size,
            stamp: self.stamp,
            name: self.name_of(&object.digest),
        })
    }

    fn name_of(&self, digest: &Digest) -> String {
        let mut lines = self.manifests.iter().flat_map(|manifest| &manifest.artifacts);
        lines.find(|line| line.sha256 == *digest).map_or_else(|| digest.short(), |line| line.filename.to_string())
    }
}

impl Reading<'_> {
    fn bundle(&mut self, stamp: Stamp) -> Result<OpenBundle, CliError> {
        let json = self.whole(BUNDLE_JSON, limits::BUNDLE_JSON_BYTES)?;
        let about = self.about(&json)?;
        about.check_list().map_err(|error| self.invalid(error))?;
        let sums = about.sums(&json);
        if self.whole(BUNDLE_SUMS, sums.len() as u64)? != sums.as_bytes() {
            return Err(self.invalid(format!("{BUNDLE_SUMS} is not what {BUNDLE_JSON} says")));
        }
        let objects = about.objects.iter();
        let end = objects.fold(self.at, |at, object| at.saturating_add(entry_bytes(object.size))) + END as u64;
        if stamp.size_bytes < end {
            return Err(self.invalid(format!("it has {} bytes of {end}", stamp.size_bytes)));
        }
        let mut starts = HashMap::new();
        let mut manifests = Vec::new();
        for (number, object) in about.objects.iter().enumerate() {
            let manifest = self.object(object, number < about.releases.len())?;
            starts.insert(object.digest, self.at - entry_bytes(object.size) + BLOCK as u64);
            manifests.extend(manifest);
        }
        about.check_manifests(&manifests).map_err(|error| self.invalid(error))?;
        self.zeros(stamp.size_bytes)?;
        Ok(OpenBundle { about, manifests, size_bytes: stamp.size_bytes, path: self.path.to_owned(), stamp, starts })
    }

    fn about(&self, json: &[u8]) -> Result<Bundle, CliError> {
        let unreadable = |error: serde_json::Error| self.invalid(format!("{BUNDLE_JSON} cannot be read: {error}"));
        let Schema { schema } = serde_json::from_slice(json).map_err(unreadable)?;
        if schema != BUNDLE_SCHEMA {
            let error = self.invalid(format!("its schema is {schema:?}, not {BUNDLE_SCHEMA:?}"));
            return Err(error.hint("a later version of dist may have made it: use that one"));
        }
        serde_json::from_slice(json).map_err(unreadable)
    }

    /// Reads an entry into memory. No more is reserved than the file has.
    fn whole(&mut self, name: &str, limit: u64) -> Result<Vec<u8>, CliError> {
        let size_bytes = self.enter(name, None)?;
        if size_bytes > limit {
            return Err(self.invalid(format!("{name} has {size_bytes} bytes, {limit} are the most")));
        }
        let mut bytes = Vec::new();
        let read = self.file.by_ref().take(size_bytes).read_to_end(&mut bytes);
        let read = read.map_err(|error| CliError::io("read", self.path, error))? as u64;
        self.advance(read);
        if read < size_bytes {
            return Err(self.invalid("it is cut off"));
        }
        self.leave(size_bytes)?;
        Ok(bytes)
    }

    /// Verifies an object; gives the manifest where it is one.
    fn object(&mut self, object: &WantedObject, is_manifest: bool) -> Result<Option<ReleaseManifest>, CliError> {
        let name = object_path(&object.digest);
        self.enter(&name, Some(object.size))?;
        let mut hasher = Hasher::new();
        let mut kept = Vec::new();
        let mut left = object.size;
        let mut buffer = vec![0; READ_BYTES];
        while left > 0 {
            let wanted = usize::try_from(left).unwrap_or(READ_BYTES).min(READ_BYTES);
            self.exactly(&mut buffer[..wanted])?;
            hasher.update(&buffer[..wanted]);
            if is_manifest {
                kept.extend_from_slice(&buffer[..wanted]);
            }
            left -= wanted as u64;
        }
        if hasher.finish() != object.digest {
            return Err(self.invalid(format!("the bytes of {name} do not have that digest")));
        }
        self.leave(object.size)?;
        if !is_manifest {
            return Ok(None);
        }
        let manifest = ReleaseManifest::parse(&kept);
        manifest.map(Some).map_err(|error| self.invalid(format!("{name} is no release: {error}")))
    }

    /// Reads the header of an entry, which must have this name, and this size where one is given.
    fn enter(&mut self, name: &str, size_bytes: Option<u64>) -> Result<u64, CliError> {
        let mut block = [0; BLOCK];
        self.exactly(&mut block)?;
        let entry = read_header(&block).map_err(|why| self.invalid(why))?;
        if entry.name != name {
            return Err(self.invalid(format!("it has {:?} where {name} belongs", entry.name)));
        }
        match size_bytes {
            Some(expected) if entry.size_bytes != expected => {
                Err(self.invalid(format!("{name} has {} bytes, {expected} were announced", entry.size_bytes)))
            }
            _ => Ok(entry.size_bytes),
        }
    }

    /// Reads the zeros after an entry.
    fn leave(&mut self, size_bytes: u64) -> Result<(), CliError> {
        let mut zeros = [0; BLOCK];
        let zeros = &mut zeros[..padding(size_bytes)];
        self.exactly(zeros)?;
        if zeros.iter().any(|byte| *byte != 0) {
            return Err(self.invalid("there is something between two entries"));
        }
        Ok(())
    }

    /// After the last entry there are zeros and nothing else.
    fn zeros(&mut self, file_bytes: u64) -> Result<(), CliError> {
        let mut rest = Vec::new();
        let read = self.file.by_ref().take(TRAILING_BYTES).read_to_end(&mut rest);
        let read = read.map_err(|error| CliError::io("read", self.path, error))?;
        if read < END || self.at + read as u64 != file_bytes || rest.iter().any(|byte| *byte != 0) {
            return Err(self.invalid("something else follows its last object"));
        }
        Ok(())
    }

    fn exactly(&mut self, bytes: &mut [u8]) -> Result<(), CliError> {
        match self.file.read_exact(bytes) {
            Ok(()) => {
                self.advance(bytes.len() as u64);
                Ok(())
            }
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Err(self.invalid("it is cut off")),
            Err(error) => Err(CliError::io("read", self.path, error)),
        }
    }

    fn advance(&mut self, bytes: u64) {
        self.at += bytes;
        self.bar.advance(bytes);
    }

    fn invalid(&self, why: impl std::fmt::Display) -> CliError {
        invalid(self.path, why)
    }
}
