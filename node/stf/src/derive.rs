//! From a batch and the message queue to the inputs of one block.

use alloc::vec::Vec;
use alloy_consensus::Header;
use alloy_primitives::Bytes;

use crate::{
    codec::{self, BlockSpec},
    config::{ChainConfig, DEPOSIT_GAS_CAP, MIN_MESSAGE_GAS},
    inbox::{BatchHeader, InboxError, MAX_PAYLOAD_SIZE, Message, MessageKind, be_u64},
    message::deposit_transaction,
};

/// Access to the message queue by index.
pub trait MessageSource {
    /// What can go wrong while reading (a database, a missing preimage).
    type Error;

    /// The message at this queue index. Derivation asks only for indices below the batch's `messageEnd`.
    fn message(&mut self, index: u64) -> Result<Message, Self::Error>;
}

/// All that decides a block besides its parent's state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BlockInputs {
    /// The block's timestamp, in seconds.
    pub timestamp: u64,
    /// The queue messages that the block consumes, in order.
    pub messages: Vec<Message>,
    /// Candidate transactions, EIP-2718 encoded. Invalid ones are left out.
    pub transactions: Vec<Bytes>,
}

/// The queue index after a block, from its header's `extraData` (8 bytes, big-endian).
/// A header of this chain always has it; `None` on any other.
pub fn message_cursor(header: &Header) -> Option<u64> {
    (header.extra_data.len() == 8).then(|| be_u64(&header.extra_data, 0))
}

/// The block specs of a batch, one per block: `None` is a default block.
///
/// A payload that does not decode, or that holds fewer specs than the batch has blocks, makes all of them default
/// blocks. Specs beyond the batch's blocks are ignored.
pub fn block_specs(
    config: &ChainConfig,
    batch: &BatchHeader,
    payload: &[u8],
    wanted: core::ops::Range<usize>,
) -> Vec<Option<BlockSpec>> {
    let count = usize::try_from(batch.block_count).unwrap_or(usize::MAX);
    let decoded = match payload.len() {
        1..=MAX_PAYLOAD_SIZE => codec::decode(payload, config.chain_id, wanted).ok(),
        _ => None,
    };
    match decoded {
        Some(mut specs) if specs.len() >= count => {
            specs.truncate(count);
            specs.into_iter().map(Some).collect()
        }
        _ => alloc::vec![None; count],
    }
}

/// The inputs of the block after `parent`.
///
/// `parent` and `cursor` are the block's parent and the queue index after it, `batch` the batch that holds the block,
/// `spec` its spec (`None`: a default block, which has no transactions and consumes greedily).
pub fn block_inputs<M: MessageSource>(
    config: &ChainConfig,
    parent: &Header,
    cursor: u64,
    batch: &BatchHeader,
    spec: Option<BlockSpec>,
    queue: &mut M,
) -> Result<BlockInputs, M::Error> {
    let is_last = parent.number.checked_add(1) == Some(batch.last_block());
    let available = batch.message_end.saturating_sub(cursor);
    let (timestamp, wanted, transactions) = match spec {
        Some(spec) => {
            let latest = batch.l1_timestamp.saturating_add(config.max_drift);
            (spec.timestamp.min(latest), spec.messages, spec.transactions)
        }
        None => (batch.l1_timestamp, u64::MAX, Vec::new()),
    };
    let limit = if is_last { available } else { wanted.min(available) };
    Ok(BlockInputs {
        timestamp: timestamp.max(parent.timestamp),
        messages: consume(cursor, limit, queue)?,
        transactions,
    })
}

/// Up to `limit` messages from the queue index `cursor` on, as far as the deposit gas cap of a block allows.
pub fn consume<M: MessageSource>(cursor: u64, limit: u64, queue: &mut M) -> Result<Vec<Message>, M::Error> {
    let mut messages = Vec::new();
    let mut gas = 0u64;
    for index in cursor..cursor.saturating_add(limit) {
        // Checked before the message is read, so that a full block does not cost another read.
        if gas + MIN_MESSAGE_GAS > DEPOSIT_GAS_CAP {
            break;
        }
        let message = queue.message(index)?;
        gas += message_gas(&message);
        if gas > DEPOSIT_GAS_CAP {
            break;
        }
        messages.push(message);
    }
    Ok(messages)
}

/// What a message counts against the deposit gas cap, at most that cap: so no message can block the queue.
fn message_gas(message: &Message) -> u64 {
    match valid_deposit(message) {
        Some(Ok(deposit)) => deposit.gas_limit.max(MIN_MESSAGE_GAS),
        Some(Err(_)) | None => MIN_MESSAGE_GAS,
    }
}

/// The deposit transaction of a deposit message; `None` for other kinds. A deposit with a gas limit over the cap, which
/// the portal refuses, is as malformed as one that does not decode.
pub(crate) fn valid_deposit(message: &Message) -> Option<Result<op_alloy_consensus::TxDeposit, InboxError>> {
    if message.header.kind != MessageKind::Deposit {
        return None;
    }
    Some(deposit_transaction(message).and_then(|deposit| {
        if deposit.gas_limit > DEPOSIT_GAS_CAP {
            return Err(InboxError::Unknown { what: "deposit gas limit", found: u8::MAX });
        }
        Ok(deposit)
    }))
}
