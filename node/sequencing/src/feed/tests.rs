#![allow(clippy::unwrap_used)]

use std::{path::PathBuf, sync::Arc, time::Duration};

use alloy::{
    primitives::{Address, B256, Bytes, U256},
    signers::SignerSync,
};
use jsonrpsee::{
    RpcModule,
    server::{Server, ServerHandle},
};
use parking_lot::Mutex;
use stf::{BlockSpec, Message, MessageHeader, inbox::MessageKind};

use tokio::sync::watch;

use super::{
    message::{FIXED_SIZE, digest},
    *,
};
use crate::announce::{AnnounceLog, Announcer, Durability};
use rollup::{
    chain::{BuildPlan, Chain, FeedBlock, HeadBuilder},
    l1::{InboxEvent, L1Block, L1Update},
    shutdown,
    testing::{self, CHAIN_ID, key, transaction, transfer},
};

fn open(chain_id: u64, signers: &Signers, message: &Bytes) -> Result<FeedBlock, FeedError> {
    message::open(Meaning::Confirmed, chain_id, signers, message).map(|(_, block)| block)
}

fn block() -> FeedBlock {
    FeedBlock {
        number: 7,
        hash: B256::repeat_byte(0xab),
        spec: BlockSpec {
            timestamp: 1234,
            messages: 3,
            transactions: vec![transaction(0, transfer(0)), Bytes::new(), Bytes::from_static(&[1])],
        },
    }
}

fn signer(index: u8) -> Signers {
    Signers::new(key(index).address())
}

fn signed() -> Bytes {
    sign(Meaning::Confirmed, CHAIN_ID, &key(9).into(), &block()).unwrap().unwrap()
}

#[test]
fn a_signed_block_comes_out_as_it_went_in() {
    assert_eq!(open(CHAIN_ID, &signer(9), &signed()), Ok(block()));
}

#[test]
fn a_message_with_any_bit_changed_is_refused() {
    let message = signed();
    for bit in 0..message.len() * 8 {
        let mut tampered = message.to_vec();
        tampered[bit / 8] ^= 1 << (bit % 8);
        let opened = open(CHAIN_ID, &signer(9), &tampered.into());
        assert!(matches!(opened, Err(FeedError::Signature { .. })), "bit {bit}: {opened:?}");
    }
}

#[test]
fn a_message_cut_short_or_made_longer_is_refused() {
    let message = signed();
    for length in 0..message.len() {
        open(CHAIN_ID, &signer(9), &message.slice(..length)).unwrap_err();
    }
    let longer = [message.as_ref(), &[0]].concat();
    open(CHAIN_ID, &signer(9), &longer.into()).unwrap_err();
}

#[test]
fn somebody_elses_signature_and_another_chains_are_refused() {
    let refused = open(CHAIN_ID, &signer(8), &signed()).unwrap_err();
    assert_eq!(
        refused,
        FeedError::Signature { expected: Some(key(8).address()), found: Some(key(9).address()) }
    );
    open(CHAIN_ID + 1, &signer(9), &signed()).unwrap_err();
}

#[test]
fn a_signed_payload_that_does_not_decode_is_refused() {
    let payloads: [&[u8]; 3] = [&[0; 40], &[0; FIXED_SIZE - 1], &[0; FIXED_SIZE + 1]];
    let endless = [[0; FIXED_SIZE - 4].as_slice(), &[0xff; 4]].concat();
    for payload in payloads.into_iter().chain([endless.as_slice()]) {
        let digest = digest(Meaning::Confirmed, CHAIN_ID, &B256::ZERO, payload);
        let signature = key(9).sign_hash_sync(&digest).unwrap();
        let message: Bytes = [signature.as_bytes().as_slice(), payload].concat().into();
        assert_eq!(open(CHAIN_ID, &signer(9), &message), Err(FeedError::Malformed));
    }
}

struct Node {
    chain: Chain,
    log: AnnounceLog,
    announcer: Mutex<Announcer>,
    _dir: tempfile::TempDir,
}

impl Node {
    fn new(config: &Arc<rollup::RollupConfig>) -> Self {
        Self::with_key(config, 9)
    }

    /// A node that signs with a key.
    fn with_key(config: &Arc<rollup::RollupConfig>, index: u8) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let chain = testing::open(dir.path(), config);
        let log = AnnounceLog::beside(&chain, Durability::Process).unwrap();
        let announcer = Announcer::start(log.clone(), Some(key(index).into()), false).unwrap();
        Self { chain, log, announcer: Mutex::new(announcer), _dir: dir }
    }

    /// Begins to sign with another key.
    fn rotate(&self, index: u8) {
        let mut announcer = Announcer::start(self.log.clone(), Some(key(index).into()), false).unwrap();
        announcer.begin(&self.chain, 0).unwrap();
        *self.announcer.lock() = announcer;
    }

    fn feed(&self) -> RpcModule<Arc<FeedServer>> {
        module(self.chain.clone(), self.log.clone()).unwrap()
    }

    /// Adds a block with one transaction.
    fn build(&self, from: u8, nonce: u64) {
        self.build_with(from, nonce, 0);
    }

    /// The same, with this many messages at most.
    fn build_with(&self, from: u8, nonce: u64, max_messages: u64) {
        let tx = stf::Transaction::recover(transaction(from, transfer(nonce))).unwrap();
        let plan = BuildPlan { timestamp: 0, max_messages, message_l1_limit: u64::MAX };
        let fill = |builder: &mut HeadBuilder<'_>| builder.execute(&tx).unwrap().unwrap();
        self.chain.build_kept(plan, &mut *self.announcer.lock(), fill).unwrap();
    }

    async fn reaches(&self, other: &Self) {
        let mut heads = self.chain.watch_heads();
        let reached = heads.wait_for(|heads| heads.unsafe_head == other.chain.heads().unsafe_head);
        tokio::time::timeout(Duration::from_secs(20), reached).await.expect("in time").unwrap();
    }
}

async fn serve<T: Send + Sync + 'static>(module: RpcModule<T>) -> (ServerHandle, String) {
    let server = Server::builder().build("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}", server.local_addr().unwrap());
    (server.start(module), url)
}

fn follow(node: &Node, url: &str, signers: Signers) -> (shutdown::Stop, tokio::task::JoinHandle<()>) {
    let (_, signers) = watch::channel(signers);
    follow_signers(node, url, signers)
}

fn follow_signers(
    node: &Node,
    url: &str,
    signers: watch::Receiver<Signers>,
) -> (shutdown::Stop, tokio::task::JoinHandle<()>) {
    let (stop, shutdown) = shutdown::channel();
    let client =
        Client::new(node.chain.clone(), url.to_owned(), signers, watch::channel(FeedStatus::default()).0);
    (stop, tokio::spawn(client.run(shutdown)))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_follower_catches_up_and_then_gets_blocks_as_they_are_made() {
    let config = testing::config(3, 0);
    let (sequencer, replica) = (Node::new(&config), Node::new(&config));
    (0..300).for_each(|nonce| sequencer.build(0, nonce));
    let (_server, url) = serve(sequencer.feed()).await;
    let (stop, task) = follow(&replica, &url, signer(9));
    replica.reaches(&sequencer).await;
    for nonce in 0..50 {
        sequencer.build(1, nonce);
        replica.reaches(&sequencer).await;
    }
    stop.stop();
    task.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_follower_is_behind_until_it_has_caught_up() {
    let config = testing::config(3, 0);
    let (sequencer, replica) = (Node::new(&config), Node::new(&config));
    (0..300).for_each(|nonce| sequencer.build(0, nonce));
    // The sequencer's answers, one for each permit.
    let answers = Arc::new(tokio::sync::Semaphore::new(1));
    let feed = sequencer.feed();
    let mut gated = RpcModule::new((feed, answers.clone()));
    gated
        .register_async_method("recourse_feedBlocks", |params, gated, _| async move {
            gated.1.acquire().await.unwrap().forget();
            let params: (u64, u64) = params.parse().unwrap();
            gated.0.call::<_, Vec<Bytes>>("recourse_feedBlocks", params).await.unwrap()
        })
        .unwrap();
    let (_server, url) = serve(gated).await;
    let (_named, signers) = watch::channel(signer(9));
    let (sender, mut status) = watch::channel(FeedStatus::default());
    let client = Client::new(replica.chain.clone(), url, signers, sender);
    assert_eq!(*status.borrow(), FeedStatus::default());
    let (_stop, shutdown) = shutdown::channel();
    let _task = tokio::spawn(client.run(shutdown));
    let first = *status.wait_for(|status| status.highest > 0).await.unwrap();
    assert_eq!(first, FeedStatus { highest: 128, is_behind: true });
    // All there is, and that there is no more.
    answers.add_permits(3);
    let last = *status.wait_for(|status| !status.is_behind).await.unwrap();
    assert_eq!(last, FeedStatus { highest: 300, is_behind: false });
    assert_eq!(replica.chain.heads().unsafe_head, sequencer.chain.heads().unsafe_head);
    // A few blocks are what is on the way to everybody.
    sequencer.build(1, 0);
    answers.add_permits(2);
    let next = *status.wait_for(|status| status.highest > 300).await.unwrap();
    assert_eq!(next, FeedStatus { highest: 301, is_behind: false });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_follower_reconnects_and_loses_nothing() {
    let config = testing::config(3, 0);
    let (sequencer, replica) = (Node::new(&config), Node::new(&config));
    let server = Server::builder().build("127.0.0.1:0").await.unwrap();
    let address = server.local_addr().unwrap();
    let handle = server.start(sequencer.feed());
    let (_stop, _task) = follow(&replica, &format!("ws://{address}"), signer(9));
    sequencer.build(0, 0);
    replica.reaches(&sequencer).await;
    handle.stop().unwrap();
    handle.stopped().await;
    (1..10).for_each(|nonce| sequencer.build(0, nonce));
    // The port may need a moment to be free again.
    let server = loop {
        match Server::builder().build(address).await {
            Ok(server) => break server,
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    };
    let _handle = server.start(sequencer.feed());
    replica.reaches(&sequencer).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_follower_waits_for_l1_where_the_feed_lacks_blocks_and_goes_on_behind_them() {
    let config = testing::config(3, 0);
    let (sequencer, rival, replica) = (Node::new(&config), Node::new(&config), Node::new(&config));
    (0..5).for_each(|nonce| sequencer.build(0, nonce));
    let (_server, url) = serve(sequencer.feed()).await;
    let (_stop, _task) = follow(&replica, &url, signer(9));
    replica.reaches(&sequencer).await;
    // The sequencer's own blocks are replaced by others, from block 1 on, as L1 does it. Nobody has signed these.
    for nonce in 0..8 {
        rival.build(1, nonce);
        sequencer.chain.import_unsafe(&[testing::feed_block(&rival.chain, nonce + 1)]).unwrap();
    }
    sequencer.build(2, 0);
    let all: Vec<Bytes> = sequencer.feed().call("recourse_feedBlocks", (1, 100)).await.unwrap();
    let numbers: Vec<u64> =
        all.iter().map(|message| open(CHAIN_ID, &signer(9), message).unwrap().number).collect();
    assert_eq!(numbers, [9]);
    // In place of L1.
    let blocks: Vec<_> = (1..=8).map(|number| testing::feed_block(&rival.chain, number)).collect();
    replica.chain.import_unsafe(&blocks).unwrap();
    replica.reaches(&sequencer).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn blocks_of_another_signer_are_not_imported() {
    let config = testing::config(3, 0);
    let (sequencer, replica) = (Node::with_key(&config, 8), Node::new(&config));
    sequencer.build(0, 0);
    let (_server, url) = serve(sequencer.feed()).await;
    let (stop, task) = follow(&replica, &url, signer(9));
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(replica.chain.heads().unsafe_head.number, 0);
    stop.stop();
    task.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_follower_goes_on_by_itself_when_the_signer_is_replaced() {
    let config = testing::config(3, 0);
    let (sequencer, replica) = (Node::new(&config), Node::new(&config));
    sequencer.build(0, 0);
    let server = Server::builder().build("127.0.0.1:0").await.unwrap();
    let address = server.local_addr().unwrap();
    let handle = server.start(sequencer.feed());
    // L1 has not answered yet: nothing is believed.
    let (named, signers) = watch::channel(Signers::default());
    let (stop, task) = follow_signers(&replica, &format!("ws://{address}"), signers);
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(replica.chain.heads().unsafe_head.number, 0);
    named.send_modify(|signers| assert!(signers.update(key(9).address(), std::time::Instant::now())));
    replica.reaches(&sequencer).await;

    // L1 names another: the sequencer's key still counts.
    named.send_modify(|signers| assert!(signers.update(key(8).address(), std::time::Instant::now())));
    sequencer.build(0, 1);
    replica.reaches(&sequencer).await;
    handle.stop().unwrap();
    handle.stopped().await;

    // The sequencer comes back with the new key.
    sequencer.build(0, 2);
    let server = loop {
        match Server::builder().build(address).await {
            Ok(server) => break server,
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    };
    sequencer.rotate(8);
    let _handle = server.start(sequencer.feed());
    replica.reaches(&sequencer).await;
    stop.stop();
    task.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signed_block_that_comes_out_differently_is_not_imported() {
    let config = testing::config(3, 0);
    let replica = Node::new(&config);
    let wrong = FeedBlock { number: 1, spec: BlockSpec { messages: 0, ..block().spec }, ..block() };
    let message = sign(Meaning::Confirmed, CHAIN_ID, &key(9).into(), &wrong).unwrap().unwrap();
    let mut module = RpcModule::new(());
    module.register_method("recourse_feedBlocks", move |_, _, _| vec![message.clone()]).unwrap();
    let (_server, url) = serve(module).await;
    let (stop, task) = follow(&replica, &url, signer(9));
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(replica.chain.heads().unsafe_head.number, 0);
    stop.stop();
    task.await.unwrap();
}

#[tokio::test]
async fn answers_are_bounded() {
    let config = testing::config(3, 0);
    let sequencer = Node::new(&config);
    (0..140).for_each(|nonce| sequencer.build(0, nonce));
    let module = sequencer.feed();
    let count = async |from: u64, count: u64| {
        let blocks: Vec<Bytes> = module.call("recourse_feedBlocks", (from, count)).await.unwrap();
        blocks.len()
    };
    assert_eq!(count(0, u64::MAX).await, MAX_BLOCKS as usize);
    assert_eq!(count(131, u64::MAX).await, 10);
    assert_eq!(count(141, 5).await, 0);
    assert_eq!(count(u64::MAX, u64::MAX).await, 0);
    assert_eq!(count(1, 0).await, 0);
}

#[test]
fn what_is_signed_for_the_batcher_is_no_confirmation() {
    let message = sign(Meaning::Unconfirmed, CHAIN_ID, &key(9).into(), &block()).unwrap().unwrap();
    assert!(matches!(open(CHAIN_ID, &signer(9), &message), Err(FeedError::Signature { .. })));
    let opened = message::open(Meaning::Unconfirmed, CHAIN_ID, &signer(9), &message);
    assert_eq!(opened, Ok((key(9).address(), block())));
    message::open(Meaning::Unconfirmed, CHAIN_ID, &signer(9), &signed()).unwrap_err();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batcher_gets_the_blocks_that_nobody_may_confirm() {
    let config = testing::config(3, 0);
    let (sequencer, batcher, replica) = (Node::new(&config), Node::new(&config), Node::new(&config));
    sequencer.log.lose(3).unwrap();
    (0..3).for_each(|nonce| sequencer.build(0, nonce));
    let (_server, url) = serve(sequencer.feed()).await;
    let (_, signers) = watch::channel(signer(9));
    let (_stop, shutdown) = shutdown::channel();
    let status = watch::channel(FeedStatus::default()).0;
    let client = Client::new(batcher.chain.clone(), url.clone(), signers, status).with_unconfirmed();
    tokio::spawn(client.run(shutdown));
    batcher.reaches(&sequencer).await;
    let (_stop_replica, _task) = follow(&replica, &url, signer(9));
    // Those that may be confirmed, too.
    (3..5).for_each(|nonce| sequencer.build(0, nonce));
    batcher.reaches(&sequencer).await;
    assert_eq!(sequencer.log.next_signed(1), Some(4));
    assert_eq!(replica.chain.heads().unsafe_head.number, 0, "it has nothing to build on before L1 brings it");
}

/// An L1 block; those up to 10 bring a message each, and `branch` tells queues apart.
fn l1_block(number: u64, branch: u8, timestamp: u64) -> L1Update {
    let hash = |number: u64| B256::left_padding_from(&[branch, number as u8]);
    let header = MessageHeader {
        kind: MessageKind::L1Info,
        sender: Address::ZERO,
        l1_block_number: number,
        l1_timestamp: timestamp,
        gas: 21_000,
        gas_end: 21_000,
        base_fee: U256::from(1),
        blob_base_fee: U256::from(1),
        prev_randao: B256::repeat_byte(branch),
        data_hash: B256::ZERO,
    };
    let message = Message { header, data: Vec::new(), acc: hash(1) };
    let event = InboxEvent::Message { index: 0, message, client_hash: None };
    L1Update::Blocks(vec![L1Block {
        number,
        hash: hash(number),
        parent_hash: hash(number - 1),
        timestamp,
        events: if number <= 10 { vec![event] } else { Vec::new() },
    }])
}

/// A replica that has heard two blocks of number 1, each on top of the queue of one branch, while it knows the first branch
/// only.
struct Suspicious {
    replica: Node,
    evidence: Evidence,
    messages: [Bytes; 2],
    time: u64,
}

impl Suspicious {
    fn new() -> Self {
        let config = testing::config(3, 0);
        let time = config.genesis.timestamp;
        let messages = [1, 2].map(|branch| {
            let node = Node::new(&config);
            node.chain.apply_l1(l1_block(10, branch, time)).unwrap();
            node.build_with(0, 0, 1);
            node.log.message(1, node.chain.heads().unsafe_head.hash).unwrap().unwrap().1
        });
        let replica = Node::new(&config);
        replica.chain.apply_l1(l1_block(10, 1, time)).unwrap();
        let evidence = Evidence::beside(&replica.chain);
        let this = Self { replica, evidence, messages, time };
        let [first, second] = &this.messages;
        this.hear(first);
        this.hear(first);
        this.hear(second);
        this.hear(second);
        assert_eq!(this.files().len(), 0, "the signer may know more of L1");
        this
    }

    fn hear(&self, message: &Bytes) {
        let (signer, block) = message::open(Meaning::Confirmed, CHAIN_ID, &signer(9), message).unwrap();
        self.evidence.hears(&self.replica.chain, signer, &block, message);
    }

    /// L1 goes on.
    fn follow(&self, branch: u8) {
        for number in 11..=10 + evidence::SETTLED {
            assert_eq!(self.files().len(), 0, "not before L1 block {number}");
            self.replica.chain.apply_l1(l1_block(number, branch, self.time)).unwrap();
            self.evidence.judge(&self.replica.chain);
        }
    }

    fn files(&self) -> Vec<PathBuf> {
        let files = std::fs::read_dir(self.replica._dir.path().join("evidence"));
        files.map_or_else(|_| Vec::new(), |files| files.map(|file| file.unwrap().path()).collect())
    }
}

#[test]
fn two_blocks_of_one_number_are_kept_as_evidence() {
    let suspicious = Suspicious::new();
    suspicious.follow(1);
    let files = suspicious.files();
    let [file] = &files[..] else { panic!("{files:?}") };
    let kept: serde_json::Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let messages: [Bytes; 2] = serde_json::from_value(kept["messages"].clone()).unwrap();
    assert_eq!(messages, suspicious.messages);
    // Said again, it is no news.
    suspicious.hear(&suspicious.messages[1]);
    assert_eq!(suspicious.files(), files);
}

#[test]
fn a_signer_that_knew_of_a_reorg_first_is_not_accused() {
    let suspicious = Suspicious::new();
    suspicious.replica.chain.apply_l1(L1Update::Rewind { to: 9 }).unwrap();
    suspicious.replica.chain.apply_l1(l1_block(10, 2, suspicious.time)).unwrap();
    suspicious.evidence.judge(&suspicious.replica.chain);
    suspicious.follow(2);
    // The second block is the one that counts now.
    suspicious.hear(&suspicious.messages[1]);
    suspicious.hear(&suspicious.messages[1]);
    assert_eq!(suspicious.files().len(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_feeds_own_address_serves_the_feed_with_limits() {
    let config = testing::config(3, 0);
    let (sequencer, replica) = (Node::new(&config), Node::new(&config));
    sequencer.build(0, 0);
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (_stop, shutdown) = shutdown::channel();
    let _server = listen(address, sequencer.feed(), shutdown).await.unwrap();
    let url = format!("ws://{address}");
    let (_stop_replica, _task) = follow(&replica, &url, signer(9));
    replica.reaches(&sequencer).await;
    // The follower has one connection already.
    let mut readers = Vec::new();
    while let Ok(reader) = jsonrpsee::ws_client::WsClientBuilder::default().build(&url).await {
        readers.push(reader);
        assert!(readers.len() < 100, "no limit");
    }
    assert!(readers.len() > 50, "{}", readers.len());
}
