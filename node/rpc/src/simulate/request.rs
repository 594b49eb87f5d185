//! What a simulation is asked for, and how much that may be.

use alloy::rpc::types::{TransactionRequest, state::StateOverride};
use serde::Deserialize;

use crate::{RpcError, overrides::BlockChanges};

/// Most calls in one block: geth's limit.
const MAX_BLOCK_CALLS: usize = 5_000;

/// Most calls in one simulation: geth's limit.
pub(crate) const MAX_CALLS: usize = 10_000;

/// Most blocks in one simulation, those that fill gaps among them (execution-apis).
pub(crate) const MAX_BLOCKS: u64 = 256;

/// Codes of what a simulation refuses (execution-apis).
pub(super) mod code {
    pub(in crate::simulate) const INVALID_PARAMS: i32 = -32602;
    pub(in crate::simulate) const NONCE_OVERFLOW: i32 = -32603;
    pub(in crate::simulate) const BLOCK_GAS_LIMIT: i32 = -38015;
    pub(in crate::simulate) const BLOCK_NUMBER: i32 = -38020;
    pub(in crate::simulate) const BLOCK_TIME: i32 = -38021;
    pub(in crate::simulate) const LIMIT: i32 = -38026;
}

/// What is asked for.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct SimulateRequest {
    pub(super) block_state_calls: Vec<BlockCalls>,
    pub(super) trace_transfers: bool,
    pub(super) validation: bool,
    pub(super) return_full_transactions: bool,
}

/// A block that is asked for.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct BlockCalls {
    pub(super) block_overrides: Option<BlockChanges>,
    pub(super) state_overrides: Option<StateOverride>,
    pub(super) calls: Option<Vec<TransactionRequest>>,
}

impl BlockCalls {
    fn count(&self) -> usize {
        self.calls.as_ref().map_or(0, Vec::len)
    }
}

/// A refusal.
pub(super) fn refused(code: i32, message: impl Into<String>) -> RpcError {
    RpcError::Coded { code, message: message.into() }
}

/// Refuses what is too much.
pub(super) fn check_size(blocks: &[BlockCalls]) -> Result<(), RpcError> {
    if blocks.is_empty() {
        return Err(refused(code::INVALID_PARAMS, "empty input"));
    }
    if blocks.len() as u64 > MAX_BLOCKS {
        return Err(refused(code::LIMIT, "too many blocks"));
    }
    if let Some(calls) = blocks.iter().map(BlockCalls::count).find(|calls| *calls > MAX_BLOCK_CALLS) {
        return Err(refused(code::LIMIT, format!("too many calls in block: {calls} > {MAX_BLOCK_CALLS}")));
    }
    let calls: usize = blocks.iter().map(BlockCalls::count).sum();
    if calls > MAX_CALLS {
        return Err(refused(code::LIMIT, format!("too many calls: {calls} > {MAX_CALLS}")));
    }
    Ok(())
}
