//! The blocks of a tar between the objects of a bundle: one header before each entry, zeros after it up to the next block.
//!
//! GNU tar's headers, in which sizes from 8 GiB on are written in base 256. No extension is written or understood: no entry of
//! a bundle has a long name, a link or anything else that needs one.

use std::path::Path;

use tar::{EntryType, Header};

/// Bytes of a block.
pub(super) const BLOCK: usize = 512;

/// Bytes of zeros after the last entry.
pub(super) const END: usize = 2 * BLOCK;

/// What a header says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// The name, as it is.
    pub(super) name: String,
    /// Bytes that follow.
    pub(super) size_bytes: u64,
}

/// The header of a file that everyone may read, of no one and no time: the same content makes the same bundle.
///
/// # Panics
/// Never for the names of a bundle, which are shorter than 100 bytes.
pub(super) fn header(name: &str, size_bytes: u64) -> [u8; BLOCK] {
    let mut header = Header::new_gnu();
    header.set_path(Path::new(name)).expect("the names of a bundle are short and relative");
    header.set_size(size_bytes);
    header.set_mode(0o444);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_entry_type(EntryType::Regular);
    header.set_cksum();
    *header.as_bytes()
}

/// Reads the header of a regular file.
///
/// # Errors
/// What is wrong with it, in words.
pub(super) fn read_header(block: &[u8; BLOCK]) -> Result<Entry, String> {
    let header = Header::from_byte_slice(block);
    let written = header.cksum().map_err(|_| "there is no tar header where one belongs".to_owned())?;
    let mut copy = header.clone();
    copy.set_cksum();
    if copy.cksum().ok() != Some(written) {
        return Err("a tar header is damaged".to_owned());
    }
    if !matches!(header.entry_type(), EntryType::Regular) {
        return Err("it has an entry that is no regular file".to_owned());
    }
    let name =
        String::from_utf8(header.path_bytes().into_owned()).map_err(|_| "a name in it is not UTF-8".to_owned())?;
    let size_bytes = header.entry_size().map_err(|_| format!("{name:?} has no size"))?;
    Ok(Entry { name, size_bytes })
}

/// Zeros between so many bytes and the next block.
pub(super) fn padding(size_bytes: u64) -> usize {
    let over = usize::try_from(size_bytes % BLOCK as u64).expect("a remainder of 512 fits");
    (BLOCK - over) % BLOCK
}

/// Bytes of a whole entry: header, content and padding.
pub(super) fn entry_bytes(size_bytes: u64) -> u64 {
    (BLOCK + padding(size_bytes)) as u64 + size_bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let check = |name: &str, size_bytes: u64| {
            let entry = read_header(&header(name, size_bytes)).unwrap();
            assert_eq!(entry, Entry { name: name.to_owned(), size_bytes });
        };
        check("bundle.json", 0);
        check(&format!("objects/ab/{}", "ab".repeat(32)), 511);
        check("objects/x", 8 * 1024 * 1024 * 1024 - 1);
        check("objects/x", 64 * 1024 * 1024 * 1024);
    }

    #[test]
    fn anything_but_a_sound_header_of_a_file_is_refused() {
        assert!(read_header(&[0; BLOCK]).is_err());
        assert!(read_header(&[b'x'; BLOCK]).is_err());
        let mut flipped = header("a", 1);
        flipped[3] ^= 1;
        assert_eq!(read_header(&flipped).unwrap_err(), "a tar header is damaged");
        for kind in [EntryType::Symlink, EntryType::Directory, EntryType::XHeader, EntryType::GNULongName] {
            let mut odd = Header::from_byte_slice(&header("a", 1)).clone();
            odd.set_entry_type(kind);
            odd.set_cksum();
            assert_eq!(read_header(odd.as_bytes()).unwrap_err(), "it has an entry that is no regular file");
        }
    }

    #[test]
    fn entries_end_at_a_block() {
        for (size_bytes, zeros) in [(0, 0), (1, 511), (511, 1), (512, 0), (513, 511)] {
            assert_eq!(padding(size_bytes), zeros, "{size_bytes}");
            assert_eq!(entry_bytes(size_bytes) % BLOCK as u64, 0);
        }
    }
}
