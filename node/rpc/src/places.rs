//! What the transactions before one of a block left, and what this one has read of it, for whoever looks at it next: traces of a
//! block are mostly asked for one transaction after another, or several of one, and to execute those before it anew takes
//! longer than its own trace.

use std::{collections::VecDeque, sync::Arc};

use alloy::primitives::B256;
use parking_lot::Mutex;
use revm::database::Cache;

use super::call_state::{ACCOUNT, CODE_COPIES, SLOT};

/// Places kept.
const PLACES: usize = 32;

/// Most bytes of one. Those that changed more are executed anew.
const MOST: usize = 1 << 20;

/// Before a transaction of a block.
#[derive(Debug)]
pub(crate) struct BlockPlace {
    /// The block, which is one of the chain.
    block: B256,
    /// The transaction.
    pub(crate) index: usize,
    /// Logs of the block so far.
    pub(crate) logs: usize,
    /// What was read of the state so far, as it is now.
    pub(crate) cache: Cache,
    /// Bytes that this takes.
    pub(crate) weight: usize,
}

/// The places that were looked at last.
#[derive(Debug, Default)]
pub(crate) struct Places {
    kept: Mutex<VecDeque<Arc<BlockPlace>>>,
}

impl Places {
    /// The nearest place before a transaction of a block.
    pub(crate) fn nearest(&self, block: &B256, index: usize) -> Option<Arc<BlockPlace>> {
        let kept = self.kept.lock();
        let before = kept.iter().filter(|place| place.block == *block && place.index <= index);
        before.max_by_key(|place| place.index).cloned()
    }

    /// Keeps a place, unless it is large, or as much is kept of it.
    pub(crate) fn keep(&self, block: B256, index: usize, logs: usize, cache: &Cache) {
        let weight = weight(cache);
        let is_it = |place: &BlockPlace| place.block == block && place.index == index;
        let is_kept = |place: &Arc<BlockPlace>| is_it(place) && place.weight >= weight;
        if weight > MOST || self.kept.lock().iter().any(is_kept) {
            return;
        }
        let place = Arc::new(BlockPlace { block, index, logs, cache: cache.clone(), weight });
        let mut kept = self.kept.lock();
        kept.retain(|place| !is_it(place));
        if kept.len() == PLACES {
            kept.pop_front();
        }
        kept.push_back(place);
    }
}

/// Bytes that a state's cache takes.
fn weight(cache: &Cache) -> usize {
    let accounts = cache.accounts.values().map(|account| ACCOUNT + SLOT * account.storage.len());
    let codes = cache.contracts.values().map(|code| CODE_COPIES * code.len());
    accounts.sum::<usize>() + codes.sum::<usize>()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use alloy::primitives::{Address, U256};
    use revm::database::DbAccount;

    use super::*;

    #[test]
    fn the_nearest_place_before_a_transaction_is_found_and_the_oldest_goes() {
        let (places, block) = (Places::default(), B256::repeat_byte(1));
        let cache = Cache::default();
        for index in [1, 4, 4] {
            places.keep(block, index, 10 * index, &cache);
        }
        let nearest = |index| places.nearest(&block, index).map(|place| (place.index, place.logs));
        assert_eq!(
            [0, 1, 3, 4, 9].map(nearest),
            [None, Some((1, 10)), Some((1, 10)), Some((4, 40)), Some((4, 40))]
        );
        assert!(places.nearest(&B256::ZERO, 9).is_none());
        for index in 0..PLACES - 1 {
            places.keep(B256::repeat_byte(2), index, 0, &cache);
        }
        assert_eq!(
            [1, 4].map(nearest),
            [None, Some((4, 40))],
            "the oldest place has gone, the next one has not"
        );
        let weight_of = |index| places.nearest(&B256::repeat_byte(2), index).unwrap().weight;
        let mut read = Cache::default();
        read.accounts.insert(Address::ZERO, DbAccount::default());
        for cache in [&read, &cache] {
            places.keep(B256::repeat_byte(2), 1, 0, cache);
        }
        assert_eq!([weight_of(0), weight_of(1)], [0, ACCOUNT], "more that was read replaces less");
        assert_eq!(nearest(4), Some((4, 40)), "in its place");
        let mut large = Cache::default();
        let account = DbAccount {
            storage: (0..MOST / SLOT).map(|slot| (U256::from(slot), U256::ONE)).collect(),
            ..DbAccount::default()
        };
        large.accounts.insert(Address::ZERO, account);
        places.keep(B256::repeat_byte(3), 1, 0, &large);
        assert!(places.nearest(&B256::repeat_byte(3), 1).is_none(), "what is large is not kept");
    }
}
