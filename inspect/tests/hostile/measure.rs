//! Memory and processor time of one inspection.

use std::io::Cursor;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use inspect::{Limits, Report};
use peak_alloc::PeakAlloc;
use rustix::time::{ClockId, clock_gettime};

use crate::invariants::check;

/// Counts what is allocated in the whole process, so that only one file is inspected at a time.
#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Most that may be allocated at one moment for a file of up to 50 MiB.
const MEMORY_BYTES: usize = 64 * 1024 * 1024;
/// Most time of a processor that such a file may take. The bound is that of optimised code, `cargo test --release`; what
/// is not optimised takes several times as long, and is held to that much, so that work without end is found here as well.
const CPU: Duration = Duration::from_secs(if cfg!(debug_assertions) { 30 } else { 2 });

/// Keeps other files from being inspected, or made, until it is dropped.
pub(crate) fn alone() -> MutexGuard<'static, ()> {
    ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Makes a file, inspects it, and holds the inspection to its bounds.
pub(crate) fn held(make: impl FnOnce() -> Vec<u8>) -> Report {
    let _alone = alone();
    held_bytes(&make(), "the file")
}

/// Inspects `bytes` and holds the inspection to its bounds. The caller is [`alone`].
pub(crate) fn held_bytes(bytes: &[u8], what: &str) -> Report {
    let limits = Limits::default();
    let (before, begun) = (MEMORY.current_usage(), cpu_time());
    MEMORY.reset_peak_usage();
    let report = inspect::inspect(Cursor::new(bytes), bytes.len() as u64, &limits).unwrap();
    let (used, peak) = (cpu_time().checked_sub(begun).unwrap(), MEMORY.peak_usage().saturating_sub(before));
    assert!(peak <= MEMORY_BYTES, "{what}: {} KiB were allocated at one moment", peak / 1024);
    assert!(used <= CPU, "{what}: took {used:?} of a processor");
    check(&report, bytes, &limits);
    report
}

/// Processor time of this thread, which other work on the machine does not add to.
fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(u64::try_from(time.tv_sec).unwrap(), u32::try_from(time.tv_nsec).unwrap())
}
