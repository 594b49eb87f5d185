//! One block from nothing but hashes: what the fault proof program computes.
//!
//! A dispute over a block starts from 32 bytes, the hash of a [`BootInfo`]. Everything else that decides the block's output
//! is reached from there by keccak256 preimages, and elements of blobs, which a [`PreimageOracle`] supplies:
//!
//! ```text
//! boot ─┬ agreed output ─ parent header ─┬ earlier headers, as far as BLOCKHASH asks
//!       │                                └ state root ─ trie nodes ─ codes
//!       ├ chain config
//!       └ pinned batchAcc ─ … ─ batch header ─┬ list of chunk hashes ─ chunks of the payload
//!                                             │   or of versioned hashes ─ field elements of the blobs
//!                                             └ messageAcc ─ … ─ message header ─ list ─ chunks of the data
//! ```
//!
//! [`run`] walks there and hands what it finds to the functions that the node uses: there is no second implementation
//! of a rule. No preimage that an honest chain needs is longer than [`MAX_PREIMAGE_SIZE`], and longer ones are refused,
//! so that each can be shown to a contract in one transaction.
//!
//! An error means that the run has no output, ⊥: the fault proof program exits with a code that is not 0, and the
//! value of the run is zero. On a chain's real inputs that happens in three cases only: the agreed output is ⊥ itself, the
//! pinned batches do not reach the block, or the block has rules or formats that are newer than this code.

use alloy_consensus::Header;
use alloy_primitives::B256;
use alloy_rlp::Decodable;
use trie::TrieError;

use crate::{
    BlockBuilder, BlockError, ChainConfig, ExtraData, Transaction, TrieState, derive::block_inputs,
    inbox::InboxError, output_root, state::StateError,
};

mod boot;
mod inbox;
mod oracle;

pub use boot::{AgreedOutput, BootInfo};
pub use oracle::{MAX_PREIMAGE_SIZE, OracleError, PreimageOracle, RunPhase};

use inbox::{OracleQueue, find_batch, specs};
use oracle::{OracleState, read};

/// Why a run has no output.
#[derive(Debug, thiserror::Error)]
pub enum BlockRunError {
    /// A preimage is not available. This does not happen in the fault proof VM: no step can be proven without its preimage.
    #[error(transparent)]
    Oracle(#[from] OracleError),
    /// The agreed output is ⊥: the state transition of ⊥ is ⊥.
    #[error("the agreed output is zero")]
    NoAgreedOutput,
    /// The pinned batches end before the block, or begin after it.
    #[error("block {0} is not in the pinned batches")]
    NotInBatches(u64),
    /// A preimage is not what a commitment of an honest chain can lead to.
    #[error("malformed {0}")]
    Malformed(&'static str),
    /// A packed inbox header that the contract never writes.
    #[error(transparent)]
    Inbox(#[from] InboxError),
    /// The state could not be read.
    #[error(transparent)]
    Trie(#[from] TrieError),
    /// The block could not be executed.
    #[error(transparent)]
    Block(#[from] BlockError<StateError>),
}

/// Computes the output root of the block that a boot names, by the hash of that [`BootInfo`].
pub fn run<O: PreimageOracle>(boot_hash: &B256, oracle: &O) -> Result<B256, BlockRunError> {
    oracle.enter(RunPhase::Inputs);
    let boot = BootInfo::decode(&read(oracle, boot_hash)?)?;
    if boot.agreed_output.is_zero() {
        return Err(BlockRunError::NoAgreedOutput);
    }
    let agreed = AgreedOutput::decode(&read(oracle, &boot.agreed_output)?)?;
    let parent = header(oracle, &agreed.block_hash)?;
    if parent.number.checked_add(1) != Some(boot.block) || parent.state_root != agreed.state_root {
        return Err(BlockRunError::Malformed("parent header"));
    }
    let extra = ExtraData::of(&parent).ok_or(BlockRunError::Malformed("parent header"))?;
    let config = ChainConfig::decode(&read(oracle, &boot.config_hash)?)
        .ok_or(BlockRunError::Malformed("chain config"))?;

    let batch = find_batch(oracle, boot.batch_acc, boot.block)?;
    // At most MAX_BLOCKS_PER_BATCH, which `find_batch` has checked.
    let index = (boot.block - batch.first_block) as usize;
    let spec = specs(oracle, &config, &batch, index..index + 1)?.into_iter().nth(index).flatten();
    let mut queue = OracleQueue::new(oracle, extra.message_cursor, &batch);
    let inputs = block_inputs(&config, &parent, &extra, &batch, spec, &mut queue)?;

    let source = OracleState::new(oracle, parent.number, agreed.block_hash);
    let state = TrieState::new(parent.state_root, source);
    oracle.enter(RunPhase::Deposits);
    let mut builder =
        BlockBuilder::begin(&config, &parent, agreed.block_hash, inputs.timestamp, &inputs.messages, state)?;
    for raw in inputs.transactions {
        oracle.enter(RunPhase::Transaction(builder.receipts().len() as u64));
        if let Ok(transaction) = Transaction::recover(raw) {
            // An invalid one leaves no trace.
            let _ = builder.execute(&transaction)?;
        }
    }
    oracle.enter(RunPhase::Seal);
    let (pending, mut state) = builder.finish();
    let block = pending.seal(&mut state.trie, &state.source, &mut ())?;
    Ok(output_root(&block.header, block.hash))
}

/// The header with this hash.
fn header<O: PreimageOracle>(oracle: &O, hash: &B256) -> Result<Header, BlockRunError> {
    let rlp = read(oracle, hash)?;
    let mut rest = &rlp[..];
    match Header::decode(&mut rest) {
        Ok(header) if rest.is_empty() => Ok(header),
        _ => Err(BlockRunError::Malformed("block header")),
    }
}
