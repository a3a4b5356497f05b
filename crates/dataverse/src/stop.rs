//! Stops work at points where it is safe to stop.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

/// A signal that stops everything that shares it: reads and waits immediately, writes before the next request.
///
/// A write in flight is awaited to its end, so Ctrl-C never makes an outcome unknown.
#[derive(Debug, Clone)]
pub struct Stop(Arc<watch::Sender<bool>>);

impl Default for Stop {
    fn default() -> Self {
        Stop(Arc::new(watch::Sender::new(false)))
    }
}

impl Stop {
    /// Creates a signal that has not been given.
    pub fn new() -> Stop {
        Stop::default()
    }

    /// Gives the signal. Giving it again has no effect.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }

    /// Whether the signal was given.
    pub fn is_stopped(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until the signal is given.
    pub async fn stopped(&self) {
        let mut receiver = self.0.subscribe();
        // the sender lives in `self`, so waiting cannot fail
        let _ = receiver.wait_for(|stopped| *stopped).await;
    }

    /// Waits for the given time. Returns `false` immediately if asked to stop.
    pub(crate) async fn sleep(&self, time: Duration) -> bool {
        tokio::select! {
            () = self.stopped() => false,
            () = tokio::time::sleep(time) => true,
        }
    }
}
