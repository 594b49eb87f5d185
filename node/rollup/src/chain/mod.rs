//! The L2 chain: the one place that executes blocks and writes them.
//!
//! Three parts of the node move it, one at a time, each block in one database transaction:
//!
//! - the L1 follower, by [`Chain::apply_l1`]: inbox records are stored, and every batch is derived. A block that is here
//!   already, as the batch says, becomes safe; any other replaces what was in its place;
//! - the sequencer, by [`Chain::build`]: a new unsafe block;
//! - the feed, by [`Chain::import_unsafe`]: an unsafe block of the sequencer, executed here.
//!
//! Everybody else reads: snapshots from [`Chain::db`], positions from [`Chain::heads`], changes from
//! [`Chain::subscribe`]. What is announced is in the database; a kill at any instant loses nothing announced. A power cut
//! may take the database back; who builds blocks has them kept elsewhere first ([`Keeper`]).

use std::{path::Path, sync::Arc};

use alloy::{
    consensus::{Header, Sealed},
    primitives::B256,
};
use db::{BlockRecord, Database, Identity, LogIndexer, NodeBuffer, Reader};
use parking_lot::{Mutex, MutexGuard};
use stf::{BlockError, StateTrie};
use tokio::sync::watch;
use trie::TrieError;

use crate::config::RollupConfig;

mod apply_l1;
mod events;
mod execute;
mod import;
mod keeper;
mod stages;
mod stored_state;
mod types;

pub use events::Events;
pub(crate) use execute::StoredQueue;
pub use keeper::{BuiltBlock, KeepError, Keeper};
pub use stages::HeadBuilder;
pub use stored_state::{HeadState, StateView, StoredStateError};
pub use types::{BlockRef, BuildPlan, ChainBlock, ChainEvent, FeedBlock, Heads, ImportOutcome};

/// Trie nodes kept in memory between blocks, some 300 bytes each.
const MAX_TRIE_NODES: usize = 200_000;

/// What is kept of the account trie when there are more: its upper four levels, at most 70,000 nodes.
const KEPT_TRIE_DEPTH: usize = 4;

/// Why the chain could not do what it was asked. The chain itself is as it was before.
#[derive(Debug, thiserror::Error)]
pub enum ChainError {
    /// The database failed, or refuses.
    #[error(transparent)]
    Database(#[from] db::Error),
    /// The state trie could not be read.
    #[error("state trie: {0}")]
    Trie(TrieError),
    /// A block could not be executed.
    #[error("block {number}: {error}")]
    Execution {
        /// The block's number.
        number: u64,
        /// The reason.
        error: BlockError<StoredStateError>,
    },
    /// The follower and the database disagree about what comes next.
    #[error("L1: expected {what} {expected} next, found {found}")]
    NotNext {
        /// Message, batch or first block of a batch.
        what: &'static str,
        /// What the database has next.
        expected: u64,
        /// What the follower brought.
        found: u64,
    },
    /// L1 took back what it had called final: a failure of L1 that nobody can decide here.
    #[error("L1 went back to a point where block {safe} is safe, but block {finalized} is final")]
    BelowFinalized {
        /// What would be the safe head.
        safe: u64,
        /// The finalized head.
        finalized: u64,
    },
    /// A record is missing that others say exists.
    #[error("{what} {number} is missing in the database")]
    Missing {
        /// Which kind of record.
        what: &'static str,
        /// Its number or index.
        number: u64,
    },
    /// An L1 block is being applied, and the head stands within one of its batches.
    #[error("an L1 block is being applied")]
    Deriving,
    /// A block was built, and is not in the chain because it could not be kept elsewhere first.
    #[error("block {number} is not announced: {error}")]
    Unkept {
        /// The block's number.
        number: u64,
        /// Why.
        error: KeepError,
    },
    /// The database's genesis is not the configuration's.
    #[error("genesis in the database is {found}, the configuration's is {expected}")]
    Genesis {
        /// By the configuration.
        expected: B256,
        /// In the database.
        found: B256,
    },
}

impl From<TrieError> for ChainError {
    fn from(error: TrieError) -> Self {
        Self::Trie(error)
    }
}

/// How a chain is kept.
#[derive(Clone, Copy, Debug, Default)]
pub struct ChainOptions {
    /// How to open the database.
    pub database: db::Options,
}

/// The chain of one rollup. Clones share it.
#[derive(Clone, Debug)]
pub struct Chain(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    db: Database,
    config: Arc<RollupConfig>,
    head: Mutex<Head>,
    heads: watch::Sender<Heads>,
    events: events::EventSender,
    /// Why nothing more can be written, once that is so.
    failed: watch::Sender<Option<Arc<str>>>,
}

/// What writing needs in memory. It stands at the newest block; whatever fails resets it from the database.
#[derive(Debug)]
struct Head {
    header: Header,
    hash: B256,
    trie: StateTrie,
    hot: stored_state::HotState,
    nodes: NodeBuffer,
    /// Whether it stands within an L1 block that is being applied: then nobody else moves it.
    deriving: bool,
}

impl Head {
    fn load(reader: &Reader) -> Result<Self, ChainError> {
        let (number, hash) = reader.head()?.ok_or(ChainError::Missing { what: "block", number: 0 })?;
        let header = reader.header(number)?.ok_or(ChainError::Missing { what: "header", number })?;
        let header = header.into_inner();
        Ok(Self {
            trie: StateTrie::new(header.state_root),
            header,
            hash,
            hot: stored_state::HotState::default(),
            nodes: NodeBuffer::new(),
            deriving: false,
        })
    }
}

impl Chain {
    /// Opens the chain in a folder, and begins it with the genesis block if the folder is empty.
    pub fn open(path: &Path, config: Arc<RollupConfig>, options: ChainOptions) -> Result<Self, ChainError> {
        let identity = Identity {
            l1_chain_id: config.l1_chain_id,
            l2_chain_id: config.chain.chain_id,
            genesis_hash: config.genesis_hash,
            config_hash: config.hash(),
        };
        let db = Database::open(path, &identity, &options.database)?;
        if db.read()?.head()?.is_none() {
            write_genesis(&db, &config)?;
        }
        let reader = db.read()?;
        let head = Head::load(&reader)?;
        let heads = read_heads(&reader)?;
        let chain = Self(Arc::new(Inner {
            db,
            config,
            head: Mutex::new(head),
            heads: watch::channel(heads).0,
            events: events::EventSender::new(),
            failed: watch::channel(None).0,
        }));
        chain.take_back_unfinished()?;
        Ok(chain)
    }

    /// The rollup's configuration.
    pub fn config(&self) -> &Arc<RollupConfig> {
        &self.0.config
    }

    /// The database, for reading.
    pub fn db(&self) -> &Database {
        &self.0.db
    }

    /// How far the chain is.
    pub fn heads(&self) -> Heads {
        *self.0.heads.borrow()
    }

    /// Follows how far the chain is.
    pub fn watch_heads(&self) -> watch::Receiver<Heads> {
        self.0.heads.subscribe()
    }

    /// Follows the blocks.
    pub fn subscribe(&self) -> Events {
        self.0.events.subscribe()
    }

    /// Returns, with the reason, when a change could not be kept and none after it could be: then the process must not
    /// go on. Whoever asked for the change has its error, too, and may try again in vain.
    pub async fn failed(&self) -> Arc<str> {
        let mut failed = self.0.failed.subscribe();
        match failed.wait_for(Option::is_some).await.map(|failed| failed.clone()) {
            Ok(Some(reason)) => reason,
            // Not while the chain is held here.
            _ => std::future::pending().await,
        }
    }

    /// The state after block `height` in a snapshot.
    pub fn state_at(&self, reader: Reader, height: u64) -> Result<StateView, ChainError> {
        Ok(StateView::new(reader, height)?)
    }

    /// Drops versions of the state that nothing can ask for any more: those hidden at `below`. Does a bounded part of
    /// the work; returns whether it is done.
    pub fn prune(&self, below: u64, budget: usize) -> Result<bool, ChainError> {
        let _head = self.0.head.lock();
        let mut writer = self.0.db.write()?;
        let done = writer.prune(below, budget)?;
        writer.commit()?;
        Ok(done)
    }

    /// Drops transactions, receipts and lookups of the final blocks before `below`. Does a bounded part of the work; returns
    /// whether it is done.
    pub fn prune_blocks(&self, below: u64, budget: usize) -> Result<bool, ChainError> {
        let _head = self.0.head.lock();
        let mut writer = self.0.db.write()?;
        let done = writer.prune_blocks(below, budget)?;
        writer.commit()?;
        Ok(done)
    }

    /// Does a bounded part of what there is to do for the index of logs; returns whether there was anything. After an error,
    /// another indexer must take over.
    pub fn index_logs(&self, indexer: &mut LogIndexer) -> Result<bool, ChainError> {
        if !indexer.prepare(&self.0.db.read()?)? {
            return Ok(false);
        }
        let _head = self.0.head.lock();
        let mut writer = self.0.db.write()?;
        indexer.write(&mut writer)?;
        writer.commit()?;
        Ok(true)
    }

    /// Notes that nothing can follow if a block has rules that this version does not know.
    fn end_at_unknown_rules<T>(&self, result: Result<T, ChainError>) -> Result<T, ChainError> {
        if let Err(ChainError::Execution { number, error: BlockError::UnknownRules(rules) }) = &result {
            self.0.failed.send_replace(Some(format!("cannot compute block {number}: {rules}").into()));
        }
        result
    }

    /// Runs a change under the write lock. If it fails, nothing of it remains, in memory neither.
    fn write<T>(
        &self,
        change: impl FnOnce(&mut MutexGuard<'_, Head>, &mut Vec<ChainEvent>) -> Result<T, ChainError>,
    ) -> Result<T, ChainError> {
        let mut head = self.0.head.lock();
        let mut events = Vec::new();
        match change(&mut head, &mut events) {
            Ok(value) => {
                // Heads first, so that whoever hears of a block finds it there. Still under the lock: in order.
                let heads = read_heads(&self.0.db.read()?)?;
                self.0.heads.send_replace(heads);
                events.into_iter().for_each(|event| self.0.events.send(event));
                Ok(value)
            }
            Err(error) => {
                let is_fatal = match &error {
                    ChainError::Database(database) => database.is_fatal(),
                    ChainError::Unkept { error, .. } => error.is_fatal,
                    _ => false,
                };
                if is_fatal {
                    self.0.failed.send_replace(Some(error.to_string().into()));
                }
                *head = Head::load(&self.0.db.read()?)?;
                Err(error)
            }
        }
    }
}

fn write_genesis(db: &Database, config: &RollupConfig) -> Result<(), ChainError> {
    let mut nodes = NodeBuffer::new();
    let genesis = config.genesis.block(&mut nodes);
    if genesis.hash != config.genesis_hash {
        return Err(ChainError::Genesis { expected: config.genesis_hash, found: genesis.hash });
    }
    let mut writer = db.write()?;
    writer.append_genesis(&BlockRecord {
        header: &Sealed::new_unchecked(genesis.header, genesis.hash),
        transactions: &[],
        hashes: &[],
        senders: &[],
        receipts: &[],
        changes: &genesis.changes,
        nodes: &nodes,
    })?;
    writer.set_safe(0)?;
    writer.set_finalized(0)?;
    Ok(writer.commit()?)
}

fn read_heads<K: db::TxMode>(reader: &db::Tx<K>) -> Result<Heads, ChainError> {
    let block = |number| -> Result<BlockRef, ChainError> {
        let header = reader.header(number)?.ok_or(ChainError::Missing { what: "header", number })?;
        Ok(BlockRef::new(&header, header.hash()))
    };
    let (number, _) = reader.head()?.ok_or(ChainError::Missing { what: "block", number: 0 })?;
    Ok(Heads {
        unsafe_head: block(number)?,
        safe: block(reader.safe()?.unwrap_or(0))?,
        finalized: block(reader.finalized()?.unwrap_or(0))?,
        l1: reader.l1_cursor()?.map_or(0, |cursor| cursor.number),
    })
}
