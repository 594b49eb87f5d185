//! The blocks of a simulation: what is asked for, with numbers and times in order and gaps filled.

use alloy::{
    consensus::Header,
    primitives::U256,
    rpc::types::{TransactionRequest, state::StateOverride},
};

use super::request::{BlockCalls, MAX_BLOCKS, code, refused};
use crate::{RpcError, overrides::BlockChanges};

/// Seconds between blocks whose times nobody names: geth's, which clients count with.
const INTERVAL: u64 = 12;

/// A block to simulate.
#[derive(Debug)]
pub(super) struct Planned {
    pub(super) number: u64,
    pub(super) time: u64,
    pub(super) changes: BlockChanges,
    pub(super) state: StateOverride,
    pub(super) calls: Vec<TransactionRequest>,
}

/// The blocks after `base` that are asked for.
pub(super) fn plan(base: &Header, blocks: Vec<BlockCalls>) -> Result<Vec<Planned>, RpcError> {
    let mut planned = Vec::with_capacity(blocks.len());
    let (mut last, mut time) = (base.number, base.timestamp);
    for block in blocks {
        let changes = block.block_overrides.unwrap_or_default();
        let number = changes.number.unwrap_or_else(|| U256::from(last) + U256::from(1));
        if number <= U256::from(last) {
            let text = format!("block numbers must be in order: {number} <= {last}");
            return Err(refused(code::BLOCK_NUMBER, text));
        }
        if number - U256::from(base.number) > U256::from(MAX_BLOCKS) {
            return Err(refused(code::LIMIT, "too many blocks"));
        }
        let number: u64 = number.saturating_to();
        if changes.difficulty.is_some() {
            let text = format!("block {number}: difficulty override is not allowed after the merge");
            return Err(refused(code::INVALID_PARAMS, text));
        }
        for filled in last + 1..number {
            time = time.saturating_add(INTERVAL);
            planned.push(Planned {
                number: filled,
                time,
                changes: BlockChanges::default(),
                state: StateOverride::default(),
                calls: Vec::new(),
            });
        }
        let wanted = match changes.time {
            None => time.saturating_add(INTERVAL),
            Some(wanted) if wanted <= U256::from(time) => {
                let text = format!("block timestamps must be in order: {wanted} <= {time}");
                return Err(refused(code::BLOCK_TIME, text));
            }
            Some(wanted) => wanted.saturating_to(),
        };
        (last, time) = (number, wanted);
        let (state, calls) = (block.state_overrides.unwrap_or_default(), block.calls.unwrap_or_default());
        planned.push(Planned { number, time, changes, state, calls });
    }
    Ok(planned)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn at(number: Option<u64>, time: Option<u64>) -> BlockCalls {
        let changes = BlockChanges {
            number: number.map(U256::from),
            time: time.map(U256::from),
            ..BlockChanges::default()
        };
        BlockCalls { block_overrides: Some(changes), ..BlockCalls::default() }
    }

    #[test]
    fn gaps_are_filled_and_times_go_on() {
        let base = Header { number: 10, timestamp: 1_000, ..Header::default() };
        let planned = plan(&base, vec![at(None, None), at(Some(14), None), at(None, Some(2_000))]).unwrap();
        let places: Vec<_> = planned.iter().map(|block| (block.number, block.time)).collect();
        assert_eq!(places, [(11, 1_012), (12, 1_024), (13, 1_036), (14, 1_048), (15, 2_000)]);
    }

    #[test]
    fn what_is_out_of_order_or_too_far_is_refused() {
        let base = Header { number: 10, timestamp: 1_000, ..Header::default() };
        let refused = |blocks| match plan(&base, blocks).unwrap_err() {
            RpcError::Coded { code, message } => (code, message),
            other => panic!("{other}"),
        };
        assert_eq!(
            refused(vec![at(Some(10), None)]),
            (-38020, "block numbers must be in order: 10 <= 10".into())
        );
        let back = vec![at(Some(12), Some(1_020)), at(None, Some(1_020))];
        assert_eq!(refused(back), (-38021, "block timestamps must be in order: 1020 <= 1020".into()));
        // The block that fills the gap takes some of the time.
        assert_eq!(refused(vec![at(Some(12), Some(1_012))]).0, -38021);
        assert_eq!(refused(vec![at(Some(267), None)]), (-38026, "too many blocks".into()));
        assert_eq!(plan(&base, vec![at(Some(266), None)]).unwrap().len(), 256);
    }
}
