//! Which run of the VM.

use alloy::primitives::B256;

use crate::game::Subject;

/// What identifies a run of the VM: everything that it depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TraceId {
    /// Hash of its BootInfo.
    pub boot_hash: B256,
    /// The block.
    pub block: u64,
    /// Number of pinned batches.
    pub batch_count: u64,
}

impl TraceId {
    /// Whether one of these games may ask for it.
    pub(super) fn is_of_any(&self, games: &[Subject]) -> bool {
        let is_of = |game: &Subject| {
            let blocks = game.blocks;
            game.batch_count == self.batch_count && blocks.start < self.block && self.block <= blocks.end()
        };
        games.iter().any(is_of)
    }
}
