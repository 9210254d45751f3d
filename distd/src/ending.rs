//! Tells answers that would go on for long that the server is about to end.

use tokio::sync::watch;

/// Whether the server ends. Cheap to clone: all clones tell the same.
#[derive(Debug, Clone)]
pub(crate) struct Ending(watch::Sender<bool>);

impl Default for Ending {
    fn default() -> Self {
        Self(watch::Sender::new(false))
    }
}

impl Ending {
    /// From now on the server ends.
    pub(crate) fn begin(&self) {
        self.0.send_replace(true);
    }

    /// Returns once the server ends.
    pub(crate) async fn wait(&self) {
        // The sender lives as long as this does.
        let _ = self.0.subscribe().wait_for(|ends| *ends).await;
    }
}
