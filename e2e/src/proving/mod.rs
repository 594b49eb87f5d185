//! Blocks to prove: a chain without processes, derived from a model of the inbox, whose blocks hold whatever a test or a
//! benchmark wants, and the witnesses of them.

use std::sync::Arc;

use alloy::primitives::{Address, B256, Bytes, U256};
use anyhow::{Context, Result};
use rollup::{
    RollupConfig,
    blobs::PackedBlobs,
    chain::{Chain, ChainOptions},
    l1::{InboxEvent, L1Update},
    witness::{BlockWitness, witness_of},
};
use stf::{
    BlockSpec,
    blob::{BLOB_ROOM, MAX_BLOBS},
    codec,
    inbox::{DaKind, MessageKind},
    output_root,
};

mod burn;
mod catalogue;
mod every_kind;
mod inbox;
mod precompiles;
mod program;

pub use crate::bench::workload::{Population, Workload};
pub use burn::Burn;
pub use catalogue::{Catalogue, Kind};
pub use inbox::{Deposit, Inbox};
pub use precompiles::precompile_calls;
pub use program::{host, program, start};

/// A chain, and the inbox that it follows.
pub struct Lab {
    // Before the folder, so that it closes first.
    chain: Chain,
    config: Arc<RollupConfig>,
    inbox: Inbox,
    waiting: Vec<InboxEvent>,
    da_kind: DaKind,
    _dir: tempfile::TempDir,
}

/// Where the system keeps files in memory, and how much room there must be to use it.
const MEMORY: (&str, u64) = ("/dev/shm", 4 << 30);

/// A folder for a database that nobody needs afterwards: in memory if possible, where a new one costs no time.
fn folder() -> std::io::Result<tempfile::TempDir> {
    let (path, room) = MEMORY;
    match rustix::fs::statvfs(path) {
        Ok(status) if status.f_bavail.saturating_mul(status.f_frsize) >= room => tempfile::tempdir_in(path),
        _ => tempfile::tempdir(),
    }
}

impl Lab {
    /// The chain of a rollup, at its genesis.
    pub fn new(config: Arc<RollupConfig>) -> Result<Self> {
        let dir = folder()?;
        let chain = Chain::open(dir.path(), config.clone(), ChainOptions::default())?;
        let inbox = Inbox::new(config.genesis.timestamp);
        Ok(Self { chain, config, inbox, waiting: Vec::new(), da_kind: DaKind::Calldata, _dir: dir })
    }

    /// The same, with batches in blobs from now on.
    #[must_use]
    pub fn with_blobs(self) -> Self {
        Self { da_kind: DaKind::Blobs, ..self }
    }

    /// The chain.
    pub const fn chain(&self) -> &Chain {
        &self.chain
    }

    /// The rollup.
    pub const fn config(&self) -> &Arc<RollupConfig> {
        &self.config
    }

    /// Number of the newest block.
    pub const fn head(&self) -> u64 {
        self.inbox.last_block()
    }

    /// Number of batches.
    pub const fn batches(&self) -> u64 {
        self.inbox.batches()
    }

    /// Timestamp of the L1 block that the next batch will be in.
    pub const fn timestamp(&self) -> u64 {
        self.inbox.timestamp()
    }

    /// A deposit, in the next L1 block.
    pub fn deposit(&mut self, from: Address, deposit: &Deposit) {
        let event = self.inbox.message(MessageKind::Deposit, from, deposit.encode());
        self.waiting.push(event);
    }

    /// A change of a system parameter, in the next L1 block.
    pub fn update(&mut self, kind: u8, value: U256) {
        let data = [&[kind][..], &value.to_be_bytes::<32>()].concat();
        let event = self.inbox.message(MessageKind::Config, Address::repeat_byte(0x5c), data);
        self.waiting.push(event);
    }

    /// A batch of these blocks, which may consume all messages so far.
    pub fn batch(&mut self, specs: &[BlockSpec]) -> Result<()> {
        let payload = codec::encode(specs, self.config.chain.chain_id, 5)?;
        self.raw_batch(payload, specs.len() as u64)
    }

    /// A block of its own batch: transactions, and as many messages as there are.
    pub fn block(&mut self, transactions: Vec<Bytes>) -> Result<()> {
        let timestamp = self.timestamp();
        self.batch(&[BlockSpec { timestamp, messages: u64::MAX, transactions }])
    }

    /// A batch with any payload.
    pub fn raw_batch(&mut self, payload: Vec<u8>, blocks: u64) -> Result<()> {
        // What does not fit its blobs is calldata: the inbox would not take it.
        let fits = (1..=MAX_BLOBS * BLOB_ROOM).contains(&payload.len());
        let da_kind = if fits { self.da_kind } else { DaKind::Calldata };
        let event = self.inbox.batch(payload, da_kind, blocks);
        self.mine(event)
    }

    /// A batch whose payload is said to be so long, in any blobs.
    pub fn raw_blobs(&mut self, packed: PackedBlobs, payload_length: u64, blocks: u64) -> Result<()> {
        let event = self.inbox.blob_batch(packed, payload_length, blocks);
        self.mine(event)
    }

    /// A batch that somebody forces: without payload.
    pub fn forced_batch(&mut self) -> Result<()> {
        let event = self.inbox.batch(Vec::new(), DaKind::None, 1);
        self.mine(event)
    }

    fn mine(&mut self, batch: InboxEvent) -> Result<()> {
        let mut events = std::mem::take(&mut self.waiting);
        events.push(batch);
        let block = self.inbox.mine(events);
        Ok(self.chain.apply_l1(L1Update::Blocks(vec![block]))?)
    }

    /// The output root that the node has for a block.
    pub fn output(&self, number: u64) -> Result<B256> {
        let header = self.chain.db().read()?.header(number)?.context("no such block")?;
        Ok(output_root(&header, header.hash()))
    }

    /// The witness of a block, pinned to all batches.
    pub fn witness(&self, number: u64) -> Result<BlockWitness> {
        Ok(witness_of(&self.chain.db().read()?, &self.config.chain, number, self.batches())?)
    }
}
