//! What all methods share: reading blocks and states, and bounds on heavy work.

use std::{sync::Arc, time::Duration};

use alloy::{
    eips::{BlockId, BlockNumberOrTag, RpcBlockHash},
    primitives::B256,
};
use db::Reader;
use tokio::sync::Semaphore;

use super::{RpcError, block::Block, forward::Forward, progress::Syncing, recent::Recent};
use rollup::chain::{Chain, StateView};
use sequencing::pool::Pool;

/// How long heavy work waits for its turn.
const HEAVY_WAIT: Duration = Duration::from_secs(10);

/// Turns on the smallest machines: more than one, so that a long trace does not hold up every call.
const LEAST_TURNS: usize = 4;

/// Everything that methods need.
pub(crate) struct Rpc {
    pub(crate) chain: Chain,
    /// The sequencer's; a replica has none.
    pub(crate) pool: Option<Pool>,
    /// The sequencer's RPC, which a replica passes transactions to.
    pub(crate) forward: Option<Forward>,
    pub(crate) recent: Recent,
    pub(crate) syncing: Syncing,
    /// Turns for heavy work, about one for each processor.
    heavy: Arc<Semaphore>,
}

impl Rpc {
    pub(crate) fn new(chain: Chain, pool: Option<Pool>, forward: Option<Forward>, syncing: Syncing) -> Self {
        let turns = std::thread::available_parallelism().map_or(1, usize::from).max(LEAST_TURNS);
        Self {
            chain,
            pool,
            forward,
            recent: Recent::default(),
            syncing,
            heavy: Arc::new(Semaphore::new(turns)),
        }
    }

    /// A snapshot of the database.
    pub(crate) fn reader(&self) -> Result<Reader, RpcError> {
        Ok(self.chain.db().read()?)
    }

    /// Runs work that takes more than some microseconds off the network's threads, as much at a time as there are
    /// processors.
    pub(crate) async fn heavy<R: Send + 'static>(
        self: Arc<Self>,
        work: impl FnOnce(&Self) -> Result<R, RpcError> + Send + 'static,
    ) -> Result<R, RpcError> {
        let turn = tokio::time::timeout(HEAVY_WAIT, self.heavy.clone().acquire_owned()).await;
        let turn = turn
            .map_err(|_| RpcError::Limit("server is busy: try again later".into()))?
            .map_err(RpcError::internal)?;
        let task = tokio::task::spawn_blocking(move || {
            let result = work(&self);
            drop(turn);
            result
        });
        task.await.map_err(RpcError::internal)?
    }

    /// The number that a tag or number stands for, whether or not there is such a block.
    pub(crate) fn number(&self, block: BlockNumberOrTag) -> u64 {
        let heads = self.chain.heads();
        match block {
            // What is pending gets into the next block at once: there is no block in between to show.
            BlockNumberOrTag::Latest | BlockNumberOrTag::Pending => heads.unsafe_head.number,
            BlockNumberOrTag::Safe => heads.safe.number,
            BlockNumberOrTag::Finalized => heads.finalized.number,
            BlockNumberOrTag::Earliest => 0,
            BlockNumberOrTag::Number(number) => number,
        }
    }

    /// The number of the block with this hash, if it is part of the chain.
    pub(crate) fn number_of_hash(&self, hash: &B256) -> Result<Option<u64>, RpcError> {
        match self.recent.block_by_hash(hash) {
            Some(block) => Ok(Some(block.number())),
            None => Ok(self.reader()?.block_number(hash)?),
        }
    }

    /// The number of a block that exists.
    pub(crate) fn existing(&self, block: BlockId) -> Result<Option<u64>, RpcError> {
        match block {
            BlockId::Hash(RpcBlockHash { block_hash, .. }) => self.number_of_hash(&block_hash),
            BlockId::Number(number) => {
                let number = self.number(number);
                Ok((number <= self.chain.heads().unsafe_head.number).then_some(number))
            }
        }
    }

    /// The height at which a state is asked for; the latest if nothing is said.
    pub(crate) fn height(&self, block: Option<BlockId>) -> Result<u64, RpcError> {
        self.existing(block.unwrap_or_default())?.ok_or(RpcError::HeaderNotFound)
    }

    /// The state that is asked for; the latest if nothing is said.
    pub(crate) fn state(&self, block: Option<BlockId>) -> Result<StateView, RpcError> {
        let height = self.height(block)?;
        self.state_at(height)
    }

    /// The state after a block.
    pub(crate) fn state_at(&self, height: u64) -> Result<StateView, RpcError> {
        Ok(StateView::new(self.reader()?, height)?)
    }

    /// A block by its number.
    pub(crate) fn block(&self, number: u64) -> Result<Option<Arc<Block>>, RpcError> {
        match self.recent.block(number) {
            Some(block) => Ok(Some(block)),
            None => Block::read(&self.reader()?, number),
        }
    }

    /// A block by what a client calls it.
    pub(crate) fn block_by_id(&self, block: BlockId) -> Result<Option<Arc<Block>>, RpcError> {
        match self.existing(block)? {
            Some(number) => self.block(number),
            None => Ok(None),
        }
    }

    /// The block of a transaction, and its index there. Of a deposit, the hash that clients compute is as good.
    pub(crate) fn find_transaction(&self, hash: &B256) -> Result<Option<(Arc<Block>, usize)>, RpcError> {
        if let Some(found) = self.recent.transaction(hash) {
            return Ok(Some(found));
        }
        let reader = self.reader()?;
        let Some(location) = reader.find_transaction(hash)? else {
            return Ok(None);
        };
        let block = match self.recent.block(location.block) {
            Some(block) => Some(block),
            None => Block::read(&reader, location.block)?,
        };
        Ok(block.map(|block| (block, location.index as usize)))
    }
}
