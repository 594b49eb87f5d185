//! What goes into a block: the pool's best transactions, as many as its gas, its bytes and the time allow.

use std::{sync::Arc, time::Instant};

use alloy::consensus::Transaction as _;
use stf::InvalidTransaction;

use super::{
    SequencerOptions,
    put_off::{PutOff, Turn},
};
use crate::{
    limits::MAX_BLOCK_BYTES,
    pool::{ConditionError, Pool, PoolTx},
};
use rollup::chain::HeadBuilder;

/// Transactions that no longer fit before a block counts as full.
const MAX_MISFITS: u32 = 64;

/// Transactions with less gas are not watched while they run: the worst of them take some 50 ms on slow machines, which is
/// what a block may take.
const LONG_GAS: u64 = 2_000_000;

/// What became of the pool's transactions in a block.
#[derive(Debug, Default)]
pub(super) struct FillOutcome {
    pub(super) included: usize,
    /// Bytes of these.
    pub(super) bytes: usize,
    /// Whether there was no room for the bytes of more.
    pub(super) was_short: bool,
    /// Can never be in a block as the state is now.
    pub(super) invalid: Vec<(Arc<PoolTx>, InvalidTransaction)>,
    /// The pool was mistaken about the sender's nonce or the base fee.
    pub(super) stale: Vec<Arc<PoolTx>>,
    pub(super) error: Option<String>,
}

/// Executes the pool's best transactions until the block is full, holds `most` bytes, or its time is over. One that runs for
/// long while others wait is put off.
pub(super) fn fill(
    builder: &mut HeadBuilder<'_>,
    pool: &Pool,
    put_off: &mut PutOff,
    options: &SequencerOptions,
    most: usize,
) -> FillOutcome {
    // Deposits, which come before, do not count: they must not keep users' transactions out.
    let mut start = Instant::now();
    let mut filled = FillOutcome::default();
    let mut misfits = 0;
    // Without deposits the block has as much room as a block ever has.
    let roomy = builder.receipts().len() == 1;
    let mut bytes = 0;
    // One in a block is enough of those that others wait for in vain.
    let mut has_stopped = false;
    let arrivals = pool.arrivals();
    let mut best = pool.best();
    while let Some(tx) = best.next() {
        let is_long = tx.transaction().envelope().gas_limit() >= LONG_GAS;
        let turn = if is_long { put_off.turn(&tx, Instant::now()) } else { Turn::ToTheEnd };
        if turn == Turn::Later || (turn == Turn::UnlessOthersWait && has_stopped) {
            best.exclude(tx.sender());
            continue;
        }
        if let Some(condition) = tx.condition() {
            let (number, timestamp) = (builder.header().number, builder.header().timestamp);
            match condition.check(number, timestamp, builder) {
                Ok(()) => {}
                Err(ConditionError::Early(_)) => {
                    best.exclude(tx.sender());
                    continue;
                }
                Err(error) => {
                    best.exclude(tx.sender());
                    let reason = format!("its condition does not hold: {error}");
                    filled.invalid.push((tx, InvalidTransaction::Rollup(reason)));
                    continue;
                }
            }
        }
        let length = tx.transaction().encoded().len();
        bytes += length;
        if bytes > most.min(MAX_BLOCK_BYTES) {
            filled.was_short = true;
            break;
        }
        let executed = match turn {
            Turn::UnlessOthersWait => {
                let begun = Instant::now();
                let others = best.has_others(|sender| put_off.has(sender));
                let (pool, patience) = (pool.clone(), options.patience);
                let stop = move || begun.elapsed() >= patience && (others || pool.arrivals() != arrivals);
                let executed = builder.execute_unless(tx.transaction(), stop);
                if matches!(executed, Ok(Err(InvalidTransaction::Stopped))) {
                    // The others have all the time that they would have had.
                    start += begun.elapsed();
                }
                executed
            }
            _ => builder.execute(tx.transaction()),
        };
        match executed {
            Ok(Ok(())) => {
                filled.included += 1;
                filled.bytes += length;
            }
            Ok(Err(invalid)) => {
                best.exclude(tx.sender());
                match invalid {
                    InvalidTransaction::BlockGas { .. } if roomy && filled.included == 0 => {
                        filled.invalid.push((tx, invalid));
                    }
                    InvalidTransaction::BlockGas { .. } => misfits += 1,
                    InvalidTransaction::Stopped => {
                        has_stopped = true;
                        put_off.add(&tx, Instant::now());
                    }
                    InvalidTransaction::Evm(ref reason) if is_stale(reason) => filled.stale.push(tx),
                    invalid => filled.invalid.push((tx, invalid)),
                }
            }
            Err(error) => {
                // What is in the block so far is sound. Should this transaction be the cause, it must not come again.
                let error = error.to_string();
                filled.error = Some(error.clone());
                filled.invalid.push((tx, InvalidTransaction::Rollup(error)));
                break;
            }
        }
        if misfits >= MAX_MISFITS || start.elapsed() >= options.build_budget {
            break;
        }
    }
    filled
}

/// Whether a refusal says that the pool's view of nonce or base fee is old, rather than that the transaction is bad.
const fn is_stale(invalid: &revm::context_interface::result::InvalidTransaction) -> bool {
    use revm::context_interface::result::InvalidTransaction::{
        GasPriceLessThanBasefee, NonceTooHigh, NonceTooLow,
    };
    matches!(invalid, NonceTooHigh { .. } | NonceTooLow { .. } | GasPriceLessThanBasefee)
}
