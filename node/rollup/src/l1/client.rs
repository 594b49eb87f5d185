//! The connection to an L1 endpoint.

use std::{sync::Arc, time::Duration};

use alloy::{
    eips::BlockId,
    network::TransactionBuilder,
    primitives::{Address, B256, Bloom, BloomInput, Bytes, U64, U256},
    providers::{Provider, RootProvider},
    rpc::{
        client::{BatchRequest, RpcClient},
        json_rpc::{RpcError, RpcRecv, RpcSend},
        types::{BlockNumberOrTag, Log, TransactionRequest},
    },
    sol_types::SolCall,
    transports::{TransportError, TransportErrorKind, http::reqwest, utils::guess_local_url},
};
use parking_lot::Mutex;
use serde::Deserialize;
use tracing::info;

use super::{
    size::RequestSize,
    transport::Transport,
    words::{line, words},
};
use crate::{RollupConfig, config::ConfigMismatches};

/// Requests in one JSON-RPC batch: below what common endpoints allow. Fewer where one does not.
const BATCH_SIZE: u64 = 16;
/// An answer that takes longer is none.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Chain ids that development chains use by default.
const DEVNETS: [u64; 3] = [31_337, 1_337, 900];

/// A connection to an L1 endpoint whose chain is the expected one. Cheap to clone.
#[derive(Clone, Debug)]
pub struct L1Client {
    rpc: RpcClient,
    provider: RootProvider,
    chain_id: u64,
    name: Arc<str>,
    /// Requests in a batch, as this endpoint takes them.
    batches: Arc<Mutex<RequestSize>>,
}

/// Why an L1 endpoint cannot be used for a rollup. Each says it in one line.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Not the URL of an HTTP endpoint.
    #[error("L1 endpoint {0:?} is not an http:// or https:// URL")]
    Url(String),
    /// It does not answer.
    #[error("L1 endpoint {endpoint} does not answer: {error}")]
    Unreachable {
        /// Scheme, host and port.
        endpoint: Arc<str>,
        /// What went wrong.
        error: L1Error,
    },
    /// It did not answer for as long as it was given.
    #[error("L1 endpoint {endpoint} does not answer within {limit:?}: {error}")]
    TimedOut {
        /// Scheme, host and port.
        endpoint: Arc<str>,
        /// How long it was given.
        limit: Duration,
        /// What went wrong last.
        error: L1Error,
    },
    /// It serves another chain.
    #[error("L1 endpoint {endpoint} serves chain {found}, but l1ChainId in rollup.json is {expected}")]
    WrongChain {
        /// Scheme, host and port.
        endpoint: Arc<str>,
        /// As the rollup's configuration says.
        expected: u64,
        /// As the endpoint says.
        found: u64,
    },
    /// The rollup there is another than the configuration's.
    #[error(transparent)]
    Config(#[from] ConfigMismatches),
}

/// Why a request to L1 had no usable answer.
#[derive(Clone, Debug, thiserror::Error)]
pub enum L1Error {
    /// The endpoint answered with a JSON-RPC error.
    #[error("{message} (code {code})")]
    ErrorResponse {
        /// JSON-RPC error code.
        code: i64,
        /// The endpoint's message.
        message: String,
        /// Data of a revert.
        data: Option<Bytes>,
    },
    /// Something on the way to the endpoint answered, or the endpoint with an error of HTTP.
    #[error("HTTP status {status}: {message}")]
    Status {
        /// The status.
        status: u16,
        /// What the answer says, in short.
        message: String,
    },
    /// No answer.
    #[error("{0}")]
    Unreachable(String),
    /// An answer that makes no sense.
    #[error("unusable answer: {0}")]
    InvalidResponse(String),
}

impl L1Error {
    /// What a call reverted with, if this says that it reverted.
    pub fn revert_data(&self) -> Option<Bytes> {
        match self {
            Self::ErrorResponse { code, message, data } if *code == 3 || message.contains("revert") => {
                Some(data.clone().unwrap_or_default())
            }
            _ => None,
        }
    }

    /// Whether this says that a call failed in the contract.
    pub(super) fn is_failed_call(&self) -> bool {
        let is_invalid = |message: &str| message.contains("opcode");
        self.revert_data().is_some()
            || matches!(self, Self::ErrorResponse { message, .. } if is_invalid(message))
    }

    /// The endpoint's message, in lower case.
    pub(crate) fn message(&self) -> String {
        match self {
            Self::ErrorResponse { message, .. } | Self::Status { message, .. } => message.to_lowercase(),
            Self::Unreachable(message) | Self::InvalidResponse(message) => message.to_lowercase(),
        }
    }

    /// Whether this is an answer to the very request: not silence, nor that there were too many others.
    pub(super) const fn is_answer(&self) -> bool {
        !matches!(self, Self::Unreachable(_) | Self::Status { status: 429, .. })
    }
}

impl From<TransportError> for L1Error {
    fn from(error: TransportError) -> Self {
        match error {
            RpcError::ErrorResp(payload) => {
                let data = payload.as_revert_data();
                Self::ErrorResponse { code: payload.code, message: line(&payload.message), data }
            }
            RpcError::Transport(TransportErrorKind::HttpError(error)) => {
                Self::Status { status: error.status, message: words(error.body.as_bytes()) }
            }
            RpcError::Transport(TransportErrorKind::MissingBatchResponse(_)) => {
                Self::InvalidResponse("a batch with fewer answers than requests".into())
            }
            // The innermost cause says it best, and without the URL, which may hold a secret.
            RpcError::Transport(error) => {
                let mut cause: &dyn std::error::Error = &error;
                while let Some(source) = cause.source() {
                    cause = source;
                }
                Self::Unreachable(line(&cause.to_string()))
            }
            RpcError::DeserError { err, text } if text.is_empty() => {
                Self::InvalidResponse(line(&err.to_string()))
            }
            RpcError::DeserError { err, text } => {
                Self::InvalidResponse(format!("{} ({})", words(text.as_bytes()), line(&err.to_string())))
            }
            other => Self::InvalidResponse(line(&other.to_string())),
        }
    }
}

impl From<alloy::sol_types::Error> for L1Error {
    fn from(error: alloy::sol_types::Error) -> Self {
        Self::InvalidResponse(error.to_string())
    }
}

/// What following L1 needs of a block. Unknown fields do not matter, so that forks of L1 do not, either.
#[derive(Clone, Debug, Deserialize)]
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

    /// Whether a contract may have logs in the block.
    pub fn may_log(&self, address: Address) -> bool {
        self.logs_bloom.contains_input(BloomInput::Raw(address.as_slice()))
    }
}

/// What reading a payload needs of a transaction.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct L1Transaction {
    /// What it calls.
    #[serde(default)]
    pub to: Option<Address>,
    /// Calldata.
    #[serde(default)]
    pub input: Bytes,
}

/// The URL of an endpoint, and its scheme, host and port.
pub(super) fn parse(url: &str) -> Result<(reqwest::Url, Arc<str>), ConnectError> {
    let bad = || ConnectError::Url(crate::options::shown(url));
    let url: reqwest::Url = url.parse().map_err(|_| bad())?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(bad());
    }
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    let name = format!("{}://{}{port}", url.scheme(), url.host_str().unwrap_or_default());
    Ok((url, name.into()))
}

/// A call of a contract that only reads.
#[derive(Clone, Debug)]
pub(super) struct ContractCall {
    pub(super) to: Address,
    pub(super) input: Bytes,
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
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(REQUEST_TIMEOUT)
            .build()
            .map_err(|error| ConnectError::Unreachable {
                endpoint: name.clone(),
                error: L1Error::Unreachable(error.to_string()),
            })?;
        let is_local = guess_local_url(url.as_str());
        let rpc = RpcClient::new(Transport::new(http, url), is_local);
        let provider = RootProvider::new(rpc.clone());
        let batches = Arc::new(Mutex::new(RequestSize::new(BATCH_SIZE)));
        match provider.get_chain_id().await {
            Ok(chain_id) => Ok(Self { rpc, provider, chain_id, name, batches }),
            Err(error) => Err(ConnectError::Unreachable { endpoint: name, error: error.into() }),
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

    /// Scheme, host and port: fit for a log.
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
    pub(super) async fn views(&self, calls: &[ContractCall], block: BlockId) -> Result<Vec<Bytes>, L1Error> {
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
    pub(super) async fn codes(&self, addresses: &[Address], block: BlockId) -> Result<Vec<Bytes>, L1Error> {
        let params: Vec<_> = addresses.iter().map(|address| (*address, block)).collect();
        self.many("eth_getCode", &params).await
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
