//! A block, as the log knows it.

use alloy::primitives::{Address, B256};

/// What the log says of a block besides its message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Announced {
    /// Block number.
    pub number: u64,
    /// Block hash.
    pub hash: B256,
    /// Hash of the block before.
    pub parent: B256,
    /// Message cursor after the block.
    pub messages: u64,
    /// The accumulator over the messages before it.
    pub message_acc: B256,
    /// Who signed it.
    pub signer: Option<Address>,
}
