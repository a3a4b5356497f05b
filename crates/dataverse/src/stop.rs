//! Asking work to stop where stopping is clean.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

/// Asks everything that shares it to stop: reads at once, writes before the next request, waits at once.
///
/// A write that is on its way is awaited to its end, so Ctrl-C never makes an outcome unknown.
#[derive(Debug, Clone)]
pub struct Stop(Arc<watch::Sender<bool>>);

impl Default for Stop {
    fn default() -> Self {
        Stop(Arc::new(watch::Sender::new(false)))
    }
}

impl Stop {
    /// A signal that nobody gave yet.
    pub fn new() -> Stop {
        Stop::default()
    }

    /// Gives the signal. Giving it again changes nothing.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }

    /// Whether the signal was given.
    pub fn is_stopped(&self) -> bool {
        *self.0.borrow()
    }

    /// Resolves when the signal is given.
    pub async fn stopped(&self) {
        let mut receiver = self.0.subscribe();
        // the sender lives in `self`, so waiting cannot fail
        let _ = receiver.wait_for(|stopped| *stopped).await;
    }

    /// Waits, or returns `false` at once when asked to stop.
    pub(crate) async fn sleep(&self, time: Duration) -> bool {
        tokio::select! {
            () = self.stopped() => false,
            () = tokio::time::sleep(time) => true,
        }
    }
}
