//! A chain with a pool behind a real server, and a sequencer that works when it is told to.

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc};

use alloy::{
    consensus::{SignableTransaction, TxEip1559},
    eips::eip2718::Encodable2718,
    primitives::{Address, B256, Bytes, TxKind, U256, address, b256, bytes, hex},
    signers::SignerSync,
};
use jsonrpsee::{
    core::{ClientError, client::ClientT},
    http_client::{HttpClient, HttpClientBuilder},
    types::ErrorObjectOwned,
};
use rollup::{
    RollupConfig,
    chain::{BuildPlan, Chain, ChainBlock, ChainEvent, ChainOptions, ImportOutcome},
    config::{Genesis, GenesisAccount},
    l1::{InboxEvent, L1Block, L1Status, L1Update},
    shutdown::{self, Stop},
};
use rpc::{Listener, RpcConfig, RpcContext, RpcHandle, serve};
use sequencing::pool::{Pool, PoolOptions};
use serde::de::DeserializeOwned;
use serde_json::{Value, value::RawValue};
use stf::{
    BatchHeader, FeeParameters, Message, MessageHeader, Rules,
    block::L1Attributes,
    inbox::{DaKind, MessageKind, accumulate, chunk_hash},
    predeploys::L1_BLOCK,
};
use tokio::sync::watch;

use rollup::testing::{self, rollup as rollup_of};
pub use rollup::testing::{CHAIN_ID, key as user};

pub const GENESIS_TIME: u64 = 1_000_000;
pub const TOPIC: B256 = b256!("0x1111111111111111111111111111111111111111111111111111111111111111");
/// Counts calls in slot 0, logs the count under [`TOPIC`] and returns it.
pub const COUNTER: Address = address!("0x00000000000000000000000000000000000c0de1");
/// Reverts with what it is called with.
pub const REVERTER: Address = address!("0x00000000000000000000000000000000000c0de2");
/// Uses all gas it gets.
pub const BURNER: Address = address!("0x00000000000000000000000000000000000c0de3");
/// Writes a thousand logs without topics and data for each one in the number it is called with.
pub const LOGGER: Address = address!("0x00000000000000000000000000000000000c0de4");
/// L1 has been followed to its head, behind which the rollup begins.
const L1_FOLLOWED: L1Status = L1Status { head: 1, head_block: None, cursor: 1, healthy: true };
pub const CLIENT_HASH: B256 = B256::repeat_byte(0xcc);

pub struct Node {
    pub chain: Chain,
    pub pool: Option<Pool>,
    pub handle: RpcHandle,
    pub http: HttpClient,
    /// How far L1 is followed, as its follower would say.
    pub l1_status: watch::Sender<L1Status>,
    stop: Stop,
    _folder: tempfile::TempDir,
}

fn config() -> Arc<RollupConfig> {
    let mut alloc = BTreeMap::new();
    for index in 0..4 {
        let balance = U256::from(10).pow(U256::from(20));
        alloc.insert(user(index).address(), GenesisAccount { balance, ..Default::default() });
    }
    let mut counter = hex!("600054600101806000556000527f").to_vec();
    counter.extend_from_slice(TOPIC.as_slice());
    counter.extend_from_slice(&hex!("60206000a160206000f3"));
    let contract = |code: Bytes| GenesisAccount { nonce: 1, code, ..Default::default() };
    alloc.insert(COUNTER, contract(counter.into()));
    alloc.insert(REVERTER, contract(bytes!("365f5f37365ffd")));
    alloc.insert(BURNER, contract(bytes!("5b5f56")));
    let logger = [&hex!("5f355b")[..], &hex!("5f5fa0").repeat(1000), &hex!("600190038060025700")].concat();
    alloc.insert(LOGGER, contract(logger.into()));
    let fees = L1Attributes {
        number: 7,
        base_fee: U256::from(1_000_000_000),
        blob_base_fee: U256::from(3),
        base_fee_scalar: 5227,
        blob_base_fee_scalar: 1_014_213,
        base_fee_parameters: FeeParameters::new(10_000_000, 1_000_000),
        ..L1Attributes::default()
    };
    let storage = fees.storage(Rules::Karst).into_iter().map(|(slot, value)| (slot.into(), value)).collect();
    // Stands in for the predeploy: the attributes are written where it would write them.
    alloc.insert(L1_BLOCK, GenesisAccount { nonce: 1, storage, ..Default::default() });
    let gas_limit = stf::config::MAX_BLOCK_GAS_LIMIT;
    begins_at(Genesis { timestamp: GENESIS_TIME, gas_limit, alloc })
}

fn begins_at(genesis: Genesis) -> Arc<RollupConfig> {
    Arc::new(RollupConfig { l1_start_block: 2, ..RollupConfig::clone(&rollup_of(genesis)) })
}

impl Node {
    /// A sequencer's node.
    pub async fn sequencer() -> Self {
        Self::start(config(), true, None, L1_FOLLOWED).await
    }

    /// A sequencer's node, on a chain that begins so.
    pub async fn with_genesis(genesis: Genesis) -> Self {
        Self::start(begins_at(genesis), true, None, L1_FOLLOWED).await
    }

    /// A replica's node, whose chain is its own in these tests.
    pub async fn replica(forward: Option<String>) -> Self {
        Self::start(config(), false, forward, L1_FOLLOWED).await
    }

    /// A sequencer's node that has followed L1 so far.
    pub async fn with_l1(status: L1Status) -> Self {
        Self::start(config(), true, None, status).await
    }

    async fn start(
        config: Arc<RollupConfig>,
        is_sequencer: bool,
        forward: Option<String>,
        l1: L1Status,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let chain = Chain::open(folder.path(), config, ChainOptions::default()).unwrap();
        let pool = is_sequencer.then(|| Pool::new(&chain, PoolOptions::default()).unwrap());
        let (stop, shutdown) = shutdown::channel();
        let l1_status = watch::channel(l1).0;
        let context = RpcContext {
            chain: chain.clone(),
            pool: pool.clone(),
            forward,
            feed: None,
            l1: l1_status.subscribe(),
            followed_feed: None,
            signers: Vec::new(),
        };
        let handle = serve(serving(([127, 0, 0, 1], 0).into()), context, shutdown).await.unwrap();
        let http = HttpClientBuilder::default()
            .max_response_size(80 << 20)
            .build(format!("http://{}", handle.local_addr()))
            .unwrap();
        // The cache of recent blocks follows from here on.
        tokio::task::yield_now().await;
        Self { chain, pool, handle, http, l1_status, stop, _folder: folder }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.handle.local_addr())
    }

    /// Builds a block of what waits.
    pub fn mine(&self) -> Arc<ChainBlock> {
        let head = self.chain.heads().unsafe_head;
        let plan = BuildPlan { timestamp: head.timestamp + 1, max_messages: 100, message_l1_limit: u64::MAX };
        let (block, ()) = self
            .chain
            .build(plan, |builder| {
                let best = self.pool.as_ref().map(Pool::best).into_iter().flatten();
                for tx in best {
                    builder.execute(tx.transaction()).unwrap().unwrap();
                }
            })
            .unwrap();
        if let Some(pool) = &self.pool {
            pool.apply(&ChainEvent::Block(block.clone()));
        }
        block
    }

    /// Brings a deposit onto L1; the next block consumes it.
    pub fn deposit(&self, from: Address, to: Address, mint: u64) {
        self.deposit_message(from, TxKind::Call(to), mint, &[]);
    }

    /// Brings a deposit that calls or creates onto L1; the next block consumes it.
    pub fn deposit_message(&self, from: Address, to: TxKind, mint: u64, input: &[u8]) {
        let mut data = to.to().copied().unwrap_or_default().to_vec();
        data.extend_from_slice(&U256::from(mint).to_be_bytes::<32>());
        data.extend_from_slice(&U256::from(mint).to_be_bytes::<32>());
        data.extend_from_slice(&100_000u64.to_be_bytes());
        data.push(to.is_create().into());
        data.extend_from_slice(input);
        let message = message(MessageKind::Deposit, from, data, B256::ZERO);
        let event = InboxEvent::Message { index: 0, message, client_hash: Some(CLIENT_HASH) };
        self.l1(2, vec![event]);
    }

    /// Brings a forced batch for block 1 onto L1, on a chain without messages: what was unsafe is gone.
    pub fn force_batch(&self) {
        let info = message(MessageKind::L1Info, Address::repeat_byte(1), Vec::new(), B256::ZERO);
        let header = BatchHeader {
            da_kind: DaKind::None,
            data_hash: chunk_hash(&[]),
            payload_length: 0,
            first_block: 1,
            block_count: 1,
            message_end: 1,
            message_acc: info.acc,
            message_gas_end: info.header.gas_end,
            l1_block_number: 1,
            l1_timestamp: GENESIS_TIME + 12,
        };
        let event = InboxEvent::Batch {
            index: 0,
            acc: accumulate(B256::ZERO, &header.encode()),
            header,
            info_index: 0,
            info,
            data: Vec::new(),
            tx_hash: B256::repeat_byte(0xba),
        };
        self.l1(2, vec![event]);
    }

    /// Tells the chain of an L1 block.
    pub fn l1(&self, number: u64, events: Vec<InboxEvent>) {
        let block = L1Block {
            number,
            hash: B256::repeat_byte(number as u8),
            parent_hash: B256::repeat_byte((number - 1) as u8),
            timestamp: GENESIS_TIME + 12 * number,
            events,
        };
        self.chain.apply_l1(L1Update::Blocks(vec![block])).unwrap();
    }

    /// Takes a block over from another chain, as from the feed.
    pub fn import(&self, from: &Chain, number: u64) {
        let outcome = self.chain.import_unsafe(&[testing::feed_block(from, number)]).unwrap();
        assert_eq!(outcome, ImportOutcome::Appended);
    }

    /// Calls a method with JSON parameters.
    pub async fn call<R: DeserializeOwned>(&self, method: &str, params: Value) -> R {
        match self.try_call(method, params.clone()).await {
            Ok(result) => result,
            Err(error) => panic!("{method}{params}: {error:?}"),
        }
    }

    pub async fn try_call<R: DeserializeOwned>(
        &self,
        method: &str,
        params: Value,
    ) -> Result<R, ErrorObjectOwned> {
        struct Raw(Box<RawValue>);
        impl jsonrpsee::core::traits::ToRpcParams for Raw {
            fn to_rpc_params(self) -> Result<Option<Box<RawValue>>, serde_json::Error> {
                Ok(Some(self.0))
            }
        }
        let params = serde_json::value::to_raw_value(&params).unwrap();
        self.http.request(method, Raw(params)).await.map_err(|error| match error {
            ClientError::Call(error) => error,
            other => panic!("{method}: {other}"),
        })
    }

    /// The code and text of the error that a call must give.
    pub async fn error(&self, method: &str, params: Value) -> (i32, String) {
        match self.try_call::<Value>(method, params.clone()).await {
            Ok(value) => panic!("{method}{params} gives {value}"),
            Err(error) => (error.code(), error.message().to_owned()),
        }
    }

    /// Sends a transaction.
    pub async fn send(&self, tx: Bytes) -> B256 {
        self.call("eth_sendRawTransaction", serde_json::json!([tx])).await
    }

    pub async fn end(self) {
        self.stop.stop();
        self.handle.stopped().await;
    }
}

/// Everything, for every page.
pub fn serving(address: SocketAddr) -> RpcConfig {
    let all = "*".parse().unwrap();
    RpcConfig::new(Listener { origins: all, ..Listener::all(address) })
}

fn message(kind: MessageKind, sender: Address, data: Vec<u8>, before: B256) -> Message {
    let header = MessageHeader {
        kind,
        sender,
        l1_block_number: 1,
        l1_timestamp: GENESIS_TIME + 12,
        gas: 100_000,
        gas_end: 100_000,
        base_fee: U256::from(2_000_000_000),
        blob_base_fee: U256::from(3),
        prev_randao: B256::repeat_byte(9),
        data_hash: chunk_hash(&data),
    };
    let acc = accumulate(before, &header.encode());
    Message { header, data, acc }
}

/// A signed transaction.
pub fn transaction(sender: u8, nonce: u64, to: TxKind, value: u64, input: Bytes) -> Bytes {
    transaction_with_gas(200_000, sender, nonce, to, value, input)
}

pub fn transaction_with_gas(
    gas_limit: u64,
    sender: u8,
    nonce: u64,
    to: TxKind,
    value: u64,
    input: Bytes,
) -> Bytes {
    let tx = TxEip1559 {
        chain_id: CHAIN_ID,
        nonce,
        gas_limit,
        max_fee_per_gas: 2_000_000_000,
        max_priority_fee_per_gas: 1_000_000,
        to,
        value: U256::from(value),
        input,
        access_list: Default::default(),
    };
    let signature = user(sender).sign_hash_sync(&tx.signature_hash()).unwrap();
    tx.into_signed(signature).encoded_2718().into()
}

pub fn transfer(sender: u8, nonce: u64) -> Bytes {
    transaction(sender, nonce, TxKind::Call(Address::repeat_byte(0xee)), 1, Bytes::new())
}

pub fn count(sender: u8, nonce: u64) -> Bytes {
    transaction(sender, nonce, TxKind::Call(COUNTER), 0, Bytes::new())
}

/// Writes so many thousand logs.
pub fn log_thousands(sender: u8, nonce: u64, thousands: u64) -> Bytes {
    let input = U256::from(thousands).to_be_bytes::<32>().into();
    transaction_with_gas(100_000 + thousands * 379_100, sender, nonce, TxKind::Call(LOGGER), 0, input)
}
