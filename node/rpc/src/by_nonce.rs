//! Searches through an account's past without an index of it: nonces and code change at known heights, so that a look at
//! some thirty states finds the block.

use std::sync::Arc;

use alloy::{
    consensus::Transaction as _,
    primitives::{Address, B256, KECCAK256_EMPTY, keccak256},
};
use alloy_rpc_types_trace::geth::CallFrame;
use db::Reader;
use op_alloy_consensus::OpReceiptEnvelope;
use serde::Serialize;
use trie::Account;

use super::{
    RpcError, block::Block, call_frames::BlockFrames, context::Rpc, transaction::RpcTransaction, work,
};

/// Bytes that a delegation of EIP-7702 begins with: who has one is no contract.
const DELEGATION: [u8; 3] = [0xef, 0x01, 0x00];

/// Who made a contract, in Otterscan's form.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct ContractCreator {
    /// The transaction.
    hash: B256,
    creator: Address,
}

impl Rpc {
    /// The transaction with a sender's nonce: its block, and its index there.
    pub(crate) fn find_by_nonce(
        &self,
        sender: Address,
        nonce: u64,
    ) -> Result<Option<(Arc<Block>, usize)>, RpcError> {
        let reader = self.reader()?;
        let hashed = keccak256(sender);
        let used = |account: Option<Account>| account.is_some_and(|account| account.nonce > nonce);
        let Some(number) = first_block(&reader, &hashed, used)? else { return Ok(None) };
        let Some(block) = self.block(number)? else { return Ok(None) };
        let index = block.transactions.iter().zip(&block.receipts).position(|(tx, receipt)| {
            let own = match receipt {
                OpReceiptEnvelope::Deposit(deposit) => deposit.receipt.deposit_nonce.unwrap_or_default(),
                _ => tx.envelope().nonce(),
            };
            tx.sender() == sender && own == nonce
        });
        Ok(index.map(|index| (block, index)))
    }

    /// The transaction with a sender's nonce, in a block or waiting for one.
    pub(crate) fn transaction_with_nonce(
        &self,
        sender: Address,
        nonce: u64,
    ) -> Result<Option<RpcTransaction>, RpcError> {
        // A node without a pool has nothing that waits.
        let waiting = self.waiting_content(Some(sender)).unwrap_or_default();
        let mut waiting = waiting.pending.into_values().chain(waiting.queued.into_values()).flatten();
        if let Some(tx) = waiting.find(|tx| tx.envelope().nonce() == nonce) {
            return Ok(Some(RpcTransaction::pending(&tx)));
        }
        Ok(self.find_by_nonce(sender, nonce)?.and_then(|(block, index)| block.transaction(index)))
    }

    /// Who made a contract, and by which transaction; nothing of what has no code now, and of what was there at genesis.
    pub(crate) fn creator_of(&self, contract: Address) -> Result<Option<ContractCreator>, RpcError> {
        let reader = self.reader()?;
        let hashed = keccak256(contract);
        let Some((head, _)) = reader.head()? else { return Ok(None) };
        let account = reader.state_at(head)?.account(&hashed)?;
        let Some(code_hash) =
            account.map(|account| account.code_hash).filter(|hash| *hash != KECCAK256_EMPTY)
        else {
            return Ok(None);
        };
        if reader.code(&code_hash)?.starts_with(&DELEGATION) {
            return Ok(None);
        }
        // Code that is there stays, but for a contract that was made and destroyed in one transaction before.
        let has_code =
            |account: Option<Account>| account.is_some_and(|account| account.code_hash == code_hash);
        let number = match first_block(&reader, &hashed, has_code)? {
            Some(number) if number > 0 => number,
            _ => return Ok(None),
        };
        let Some(block) = self.block(number)? else { return Ok(None) };
        let mut frames = BlockFrames::new(self, &block)?;
        let mut found = None;
        for tx in &block.transactions {
            let frame = frames.next_frame()?;
            if let Some(creator) = creation(&frame, contract) {
                found = Some(ContractCreator { hash: tx.hash(), creator });
            }
        }
        Ok(found)
    }
}

/// Who creates a contract within a call, if that stands.
fn creation(frame: &CallFrame, contract: Address) -> Option<Address> {
    if frame.error.is_some() {
        return None;
    }
    if frame.typ.starts_with("CREATE") && frame.to == Some(contract) {
        return Some(frame.from);
    }
    frame.calls.iter().find_map(|call| creation(call, contract))
}

/// The first block after which something holds of an account that goes on to hold; nothing if it does not hold now.
fn first_block(
    reader: &Reader,
    account: &B256,
    holds: impl Fn(Option<Account>) -> bool,
) -> Result<Option<u64>, RpcError> {
    let budget = work::current().budget;
    let at = |height: u64| {
        budget.check_time()?;
        Ok::<_, RpcError>(holds(reader.state_at(height)?.account(account)?))
    };
    let oldest = reader.oldest_state()?;
    let Some((mut high, _)) = reader.head()? else { return Ok(None) };
    if !at(high)? {
        return Ok(None);
    }
    if at(oldest)? {
        // It held before, and what was before is not known any more.
        return match oldest {
            0 => Ok(Some(0)),
            _ => Err(RpcError::NoState { height: oldest - 1, oldest }),
        };
    }
    let mut low = oldest;
    while low + 1 < high {
        let middle = low + (high - low) / 2;
        if at(middle)? { high = middle } else { low = middle }
    }
    Ok(Some(high))
}
