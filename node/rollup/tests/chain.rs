//! The chain against a model of L1: whatever order things happen in, a node that follows along and a node that reads
//! only the inbox that finally stands hold the same chain.
#![allow(clippy::unwrap_used, missing_docs, unreachable_pub)]

mod common;

use std::sync::Arc;

use alloy::primitives::{Address, B256, U256, keccak256};
use common::{CHAIN_ID, Node, config, user};
use rand::{Rng, SeedableRng, rngs::StdRng};
use rollup::{
    RollupConfig,
    chain::{BuildPlan, Chain, ChainError, ChainOptions, FeedBlock, ImportOutcome},
    l1::{InboxEvent, L1Block, L1Update},
};
use stf::{
    BatchHeader, ForkSchedule, Message, MessageHeader,
    codec::encode,
    config::Activation,
    derive::message_cursor,
    inbox::{DaKind, MessageKind, accumulate, chunk_hash},
};

/// A model of L1: its blocks with their inbox entries, and what the contract's counters say.
#[derive(Clone, Default)]
struct L1 {
    blocks: Vec<L1Block>,
    message_accs: Vec<B256>,
    batch_accs: Vec<B256>,
    last_block: u64,
    salt: u64,
}

impl L1 {
    fn new() -> Self {
        Self { message_accs: vec![B256::ZERO], batch_accs: vec![B256::ZERO], ..Self::default() }
    }

    fn timestamp(&self) -> u64 {
        1_000_000 + 12 * (self.blocks.len() as u64 + 1)
    }

    fn number(&self) -> u64 {
        self.blocks.len() as u64 + 1
    }

    fn messages(&self) -> u64 {
        self.message_accs.len() as u64 - 1
    }

    fn message(&mut self, kind: MessageKind, data: Vec<u8>) -> (u64, Message) {
        self.salt += 1;
        let header = MessageHeader {
            kind,
            sender: Address::repeat_byte(0x77),
            l1_block_number: self.number(),
            l1_timestamp: self.timestamp(),
            gas: 100_000,
            gas_end: 100_000 * (self.messages() + 1),
            base_fee: U256::from(self.salt),
            blob_base_fee: U256::from(1),
            prev_randao: keccak256(self.salt.to_be_bytes()),
            data_hash: chunk_hash(&data),
        };
        let acc = accumulate(*self.message_accs.last().unwrap(), &header.encode());
        self.message_accs.push(acc);
        (self.messages() - 1, Message { header, data, acc })
    }

    fn deposit(&mut self, rng: &mut StdRng) -> InboxEvent {
        let mut data = rng.random::<[u8; 20]>().to_vec();
        let mint = U256::from(rng.random_range(0..1_000u64));
        // Sometimes more than was minted, so that the deposit fails but mints.
        let value = U256::from(rng.random_range(0..2_000u64));
        data.extend_from_slice(&mint.to_be_bytes::<32>());
        data.extend_from_slice(&value.to_be_bytes::<32>());
        data.extend_from_slice(&100_000u64.to_be_bytes());
        data.push(0);
        let (index, message) = self.message(MessageKind::Deposit, data);
        InboxEvent::Message { index, message, client_hash: Some(keccak256(index.to_be_bytes())) }
    }

    fn batch(&mut self, payload: Vec<u8>, da_kind: DaKind, count: u64, message_end: u64) -> InboxEvent {
        let (info_index, info) = self.message(MessageKind::L1Info, Vec::new());
        let message_end = if da_kind == DaKind::None { self.messages() } else { message_end };
        let header = BatchHeader {
            da_kind,
            data_hash: chunk_hash(&payload),
            payload_length: payload.len() as u64,
            first_block: self.last_block + 1,
            block_count: count,
            message_end,
            message_acc: self.message_accs[message_end as usize],
            message_gas_end: 100_000 * message_end,
            l1_block_number: self.number(),
            l1_timestamp: self.timestamp(),
        };
        self.last_block += count;
        let index = self.batch_accs.len() as u64 - 1;
        let acc = accumulate(*self.batch_accs.last().unwrap(), &header.encode());
        self.batch_accs.push(acc);
        InboxEvent::Batch { index, header, acc, info_index, info, data: payload, tx_hash: acc }
    }

    fn mine(&mut self, events: Vec<InboxEvent>) -> L1Block {
        self.salt += 1;
        let parent_hash = self.blocks.last().map_or(B256::ZERO, |block| block.hash);
        let hash = keccak256([parent_hash.as_slice(), &self.salt.to_be_bytes()].concat());
        let block = L1Block { number: self.number(), hash, parent_hash, timestamp: self.timestamp(), events };
        self.blocks.push(block.clone());
        block
    }
}

/// The batch of the node's next unsafe blocks, if it has any.
fn honest_batch(node: &Node, l1: &mut L1, most: u64) -> Option<InboxEvent> {
    let reader = node.chain.db().read().unwrap();
    let (head, _) = reader.head().unwrap().unwrap();
    let first = l1.last_block + 1;
    let last = head.min(l1.last_block + most);
    if last < first {
        return None;
    }
    let cursor = message_cursor(&reader.header(last).unwrap().unwrap()).unwrap();
    let specs: Vec<_> =
        (first..=last).map(|number| FeedBlock::stored(&reader, number).unwrap().unwrap().spec).collect();
    if cursor > l1.messages() {
        return None;
    }
    let payload = encode(&specs, CHAIN_ID, 5).unwrap();
    Some(l1.batch(payload, DaKind::Calldata, last - first + 1, cursor))
}

fn follow(node: &Node, block: L1Block) {
    node.chain.apply_l1(L1Update::Blocks(vec![block])).unwrap();
}

fn assert_same_as_fresh(node: &Node, l1: &L1, config: &Arc<RollupConfig>) {
    let fresh = Node::new(config);
    fresh.chain.apply_l1(L1Update::Blocks(l1.blocks.clone())).unwrap();
    assert_eq!(fresh.safe(), l1.last_block);
    assert_eq!(node.safe(), l1.last_block);
    let hash = |node: &Node| node.chain.db().read().unwrap().block_hash(l1.last_block).unwrap();
    assert_eq!(hash(node), hash(&fresh), "safe block {} differs", l1.last_block);
}

#[test]
fn any_history_ends_in_the_chain_that_the_final_inbox_says() {
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(rand::random);
    println!("SEED={seed}");
    let mut rng = StdRng::seed_from_u64(seed);
    for _ in 0..12 {
        random_history(&mut rng);
    }
}

fn random_history(rng: &mut StdRng) {
    let config = config();
    let (sequencer, replica) = (Node::new(&config), Node::new(&config));
    let mut l1 = L1::new();
    let mut snapshots = vec![l1.clone()];
    for _ in 0..60 {
        match rng.random_range(0..10) {
            0..=3 => {
                let timestamp = l1.timestamp() + rng.random_range(0..3);
                let feed = sequencer.sequence(rng, timestamp);
                if rng.random_bool(0.7) {
                    let outcome = replica.chain.import_unsafe(std::slice::from_ref(&feed)).unwrap();
                    assert!(!matches!(outcome, ImportOutcome::Mismatch { .. }), "{outcome:?}");
                }
            }
            4..=8 => {
                let mut events = Vec::new();
                for _ in 0..rng.random_range(0..3) {
                    events.push(l1.deposit(rng));
                }
                match rng.random_range(0..8) {
                    0..=3 => {
                        let most = rng.random_range(1..5);
                        events.extend(honest_batch(&sequencer, &mut l1, most));
                    }
                    4 => {
                        let garbage: Vec<u8> = (0..rng.random_range(0..200)).map(|_| rng.random()).collect();
                        let consumed = message_end(&l1);
                        let end = rng.random_range(consumed..=l1.messages());
                        let count = rng.random_range(1..4);
                        events.push(l1.batch(garbage, DaKind::Calldata, count, end));
                    }
                    5 => events.push(l1.batch(Vec::new(), DaKind::None, 1, 0)),
                    _ => {}
                }
                let block = l1.mine(events);
                follow(&sequencer, block.clone());
                follow(&replica, block);
                snapshots.push(l1.clone());
            }
            _ => {
                let depth = rng.random_range(0..snapshots.len().min(6));
                snapshots.truncate(snapshots.len() - depth);
                let salt = l1.salt;
                l1 = snapshots.last().unwrap().clone();
                // The blocks that replace those of the old branch differ from them.
                l1.salt = salt + 1;
                let to = l1.blocks.len() as u64;
                for node in [&sequencer, &replica] {
                    node.chain.apply_l1(L1Update::Rewind { to }).unwrap();
                }
            }
        }
    }
    // A last batch per node's remaining blocks is not needed: the safe chains must agree now.
    assert_same_as_fresh(&sequencer, &l1, &config);
    assert_same_as_fresh(&replica, &l1, &config);
}

fn message_end(l1: &L1) -> u64 {
    let batches = l1.blocks.iter().flat_map(|block| &block.events).filter_map(|event| match event {
        InboxEvent::Batch { header, .. } => Some(header.message_end),
        InboxEvent::Message { .. } => None,
    });
    batches.max().unwrap_or(0)
}

#[test]
fn a_batch_of_the_sequencers_own_blocks_makes_them_safe_without_replacing_them() {
    let config = config();
    let sequencer = Node::new(&config);
    let mut rng = StdRng::seed_from_u64(1);
    let mut l1 = L1::new();
    for _ in 0..5 {
        sequencer.sequence(&mut rng, l1.timestamp());
    }
    let mut events = sequencer.chain.subscribe();
    let (head, hash) = sequencer.head();
    let batch = honest_batch(&sequencer, &mut l1, 5).unwrap();
    let block = l1.mine(vec![batch]);
    follow(&sequencer, block);
    assert_eq!(sequencer.safe(), head);
    assert_eq!(sequencer.head(), (head, hash));
    assert!(events.try_recv().is_err(), "nothing was executed again");
}

#[test]
fn a_garbage_batch_replaces_unsafe_blocks_by_empty_ones() {
    let config = config();
    let sequencer = Node::new(&config);
    let mut rng = StdRng::seed_from_u64(2);
    let mut l1 = L1::new();
    for _ in 0..3 {
        // Earlier than default blocks would be, so that even empty blocks differ from them.
        sequencer.sequence(&mut rng, l1.timestamp() - 5);
    }
    let batch = l1.batch(vec![0xff; 40], DaKind::Calldata, 2, 0);
    let block = l1.mine(vec![batch]);
    follow(&sequencer, block);
    assert_eq!((sequencer.head().0, sequencer.safe()), (2, 2));
    let reader = sequencer.chain.db().read().unwrap();
    for number in 1..=2 {
        assert_eq!(reader.transactions(number).unwrap().unwrap().len(), 1, "only the L1 attributes");
    }
}

#[test]
fn a_deposit_is_found_by_the_hash_that_clients_compute() {
    let config = config();
    let node = Node::new(&config);
    let mut rng = StdRng::seed_from_u64(3);
    let mut l1 = L1::new();
    let deposit = l1.deposit(&mut rng);
    let forced = l1.batch(Vec::new(), DaKind::None, 1, 0);
    let block = l1.mine(vec![deposit, forced]);
    follow(&node, block);
    let reader = node.chain.db().read().unwrap();
    let hash = reader.deposit_alias(&keccak256(0u64.to_be_bytes())).unwrap().unwrap();
    let location = reader.find_transaction(&hash).unwrap().unwrap();
    assert_eq!((location.block, location.index), (1, 1));
}

#[test]
fn a_feed_block_with_a_wrong_hash_leaves_no_trace() {
    let config = config();
    let (sequencer, replica) = (Node::new(&config), Node::new(&config));
    let mut rng = StdRng::seed_from_u64(4);
    let mut feed = sequencer.sequence(&mut rng, 1_000_100);
    let right = feed.hash;
    feed.hash = B256::repeat_byte(9);
    let outcome = replica.chain.import_unsafe(std::slice::from_ref(&feed)).unwrap();
    assert_eq!(outcome, ImportOutcome::Mismatch { expected: feed.hash, found: right });
    assert_eq!(replica.head().0, 0);
    feed.hash = right;
    assert_eq!(replica.chain.import_unsafe(std::slice::from_ref(&feed)).unwrap(), ImportOutcome::Appended);
    assert_eq!(replica.head(), sequencer.head());
    feed.number = 5;
    assert_eq!(
        replica.chain.import_unsafe(std::slice::from_ref(&feed)).unwrap(),
        ImportOutcome::Gap { next: 2 }
    );
}

#[test]
fn the_database_of_another_rollup_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let config = config();
    drop(Chain::open(dir.path(), config.clone(), ChainOptions::default()).unwrap());
    let mut other = (*config).clone();
    other.l1_chain_id = 1;
    let error = Chain::open(dir.path(), Arc::new(other), ChainOptions::default()).unwrap_err();
    assert!(error.to_string().contains("31337"), "{error}");
}

#[test]
fn states_of_all_heights_stay_readable() {
    let config = config();
    let node = Node::new(&config);
    let mut rng = StdRng::seed_from_u64(5);
    let mut nonces = vec![0];
    let address = user(0).address();
    for _ in 0..20 {
        node.sequence(&mut rng, 1_000_100);
        nonces.push(node.nonce(address));
    }
    let reader = node.chain.db().read().unwrap();
    for (height, nonce) in nonces.into_iter().enumerate() {
        let state = reader.state_at(height as u64).unwrap();
        assert_eq!(state.account(&keccak256(address)).unwrap().unwrap().nonce, nonce);
        let header = reader.header(height as u64).unwrap().unwrap();
        let mut trie = stf::StateTrie::new(header.state_root);
        let account = trie.account(&state, &keccak256(address)).unwrap().unwrap();
        assert_eq!(account.nonce, nonce, "the trie says the same at {height}");
    }
}

/// An L1 block with 2,500 L2 blocks: the last part of it does not apply.
#[test]
fn an_l1_block_that_was_applied_in_part_is_taken_back_and_applied_anew() {
    let config = config();
    let dir = tempfile::tempdir().unwrap();
    let open = || Chain::open(dir.path(), config.clone(), ChainOptions::default()).unwrap();
    let chain = open();
    let mut rng = StdRng::seed_from_u64(8);
    let mut l1 = L1::new();
    let first = l1.batch(Vec::new(), DaKind::Calldata, 1, 0);
    let first = l1.mine(vec![first]);
    chain.apply_l1(L1Update::Blocks(vec![first])).unwrap();

    let deposit = l1.deposit(&mut rng);
    let long = l1.batch(vec![0xff; 10], DaKind::Calldata, 2_000, 1);
    let next = l1.batch(Vec::new(), DaKind::Calldata, 500, 3);
    let whole = l1.mine(vec![deposit, long, next]);
    let mut broken = whole.clone();
    let Some(InboxEvent::Batch { index, .. }) = broken.events.last_mut() else { panic!("a batch") };
    *index += 1;
    let error = chain.apply_l1(L1Update::Blocks(vec![broken])).unwrap_err();
    assert!(matches!(error, ChainError::NotNext { what: "batch", .. }), "{error}");
    let heads = chain.heads();
    assert_eq!((heads.safe.number, heads.l1), (1, 1), "what was there is taken back");
    assert!(heads.unsafe_head.number > 1_000, "and its blocks stay");
    // As a kill between two parts leaves it.
    let mut writer = chain.db().write().unwrap();
    let row = db::L1BlockRecord { hash: whole.hash, parent: whole.parent_hash, timestamp: whole.timestamp };
    writer.put_l1_block(2, &row).unwrap();
    let InboxEvent::Message { index, message, .. } = &whole.events[0] else { panic!("a deposit") };
    let record = db::MessageRecord {
        l1_block: 2,
        acc: message.acc,
        header: message.header.encode(),
        data: message.data.clone().into(),
        alias: None,
    };
    writer.put_message(*index, &record).unwrap();
    writer.set_safe(1_200).unwrap();
    writer.commit().unwrap();
    drop(chain);

    let chain = open();
    let reader = chain.db().read().unwrap();
    assert_eq!((chain.heads().safe.number, reader.message_count().unwrap()), (1, *index));
    drop(reader);
    let mut events = chain.subscribe();
    chain.apply_l1(L1Update::Blocks(vec![whole])).unwrap();
    let fresh = Node::new(&config);
    fresh.chain.apply_l1(L1Update::Blocks(l1.blocks.clone())).unwrap();
    assert_eq!(chain.heads(), fresh.chain.heads());
    assert_eq!((chain.heads().safe.number, chain.heads().l1), (2_501, 2));
    let mut executed = 0;
    while events.try_recv().is_ok() {
        executed += 1;
    }
    assert!(executed <= 1_000, "what was there is not executed again, {executed} blocks were");
}

/// The last block before rules that this version does not know is there; then the chain says why it ends.
#[tokio::test]
async fn a_chain_ends_before_rules_that_it_does_not_know() {
    let mut config = RollupConfig::clone(&config());
    let mut l1 = L1::new();
    let activation = l1.timestamp() + 12;
    let rules = |rules, timestamp| Activation { rules, timestamp };
    config.chain.forks = ForkSchedule::new(&[rules(2, 0), rules(9, activation)]).unwrap();
    let node = Node::new(&Arc::new(config));
    let before = l1.batch(Vec::new(), DaKind::Calldata, 3, 0);
    let before = l1.mine(vec![before]);
    follow(&node, before);
    assert_eq!(node.safe(), 3);
    // Its default blocks have the activation's time.
    let after = l1.batch(Vec::new(), DaKind::Calldata, 1, 0);
    let after = l1.mine(vec![after]);
    let error = node.chain.apply_l1(L1Update::Blocks(vec![after])).unwrap_err();
    let line = node.chain.failed().await;
    assert!(line.contains("block 4") && line.contains("rules 9") && !line.contains('\n'), "{line}");
    assert!(error.to_string().contains("rules 9"), "{error}");
    assert_eq!(node.head().0, 3);
    // A sequencer ends there, too.
    let plan = BuildPlan { timestamp: activation, max_messages: 0, message_l1_limit: 0 };
    assert!(node.chain.build(plan, |_| ()).is_err());
    let plan = BuildPlan { timestamp: activation - 1, ..plan };
    assert_eq!(node.chain.build(plan, |_| ()).unwrap().0.header.number, 4);
}
