//! From a batch and the message queue to the inputs of one block.

use alloc::vec::Vec;
use alloy_consensus::Header;
use alloy_primitives::Bytes;
use core::ops::Range;

use crate::{
    ExtraData,
    blob::BlobData,
    codec::{self, BlockSpec, PayloadSource},
    config::{ChainConfig, DEPOSIT_GAS_CAP, GUARANTEE, MIN_MESSAGE_GAS},
    inbox::{BatchHeader, DaKind, MAX_PAYLOAD_SIZE, Message},
};

const MAX_PAYLOAD_LENGTH: u64 = MAX_PAYLOAD_SIZE as u64;

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

/// The queue index after a block, from its header's [`ExtraData`]. A header of this chain always has it; `None` on any
/// other.
pub fn message_cursor(header: &Header) -> Option<u64> {
    ExtraData::of(header).map(|extra| extra.message_cursor)
}

/// The block specs of a batch, one per block: `None` is a default block.
///
/// A payload that does not decode, or that holds fewer specs than the batch has blocks, makes all of them default
/// blocks. Specs beyond the batch's blocks are ignored.
///
/// `data` is what was posted, as a node keeps it: the payload, or [`BlobData`]. It must be what the header commits to.
pub fn block_specs(
    config: &ChainConfig,
    batch: &BatchHeader,
    mut data: &[u8],
    wanted: Range<usize>,
) -> Vec<Option<BlockSpec>> {
    let Ok(specs) = match batch.da_kind {
        DaKind::Blobs => match BlobData::decode(data) {
            Some(blobs) => read_block_specs(config, batch, &mut blobs.payload(batch.payload_length), wanted),
            None => read_block_specs(config, batch, &mut &[][..], wanted),
        },
        DaKind::Calldata | DaKind::None => read_block_specs(config, batch, &mut data, wanted),
    };
    specs
}

/// The same, of a payload that is still to be read.
///
/// # Errors
/// The source's.
pub fn read_block_specs<P: PayloadSource>(
    config: &ChainConfig,
    batch: &BatchHeader,
    payload: &mut P,
    wanted: Range<usize>,
) -> Result<Vec<Option<BlockSpec>>, P::Error> {
    let count = usize::try_from(batch.block_count).unwrap_or(usize::MAX);
    let decoded = match payload.length() {
        1..=MAX_PAYLOAD_LENGTH => codec::decode_from(payload, config.chain_id, wanted)?.ok(),
        _ => None,
    };
    Ok(match decoded {
        Some(mut specs) if specs.len() >= count => {
            specs.truncate(count);
            specs.into_iter().map(Some).collect()
        }
        _ => alloc::vec![None; count],
    })
}

/// The inputs of the block after `parent`.
///
/// `extra` is the parent's `extraData`, `batch` the batch that holds the block, `spec` its spec (`None`: a default block,
/// which has no transactions, and takes all messages that it may).
pub fn block_inputs<M: MessageSource>(
    config: &ChainConfig,
    parent: &Header,
    extra: &ExtraData,
    batch: &BatchHeader,
    spec: Option<BlockSpec>,
    queue: &mut M,
) -> Result<BlockInputs, M::Error> {
    let available = batch.message_end.saturating_sub(extra.message_cursor);
    let spec = spec.unwrap_or_else(|| BlockSpec {
        timestamp: batch.l1_timestamp,
        messages: u64::MAX,
        transactions: Vec::new(),
    });
    let greedy = is_greedy(batch, parent.number.saturating_add(1), extra.consumed_gas);
    let limit = if greedy { available } else { spec.messages.min(available) };
    let messages = consume(extra.message_cursor, limit, DEPOSIT_GAS_CAP, queue)?;
    let wanted = config.clamp_timestamp(spec.timestamp, batch.l1_timestamp);
    let timestamp = block_timestamp(parent, &messages, wanted);
    Ok(BlockInputs { timestamp, messages, transactions: spec.transactions })
}

/// Whether a block of a batch takes all messages that it may, whatever its spec says: the last one, and any before which
/// more is left than the blocks behind it and one more are sure to take. `consumed_gas` is the gas of the messages
/// consumed before the block.
///
/// A greedy block takes more than [`GUARANTEE`], or all there is. The contract lets no batch cover more than that for
/// each of its blocks. So before a block with `R` behind it there is never more left than `R + 2` times that, before the
/// last no more than its cap: after a batch the cursor is the batch's message end. And what takes no more than that in
/// each of its blocks, as an honest sequencer does, meets the rule nowhere but in the last block, where nothing else is
/// left.
pub fn is_greedy(batch: &BatchHeader, block: u64, consumed_gas: u64) -> bool {
    let behind = batch.last_block().saturating_sub(block);
    let left = batch.message_gas_end.saturating_sub(consumed_gas);
    behind == 0 || left > GUARANTEE.saturating_mul(behind.saturating_add(1))
}

/// The timestamp of the block after `parent` that consumes these messages: not before either, and `wanted` otherwise.
/// Messages consumed earlier are in the parent's already.
///
/// Derivation wants what the batch makes of the spec ([`ChainConfig::clamp_timestamp`]); whoever builds a block wants the
/// time on the clock, and puts what this returns into the spec.
pub fn block_timestamp(parent: &Header, messages: &[Message], wanted: u64) -> u64 {
    let newest = messages.last().map_or(0, |message| message.header.l1_timestamp);
    parent.timestamp.max(newest).max(wanted)
}

/// Up to `limit` messages from the queue index `cursor` on, as far as they count no more than `gas` together. Derivation
/// allows [`DEPOSIT_GAS_CAP`]; whoever builds blocks takes no more than [`GUARANTEE`] (see [`is_greedy`]).
pub fn consume<M: MessageSource>(
    cursor: u64,
    limit: u64,
    gas: u64,
    queue: &mut M,
) -> Result<Vec<Message>, M::Error> {
    let mut messages = Vec::new();
    let mut left = gas;
    for index in cursor..cursor.saturating_add(limit) {
        // Checked before the message is read, so that a full block does not cost another read.
        if left < MIN_MESSAGE_GAS {
            break;
        }
        let message = queue.message(index)?;
        match left.checked_sub(counted_gas(&message)) {
            Some(rest) => left = rest,
            None => break,
        }
        messages.push(message);
    }
    Ok(messages)
}

/// What a message counts. The contract keeps a header's gas within these bounds; here they hold whatever it says, so that
/// no message can block the queue.
fn counted_gas(message: &Message) -> u64 {
    message.header.gas.clamp(MIN_MESSAGE_GAS, GUARANTEE)
}
