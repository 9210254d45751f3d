//! Finding files by their path in a file system that knows folders.

use std::io::{self, Read};

use super::volume::{Contents, Stream, Volume};
use crate::files::Files;
use crate::notes::Unreadable;

/// Parts of a path that are followed.
const DEPTH: usize = 16;

/// What a file system has to know.
pub(crate) trait FileSystem {
    /// What it tells files and folders by.
    type Node: Copy;

    /// The folder that all others are in.
    fn root(&self) -> Self::Node;

    /// Files and folders in a folder, those that hold nothing by themselves (links, devices) left out.
    fn list(&mut self, folder: Self::Node) -> Result<Vec<Item<Self::Node>>, String>;

    /// Where the bytes of a file lie.
    fn open(&mut self, file: Self::Node) -> Result<Contents, String>;

    /// Reads the bytes that `self` lies in, for [`Contents`].
    fn read_forward(&mut self, contents: Contents) -> Box<dyn Read + '_>;
}

/// One file or folder.
#[derive(Debug, Clone)]
pub(crate) struct Item<N> {
    pub(crate) name: String,
    pub(crate) is_folder: bool,
    pub(crate) node: N,
}

/// The files of a file system by their path. Keeps the last folders that it went through.
pub(crate) struct Tree<F: FileSystem> {
    file_system: F,
    folders: Vec<(String, Vec<Item<F::Node>>)>,
}

impl<F: FileSystem> Tree<F> {
    pub(crate) fn new(file_system: F) -> Self {
        Self { file_system, folders: Vec::new() }
    }

    /// Names of the folders in a folder, sorted; the root is called by the empty path.
    ///
    /// # Errors
    /// With the reason, in words.
    pub(crate) fn folders_in(&mut self, path: &str) -> Result<Vec<String>, String> {
        let folder = if path.is_empty() {
            self.file_system.root()
        } else {
            self.find(path)?.filter(|item| item.is_folder).ok_or("no such folder")?.node
        };
        let items = self.list(path, folder)?;
        let mut names: Vec<String> = items.iter().filter(|item| item.is_folder).map(|item| item.name.clone()).collect();
        names.sort_unstable();
        Ok(names)
    }

    /// What is at `path`, which is not the root.
    fn find(&mut self, path: &str) -> Result<Option<Item<F::Node>>, String> {
        let mut folder = self.file_system.root();
        let mut walked = 0;
        for (depth, name) in path.split('/').enumerate() {
            let above = path[..walked].trim_end_matches('/').to_owned();
            walked += name.len() + 1;
            let Some(item) = pick(self.list(&above, folder)?, name).cloned() else { return Ok(None) };
            if walked > path.len() {
                return Ok(Some(item));
            }
            if !item.is_folder || depth >= DEPTH {
                return Ok(None);
            }
            folder = item.node;
        }
        Ok(None)
    }

    fn list(&mut self, path: &str, folder: F::Node) -> Result<&[Item<F::Node>], String> {
        const KEPT: usize = 4;
        let kept = self.folders.iter().position(|(kept, _)| kept == path);
        let index = if let Some(index) = kept {
            index
        } else {
            let items = self.file_system.list(folder)?;
            if self.folders.len() >= KEPT {
                self.folders.remove(0);
            }
            self.folders.push((path.to_owned(), items));
            self.folders.len() - 1
        };
        Ok(&self.folders[index].1)
    }

    fn contents(&mut self, path: &str) -> Result<Contents, Unreadable> {
        let unreadable = |why: String| Unreadable::new("entry-unreadable", path, why);
        let item = self.find(path).map_err(unreadable)?.filter(|item| !item.is_folder);
        let item = item.ok_or_else(|| Unreadable::new("entry-missing", path, "not on the disk"))?;
        self.file_system.open(item.node).map_err(unreadable)
    }
}

/// The item of that name; where there is none, one that differs only in case, as these file systems have it.
fn pick<'a, N>(items: &'a [Item<N>], name: &str) -> Option<&'a Item<N>> {
    let exact = items.iter().find(|item| item.name == name);
    exact.or_else(|| items.iter().find(|item| item.name.eq_ignore_ascii_case(name)))
}

impl<F: FileSystem> Files for Tree<F> {
    fn has(&mut self, path: &str) -> bool {
        self.find(path).is_ok_and(|item| item.is_some())
    }

    fn read(&mut self, path: &str, max_bytes: u64) -> Result<Vec<u8>, Unreadable> {
        let contents = self.contents(path)?;
        let size_bytes = contents.size_bytes;
        if size_bytes > max_bytes {
            let why = format!("{size_bytes} bytes, and at most {max_bytes} are read");
            return Err(Unreadable::new("entry-too-large", path, why));
        }
        let mut bytes = Vec::new();
        let unreadable = |why: io::Error| Unreadable::new("entry-unreadable", path, why);
        self.file_system.read_forward(contents).read_to_end(&mut bytes).map_err(unreadable)?;
        Ok(bytes)
    }

    fn stream(&mut self, path: &str) -> Result<Box<dyn Read + '_>, Unreadable> {
        let contents = self.contents(path)?;
        Ok(self.file_system.read_forward(contents))
    }
}

/// [`FileSystem::read_forward`] for those whose files lie in the volume as they are.
pub(super) fn stream<'b>(volume: &'b mut Volume<'_>, contents: Contents) -> Box<dyn Read + 'b> {
    Box::new(Stream::new(volume, contents))
}
