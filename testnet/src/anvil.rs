//! Anvil, the L1 of devnets and tests.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use alloy::{
    network::Ethereum,
    primitives::{Address, TxHash, U256},
    providers::{DynProvider, Provider, ProviderBuilder, RootProvider},
    rpc::types::{Block, TransactionReceipt},
    signers::local::PrivateKeySigner,
};
use anyhow::{Context, Result, bail, ensure};
use rollup::inbox_rules::SECONDS_PER_L1_BLOCK;
use rustix::process::Signal;
use serde::de::DeserializeOwned;

use crate::{Process, ProcessExit, ports, tools};

/// How long Anvil may take to answer first.
const START_LIMIT: Duration = Duration::from_secs(20);

/// When Anvil makes blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mining {
    /// Only when asked: [`Anvil::mine`].
    Manual,
    /// Every so many seconds, also without transactions.
    Every(u64),
    /// A block for each transaction, at once.
    OnDemand,
}

/// How to start Anvil.
#[derive(Clone, Debug)]
pub struct AnvilOptions {
    /// Port to listen on; a free one if not given.
    pub port: Option<u16>,
    /// Chain id.
    pub chain_id: u64,
    /// Blocks between `latest` and `safe`, and between `safe` and `finalized`.
    pub slots_in_an_epoch: u64,
    /// The rules of L1: the name of a fork of Ethereum.
    pub hardfork: &'static str,
    /// File that the chain is written to when it ends, and read from when it starts.
    pub state: Option<PathBuf>,
    /// File for its output.
    pub log: PathBuf,
}

impl AnvilOptions {
    /// The defaults, with its output in `log`.
    pub fn new(log: &Path) -> Self {
        // The fork that the fault proof VM's contract needs.
        let hardfork = "osaka";
        Self { port: None, chain_id: 31_337, slots_in_an_epoch: 8, hardfork, state: None, log: log.into() }
    }
}

/// A running Anvil. It starts with [`Mining::Manual`].
#[derive(Debug)]
pub struct Anvil {
    process: Process,
    options: AnvilOptions,
    url: String,
    provider: RootProvider,
}

impl Anvil {
    /// Starts Anvil and waits until it answers.
    pub async fn start(options: &AnvilOptions) -> Result<Self> {
        let port = match options.port {
            Some(port) => port,
            None => ports::free()?,
        };
        let mut command = Command::new(tools::anvil()?);
        command.args(["--host", "127.0.0.1", "--port", &port.to_string()]);
        // With the cap on a transaction's gas that Osaka brings (EIP-7825), which Anvil otherwise leaves out.
        command.args(["--hardfork", options.hardfork, "--enable-tx-gas-limit"]);
        if let Some(state) = &options.state {
            command.arg("--state").arg(state);
        }
        command.args(["--no-mining", "--gas-limit", "60000000"]);
        command.args(["--chain-id", &options.chain_id.to_string()]);
        command.args(["--slots-in-an-epoch", &options.slots_in_an_epoch.to_string()]);
        let process = Process::spawn("anvil", &mut command, &options.log)?;
        let url = format!("http://127.0.0.1:{port}");
        let provider = RootProvider::new_http(url.parse()?);
        let options = AnvilOptions { port: Some(port), ..options.clone() };
        let mut anvil = Self { process, options, url, provider };
        let deadline = Instant::now() + START_LIMIT;
        while anvil.provider.get_chain_id().await.is_err() {
            anvil.process.check_alive()?;
            ensure!(Instant::now() < deadline, "Anvil does not answer at {}", anvil.url);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        // Another server could have taken the port in the meantime and be the one that answered.
        anvil.process.check_alive()?;
        Ok(anvil)
    }

    /// Its HTTP endpoint.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A client that only reads.
    pub fn provider(&self) -> &RootProvider {
        &self.provider
    }

    /// A client that signs with this key.
    pub fn wallet(&self, key: &PrivateKeySigner) -> Result<DynProvider<Ethereum>> {
        let provider = ProviderBuilder::new().wallet(key.clone()).connect_http(self.url.parse()?);
        Ok(provider.erased())
    }

    /// The process.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// Calls a method.
    pub async fn call<R>(&self, method: &'static str, params: impl serde::Serialize) -> Result<R>
    where
        R: DeserializeOwned + Send + Sync + Unpin + std::fmt::Debug + 'static,
    {
        let params = serde_json::to_value(params)?;
        self.provider.raw_request(method.into(), params).await.with_context(|| format!("{method} on L1"))
    }

    /// Changes when blocks are made.
    pub async fn set_mining(&self, mining: Mining) -> Result<()> {
        let (instant, interval) = match mining {
            Mining::Manual => (false, 0),
            Mining::Every(seconds) => (false, seconds),
            Mining::OnDemand => (true, 0),
        };
        let _: serde_json::Value = self.call("evm_setIntervalMining", [interval]).await?;
        let _: serde_json::Value = self.call("evm_setAutomine", [instant]).await?;
        Ok(())
    }

    /// Makes blocks, the first of which takes the pending transactions.
    pub async fn mine(&self, blocks: u64) -> Result<()> {
        for _ in 0..blocks {
            let _: serde_json::Value = self.call("evm_mine", serde_json::json!([])).await?;
        }
        Ok(())
    }

    /// Lets so many seconds pass as they would on an L1 that goes on: with as many blocks as a limit of that length counts
    /// ([`SECONDS_PER_L1_BLOCK`]), and one more.
    pub async fn pass(&self, seconds: u64) -> Result<()> {
        self.increase_time(seconds).await?;
        self.mine(seconds.div_ceil(SECONDS_PER_L1_BLOCK) + 1).await
    }

    /// Lets the next block's time be this much later than it would be.
    pub async fn increase_time(&self, seconds: u64) -> Result<()> {
        let _: serde_json::Value = self.call("evm_increaseTime", [seconds]).await?;
        Ok(())
    }

    /// Replaces the newest `depth` blocks by as many empty ones. Their transactions are gone.
    pub async fn reorg(&self, depth: u64) -> Result<()> {
        self.reorg_with(depth, &[]).await
    }

    /// Replaces the newest `depth` blocks by as many, which hold these signed transactions, each with the offset of its
    /// block, from 0.
    pub async fn reorg_with(
        &self,
        depth: u64,
        transactions: &[(alloy::primitives::Bytes, u64)],
    ) -> Result<()> {
        let _: serde_json::Value = self.call("anvil_reorg", (depth, transactions)).await?;
        Ok(())
    }

    /// Sets an account's balance.
    pub async fn set_balance(&self, address: Address, balance: U256) -> Result<()> {
        let _: serde_json::Value = self.call("anvil_setBalance", (address, balance)).await?;
        Ok(())
    }

    /// Drops all transactions that wait for a block.
    pub async fn drop_pending(&self) -> Result<()> {
        let _: serde_json::Value = self.call("anvil_dropAllTransactions", serde_json::json!([])).await?;
        Ok(())
    }

    /// The newest block.
    pub async fn latest(&self) -> Result<Block> {
        let block = self.provider.get_block_by_number(Default::default()).await?;
        block.context("L1 has no latest block")
    }

    /// The receipt of a transaction that a block should hold by now.
    pub async fn receipt(&self, hash: TxHash) -> Result<TransactionReceipt> {
        let receipt = self.provider.get_transaction_receipt(hash).await?;
        receipt.with_context(|| format!("no L1 block holds {hash}"))
    }

    /// Stops the process where it is (`SIGSTOP`): an endpoint that accepts and never answers.
    pub fn freeze(&self) -> Result<()> {
        self.process.signal(Signal::STOP)
    }

    /// Lets a frozen process go on.
    pub fn thaw(&self) -> Result<()> {
        self.process.signal(Signal::CONT)
    }

    /// An L1 fork: the same chain goes on, at the same place, by other rules. It needs [`AnvilOptions::state`], and makes blocks
    /// by [`Mining::Manual`] again.
    pub async fn fork(&mut self, hardfork: &'static str) -> Result<()> {
        ensure!(self.options.state.is_some(), "an L1 that keeps no state cannot fork");
        let before = self.latest().await?.header.timestamp;
        self.stop().await?;
        *self = Self::start(&AnvilOptions { hardfork, ..self.options.clone() }).await?;
        // It begins with the machine's time, which may be behind that of its chain.
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        self.increase_time(before.saturating_sub(now)).await
    }

    /// Ends Anvil.
    pub async fn stop(&mut self) -> Result<ProcessExit> {
        self.process.stop(Duration::from_secs(5)).await
    }
}

/// Fails with the reason if a transaction did.
pub(crate) fn ensure_success(receipt: &TransactionReceipt, what: &str) -> Result<()> {
    if !receipt.status() {
        bail!("{what}: the L1 transaction {} failed", receipt.transaction_hash);
    }
    Ok(())
}
