//! Traces in the form of Parity and OpenEthereum: the namespace `trace`, as Erigon, Nethermind and Reth have it.
//!
//! The form is `revm-inspectors`'. Gas of the outermost frame is that of the call alone, without what the transaction costs
//! before it begins, as OpenEthereum had it.

use std::{
    collections::HashSet,
    sync::Arc,
    time::{Duration, Instant},
};

use alloy::{
    eips::{BlockId, BlockNumberOrTag},
    primitives::{Address, B256, Bytes, U64, map::HashSet as FastSet},
    rpc::types::{TransactionInfo, TransactionRequest, state::StateOverride},
};
use alloy_rpc_types_trace::{
    filter::{TraceFilter, TraceFilterMode},
    parity::{LocalizedTransactionTrace, TraceResults, TraceResultsWithTransactionHash, TraceType},
};
use op_revm::{OpHaltReason, OpTransaction};
use revm::{
    DatabaseCommit,
    context::{ContextTr, TxEnv, result::ResultAndState},
};
use revm_inspectors::tracing::{TracingInspector, TracingInspectorConfig};
use serde::Deserialize;
use stf::Transaction;

use super::{
    RpcError,
    answer::AnswerText,
    block::Block,
    context::Rpc,
    evm::{CallEvm, GAS_CAP, call_tx, is_free, run, set_free},
    overrides::{BlockChanges, Overrides},
    peers::Work,
    replay::Replay,
    tool::Tool,
    work,
};

/// Most blocks that a search looks through: each transaction in them is executed again.
pub(crate) const MAX_FILTER_BLOCKS: u64 = 100;

/// How long a search may take before it says how far it came.
const MAX_FILTER_TIME: Duration = Duration::from_secs(5);

/// Most traces that a search gives.
pub(crate) const MAX_FILTER_TRACES: usize = 20_000;

/// Most addresses of a search.
pub(crate) const MAX_FILTER_ADDRESSES: usize = 1000;

/// Most calls of one request.
pub(crate) const MAX_CALLS: usize = 1000;

/// Bytes that a trace takes besides its input and output.
const TRACE: usize = 1 << 10;

/// Which traces are wanted.
type TraceTypes = HashSet<TraceType>;

/// What traces a search is for.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct TraceSearch {
    from_block: Option<BlockNumberOrTag>,
    to_block: Option<BlockNumberOrTag>,
    from_address: Option<Vec<Address>>,
    to_address: Option<Vec<Address>>,
    mode: TraceFilterMode,
    /// How many to pass over.
    after: Option<u64>,
    /// How many to give.
    count: Option<u64>,
}

impl Rpc {
    pub(crate) async fn parity_transaction(
        self: Arc<Self>,
        hash: B256,
    ) -> Result<Option<AnswerText>, RpcError> {
        let Some((block, index)) = self.clone().find_transaction(&hash).await? else { return Ok(None) };
        self.answer(Work::Heavy, move |rpc| localized(rpc, &block, index)).await.map(Some)
    }

    /// The trace of a transaction at a place in the tree of its frames.
    pub(crate) async fn parity_get(
        self: Arc<Self>,
        hash: B256,
        place: Vec<U64>,
    ) -> Result<Option<AnswerText>, RpcError> {
        let Some((block, index)) = self.clone().find_transaction(&hash).await? else { return Ok(None) };
        let place: Vec<usize> = place.iter().map(|index| index.saturating_to()).collect();
        let find = move |rpc: &Self| {
            let traces = localized(rpc, &block, index)?;
            Ok(traces.into_iter().find(|found| found.trace.trace_address == place))
        };
        self.answer(Work::Heavy, find).await.map(Some)
    }

    pub(crate) async fn parity_block(
        self: Arc<Self>,
        block: BlockId,
    ) -> Result<Option<AnswerText>, RpcError> {
        let Some(number) = self.existing(block)? else { return Ok(None) };
        self.answer(Work::Heavy, move |rpc| {
            let block = rpc.block(number)?.ok_or(RpcError::HeaderNotFound)?;
            traces_of(rpc, &block)
        })
        .await
        .map(Some)
    }

    pub(crate) async fn parity_filter(self: Arc<Self>, search: TraceSearch) -> Result<AnswerText, RpcError> {
        self.answer(Work::Heavy, move |rpc| rpc.search_traces(search)).await
    }

    fn search_traces(&self, search: TraceSearch) -> Result<Vec<LocalizedTransactionTrace>, RpcError> {
        let (senders, targets) =
            (search.from_address.unwrap_or_default(), search.to_address.unwrap_or_default());
        if senders.len() > MAX_FILTER_ADDRESSES || targets.len() > MAX_FILTER_ADDRESSES {
            return Err(RpcError::invalid(format!("exceed max addresses: {MAX_FILTER_ADDRESSES}")));
        }
        let head = self.chain.heads().unsafe_head.number;
        let from = self.number(search.from_block.unwrap_or(BlockNumberOrTag::Earliest));
        let to = self.number(search.to_block.unwrap_or_default());
        if to > head {
            return Err(RpcError::invalid(format!(
                "block range extends beyond current head block: requested {to}, head {head}"
            )));
        }
        if from > to {
            return Err(RpcError::invalid("invalid block range params"));
        }
        let advice = |last: u64| format!("Try with this block range [{from:#x}, {last:#x}].");
        if to - from >= MAX_FILTER_BLOCKS {
            return Err(RpcError::Limit(format!(
                "query looks through more than {MAX_FILTER_BLOCKS} blocks. {}",
                advice(from + MAX_FILTER_BLOCKS - 1)
            )));
        }
        let filter = TraceFilter { mode: search.mode, ..TraceFilter::default() };
        let matcher = filter.from_address(senders).to_address(targets).matcher();
        let wanted = search.count.map_or(usize::MAX, |count| usize::try_from(count).unwrap_or(usize::MAX));
        let (mut to_skip, mut found) = (search.after.unwrap_or_default(), Vec::new());
        let start = Instant::now();
        for number in from..=to {
            if found.len() >= wanted {
                break;
            }
            // The first block is always answered.
            if number > from && start.elapsed() >= MAX_FILTER_TIME {
                let seconds = MAX_FILTER_TIME.as_secs();
                return Err(RpcError::Limit(format!(
                    "query takes longer than {seconds} seconds. {}",
                    advice(number - 1)
                )));
            }
            // The genesis block has no transactions.
            if number == 0 {
                continue;
            }
            let block = self.block(number)?.ok_or(RpcError::HeaderNotFound)?;
            for trace in traces_of(self, &block)? {
                if !matcher.matches(&trace.trace) {
                    continue;
                }
                if to_skip > 0 {
                    to_skip -= 1;
                } else if found.len() < wanted {
                    found.push(trace);
                }
            }
            if found.len() > MAX_FILTER_TRACES && number > from {
                return Err(RpcError::Limit(format!(
                    "query returned more than {MAX_FILTER_TRACES} results. {}",
                    advice(number - 1)
                )));
            }
        }
        Ok(found)
    }

    pub(crate) async fn parity_call(
        self: Arc<Self>,
        request: TransactionRequest,
        types: TraceTypes,
        block: Option<BlockId>,
        state: Option<StateOverride>,
        overrides: Option<BlockChanges>,
    ) -> Result<AnswerText, RpcError> {
        let overrides = Overrides { state, block: overrides };
        self.answer(Work::Heavy, move |rpc| {
            rpc.parity_calls(vec![(request, types)], block, overrides)?.pop().ok_or(RpcError::Internal)
        })
        .await
    }

    pub(crate) async fn parity_call_many(
        self: Arc<Self>,
        calls: Vec<(TransactionRequest, TraceTypes)>,
        block: Option<BlockId>,
    ) -> Result<AnswerText, RpcError> {
        if calls.len() > MAX_CALLS {
            return Err(RpcError::invalid(format!("exceed max calls: {MAX_CALLS}")));
        }
        self.answer(Work::Heavy, move |rpc| rpc.parity_calls(calls, block, Overrides::default())).await
    }

    /// Calls one after another, each on what the one before has left.
    fn parity_calls(
        &self,
        calls: Vec<(TransactionRequest, TraceTypes)>,
        block: Option<BlockId>,
        overrides: Overrides,
    ) -> Result<Vec<TraceResults>, RpcError> {
        let site = self.call_site(block, overrides)?;
        let chain_id = site.config.chain_id;
        let base_fee = site.block.basefee;
        let mut evm = site.evm(true)?;
        let results = calls.into_iter().map(|(request, types)| {
            set_free(&mut evm, is_free(&request), base_fee);
            let gas = request.gas.unwrap_or(GAS_CAP).min(GAS_CAP);
            let tx = call_tx(&request, evm.0.ctx.db(), chain_id, gas)?;
            results(&mut evm, tx, &types)
        });
        results.collect()
    }

    pub(crate) async fn parity_raw_transaction(
        self: Arc<Self>,
        raw: Bytes,
        types: TraceTypes,
        block: Option<BlockId>,
    ) -> Result<AnswerText, RpcError> {
        self.answer(Work::Heavy, move |rpc| {
            let tx = Transaction::recover(raw).map_err(RpcError::refused)?;
            let mut evm = rpc.call_site(block, Overrides::default())?.evm(false)?;
            results(&mut evm, tx.to_evm(), &types)
        })
        .await
    }

    pub(crate) async fn parity_replay_transaction(
        self: Arc<Self>,
        hash: B256,
        types: TraceTypes,
    ) -> Result<AnswerText, RpcError> {
        let found = self.clone().find_transaction(&hash).await?;
        let (block, index) = found.ok_or_else(|| RpcError::refused("transaction not found"))?;
        self.answer(Work::Heavy, move |rpc| {
            let mut replay = Replay::before(rpc, &block, index)?;
            let tx = replay.tx(index)?;
            results(&mut replay.evm, tx, &types)
        })
        .await
    }

    pub(crate) async fn parity_replay_block(
        self: Arc<Self>,
        block: BlockId,
        types: TraceTypes,
    ) -> Result<Option<AnswerText>, RpcError> {
        let Some(number) = self.existing(block)? else { return Ok(None) };
        self.answer(Work::Heavy, move |rpc| {
            let block = rpc.block(number)?.ok_or(RpcError::HeaderNotFound)?;
            if number == 0 {
                return Ok(Vec::new());
            }
            let mut replay = Replay::new(rpc, &block)?;
            let all = block.transactions.iter().enumerate().map(|(index, tx)| {
                let full_trace = results(&mut replay.evm, replay_tx(&block, index)?, &types)?;
                Ok(TraceResultsWithTransactionHash { full_trace, transaction_hash: tx.hash() })
            });
            all.collect::<Result<Vec<_>, RpcError>>()
        })
        .await
        .map(Some)
    }
}

fn replay_tx(block: &Block, index: usize) -> Result<OpTransaction<TxEnv>, RpcError> {
    let tx = block.transactions.get(index).ok_or(RpcError::Internal)?;
    Ok(tx.to_evm())
}

/// Executes a transaction with an inspector of frames, and of steps where they are wanted.
pub(crate) fn inspect(
    evm: &mut CallEvm,
    tx: OpTransaction<TxEnv>,
    config: TracingInspectorConfig,
) -> Result<(ResultAndState<OpHaltReason>, TracingInspector), RpcError> {
    evm.0.inspector.tool = Tool::Parity(Box::new(TracingInspector::new(config)));
    let run = run(evm, tx);
    let tool = std::mem::replace(&mut evm.0.inspector.tool, Tool::None);
    let Tool::Parity(inspector) = tool else { return Err(RpcError::Internal) };
    Ok((run?, *inspector))
}

/// Executes a transaction, commits it, and returns the traces of it that are wanted.
fn results(
    evm: &mut CallEvm,
    tx: OpTransaction<TxEnv>,
    types: &TraceTypes,
) -> Result<TraceResults, RpcError> {
    let types: FastSet<TraceType> = types.iter().copied().collect();
    let config = TracingInspectorConfig::from_parity_config(&types);
    let (run, inspector) = inspect(evm, tx, config)?;
    let builder = inspector.into_parity_builder();
    let results = builder.into_trace_results_with_state(&run, &types, evm.0.ctx.db())?;
    evm.0.ctx.db_mut().commit(run.state);
    Ok(results)
}

/// The traces of all transactions of a block.
fn traces_of(rpc: &Rpc, block: &Block) -> Result<Vec<LocalizedTransactionTrace>, RpcError> {
    if block.number() == 0 {
        return Ok(Vec::new());
    }
    let (mut replay, mut traces) = (Replay::new(rpc, block)?, Vec::new());
    for index in 0..block.transactions.len() {
        traces.extend(next_traces(&mut replay, block, index)?);
    }
    Ok(traces)
}

/// The traces of one transaction.
fn localized(rpc: &Rpc, block: &Block, index: usize) -> Result<Vec<LocalizedTransactionTrace>, RpcError> {
    let mut replay = Replay::before(rpc, block, index)?;
    next_traces(&mut replay, block, index)
}

/// Executes the next transaction of a block, and returns its traces.
fn next_traces(
    replay: &mut Replay<'_>,
    block: &Block,
    index: usize,
) -> Result<Vec<LocalizedTransactionTrace>, RpcError> {
    let tx = replay.tx(index)?;
    let (run, inspector) = inspect(&mut replay.evm, tx, TracingInspectorConfig::default_parity())?;
    replay.evm.0.ctx.db_mut().commit(run.state);
    let info = TransactionInfo {
        hash: block.transactions.get(index).map(|tx| tx.hash()),
        index: Some(index as u64),
        block_hash: Some(block.hash),
        block_number: Some(block.number()),
        ..TransactionInfo::default()
    };
    let traces = inspector.into_parity_builder().into_localized_transaction_traces(info);
    work::current().budget.take(TRACE * traces.len())?;
    Ok(traces)
}
