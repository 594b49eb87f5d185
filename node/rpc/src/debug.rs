//! Traces, and blocks in their raw form.

use std::sync::Arc;

use alloy::{
    eips::{BlockId, BlockNumberOrTag, eip2718::Encodable2718},
    primitives::{B256, Bytes},
    rlp::Encodable,
    rpc::types::{BlockOverrides, TransactionRequest, state::StateOverride},
};
use alloy_rpc_types_trace::geth::{
    GethDebugTracingCallOptions, GethDebugTracingOptions, GethTrace, TraceResult,
};
use op_revm::OpTransaction;
use revm::{
    DatabaseCommit, ExecuteEvm, InspectEvm,
    context::{ContextTr, TxEnv, result::EVMError},
    database::CacheDB,
};
use revm_inspectors::tracing::{DebugInspector, TraceLimitBehavior, TraceLimits, TransactionContext};
use stf::evm::{block_env, evm, evm_config, store_parent_hash};

use super::{
    RpcError,
    block::Block,
    context::Rpc,
    evm::{CallEvm, GAS_CAP, Overrides, StoredState, call_tx, is_free, refusal},
};

/// Most gas that is traced step by step. A step costs some three gas and takes up to a kilobyte.
const MAX_STEP_TRACE_GAS: u64 = 5_000_000;

/// Most bytes of call data and memory that one trace keeps.
const MAX_RECORDED: usize = 256 << 20;

impl Rpc {
    pub(crate) async fn trace_transaction(
        self: Arc<Self>,
        hash: B256,
        options: Option<GethDebugTracingOptions>,
    ) -> Result<GethTrace, RpcError> {
        let found = self.find_transaction(&hash)?;
        let (block, index) = found.ok_or_else(|| RpcError::refused("transaction not found"))?;
        self.heavy(move |rpc| {
            let options = options.unwrap_or_default();
            check_steps(&options, block.gas_used(index))?;
            let mut replay = Replay::new(rpc, &block, &options)?;
            for before in 0..index {
                replay.execute(before)?;
            }
            replay.trace(index)
        })
        .await
    }

    pub(crate) async fn trace_block_by_number(
        self: Arc<Self>,
        block: BlockNumberOrTag,
        options: Option<GethDebugTracingOptions>,
    ) -> Result<Vec<TraceResult>, RpcError> {
        self.trace_block(block.into(), options.unwrap_or_default()).await
    }

    pub(crate) async fn trace_block_by_hash(
        self: Arc<Self>,
        block: B256,
        options: Option<GethDebugTracingOptions>,
    ) -> Result<Vec<TraceResult>, RpcError> {
        self.trace_block(block.into(), options.unwrap_or_default()).await
    }

    async fn trace_block(
        self: Arc<Self>,
        block: BlockId,
        options: GethDebugTracingOptions,
    ) -> Result<Vec<TraceResult>, RpcError> {
        let number = self.existing(block)?.ok_or_else(|| RpcError::refused("block not found"))?;
        self.heavy(move |rpc| {
            let block = rpc.block(number)?.ok_or(RpcError::HeaderNotFound)?;
            if block.number() == 0 {
                return Err(RpcError::refused("genesis is not traceable"));
            }
            check_steps(&options, block.header.gas_used)?;
            let mut replay = Replay::new(rpc, &block, &options)?;
            let traces = block.transactions.iter().enumerate().map(|(index, tx)| {
                let result = replay.trace(index)?;
                Ok(TraceResult::Success { result, tx_hash: Some(tx.hash()) })
            });
            traces.collect()
        })
        .await
    }

    pub(crate) async fn trace_call(
        self: Arc<Self>,
        request: TransactionRequest,
        block: Option<BlockId>,
        options: Option<GethDebugTracingCallOptions>,
    ) -> Result<GethTrace, RpcError> {
        let height = self.height(block)?;
        self.heavy(move |rpc| {
            let options = options.unwrap_or_default();
            let (state, overrides): (Option<StateOverride>, Option<BlockOverrides>) =
                (options.state_overrides, options.block_overrides);
            let tracing = options.tracing_options;
            let site = rpc.call_site(height, Overrides { state, block: overrides })?;
            let mut gas = request.gas.unwrap_or(GAS_CAP).min(GAS_CAP);
            if tracing.tracer.is_none() {
                gas = gas.min(MAX_STEP_TRACE_GAS);
            }
            let tx = call_tx(&request, &site.state, site.config.chain_id, gas)?;
            let mut evm = site.evm(tracer(tracing)?, is_free(&request))?;
            run(&mut evm, tx, None)
        })
        .await
    }

    pub(crate) async fn raw_header(self: Arc<Self>, block: BlockId) -> Result<Bytes, RpcError> {
        let block = self.block_by_id(block)?.ok_or_else(|| RpcError::refused("header not found"))?;
        Ok(alloy::rlp::encode(&block.header).into())
    }

    pub(crate) async fn raw_block(self: Arc<Self>, block: BlockId) -> Result<Bytes, RpcError> {
        let block = self.block_by_id(block)?.ok_or_else(|| RpcError::refused("block not found"))?;
        Ok(encode_block(&block))
    }

    pub(crate) async fn raw_receipts(self: Arc<Self>, block: BlockId) -> Result<Vec<Bytes>, RpcError> {
        let block = self.block_by_id(block)?.ok_or_else(|| RpcError::refused("block not found"))?;
        Ok(block.receipts.iter().map(|receipt| receipt.encoded_2718().into()).collect())
    }
}

/// The RLP of a block: header, transactions, no uncles, no withdrawals.
fn encode_block(block: &Block) -> Bytes {
    let mut transactions = Vec::new();
    for tx in &block.transactions {
        if tx.envelope().is_legacy() {
            transactions.extend_from_slice(tx.encoded());
        } else {
            tx.encoded().as_ref().encode(&mut transactions);
        }
    }
    let mut body = Vec::new();
    block.header.encode(&mut body);
    alloy::rlp::Header { list: true, payload_length: transactions.len() }.encode(&mut body);
    body.extend_from_slice(&transactions);
    // Two empty lists.
    body.extend_from_slice(&[alloy::rlp::EMPTY_LIST_CODE; 2]);
    let mut out = Vec::with_capacity(body.len() + 4);
    alloy::rlp::Header { list: true, payload_length: body.len() }.encode(&mut out);
    out.extend_from_slice(&body);
    out.into()
}

/// Refuses step traces that would not fit into memory.
fn check_steps(options: &GethDebugTracingOptions, gas: u64) -> Result<(), RpcError> {
    if options.tracer.is_none() && gas > MAX_STEP_TRACE_GAS {
        return Err(RpcError::Limit(format!(
            "{gas} gas to trace step by step, at most {MAX_STEP_TRACE_GAS} is allowed: use callTracer"
        )));
    }
    Ok(())
}

/// The tracer that is asked for. What it records is bounded.
fn tracer(options: GethDebugTracingOptions) -> Result<DebugInspector, RpcError> {
    let limits = TraceLimits::default()
        .set_max_recorded_bytes(Some(MAX_RECORDED))
        .set_behavior(TraceLimitBehavior::Halt);
    let inspector =
        DebugInspector::new(options).map_err(|error| RpcError::invalid(format!("tracer: {error}")))?;
    Ok(match inspector {
        DebugInspector::Default(inspector, options) => {
            DebugInspector::Default(inspector.with_limits(limits), options)
        }
        DebugInspector::CallTracer(inspector, options) => {
            DebugInspector::CallTracer(inspector.with_limits(limits), options)
        }
        other => other,
    })
}

/// A block executed again, transaction by transaction.
struct Replay<'a> {
    block: &'a Block,
    evm: CallEvm<DebugInspector>,
}

impl<'a> Replay<'a> {
    fn new(rpc: &Rpc, block: &'a Block, options: &GethDebugTracingOptions) -> Result<Self, RpcError> {
        let parent =
            block.number().checked_sub(1).ok_or_else(|| RpcError::refused("genesis is not traceable"))?;
        let config = rpc.chain.config().chain;
        let rules = config.rules_at(block.header.timestamp).map_err(RpcError::internal)?;
        let config = evm_config(rules, config.chain_id);
        let state = CacheDB::new(StoredState(rpc.state_at(parent)?));
        let mut evm = evm(config, block_env(&block.header), state, tracer(options.clone())?);
        store_parent_hash(&mut evm, block.header.parent_hash).map_err(refusal)?;
        Ok(Self { block, evm })
    }

    fn tx(&self, index: usize) -> Result<OpTransaction<TxEnv>, RpcError> {
        let tx =
            self.block.transactions.get(index).ok_or_else(|| RpcError::refused("transaction not found"))?;
        Ok(tx.to_evm())
    }

    /// Executes a transaction without a trace.
    fn execute(&mut self, index: usize) -> Result<(), RpcError> {
        let tx = self.tx(index)?;
        let run = self.evm.transact(tx).map_err(refusal)?;
        self.evm.0.ctx.db_mut().commit(run.state);
        Ok(())
    }

    /// Executes a transaction, and returns its trace.
    fn trace(&mut self, index: usize) -> Result<GethTrace, RpcError> {
        let context = TransactionContext {
            block_hash: Some(self.block.hash),
            tx_hash: self.block.transactions.get(index).map(|tx| tx.hash()),
            tx_index: Some(index),
        };
        let tx = self.tx(index)?;
        run(&mut self.evm, tx, Some(context))
    }
}

/// Executes a transaction, commits it, and returns its trace.
fn run(
    evm: &mut CallEvm<DebugInspector>,
    tx: OpTransaction<TxEnv>,
    context: Option<TransactionContext>,
) -> Result<GethTrace, RpcError> {
    let result = evm.inspect_tx(tx.clone()).map_err(|error| match error {
        EVMError::Custom(limit) => RpcError::Limit(format!("trace is too large: {limit}")),
        error => refusal(error),
    })?;
    let block = evm.0.ctx.block.clone();
    let trace = evm.0.inspector.get_result(context, &tx, &block, &result, evm.0.ctx.db_mut());
    let trace = trace.map_err(RpcError::internal)?;
    evm.0.inspector.fuse().map_err(RpcError::internal)?;
    evm.0.ctx.db_mut().commit(result.state);
    Ok(trace)
}
