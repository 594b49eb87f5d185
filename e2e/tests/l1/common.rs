//! An L1 with the contracts, and nodes that follow it in this process.

use std::{
    future::Future,
    sync::Arc,
    time::{Duration, Instant},
};

use alloy::{
    consensus::{SignableTransaction, TxEip1559},
    eips::eip2718::Encodable2718,
    primitives::{Address, B256, Bytes, TxKind, U256, keccak256},
    providers::Provider,
    rpc::types::TransactionRequest,
    signers::{SignerSync, local::PrivateKeySigner},
    sol_types::SolCall,
};
use bindings::{IInbox, IPortal, ISystemConfig};
use db::{BatchRecord, L1Cursor, MessageRecord};
use rollup::{
    RollupConfig,
    chain::{BuildPlan, Chain, ChainOptions},
    l1::{Follower, FollowerOptions, L1Client, connect, reach},
    process::BlobReading,
    shutdown::{self, Shutdown, Stop},
};
use stf::Transaction;
use tempfile::TempDir;
use testnet::{Anvil, AnvilOptions, DeployConfig, Mining, Roles, deploy};
use tokio::task::JoinHandle;

/// Nothing here takes longer.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

pub(crate) struct L1 {
    pub(crate) anvil: Anvil,
    pub(crate) deployed: DeployConfig,
    pub(crate) roles: Roles,
    pub(crate) config: Arc<RollupConfig>,
    dir: TempDir,
}

impl L1 {
    /// An L1 that mines when asked.
    pub(crate) async fn start() -> Self {
        Self::start_with(DeployConfig::devnet().unwrap()).await
    }

    pub(crate) async fn start_with(deployed: DeployConfig) -> Self {
        // For whoever looks for a failure's reason: RUST_LOG=node=debug.
        let filter = tracing_subscriber::EnvFilter::from_default_env();
        let _ = tracing_subscriber::fmt().with_env_filter(filter).with_test_writer().try_init();
        let dir = tempfile::tempdir().unwrap();
        // Final after 128 blocks: no test's reorg is deeper.
        let log = dir.path().join("anvil.log");
        let options = AnvilOptions { slots_in_an_epoch: 64, ..AnvilOptions::new(&log) };
        let anvil = Anvil::start(&options).await.unwrap();
        let roles = Roles::development().unwrap();
        let config = Arc::new(deploy(&anvil, &deployed, &roles).await.unwrap());
        for user in testnet::accounts::users().unwrap() {
            anvil.set_balance(user.address(), testnet::accounts::BALANCE).await.unwrap();
        }
        Self { anvil, deployed, roles, config, dir }
    }

    pub(crate) fn path(&self, name: &str) -> std::path::PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) async fn number(&self) -> u64 {
        self.anvil.provider().get_block_number().await.unwrap()
    }

    pub(crate) async fn mining(&self, mining: Mining) {
        self.anvil.set_mining(mining).await.unwrap();
    }

    /// Puts a transaction into the pool.
    pub(crate) async fn call(&self, key: &PrivateKeySigner, to: Address, data: Vec<u8>, value: u64) -> B256 {
        let request = TransactionRequest::default()
            .to(to)
            .input(Bytes::from(data).into())
            .value(U256::from(value))
            .gas_limit(6_000_000)
            .max_fee_per_gas(100_000_000_000)
            .max_priority_fee_per_gas(1_000_000_000);
        *self.anvil.wallet(key).unwrap().send_transaction(request).await.unwrap().tx_hash()
    }

    pub(crate) async fn deposit(&self, user: u32, value: u64, data: &[u8]) -> B256 {
        let key = testnet::accounts::account(user).unwrap();
        let call = IPortal::depositTransactionCall {
            to: key.address(),
            value: U256::from(value),
            gasLimit: 200_000,
            isCreation: false,
            data: data.to_vec().into(),
        };
        self.call(&key, self.config.contracts.portal, call.abi_encode(), value).await
    }

    pub(crate) async fn set_gas_limit(&self, gas_limit: u64) -> B256 {
        let call = ISystemConfig::setGasLimitCall { gasLimit: gas_limit };
        let owner = &self.roles.owner;
        self.call(owner, self.config.contracts.system_config, call.abi_encode(), 0).await
    }

    /// Posts a batch after the newest one in a block; it consumes the queue as of then.
    pub(crate) async fn batch(&self, payload: &[u8], blocks: u64) -> B256 {
        let inbox = IInbox::new(self.config.contracts.inbox, self.anvil.provider());
        let end = inbox.messageCount().call().await.unwrap();
        let call = IInbox::appendBatchCall {
            payload: payload.to_vec().into(),
            firstBlock: inbox.lastBlock().call().await.unwrap() + 1,
            blockCount: blocks,
            messageEnd: end,
            expectedMessageAcc: inbox.messageAcc(U256::from(end)).call().await.unwrap(),
            endMessageHeader: self.newest_message().await,
        };
        self.call(&self.roles.batcher, self.config.contracts.inbox, call.abi_encode(), 0).await
    }

    /// The header of the newest message in the queue: the logs tell.
    async fn newest_message(&self) -> Bytes {
        use alloy::sol_types::SolEvent;
        // Its proxy has events of its own.
        let events = vec![IInbox::MessageEnqueued::SIGNATURE_HASH, IInbox::BatchAppended::SIGNATURE_HASH];
        let filter = alloy::rpc::types::Filter::new()
            .address(self.config.contracts.inbox)
            .event_signature(events)
            .from_block(0);
        let logs = self.anvil.provider().get_logs(&filter).await.unwrap();
        let Some(log) = logs.last() else {
            return Bytes::new();
        };
        match IInbox::MessageEnqueued::decode_log(&log.inner) {
            Ok(event) => event.data.header,
            Err(_) => IInbox::BatchAppended::decode_log(&log.inner).unwrap().data.infoHeader,
        }
    }
}

/// Waits until something is so.
pub(crate) async fn until<F: Future<Output = bool>>(what: &str, mut condition: impl FnMut() -> F) {
    let start = Instant::now();
    while !condition().await {
        assert!(start.elapsed() < LIMIT, "waited too long until {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A task that is ended with the test.
pub(crate) struct Task {
    stop: Stop,
    handle: JoinHandle<()>,
}

impl Task {
    pub(crate) fn spawn<F>(task: impl FnOnce(Shutdown) -> F) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (stop, shutdown) = shutdown::channel();
        Self { stop, handle: tokio::spawn(task(shutdown)) }
    }

    pub(crate) async fn end(self) {
        self.stop.stop();
        self.handle.await.unwrap();
    }
}

/// A chain in this process that follows L1.
pub(crate) struct Node {
    pub(crate) chain: Chain,
    endpoints: Vec<L1Client>,
    follower: Option<Task>,
}

/// Everything that following L1 leaves behind.
#[derive(Debug, PartialEq)]
pub(crate) struct Records {
    cursor: Option<L1Cursor>,
    pub(crate) messages: Vec<MessageRecord>,
    pub(crate) batches: Vec<BatchRecord>,
    pub(crate) blocks: Vec<B256>,
}

impl Node {
    pub(crate) async fn start(l1: &L1, name: &str, url: &str, range: u64) -> Self {
        let client = connect(url, &l1.config).await.unwrap();
        Self::follow(l1, name, client, FollowerOptions { range, ..FollowerOptions::default() })
    }

    /// A node that takes blobs from these beacon nodes, and from these archives.
    pub(crate) async fn reading(l1: &L1, name: &str, beacons: &[&str], archives: &[&str]) -> Self {
        let client = connect(l1.anvil.url(), &l1.config).await.unwrap();
        let urls = |list: &[&str]| list.iter().map(|url| (*url).into()).collect();
        let blobs = BlobReading { l1_beacon: urls(beacons), archive: urls(archives) };
        Self::follow_by(l1, name, client, FollowerOptions::default(), &blobs)
    }

    /// A node with several endpoints.
    pub(crate) async fn start_with(l1: &L1, name: &str, urls: &[&str], options: FollowerOptions) -> Self {
        let urls: Vec<String> = urls.iter().map(|url| (*url).into()).collect();
        let (_stop, mut shutdown) = shutdown::channel();
        let client = reach(&urls, &l1.config, Some(LIMIT), &mut shutdown).await.unwrap().unwrap();
        Self::follow(l1, name, client, options)
    }

    fn follow(l1: &L1, name: &str, client: L1Client, options: FollowerOptions) -> Self {
        // Anvil keeps blobs as a beacon node does.
        let blobs = BlobReading { l1_beacon: vec![l1.anvil.url().into()], ..BlobReading::default() };
        Self::follow_by(l1, name, client, options, &blobs)
    }

    fn follow_by(
        l1: &L1,
        name: &str,
        client: L1Client,
        options: FollowerOptions,
        blobs: &BlobReading,
    ) -> Self {
        let chain = Chain::open(&l1.path(name), l1.config.clone(), ChainOptions::default()).unwrap();
        let options = FollowerOptions { poll_interval: Some(Duration::from_millis(20)), ..options };
        let endpoints = client.endpoints().to_vec();
        let follower = Follower::new(chain.clone(), client, options).with_blobs(blobs.sources().unwrap());
        Self { chain, endpoints, follower: Some(Task::spawn(|shutdown| follower.run(shutdown))) }
    }

    /// Waits until the newest L1 block has been read.
    pub(crate) async fn sync(&self, l1: &L1) {
        until("the follower is at L1's head", async || {
            let latest = l1.anvil.latest().await.unwrap().header;
            let cursor = self.chain.db().read().unwrap().l1_cursor().unwrap();
            cursor == Some(L1Cursor { number: latest.number, hash: latest.hash })
        })
        .await;
    }

    /// Waits until no endpoint is left out.
    pub(crate) async fn all_used(&self) {
        until("all endpoints are used", async || self.endpoints.iter().all(L1Client::is_used)).await;
    }

    /// Waits until an endpoint is left out.
    pub(crate) async fn left_out(&self, place: usize) {
        until("an endpoint is left out", async || !self.endpoints[place].is_used()).await;
    }

    pub(crate) async fn stop(mut self) {
        if let Some(follower) = self.follower.take() {
            follower.end().await;
        }
    }

    pub(crate) fn records(&self) -> Records {
        let reader = self.chain.db().read().unwrap();
        let safe = self.chain.heads().safe.number;
        let messages: Vec<MessageRecord> =
            reader.messages(0..=u64::MAX).unwrap().map(|record| record.unwrap().1).collect();
        for alias in messages.iter().filter_map(|message| message.alias) {
            assert_eq!(reader.deposit_alias(&alias.client_hash).unwrap(), Some(alias.hash));
        }
        Records {
            cursor: reader.l1_cursor().unwrap(),
            messages,
            batches: reader.batches(0..=u64::MAX).unwrap().map(|record| record.unwrap().1).collect(),
            blocks: (0..=safe).map(|number| reader.block_hash(number).unwrap().unwrap()).collect(),
        }
    }

    /// What a node that reads L1 only now comes to.
    pub(crate) async fn check_against_fresh(&self, l1: &L1, name: &str) -> Records {
        let fresh = Self::start(l1, name, l1.anvil.url(), 1000).await;
        fresh.sync(l1).await;
        self.sync(l1).await;
        let (expected, found) = (fresh.records(), self.records());
        assert_eq!(found.cursor, expected.cursor);
        assert_eq!(found.messages, expected.messages);
        assert_eq!(found.batches, expected.batches);
        assert_eq!(found.blocks, expected.blocks);
        fresh.stop().await;
        expected
    }

    /// Builds a block as a sequencer would, with these transactions.
    pub(crate) fn build(&self, transactions: Vec<Transaction>) -> u64 {
        let heads = self.chain.heads();
        let l1 = self.chain.db().read().unwrap().l1_block(heads.l1).unwrap();
        let timestamp = l1.map_or(0, |block| block.timestamp).max(heads.unsafe_head.timestamp);
        let plan = BuildPlan { timestamp, max_messages: u64::MAX, message_l1_limit: heads.l1 };
        let expected = transactions.len();
        let (block, executed) = self
            .chain
            .build(plan, |builder| {
                transactions
                    .iter()
                    .filter(|transaction| builder.execute(transaction).unwrap().is_ok())
                    .count()
            })
            .unwrap();
        assert_eq!(executed, expected, "all transactions are good");
        block.header.number
    }

    /// Transactions of a funded account, with data that does not compress.
    pub(crate) fn transactions(&self, user: u32, count: u64, data: usize) -> Vec<Transaction> {
        let key = testnet::accounts::account(user).unwrap();
        let config = self.chain.config();
        let reader = self.chain.db().read().unwrap();
        let state = reader.state_at(self.chain.heads().unsafe_head.number).unwrap();
        let nonce = state.account(&keccak256(key.address())).unwrap().map_or(0, |account| account.nonce);
        (nonce..nonce + count)
            .map(|nonce| {
                let mut input = Vec::with_capacity(data + 32);
                while input.len() < data {
                    let seed = [nonce.to_be_bytes(), (input.len() as u64).to_be_bytes()].concat();
                    input.extend_from_slice(keccak256(seed).as_slice());
                }
                let tx = TxEip1559 {
                    chain_id: config.chain.chain_id,
                    nonce,
                    gas_limit: 30_000 + 40 * input.len() as u64,
                    max_fee_per_gas: 1_000_000_000_000,
                    max_priority_fee_per_gas: 0,
                    to: TxKind::Call(Address::repeat_byte(0x77)),
                    value: U256::from(1),
                    input: input.into(),
                    ..TxEip1559::default()
                };
                let signature = key.sign_hash_sync(&tx.signature_hash()).unwrap();
                let signed = alloy::consensus::TxEnvelope::from(tx.into_signed(signature));
                Transaction::recover(signed.encoded_2718().into()).unwrap()
            })
            .collect()
    }
}
