//! Files that are read by their path, in an archive or on a disk.

use std::io::Read;

use crate::notes::Unreadable;

/// What holds files. Paths have `/` between their parts and none at either end.
pub(crate) trait Files {
    /// Whether there is a file or folder.
    fn has(&mut self, path: &str) -> bool;

    /// The whole file. Refused where it has more than `max_bytes` bytes.
    fn read(&mut self, path: &str, max_bytes: u64) -> Result<Vec<u8>, Unreadable>;

    /// A file to be read forward. It ends early rather than at more than the limits allow.
    fn stream(&mut self, path: &str) -> Result<Box<dyn Read + '_>, Unreadable>;
}
