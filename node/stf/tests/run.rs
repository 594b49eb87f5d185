//! Blocks from nothing but hashes, through a fork: what the fault proof program computes is what the node built.
#![allow(clippy::unwrap_used)]

mod common;

use std::{cell::RefCell, convert::Infallible};

use alloy_consensus::Header;
use alloy_primitives::{Address, B256, Bytes, U256};
use common::{CONFIG, Chain, Deposit, ETHER, Oracle, Queue, encode, transfer};
use stf::{
    BatchHeader, BlockError, BlockSpec, BootInfo, ChainConfig, ForkSchedule, Message, MessageSource,
    PreimageOracle, Transaction, UnknownRules, codec,
    config::Activation,
    derive::{block_inputs, block_specs},
    inbox::{DaKind, InboxError},
    output_root, run,
    run::{AgreedOutput, BlockRunError, OracleError, RunPhase},
};

const ALICE: Address = Address::repeat_byte(0xa1);
/// Time of the queue's first message; the others follow every twelve seconds.
const TIME: u64 = 1_700_000_000;
const KARST: u64 = TIME + 40;
/// Rules 3, which nobody knows.
const BEYOND: u64 = TIME + 1_000;

struct Source<'a>(&'a Queue);

impl MessageSource for Source<'_> {
    type Error = Infallible;

    fn message(&mut self, index: u64) -> Result<Message, Infallible> {
        Ok(self.0.messages[index as usize].clone())
    }
}

/// A chain that is derived from batches, and all preimages of it.
struct Rollup {
    chain: Chain,
    queue: Queue,
    oracle: Oracle,
    batch_acc: B256,
    /// All headers, genesis first.
    headers: Vec<Header>,
}

impl Rollup {
    fn new() -> Self {
        let forks = [(1, 0), (2, KARST), (3, BEYOND)];
        let forks = forks.map(|(rules, timestamp)| Activation { rules, timestamp });
        let config = ChainConfig { forks: ForkSchedule::new(&forks).unwrap(), ..CONFIG };
        let mut oracle = Oracle::default();
        oracle.add(&config.encode());
        let chain = Chain::with_config(config, &[]);
        let mut rollup =
            Self { chain, queue: Queue::default(), oracle, batch_acc: B256::ZERO, headers: Vec::new() };
        rollup.remember_head();
        rollup
    }

    /// Adds the preimages of the head: its header, its output, its state.
    fn remember_head(&mut self) {
        let Chain { header, hash, world, .. } = &self.chain;
        self.oracle.add(&alloy_rlp::encode(header));
        let (state_root, message_passer_root) = (header.state_root, header.withdrawals_root.unwrap());
        self.oracle.add(&AgreedOutput { state_root, message_passer_root, block_hash: *hash }.encode());
        self.oracle.add_world(world);
        self.headers.push(header.clone());
    }

    /// Posts a batch that covers the whole queue, with these specs; none are a forced batch. Returns its header and
    /// payload.
    fn post(&mut self, block_count: u64, specs: &[BlockSpec], l1_timestamp: u64) -> (BatchHeader, Vec<u8>) {
        let mut message_acc = B256::ZERO;
        for message in &self.queue.messages {
            self.oracle.add_chunks(&message.data);
            message_acc = self.oracle.add_link(message_acc, &message.header.encode());
        }
        let payload = match specs {
            [] => Vec::new(),
            specs => codec::encode(specs, CONFIG.chain_id, 5).unwrap(),
        };
        let batch = BatchHeader {
            da_kind: if payload.is_empty() { DaKind::None } else { DaKind::Calldata },
            data_hash: self.oracle.add_chunks(&payload),
            payload_length: payload.len() as u64,
            first_block: self.chain.header.number + 1,
            block_count,
            message_end: self.queue.messages.len() as u64,
            message_acc,
            message_gas_end: self.queue.gas_end(),
            l1_block_number: 1,
            l1_timestamp,
        };
        self.batch_acc = self.oracle.add_link(self.batch_acc, &batch.encode());
        (batch, payload)
    }

    /// Posts a batch and builds its blocks, as a node does.
    fn derive(&mut self, block_count: u64, specs: &[BlockSpec], l1_timestamp: u64) {
        let (batch, payload) = self.post(block_count, specs, l1_timestamp);
        for spec in block_specs(&self.chain.config, &batch, &payload, 0..usize::MAX) {
            let Chain { config, header, .. } = &self.chain;
            let mut source = Source(&self.queue);
            let inputs =
                block_inputs(config, header, &self.chain.extra(), &batch, spec, &mut source).unwrap();
            self.chain.interval = inputs.timestamp - header.timestamp;
            let transactions = inputs.transactions.into_iter().map(Transaction::recover);
            let transactions: Vec<_> = transactions.map(Result::unwrap).collect();
            self.chain.advance(&inputs.messages, &transactions);
            self.remember_head();
        }
        assert_eq!(self.chain.cursor(), batch.message_end);
    }

    /// What the program computes of the block after this one.
    fn run_after(&mut self, parent: &Header) -> Result<B256, BlockRunError> {
        run(&self.boot_after(parent), &self.oracle)
    }

    /// The hash of that block's boot.
    fn boot_after(&mut self, parent: &Header) -> B256 {
        let boot = BootInfo {
            agreed_output: output_root(parent, parent.hash_slow()),
            block: parent.number + 1,
            batch_acc: self.batch_acc,
            config_hash: self.chain.config.hash(),
        };
        self.oracle.add(&boot.encode())
    }
}

fn spec(timestamp: u64, messages: u64, nonce: u64) -> BlockSpec {
    BlockSpec { timestamp, messages, transactions: vec![encode(1, transfer(nonce))] }
}

#[test]
fn the_program_computes_what_was_built_on_both_sides_of_a_fork() {
    let mut rollup = Rollup::new();
    rollup.queue.info();
    rollup.queue.deposit(ALICE, Deposit { mint: ETHER, ..Deposit::default() });
    rollup.queue.config(2, (U256::from(3) << 64) | U256::from(7));
    rollup.queue.config(3, U256::from(2_000_000));
    let specs = [spec(TIME + 2, 1, 0), spec(KARST - 1, 1, 1), spec(KARST, 0, 2)];
    rollup.derive(3, &specs, TIME + 36);
    assert_eq!(rollup.chain.attributes().operator_fee_scalar, 0, "it was sent before Karst");
    rollup.queue.info();
    rollup.derive(1, &[spec(KARST + 10, 0, 3)], KARST + 12);
    rollup.queue.deposit(ALICE, Deposit { mint: ETHER, ..Deposit::default() });
    rollup.derive(2, &[], KARST + 24);

    let headers = rollup.headers.clone();
    let times: Vec<_> = headers[1..].iter().map(|header| header.timestamp).collect();
    assert_eq!(times, [TIME + 2, KARST - 1, KARST, KARST + 10, KARST + 24, KARST + 24]);
    for pair in headers.windows(2) {
        let expected = output_root(&pair[1], pair[1].hash_slow());
        assert_eq!(rollup.run_after(&pair[0]).unwrap(), expected, "block {}", pair[1].number);
    }
}

#[test]
fn under_unknown_rules_the_program_has_no_output() {
    let mut rollup = Rollup::new();
    rollup.derive(1, &[spec(TIME, 0, 0)], TIME);
    let parent = rollup.chain.header.clone();
    rollup.post(1, &[spec(BEYOND, 0, 1)], BEYOND);
    let result = rollup.run_after(&parent);
    let unknown = UnknownRules { id: 3, activation: BEYOND };
    assert!(
        matches!(result, Err(BlockRunError::Block(BlockError::UnknownRules(found))) if found == unknown),
        "{result:?}"
    );
}

#[test]
fn formats_of_other_versions_give_no_output() {
    let mut rollup = Rollup::new();
    let genesis = rollup.chain.header.clone();
    let (batch, _) = rollup.post(1, &[spec(TIME, 0, 0)], TIME);
    assert!(rollup.run_after(&genesis).is_ok());

    let mut header = batch.encode();
    header[0] = 2;
    let acc = std::mem::replace(&mut rollup.batch_acc, B256::ZERO);
    rollup.batch_acc = rollup.oracle.add_link(B256::ZERO, &header);
    let result = rollup.run_after(&genesis);
    assert!(matches!(result, Err(BlockRunError::Inbox(InboxError::Unknown { found: 2, .. }))), "{result:?}");

    rollup.batch_acc = acc;
    let mut config = rollup.chain.config.encode();
    config[0] = 2;
    let boot = BootInfo {
        agreed_output: output_root(&genesis, genesis.hash_slow()),
        block: 1,
        batch_acc: acc,
        config_hash: rollup.oracle.add(&config),
    };
    let result = run(&rollup.oracle.add(&boot.encode()), &rollup.oracle);
    assert!(matches!(result, Err(BlockRunError::Malformed("chain config"))), "{result:?}");
}

/// Notes what a run says of itself.
struct Noting<'a>(&'a Oracle, RefCell<Vec<RunPhase>>);

impl PreimageOracle for Noting<'_> {
    fn preimage(&self, hash: &B256) -> Result<Bytes, OracleError> {
        self.0.preimage(hash)
    }

    fn blob_element(&self, versioned_hash: &B256, index: u16) -> Result<B256, OracleError> {
        self.0.blob_element(versioned_hash, index)
    }

    fn enter(&self, phase: RunPhase) {
        self.1.borrow_mut().push(phase);
    }
}

#[test]
fn a_run_says_what_it_does() {
    let mut rollup = Rollup::new();
    let genesis = rollup.chain.header.clone();
    rollup.queue.info();
    rollup.queue.deposit(ALICE, Deposit { mint: ETHER, ..Deposit::default() });
    // The second of them has a nonce too high, and is in no block.
    let transactions = [0, 5, 1].map(|nonce| encode(1, transfer(nonce))).into();
    rollup.post(1, &[BlockSpec { timestamp: TIME + 2, messages: 2, transactions }], TIME + 36);
    let boot = rollup.boot_after(&genesis);
    let noting = Noting(&rollup.oracle, RefCell::default());
    run(&boot, &noting).unwrap();
    let place = RunPhase::Transaction;
    assert_eq!(
        noting.1.into_inner(),
        [RunPhase::Inputs, RunPhase::Deposits, place(2), place(3), place(3), RunPhase::Seal]
    );
}

#[test]
fn phases_are_words_and_back() {
    let phases = [RunPhase::Inputs, RunPhase::Deposits, RunPhase::Seal];
    let transactions = [0, 1, 1_000_000].map(RunPhase::Transaction);
    for phase in phases.into_iter().chain(transactions) {
        assert_eq!(RunPhase::from_word(phase.to_word()), Some(phase));
    }
    assert_eq!(RunPhase::from_word(0), None);
}
