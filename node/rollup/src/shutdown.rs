//! One signal that every task holds.

use tokio::sync::watch;

/// Asks all tasks to end. Dropping it asks, too.
#[derive(Debug)]
pub struct Stop(watch::Sender<bool>);

/// A task's view of the signal. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Shutdown(watch::Receiver<bool>);

/// A signal and the first view of it.
pub fn channel() -> (Stop, Shutdown) {
    let (sender, receiver) = watch::channel(false);
    (Stop(sender), Shutdown(receiver))
}

impl Stop {
    /// Asks all tasks to end.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }
}

impl Shutdown {
    /// Returns when tasks should end.
    pub async fn wait(&mut self) {
        // An error means that nobody is left to ask, which asks, too.
        let _ = self.0.wait_for(|stop| *stop).await;
    }

    /// Whether tasks should end.
    pub fn is_set(&self) -> bool {
        *self.0.borrow() || self.0.has_changed().is_err()
    }
}
