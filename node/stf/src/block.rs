//! Execution of one block on op-revm: system call, L1-attributes deposit, deposits, transactions, header.

use alloc::{
    string::{String, ToString},
    vec::Vec,
};
use alloy_consensus::{EMPTY_OMMER_ROOT_HASH, Header, TxReceipt};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{B256, Bloom, Bytes, b256};
use op_alloy_consensus::{OpReceiptEnvelope, OpTxEnvelope, OpTxType};
use op_revm::{OpHaltReason, OpTransactionError};
use revm::{
    Database, DatabaseCommit, ExecuteEvm, InspectEvm,
    context::{
        ContextTr,
        result::{EVMError, ExecutionResult},
    },
};
use trie::{NodeSink, NodeSource, TrieError};

use crate::{
    ExtraData, FeeParameters, InvalidTransaction, StateChanges, StateTrie, Transaction, UnknownRules,
    config::{ChainConfig, MAX_BLOCK_GAS_LIMIT, MIN_BLOCK_GAS_LIMIT},
    evm::{self, BlockEvm, block_env, evm_config, store_parent_hash},
    inbox::{Message, MessageKind},
    message::{ConfigUpdate, deposit_transaction},
    overlay::{Overlay, Touched},
    predeploys::SEQUENCER_FEE_VAULT,
};

mod attributes;
mod stopper;
pub use attributes::L1Attributes;
pub use stopper::Stopper;

/// Deposit receipts carry this version since the OP Stack's Canyon.
const DEPOSIT_RECEIPT_VERSION: u64 = 1;

/// sha256 of nothing: the hash of an empty list of execution requests (EIP-7685).
const EMPTY_REQUESTS_HASH: B256 = b256!("0xe3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");

/// Why a block has no result. Never caused by what stands in the block, only by the state it runs on, or by a schedule of
/// forks that this code is too old for.
#[derive(Debug, thiserror::Error)]
pub enum BlockError<E> {
    /// The block's rules are unknown: a later version must execute it.
    #[error(transparent)]
    UnknownRules(#[from] UnknownRules),
    /// The parent's `extraData` is not what blocks of this chain have.
    #[error("extraData of parent block {0} is not of this chain")]
    ParentExtraData(u64),
    /// The state could not be read.
    #[error("state: {0}")]
    Database(E),
    /// The EVM reported a failure that no transaction can cause.
    #[error("evm: {0}")]
    Evm(String),
}

/// A block under construction: derivation runs a given list of transactions through it, the sequencer picks its own.
///
/// ```text
/// BlockBuilder::begin   deposits and messages          (the state underneath is only read)
///   .execute(tx) …      user transactions, each in or left out
///   .finish()           ⇒ PendingBlock + the state underneath
///     .seal(trie)       ⇒ ExecutedBlock, its header complete
/// ```
pub struct BlockBuilder<DB: Database> {
    evm: BlockEvm<Overlay<DB>, Stopper>,
    header: Header,
    transactions: Vec<Transaction>,
    receipts: Vec<OpReceiptEnvelope>,
}

impl<DB: Database> BlockBuilder<DB> {
    /// Starts the block after `parent` (whose hash is `parent_hash`) on the state that `parent` left. `messages` are those
    /// that the block consumes, from the parent's cursor on.
    pub fn begin(
        config: &ChainConfig,
        parent: &Header,
        parent_hash: B256,
        timestamp: u64,
        messages: &[Message],
        state: DB,
    ) -> Result<Self, BlockError<DB::Error>> {
        let rules = config.rules_at(timestamp)?;
        let before = config.rules_at(parent.timestamp)?;
        let mut extra = ExtraData::of(parent).ok_or(BlockError::ParentExtraData(parent.number))?;
        let mut overlay = Overlay::new(state);
        let mut attributes = L1Attributes::read(&mut overlay).map_err(BlockError::Database)?;
        attributes.sequence_number = attributes.sequence_number.saturating_add(1);
        attributes.activate(rules, before);
        let parent_fees = attributes.base_fee_parameters;
        let mut header = next_header(parent, parent_hash, timestamp);
        for message in messages {
            match message.header.kind {
                MessageKind::L1Info => {
                    attributes.report(&message.header);
                    header.mix_hash = message.header.prev_randao;
                }
                MessageKind::Config => match ConfigUpdate::decode(&message.data) {
                    Ok(ConfigUpdate::GasLimit(limit)) => {
                        header.gas_limit = limit.clamp(MIN_BLOCK_GAS_LIMIT, MAX_BLOCK_GAS_LIMIT);
                    }
                    // A scalar from before the unit changed would mean something else now.
                    Ok(ConfigUpdate::OperatorFee { .. })
                        if config
                            .rules_at(message.header.l1_timestamp)
                            .is_ok_and(|sent| sent < rules && rules.changes_operator_fee_unit(sent)) => {}
                    Ok(update) => attributes.configure(update),
                    // Only a contract other than ours could send this; it means nothing.
                    Err(_) => {}
                },
                MessageKind::Deposit => {}
            }
        }
        if let Some(last) = messages.last() {
            extra.message_cursor = extra.message_cursor.saturating_add(messages.len() as u64);
            extra.consumed_gas = last.header.gas_end;
        }
        // The time up to this block counts by the target that was in force.
        let elapsed = timestamp.saturating_sub(parent.timestamp);
        let excess = parent_fees.next_excess(extra.excess_gas, parent.gas_used, elapsed);
        let fees = attributes.base_fee_parameters;
        extra.excess_gas = parent_fees.rescale(excess, fees);
        header.base_fee_per_gas = Some(fees.base_fee(extra.excess_gas));
        header.extra_data = extra.into();
        let evm =
            evm::evm(evm_config(rules, config.chain_id), block_env(&header), overlay, Stopper::default());
        let number = header.number;
        let mut builder = Self { evm, header, transactions: Vec::new(), receipts: Vec::new() };
        store_parent_hash(&mut builder.evm, parent_hash).map_err(fatal)?;
        builder.deposit(&Transaction::deposit(attributes.to_deposit(number, rules)))?;
        for message in messages {
            // A deposit that the portal would not have sent does nothing.
            if message.header.kind == MessageKind::Deposit
                && let Ok(deposit) = deposit_transaction(message)
            {
                builder.deposit(&Transaction::deposit(deposit))?;
            }
        }
        Ok(builder)
    }

    /// The header so far: everything but roots, bloom and gas used is final.
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// Gas that this block has left.
    pub const fn gas_left(&self) -> u64 {
        self.header.gas_limit.saturating_sub(self.header.gas_used)
    }

    /// Receipts of the transactions that are in the block, deposits first.
    pub fn receipts(&self) -> &[OpReceiptEnvelope] {
        &self.receipts
    }

    /// The state as the transactions so far have left it.
    pub fn state(&mut self) -> &mut Overlay<DB> {
        self.evm.0.ctx.db_mut()
    }

    /// Runs a user's transaction. It is in the block afterwards, or it is invalid there and left no trace.
    pub fn execute(
        &mut self,
        tx: &Transaction,
    ) -> Result<Result<(), InvalidTransaction>, BlockError<DB::Error>> {
        match self.check(tx) {
            Ok(()) => self.run(tx),
            Err(invalid) => Ok(Err(invalid)),
        }
    }

    /// As [`execute`](Self::execute), but as soon as `stop` says so the run ends, and the transaction is left out as
    /// [`InvalidTransaction::Stopped`]. `stop` is asked every few hundred microseconds, and at calls. A run takes somewhat
    /// longer than without it.
    pub fn execute_unless(
        &mut self,
        tx: &Transaction,
        stop: impl FnMut() -> bool + Send + 'static,
    ) -> Result<Result<(), InvalidTransaction>, BlockError<DB::Error>> {
        if let Err(invalid) = self.check(tx) {
            return Ok(Err(invalid));
        }
        self.evm.set_inspector(Stopper::new(stop));
        let result = self.evm.inspect_one_tx(tx.to_evm());
        let is_stopped = self.evm.0.inspector.is_stopped();
        self.evm.set_inspector(Stopper::default());
        if is_stopped {
            // What it changed until then goes.
            self.evm.finalize();
            return Ok(Err(InvalidTransaction::Stopped));
        }
        self.complete(tx, result, None)
    }

    /// What is known before a transaction runs.
    fn check(&self, tx: &Transaction) -> Result<(), InvalidTransaction> {
        if tx.envelope().is_deposit() {
            return Err(InvalidTransaction::ForbiddenType(OpTxType::Deposit as u8));
        }
        let (limit, left) = (alloy_consensus::Transaction::gas_limit(tx.envelope()), self.gas_left());
        if limit > left { Err(InvalidTransaction::BlockGas { limit, left }) } else { Ok(()) }
    }

    /// Ends the block. Returns what is left to do, and the state underneath.
    pub fn finish(self) -> (PendingBlock, DB) {
        self.finish_with(|_, _| {})
    }

    /// As [`finish`](Self::finish); `visit` is shown every account that the block changed, so that a cache in the state
    /// underneath can keep up.
    pub fn finish_with(self, visit: impl FnMut(&mut DB, Touched<'_>)) -> (PendingBlock, DB) {
        let (changes, state) = self.evm.0.ctx.journaled_state.database.into_changes(visit);
        let pending = PendingBlock {
            header: self.header,
            transactions: self.transactions,
            receipts: self.receipts,
            changes,
        };
        (pending, state)
    }

    fn deposit(&mut self, tx: &Transaction) -> Result<(), BlockError<DB::Error>> {
        match self.run(tx)? {
            Ok(()) => Ok(()),
            // op-revm turns every failure of a deposit into a receipt of failure.
            Err(invalid) => Err(BlockError::Evm(invalid.to_string())),
        }
    }

    fn run(&mut self, tx: &Transaction) -> Result<Result<(), InvalidTransaction>, BlockError<DB::Error>> {
        let deposit_nonce = match tx.envelope() {
            OpTxEnvelope::Deposit(_) => {
                let sender = self.state().basic(tx.sender()).map_err(BlockError::Database)?;
                Some(sender.map_or(0, |info| info.nonce))
            }
            _ => None,
        };
        let result = self.evm.transact_one(tx.to_evm());
        self.complete(tx, result, deposit_nonce)
    }

    /// Takes a transaction that has run into the block, if it is valid there.
    fn complete(
        &mut self,
        tx: &Transaction,
        result: Result<ExecutionResult<OpHaltReason>, EVMError<DB::Error, OpTransactionError>>,
        deposit_nonce: Option<u64>,
    ) -> Result<Result<(), InvalidTransaction>, BlockError<DB::Error>> {
        let changes = self.evm.finalize();
        let result = match result {
            Ok(result) => result,
            Err(EVMError::Transaction(OpTransactionError::Base(invalid))) => return Ok(Err(invalid.into())),
            Err(EVMError::Transaction(other)) => {
                return Ok(Err(InvalidTransaction::Rollup(other.to_string())));
            }
            Err(error) => return Err(fatal(error)),
        };
        self.state().commit(changes);
        self.header.gas_used = self.header.gas_used.saturating_add(result.tx_gas_used());
        self.receipts.push(receipt(tx, result, self.header.gas_used, deposit_nonce));
        self.transactions.push(tx.clone());
        Ok(Ok(()))
    }
}

/// An EVM error that no transaction can cause.
fn fatal<E>(error: EVMError<E, OpTransactionError>) -> BlockError<E> {
    match error {
        EVMError::Database(error) => BlockError::Database(error),
        EVMError::Transaction(error) => BlockError::Evm(error.to_string()),
        EVMError::Header(error) => BlockError::Evm(error.to_string()),
        EVMError::Custom(error) => BlockError::Evm(error),
        _ => BlockError::Evm(String::from("unexpected error")),
    }
}

fn receipt(
    tx: &Transaction,
    result: ExecutionResult<OpHaltReason>,
    cumulative_gas_used: u64,
    deposit_nonce: Option<u64>,
) -> OpReceiptEnvelope {
    let success = result.is_success();
    // Only a success leaves logs behind.
    let logs = if success { result.into_logs() } else { Vec::new() };
    OpReceiptEnvelope::from_parts(
        success,
        cumulative_gas_used,
        &logs,
        tx.envelope().tx_type(),
        deposit_nonce,
        deposit_nonce.map(|_| DEPOSIT_RECEIPT_VERSION),
    )
}

/// The header of the block after `parent`, before its messages and transactions. The gas limit and the randomness are
/// the parent's until a message changes them.
fn next_header(parent: &Header, parent_hash: B256, timestamp: u64) -> Header {
    Header {
        parent_hash,
        ommers_hash: EMPTY_OMMER_ROOT_HASH,
        beneficiary: SEQUENCER_FEE_VAULT,
        number: parent.number.saturating_add(1),
        gas_limit: parent.gas_limit,
        timestamp,
        mix_hash: parent.mix_hash,
        blob_gas_used: Some(0),
        excess_blob_gas: Some(0),
        // There is no beacon chain under L2, and no beacon-roots contract.
        parent_beacon_block_root: Some(B256::ZERO),
        requests_hash: Some(EMPTY_REQUESTS_HASH),
        ..Header::default()
    }
}

/// An executed block whose state root is still to be computed.
#[derive(Debug)]
pub struct PendingBlock {
    header: Header,
    transactions: Vec<Transaction>,
    receipts: Vec<OpReceiptEnvelope>,
    changes: StateChanges,
}

impl PendingBlock {
    /// The header so far: everything but the roots and the bloom is final.
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// The codes that the block deployed, by their hashes.
    pub fn codes(&self) -> &[(B256, Bytes)] {
        &self.changes.codes
    }

    /// Computes all roots. `trie` stands at the parent's state and moves to the block's; new nodes go to `sink`.
    pub fn seal(
        mut self,
        trie: &mut StateTrie,
        source: &impl NodeSource,
        sink: &mut impl NodeSink,
    ) -> Result<ExecutedBlock, TrieError> {
        let header = &mut self.header;
        header.state_root = trie.update(&mut self.changes, source, sink)?;
        header.withdrawals_root = Some(trie.message_passer_root(source)?);
        let encoded: Vec<&Bytes> = self.transactions.iter().map(Transaction::encoded).collect();
        header.transactions_root = trie::ordered_root(&encoded);
        let encoded: Vec<Vec<u8>> = self.receipts.iter().map(Encodable2718::encoded_2718).collect();
        header.receipts_root = trie::ordered_root(&encoded);
        // Most receipts have no logs; in the fault proof VM each union takes a thousand instructions.
        let logging = self.receipts.iter().filter(|receipt| !receipt.logs().is_empty());
        header.logs_bloom = logging.fold(Bloom::ZERO, |bloom, receipt| bloom | *receipt.logs_bloom());
        let hash = self.header.hash_slow();
        Ok(ExecutedBlock {
            header: self.header,
            hash,
            transactions: self.transactions,
            receipts: self.receipts,
            changes: self.changes,
        })
    }
}

/// A complete block.
#[derive(Debug)]
pub struct ExecutedBlock {
    /// The header.
    pub header: Header,
    /// Its hash.
    pub hash: B256,
    /// The transactions that are in the block, deposits first.
    pub transactions: Vec<Transaction>,
    /// Their receipts.
    pub receipts: Vec<OpReceiptEnvelope>,
    /// What the block changed, storage roots included.
    pub changes: StateChanges,
}

/// The header of L2 block 0, whose state is given by its roots. Its queue index and its excess gas are 0, so its base
/// fee is the least, as the parameters in its state say.
pub fn genesis_header(
    state_root: B256,
    message_passer_root: B256,
    timestamp: u64,
    gas_limit: u64,
    fees: FeeParameters,
) -> Header {
    Header {
        ommers_hash: EMPTY_OMMER_ROOT_HASH,
        beneficiary: SEQUENCER_FEE_VAULT,
        state_root,
        transactions_root: trie::EMPTY_ROOT,
        receipts_root: trie::EMPTY_ROOT,
        gas_limit,
        timestamp,
        extra_data: ExtraData::default().into(),
        base_fee_per_gas: Some(fees.base_fee(0)),
        withdrawals_root: Some(message_passer_root),
        blob_gas_used: Some(0),
        excess_blob_gas: Some(0),
        parent_beacon_block_root: Some(B256::ZERO),
        requests_hash: Some(EMPTY_REQUESTS_HASH),
        ..Header::default()
    }
}
