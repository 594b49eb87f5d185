//! What all methods share: reading blocks and states, and work off the network's threads.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use alloy::{
    eips::{BlockId, BlockNumberOrTag, RpcBlockHash},
    primitives::B256,
};
use db::Reader;
use serde::Serialize;

use super::{
    RpcError,
    answer::AnswerText,
    block::Block,
    budget::Scope,
    forward::Forward,
    peers::{Turns, Work},
    places::Places,
    preimages::GenesisPreimages,
    progress::Syncing,
    recent::Recent,
    work,
};
use rollup::chain::{Chain, StateView};
use sequencing::pool::Pool;

/// Longest work on a network's thread, by the clock: on a busy machine that runs while others do. To hand work over takes some tens
/// of microseconds, and more than that on such a machine.
const BRIEF: Duration = Duration::from_micros(500);

/// Most bytes that such work holds.
const BRIEF_MEMORY: usize = 1 << 20;

/// Everything that methods need.
pub(crate) struct Rpc {
    pub(crate) chain: Chain,
    /// The sequencer's; a replica has none.
    pub(crate) pool: Option<Pool>,
    /// The sequencer's RPC, which a replica passes transactions to.
    pub(crate) forward: Option<Forward>,
    pub(crate) recent: Recent,
    pub(crate) syncing: Syncing,
    /// Where transactions were executed again.
    pub(crate) places: Places,
    /// Made when it is asked for first.
    pub(crate) genesis_preimages: OnceLock<GenesisPreimages>,
    /// Turns of all clients together.
    turns: Turns,
}

impl Rpc {
    pub(crate) fn new(chain: Chain, pool: Option<Pool>, forward: Option<Forward>, syncing: Syncing) -> Self {
        let recent = Recent::new(chain.watch_heads());
        let (places, genesis_preimages) = (Places::default(), OnceLock::new());
        let turns = Turns::of_process();
        Self { chain, pool, forward, recent, syncing, places, genesis_preimages, turns }
    }

    /// A snapshot of the database.
    pub(crate) fn reader(&self) -> Result<Reader, RpcError> {
        Ok(self.chain.db().read()?)
    }

    /// Does work that takes more than some microseconds off the network's threads, when it is its turn. It ends with the
    /// request's time, and with its budget.
    pub(crate) async fn work<R: Send + 'static>(
        self: Arc<Self>,
        kind: Work,
        work: impl FnOnce(&Self) -> Result<R, RpcError> + Send + 'static,
    ) -> Result<R, RpcError> {
        let request = work::current();
        let turns = async {
            // Its own first: whoever asks for much waits behind himself.
            Some((request.peer.turns.take(kind).await?, self.turns.take(kind).await?))
        };
        let turn = tokio::time::timeout(request.budget.time_left(), turns).await;
        let turn = turn
            .map_err(|_| RpcError::Limit("server is busy: try again later".into()))?
            .ok_or(RpcError::Internal)?;
        let task = tokio::task::spawn_blocking(move || {
            let budget = request.budget.clone();
            let result = request.here(|| budget.check_time().and_then(|()| work(&self)));
            drop(turn);
            result
        });
        task.await.map_err(RpcError::internal)?
    }

    /// The same for work whose result may be large: it is made a text in the same turn.
    pub(crate) async fn answer<R: Serialize>(
        self: Arc<Self>,
        kind: Work,
        work: impl FnOnce(&Self) -> Result<R, RpcError> + Send + 'static,
    ) -> Result<AnswerText, RpcError> {
        self.answer_text(kind, move |rpc| AnswerText::new(&work(rpc)?, &work::current().budget)).await
    }

    /// The same for work that makes the text itself.
    pub(crate) async fn answer_text(
        self: Arc<Self>,
        kind: Work,
        work: impl FnOnce(&Self) -> Result<AnswerText, RpcError> + Send + 'static,
    ) -> Result<AnswerText, RpcError> {
        let answer = self.clone().work(kind, work).await?;
        if answer.is_long() {
            // What the server does with it from here on takes long, too.
            let turn = self.turns.take(Work::Light).await.ok_or(RpcError::Internal)?;
            work::begin_long(turn);
            tokio::task::yield_now().await;
        }
        Ok(answer)
    }

    /// The same for work that most often takes some microseconds: where it does, it is done at once. What takes longer, or
    /// holds much, begins again in its turn; what is known not to be short waits for its turn from the start.
    pub(crate) async fn answer_brief<R: Serialize>(
        self: Arc<Self>,
        kind: Work,
        is_short: bool,
        work: impl Fn(&Self) -> Result<R, RpcError> + Send + 'static,
    ) -> Result<AnswerText, RpcError> {
        let text = move |rpc: &Self| AnswerText::new(&work(rpc)?, &work::current().budget);
        self.answer_text_brief(kind, is_short, text).await
    }

    /// The same for work that makes the text itself.
    pub(crate) async fn answer_text_brief(
        self: Arc<Self>,
        kind: Work,
        is_short: bool,
        work: impl Fn(&Self) -> Result<AnswerText, RpcError> + Send + 'static,
    ) -> Result<AnswerText, RpcError> {
        let work::Request { budget, peer, .. } = work::current();
        if is_short && peer.may_be_brief() {
            let start = Instant::now();
            let budget = Arc::new(budget.within(Scope::Request, BRIEF_MEMORY).brief(BRIEF));
            let request = work::Request::new(budget, peer.clone());
            // As in a turn, where it ends the task alone: the connection has others' answers, too.
            let answer = catch_unwind(AssertUnwindSafe(|| request.here(|| work(&self))));
            let answer = answer.unwrap_or(Err(RpcError::Internal));
            if start.elapsed() > BRIEF {
                peer.was_long();
            }
            match answer {
                Ok(answer) if answer.is_long() => {}
                Err(RpcError::Limit(_) | RpcError::TooLarge(_)) => {}
                answer => return answer,
            }
        }
        self.answer_text(kind, work).await
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

    /// The height at which a state is asked for; the latest if nothing is said. Within a turn, not before: while a request
    /// waits, a reorg may take the block away.
    pub(crate) fn height(&self, block: Option<BlockId>) -> Result<u64, RpcError> {
        let block = block.unwrap_or_default();
        self.existing(block)?.ok_or_else(|| match block {
            BlockId::Hash(_) => RpcError::refused("header for hash not found"),
            BlockId::Number(_) => RpcError::HeaderNotFound,
        })
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

    /// A block by its number. Reading it from the database is work.
    pub(crate) fn block(&self, number: u64) -> Result<Option<Arc<Block>>, RpcError> {
        if let Some(block) = self.recent.block(number) {
            return Ok(Some(block));
        }
        let block = Block::read(&self.reader()?, number)?;
        if let Some(block) = &block {
            work::current().budget.take(block.weight())?;
        }
        Ok(block)
    }

    /// A block by its number, read where that may take its time.
    pub(crate) async fn load(self: Arc<Self>, number: u64) -> Result<Option<Arc<Block>>, RpcError> {
        match self.recent.block(number) {
            Some(block) => Ok(Some(block)),
            None => self.work(Work::Light, move |rpc| rpc.block(number)).await,
        }
    }

    /// A block by what a client calls it.
    pub(crate) async fn block_by_id(self: Arc<Self>, block: BlockId) -> Result<Option<Arc<Block>>, RpcError> {
        match self.existing(block)? {
            Some(number) => self.load(number).await,
            None => Ok(None),
        }
    }

    /// The block of a transaction, and its index there. Of a deposit, the hash that clients compute is as good.
    pub(crate) async fn find_transaction(
        self: Arc<Self>,
        hash: &B256,
    ) -> Result<Option<(Arc<Block>, usize)>, RpcError> {
        if let Some(found) = self.recent.transaction(hash) {
            return Ok(Some(found));
        }
        if self.reader()?.find_transaction(hash)?.is_none() {
            return Ok(None);
        }
        let hash = *hash;
        self.work(Work::Light, move |rpc| {
            // In one snapshot: a reorg may have come in between.
            let reader = rpc.reader()?;
            let Some(location) = reader.find_transaction(&hash)? else {
                return Ok(None);
            };
            let block = match rpc.recent.block(location.block) {
                Some(block) => Some(block),
                None => Block::read(&reader, location.block)?,
            };
            if let Some(block) = &block {
                work::current().budget.take(block.weight())?;
            }
            Ok(block.map(|block| (block, location.index as usize)))
        })
        .await
    }
}
