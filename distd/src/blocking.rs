//! Work that would hold up an async thread.

use std::thread;

use tokio::sync::oneshot;

/// The lowest priority there is.
#[cfg(target_os = "linux")]
const NICENESS: i32 = 19;

/// Runs `work` on a thread where it may wait for the disk. Hold such a thread only while there is work, never while waiting
/// for a client: there are many clients and few threads.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

/// Runs `work`, which takes long, on a thread of its own that lets whoever pushes or downloads meanwhile go first. So do the
/// threads that it starts.
pub(crate) async fn in_background<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let (sender, done) = oneshot::channel();
    thread::spawn(move || {
        give_way();
        // Whoever waited may have given up.
        let _ = sender.send(work());
    });
    done.await.expect("the work has told why it ended")
}

/// Lets other threads go first: this one, and those it starts from now on, get what they leave; that is all of the machine where
/// nobody asks for it.
pub(crate) fn give_way() {
    // On Linux this is of the calling thread alone (sched(7)); elsewhere it would be of the whole process.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::nice(NICENESS);
}
