//! Looking at what is there, objects or not: for checks that must find what should not be there.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::SystemTime,
};

use crate::{Digest, ListError, Store, disk, layout::TEMP_PREFIX};

/// How many names of files that are no objects are told; of all the others only how many there are.
const STRAYS_NAMED: usize = 20;

/// What lies in `objects/`, or in one part of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Survey {
    /// The objects, by digest.
    pub objects: Vec<SurveyedObject>,
    /// Some of the files and folders that are no objects, below the root of the store.
    pub strays: Vec<PathBuf>,
    /// How many of them there are.
    pub stray_count: u64,
    /// How many temporary files there are: writes that are going on, or that a crash ended.
    pub temp_count: u64,
}

/// The file of an object as it lies there, not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SurveyedObject {
    /// Its name.
    pub digest: Digest,
    /// How large the file is.
    pub size_bytes: u64,
    /// Whether it is read-only for everyone, as objects are.
    pub is_read_only: bool,
}

/// What has arrived of an upload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partial {
    /// Whose upload it is.
    pub owner: String,
    /// The object that it is to become.
    pub digest: Digest,
    /// How much has arrived.
    pub size_bytes: u64,
    /// When something last arrived.
    pub changed_at: SystemTime,
}

impl Store {
    /// Everything below `objects/`, in memory that grows with the number of objects only.
    ///
    /// # Errors
    ///
    /// When a directory or file cannot be looked at.
    pub fn survey(&self) -> Result<Survey, ListError> {
        let mut survey = Survey::default();
        let root = &self.layout().objects;
        for_each_entry(root, |entry| {
            let name = entry.file_name();
            let is_shard = name.to_str().is_some_and(is_shard_name) && entry.file_type()?.is_dir();
            if !is_shard {
                survey.stray(Path::new("objects").join(name));
            }
            Ok(())
        })?;
        for first in 0..=u8::MAX {
            self.survey_shard(&format!("{first:02x}"), &mut survey)?;
        }
        survey.objects.sort_unstable_by_key(|object| object.digest);
        Ok(survey)
    }

    fn survey_shard(&self, shard: &str, survey: &mut Survey) -> Result<(), ListError> {
        let dir = self.layout().objects.join(shard);
        for_each_entry(&dir, |entry| {
            let name = entry.file_name();
            let digest = name.to_str().and_then(|name| Digest::parse(name).ok());
            match digest.filter(|digest| digest.to_string().starts_with(shard)) {
                Some(digest) if entry.file_type()?.is_file() => {
                    let metadata = entry.metadata()?;
                    let is_read_only = disk::is_sealed(&metadata);
                    survey.objects.push(SurveyedObject { digest, size_bytes: metadata.len(), is_read_only });
                }
                _ if name.as_encoded_bytes().starts_with(TEMP_PREFIX.as_bytes()) => survey.temp_count += 1,
                _ => survey.stray(Path::new("objects").join(shard).join(name)),
            }
            Ok(())
        })
    }

    /// Every upload of which something has arrived.
    ///
    /// # Errors
    ///
    /// When a directory or file cannot be looked at.
    pub fn partials(&self) -> Result<Vec<Partial>, ListError> {
        let mut partials = Vec::new();
        let mut owners = Vec::new();
        for_each_entry(&self.layout().uploads, |entry| {
            if entry.file_type()?.is_dir() {
                owners.extend(entry.file_name().into_string().ok());
            }
            Ok(())
        })?;
        for owner in owners {
            for_each_entry(&self.layout().uploads.join(&owner), |entry| {
                if let Some(digest) = entry.file_name().to_str().and_then(|name| Digest::parse(name).ok()) {
                    let metadata = entry.metadata()?;
                    let (size_bytes, changed_at) = (metadata.len(), metadata.modified()?);
                    partials.push(Partial { owner: owner.clone(), digest, size_bytes, changed_at });
                }
                Ok(())
            })?;
        }
        Ok(partials)
    }
}

impl Survey {
    fn stray(&mut self, path: PathBuf) {
        self.stray_count += 1;
        if self.strays.len() < STRAYS_NAMED {
            self.strays.push(path);
        }
    }
}

fn is_shard_name(name: &str) -> bool {
    name.len() == 2 && name.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// What goes away while it is looked at is passed over.
fn for_each_entry(dir: &Path, mut take: impl FnMut(fs::DirEntry) -> io::Result<()>) -> Result<(), ListError> {
    let at = |path: &Path| {
        let path = path.to_owned();
        |source| ListError { path, source }
    };
    let entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(at(dir))?,
    };
    for entry in entries {
        let entry = entry.map_err(at(dir))?;
        let path = entry.path();
        match take(entry) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(at(&path)(error)),
            _ => {}
        }
    }
    Ok(())
}
