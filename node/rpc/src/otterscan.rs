//! The `ots` namespace: what the explorer Otterscan asks for besides (its `docs/custom-jsonrpc.md`).

use std::sync::Arc;

use alloy::{
    consensus::Transaction as _,
    eips::{BlockId, BlockNumberOrTag},
    primitives::{Address, B256, Bytes, KECCAK256_EMPTY, U256, keccak256},
};
use alloy_rpc_types_trace::geth::CallFrame;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use super::{
    RpcError,
    answer::AnswerText,
    block::Block,
    by_nonce::ContractCreator,
    context::Rpc,
    peers::Work,
    touches::{Direction, Page},
    work,
};

/// The version of these methods that Otterscan knows this set by.
const API_LEVEL: u64 = 8;

/// Most transactions of a page. Otterscan asks for 25.
pub(crate) const MAX_PAGE: usize = 100;

/// Bytes of a call's input that a list shows: the selector.
const SELECTOR: usize = 4;

/// Bytes that a transaction and its receipt without logs take as JSON values.
const LISTED: usize = 16 << 10;

/// Bytes of a call in a flat trace besides its input and output.
const FLAT_CALL: usize = 512;

/// A number as JavaScript has it or as a quantity, or a block's tag.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AnyNumber(BlockNumberOrTag);

impl<'de> Deserialize<'de> for AnyNumber {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Form {
            Number(u64),
            Text(BlockNumberOrTag),
        }
        Ok(Self(match Form::deserialize(deserializer)? {
            Form::Number(number) => number.into(),
            Form::Text(number) => number,
        }))
    }
}

impl AnyNumber {
    /// A number that is no block's.
    pub(crate) fn plain(self) -> Result<u64, RpcError> {
        self.0.as_number().ok_or_else(|| RpcError::invalid("a number is expected, not a tag"))
    }

    /// The block.
    pub(crate) const fn block(self) -> BlockNumberOrTag {
        self.0
    }
}

/// What an inner call moves or makes.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct InternalOperation {
    #[serde(rename = "type")]
    kind: u8,
    from: Address,
    to: Address,
    value: U256,
}

/// A call in a flat trace.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct FlatCall {
    #[serde(rename = "type")]
    kind: String,
    depth: usize,
    from: Address,
    to: Address,
    value: Option<U256>,
    input: Bytes,
    output: Bytes,
}

/// Transactions of an address, the newest first.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TransactionsPage {
    txs: Vec<Value>,
    receipts: Vec<Value>,
    first_page: bool,
    last_page: bool,
}

/// What was issued in a block: nothing.
#[derive(Clone, Copy, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Issuance {
    block_reward: U256,
    uncle_reward: U256,
    issuance: U256,
}

/// A block without its transactions, with what its senders paid for gas.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BlockDetails {
    block: Value,
    issuance: Issuance,
    total_fees: U256,
}

/// A page of a block's transactions, in its order; page 0 has the last ones.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct BlockTransactionsPage {
    fullblock: Value,
    receipts: Vec<Value>,
}

impl Rpc {
    pub(crate) async fn ots_api_level(self: Arc<Self>) -> Result<u64, RpcError> {
        Ok(API_LEVEL)
    }

    pub(crate) async fn ots_has_code(
        self: Arc<Self>,
        address: Address,
        block: Option<BlockId>,
    ) -> Result<bool, RpcError> {
        let account = self.state(block)?.at()?.account(&keccak256(address))?;
        Ok(account.is_some_and(|account| account.code_hash != KECCAK256_EMPTY))
    }

    pub(crate) async fn ots_transaction_error(self: Arc<Self>, hash: B256) -> Result<AnswerText, RpcError> {
        let (block, index) = self.clone().included(hash).await?;
        self.answer(Work::Heavy, move |rpc| {
            if block.receipts.get(index).is_none_or(|receipt| receipt.status()) {
                return Ok(Bytes::new());
            }
            Ok(rpc.frame_of(&block, index)?.output.unwrap_or_default())
        })
        .await
    }

    pub(crate) async fn ots_internal_operations(self: Arc<Self>, hash: B256) -> Result<AnswerText, RpcError> {
        let (block, index) = self.clone().included(hash).await?;
        self.answer(Work::Heavy, move |rpc| {
            let mut operations = Vec::new();
            let frame = rpc.frame_of(&block, index)?;
            if frame.error.is_none() {
                frame.calls.iter().for_each(|call| internal_operations(call, &mut operations));
            }
            Ok(operations)
        })
        .await
    }

    pub(crate) async fn ots_trace_transaction(self: Arc<Self>, hash: B256) -> Result<AnswerText, RpcError> {
        let (block, index) = self.clone().included(hash).await?;
        self.answer(Work::Heavy, move |rpc| {
            let mut calls = Vec::new();
            flatten(rpc.frame_of(&block, index)?, 0, &mut calls)?;
            Ok(calls)
        })
        .await
    }

    pub(crate) async fn ots_block_details(
        self: Arc<Self>,
        number: AnyNumber,
    ) -> Result<AnswerText, RpcError> {
        self.details(number.block().into()).await
    }

    pub(crate) async fn ots_block_details_by_hash(
        self: Arc<Self>,
        hash: B256,
    ) -> Result<AnswerText, RpcError> {
        self.details(hash.into()).await
    }

    async fn details(self: Arc<Self>, block: BlockId) -> Result<AnswerText, RpcError> {
        self.answer(Work::Light, move |rpc| {
            let Some(number) = rpc.existing(block)? else { return Ok(None) };
            let Some(block) = rpc.block(number)? else { return Ok(None) };
            let mut fields = header_fields(&block)?;
            fields.insert("transactionCount".into(), block.transactions.len().into());
            let paid = block.transactions.iter().enumerate().map(|(index, tx)| match tx.envelope() {
                deposit if deposit.is_deposit() => U256::ZERO,
                user => {
                    let price = user.effective_gas_price(block.header.base_fee_per_gas);
                    U256::from(block.gas_used(index)) * U256::from(price)
                }
            });
            let total_fees = paid.fold(U256::ZERO, U256::saturating_add);
            Ok(Some(BlockDetails { block: fields.into(), issuance: Issuance::default(), total_fees }))
        })
        .await
    }

    pub(crate) async fn ots_block_transactions(
        self: Arc<Self>,
        number: AnyNumber,
        page: AnyNumber,
        size: AnyNumber,
    ) -> Result<AnswerText, RpcError> {
        let (page, size) = (page.plain()?, page_size(size)?);
        self.answer(Work::Light, move |rpc| {
            let Some(number) = rpc.existing(number.block().into())? else { return Ok(None) };
            let Some(block) = rpc.block(number)? else { return Ok(None) };
            let passed = usize::try_from(page).unwrap_or(usize::MAX).saturating_mul(size);
            let end = block.transactions.len().saturating_sub(passed);
            let (transactions, receipts) = list(&block, end.saturating_sub(size)..end)?;
            let mut fullblock = header_fields(&block)?;
            fullblock.insert("transactionCount".into(), block.transactions.len().into());
            fullblock.insert("transactions".into(), transactions.into());
            Ok(Some(BlockTransactionsPage { fullblock: fullblock.into(), receipts }))
        })
        .await
    }

    pub(crate) async fn ots_search_before(
        self: Arc<Self>,
        address: Address,
        number: AnyNumber,
        size: AnyNumber,
    ) -> Result<AnswerText, RpcError> {
        let (number, size) = (number.plain()?, page_size(size)?);
        self.answer(Work::Heavy, move |rpc| {
            let head = rpc.chain.heads().unsafe_head.number;
            let is_first = number == 0 || number > head;
            let last = if is_first { head } else { number - 1 };
            let oldest = rpc.reader()?.oldest_block()?;
            let page = rpc.touches(address, oldest..=last, Direction::Down, size)?;
            let last_page = page.is_end;
            shown(page, is_first, last_page)
        })
        .await
    }

    pub(crate) async fn ots_search_after(
        self: Arc<Self>,
        address: Address,
        number: AnyNumber,
        size: AnyNumber,
    ) -> Result<AnswerText, RpcError> {
        let (number, size) = (number.plain()?, page_size(size)?);
        self.answer(Work::Heavy, move |rpc| {
            let head = rpc.chain.heads().unsafe_head.number;
            let oldest = rpc.reader()?.oldest_block()?;
            let first = if number == 0 { oldest } else { oldest.max(number.saturating_add(1)) };
            let mut page = rpc.touches(address, first..=head, Direction::Up, size)?;
            page.found.sort_by_key(|(block, index)| std::cmp::Reverse((block.number(), *index)));
            let first_page = page.is_end;
            shown(page, first_page, number == 0)
        })
        .await
    }

    pub(crate) async fn ots_transaction_by_sender_and_nonce(
        self: Arc<Self>,
        sender: Address,
        nonce: AnyNumber,
    ) -> Result<Option<B256>, RpcError> {
        let nonce = nonce.plain()?;
        self.work(Work::Light, move |rpc| {
            let found = rpc.find_by_nonce(sender, nonce)?;
            Ok(found.and_then(|(block, index)| block.transactions.get(index).map(|tx| tx.hash())))
        })
        .await
    }

    pub(crate) async fn ots_contract_creator(
        self: Arc<Self>,
        contract: Address,
    ) -> Result<Option<ContractCreator>, RpcError> {
        self.work(Work::Heavy, move |rpc| rpc.creator_of(contract)).await
    }

    pub(crate) async fn erigon_header_by_number(
        self: Arc<Self>,
        number: AnyNumber,
    ) -> Result<AnswerText, RpcError> {
        self.header_by_number(number.block()).await
    }
}

fn page_size(size: AnyNumber) -> Result<usize, RpcError> {
    match usize::try_from(size.plain()?) {
        Ok(size @ 1..=MAX_PAGE) => Ok(size),
        _ => Err(RpcError::invalid(format!("a page has 1 to {MAX_PAGE} transactions"))),
    }
}

/// A block's fields without its transactions and its bloom.
fn header_fields(block: &Block) -> Result<Map<String, Value>, RpcError> {
    let mut fields = fields(&block.rpc_block(false))?;
    fields.remove("transactions");
    fields.insert("logsBloom".into(), Value::Null);
    Ok(fields)
}

fn fields(value: &impl Serialize) -> Result<Map<String, Value>, RpcError> {
    match serde_json::to_value(value).map_err(RpcError::internal)? {
        Value::Object(fields) => Ok(fields),
        _ => Err(RpcError::Internal),
    }
}

/// Transactions of a block with their receipts, as lists show them.
fn list(block: &Block, range: std::ops::Range<usize>) -> Result<(Vec<Value>, Vec<Value>), RpcError> {
    let pairs = range.map(|index| {
        work::current().budget.take(LISTED)?;
        let mut tx = fields(&block.transaction(index))?;
        if let Some(Value::String(input)) = tx.get_mut("input") {
            // Behind `0x`, two digits for each byte.
            input.truncate(2 + 2 * SELECTOR);
        }
        let mut receipt = fields(&block.receipt_without_logs(index))?;
        receipt.insert("logs".into(), Value::Null);
        receipt.insert("logsBloom".into(), Value::Null);
        receipt.insert("timestamp".into(), block.header.timestamp.into());
        Ok((tx.into(), receipt.into()))
    });
    Ok(pairs.collect::<Result<Vec<_>, RpcError>>()?.into_iter().unzip())
}

/// What a search found, in the order in which it is to be shown.
fn shown(page: Page, first_page: bool, last_page: bool) -> Result<TransactionsPage, RpcError> {
    let (mut txs, mut receipts) = (Vec::new(), Vec::new());
    let mut found = page.found;
    // Within a block, too, the newest comes first.
    found.sort_by_key(|(block, index)| std::cmp::Reverse((block.number(), *index)));
    for (block, index) in found {
        let (mut tx, mut receipt) = list(&block, index..index + 1)?;
        txs.append(&mut tx);
        receipts.append(&mut receipt);
    }
    Ok(TransactionsPage { txs, receipts, first_page, last_page })
}

/// The operations of a call that stand: nothing of one that failed.
fn internal_operations(frame: &CallFrame, operations: &mut Vec<InternalOperation>) {
    if frame.error.is_some() {
        return;
    }
    let value = frame.value.unwrap_or_default();
    let kind = match frame.typ.as_str() {
        "CALL" if !value.is_zero() => Some(0),
        "SELFDESTRUCT" => Some(1),
        "CREATE" => Some(2),
        "CREATE2" => Some(3),
        _ => None,
    };
    if let Some(kind) = kind {
        operations.push(InternalOperation {
            kind,
            from: frame.from,
            to: frame.to.unwrap_or_default(),
            value,
        });
    }
    frame.calls.iter().for_each(|call| internal_operations(call, operations));
}

/// A call and those in it, in the order in which they began.
fn flatten(frame: CallFrame, depth: usize, calls: &mut Vec<FlatCall>) -> Result<(), RpcError> {
    let output = frame.output.unwrap_or_default();
    work::current().budget.take(FLAT_CALL + frame.input.len() + output.len())?;
    let moves_value = !matches!(frame.typ.as_str(), "STATICCALL" | "DELEGATECALL");
    calls.push(FlatCall {
        kind: frame.typ,
        depth,
        from: frame.from,
        to: frame.to.unwrap_or_default(),
        value: moves_value.then(|| frame.value.unwrap_or_default()),
        input: frame.input,
        output,
    });
    frame.calls.into_iter().try_for_each(|call| flatten(call, depth + 1, calls))
}
