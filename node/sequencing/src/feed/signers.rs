//! Whose signature counts: the feed's signer as L1 names it, followed as it changes.
//!
//! An operator rotates the key in two steps, in any order: the owner names the new signer on L1, and the sequencer is
//! started with the new key. Between the two, the old signer is accepted for [`OVERLAP`], so that nobody loses the feed.

use std::time::{Duration, Instant};

use alloy::{eips::BlockId, primitives::Address};
use bindings::ISystemConfig;
use tokio::sync::watch;
use tracing::{debug, error, info};

use rollup::{
    failures::Failures,
    l1::{L1Client, L1Status},
    shutdown::Shutdown,
};

const TARGET: &str = "node::feed";

/// How long a former signer is accepted after L1 was seen to name another. Long enough to start a sequencer with the new
/// key, short enough that a stolen key which was replaced soon says nothing more. All that it could do meanwhile is
/// announce blocks that L1 then does not confirm.
pub const OVERLAP: Duration = Duration::from_secs(300);

/// Time between questions while L1's head stands still: an endpoint may have failed at the last one.
const ASK_AGAIN: Duration = Duration::from_secs(15);

/// Former signers remembered. An owner who names more within the overlap loses the earliest.
const MAX_FORMER: usize = 4;

/// Who may sign, as last seen on L1.
#[derive(Clone, Debug, Default)]
pub struct Signers {
    /// As L1 names it; `None` before L1 answered.
    current: Option<Address>,
    /// Those before, oldest first, and until when they count.
    former: Vec<(Address, Instant)>,
}

impl Signers {
    /// A signer that L1 names.
    pub fn new(current: Address) -> Self {
        Self { current: Some(current), former: Vec::new() }
    }

    /// The signer that L1 names; `None` before L1 answered.
    pub const fn current(&self) -> Option<Address> {
        self.current
    }

    /// Whether a signature by this address counts.
    pub fn accepts(&self, signer: Address, now: Instant) -> bool {
        self.current == Some(signer)
            || self.former.iter().any(|(former, until)| *former == signer && now < *until)
    }

    /// Takes note of what L1 names now. Returns whether that is new.
    pub fn update(&mut self, named: Address, now: Instant) -> bool {
        if self.current == Some(named) {
            return false;
        }
        if let Some(former) = self.current.replace(named) {
            self.former.retain(|(_, until)| now < *until);
            self.former.push((former, now + OVERLAP));
            let surplus = self.former.len().saturating_sub(MAX_FORMER);
            self.former.drain(..surplus);
        }
        true
    }
}

/// Follows the signer that `system_config` on L1 names, until shutdown: asks at each new L1 head. What L1 does not answer is
/// asked again later; meanwhile the last answer stands.
pub async fn follow(
    client: L1Client,
    system_config: Address,
    mut l1: watch::Receiver<L1Status>,
    signers: watch::Sender<Signers>,
    mut shutdown: Shutdown,
) {
    let mut failures = Failures::new("reading the feed's signer from L1", 3, |_| ());
    loop {
        let head = l1.borrow_and_update().head;
        let call = ISystemConfig::unsafeBlockSignerCall {};
        let named = tokio::select! {
            () = shutdown.wait() => return,
            named = client.view(system_config, call, BlockId::latest()) => named,
        };
        match named {
            Ok(named) => {
                failures.worked();
                let before = signers.borrow().current();
                if signers.send_if_modified(|signers| signers.update(named, Instant::now())) {
                    match before {
                        None => debug!(target: TARGET, signer = %named, "the feed's signer, as L1 names it"),
                        Some(former) => info!(
                            target: TARGET, signer = %named, %former, overlap = OVERLAP.as_secs(),
                            "L1 names another signer of the feed; the former counts for some seconds more"
                        ),
                    }
                }
            }
            Err(error) => failures.failed(&error, false),
        }
        // A status changes often while L1 is caught up with; only its head matters here.
        let moved = async {
            if l1.wait_for(|status| status.head != head).await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            () = shutdown.wait() => return,
            () = moved => {}
            () = tokio::time::sleep(ASK_AGAIN) => {}
        }
    }
}

/// Says so, once for each change, while the sequencer's own key `own` is not the one that L1 names: nodes then refuse its
/// blocks, or will soon.
pub async fn watch_own(own: Address, mut signers: watch::Receiver<Signers>, mut shutdown: Shutdown) {
    let mut refused = false;
    loop {
        if let Some(named) = signers.borrow_and_update().current() {
            metrics::gauge!("recourse_feed_signer_refused").set(f64::from(u8::from(named != own)));
            if named != own {
                error!(
                    target: TARGET, key = %own, signer = %named, overlap = OVERLAP.as_secs(),
                    "L1 names another signer of the feed: nodes refuse the blocks signed here, at the latest when the \
                     overlap ends; start the sequencer with the new key"
                );
            } else if refused {
                info!(target: TARGET, key = %own, "L1 names this sequencer's signer again");
            }
            refused = named != own;
        }
        tokio::select! {
            () = shutdown.wait() => return,
            changed = signers.changed() => if changed.is_err() {
                return;
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_former_signer_counts_for_the_overlap_and_no_longer() {
        let [old, new, other] = [1, 2, 3].map(Address::repeat_byte);
        let start = Instant::now();
        let mut signers = Signers::default();
        assert!(!signers.accepts(old, start) && !signers.accepts(Address::ZERO, start));
        assert!(signers.update(old, start));
        assert!(!signers.update(old, start));
        assert!(signers.update(new, start));
        let (during, after) = (start + OVERLAP - Duration::from_secs(1), start + OVERLAP);
        assert!(signers.accepts(new, during) && signers.accepts(old, during));
        assert!(signers.accepts(new, after) && !signers.accepts(old, after));
        assert!(!signers.accepts(other, during));
        // Back to the old one, within the overlap: both count.
        assert!(signers.update(old, during));
        assert!(signers.accepts(old, after) && signers.accepts(new, during + OVERLAP / 2));
        assert!(!signers.accepts(new, during + OVERLAP));
    }

    #[test]
    fn former_signers_are_bounded() {
        let now = Instant::now();
        let mut signers = Signers::default();
        for byte in 1..=100 {
            signers.update(Address::repeat_byte(byte), now);
        }
        assert_eq!(signers.former.len(), MAX_FORMER);
        assert!(signers.accepts(Address::repeat_byte(99), now));
        assert!(!signers.accepts(Address::repeat_byte(1), now));
    }
}
