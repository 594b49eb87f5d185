//! Going on where the log of announced blocks ends: nothing is built before the chain has all that was announced.

use std::time::{Duration, Instant};

use rollup::{chain::ChainError, inbox_rules::BLOCK_BURST};

use super::{Due, RETRY, Sequencer};
use crate::announce::{AnnounceError, TakenBack, take_back};

/// How long an announced block waits for what it needs from L1, which is a reorg's or an endpoint's failure, before it is
/// given up: transactions of others wait meanwhile.
const PATIENCE: Duration = Duration::from_secs(120);

/// How far a sequencer is with going on.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Resumption {
    /// The chain has all that was announced.
    is_done: bool,
    /// It was so once: what is not in the log now was never announced.
    is_again: bool,
    waits_since: Option<Instant>,
}

impl Resumption {
    /// After a block that may be in the log, and is not in the chain.
    pub(super) fn again() -> Self {
        Self { is_again: true, ..Self::default() }
    }
}

impl Sequencer {
    /// Takes back what was announced. `None`: that is done.
    pub(super) fn resume(&mut self, now: Instant) -> Result<Option<Due>, ChainError> {
        if self.resumption.is_done {
            return Ok(None);
        }
        self.announcer.settle();
        let number = self.chain.heads().unsafe_head.number + 1;
        let unkept = |error: AnnounceError| match error {
            AnnounceError::Chain(error) => error,
            error => ChainError::Unkept { number, error: error.into() },
        };
        match take_back(&self.chain, self.announcer.log()).map_err(unkept)? {
            TakenBack::Done { void: 0 } => {}
            TakenBack::Done { void } => tracing::warn!(
                target: "node::sequencer", blocks = void,
                "announced blocks are gone for good: L1 has replaced what they stood on"
            ),
            TakenBack::Waits { number, what } => {
                let since = *self.resumption.waits_since.get_or_insert(now);
                if now - since < PATIENCE {
                    self.warn_of_stall(now, "an announced block waits for L1");
                    return Ok(Some(Due::At(now + RETRY)));
                }
                tracing::error!(
                    target: "node::sequencer", number, waits_for = what,
                    "an announced block, and those after it, cannot be taken back: going on without them"
                );
            }
        }
        if !self.resumption.is_again {
            self.announcer.begin(&self.chain, BLOCK_BURST).map_err(unkept)?;
        }
        self.resumption = Resumption { is_done: true, ..Resumption::again() };
        // The pool must hear of these blocks first.
        Ok(Some(Due::Now))
    }
}
