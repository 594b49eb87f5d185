//! `debug_executionWitness`: what it takes to execute a block without its state.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use alloy::{
    eips::BlockId,
    primitives::{Address, B256, Bytes, U256},
};
use db::{ReadOnly, StateAt};
use revm::{
    Database,
    state::{AccountInfo, Bytecode},
};
use serde::Serialize;
use stf::{
    Message, MessageHeader,
    block::BlockBuilder,
    derive::message_cursor,
    state::{CodeSource, StateError, TrieState},
};
use trie::{Nibbles, NodeError, NodeSource, TrieError};

use super::{RpcError, answer::AnswerText, block::Block, budget::Budget, context::Rpc, peers::Work, work};

/// Bytes that a node, a code or a key takes besides its own, in the set and in the answer.
const ITEM: usize = 256;

/// A block's witness, in the form that reth has and most clients read. The nodes and codes are in the order of their
/// hashes.
#[derive(Debug, Serialize)]
pub(crate) struct ExecutionWitness {
    /// Trie nodes.
    state: Vec<Bytes>,
    /// Codes that run.
    codes: Vec<Bytes>,
    /// Addresses and slots that are read, as they are before they are hashed.
    keys: BTreeSet<Bytes>,
    /// Headers, the oldest first: the parent's, and of earlier blocks as far as their hashes are asked for.
    headers: Vec<Bytes>,
}

/// Serves a state, and keeps what it served.
struct Served<'a> {
    state: StateAt<'a, ReadOnly>,
    budget: Arc<Budget>,
    nodes: RefCell<BTreeMap<B256, Bytes>>,
    codes: RefCell<BTreeMap<B256, Bytes>>,
    keys: RefCell<BTreeSet<Bytes>>,
    /// The oldest block whose hash was asked for.
    oldest: Cell<u64>,
    /// Why nothing more is served.
    refused: RefCell<Option<RpcError>>,
}

impl Served<'_> {
    /// Takes what one more item holds.
    fn hold(&self, bytes: usize) -> Result<(), NodeError> {
        let held = self.budget.check_time().and_then(|()| self.budget.take(ITEM + 4 * bytes));
        held.map_err(|error| {
            let text = error.to_string();
            *self.refused.borrow_mut() = Some(error);
            NodeError::Other(text)
        })
    }

    fn key(&self, key: &[u8]) -> Result<(), TrieError> {
        let key = Bytes::copy_from_slice(key);
        if self.keys.borrow_mut().insert(key) {
            self.hold(B256::len_bytes())?;
        }
        Ok(())
    }
}

impl NodeSource for Served<'_> {
    fn node(&self, owner: Option<&B256>, path: &Nibbles, hash: &B256) -> Result<Bytes, NodeError> {
        let node = self.state.node(owner, path, hash)?;
        if self.nodes.borrow_mut().insert(*hash, node.clone()).is_none() {
            self.hold(node.len())?;
        }
        Ok(node)
    }
}

impl CodeSource for &Served<'_> {
    fn code(&self, hash: &B256) -> Result<Bytes, TrieError> {
        let code = self.state.code(hash).map_err(|error| NodeError::Other(error.to_string()))?;
        if self.codes.borrow_mut().insert(*hash, code.clone()).is_none() {
            self.hold(code.len())?;
        }
        Ok(code)
    }

    fn block_hash(&self, number: u64) -> Result<B256, TrieError> {
        self.oldest.set(self.oldest.get().min(number));
        Ok(self.state.block_hash(number).map_err(|error| NodeError::Other(error.to_string()))?)
    }
}

/// A state that notes which accounts and slots are read.
struct Watched<'a, 'b>(TrieState<&'a Served<'b>>);

impl Database for Watched<'_, '_> {
    type Error = StateError;

    fn basic(&mut self, address: Address) -> Result<Option<AccountInfo>, StateError> {
        self.0.source.key(address.as_slice())?;
        self.0.basic(address)
    }

    fn code_by_hash(&mut self, code_hash: B256) -> Result<Bytecode, StateError> {
        self.0.code_by_hash(code_hash)
    }

    fn storage(&mut self, address: Address, key: U256) -> Result<U256, StateError> {
        self.0.source.key(&key.to_be_bytes::<32>())?;
        self.0.storage(address, key)
    }

    fn block_hash(&mut self, number: u64) -> Result<B256, StateError> {
        self.0.block_hash(number)
    }
}

impl Rpc {
    pub(crate) async fn execution_witness(self: Arc<Self>, block: BlockId) -> Result<AnswerText, RpcError> {
        self.answer(Work::Heavy, move |rpc| {
            let missing = || RpcError::refused("block not found");
            let number = rpc.existing(block)?.ok_or_else(missing)?;
            let block = rpc.block(number)?.ok_or_else(missing)?;
            rpc.witness(&block)
        })
        .await
    }

    fn witness(&self, block: &Block) -> Result<ExecutionWitness, RpcError> {
        let before = block.number().checked_sub(1);
        let before = before.ok_or_else(|| RpcError::refused("genesis is not executed: it has no parent"))?;
        let reader = self.reader()?;
        let parent = reader.header(before)?.ok_or(RpcError::HeaderNotFound)?;
        let state_root = parent.state_root;
        let (from, to) =
            (message_cursor(&parent).unwrap_or_default(), message_cursor(&block.header).unwrap_or_default());
        let messages = (from..to).map(|index| {
            let record = reader.message(index)?.ok_or(RpcError::Internal)?;
            work::current().budget.take(ITEM + record.data.len())?;
            let header = MessageHeader::decode(&record.header).map_err(RpcError::internal)?;
            Ok(Message { header, data: record.data.to_vec(), acc: record.acc })
        });
        let messages = messages.collect::<Result<Vec<_>, RpcError>>()?;
        let served = Served {
            state: reader.state_at(before)?,
            budget: work::current().budget,
            nodes: RefCell::default(),
            codes: RefCell::default(),
            keys: RefCell::default(),
            oldest: Cell::new(before),
            refused: RefCell::default(),
        };
        let run = || -> Result<B256, RpcError> {
            let state = Watched(TrieState::new(state_root, &served));
            let config = self.chain.config().chain;
            let timestamp = block.header.timestamp;
            let mut builder =
                BlockBuilder::begin(&config, &parent, parent.seal(), timestamp, &messages, state)
                    .map_err(RpcError::internal)?;
            for tx in block.transactions.iter().filter(|tx| !tx.envelope().is_deposit()) {
                work::current().budget.check_time()?;
                builder.execute(tx).map_err(RpcError::internal)?.map_err(RpcError::internal)?;
            }
            let (pending, Watched(mut state)) = builder.finish();
            // Deletions read nodes that execution does not.
            let block = pending.seal(&mut state.trie, &served, &mut ()).map_err(RpcError::internal)?;
            Ok(block.hash)
        };
        let hash = run();
        if let Some(refused) = served.refused.take() {
            return Err(refused);
        }
        if hash? != block.hash {
            return Err(RpcError::internal("a block executed again is another one"));
        }
        let headers = reader.headers(served.oldest.get()..=before)?;
        let headers = headers.map(|header| Ok(alloy::rlp::encode(&*header?.1).into()));
        Ok(ExecutionWitness {
            headers: headers.collect::<Result<_, RpcError>>()?,
            state: served.nodes.into_inner().into_values().collect(),
            codes: served.codes.into_inner().into_values().collect(),
            keys: served.keys.into_inner(),
        })
    }
}
