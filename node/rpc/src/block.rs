//! A block with everything that answers about it need, and its conversion to what clients read.

use std::{ops::Deref, sync::Arc};

use alloy::{
    consensus::{Header, Receipt, ReceiptWithBloom, Transaction as _, TxReceipt},
    eips::eip2718::Decodable2718,
    primitives::{B256, Bytes, TxKind, U256},
    rlp::Encodable,
    rpc::types::{self as eth, BlockTransactions, Log, TransactionInfo, Withdrawals},
};
use op_alloy_consensus::{
    OpDepositReceipt, OpReceipt, OpReceiptEnvelope, OpTxEnvelope,
    transaction::{OpDepositInfo, OpTransactionInfo},
};
use op_alloy_rpc_types::{L1BlockInfo as L1Fields, OpTransactionReceipt};
use op_revm::{L1BlockInfo, OpSpecId};
use stf::{Transaction, block::L1Attributes};

use super::{RpcError, transaction::RpcTransaction};
use rollup::chain::ChainBlock;

/// A header as clients read it.
pub(crate) type RpcHeader = eth::Header;
/// A block as clients read it.
pub(crate) type RpcBlock = eth::Block<RpcTransaction, RpcHeader>;

/// More logs than this are read off the network's threads.
const MANY_LOGS: usize = 256;
/// Bytes that a block takes in memory besides its transactions.
const BLOCK: usize = 2 << 10;
/// Bytes that a transaction takes with its receipt, besides its encoding, which is held twice, and its logs.
const TRANSACTION: usize = 1 << 10;
/// Bytes that a log takes besides its topics and data.
const LOG: usize = 128;

/// A block of the chain.
#[derive(Debug)]
pub(crate) struct Block {
    block: Arc<ChainBlock>,
    /// Of each transaction, how many logs the ones before it have.
    first_logs: Vec<u64>,
    /// What its L1-attributes transaction says; absent in the genesis block.
    attributes: Option<L1Attributes>,
}

impl Deref for Block {
    type Target = ChainBlock;

    fn deref(&self) -> &ChainBlock {
        &self.block
    }
}

impl Block {
    pub(crate) fn new(block: Arc<ChainBlock>) -> Self {
        let mut logs = 0;
        let first_logs = block
            .receipts
            .iter()
            .map(|receipt| {
                let first = logs;
                logs += receipt.logs().len() as u64;
                first
            })
            .collect();
        let first = block.transactions.first();
        let attributes = first.and_then(|tx| L1Attributes::decode_call(tx.envelope().input()));
        Self { block, first_logs, attributes }
    }

    /// Reads a block from the database.
    pub(crate) fn read(reader: &db::Reader, number: u64) -> Result<Option<Arc<Self>>, RpcError> {
        let Some(header) = reader.header(number)? else {
            return Ok(None);
        };
        let hash = header.seal();
        let transactions = reader.transactions(number)?.unwrap_or_default();
        let transactions =
            transactions.into_iter().map(|tx| decode(tx.raw, tx.sender)).collect::<Result<_, _>>()?;
        let receipts = reader.receipts(number)?.unwrap_or_default();
        let receipts = receipts.into_iter().map(|receipt| receipt.receipt).collect();
        let block = ChainBlock { header: header.into_inner(), hash, transactions, receipts };
        Ok(Some(Arc::new(Self::new(Arc::new(block)))))
    }

    pub(crate) fn number(&self) -> u64 {
        self.header.number
    }

    /// Whether its logs take long to read.
    pub(crate) fn has_many_logs(&self) -> bool {
        self.receipts.iter().map(|receipt| receipt.logs().len()).sum::<usize>() > MANY_LOGS
    }

    /// Whether those of the transaction at `index` do.
    pub(crate) fn has_many_logs_of(&self, index: usize) -> bool {
        self.receipts.get(index).is_some_and(|receipt| receipt.logs().len() > MANY_LOGS)
    }

    /// About how many bytes it takes in memory.
    pub(crate) fn weight(&self) -> usize {
        let transactions = self.transactions.iter().map(|tx| TRANSACTION + 2 * tx.encoded().len());
        let logs = self.receipts.iter().flat_map(|receipt| receipt.logs());
        let logs = logs.map(|log| LOG + 32 * log.topics().len() + log.data.data.len());
        BLOCK + transactions.sum::<usize>() + logs.sum::<usize>()
    }

    pub(crate) fn base_fee(&self) -> u64 {
        self.header.base_fee_per_gas.unwrap_or_default()
    }

    /// What L2 knows of L1 in this block; absent in the genesis block.
    pub(crate) const fn attributes(&self) -> Option<&L1Attributes> {
        self.attributes.as_ref()
    }

    /// Gas that the transaction at `index` used.
    pub(crate) fn gas_used(&self, index: usize) -> u64 {
        let up_to =
            |index: usize| self.receipts.get(index).map_or(0, |receipt| receipt.cumulative_gas_used());
        up_to(index).saturating_sub(index.checked_sub(1).map_or(0, up_to))
    }

    /// The header as clients read it; its size is the whole block's.
    pub(crate) fn rpc_header(&self) -> RpcHeader {
        let body: usize = self
            .transactions
            .iter()
            .map(|tx| match tx.envelope().is_legacy() {
                true => tx.encoded().len(),
                // A typed transaction is a byte string in the list.
                false => tx.encoded().as_ref().length(),
            })
            .sum();
        rpc_header(self.header.clone(), self.hash, Some(body))
    }

    /// The block as clients read it, with whole transactions or their hashes.
    pub(crate) fn rpc_block(&self, full: bool) -> RpcBlock {
        let transactions = match full {
            true => BlockTransactions::Full(
                (0..self.transactions.len()).filter_map(|index| self.transaction(index)).collect(),
            ),
            false => BlockTransactions::Hashes(self.transactions.iter().map(Transaction::hash).collect()),
        };
        RpcBlock {
            header: self.rpc_header(),
            uncles: Vec::new(),
            transactions,
            withdrawals: Some(Withdrawals::default()),
        }
    }

    /// The transaction at `index` as clients read it.
    pub(crate) fn transaction(&self, index: usize) -> Option<RpcTransaction> {
        let tx = self.transactions.get(index)?;
        let inner = TransactionInfo {
            hash: Some(tx.hash()),
            index: Some(index as u64),
            block_hash: Some(self.hash),
            block_number: Some(self.number()),
            base_fee: self.header.base_fee_per_gas,
            block_timestamp: Some(self.header.timestamp),
        };
        let deposit_meta = match self.receipts.get(index) {
            Some(OpReceiptEnvelope::Deposit(receipt)) => OpDepositInfo {
                deposit_nonce: Some(receipt.receipt.deposit_nonce.unwrap_or_default()),
                deposit_receipt_version: receipt.receipt.deposit_receipt_version,
            },
            _ => OpDepositInfo::default(),
        };
        Some(RpcTransaction::new(tx, OpTransactionInfo { inner, deposit_meta }))
    }

    /// The receipt of the transaction at `index` as clients read it.
    pub(crate) fn receipt(&self, index: usize) -> Option<OpTransactionReceipt> {
        self.receipt_of(index, true)
    }

    /// The same without its logs.
    pub(crate) fn receipt_without_logs(&self, index: usize) -> Option<OpTransactionReceipt> {
        self.receipt_of(index, false)
    }

    fn receipt_of(&self, index: usize, with_logs: bool) -> Option<OpTransactionReceipt> {
        let (tx, receipt) = (self.transactions.get(index)?, self.receipts.get(index)?);
        let envelope = tx.envelope();
        let nonce = receipt.deposit_nonce().unwrap_or_else(|| envelope.nonce());
        let (to, contract_address) = match envelope.kind() {
            TxKind::Call(to) => (Some(to), None),
            TxKind::Create => (None, Some(tx.sender().create(nonce))),
        };
        let effective_gas_price = match envelope.is_deposit() {
            true => 0,
            false => envelope.effective_gas_price(self.header.base_fee_per_gas),
        };
        let inner = eth::TransactionReceipt {
            inner: ReceiptWithBloom {
                receipt: self.receipt_body(index, receipt, with_logs),
                logs_bloom: *receipt.logs_bloom(),
            },
            transaction_hash: tx.hash(),
            transaction_index: Some(index as u64),
            block_hash: Some(self.hash),
            block_number: Some(self.number()),
            gas_used: self.gas_used(index),
            effective_gas_price,
            blob_gas_used: None,
            blob_gas_price: None,
            from: tx.sender(),
            to,
            contract_address,
        };
        let l1_block_info = match &self.attributes {
            Some(attributes) if !envelope.is_deposit() => l1_fields(&prices(attributes), tx.encoded()),
            _ => L1Fields::default(),
        };
        Some(OpTransactionReceipt { inner, l1_block_info, op_gas_refund: None })
    }

    /// All receipts as clients read them.
    pub(crate) fn all_receipts(&self) -> Vec<OpTransactionReceipt> {
        (0..self.receipts.len()).filter_map(|index| self.receipt(index)).collect()
    }

    /// The logs of the transaction at `index`; `removed` says that the block is no longer part of the chain.
    pub(crate) fn logs(&self, index: usize, removed: bool) -> impl Iterator<Item = Log> + '_ {
        let hash = self.transactions.get(index).map(Transaction::hash);
        let first = self.first_logs.get(index).copied().unwrap_or_default();
        let logs = self.receipts.get(index).map(|receipt| receipt.logs()).unwrap_or_default();
        logs.iter().zip(first..).map(move |(log, log_index)| Log {
            inner: log.clone(),
            block_hash: Some(self.hash),
            block_number: Some(self.number()),
            block_timestamp: Some(self.header.timestamp),
            transaction_hash: hash,
            transaction_index: Some(index as u64),
            log_index: Some(log_index),
            removed,
        })
    }

    fn receipt_body(&self, index: usize, envelope: &OpReceiptEnvelope, with_logs: bool) -> OpReceipt<Log> {
        let receipt = Receipt {
            status: envelope.status_or_post_state(),
            cumulative_gas_used: envelope.cumulative_gas_used(),
            logs: if with_logs { self.logs(index, false).collect() } else { Vec::new() },
        };
        match envelope {
            OpReceiptEnvelope::Legacy(_) => OpReceipt::Legacy(receipt),
            OpReceiptEnvelope::Eip2930(_) => OpReceipt::Eip2930(receipt),
            OpReceiptEnvelope::Eip1559(_) => OpReceipt::Eip1559(receipt),
            OpReceiptEnvelope::Eip7702(_) => OpReceipt::Eip7702(receipt),
            OpReceiptEnvelope::PostExec(_) => OpReceipt::PostExec(receipt),
            OpReceiptEnvelope::Deposit(deposit) => OpReceipt::Deposit(OpDepositReceipt {
                inner: receipt,
                deposit_nonce: deposit.receipt.deposit_nonce,
                deposit_receipt_version: deposit.receipt.deposit_receipt_version,
            }),
        }
    }
}

/// A header as clients read it. `body` is the length of its transactions' encodings, where it is known.
pub(crate) fn rpc_header(header: Header, hash: B256, body: Option<usize>) -> RpcHeader {
    let size = body.map(|body| {
        let list = |payload| alloy::rlp::Header { list: true, payload_length: payload }.length_with_payload();
        // The lists of uncles and withdrawals are empty.
        U256::from(list(header.length() + list(body) + 2))
    });
    RpcHeader { hash, inner: header, total_difficulty: Some(U256::ZERO), size }
}

/// Decodes a transaction of a block, whose validity was established when it got there.
pub(crate) fn decode(raw: Bytes, sender: alloy::primitives::Address) -> Result<Transaction, RpcError> {
    let envelope = OpTxEnvelope::decode_2718_exact(&raw).map_err(RpcError::internal)?;
    match envelope {
        OpTxEnvelope::Deposit(deposit) => Ok(Transaction::deposit(deposit.into_inner())),
        _ => Transaction::with_sender(raw, sender).map_err(RpcError::internal),
    }
}

/// The formula of the fee for L1 data, which is the same under all rules.
const DATA_FEE: OpSpecId = OpSpecId::FJORD;

/// The prices of L1 data and of the operator, as op-revm counts with them.
fn prices(attributes: &L1Attributes) -> L1BlockInfo {
    L1BlockInfo {
        l1_base_fee: attributes.base_fee,
        l1_base_fee_scalar: U256::from(attributes.base_fee_scalar),
        l1_blob_base_fee: Some(attributes.blob_base_fee),
        l1_blob_base_fee_scalar: Some(U256::from(attributes.blob_base_fee_scalar)),
        operator_fee_scalar: Some(U256::from(attributes.operator_fee_scalar)),
        operator_fee_constant: Some(U256::from(attributes.operator_fee_constant)),
        ..L1BlockInfo::default()
    }
}

/// What a receipt says about the fee for L1 data.
fn l1_fields(fees: &L1BlockInfo, encoded: &[u8]) -> L1Fields {
    let small = |value: U256| Some(value.saturating_to::<u128>());
    let operator = |value: Option<U256>| value.filter(|value| !value.is_zero()).and_then(small);
    L1Fields {
        l1_gas_price: small(fees.l1_base_fee),
        l1_gas_used: small(fees.data_gas(encoded, DATA_FEE)),
        l1_fee: small(fees.clone().calculate_tx_l1_cost(encoded, DATA_FEE)),
        // Only before Ecotone.
        l1_fee_scalar: None,
        l1_base_fee_scalar: small(fees.l1_base_fee_scalar),
        l1_blob_base_fee: fees.l1_blob_base_fee.and_then(small),
        l1_blob_base_fee_scalar: fees.l1_blob_base_fee_scalar.and_then(small),
        operator_fee_scalar: operator(fees.operator_fee_scalar),
        operator_fee_constant: operator(fees.operator_fee_constant),
        da_footprint_gas_scalar: None,
    }
}
