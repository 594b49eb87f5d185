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
    DatabaseCommit,
    context::{ContextTr, TxEnv},
    database::CacheDB,
};
use revm_inspectors::tracing::{DebugInspector, DebugInspectorError, TransactionContext};
use serde::Serialize;
use stf::evm::{block_env, evm, evm_config, store_parent_hash};

use super::{
    RpcError,
    answer::AnswerText,
    block::Block,
    context::Rpc,
    evm::{CallEvm, GAS_CAP, Overrides, StoredState, call_tx, is_free, refusal, run},
    meter::{Metered, Tool},
    peers::Work,
    work,
};

impl Rpc {
    pub(crate) async fn trace_transaction(
        self: Arc<Self>,
        hash: B256,
        options: Option<GethDebugTracingOptions>,
    ) -> Result<AnswerText, RpcError> {
        let found = self.clone().find_transaction(&hash).await?;
        let (block, index) = found.ok_or_else(|| RpcError::refused("transaction not found"))?;
        self.answer(Work::Heavy, move |rpc| {
            let options = options.unwrap_or_default();
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
    ) -> Result<AnswerText, RpcError> {
        self.trace_block(block.into(), options.unwrap_or_default()).await
    }

    pub(crate) async fn trace_block_by_hash(
        self: Arc<Self>,
        block: B256,
        options: Option<GethDebugTracingOptions>,
    ) -> Result<AnswerText, RpcError> {
        self.trace_block(block.into(), options.unwrap_or_default()).await
    }

    async fn trace_block(
        self: Arc<Self>,
        block: BlockId,
        options: GethDebugTracingOptions,
    ) -> Result<AnswerText, RpcError> {
        let number = self.existing(block)?.ok_or_else(|| RpcError::refused("block not found"))?;
        self.answer(Work::Heavy, move |rpc| {
            let block = rpc.block(number)?.ok_or(RpcError::HeaderNotFound)?;
            if block.number() == 0 {
                return Err(RpcError::refused("genesis is not traceable"));
            }
            let mut replay = Replay::new(rpc, &block, &options)?;
            let traces = block.transactions.iter().enumerate().map(|(index, tx)| {
                let result = replay.trace(index)?;
                Ok(TraceResult::Success { result, tx_hash: Some(tx.hash()) })
            });
            traces.collect::<Result<Vec<_>, RpcError>>()
        })
        .await
    }

    pub(crate) async fn trace_call(
        self: Arc<Self>,
        request: TransactionRequest,
        block: Option<BlockId>,
        options: Option<GethDebugTracingCallOptions>,
    ) -> Result<AnswerText, RpcError> {
        self.answer(Work::Heavy, move |rpc| {
            let options = options.unwrap_or_default();
            let (state, overrides): (Option<StateOverride>, Option<BlockOverrides>) =
                (options.state_overrides, options.block_overrides);
            let tracing = options.tracing_options;
            let site = rpc.call_site(block, Overrides { state, block: overrides })?;
            let gas = request.gas.unwrap_or(GAS_CAP).min(GAS_CAP);
            let tx = call_tx(&request, &site.state, site.config.chain_id, gas)?;
            let mut evm = site.evm(is_free(&request))?;
            evm.0.inspector = tracer(tracing)?;
            trace(&mut evm, tx, None)
        })
        .await
    }

    pub(crate) async fn raw_header(self: Arc<Self>, block: BlockId) -> Result<Bytes, RpcError> {
        let block = self.block_by_id(block).await?.ok_or_else(|| RpcError::refused("header not found"))?;
        Ok(alloy::rlp::encode(&block.header).into())
    }

    pub(crate) async fn raw_block(self: Arc<Self>, block: BlockId) -> Result<AnswerText, RpcError> {
        self.raw(block, encode_block).await
    }

    pub(crate) async fn raw_receipts(self: Arc<Self>, block: BlockId) -> Result<AnswerText, RpcError> {
        let encoded = |block: &Block| -> Vec<Bytes> {
            block.receipts.iter().map(|receipt| receipt.encoded_2718().into()).collect()
        };
        self.raw(block, encoded).await
    }

    async fn raw<R: Serialize>(
        self: Arc<Self>,
        block: BlockId,
        encode: impl FnOnce(&Block) -> R + Send + 'static,
    ) -> Result<AnswerText, RpcError> {
        let missing = || RpcError::refused("block not found");
        let number = self.existing(block)?.ok_or_else(missing)?;
        self.answer(Work::Light, move |rpc| {
            let block = rpc.block(number)?.ok_or_else(missing)?;
            work::current().budget.take(block.weight())?;
            Ok(encode(&block))
        })
        .await
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

/// What holds runs to the request's budget, with the tracer that is asked for.
fn tracer(options: GethDebugTracingOptions) -> Result<Metered, RpcError> {
    let tracer =
        DebugInspector::new(options).map_err(|error| RpcError::invalid(format!("tracer: {error}")))?;
    Ok(Metered::with_tracer(work::current().budget, tracer))
}

/// A block executed again, transaction by transaction.
struct Replay<'a> {
    block: &'a Block,
    evm: CallEvm,
}

impl<'a> Replay<'a> {
    fn new(rpc: &Rpc, block: &'a Block, options: &GethDebugTracingOptions) -> Result<Self, RpcError> {
        let parent =
            block.number().checked_sub(1).ok_or_else(|| RpcError::refused("genesis is not traceable"))?;
        let config = rpc.chain.config().chain;
        let rules = config.rules_at(block.header.timestamp).map_err(RpcError::internal)?;
        let config = evm_config(rules, config.chain_id);
        let state = CacheDB::new(StoredState::new(rpc.state_at(parent)?));
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
        self.evm.0.inspector.is_tracing = false;
        let run = run(&mut self.evm, tx)?;
        self.evm.0.inspector.is_tracing = true;
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
        trace(&mut self.evm, tx, Some(context))
    }
}

/// Executes a transaction, commits it, and returns its trace.
fn trace(
    evm: &mut CallEvm,
    tx: OpTransaction<TxEnv>,
    context: Option<TransactionContext>,
) -> Result<GethTrace, RpcError> {
    let result = run(evm, tx.clone())?;
    let block = evm.0.ctx.block.clone();
    let Tool::Tracer(tracer) = &mut evm.0.inspector.tool else { return Err(RpcError::Internal) };
    let trace = tracer.get_result(context, &tx, &block, &result, evm.0.ctx.db_mut());
    let trace = trace.map_err(|error| match error {
        DebugInspectorError::Database(error) => error.into(),
        error => RpcError::internal(error),
    })?;
    tracer.fuse().map_err(RpcError::internal)?;
    evm.0.ctx.db_mut().commit(result.state);
    Ok(trace)
}
