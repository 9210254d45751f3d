//! Buffers that are used again. One fresh from the system has to be mapped and zeroed page by page, which takes about as long as
//! to fill it from the page cache.

use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;

/// How many wait for their next use. With those of blocks of an object, 8 MiB at most.
const MAX_WAITING: usize = 32;

static WAITING: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());

/// Has the C library keep freed buffers of up to 4 MiB instead of giving them back to the system with each of them. glibc
/// learns from the largest block that was freed (mallopt(3), `M_MMAP_THRESHOLD`), so it is shown one, which costs nothing because
/// nobody touches it. Elsewhere it has no effect.
pub fn keep_freed() {
    drop(std::hint::black_box(Vec::<u8>::with_capacity(4 * 1024 * 1024)));
}

/// A buffer with whatever was in it before.
pub(crate) fn take() -> Vec<u8> {
    WAITING.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
}

/// A part of a buffer, which waits for its next use once that is done with.
pub(crate) fn lend(buffer: Vec<u8>, part: Range<usize>) -> Bytes {
    Bytes::from_owner(Lent(buffer)).slice(part)
}

struct Lent(Vec<u8>);

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let mut waiting = WAITING.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() < MAX_WAITING {
            waiting.push(std::mem::take(&mut self.0));
        }
    }
}
