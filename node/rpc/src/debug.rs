//! Traces in the form of go-ethereum, and blocks in their raw form.

use std::sync::Arc;

use alloy::{
    consensus::Header,
    eips::{BlockId, BlockNumberOrTag, eip2718::Encodable2718},
    primitives::{B256, Bytes},
    rlp::{Decodable, Encodable},
    rpc::types::{Bundle, StateContext, TransactionRequest},
};
use revm::context::ContextTr;
use serde::Serialize;
use stf::Transaction;

use super::{
    RpcError,
    answer::AnswerText,
    block::{Block, decode},
    context::Rpc,
    evm::{CallSite, GAS_CAP, call_tx, is_free, set_free},
    overrides::{BlockChanges, Overrides},
    peers::Work,
    replay::{Replay, refused, trace},
    tracers::{self, TraceCallOptions, TraceOptions, TxPlace},
    work,
};
use rollup::chain::ChainBlock;

/// Most calls of one request.
pub(crate) const MAX_CALLS: usize = 1000;

/// How often a block's bytes are held when it is decoded.
const DECODED_COPIES: usize = 4;

/// An answer of traces.
fn written(traces: &impl Serialize) -> Result<AnswerText, RpcError> {
    AnswerText::new(traces, &work::current().budget)
}

/// The trace of a transaction of a block.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TracedTransaction {
    tx_hash: B256,
    result: AnswerText,
}

impl Rpc {
    pub(crate) async fn trace_transaction(
        self: Arc<Self>,
        hash: B256,
        options: Option<TraceOptions>,
    ) -> Result<AnswerText, RpcError> {
        let found = self.clone().find_transaction(&hash).await?;
        let (block, index) = found.ok_or_else(|| RpcError::refused("transaction not found"))?;
        let options = options.unwrap_or_default();
        let has_script = tracers::has_script(&options);
        let trace = move |rpc: &Self| Replay::before(rpc, &block, index)?.trace(index, &options);
        match has_script {
            true => self.traced(true, trace).await,
            false => self.answer_text_brief(Work::Heavy, true, trace).await,
        }
    }

    pub(crate) async fn trace_block_by_number(
        self: Arc<Self>,
        block: BlockNumberOrTag,
        options: Option<TraceOptions>,
    ) -> Result<AnswerText, RpcError> {
        self.trace_block(block.into(), options.unwrap_or_default()).await
    }

    pub(crate) async fn trace_block_by_hash(
        self: Arc<Self>,
        block: B256,
        options: Option<TraceOptions>,
    ) -> Result<AnswerText, RpcError> {
        self.trace_block(block.into(), options.unwrap_or_default()).await
    }

    async fn trace_block(
        self: Arc<Self>,
        block: BlockId,
        options: TraceOptions,
    ) -> Result<AnswerText, RpcError> {
        let number = self.known(Some(block))?;
        self.traced(tracers::has_script(&options), move |rpc| {
            let block = rpc.block(number)?.ok_or(RpcError::HeaderNotFound)?;
            written(&trace_all(&mut Replay::new(rpc, &block)?, &block, &options)?)
        })
        .await
    }

    /// Traces the transactions of a block that is given as a whole, on the state after its parent.
    pub(crate) async fn trace_raw_block(
        self: Arc<Self>,
        encoded: Bytes,
        options: Option<TraceOptions>,
    ) -> Result<AnswerText, RpcError> {
        let options = options.unwrap_or_default();
        self.traced(tracers::has_script(&options), move |rpc| {
            work::current().budget.take(DECODED_COPIES * encoded.len())?;
            let block = decode_block(&encoded)
                .map_err(|error| RpcError::Refused(format!("could not decode block: {error}")))?;
            if block.number() == 0 {
                return Err(RpcError::refused("genesis is not traceable"));
            }
            let parent = rpc.number_of_hash(&block.header.parent_hash)?;
            if parent != Some(block.number() - 1) {
                return Err(RpcError::Refused(format!("block {} not found", block.header.parent_hash)));
            }
            written(&trace_all(&mut Replay::new(rpc, &block)?, &block, &options)?)
        })
        .await
    }

    /// Traces calls one after another, each on what the one before has left.
    pub(crate) async fn trace_call_many(
        self: Arc<Self>,
        bundles: Vec<Bundle>,
        context: Option<StateContext>,
        options: Option<TraceCallOptions>,
    ) -> Result<AnswerText, RpcError> {
        if bundles.iter().map(|bundle| bundle.transactions.len()).sum::<usize>() > MAX_CALLS {
            return Err(RpcError::invalid(format!("exceed max calls: {MAX_CALLS}")));
        }
        let context = context.unwrap_or_default();
        let (options, state, overrides, _) = tracers::split(options.unwrap_or_default());
        self.traced(tracers::has_script(&options), move |rpc| {
            let index = context.transaction_index.and_then(|index| index.index());
            let site = rpc.site_before(context.block_number, index, Overrides { state, block: overrides })?;
            let chain_id = site.config.chain_id;
            let mut base_fee = site.block.basefee;
            let mut evm = site.evm(true)?;
            let mut all = Vec::with_capacity(bundles.len());
            for bundle in bundles {
                let context = &mut evm.0.ctx;
                if let Some(overrides) = bundle.block_override {
                    context.block.basefee = base_fee;
                    BlockChanges::from(overrides)
                        .apply(&mut context.block, &mut context.journaled_state.database);
                    base_fee = context.block.basefee;
                }
                let mut traces = Vec::with_capacity(bundle.transactions.len());
                for request in bundle.transactions {
                    set_free(&mut evm, is_free(&request), base_fee);
                    let gas = request.gas.unwrap_or(GAS_CAP).min(GAS_CAP);
                    let tx = call_tx(&request, evm.0.ctx.db(), chain_id, gas).map_err(refused)?;
                    let driver = |reasons| tracers::driver(&options, TxPlace::default(), 0, reasons);
                    traces.push(trace(&mut evm, &tx, driver)?);
                }
                all.push(traces);
            }
            written(&all)
        })
        .await
    }

    /// Where calls run after a block, or before a transaction of it.
    fn site_before(
        &self,
        block: Option<BlockId>,
        index: Option<usize>,
        overrides: Overrides,
    ) -> Result<CallSite, RpcError> {
        let Some(index) = index else { return self.call_site(block, overrides) };
        let height = self.height(block)?;
        let block = self.block(height)?.ok_or(RpcError::HeaderNotFound)?;
        if index > block.transactions.len() {
            return Err(RpcError::Refused(format!(
                "transaction index {index} out of range for block {}",
                block.hash
            )));
        }
        Replay::before(self, &block, index)?.into_site(self, overrides)
    }

    pub(crate) async fn trace_call(
        self: Arc<Self>,
        request: TransactionRequest,
        block: Option<BlockId>,
        options: Option<TraceCallOptions>,
    ) -> Result<AnswerText, RpcError> {
        if block == Some(BlockId::pending()) {
            return Err(RpcError::refused("tracing on top of pending is not supported"));
        }
        let (options, state, overrides, index) = tracers::split(options.unwrap_or_default());
        self.traced(tracers::has_script(&options), move |rpc| {
            rpc.known(block)?;
            let site = rpc.site_before(block, index, Overrides { state, block: overrides })?;
            let gas = request.gas.unwrap_or(GAS_CAP).min(GAS_CAP);
            let tx = call_tx(&request, &site.state, site.config.chain_id, gas).map_err(refused)?;
            let mut evm = site.evm(is_free(&request))?;
            trace(&mut evm, &tx, |reasons| tracers::driver(&options, TxPlace::default(), 0, reasons))
        })
        .await
    }

    /// The number of a block that exists, with the words of go-ethereum's traces if it does not.
    fn known(&self, block: Option<BlockId>) -> Result<u64, RpcError> {
        let block = block.unwrap_or_default();
        self.existing(block)?.ok_or_else(|| {
            RpcError::Refused(match block {
                BlockId::Hash(hash) => format!("block {} not found", hash.block_hash),
                BlockId::Number(number) => format!("block #{} not found", self.number(number)),
            })
        })
    }

    /// Does the work of a trace; with a script in it, on a thread that it may keep if it does not end.
    pub(crate) async fn traced(
        self: Arc<Self>,
        has_script: bool,
        trace: impl FnOnce(&Self) -> Result<AnswerText, RpcError> + Send + 'static,
    ) -> Result<AnswerText, RpcError> {
        let rpc = self.clone();
        let work = move |_: &Self| if has_script { tracers::apart(move || trace(&rpc)) } else { trace(&rpc) };
        self.answer_text(Work::Heavy, work).await
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

/// A block of its RLP, as [`encode_block`] makes it.
fn decode_block(mut encoded: &[u8]) -> Result<Block, String> {
    let wrong = |error: alloy::rlp::Error| format!("rlp: {error}");
    let list = |bytes: &mut &[u8], what: &str| -> Result<usize, String> {
        let header = alloy::rlp::Header::decode(bytes).map_err(wrong)?;
        if !header.list {
            return Err(format!("rlp: expected input list for {what}"));
        }
        Ok(header.payload_length)
    };
    let length = list(&mut encoded, "types.extblock")?;
    if length != encoded.len() {
        return Err("rlp: input contains more than one value".into());
    }
    let header = Header::decode(&mut encoded).map_err(wrong)?;
    let length = list(&mut encoded, "[]*types.Transaction")?;
    let mut items = encoded.get(..length).ok_or("rlp: value is too long")?;
    let mut transactions = Vec::new();
    while let Some(first) = items.first() {
        // A legacy transaction is a list, any other a text of bytes.
        let raw = if *first >= alloy::rlp::EMPTY_LIST_CODE {
            let whole = items;
            let length = list(&mut items, "types.LegacyTx")?;
            let end = whole.len() - items.len() + length;
            items = items.get(length..).ok_or("rlp: value is too long")?;
            Bytes::copy_from_slice(&whole[..end])
        } else {
            Bytes::decode(&mut items).map_err(wrong)?
        };
        let is_deposit = raw.first() == Some(&op_alloy_consensus::DEPOSIT_TX_TYPE_ID);
        let tx = if is_deposit {
            decode(raw, Default::default()).map_err(|error| error.to_string())?
        } else {
            Transaction::recover(raw).map_err(|error| error.to_string())?
        };
        transactions.push(tx);
    }
    let hash = header.hash_slow();
    Ok(Block::new(Arc::new(ChainBlock { header, hash, transactions, receipts: Vec::new() })))
}

/// Traces all transactions of a block.
fn trace_all(
    replay: &mut Replay<'_>,
    block: &Block,
    options: &TraceOptions,
) -> Result<Vec<TracedTransaction>, RpcError> {
    let traces = block.transactions.iter().enumerate().map(|(index, tx)| {
        let result = replay.trace(index, options)?;
        Ok(TracedTransaction { tx_hash: tx.hash(), result })
    });
    traces.collect()
}
