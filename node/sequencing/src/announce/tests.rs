#![allow(clippy::unwrap_used)]

use std::fs;

use rollup::{
    RollupConfig,
    chain::{BuildPlan, HeadBuilder},
    l1::{InboxEvent, L1Block, L1Update},
    testing::{self, key, transaction, transfer},
};
use stf::{Message, MessageHeader, inbox::MessageKind};

use super::*;

/// A chain whose blocks are kept.
struct Node {
    chain: Chain,
    announcer: Announcer,
    dir: tempfile::TempDir,
}

impl Node {
    fn new(config: &Arc<RollupConfig>) -> Self {
        Self::at(tempfile::tempdir().unwrap(), config)
    }

    fn at(dir: tempfile::TempDir, config: &Arc<RollupConfig>) -> Self {
        let chain = testing::open(dir.path(), config);
        let log = AnnounceLog::beside(&chain, Durability::Disk).unwrap();
        Self { chain, announcer: Announcer::start(log, Some(key(9).into()), false).unwrap(), dir }
    }

    fn build(&mut self, nonce: u64) -> u64 {
        self.build_with(nonce, 0)
    }

    /// A block with a transaction and so many messages.
    fn build_with(&mut self, nonce: u64, max_messages: u64) -> u64 {
        let tx = stf::Transaction::recover(transaction(0, transfer(nonce))).unwrap();
        let plan = BuildPlan { timestamp: 0, max_messages, message_l1_limit: u64::MAX };
        let fill = |builder: &mut HeadBuilder<'_>| builder.execute(&tx).unwrap().unwrap();
        self.chain.build_kept(plan, &mut self.announcer, fill).unwrap().0.header.number
    }

    fn signer(&self, number: u64) -> Option<Address> {
        let hash = self.chain.db().read().unwrap().block_hash(number).unwrap().unwrap();
        self.announcer.log().message(number, hash).unwrap().unwrap().0
    }

    fn head(&self) -> (u64, B256) {
        let head = self.chain.heads().unsafe_head;
        (head.number, head.hash)
    }

    fn folder(&self) -> PathBuf {
        self.dir.path().join(FOLDER)
    }

    /// Ends the process, and begins anew on the same log, but a database without any block.
    fn lose_database(self, config: &Arc<RollupConfig>) -> Self {
        let fresh = tempfile::tempdir().unwrap();
        fs::rename(self.folder(), fresh.path().join(FOLDER)).unwrap();
        Self::at(fresh, config)
    }
}

/// L1 blocks from 10 on, each with a message; `branch` tells queues apart.
fn l1_block(index: u64, branch: u8, timestamp: u64) -> L1Update {
    let header = MessageHeader {
        kind: MessageKind::L1Info,
        sender: Address::ZERO,
        l1_block_number: 10 + index,
        l1_timestamp: timestamp,
        gas: 21_000,
        gas_end: 21_000 * (index + 1),
        base_fee: alloy::primitives::U256::from(1),
        blob_base_fee: alloy::primitives::U256::from(1),
        prev_randao: B256::repeat_byte(branch),
        data_hash: B256::ZERO,
    };
    let acc = B256::left_padding_from(&[branch, index as u8 + 1]);
    let message = Message { header, data: Vec::new(), acc };
    L1Update::Blocks(vec![L1Block {
        number: 10 + index,
        hash: B256::left_padding_from(&[branch, 10 + index as u8]),
        parent_hash: B256::left_padding_from(&[branch, 9 + index as u8]),
        timestamp,
        events: vec![InboxEvent::Message { index, message, client_hash: None }],
    }])
}

#[test]
fn a_database_that_lost_everything_gets_it_back_from_the_log() {
    let config = testing::config(3, 0);
    let mut node = Node::new(&config);
    node.announcer.begin(&node.chain, 60_000).unwrap();
    (0..150).for_each(|nonce| _ = node.build(nonce));
    let head = node.head();
    let mut again = node.lose_database(&config);
    assert_eq!(again.head().0, 0);
    assert_eq!(take_back(&again.chain, again.announcer.log()).unwrap(), TakenBack::Done { void: 0 });
    assert_eq!(again.head(), head);
    again.announcer.begin(&again.chain, 60_000).unwrap();
    // It goes on, with signatures.
    let next = again.build(150);
    assert_eq!((next, again.signer(next)), (head.0 + 1, Some(key(9).address())));
}

#[test]
fn the_end_of_a_record_cut_short_is_cut_off_and_damage_before_it_is_an_error() {
    let config = testing::config(3, 0);
    let mut node = Node::new(&config);
    let identity = node.announcer.log().identity();
    (0..2).for_each(|nonce| _ = node.build(nonce));
    let path = segment::files(&node.folder()).unwrap().pop().unwrap();
    let before = fs::metadata(&path).unwrap().len() as usize;
    node.build(2);
    let whole = fs::read(&path).unwrap();
    let open = |bytes: &[u8]| {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(path.file_name().unwrap()), bytes).unwrap();
        let log = AnnounceLog::open(dir.path(), identity, Durability::Disk)?;
        Ok::<_, AnnounceError>(log.newest().map_or(0, |newest| newest.number))
    };
    assert_eq!(open(&whole).unwrap(), 3);
    for end in (before..whole.len()).step_by(7) {
        assert_eq!(open(&whole[..end]).unwrap(), 2, "cut at {end}");
        // A file system may leave room without content.
        assert_eq!(open(&[&whole[..end], &[0; 5000]].concat()).unwrap(), 2, "zeros from {end} on");
    }
    for at in [before - 1, before - 100, before - 300] {
        let mut damaged = whole.clone();
        damaged[at] ^= 1;
        assert!(matches!(open(&damaged), Err(AnnounceError::Damaged { .. })), "byte {at}");
    }
    let other = LogIdentity { chain_id: 1, ..identity };
    assert!(matches!(
        AnnounceLog::open(&node.folder(), other, Durability::Disk),
        Err(AnnounceError::OtherChain { .. })
    ));
}

#[test]
fn nothing_is_signed_where_a_lost_log_may_have_been_signed_on() {
    let config = testing::config(3, 0);
    let mut node = Node::new(&config);
    node.announcer.begin(&node.chain, 5).unwrap();
    let first = node.build(0);
    assert!(node.signer(first).is_some(), "a new rollup: nobody has signed anything");
    // The log is gone.
    let log = node.folder();
    let Node { chain, announcer, dir } = node;
    drop((chain, announcer));
    fs::remove_dir_all(log).unwrap();
    let mut node = Node::at(dir, &config);
    node.announcer.begin(&node.chain, 5).unwrap();
    let signed: Vec<(u64, bool)> = (1..7)
        .map(|nonce| {
            let number = node.build(nonce);
            (number, node.signer(number).is_some())
        })
        .collect();
    assert_eq!(signed, [(2, false), (3, false), (4, false), (5, false), (6, true), (7, true)]);
    // That is not forgotten, and a key without a past need not wait.
    let log = node.announcer.log().clone();
    assert_eq!(log.signed_up_to(key(8).address()).number, 5);
    let mut fresh = Announcer::start(log.clone(), Some(key(8).into()), true).unwrap();
    fresh.begin(&node.chain, 5).unwrap();
    drop(fresh);
    let log = AnnounceLog::open(&node.folder(), log.identity(), Durability::Disk).unwrap();
    assert_eq!(log.signed_up_to(key(7).address()).number, 5);
    assert_eq!(log.signed_up_to(key(9).address()).number, 7);
    // It has signed those blocks, too, that the other was not allowed to.
    assert_eq!(log.signed_up_to(key(8).address()).number, 7);
    assert_eq!(log.next_signed(1), Some(2));
}

#[test]
fn a_number_is_signed_again_only_where_both_premises_cannot_be_true() {
    let config = testing::config(3, 0);
    let mut node = Node::new(&config);
    let time = config.genesis.timestamp;
    node.chain.apply_l1(l1_block(0, 1, time)).unwrap();
    node.build(0);
    let second = node.build_with(1, 1);
    assert!(node.signer(second).is_some());
    let old = node.head();

    // L1 loses the message, and the block with it. Without it the first statement may become true again.
    node.chain.apply_l1(L1Update::Rewind { to: 9 }).unwrap();
    assert_eq!(node.head().0, 1);
    let again = node.build_with(1, 0);
    assert_eq!((again, node.signer(again)), (second, None));
    assert_ne!(node.head().1, old.1);

    // The same message again: the first statement is true.
    node.chain.apply_l1(l1_block(0, 1, time)).unwrap();
    let third = node.build_with(2, 1);
    assert!(node.signer(third).is_some(), "a number that was never signed");
    node.chain.apply_l1(L1Update::Rewind { to: 9 }).unwrap();

    // Another message in its place: a block that consumes it contradicts the first statement's premise.
    node.chain.apply_l1(l1_block(0, 2, time)).unwrap();
    let without = node.build_with(2, 0);
    assert_eq!((without, node.signer(without)), (third, None), "its premise says nothing of the message");
    let fourth = node.build_with(3, 1);
    assert!(node.signer(fourth).is_some());
    node.chain.apply_l1(L1Update::Rewind { to: 9 }).unwrap();
    node.chain.apply_l1(l1_block(0, 3, time)).unwrap();
    let replaced = node.build_with(3, 1);
    assert_eq!(replaced, fourth);
    assert!(node.signer(replaced).is_some(), "both premises can't be true");

    // After a restart all of that is known.
    let Node { chain, announcer, dir } = node;
    drop((chain, announcer));
    let mut node = Node::at(dir, &config);
    node.chain.apply_l1(L1Update::Rewind { to: 9 }).unwrap();
    let number = node.build_with(3, 0);
    assert_eq!((number, node.signer(number)), (fourth, None));
}

#[test]
fn blocks_that_l1_has_replaced_are_not_taken_back() {
    let config = testing::config(3, 0);
    let mut node = Node::new(&config);
    (0..3).for_each(|nonce| _ = node.build(nonce));
    let again = node.lose_database(&config);
    // Another block 1 stands there, which nobody announced.
    let rival = testing::open(tempfile::tempdir().unwrap().path(), &config);
    let plan = BuildPlan { timestamp: 0, max_messages: 0, message_l1_limit: 0 };
    let tx = stf::Transaction::recover(transaction(1, transfer(0))).unwrap();
    let (block, ()) = rival.build(plan, |builder| builder.execute(&tx).unwrap().unwrap()).unwrap();
    again.chain.import_unsafe(&[testing::feed_block(&rival, 1)]).unwrap();
    // It is unsafe, so what was announced counts for more.
    assert_eq!(take_back(&again.chain, again.announcer.log()).unwrap(), TakenBack::Done { void: 0 });
    assert_eq!(again.head().0, 3);
    assert_ne!(again.chain.db().read().unwrap().block_hash(1).unwrap(), Some(block.hash));
}

#[test]
fn what_is_final_is_dropped_with_what_it_says_of_signatures_kept() {
    let config = testing::config(3, 0);
    let mut node = Node::new(&config);
    (0..3).for_each(|nonce| _ = node.build(nonce));
    let log = node.announcer.log().clone();
    // Begins another file.
    log.declare_fresh(key(7).address()).unwrap();
    node.build(3);
    assert_eq!(segment::files(&node.folder()).unwrap().len(), 2);
    let at = |number| rollup::chain::BlockRef { number, ..Default::default() };
    let mut heads = Heads { safe: at(4), finalized: at(2), ..Heads::default() };
    let mut synced = 0;
    let mut prune = |heads: &Heads| {
        log.prune(heads, || {
            synced += 1;
            Ok::<_, AnnounceError>(())
        })
    };
    prune(&heads).unwrap();
    assert_eq!(segment::files(&node.folder()).unwrap().len(), 2, "block 3 is not final");
    heads.finalized = at(3);
    prune(&heads).unwrap();
    assert_eq!((segment::files(&node.folder()).unwrap().len(), synced), (1, 1));
    let known = |log: &AnnounceLog| {
        let signed = log.signed_up_to(key(9).address());
        (log.above(0).len(), signed.number, signed.known_from)
    };
    assert_eq!(known(&log), (1, 4, 4));
    let log = AnnounceLog::open(&node.folder(), log.identity(), Durability::Disk).unwrap();
    assert_eq!(known(&log), (1, 4, 4));
}

#[test]
fn a_log_without_flushes_counts_as_cut_after_the_machine_ended() {
    let config = testing::config(3, 0);
    let dir = tempfile::tempdir().unwrap();
    let identity = LogIdentity { chain_id: 1, genesis: config.genesis_hash };
    let begin = |durability| AnnounceLog::open(dir.path(), identity, durability).unwrap();
    let open = |durability| {
        let log = begin(durability);
        log.confirm().unwrap();
        log
    };
    assert!(begin(Durability::Process).was_new());
    assert!(begin(Durability::Process).was_cut(), "nobody has said what is missing");
    drop(open(Durability::Process));
    assert!(!open(Durability::Process).was_cut(), "a process that was killed loses nothing");
    // Another boot: the header of the only file says so.
    let end_of_machine = || {
        let path = segment::files(dir.path()).unwrap().pop().unwrap();
        let mut header = LogFile::read(path.clone()).unwrap().segment.header;
        header.boot = [7; 16];
        fs::write(path, header.encode()).unwrap();
    };
    end_of_machine();
    assert!(open(Durability::Process).was_cut());
    open(Durability::Process).close().unwrap();
    end_of_machine();
    assert!(!open(Durability::Process).was_cut(), "it ended in good order");
    end_of_machine();
    assert!(open(Durability::Disk).was_cut());
    end_of_machine();
    assert!(!open(Durability::Disk).was_cut(), "every record was flushed");
}
