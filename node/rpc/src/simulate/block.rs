//! One simulated block.

use alloy::{
    consensus::{Header, Receipt, SignableTransaction, TxEip1559, TxEip2930, TxEip7702, TxLegacy},
    eips::eip2718::Encodable2718,
    primitives::{Address, B256, Bloom, Bytes, Log as PrimitiveLog, Signature, TxKind, U256},
    rpc::types::{
        BlockTransactions, Log, TransactionInfo, TransactionRequest, Withdrawals,
        simulate::{SimCallResult, SimulateError, SimulatedBlock},
    },
};
use op_alloy_consensus::{OpReceiptEnvelope, OpTxEnvelope, transaction::OpTransactionInfo};
use op_revm::OpHaltReason;
use revm::{
    DatabaseCommit, DatabaseRef,
    context::{
        ContextTr, TxEnv,
        result::{ExecutionResult, ResultAndState},
    },
    context_interface::either::Either,
};
use stf::{
    ExtraData, FeeParameters, StateTrie, Transaction,
    evm::{block_env, evm, evm_config, store_parent_hash},
};

use super::{
    plan::Planned,
    request::{code, refused},
    root::roots,
};
use crate::{
    RpcError,
    block::{RpcBlock, rpc_header},
    error::revert_message,
    evm::{CallEvm, CallSite, GAS_CAP, call_tx, checked_tx, is_free, run},
    halts::{LastStep, halt_text, wrong_nonce},
    tool::Tool,
    transaction::RpcTransaction,
    transfers::Transfers,
    work,
};

/// Wei in the unit in which withdrawals are counted (EIP-4895).
const GWEI: u64 = 1_000_000_000;

/// What the simulation leaves from block to block.
pub(super) struct Simulation {
    site: Option<CallSite>,
    parent: Header,
    parent_hash: B256,
    trie: StateTrie,
    /// Parameters of the base fee.
    fees: FeeParameters,
    gas_left: u64,
    pub(super) validation: bool,
    pub(super) trace_transfers: bool,
    pub(super) full_transactions: bool,
}

/// What the calls of a block have come to so far.
#[derive(Default)]
struct Done {
    results: Vec<SimCallResult>,
    transactions: Vec<Transaction>,
    receipts: Vec<OpReceiptEnvelope>,
}

impl Simulation {
    /// After a block.
    pub(super) fn new(site: CallSite, parent: Header, parent_hash: B256, fees: FeeParameters) -> Self {
        Self {
            trie: StateTrie::new(parent.state_root),
            site: Some(site),
            parent,
            parent_hash,
            fees,
            gas_left: GAS_CAP,
            validation: false,
            trace_transfers: false,
            full_transactions: false,
        }
    }

    /// Makes the next block.
    pub(super) fn block(&mut self, planned: Planned) -> Result<SimulatedBlock<RpcBlock>, RpcError> {
        let mut site = self.site.take().ok_or(RpcError::Internal)?;
        let mut header = self.header(&planned);
        let Planned { changes, state, calls, .. } = planned;
        let withdrawals = changes.withdrawals.clone().unwrap_or_default();
        site.block = block_env(&header);
        // The header has these already, but for what no header says.
        changes.apply(&mut site.block, &mut site.state);
        site.block.timestamp = U256::from(header.timestamp);
        site.precompiles = None;
        site.override_state(state)?;
        site = self.begin(site)?;
        let mut done = Done::default();
        for request in calls {
            site = self.call(site, request, &mut header, &mut done)?;
        }
        credit(&mut site, &withdrawals)?;
        let Done { mut results, transactions, receipts } = done;
        header.logs_bloom = receipts.iter().fold(Bloom::ZERO, |bloom, receipt| bloom | *receipt.logs_bloom());
        header.transactions_root =
            trie::ordered_root(&encoded(transactions.iter().map(|tx| tx.encoded().to_vec())));
        header.receipts_root = trie::ordered_root(&encoded(receipts.iter().map(Encodable2718::encoded_2718)));
        let (state_root, passer_root) = roots(&site.state, &mut self.trie)?;
        (header.state_root, header.withdrawals_root) = (state_root, Some(passer_root));
        let hash = header.hash_slow();
        for (index, log) in results.iter_mut().flat_map(|result| &mut result.logs).enumerate() {
            log.log_index = Some(index as u64);
            log.block_hash = Some(hash);
        }
        // The calls of the next block can ask for the hash of this one.
        site.state.cache.block_hashes.insert(U256::from(header.number), hash);
        self.site = Some(site);
        (self.parent, self.parent_hash) = (header.clone(), hash);
        let body = transactions.iter().map(|tx| tx.encoded().len()).sum();
        let transactions = self.shown(&transactions, &header, hash);
        let inner = RpcBlock {
            header: rpc_header(header, hash, Some(body)),
            uncles: Vec::new(),
            transactions,
            withdrawals: Some(withdrawals),
        };
        Ok(SimulatedBlock { inner, calls: results })
    }

    /// The header, before there is anything in the block.
    fn header(&self, planned: &Planned) -> Header {
        let parent = &self.parent;
        let changes = &planned.changes;
        let elapsed = planned.time.saturating_sub(parent.timestamp);
        let mut extra = ExtraData::of(parent).unwrap_or_default();
        extra.excess_gas = self.fees.next_excess(extra.excess_gas, parent.gas_used, elapsed);
        // Without validation no call has to meet a base fee.
        let base_fee = if self.validation { self.fees.base_fee(extra.excess_gas) } else { 0 };
        Header {
            parent_hash: self.parent_hash,
            number: planned.number,
            timestamp: planned.time,
            gas_limit: changes.gas_limit.map_or(parent.gas_limit, |limit| limit.saturating_to()),
            beneficiary: changes.fee_recipient.unwrap_or(parent.beneficiary),
            base_fee_per_gas: Some(changes.base_fee_per_gas.map_or(base_fee, |fee| fee.saturating_to())),
            mix_hash: changes.prev_randao.unwrap_or(parent.mix_hash),
            parent_beacon_block_root: changes.beacon_root.or(parent.parent_beacon_block_root),
            extra_data: extra.into(),
            gas_used: 0,
            ..parent.clone()
        }
    }

    /// What every block begins with.
    fn begin(&self, site: CallSite) -> Result<CallSite, RpcError> {
        let CallSite { state, block, config, precompiles } = site;
        let rules = config.rules_at(block.timestamp.saturating_to()).map_err(RpcError::refused)?;
        let mut evm = evm(evm_config(rules, config.chain_id), block.clone(), state, ());
        store_parent_hash(&mut evm, self.parent_hash).map_err(RpcError::internal)?;
        let state = evm.0.ctx.journaled_state.database;
        Ok(CallSite { state, block, config, precompiles })
    }

    fn call(
        &mut self,
        site: CallSite,
        mut request: TransactionRequest,
        header: &mut Header,
        done: &mut Done,
    ) -> Result<CallSite, RpcError> {
        let room = header.gas_limit.saturating_sub(header.gas_used);
        let wanted = request.gas.unwrap_or(room);
        if wanted > room {
            let text = format!("block gas limit reached: remaining: {room}, required: {wanted}");
            return Err(refused(code::BLOCK_GAS_LIMIT, text));
        }
        let gas = wanted.min(self.gas_left);
        let from = request.from.unwrap_or_default();
        let nonce = site.state.basic_ref(from)?.map_or(0, |info| info.nonce);
        self.check_nonce(from, nonce, request.nonce)?;
        if request.gas_price.is_none() {
            // By default a call is a transaction of the newest kind.
            request.max_fee_per_gas.get_or_insert(0);
            request.max_priority_fee_per_gas.get_or_insert(0);
        }
        let (config, block, precompiles) = (site.config, site.block.clone(), site.precompiles.clone());
        let make = if self.validation { checked_tx } else { call_tx };
        let tx = make(&request, &site.state, config.chain_id, gas).map_err(coded)?;
        let signed = unsigned(&tx.base)?;
        let mut evm = site.checked_evm(self.validation, !self.validation && is_free(&request))?;
        evm.0.inspector.tool = Tool::Transfers(Transfers::new(self.trace_transfers));
        let run = run(&mut evm, tx).map_err(coded)?;
        let last = evm.0.inspector.last_step();
        let logs = match &mut evm.0.inspector.tool {
            Tool::Transfers(transfers) => transfers.take(),
            _ => Vec::new(),
        };
        let ResultAndState { result, state: changed } = run;
        commit(&mut evm, changed);
        let state = evm.0.ctx.journaled_state.database;
        let used = result.tx_gas_used();
        header.gas_used += used;
        done.receipts.push(receipt(&signed, &result, header.gas_used));
        let (hash, index) = (signed.hash(), done.transactions.len());
        done.transactions.push(signed);
        let mut result = call_result(result, last, logs, gas < wanted);
        for log in &mut result.logs {
            log.block_number = Some(header.number);
            log.block_timestamp = Some(header.timestamp);
            log.transaction_hash = Some(hash);
            log.transaction_index = Some(index as u64);
        }
        // The state that it leaves stays for those after it, and the result for the answer.
        let logged: usize = result.logs.iter().map(|log| size_of::<Log>() + log.inner.data.data.len()).sum();
        let kept = request.input.input().map_or(0, |input| 2 * input.len());
        work::current()
            .budget
            .take(size_of::<SimCallResult>() + result.return_data.len() + 2 * logged + kept)?;
        done.results.push(result);
        self.gas_left = self.gas_left.saturating_sub(used);
        Ok(CallSite { state, block, config, precompiles })
    }

    /// Refuses a nonce as geth does: with validation before it looks at fees.
    fn check_nonce(&self, from: Address, state: u64, tx: Option<u64>) -> Result<(), RpcError> {
        let tx = tx.unwrap_or(state);
        if self.validation && tx != state {
            return Err(coded(wrong_nonce(from, tx, state)));
        }
        if state == u64::MAX {
            return Err(refused(
                code::NONCE_OVERFLOW,
                format!("nonce has max value: address {from}, nonce: {state}"),
            ));
        }
        Ok(())
    }

    /// The transactions as they are answered: whole or by their hashes.
    fn shown(
        &self,
        transactions: &[Transaction],
        header: &Header,
        hash: B256,
    ) -> BlockTransactions<RpcTransaction> {
        if !self.full_transactions {
            return BlockTransactions::Hashes(transactions.iter().map(Transaction::hash).collect());
        }
        let shown = transactions.iter().enumerate().map(|(index, tx)| {
            let inner = TransactionInfo {
                hash: Some(tx.hash()),
                index: Some(index as u64),
                block_hash: Some(hash),
                block_number: Some(header.number),
                base_fee: header.base_fee_per_gas,
                block_timestamp: Some(header.timestamp),
            };
            RpcTransaction::new(tx, OpTransactionInfo { inner, ..OpTransactionInfo::default() })
        });
        BlockTransactions::Full(shown.collect())
    }
}

fn encoded(items: impl Iterator<Item = Vec<u8>>) -> Vec<Vec<u8>> {
    items.collect()
}

fn commit(evm: &mut CallEvm, changed: revm::state::EvmState) {
    evm.0.ctx.db_mut().commit(changed);
}

/// A refusal with the code that simulations have for it.
fn coded(error: RpcError) -> RpcError {
    match error {
        RpcError::Unfit { code, message } => RpcError::Coded { code, message },
        other => other,
    }
}

/// Gives the receivers of withdrawals their ether.
fn credit(site: &mut CallSite, withdrawals: &Withdrawals) -> Result<(), RpcError> {
    for withdrawal in withdrawals.iter() {
        let mut info = site.state.basic_ref(withdrawal.address)?.unwrap_or_default();
        let amount = U256::from(withdrawal.amount) * U256::from(GWEI);
        info.balance = info.balance.saturating_add(amount);
        site.state.insert_account_info(withdrawal.address, info);
    }
    Ok(())
}

/// The transaction that a call is, with zeros where its signature would be.
fn unsigned(tx: &TxEnv) -> Result<Transaction, RpcError> {
    let signature = Signature::new(U256::ZERO, U256::ZERO, false);
    let chain_id = tx.chain_id.unwrap_or_default();
    let (to, input, access_list) = (tx.kind, tx.data.clone(), tx.access_list.clone());
    let (max_fee_per_gas, max_priority_fee_per_gas) = (tx.gas_price, tx.gas_priority_fee.unwrap_or_default());
    let (nonce, gas_limit, value) = (tx.nonce, tx.gas_limit, tx.value);
    let envelope: OpTxEnvelope = match tx.tx_type {
        4 => {
            let authorization_list = tx
                .authorization_list
                .iter()
                .filter_map(|authorization| match authorization {
                    Either::Left(signed) => Some(signed.clone()),
                    Either::Right(_) => None,
                })
                .collect();
            let to = match to {
                TxKind::Call(to) => to,
                TxKind::Create => return Err(RpcError::Internal),
            };
            TxEip7702 {
                chain_id,
                nonce,
                gas_limit,
                max_fee_per_gas,
                max_priority_fee_per_gas,
                to,
                value,
                access_list,
                authorization_list,
                input,
            }
            .into_signed(signature)
            .into()
        }
        2 => TxEip1559 {
            chain_id,
            nonce,
            gas_limit,
            max_fee_per_gas,
            max_priority_fee_per_gas,
            to,
            value,
            access_list,
            input,
        }
        .into_signed(signature)
        .into(),
        1 => TxEip2930 { chain_id, nonce, gas_price: tx.gas_price, gas_limit, to, value, access_list, input }
            .into_signed(signature)
            .into(),
        _ => {
            TxLegacy { chain_id: Some(chain_id), nonce, gas_price: tx.gas_price, gas_limit, to, value, input }
                .into_signed(signature)
                .into()
        }
    };
    Transaction::stored(envelope.encoded_2718().into(), tx.caller).map_err(RpcError::internal)
}

fn receipt(
    tx: &Transaction,
    result: &ExecutionResult<OpHaltReason>,
    cumulative_gas_used: u64,
) -> OpReceiptEnvelope {
    let logs: Vec<PrimitiveLog> = result.logs().to_vec();
    let receipt = Receipt { status: result.is_success().into(), cumulative_gas_used, logs }.with_bloom();
    match tx.envelope() {
        OpTxEnvelope::Eip2930(_) => OpReceiptEnvelope::Eip2930(receipt),
        OpTxEnvelope::Eip1559(_) => OpReceiptEnvelope::Eip1559(receipt),
        OpTxEnvelope::Eip7702(_) => OpReceiptEnvelope::Eip7702(receipt),
        _ => OpReceiptEnvelope::Legacy(receipt),
    }
}

fn call_result(
    result: ExecutionResult<OpHaltReason>,
    last: Option<LastStep>,
    logs: Vec<PrimitiveLog>,
    is_capped: bool,
) -> SimCallResult {
    let (gas_used, max_used_gas) = (result.tx_gas_used(), result.gas().total_gas_spent());
    let status = result.is_success();
    let error = match &result {
        ExecutionResult::Success { .. } => None,
        ExecutionResult::Revert { output, .. } => Some(SimulateError {
            code: SimulateError::EXECUTION_REVERTED_CODE,
            message: revert_message(output),
            data: Some(output.clone()),
        }),
        ExecutionResult::Halt { reason, .. } => {
            let capped =
                if is_capped { " (gas limit was capped by the RPC server's global gas cap)" } else { "" };
            Some(SimulateError {
                code: SimulateError::VM_EXECUTION_ERROR_CODE,
                message: format!("{}{capped}", halt_text(reason, last)),
                data: None,
            })
        }
    };
    // What a revert returns stands in the error, as geth has it.
    let return_data = if status { result.into_output().unwrap_or_default() } else { Bytes::new() };
    let logs = logs.into_iter().map(|inner| Log { inner, ..Log::default() }).collect();
    SimCallResult {
        return_data,
        logs,
        gas_used,
        max_used_gas: Some(max_used_gas.max(gas_used)),
        status,
        error,
    }
}
