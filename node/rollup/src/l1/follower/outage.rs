//! Times in which the endpoint can't be used.

use std::time::{Duration, Instant};

use tracing::{debug, error, info, warn};

use super::{FollowError, TARGET};
use crate::l1::L1Client;

const MAX_BACKOFF: Duration = Duration::from_secs(30);

/// A time of failures in a row.
#[derive(Debug, Default)]
pub(super) struct Outage {
    pub(super) failures: u32,
    /// Those that contradicted what was read before.
    pub(super) contradictions: u32,
    since: Option<Instant>,
    told: bool,
}

impl Outage {
    /// Counts a failure, and says how long to wait.
    pub(super) fn note(&mut self, error: &FollowError, poll: Duration, client: &L1Client) -> Duration {
        self.failures = self.failures.saturating_add(1);
        let since = *self.since.get_or_insert_with(Instant::now);
        metrics::counter!("recourse_l1_follow_failures_total").increment(1);
        if matches!(error, FollowError::Mismatch(_)) {
            self.contradictions = self.contradictions.saturating_add(1);
        }
        // A single failure is nothing: a reorg between two requests looks like one.
        if self.failures > 1 && !self.told {
            self.told = true;
            match error {
                FollowError::Chain(_) | FollowError::Gone | FollowError::Final { .. } => {
                    error!(target: TARGET, %error, "cannot go on with what L1 says; will keep trying");
                }
                _ => {
                    warn!(target: TARGET, endpoint = client.name(), %error, "cannot follow L1; will keep trying")
                }
            }
        } else {
            let seconds = since.elapsed().as_secs();
            debug!(target: TARGET, %error, failures = self.failures, seconds, "following L1 failed");
        }
        poll.saturating_mul(1 << (self.failures - 1).min(10)).min(MAX_BACKOFF)
    }

    /// The endpoint is well again.
    pub(super) fn end(&mut self, client: &L1Client) {
        if let Some(since) = self.since.filter(|_| self.told) {
            let seconds = since.elapsed().as_secs();
            info!(target: TARGET, endpoint = client.name(), seconds, "following L1 again");
        }
        *self = Self::default();
    }
}
