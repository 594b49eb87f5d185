//! Which run of the VM.

use alloy::primitives::B256;

use crate::game::{RunRules, Subject};

/// What identifies a run of the VM: everything that it depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TraceId {
    /// Hash of its BootInfo.
    pub boot_hash: B256,
    /// The block.
    pub block: u64,
    /// Number of pinned batches.
    pub batch_count: u64,
    /// How it runs.
    pub rules: RunRules,
}

impl TraceId {
    /// Whether one of these games may ask for it.
    pub(super) fn is_of_any(&self, games: &[Subject]) -> bool {
        games.iter().any(|game| game.rules == self.rules && may_ask(game, self.block, self.batch_count))
    }
}

/// Whether a game may ask for a run over this block, with so many pinned batches.
pub(super) fn may_ask(game: &Subject, block: u64, batch_count: u64) -> bool {
    game.batch_count == batch_count && game.blocks.start < block && block <= game.blocks.end()
}
