//! A directory of immutable objects, each named by the SHA-256 of its bytes.
//!
//! ```text
//! ROOT
//!   objects/ab/ab12…64 hex   mode 0444; the file name is the SHA-256 of the bytes
//!   uploads/OWNER/ab12…      what has arrived of an object that is still on its way
//!   quarantine/ab12….N       what was found damaged and moved aside
//!   LOCK                     held by the one process that writes here
//! ```
//!
//! # Invariants
//!
//! - A file under `objects/` that carries an object's name holds exactly that object's bytes,
//!   synced to disk before it got the name. `sha256sum` alone can check the whole directory.
//! - Nothing is reported as held before its bytes *and* its directory entry are durable.
//! - An object is written once and never replaced. A file of the wrong size (a damaged disk) is
//!   moved to `quarantine/`, never silently accepted or overwritten.
//! - A crash at any instant leaves at most a partial upload, which resumes, or a temporary file,
//!   which [`Store::open`] removes.
//!
//! # What it must not know
//!
//! Releases, names, HTTP, the environment, the terminal, async. Callers get lengths and bytes,
//! never the path of an object, so that an object may one day be held as something other than
//! one raw file.
//!
//! One process at a time: take the [`DirLock`] before [`Store::open`], and open one [`Store`] per
//! directory. It is cheap to clone and safe to share between threads.
//!
//! # Example
//!
//! ```
//! use objstore::{DirLock, Options, Store};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let dir = tempfile::tempdir()?;
//! # let root = dir.path();
//! let _lock = DirLock::acquire(root)?;
//! let store = Store::open(root, Options::default())?;
//!
//! let put = store.put(b"hello")?;
//! assert_eq!(store.len(&put.digest)?, Some(5));
//! assert_eq!(store.read_to_vec(&put.digest, 1024)?, b"hello");
//! # Ok(())
//! # }
//! ```

mod copy;
mod digest;
mod disk;
pub mod faults;
mod hash;
mod layout;
mod list;
mod lock;
mod quarantine;
mod read;
mod space;
mod store;
mod sums;
mod survey;
mod upload;
mod verified;
mod verify;
mod write;

pub use copy::{CopyError, CopyMethod};
pub use digest::{Digest, NotSha256, ParseDigestError};
pub use disk::FileId;
pub use hash::{Hasher, batch, hash_reader, hash_readers};
pub use list::ListError;
pub use lock::{DirLock, LockError};
pub use quarantine::MovedAside;
pub use read::{ObjectReader, ReadError};
pub use store::{OpenError, Options, Store};
pub use sums::{BLOCK_BYTES, BlockSums};
pub use survey::{Partial, Survey, SurveyedObject};
pub use upload::{Sealed, Upload, UploadError};
pub use verified::{BadBlock, VerifiedReader};
pub use verify::VerifyError;
pub use write::{Put, WriteError};
