//! Work that would hold up an async thread.

/// Runs `work` on a thread where it may wait for the disk. Hold such a thread only while there is work, never while waiting
/// for a client: there are many clients and few threads.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}
