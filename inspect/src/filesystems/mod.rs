//! File systems inside of images, read by path.
//!
//! Each reader follows numbers that the image states, so each bounds what it follows: nodes of a tree, items of a
//! folder, pieces of a file. None writes, and none knows more of its format than finding a file and reading it takes.

mod apfs;
mod fat;
mod hfs_plus;
mod iso9660;
mod packing;
mod squashfs;

mod tree;
mod volume;

pub(crate) use apfs::Apfs;
pub(crate) use fat::Fat;
pub(crate) use hfs_plus::HfsPlus;
pub(crate) use iso9660::{Iso9660, is_iso9660};
pub(crate) use squashfs::Squashfs;
pub(crate) use tree::{FileSystem, Tree};
pub(crate) use volume::{Blocks, Volume};

/// Items of one folder that are looked at.
const ITEMS: usize = 4_096;
/// Pieces that one file lies in.
const PIECES: usize = 65_536;

/// A file system of which what lies at the top is wanted.
pub(crate) trait TopLevel {
    /// Names in the folder at the top, sorted.
    ///
    /// # Errors
    /// With the reason, in words.
    fn names(&mut self) -> Result<Vec<String>, String>;

    /// The whole file at a path, links followed; `None` where there is none. Refused where it has more than `max_bytes`
    /// bytes.
    ///
    /// # Errors
    /// With the reason, in words.
    fn read(&mut self, path: &str, max_bytes: u64) -> Result<Option<Vec<u8>>, String>;
}
