//! `recourse-node bridge`: a user's deposits and withdrawals from the command line.
//!
//! A client of the two chains' JSON-RPC and nothing else: it keeps no state, so every command can be stopped and
//! started again with a transaction's hash.
//!
//! - [`args`]: what can be said.
//! - `deposit`: L1 → L2. The L2 transaction is found by the hash that every client computes from the L1 log.
//! - `withdrawal`: L2 → L1: the withdrawals in a receipt, and how far one is, in viem's words (`waiting-to-prove`,
//!   `ready-to-prove`, `waiting-to-finalize`, `ready-to-finalize`, `finalized`).
//! - `steps`: the transactions of a withdrawal.
//!
//! Errors are `anyhow`'s: people read them. What a contract refused is said with the contract's own error.

pub mod args;
mod deposit;
mod progress;
mod steps;
pub mod withdrawal;

use std::{path::Path, time::Duration};

use alloy::{
    contract::{CallBuilder, CallDecoder},
    network::{AnyNetwork, AnyTransactionReceipt, EthereumWallet, ReceiptResponse},
    primitives::{
        Address, B256, Log, U256,
        utils::{ParseUnits, format_units, parse_units},
    },
    providers::{DynProvider, Provider, ProviderBuilder},
    rpc::types::SyncStatus,
};
use anyhow::{Context, Result, anyhow, bail, ensure};
use bindings::{IAnchorStateRegistry, IDisputeGame, IDisputeGameFactory, IPortal, IStandardBridge};

use args::{BridgeArgs, BridgeCommand, EndpointArgs, TransferArgs};
use progress::Progress;
use rollup::{RollupConfig, keys, l1::reach_for_command, shutdown::Shutdown};

/// How often what is waited for is looked at.
const POLL_INTERVAL: Duration = Duration::from_millis(500);

/// After this time a transaction that a chain does not know is not waited for any more: endpoints behind one address may differ
/// for some seconds.
const UNKNOWN: Duration = Duration::from_secs(30);

/// How often a transaction is sent whose nonce another command of the account takes.
const SEND_ATTEMPTS: u32 = 5;

/// Decimals of ETH.
const ETH_DECIMALS: u8 = 18;

alloy::sol! {
    /// What the bridge needs of a token.
    #[sol(rpc)]
    interface IERC20 {
        function decimals() external view returns (uint8);
        function balanceOf(address account) external view returns (uint256);
        function allowance(address owner, address spender) external view returns (uint256);
        function approve(address spender, uint256 value) external returns (bool);
    }
}

/// Runs a command of the bridge until it is done or the process is asked to stop.
pub async fn run(bridge: BridgeArgs, mut shutdown: Shutdown) -> Result<()> {
    let work = async {
        match bridge.command {
            BridgeCommand::Deposit(args) => deposit::run(args).await,
            BridgeCommand::Withdraw(args) => steps::withdraw(args).await,
            BridgeCommand::Prove(args) => steps::prove(args).await,
            BridgeCommand::Finalize(args) => steps::finalize(args).await,
            BridgeCommand::Status(args) => status(args).await,
        }
    };
    tokio::select! {
        outcome = work => outcome,
        () = shutdown.wait() => bail!("stopped; what was sent is on its way, and the command can be started again"),
    }
}

/// Says how far a transaction is, whichever chain it is on.
async fn status(args: args::StatusArgs) -> Result<()> {
    let session = Session::open(&args.endpoints, None, None).await?;
    if let Some(receipt) = session.l1.get_transaction_receipt(args.hash).await? {
        return deposit::status(&session, &receipt).await;
    }
    match session.l2.get_transaction_receipt(args.hash).await? {
        Some(receipt) => steps::status(&session, &receipt, args.index).await,
        None => bail!("neither L1 nor L2 has a transaction {} in a block", args.hash),
    }
}

/// Both chains, and who signs there.
#[derive(Debug)]
pub struct Session {
    /// The rollup, as L1 has it, too.
    pub config: RollupConfig,
    /// L1's endpoint.
    pub l1: DynProvider<AnyNetwork>,
    /// The endpoint of a node of the rollup.
    pub l2: DynProvider<AnyNetwork>,
    /// The signer, if there is one.
    sender: Option<Address>,
}

impl Session {
    /// Connects, and checks that the endpoints are those of the rollup. Without a key it only reads.
    ///
    /// # Errors
    /// A file that cannot be read; an endpoint that does not answer, or is of another chain.
    pub async fn open(endpoints: &EndpointArgs, key: Option<&Path>, password: Option<&Path>) -> Result<Self> {
        let config = RollupConfig::load(&endpoints.rollup)?;
        let signer = key.map(|key| keys::open(key, password).context("--key")).transpose()?;
        let sender = signer.as_ref().map(|signer| signer.address());
        let wallet = signer.map(EthereumWallet::from).unwrap_or_default();
        let builder = || ProviderBuilder::new_with_network::<AnyNetwork>().wallet(wallet.clone());
        let url = &endpoints.l2_rpc;
        let url = url.parse().with_context(|| format!("{url:?} is not the URL of an L2 endpoint"))?;
        let l2 = builder().connect_http(url).erased();
        let l1 = reach_for_command(&endpoints.l1_rpc, &config, endpoints.l1_timeout).await?;
        let l1 = builder().connect_client(l1.rpc().clone()).erased();
        let found = l2.get_chain_id().await.context("the L2 endpoint does not answer")?;
        let expected = config.chain.chain_id;
        ensure!(
            found == expected,
            "the L2 endpoint serves chain {found}, but this rollup's L2 is chain {expected}"
        );
        Ok(Self { config, l1, l2, sender })
    }

    /// Both chains by providers that are there. It only reads.
    pub const fn reading(
        config: RollupConfig,
        l1: DynProvider<AnyNetwork>,
        l2: DynProvider<AnyNetwork>,
    ) -> Self {
        Self { config, l1, l2, sender: None }
    }

    fn sender(&self) -> Result<Address> {
        self.sender.context("this needs a key (--key)")
    }

    fn portal(&self) -> IPortal::IPortalInstance<&DynProvider<AnyNetwork>, AnyNetwork> {
        IPortal::new(self.config.contracts.portal, &self.l1)
    }

    fn factory(
        &self,
    ) -> IDisputeGameFactory::IDisputeGameFactoryInstance<&DynProvider<AnyNetwork>, AnyNetwork> {
        IDisputeGameFactory::new(self.config.contracts.dispute_game_factory, &self.l1)
    }

    fn registry(
        &self,
    ) -> IAnchorStateRegistry::IAnchorStateRegistryInstance<&DynProvider<AnyNetwork>, AnyNetwork> {
        IAnchorStateRegistry::new(self.config.contracts.anchor_state_registry, &self.l1)
    }

    /// Seconds until the guardian's pause of withdrawals ends by itself, if there is one.
    async fn paused_for(&self) -> Result<Option<u64>> {
        let registry = self.registry();
        if !registry.paused().call().await? {
            return Ok(None);
        }
        let until = registry.pausedUntil().call().await?;
        Ok(Some(until.saturating_sub(self.l1_time().await?)))
    }

    /// L1's time, by its newest block.
    async fn l1_time(&self) -> Result<u64> {
        let block = self.l1.get_block(alloy::eips::BlockId::latest()).await?;
        Ok(block.context("L1 has no newest block")?.header.timestamp)
    }
}

impl TransferArgs {
    /// Who gets it.
    fn recipient(&self, session: &Session) -> Result<Address> {
        self.to.map_or_else(|| session.sender(), Ok)
    }

    fn amount(&self) -> Result<&str> {
        self.amount.as_deref().context("--amount is missing")
    }
}

/// Opens the session of a transfer, and sends its first transaction, on `chain`, unless an earlier call has.
async fn begin(
    transfer: &TransferArgs,
    chain: &str,
    send: impl AsyncFnOnce(&Session, &mut Progress) -> Result<B256>,
) -> Result<(Session, Progress, B256)> {
    let session =
        Session::open(&transfer.endpoints, transfer.key.as_deref(), transfer.password.as_deref()).await?;
    let mut progress = Progress::new();
    let hash = match transfer.resume {
        Some(hash) => hash,
        None => {
            let hash = send(&session, &mut progress).await?;
            progress.say(&format!("{chain} transaction  {hash}"));
            hash
        }
    };
    Ok((session, progress, hash))
}

/// Sends a call on L1, and waits until it is in a block.
async fn send_on_l1<P, D>(
    session: &Session,
    call: CallBuilder<P, D, AnyNetwork>,
    progress: &mut Progress,
) -> Result<AnyTransactionReceipt>
where
    P: Provider<AnyNetwork>,
    D: CallDecoder,
{
    let hash = send(call).await?;
    progress.say(&format!("L1 transaction  {hash}"));
    receipt(&session.l1, "L1", hash, progress).await
}

/// Sends a call. What a contract would refuse is known before anything is sent.
async fn send<P, D>(call: CallBuilder<P, D, AnyNetwork>) -> Result<B256>
where
    P: Provider<AnyNetwork>,
    D: CallDecoder,
{
    let mut attempts = 0;
    loop {
        let error = match call.send().await {
            Ok(pending) => return Ok(*pending.tx_hash()),
            Err(error) => error,
        };
        attempts += 1;
        // Another command of the same account took the nonce at the same moment: the next one is free.
        let text = error.to_string().to_lowercase();
        let is_taken =
            ["nonce too low", "replacement transaction underpriced"].iter().any(|words| text.contains(words));
        if !is_taken || attempts == SEND_ATTEMPTS {
            return Err(refusal(&error).map_or_else(|| anyhow!(error), Into::into));
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}

/// A contract would refuse a call, by its own word for it.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the contract refuses: {0}")]
struct Refusal(&'static str);

/// The contracts' own word for a revert, if they have one.
fn refusal(error: &alloy::contract::Error) -> Option<Refusal> {
    let data = error.as_revert_data()?;
    let selector = *data.first_chunk()?;
    let name = IPortal::IPortalErrors::name_by_selector(selector)
        .or_else(|| IStandardBridge::IStandardBridgeErrors::name_by_selector(selector))
        .or_else(|| IDisputeGame::IDisputeGameErrors::name_by_selector(selector))?;
    Some(Refusal(name))
}

/// An amount of whole tokens in the token's own unit. An error if the holder does not have as much.
async fn token_amount(
    chain: &DynProvider<AnyNetwork>,
    name: &str,
    token: Address,
    holder: Address,
    amount: &str,
) -> Result<U256> {
    let erc20 = IERC20::new(token, chain);
    let decimals =
        erc20.decimals().call().await.with_context(|| format!("{token} on {name} is not a token"))?;
    let value = units(amount, decimals)
        .with_context(|| format!("{amount:?} is not an amount of a token with {decimals} decimals"))?;
    let held = erc20.balanceOf(holder).call().await?;
    if held < value {
        let held = format_units(held, decimals)?;
        bail!("{holder} has {held} of the token {token} on {name}, less than {amount}");
    }
    Ok(value)
}

/// Whether a chain has a transaction at least in its pool. One that is behind may not have it yet.
async fn is_known(chain: &DynProvider<AnyNetwork>, hash: B256) -> Result<bool> {
    if chain.get_transaction_by_hash(hash).await?.is_some() {
        return Ok(true);
    }
    // Not every L1 endpoint tells.
    Ok(matches!(chain.syncing().await, Ok(SyncStatus::Info(_))))
}

/// Waits until a transaction is in a block, and sees to it that it did not fail.
async fn receipt(
    chain: &DynProvider<AnyNetwork>,
    name: &str,
    hash: B256,
    progress: &mut Progress,
) -> Result<AnyTransactionReceipt> {
    // What was answered counts, not how long an endpoint was away.
    let mut unknown = Duration::ZERO;
    loop {
        if let Some(receipt) = chain.get_transaction_receipt(hash).await? {
            ensure!(receipt.status(), "the {name} transaction {hash} failed");
            return Ok(receipt);
        }
        unknown = if is_known(chain, hash).await? { Duration::ZERO } else { unknown + POLL_INTERVAL };
        ensure!(
            unknown < UNKNOWN,
            "{name} does not know a transaction {hash}: it was not sent there, or is lost, or this is the hash of something else"
        );
        progress.stage(&format!("Waiting until {name} has the transaction in a block"));
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}

/// The logs of a receipt that a contract emitted.
fn logs_of(receipt: &AnyTransactionReceipt, emitter: Address) -> impl Iterator<Item = (&Log, Option<u64>)> {
    let logs = receipt.inner.inner.logs().iter();
    logs.filter(move |log| log.inner.address == emitter).map(|log| (&log.inner, log.log_index))
}

/// What people write, such as `1.5`, in the smallest unit. Nothing that would lose a digit.
fn units(amount: &str, decimals: u8) -> Option<U256> {
    let digits = amount.bytes().filter(u8::is_ascii_digit).count();
    let fraction = amount.split_once('.').map_or("", |(_, fraction)| fraction);
    let dots = usize::from(amount.contains('.'));
    if digits == 0 || digits + dots != amount.len() || fraction.len() > decimals.into() {
        return None;
    }
    match parse_units(amount, decimals) {
        Ok(ParseUnits::U256(value)) => Some(value),
        // Too many.
        _ => None,
    }
}

/// An amount of ETH in wei.
fn wei(amount: &str) -> Result<U256> {
    units(amount, ETH_DECIMALS).with_context(|| format!("{amount:?} is not an amount of ETH"))
}

/// ETH for people: `1.5 ETH`.
pub fn ether(wei: U256) -> String {
    match format_units(wei, ETH_DECIMALS) {
        Ok(digits) => format!("{} ETH", digits.trim_end_matches('0').trim_end_matches('.')),
        Err(_) => format!("{wei} wei"),
    }
}

#[cfg(test)]
mod tests {
    use alloy::primitives::U256;

    use super::{ether, units, wei};

    #[test]
    fn amounts_are_readable() {
        let shown =
            ["0", "1", "10", "0.5", "100.000000000000000001"].map(|amount| ether(wei(amount).unwrap()));
        assert_eq!(shown, ["0 ETH", "1 ETH", "10 ETH", "0.5 ETH", "100.000000000000000001 ETH"]);
    }

    #[test]
    fn amounts_are_exact() {
        assert_eq!(units("1.5", 6), Some(U256::from(1_500_000)));
        assert_eq!(units("0.000001", 6), Some(U256::from(1)));
        assert_eq!(units("7", 0), Some(U256::from(7)));
        for wrong in ["", ".", "x", "-1", "1.5.", "0.0000001", "1e3", "0x10", "1_0", "1,5", &"9".repeat(80)] {
            assert_eq!(units(wrong, 6), None, "{wrong:?}");
        }
        assert_eq!(wei("0.000000000000000001").ok(), Some(U256::from(1)));
        assert_eq!(
            wei("one").map_err(|error| error.to_string()),
            Err("\"one\" is not an amount of ETH".into())
        );
    }
}
