//! What goes into sending a transaction, and what may come out.

use std::time::Duration;

use alloy::{
    eips::eip4844::DATA_GAS_PER_BLOB,
    primitives::{Address, B256, Bytes, Keccak256, U256},
    rpc::types::TransactionReceipt,
};

use super::fees::FeeCaps;
use crate::blobs::BlobSidecar;

/// What to send.
#[derive(Clone, Debug, Default)]
pub struct TxRequest {
    /// The contract to call.
    pub to: Address,
    /// Calldata.
    pub data: Bytes,
    /// Wei.
    pub value: U256,
    /// Gas limit; estimated, with a margin, if not given. Without an estimate a revert shows on chain only.
    pub gas_limit: Option<u64>,
    /// Blobs that it carries.
    pub blobs: Option<BlobSidecar>,
}

impl TxRequest {
    /// A digest of what it does: requests with the same digest are the same call.
    pub(super) fn digest(&self) -> B256 {
        let mut hasher = Keccak256::new();
        hasher.update(self.to);
        hasher.update(self.value.to_be_bytes::<32>());
        hasher.update(&self.data);
        if let Some(blobs) = &self.blobs {
            hasher.update(blobs.versioned_hashes().concat());
        }
        hasher.finalize()
    }

    /// Gas of its blobs (EIP-4844).
    pub(super) fn blob_gas(&self) -> u64 {
        self.blobs.as_ref().map_or(0, |blobs| blobs.versioned_hashes().len() as u64 * DATA_GAS_PER_BLOB)
    }
}

/// How to send.
#[derive(Clone, Copy, Debug)]
pub struct TxOptions {
    /// How often to look for the receipt; by default what suits the chain.
    pub poll_interval: Option<Duration>,
    /// Blocks that must hold or follow the transaction; 1: it is in a block.
    pub confirmations: u64,
    /// When to send again with a higher fee.
    pub resend_after: Duration,
    /// When to give up waiting for a block to take it.
    pub timeout: Duration,
    /// Added to the estimate of gas, in per cent.
    pub gas_margin_percent: u64,
    /// What to pay at most. A transaction that would need more waits.
    pub caps: FeeCaps,
    /// How often a transaction is sent with higher fees; after that it is only sent once more, as it is.
    pub max_raises: u32,
    /// For how many transactions of the recent cost the balance should last. Below, there is a warning.
    pub low_balance: u64,
    /// Whose transactions these are, as logs and metrics name it.
    pub role: &'static str,
}

impl Default for TxOptions {
    fn default() -> Self {
        Self {
            poll_interval: None,
            confirmations: 1,
            resend_after: Duration::from_secs(45),
            timeout: Duration::from_secs(600),
            gas_margin_percent: 20,
            caps: FeeCaps::default(),
            max_raises: 50,
            low_balance: 50,
            role: "sender",
        }
    }
}

/// What a transaction has cost, in wei.
pub(super) fn cost_of(receipt: &TransactionReceipt) -> u128 {
    let gas = receipt.effective_gas_price.saturating_mul(receipt.gas_used.into());
    let blob_gas = receipt.blob_gas_used.unwrap_or_default();
    gas.saturating_add(receipt.blob_gas_price.unwrap_or_default().saturating_mul(blob_gas.into()))
}
