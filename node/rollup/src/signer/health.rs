//! Whether a signer signs, and what the operator is told of it.

use parking_lot::Mutex;

use super::SignError;
use crate::failures::Failures;

/// Whether a signer signs. A failure is told once, and again every five minutes while it lasts.
#[derive(Debug)]
pub struct SignerHealth {
    role: &'static str,
    state: Mutex<HealthState>,
}

#[derive(Debug)]
struct HealthState {
    failures: Failures,
    trouble: Option<SignError>,
}

impl SignerHealth {
    pub(super) fn new(role: &'static str) -> Self {
        // As in "signing for the batcher failed".
        let what = match role {
            "batcher" => "signing for the batcher",
            "proposer" => "signing for the proposer",
            "challenger" => "signing for the challenger",
            "signer" => "signing blocks of the feed",
            _ => "signing",
        };
        let state = HealthState { failures: Failures::new(what, 1, |_| ()), trouble: None };
        Self { role, state: Mutex::new(state) }
    }

    /// Whose signer it is.
    pub const fn role(&self) -> &'static str {
        self.role
    }

    /// Why it does not sign; `None` as far as is known.
    pub fn trouble(&self) -> Option<SignError> {
        self.state.lock().trouble.clone()
    }

    /// Shows the metric, which is shown by each change, too: for after the start of a process's metrics.
    pub fn show(&self) {
        self.set(&self.state.lock());
    }

    /// It has signed.
    pub(super) fn signed(&self) {
        let mut state = self.state.lock();
        state.failures.worked();
        state.trouble = None;
        self.set(&state);
    }

    /// It answers. That says nothing of what it refuses.
    pub(super) fn is_there(&self) {
        if matches!(self.state.lock().trouble, Some(SignError::Away(_)) | None) {
            self.signed();
        }
    }

    /// It did not sign.
    pub(super) fn failed(&self, error: &SignError) {
        let mut state = self.state.lock();
        state.failures.failed(error, true);
        state.trouble = Some(error.clone());
        self.set(&state);
    }

    fn set(&self, state: &HealthState) {
        let is_up = if state.trouble.is_none() { 1.0 } else { 0.0 };
        metrics::gauge!("recourse_signer_up", "role" => self.role).set(is_up);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signer_that_answers_again_is_not_yet_one_that_signs() {
        let health = SignerHealth::new("batcher");
        assert_eq!(health.trouble(), None);
        let (away, refused) = (SignError::Away("no".into()), SignError::Refused("by a rule".into()));
        health.failed(&away);
        assert_eq!(health.trouble(), Some(away));
        health.is_there();
        assert_eq!(health.trouble(), None);
        health.failed(&refused);
        health.is_there();
        assert_eq!(health.trouble(), Some(refused));
        health.signed();
        assert_eq!(health.trouble(), None);
    }
}
