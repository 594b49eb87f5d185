//! The connection to L1: one endpoint, or several as one.

use std::{
    fmt::Display,
    sync::{Arc, Weak},
    time::{Duration, SystemTime},
};

use alloy::{
    eips::BlockId,
    network::TransactionBuilder,
    primitives::{Address, B256, Bloom, BloomInput, Bytes, U64, U256},
    providers::{Provider, RootProvider},
    rpc::{
        client::{BatchRequest, RpcClient},
        json_rpc::{RpcRecv, RpcSend},
        types::{BlockNumberOrTag, Log, TransactionRequest},
    },
    sol_types::SolCall,
    transports::{http::reqwest, utils::guess_local_url},
};
use parking_lot::Mutex;
use serde::Deserialize;
use tracing::info;

use super::{
    error::{ConnectError, L1Error},
    failover::Failover,
    http::parse,
    size::RequestSize,
    standing::{LeftOut, Standing},
    transport::Transport,
};
use crate::RollupConfig;

/// Requests in one JSON-RPC batch: below what common endpoints allow. Fewer where one does not.
const BATCH_SIZE: u64 = 16;
/// An answer that takes longer is none.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// The same where there is another endpoint to go to.
const FAILOVER_TIMEOUT: Duration = Duration::from_secs(10);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Chain ids that development chains use by default.
const DEVNETS: [u64; 3] = [31_337, 1_337, 900];

/// A connection to L1, by one endpoint, or by several of which the first that is well answers. Cheap to clone.
#[derive(Clone, Debug)]
pub struct L1Client {
    rpc: RpcClient,
    provider: RootProvider,
    chain_id: u64,
    name: Arc<str>,
    /// Requests in a batch, as they are taken.
    batches: Arc<Mutex<RequestSize>>,
    /// Of one endpoint.
    transport: Option<Transport>,
    /// Of several: each by itself, by preference.
    members: Arc<[Self]>,
}

/// What following L1 needs of a block. Unknown fields do not matter, so that forks of L1 do not, either.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct L1Header {
    number: U64,
    /// The block's hash.
    pub hash: B256,
    /// Hash of the block before.
    pub parent_hash: B256,
    timestamp: U64,
    /// What the block's logs may be about.
    pub logs_bloom: Bloom,
    #[serde(default)]
    base_fee_per_gas: Option<U256>,
}

impl L1Header {
    /// Block number.
    pub fn number(&self) -> u64 {
        self.number.to()
    }

    /// Seconds since 1970.
    pub fn timestamp(&self) -> u64 {
        self.timestamp.to()
    }

    /// Base fee in wei; zero where there is none.
    pub fn base_fee(&self) -> u128 {
        self.base_fee_per_gas.unwrap_or_default().saturating_to()
    }

    /// How long ago it was made, by our clock.
    pub fn age(&self) -> Duration {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        now.saturating_sub(Duration::from_secs(self.timestamp()))
    }

    /// Whether a contract may have logs in the block.
    pub fn may_log(&self, address: Address) -> bool {
        self.logs_bloom.contains_input(BloomInput::Raw(address.as_slice()))
    }
}

/// What reading a payload needs of a transaction.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct L1Transaction {
    /// What it calls.
    #[serde(default)]
    pub to: Option<Address>,
    /// Calldata.
    #[serde(default)]
    pub input: Bytes,
    /// Versioned hashes of the blobs that it carries (EIP-4844).
    #[serde(default)]
    pub blob_versioned_hashes: Vec<B256>,
}

/// A call of a contract that only reads.
#[derive(Clone, Debug)]
pub struct ContractCall {
    /// The contract.
    pub to: Address,
    /// Selector and arguments.
    pub input: Bytes,
}

/// Connects to an L1 endpoint and checks that its chain is the rollup's. One attempt, and no look at the contracts: a
/// process starts by [`reach`](super::reach).
pub async fn connect(url: &str, config: &RollupConfig) -> Result<L1Client, ConnectError> {
    let client = L1Client::dial(url).await?;
    let (expected, found) = (config.l1_chain_id, client.chain_id);
    if found != expected {
        return Err(ConnectError::WrongChain { endpoint: client.name, expected, found });
    }
    Ok(client)
}

impl L1Client {
    /// Connects to any endpoint, whatever its chain.
    pub async fn dial(url: &str) -> Result<Self, ConnectError> {
        let (url, name) = parse(url)?;
        let standing = Arc::new(Standing::new(name.clone(), true));
        let mut client = Self::of(url, name, standing, REQUEST_TIMEOUT)?;
        match client.current_chain_id().await {
            Ok(chain_id) => client.chain_id = chain_id,
            Err(error) => return Err(client.unreachable(error)),
        }
        Ok(client)
    }

    /// Several endpoints as one, of which none is asked anything yet. Whoever makes it sees to it that those come back that are
    /// left out.
    pub(super) fn several(urls: &[String], chain_id: u64) -> Result<Self, ConnectError> {
        let mut members: Vec<Self> = Vec::with_capacity(urls.len());
        for url in urls {
            let (url, mut name) = parse(url)?;
            // Accounts at one host have the same name.
            let alike = |member: &&Self| member.name.split(" #").next() == Some(&*name);
            match members.iter().filter(alike).count() {
                0 => {}
                count => name = format!("{name} #{}", count + 1).into(),
            }
            let standing = Arc::new(Standing::new(name.clone(), false));
            members.push(Self { chain_id, ..Self::of(url, name, standing, FAILOVER_TIMEOUT)? });
        }
        let transports: Vec<Transport> = members.iter().filter_map(|one| one.transport.clone()).collect();
        let names: Vec<&str> = members.iter().map(Self::name).collect();
        let is_local = members.iter().all(|member| member.rpc.is_local());
        let rpc = RpcClient::new(Failover(transports.into()), is_local);
        let client = Self {
            provider: RootProvider::new(rpc.clone()),
            rpc,
            chain_id,
            name: names.join(", ").into(),
            batches: Arc::new(Mutex::new(RequestSize::new(BATCH_SIZE))),
            transport: None,
            members: members.into(),
        };
        Ok(client)
    }

    /// One endpoint, of which nothing is known yet.
    fn of(
        url: reqwest::Url,
        name: Arc<str>,
        standing: Arc<Standing>,
        timeout: Duration,
    ) -> Result<Self, ConnectError> {
        let http =
            reqwest::Client::builder().connect_timeout(CONNECT_TIMEOUT).timeout(timeout).build().map_err(
                |error| ConnectError::Unreachable {
                    endpoint: name.clone(),
                    error: L1Error::Unreachable(error.to_string()),
                },
            )?;
        let is_local = guess_local_url(url.as_str());
        let transport = Transport::new(http, url, standing);
        let rpc = RpcClient::new(Failover(Arc::new([transport.clone()])), is_local);
        Ok(Self {
            provider: RootProvider::new(rpc.clone()),
            rpc,
            chain_id: 0,
            name,
            batches: Arc::new(Mutex::new(RequestSize::new(BATCH_SIZE))),
            transport: Some(transport),
            members: Arc::default(),
        })
    }

    /// Each endpoint by itself, by preference.
    pub fn endpoints(&self) -> &[Self] {
        if self.members.is_empty() { std::slice::from_ref(self) } else { &self.members }
    }

    /// The same, as long as anybody uses them.
    pub(super) fn weak_endpoints(&self) -> Weak<[Self]> {
        Arc::downgrade(&self.members)
    }

    /// Whether this endpoint is used; of several, whether any is.
    pub fn is_used(&self) -> bool {
        match &self.transport {
            Some(transport) => transport.standing().is_used(),
            None => self.members.iter().any(Self::is_used),
        }
    }

    /// Of one endpoint among several: whether it is left out, and may be tried again.
    pub(super) fn is_due(&self) -> bool {
        self.transport.as_ref().is_some_and(|transport| transport.standing().is_due())
    }

    /// Of one endpoint among several: it is used again.
    pub(super) fn restore(&self) {
        if let Some(transport) = &self.transport {
            transport.standing().restore();
        }
    }

    /// Of one endpoint among several: it is used no more, for a time. Tells why.
    pub(super) fn leave_out(&self, why: LeftOut, what: &dyn Display) {
        if let Some(transport) = &self.transport {
            transport.standing().leave_out(why, what);
        }
    }

    /// The connection, for a provider of another kind.
    pub const fn rpc(&self) -> &RpcClient {
        &self.rpc
    }

    /// The plain provider.
    pub const fn provider(&self) -> &RootProvider {
        &self.provider
    }

    /// The chain's id.
    pub const fn chain_id(&self) -> u64 {
        self.chain_id
    }

    /// Scheme, host and port, of each endpoint: fit for a log.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// That a question which a start needs had no answer.
    pub fn unreachable(&self, error: L1Error) -> ConnectError {
        ConnectError::Unreachable { endpoint: self.name.clone(), error }
    }

    /// How often to look for a new block: often on a development chain.
    pub fn default_poll_interval(&self) -> Duration {
        if DEVNETS.contains(&self.chain_id) { Duration::from_millis(250) } else { Duration::from_secs(3) }
    }

    /// Asks for the chain's id again.
    pub async fn current_chain_id(&self) -> Result<u64, L1Error> {
        Ok(self.provider.get_chain_id().await?)
    }

    /// The newest block.
    pub async fn head(&self) -> Result<L1Header, L1Error> {
        self.header(BlockNumberOrTag::Latest)
            .await?
            .ok_or_else(|| L1Error::InvalidResponse("no latest block".into()))
    }

    /// A block by number or tag.
    pub async fn header(&self, block: BlockNumberOrTag) -> Result<Option<L1Header>, L1Error> {
        Ok(self.provider.raw_request("eth_getBlockByNumber".into(), (block, false)).await?)
    }

    /// Many blocks by number, in the order asked for.
    pub async fn headers(&self, numbers: &[u64]) -> Result<Vec<Option<L1Header>>, L1Error> {
        let params: Vec<_> =
            numbers.iter().map(|number| (BlockNumberOrTag::Number(*number), false)).collect();
        self.many("eth_getBlockByNumber", &params).await
    }

    /// Many transactions by hash, in the order asked for.
    pub async fn transactions(&self, hashes: &[B256]) -> Result<Vec<Option<L1Transaction>>, L1Error> {
        let params: Vec<_> = hashes.iter().map(|hash| (*hash,)).collect();
        self.many("eth_getTransactionByHash", &params).await
    }

    /// The logs that filters match, filter by filter.
    pub async fn logs(&self, filters: &[alloy::rpc::types::Filter]) -> Result<Vec<Vec<Log>>, L1Error> {
        let params: Vec<_> = filters.iter().map(|filter| (filter,)).collect();
        self.many("eth_getLogs", &params).await
    }

    /// Reads from a contract at a block.
    pub async fn view<C: SolCall>(&self, to: Address, call: C, block: BlockId) -> Result<C::Return, L1Error> {
        let request = TransactionRequest::default().with_to(to).with_input(call.abi_encode());
        let output = self.provider.call(request).block(block).await?;
        Ok(C::abi_decode_returns(&output)?)
    }

    /// Reads from many contracts at a block, in the order asked for.
    pub async fn views(&self, calls: &[ContractCall], block: BlockId) -> Result<Vec<Bytes>, L1Error> {
        let params: Vec<_> = calls
            .iter()
            .map(|call| {
                let request = TransactionRequest::default().with_to(call.to).with_input(call.input.clone());
                (request, block)
            })
            .collect();
        self.many("eth_call", &params).await
    }

    /// The codes at many addresses at a block, in the order asked for.
    pub async fn codes(&self, addresses: &[Address], block: BlockId) -> Result<Vec<Bytes>, L1Error> {
        let params: Vec<_> = addresses.iter().map(|address| (*address, block)).collect();
        self.many("eth_getCode", &params).await
    }

    /// Words of contracts' storage at a block, in the order asked for.
    pub async fn storage(&self, slots: &[(Address, U256)], block: BlockId) -> Result<Vec<U256>, L1Error> {
        let params: Vec<_> = slots.iter().map(|(address, slot)| (*address, *slot, block)).collect();
        self.many("eth_getStorageAt", &params).await
    }

    /// After a failure of a request for so much (blocks of logs, entries of a batch): whether one for less may do.
    ///
    /// # Errors
    /// The failure, if it was the least that can be asked for, or if the endpoint answers nothing at all.
    pub async fn may_ask_less(&self, asked: u64, error: L1Error) -> Result<(), L1Error> {
        if asked <= 1 || !error.is_answer() && self.head().await.is_err() {
            return Err(error);
        }
        info!(target: "node::l1", endpoint = self.name(), asked, %error, "asking L1 for less at once");
        Ok(())
    }

    /// The same method many times, as JSON-RPC batches.
    async fn many<P: RpcSend, R: RpcRecv>(
        &self,
        method: &'static str,
        params: &[P],
    ) -> Result<Vec<R>, L1Error> {
        let mut answers = Vec::with_capacity(params.len());
        while let rest @ [_, ..] = &params[answers.len()..] {
            let size = rest.len().min(self.batches.lock().get() as usize);
            let asked = size as u64;
            match self.batch(method, &rest[..size]).await {
                Ok(mut found) => {
                    self.batches.lock().succeeded(asked);
                    answers.append(&mut found);
                }
                // An entry may have failed for itself: then it does so alone, too.
                Err(error) => {
                    self.may_ask_less(asked, error).await?;
                    self.batches.lock().failed(asked);
                }
            }
        }
        Ok(answers)
    }

    /// One batch; a single request is none.
    async fn batch<P: RpcSend, R: RpcRecv>(
        &self,
        method: &'static str,
        params: &[P],
    ) -> Result<Vec<R>, L1Error> {
        if let [one] = params {
            return Ok(vec![self.rpc.request(method, one.clone()).await?]);
        }
        let mut batch = BatchRequest::new(&self.rpc);
        let mut waiters = Vec::with_capacity(params.len());
        for one in params {
            waiters.push(batch.add_call::<P, R>(method, one)?);
        }
        batch.send().await?;
        let mut answers = Vec::with_capacity(params.len());
        for waiter in waiters {
            answers.push(waiter.await?);
        }
        Ok(answers)
    }
}
