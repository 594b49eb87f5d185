//! `debug_intermediateRoots`: the state root after each transaction of a block.

use std::sync::Arc;

use alloy::{eips::eip2935::HISTORY_STORAGE_ADDRESS, primitives::B256};
use revm::{
    DatabaseCommit, DatabaseRef,
    context::ContextTr,
    database_interface::WrapDatabaseRef,
    state::{Account, AccountStatus, EvmState, EvmStorageSlot},
};
use stf::{Overlay, StateTrie};

use super::{
    RpcError,
    answer::AnswerText,
    block::Block,
    call_state::{CallState, StoredState},
    context::Rpc,
    evm::run,
    peers::Work,
    replay::Replay,
    work,
};
use rollup::chain::StateView;

/// Bytes that the trie takes for each account or slot that a block changes: the nodes above it.
const CHANGE: usize = 4 << 10;

impl Rpc {
    pub(crate) async fn intermediate_roots(self: Arc<Self>, block: B256) -> Result<AnswerText, RpcError> {
        let missing = || RpcError::Refused(format!("block {block} not found"));
        let number = self.number_of_hash(&block)?.ok_or_else(missing)?;
        self.answer(Work::Heavy, move |rpc| {
            let block = rpc.block(number)?.ok_or(RpcError::HeaderNotFound)?;
            roots(rpc, &block)
        })
        .await
    }
}

fn roots(rpc: &Rpc, block: &Block) -> Result<Vec<B256>, RpcError> {
    let mut replay = Replay::new(rpc, block)?;
    let parent = rpc.state_at(block.number() - 1)?;
    let header = parent.reader().header(parent.height())?.ok_or(RpcError::HeaderNotFound)?;
    let mut trie = StateTrie::new(header.state_root);
    // The parent's hash is stored before the first transaction, and is in the state already.
    let begun = stored_hash(replay.evm.0.ctx.db())?;
    let before = CallState::new(StoredState::new(rpc.state_at(parent.height())?));
    update(&mut trie, &parent, &before, begun)?;
    let mut roots = Vec::with_capacity(block.transactions.len());
    for index in 0..block.transactions.len() {
        let tx = replay.tx(index)?;
        let state = run(&mut replay.evm, tx)?.state;
        roots.push(update(&mut trie, &parent, replay.evm.0.ctx.db(), state.clone())?);
        replay.evm.0.ctx.db_mut().commit(state);
    }
    Ok(roots)
}

/// The account that holds hashes of blocks, with the slots that this block has written.
fn stored_hash(state: &CallState) -> Result<EvmState, RpcError> {
    let mut changed = EvmState::default();
    if let Some(cached) = state.cache.accounts.get(&HISTORY_STORAGE_ADDRESS) {
        let mut account = Account { status: AccountStatus::Touched, ..Account::from(cached.info.clone()) };
        for (slot, value) in &cached.storage {
            let before = state.db.storage_ref(HISTORY_STORAGE_ADDRESS, *slot)?;
            account.storage.insert(*slot, EvmStorageSlot::new_changed(before, *value, 0));
        }
        changed.insert(HISTORY_STORAGE_ADDRESS, account);
    }
    Ok(changed)
}

/// Moves a trie on by what a transaction changed, and returns its root.
fn update(
    trie: &mut StateTrie,
    stored: &StateView,
    before: &CallState,
    changed: EvmState,
) -> Result<B256, RpcError> {
    let request = work::current();
    request.budget.check_time()?;
    let slots: usize = changed.values().map(|account| account.storage.len()).sum();
    request.budget.take(CHANGE * (changed.len() + slots))?;
    let mut overlay = Overlay::new(WrapDatabaseRef(before));
    overlay.commit(changed);
    let (mut changes, _) = overlay.into_changes(|_, _| {});
    Ok(trie.update(&mut changes, &stored.at()?, &mut ())?)
}
