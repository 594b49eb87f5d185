//! `eth_simulateV1`: calls in blocks that do not exist.

use std::sync::Arc;

use alloy::{
    consensus::{EMPTY_OMMER_ROOT_HASH, Header},
    eips::BlockId,
    primitives::{B256, Bloom, Bytes, U256},
    rpc::types::{
        BlockTransactions, Log, TransactionRequest, Withdrawals,
        simulate::{
            MAX_SIMULATE_BLOCKS, SimBlock, SimCallResult, SimulateError, SimulatePayload, SimulatedBlock,
        },
    },
};
use op_revm::OpHaltReason;
use revm::{
    DatabaseCommit,
    context::{ContextTr, result::ExecutionResult},
};
use stf::{ExtraData, FeeParameters};

use super::{
    RpcError,
    answer::AnswerText,
    block::{RpcBlock, rpc_header},
    context::Rpc,
    error::revert_message,
    evm::{CallSite, GAS_CAP, Overrides, call_tx, halt_text, is_free, run},
    peers::Work,
    work,
};

/// Most calls in one simulation.
const MAX_CALLS: usize = 1000;

/// What the simulation leaves from block to block.
struct Simulation {
    site: Option<CallSite>,
    parent: Header,
    parent_hash: B256,
    /// Parameters of the base fee.
    fees: FeeParameters,
    gas_left: u64,
    validation: bool,
}

impl Rpc {
    pub(crate) async fn simulate(
        self: Arc<Self>,
        payload: SimulatePayload,
        block: Option<BlockId>,
    ) -> Result<AnswerText, RpcError> {
        let calls: usize = payload.block_state_calls.iter().map(|block| block.calls.len()).sum();
        if payload.block_state_calls.is_empty() {
            return Err(RpcError::invalid("empty input"));
        }
        if payload.block_state_calls.len() as u64 > MAX_SIMULATE_BLOCKS || calls > MAX_CALLS {
            return Err(RpcError::Limit(format!(
                "at most {MAX_SIMULATE_BLOCKS} blocks and {MAX_CALLS} calls can be simulated"
            )));
        }
        if payload.trace_transfers || payload.return_full_transactions {
            return Err(RpcError::invalid("traceTransfers and returnFullTransactions are not supported"));
        }
        self.answer(Work::Heavy, move |rpc| {
            let height = rpc.height(block)?;
            let site = rpc.call_site(Some(height.into()), Overrides::default())?;
            let header = rpc.reader()?.header(height)?.ok_or(RpcError::HeaderNotFound)?;
            let mut simulation = Simulation {
                site: Some(site),
                parent_hash: header.seal(),
                parent: header.into_inner(),
                fees: rpc.fee_parameters(&*rpc.block(height)?.ok_or(RpcError::HeaderNotFound)?),
                gas_left: GAS_CAP,
                validation: payload.validation,
            };
            payload
                .block_state_calls
                .into_iter()
                .map(|block| simulation.block(block))
                .collect::<Result<Vec<_>, RpcError>>()
        })
        .await
    }
}

impl Simulation {
    fn block(&mut self, block: SimBlock) -> Result<SimulatedBlock<RpcBlock>, RpcError> {
        let mut site = self.site.take().ok_or(RpcError::Internal)?;
        let number = U256::from(self.parent.number + 1);
        let timestamp = U256::from(self.parent.timestamp + 1);
        site.block.number = number;
        site.block.timestamp = timestamp;
        let time = block.block_overrides.as_ref().and_then(|overrides| overrides.time);
        let elapsed = time.unwrap_or(self.parent.timestamp + 1).saturating_sub(self.parent.timestamp);
        let mut extra = ExtraData::of(&self.parent).unwrap_or_default();
        extra.excess_gas = self.fees.next_excess(extra.excess_gas, self.parent.gas_used, elapsed);
        site.block.basefee = if self.validation { self.fees.base_fee(extra.excess_gas) } else { 0 };
        site.apply(Overrides { state: block.state_overrides, block: block.block_overrides })?;
        if site.block.number < number || site.block.timestamp < timestamp {
            return Err(RpcError::invalid("block numbers and timestamps must increase"));
        }
        let mut header = Header {
            parent_hash: self.parent_hash,
            ommers_hash: EMPTY_OMMER_ROOT_HASH,
            number: site.block.number.saturating_to(),
            timestamp: site.block.timestamp.saturating_to(),
            gas_limit: site.block.gas_limit,
            beneficiary: site.block.beneficiary,
            base_fee_per_gas: Some(site.block.basefee),
            mix_hash: site.block.prevrandao.unwrap_or_default(),
            extra_data: extra.into(),
            state_root: self.parent.state_root,
            withdrawals_root: self.parent.withdrawals_root,
            ..Header::default()
        };
        let mut results = Vec::new();
        for (index, request) in block.calls.into_iter().enumerate() {
            let (result, back) = self.call(site, request, &header, index)?;
            site = back;
            header.gas_used += result.gas_used;
            results.push(result);
        }
        let logs = results.iter().flat_map(|result| &result.logs).map(|log| &log.inner);
        header.logs_bloom = logs.collect::<Bloom>();
        let hash = header.hash_slow();
        for (index, log) in results.iter_mut().flat_map(|result| &mut result.logs).enumerate() {
            log.log_index = Some(index as u64);
            log.block_hash = Some(hash);
        }
        // The calls of the next block can ask for the hash of this one.
        site.state.cache.block_hashes.insert(U256::from(header.number), hash);
        self.site = Some(site);
        (self.parent, self.parent_hash) = (header.clone(), hash);
        let inner = RpcBlock {
            header: rpc_header(header, hash, Some(0)),
            uncles: Vec::new(),
            transactions: BlockTransactions::Hashes(Vec::new()),
            withdrawals: Some(Withdrawals::default()),
        };
        Ok(SimulatedBlock { inner, calls: results })
    }

    fn call(
        &mut self,
        site: CallSite,
        request: TransactionRequest,
        header: &Header,
        index: usize,
    ) -> Result<(SimCallResult, CallSite), RpcError> {
        let room = header.gas_limit.saturating_sub(header.gas_used);
        let gas = request.gas.unwrap_or(room).min(self.gas_left);
        if gas > room {
            return Err(RpcError::refused(format!("block gas limit reached: {gas} > {room}")));
        }
        let (config, block) = (site.config, site.block.clone());
        let tx = call_tx(&request, &site.state, config.chain_id, gas)?;
        let mut evm = site.evm(!self.validation && is_free(&request))?;
        let run = run(&mut evm, tx)?;
        evm.0.ctx.db_mut().commit(run.state);
        let state = evm.into_context().journaled_state.database;
        let result = call_result(run.result, header, index);
        // The state that it leaves stays for those after it, and the result for the answer.
        let logged: usize = result.logs.iter().map(|log| size_of::<Log>() + log.inner.data.data.len()).sum();
        work::current().budget.take(size_of::<SimCallResult>() + result.return_data.len() + logged)?;
        self.gas_left = self.gas_left.saturating_sub(result.gas_used);
        Ok((result, CallSite { state, block, config }))
    }
}

fn call_result(result: ExecutionResult<OpHaltReason>, header: &Header, index: usize) -> SimCallResult {
    let gas_used = result.tx_gas_used();
    let status = result.is_success();
    let error = match &result {
        ExecutionResult::Success { .. } => None,
        ExecutionResult::Revert { output, .. } => Some(SimulateError {
            code: SimulateError::EXECUTION_REVERTED_CODE,
            message: revert_message(output),
            data: Some(output.clone()),
        }),
        ExecutionResult::Halt { reason, .. } => Some(SimulateError {
            code: SimulateError::VM_EXECUTION_ERROR_CODE,
            message: halt_text(reason),
            data: None,
        }),
    };
    let return_data: Bytes = result.output().cloned().unwrap_or_default();
    let logs = if status { result.into_logs() } else { Vec::new() };
    let logs = logs.into_iter().map(|inner| Log {
        inner,
        block_number: Some(header.number),
        block_timestamp: Some(header.timestamp),
        transaction_index: Some(index as u64),
        ..Log::default()
    });
    SimCallResult { return_data, logs: logs.collect(), gas_used, max_used_gas: None, status, error }
}
