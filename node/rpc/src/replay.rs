//! Blocks executed again, transaction by transaction, for those who look at how.

use std::sync::Arc;

use alloy::primitives::map::AddressMap;
use op_revm::{OpHaltReason, OpTransaction};
use revm::{
    DatabaseCommit,
    context::{ContextTr, TxEnv},
    context_interface::result::{EVMError, ResultAndState},
    database::{CacheDB, DbAccount},
};
use stf::evm::{block_env, evm_config, store_parent_hash};

use super::{
    RpcError,
    answer::AnswerText,
    block::Block,
    budget::{Budget, REQUEST_MEMORY, Scope},
    call_state::{CallState, StoredState},
    context::Rpc,
    evm::{CallEvm, CallSite, measured_evm, run, run_told},
    overrides::{Overrides, Precompiles},
    places::Places,
    tool::Tool,
    tracers::{self, Driver, Reasons, TraceOptions, TxPlace, World},
    work,
};

/// A block executed again.
pub(crate) struct Replay<'a> {
    block: &'a Block,
    pub(crate) evm: CallEvm,
    /// Logs so far.
    logs: usize,
    /// Where what its traces read is kept, if it is a block of the chain.
    places: Option<&'a Places>,
}

impl<'a> Replay<'a> {
    /// Before its first transaction.
    pub(crate) fn new(rpc: &Rpc, block: &'a Block) -> Result<Self, RpcError> {
        Self::open(rpc, block, true)
    }

    /// Before the transaction at `index`. The block is one of the chain.
    pub(crate) fn before(rpc: &'a Rpc, block: &'a Block, index: usize) -> Result<Self, RpcError> {
        let place = rpc.places.nearest(&block.hash, index);
        let mut replay = Self::open(rpc, block, place.is_none())?;
        replay.places = Some(&rpc.places);
        let mut next = 0;
        if let Some(place) = place {
            work::current().budget.take(place.weight)?;
            replay.evm.0.ctx.db_mut().cache = place.cache.clone();
            (replay.logs, next) = (place.logs, place.index);
        }
        if next < index {
            (next..index).try_for_each(|before| replay.execute(before))?;
            rpc.places.keep(block.hash, index, replay.logs, &replay.evm.0.ctx.db_ref().cache);
        }
        Ok(replay)
    }

    /// On the state after its parent; with what every block begins with, if it is to begin.
    fn open(rpc: &Rpc, block: &'a Block, begins: bool) -> Result<Self, RpcError> {
        let parent =
            block.number().checked_sub(1).ok_or_else(|| RpcError::refused("genesis is not traceable"))?;
        let config = rpc.chain.config().chain;
        let rules = config.rules_at(block.header.timestamp).map_err(RpcError::internal)?;
        let config = evm_config(rules, config.chain_id);
        let view = rpc.state_at(parent)?;
        // A reorg may have come in between.
        if view.reader().block_hash(parent)? != Some(block.header.parent_hash) {
            return Err(RpcError::refused(format!("block {} not found", block.hash)));
        }
        let state = CacheDB::new(StoredState::new(view));
        let mut evm = measured_evm(config, block_env(&block.header), state);
        if begins {
            store_parent_hash(&mut evm, block.header.parent_hash).map_err(|error| match error {
                EVMError::Database(error) => error.into(),
                error => RpcError::internal(error),
            })?;
        }
        Ok(Self { block, evm: evm.with_precompiles(Precompiles::of(rules.spec())), logs: 0, places: None })
    }

    /// What is executed for a transaction of it.
    pub(crate) fn tx(&self, index: usize) -> Result<OpTransaction<TxEnv>, RpcError> {
        let tx =
            self.block.transactions.get(index).ok_or_else(|| RpcError::refused("transaction not found"))?;
        Ok(tx.to_evm())
    }

    /// Where a transaction of it stands.
    pub(crate) fn place(&self, index: usize) -> TxPlace {
        TxPlace {
            block_hash: Some(self.block.hash),
            block_number: Some(self.block.number()),
            tx_hash: self.block.transactions.get(index).map(|tx| tx.hash()),
            tx_index: index,
        }
    }

    /// Executes a transaction without a trace.
    pub(crate) fn execute(&mut self, index: usize) -> Result<(), RpcError> {
        let tx = self.tx(index)?;
        self.evm.0.inspector.is_tracing = false;
        let run = run(&mut self.evm, tx);
        self.evm.0.inspector.is_tracing = true;
        let run = run?;
        self.logs += run.result.logs().len();
        self.evm.0.ctx.db_mut().commit(run.state);
        Ok(())
    }

    /// The state as the transactions so far have left it.
    pub(crate) fn into_state(self) -> CallState {
        self.evm.0.ctx.journaled_state.database
    }

    /// The accounts that the transactions so far read or wrote.
    pub(crate) fn accounts(&self) -> &AddressMap<DbAccount> {
        &self.evm.0.ctx.db_ref().cache.accounts
    }

    /// Executes a transaction, and returns its trace.
    pub(crate) fn trace(&mut self, index: usize, options: &TraceOptions) -> Result<AnswerText, RpcError> {
        let (tx, place, logs) = (self.tx(index)?, self.place(index), self.logs);
        self.logs += self.block.receipts.get(index).map_or(0, |receipt| receipt.logs().len());
        let done = watched(&mut self.evm, &tx, |reasons| tracers::driver(options, place, logs, reasons))?;
        if let Some(places) = self.places {
            places.keep(self.block.hash, index, logs, &self.evm.0.ctx.db_ref().cache);
        }
        done.end(&mut self.evm)
    }

    /// Where calls run after the transactions that were executed, in the block that they are in.
    pub(crate) fn into_site(self, rpc: &Rpc, overrides: Overrides) -> Result<CallSite, RpcError> {
        let config = rpc.chain.config().chain;
        let context = self.evm.0.ctx;
        let (state, block) = (context.journaled_state.database, context.block);
        let mut site = CallSite { state, block, config, precompiles: None };
        site.apply(overrides)?;
        Ok(site)
    }
}

/// Executes a transaction, commits it, and returns its trace.
pub(crate) fn trace(
    evm: &mut CallEvm,
    tx: &OpTransaction<TxEnv>,
    make: impl Fn(Reasons) -> Result<Driver, RpcError>,
) -> Result<AnswerText, RpcError> {
    watched(evm, tx, make)?.end(evm)
}

/// Executes a transaction under the eyes of a tracer. Most steps that fail say why by themselves; where one does not, it is executed
/// again with each step's price.
fn watched(
    evm: &mut CallEvm,
    tx: &OpTransaction<TxEnv>,
    make: impl Fn(Reasons) -> Result<Driver, RpcError>,
) -> Result<Traced, RpcError> {
    let done = traced(evm, tx, make(Reasons::Cheap)?)?;
    if !done.driver.lacks_reason() {
        return Ok(done);
    }
    drop(done);
    traced(evm, tx, make(Reasons::All)?)
}

/// A transaction that was executed under the eyes of a tracer.
struct Traced {
    run: ResultAndState<OpHaltReason>,
    driver: Box<Driver>,
    /// What the tracer has recorded is taken from it.
    _recorded: Arc<Budget>,
}

impl Traced {
    /// Commits it, and returns its trace.
    fn end(self, evm: &mut CallEvm) -> Result<AnswerText, RpcError> {
        let Self { run: ResultAndState { result, state }, mut driver, _recorded } = self;
        evm.0.ctx.db_mut().commit(state);
        let budget = work::current().budget;
        let world = &mut World::new(&mut evm.0.ctx, &budget);
        driver.end(world, result.tx_gas_used())?;
        driver.result(world)
    }
}

/// Executes a transaction once under the eyes of a tracer.
fn traced(evm: &mut CallEvm, tx: &OpTransaction<TxEnv>, mut driver: Driver) -> Result<Traced, RpcError> {
    // What it records counts as long as this attempt does: another one may follow.
    let budget = work::current().budget;
    let own = Arc::new(budget.within(Scope::Request, REQUEST_MEMORY));
    driver.start(&mut World::new(&mut evm.0.ctx, &own), tx)?;
    evm.0.inspector.tool = Tool::Tracer(Box::new(driver));
    evm.0.inspector.budget = own;
    let run = run_told(evm, tx.clone(), refused);
    let tool = std::mem::replace(&mut evm.0.inspector.tool, Tool::None);
    let own = std::mem::replace(&mut evm.0.inspector.budget, budget);
    let run = run?;
    let Tool::Tracer(driver) = tool else { return Err(RpcError::Internal) };
    Ok(Traced { run, driver, _recorded: own })
}

/// That what was to be traced is refused.
pub(crate) fn refused(error: RpcError) -> RpcError {
    match error {
        RpcError::Refused(why) | RpcError::Unfit { message: why, .. } => {
            RpcError::Refused(format!("tracing failed: {why}"))
        }
        error => error,
    }
}
