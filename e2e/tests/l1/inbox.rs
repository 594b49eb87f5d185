//! The inbox contract and the state transition function together: whatever a sequencer posts, what it covers is executed,
//! and nobody's deposit can be kept out.
//!
//! The contract runs in this process; derivation is the node's own. `l1-contracts/test/InboxRules.t.sol` has the contract
//! with a model of derivation, `node/stf/tests/consumption.rs` derivation with a model of the contract.

use alloy::{
    consensus::Header,
    primitives::{Address, B256, Bytes, U256},
    sol_types::{SolCall, SolConstructor, SolEvent},
};
use bindings::{
    IInbox, ISystemConfig,
    artifacts::{Contract, creation_code},
    constructors,
};
use e2e::net::seeded;
use rand::{Rng, SeedableRng, rngs::StdRng};
use revm::{
    Context, ExecuteCommitEvm, MainBuilder, MainContext,
    context::{BlockEnv, TxEnv, result::ExecutionResult},
    database::InMemoryDB,
    primitives::{TxKind, hardfork::SpecId},
};
use rollup::{
    inbox_rules::{BLOCK_BURST, BLOCK_RATE, BlockAllowance, MAX_FORCED_BLOCKS, SECONDS_PER_L1_BLOCK},
    testing,
};
use stf::{
    BatchHeader, BlockSpec, ChainConfig, ExtraData, Message, MessageHeader, MessageSource,
    codec::encode,
    config::{GUARANTEE, MIN_MESSAGE_GAS},
    derive::{block_inputs, block_specs},
    inbox::MAX_BLOCKS_PER_BATCH,
};

const DEPLOYER: Address = Address::repeat_byte(0xde);
const PORTAL: Address = Address::repeat_byte(0xb0);
const BATCHER: Address = Address::repeat_byte(0xba);
const STRANGER: Address = Address::repeat_byte(0x57);
const FORCE_DELAY: u64 = 43_200;
const SEQUENCER_TIMEOUT: u64 = 21_600;
/// Gas of an L1 transaction (EIP-7825).
const GAS: u64 = 1 << 24;

/// L1 with the inbox, and L2 as it is derived.
#[derive(Clone)]
struct World {
    db: InMemoryDB,
    number: u64,
    timestamp: u64,
    inbox: Address,
    queue: Vec<Message>,
    /// The header of the newest L2 block.
    head: Header,
    allowance: BlockAllowance,
}

struct Queue<'a>(&'a [Message]);

impl MessageSource for Queue<'_> {
    type Error = &'static str;

    fn message(&mut self, index: u64) -> Result<Message, &'static str> {
        self.0.get(index as usize).cloned().ok_or("no such message")
    }
}

fn config() -> ChainConfig {
    ChainConfig { force_delay: FORCE_DELAY, ..testing::chain_config() }
}

impl World {
    fn new() -> Self {
        let timestamp = 1_700_000_000;
        // Each behind the proxy that follows it.
        let (inbox, system_config) = (DEPLOYER.create(1), DEPLOYER.create(3));
        let mut world = Self {
            db: InMemoryDB::default(),
            number: 1_000,
            timestamp,
            inbox,
            queue: Vec::new(),
            head: Header { timestamp, extra_data: ExtraData::default().into(), ..Header::default() },
            allowance: BlockAllowance::full(timestamp),
        };
        let arguments = constructors::Inbox::constructorCall {
            portal: PORTAL,
            systemConfig: system_config,
            forceDelay: FORCE_DELAY,
            sequencerTimeout: SEQUENCER_TIMEOUT,
        };
        world.deploy(Contract::Inbox, arguments.abi_encode(), IInbox::initializeCall {}.abi_encode());
        let arguments = constructors::SystemConfig::constructorCall { inbox };
        let initialize = ISystemConfig::initializeCall {
            owner: DEPLOYER,
            batcher: BATCHER,
            unsafeBlockSigner: DEPLOYER,
            gasLimit: 30_000_000,
            baseFeeScalar: 0,
            blobBaseFeeScalar: 0,
            operatorFeeScalar: 0,
            operatorFeeConstant: 0,
            gasTarget: 10_000_000,
            minBaseFee: 1,
        };
        world.deploy(Contract::SystemConfig, arguments.abi_encode(), initialize.abi_encode());
        world
    }

    /// Deploys a contract, and a proxy that is initialized.
    fn deploy(&mut self, contract: Contract, arguments: Vec<u8>, call: Vec<u8>) {
        let nonce = self.db.cache.accounts.get(&DEPLOYER).map_or(0, |account| account.info.nonce);
        let code = [creation_code(contract).as_ref(), &arguments].concat();
        self.transact(DEPLOYER, TxKind::Create, code).expect("the contract is deployed");
        let implementation = DEPLOYER.create(nonce);
        let arguments = constructors::ERC1967Proxy::constructorCall { implementation, data: call.into() };
        let code = [creation_code(Contract::ERC1967Proxy).as_ref(), &arguments.abi_encode()].concat();
        self.transact(DEPLOYER, TxKind::Create, code).expect("its proxy is deployed");
    }

    /// A transaction in the L1 block of now; `None` if it reverts.
    fn transact(&mut self, caller: Address, kind: TxKind, data: Vec<u8>) -> Option<ExecutionResult> {
        let block = BlockEnv {
            number: U256::from(self.number),
            timestamp: U256::from(self.timestamp),
            gas_limit: GAS,
            prevrandao: Some(B256::repeat_byte(1)),
            ..BlockEnv::default()
        };
        let nonce = self.db.cache.accounts.get(&caller).map_or(0, |account| account.info.nonce);
        let tx = TxEnv { caller, kind, nonce, data: data.into(), gas_limit: GAS, ..TxEnv::default() };
        let mut evm = Context::mainnet()
            .with_db(&mut self.db)
            .with_block(block)
            .modify_cfg_chained(|cfg| cfg.set_spec_and_mainnet_gas_params(SpecId::OSAKA))
            .build_mainnet();
        Some(evm.transact_commit(tx).expect("a valid transaction")).filter(ExecutionResult::is_success)
    }

    fn learn(&mut self, index: u64, header: &[u8], acc: B256, data: Bytes) {
        assert_eq!(index, self.queue.len() as u64);
        let header = MessageHeader::decode(header).expect("the contract's format is ours");
        let before = self.queue.last().map_or(0, |message| message.header.gas_end);
        assert_eq!(header.gas_end, before + header.gas);
        self.queue.push(Message { header, data: data.into(), acc });
    }

    fn view<C: SolCall>(&mut self, call: C) -> C::Return {
        let data = call.abi_encode();
        let result = self.clone().transact(STRANGER, TxKind::Call(self.inbox), data).expect("a view");
        C::abi_decode_returns(result.output().expect("an answer")).expect("its type")
    }

    fn extra(&self) -> ExtraData {
        ExtraData::of(&self.head).expect("every block has it")
    }

    /// Derives the blocks of a batch, and checks what every batch promises.
    fn derive(&mut self, batch: &BatchHeader, payload: &[u8]) {
        let config = config();
        assert_eq!(batch.first_block, self.head.number + 1);
        let specs = block_specs(&config, batch, payload, 0..usize::MAX);
        assert_eq!(specs.len() as u64, batch.block_count);
        for spec in specs {
            let extra = self.extra();
            let inputs =
                block_inputs(&config, &self.head, &extra, batch, spec, &mut Queue(&self.queue)).unwrap();
            let newest = inputs.messages.last().map_or(0, |message| message.header.l1_timestamp);
            assert!(inputs.timestamp >= self.head.timestamp.max(newest));
            assert!(inputs.timestamp >= batch.l1_timestamp.saturating_sub(FORCE_DELAY));
            let extra = ExtraData {
                message_cursor: extra.message_cursor + inputs.messages.len() as u64,
                consumed_gas: inputs.messages.last().map_or(extra.consumed_gas, |last| last.header.gas_end),
                excess_gas: 0,
            };
            self.head = Header {
                number: self.head.number + 1,
                timestamp: inputs.timestamp,
                extra_data: extra.into(),
                ..Header::default()
            };
        }
        let extra = self.extra();
        assert_eq!(extra.message_cursor, batch.message_end, "after a batch the cursor is its message end");
        assert_eq!(extra.consumed_gas, batch.message_gas_end);
        self.allowance = self.allowance.after(batch.block_count, batch.l1_timestamp);
        assert_eq!(self.view(IInbox::servedGasCall {}), extra.consumed_gas);
        assert_eq!(self.view(IInbox::messageEndCall {}), extra.message_cursor);
        assert_eq!(self.view(IInbox::lastBlockCall {}), self.head.number);
        assert_eq!(self.view(IInbox::blockAllowanceCall {}), self.allowance.at(self.timestamp));
    }

    fn deposit(&mut self, gas: u64) {
        let call = IInbox::enqueueCall { kind: 1, sender: STRANGER, gas, data: vec![0; 93].into() };
        let result = self.transact(PORTAL, TxKind::Call(self.inbox), call.abi_encode());
        let result = result.expect("the portal may");
        let event = IInbox::MessageEnqueued::decode_log(&result.logs()[0]).expect("a message alone");
        self.learn(event.index, &event.header, event.acc, event.data.data.clone());
    }

    fn header(&self, index: u64) -> Bytes {
        self.queue
            .get(index as usize)
            .map_or_else(Bytes::new, |message| message.header.encode().to_vec().into())
    }

    fn is_old(&self, index: u64) -> bool {
        let header = &self.queue[index as usize].header;
        header.l1_timestamp + FORCE_DELAY < self.timestamp
            && header.l1_block_number + FORCE_DELAY.div_ceil(SECONDS_PER_L1_BLOCK) < self.number
    }

    /// A batch of the batcher; whether the inbox took it.
    fn append(&mut self, payload: &[u8], blocks: u64, message_end: u64, shown: u64) -> bool {
        let call = IInbox::appendBatchCall {
            payload: payload.to_vec().into(),
            firstBlock: self.head.number + 1,
            blockCount: blocks,
            messageEnd: message_end,
            expectedMessageAcc: B256::ZERO,
            endMessageHeader: self.header(shown),
        };
        self.post(BATCHER, &call.abi_encode(), payload)
    }

    /// A forced batch that shows the oldest message; whether the inbox took it.
    fn force(&mut self) -> bool {
        let extra = self.extra();
        let most = extra.consumed_gas + GUARANTEE * MAX_FORCED_BLOCKS;
        let end = self.queue.partition_point(|message| message.header.gas_end <= most) as u64;
        let call = IInbox::forceBatchCall {
            oldMessageHeader: self.header(extra.message_cursor),
            messageEnd: end,
            endMessageHeader: self.header(end),
        };
        self.post(STRANGER, &call.abi_encode(), &[])
    }

    fn post(&mut self, caller: Address, data: &[u8], payload: &[u8]) -> bool {
        let Some(result) = self.transact(caller, TxKind::Call(self.inbox), data.to_vec()) else {
            return false;
        };
        let event = IInbox::BatchAppended::decode_log(&result.logs()[0]).expect("a batch alone");
        let batch = BatchHeader::decode(&event.header).expect("the contract's format is ours");
        self.learn(event.infoIndex, &event.infoHeader, B256::ZERO, Bytes::new());
        self.derive(&batch, payload);
        true
    }

    /// L1 goes on by some blocks, or stands still for as long.
    fn wait(&mut self, seconds: u64, stands_still: bool) {
        self.timestamp += seconds;
        self.number += if stands_still { 1 } else { (seconds / 12).max(1) };
    }
}

/// A payload that asks for any numbers of messages, or one that means nothing.
fn random_payload(rng: &mut StdRng, world: &World, blocks: u64) -> Vec<u8> {
    if rng.random_ratio(1, 4) {
        return rng.random::<[u8; 20]>().to_vec();
    }
    let spec = |rng: &mut StdRng| BlockSpec {
        timestamp: match rng.random_range(0..4) {
            0 => 0,
            1 => u64::MAX,
            _ => world.timestamp.saturating_add_signed(rng.random_range(-100_000..100_000)),
        },
        messages: [0, 1, rng.random_range(0..50), u64::MAX][rng.random_range(0..4)],
        transactions: Vec::new(),
    };
    let specs: Vec<BlockSpec> = (0..blocks).map(|_| spec(rng)).collect();
    encode(&specs, config().chain_id, 1).unwrap()
}

fn random_batch(rng: &mut StdRng, world: &mut World) -> bool {
    let count = world.queue.len() as u64;
    let cursor = world.extra().message_cursor;
    let allowance = world.view(IInbox::blockAllowanceCall {});
    let blocks = match rng.random_range(0..20) {
        0 => MAX_BLOCKS_PER_BATCH.min(allowance),
        1 => rng.random_range(0..=MAX_BLOCKS_PER_BATCH + 1),
        _ => rng.random_range(1..12),
    };
    // The most that it may cover, all, nothing, or anything.
    let most = world.extra().consumed_gas + GUARANTEE * blocks;
    let brim = world.queue.partition_point(|message| message.header.gas_end <= most) as u64;
    let message_end = match rng.random_range(0..6) {
        0 => count,
        1 => cursor,
        2 => rng.random_range(cursor..=count),
        _ => brim.max(cursor),
    };
    let shown = if rng.random_ratio(1, 4) { message_end.saturating_sub(1) } else { message_end };
    let payload = random_payload(rng, world, blocks.min(50));
    let valid = (1..=MAX_BLOCKS_PER_BATCH).contains(&blocks)
        && blocks <= allowance
        && world
            .queue
            .get(message_end.wrapping_sub(1) as usize)
            .map_or(0, |last| last.header.gas_end)
            .max(world.extra().consumed_gas)
            <= most;
    let leaves_old = message_end < count && world.is_old(message_end);
    let is_full = blocks == MAX_BLOCKS_PER_BATCH.min(allowance) && message_end == brim;
    let taken = world.append(&payload, blocks, message_end, shown);
    assert!(!taken || valid, "{blocks} blocks up to {message_end} of {count}");
    assert!(!taken || !leaves_old || is_full, "an old message stays behind a batch that is not full");
    taken
}

/// Whoever wants the message in forces batches, now, until it is: the bound of `l1-contracts/README.md`.
fn check_promise(world: &World, index: u64) {
    let mut world = world.clone();
    let unserved = world.queue[index as usize].header.gas_end - world.extra().consumed_gas;
    let bound = unserved / (GUARANTEE * (MAX_FORCED_BLOCKS - 1)) + 1;
    for forced in 0.. {
        if world.extra().message_cursor > index {
            return;
        }
        assert!(forced < bound, "{forced} batches did not execute {unserved} gas");
        assert!(world.force(), "a batch can be forced while an old message waits");
    }
}

fn play(seed: u64, acts: u32) -> (u32, u32, u32) {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut world = World::new();
    let (mut appended, mut forced, mut checked) = (0, 0, 0);
    for _ in 0..acts {
        match rng.random_range(0..12) {
            0..4 => {
                // Now and then somebody buys a backlog.
                let (deposits, most) =
                    if rng.random_ratio(1, 10) { (120, GUARANTEE) } else { (3, 1_000_000) };
                for _ in 0..rng.random_range(1..=deposits) {
                    world.deposit(rng.random_range(MIN_MESSAGE_GAS..=most));
                }
            }
            4..6 => world.wait(rng.random_range(12..600), false),
            6 => world.wait(rng.random_range(3_600..50_000), rng.random()),
            7 => forced += u32::from(world.force()),
            _ => appended += u32::from(random_batch(&mut rng, &mut world)),
        }
        let cursor = world.extra().message_cursor;
        let old = (cursor..world.queue.len() as u64).take_while(|index| world.is_old(*index)).last();
        if let Some(newest) = old {
            check_promise(&world, newest);
            checked += 1;
        }
    }
    (appended, forced, checked)
}

#[test]
fn whatever_the_sequencer_posts_an_old_deposit_can_be_executed_at_once_and_a_batch_executes_what_it_covers() {
    let mut rng = seeded("inbox and derivation").unwrap();
    let mut all = (0, 0, 0);
    for _ in 0..24 {
        let seed = rng.random();
        eprintln!("world {seed}");
        let (appended, forced, checked) = play(seed, 250);
        all = (all.0 + appended, all.1 + forced, all.2 + checked);
    }
    eprintln!("{} batches of the sequencer, {} forced ones, {} times a message was old", all.0, all.1, all.2);
    assert!(all.0 > 300 && all.1 > 20 && all.2 > 100, "{all:?}");
}

/// The attack: a prepaid backlog, and batches of one block that cover all of it.
#[test]
fn a_backlog_that_is_covered_and_not_executed_is_refused() {
    let mut world = World::new();
    for _ in 0..200 {
        world.deposit(GUARANTEE);
    }
    world.deposit(100_000);
    let victim = world.queue.len() as u64 - 1;
    world.wait(FORCE_DELAY / 2, false);
    assert!(!world.append(&[], 1, victim + 1, victim), "one block does not execute 2 billion gas");
    assert!(world.append(&[], 1, 1, 1));
    assert_eq!(world.extra().message_cursor, 1);
    world.wait(FORCE_DELAY / 2 + 1_000, false);
    // Now it must execute the victim's, or a full batch's worth.
    assert!(!world.append(&[], 200, victim, victim));
    check_promise(&world, victim);
    assert!(world.append(&[], 201, victim + 1, victim + 1));
    assert_eq!(world.extra().message_cursor, victim + 1);
}

/// The attack: 39 batches of 4,096 empty blocks fit an L1 block, for 82,000 gas each.
#[test]
fn empty_blocks_beyond_the_allowance_are_refused() {
    let mut world = World::new();
    let taken = (0..39).take_while(|_| world.append(&[], MAX_BLOCKS_PER_BATCH, 0, 0)).count() as u64;
    assert_eq!(taken, BLOCK_BURST / MAX_BLOCKS_PER_BATCH);
    let rest = BLOCK_BURST % MAX_BLOCKS_PER_BATCH;
    assert!(!world.append(&[], rest + 1, 0, 0) && world.append(&[], rest, 0, 0));
    assert_eq!(world.head.number, BLOCK_BURST);
    assert!(!world.append(&[], 1, 0, 0));
    world.wait(12, false);
    assert!(!world.append(&[], 12 * BLOCK_RATE + 1, 0, 0) && world.append(&[], 12 * BLOCK_RATE, 0, 0));
}
