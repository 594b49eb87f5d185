//! Accounts: balance, nonce, code, storage, and proofs of them.

use std::sync::Arc;

use alloy::{
    consensus::TrieAccount,
    eips::BlockId,
    primitives::{Address, B256, Bytes, KECCAK256_EMPTY, U64, U256, hex, keccak256},
    rpc::types::{AccountInfo, EIP1186AccountProofResponse, EIP1186StorageProof},
    serde::JsonStorageKey,
};
use trie::{Account, EMPTY_ROOT, Trie};

use super::{RpcError, answer::AnswerText, context::Rpc, peers::Work, work};

/// Most slots in one proof request.
pub(crate) const MAX_PROOF_KEYS: usize = 1024;

/// Most characters of a wrong key that its refusal shows.
const SHOWN_KEY: usize = 100;

/// Bytes that a proof takes besides its nodes.
const PROOF: usize = 512;

impl Rpc {
    pub(crate) async fn balance(
        self: Arc<Self>,
        address: Address,
        block: Option<BlockId>,
    ) -> Result<U256, RpcError> {
        Ok(self.account_at(address, block)?.map_or(U256::ZERO, |account| account.balance))
    }

    pub(crate) async fn transaction_count(
        self: Arc<Self>,
        address: Address,
        block: Option<BlockId>,
    ) -> Result<U64, RpcError> {
        if block.is_some_and(|block| block.is_pending())
            && let Some(nonce) = self.pending_nonce(address).await?
        {
            return Ok(U64::from(nonce));
        }
        Ok(U64::from(self.account_at(address, block)?.map_or(0, |account| account.nonce)))
    }

    pub(crate) async fn code(
        self: Arc<Self>,
        address: Address,
        block: Option<BlockId>,
    ) -> Result<Bytes, RpcError> {
        let view = self.state(block)?;
        let state = view.at()?;
        match state.account(&keccak256(address))? {
            Some(account) => Ok(state.code(&account.code_hash)?),
            None => Ok(Bytes::new()),
        }
    }

    pub(crate) async fn storage_at(
        self: Arc<Self>,
        address: Address,
        slot: String,
        block: Option<BlockId>,
    ) -> Result<B256, RpcError> {
        let view = self.state(block)?;
        let slot = storage_key(&slot)?.as_b256();
        let value = view.at()?.storage(&keccak256(address), &keccak256(slot))?;
        Ok(value.into())
    }

    pub(crate) async fn account(
        self: Arc<Self>,
        address: Address,
        block: Option<BlockId>,
    ) -> Result<TrieAccount, RpcError> {
        let account = self.account_at(address, block)?.unwrap_or(EMPTY);
        Ok(TrieAccount {
            nonce: account.nonce,
            balance: account.balance,
            storage_root: account.storage_root,
            code_hash: account.code_hash,
        })
    }

    pub(crate) async fn account_info(
        self: Arc<Self>,
        address: Address,
        block: Option<BlockId>,
    ) -> Result<AccountInfo, RpcError> {
        let view = self.state(block)?;
        let state = view.at()?;
        let account = state.account(&keccak256(address))?.unwrap_or(EMPTY);
        Ok(AccountInfo {
            balance: account.balance,
            nonce: account.nonce,
            code: state.code(&account.code_hash)?,
        })
    }

    pub(crate) async fn proof(
        self: Arc<Self>,
        address: Address,
        keys: Vec<String>,
        block: Option<BlockId>,
    ) -> Result<AnswerText, RpcError> {
        if keys.len() > MAX_PROOF_KEYS {
            return Err(RpcError::invalid(format!(
                "too many storage keys requested (max {MAX_PROOF_KEYS}, got {})",
                keys.len()
            )));
        }
        let keys = keys.iter().map(|key| storage_key(key)).collect::<Result<Vec<_>, _>>()?;
        self.answer(Work::Light, move |rpc| rpc.prove(address, keys, rpc.height(block)?)).await
    }

    fn prove(
        &self,
        address: Address,
        keys: Vec<JsonStorageKey>,
        height: u64,
    ) -> Result<EIP1186AccountProofResponse, RpcError> {
        let view = self.state_at(height)?;
        let state = view.at()?;
        let header = view.reader().header(height)?.ok_or(RpcError::HeaderNotFound)?;
        let hashed = keccak256(address);
        let account_proof = Trie::from_root(header.state_root).proof(&state, None, hashed.as_slice())?;
        let account = state.account(&hashed)?.unwrap_or(EMPTY);
        let budget = work::current().budget;
        // One trie for all keys, so that the nodes they share are read once.
        let mut storage = Trie::from_root(account.storage_root);
        let storage_proof = keys
            .into_iter()
            .map(|key| {
                budget.check_time()?;
                let slot = keccak256(key.as_b256());
                let proof: Vec<Bytes> = match account.storage_root {
                    EMPTY_ROOT => Vec::new(),
                    _ => storage.proof(&state, Some(&hashed), slot.as_slice())?,
                };
                // The trie keeps the nodes, too.
                budget.take(PROOF + 2 * proof.iter().map(|node| node.len()).sum::<usize>())?;
                Ok(EIP1186StorageProof { key, value: state.storage(&hashed, &slot)?, proof })
            })
            .collect::<Result<_, RpcError>>()?;
        Ok(EIP1186AccountProofResponse {
            address,
            balance: account.balance,
            code_hash: account.code_hash,
            nonce: account.nonce,
            storage_hash: account.storage_root,
            account_proof,
            storage_proof,
        })
    }

    fn account_at(&self, address: Address, block: Option<BlockId>) -> Result<Option<Account>, RpcError> {
        Ok(self.state(block)?.at()?.account(&keccak256(address))?)
    }
}

/// A slot as clients name it: up to 32 bytes in hexadecimal, the prefix and leading zeros as they like. In an answer it has
/// all 32 bytes if it had them, or else it is a quantity: geth's forms.
fn storage_key(text: &str) -> Result<JsonStorageKey, RpcError> {
    let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")).unwrap_or(text);
    if digits.len() > 2 * B256::len_bytes() {
        // No more of it than can be an honest mistake.
        let shown: String = text.chars().take(SHOWN_KEY).collect();
        return Err(RpcError::invalid(format!("storage key too long (want at most 32 bytes): {shown:?}")));
    }
    let bad = || RpcError::invalid(format!("invalid hex in storage key: {text:?}"));
    let even = if digits.len() % 2 == 1 { format!("0{digits}") } else { digits.to_owned() };
    // Without a prefix: a second one is no digit.
    let bytes = even.is_ascii().then(|| hex::decode(&even).ok()).flatten();
    let bytes = bytes.filter(|bytes| 2 * bytes.len() == even.len()).ok_or_else(bad)?;
    Ok(match bytes.len() {
        32 => JsonStorageKey::Hash(B256::from_slice(&bytes)),
        _ => JsonStorageKey::Number(U256::from_be_slice(&bytes)),
    })
}

/// What an account is that does not exist.
const EMPTY: Account =
    Account { nonce: 0, balance: U256::ZERO, storage_root: EMPTY_ROOT, code_hash: KECCAK256_EMPTY };
