//! The state root that simulated blocks leave.

use alloy::primitives::{B256, keccak256};
use revm::database::AccountState;
use stf::{StateChanges, StateTrie, StorageChanges};
use trie::Account;

use crate::{RpcError, call_state::CallState, work};

/// Bytes that the nodes on the way to an account or a slot take.
const PATH: usize = 4 << 10;

/// The root of a state, and that of the message passer's storage. All that calls have read or changed so far is written into
/// `trie`, which held the state before them.
pub(super) fn roots(state: &CallState, trie: &mut StateTrie) -> Result<(B256, B256), RpcError> {
    let budget = work::current().budget;
    let mut changes = StateChanges::default();
    for (address, account) in &state.cache.accounts {
        budget.check_time()?;
        budget.take(PATH * (1 + account.storage.len()))?;
        let hashed = keccak256(address);
        let wiped = matches!(account.account_state, AccountState::StorageCleared);
        let info = &account.info;
        // An empty account is none (EIP-161).
        let is_there = account.account_state != AccountState::NotExisting && !info.is_empty();
        let leaf = is_there.then_some(Account {
            nonce: info.nonce,
            balance: info.balance,
            storage_root: trie::EMPTY_ROOT,
            code_hash: info.code_hash,
        });
        if is_there && (wiped || !account.storage.is_empty()) {
            let slot = |key: &alloy::primitives::U256| keccak256(key.to_be_bytes::<32>());
            let mut slots: Vec<_> = account.storage.iter().map(|(key, value)| (slot(key), *value)).collect();
            slots.sort_unstable_by_key(|(key, _)| *key);
            changes.storage.push(StorageChanges { address: hashed, wiped, slots });
        }
        changes.accounts.push((hashed, leaf));
    }
    changes.accounts.sort_unstable_by_key(|(address, _)| *address);
    changes.storage.sort_unstable_by_key(|storage| storage.address);
    let view = state.db.view();
    let source = view.at()?;
    let root = trie.update(&mut changes, &source, &mut ())?;
    Ok((root, trie.message_passer_root(&source)?))
}
