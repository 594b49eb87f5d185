//! Deposits: L1 → L2.

use alloy::{
    consensus::Sealable,
    network::{AnyTransactionReceipt, ReceiptResponse},
    primitives::{B256, U256, keccak256},
    providers::Provider,
    sol_types::SolEvent,
};
use anyhow::{Context, Result, bail, ensure};
use bindings::{ICrossDomainMessenger, IL1StandardBridge, IPortal, predeploys};
use op_alloy_consensus::TxDeposit;

use super::{
    IERC20, POLL_INTERVAL, Session, args::DepositArgs, begin, ether, logs_of, progress::Progress, receipt,
    send, token_amount, wei,
};

/// Bytes of a deposit event's data before the call data: mint, value, gas limit, whether it creates.
const OPAQUE_HEAD: usize = 32 + 32 + 8 + 1;

pub(super) async fn run(args: DepositArgs) -> Result<()> {
    let send = async |session: &Session, progress: &mut Progress| initiate(session, &args, progress).await;
    let (session, mut progress, hash) = begin(&args.transfer, "L1", send).await?;
    let outcome = wait(&session, hash, &mut progress).await?;
    progress.say(&format!("L2 transaction  {}", outcome.transaction_hash()));
    match describe(&outcome) {
        Arrival::Complete(text) => progress.say(&text),
        Arrival::Failed(text) => bail!(text),
    }
    Ok(())
}

/// What became of a deposit, by its receipt on L1 and without waiting.
pub(super) async fn status(session: &Session, receipt: &AnyTransactionReceipt) -> Result<()> {
    let hash = receipt.transaction_hash();
    ensure!(receipt.status(), "the L1 transaction {hash} failed: nothing was deposited");
    let l2_hash = l2_hash(session, receipt)?;
    println!("deposit         {hash}");
    match session.l2.get_transaction_receipt(l2_hash).await? {
        Some(outcome) => {
            println!("L2 transaction  {}", outcome.transaction_hash());
            let (Arrival::Complete(text) | Arrival::Failed(text)) = describe(&outcome);
            println!("status          deposited\n{text}");
        }
        None => println!("L2 transaction  {l2_hash}\nstatus          waiting-for-l2"),
    }
    Ok(())
}

/// Sends the L1 transaction.
async fn initiate(session: &Session, args: &DepositArgs, progress: &mut Progress) -> Result<B256> {
    let (to, amount) = (args.transfer.recipient(session)?, args.transfer.amount()?);
    let (token, l2_token) = match (args.token, args.l2_token) {
        (Some(token), Some(l2_token)) => (token, l2_token),
        (None, None) => {
            let wei = wei(amount)?;
            progress.stage(&format!("Sending {} to {to}", ether(wei)));
            let portal = session.portal();
            let call =
                portal.depositTransaction(to, wei, args.gas_limit.into(), false, args.transfer.data.clone());
            return send(call.value(wei)).await;
        }
        // Never ether where somebody meant a token.
        _ => bail!("a token has two addresses: give --token and --l2-token, or neither for ETH"),
    };
    let bridge = session.config.contracts.l1_standard_bridge;
    let erc20 = IERC20::new(token, &session.l1);
    let sender = session.sender()?;
    let value = token_amount(&session.l1, "L1", token, sender, amount).await?;
    if erc20.allowance(sender, bridge).call().await? < value {
        progress.stage("Allowing the bridge to take the tokens");
        let approval = send(erc20.approve(bridge, value)).await?;
        receipt(&session.l1, "L1", approval, progress).await?;
    }
    progress.stage(&format!("Sending {amount} tokens to {to}"));
    let bridge = IL1StandardBridge::new(bridge, &session.l1);
    send(bridge.depositERC20To(token, l2_token, to, value, args.gas_limit, Default::default())).await
}

/// Waits until the deposit of an L1 transaction is on L2.
async fn wait(session: &Session, hash: B256, progress: &mut Progress) -> Result<AnyTransactionReceipt> {
    loop {
        // Asked for each time: after an L1 reorg the L2 transaction has another hash.
        let on_l1 = receipt(&session.l1, "L1", hash, progress).await?;
        let l2_hash = l2_hash(session, &on_l1)?;
        progress.stage("Waiting until the deposit is on L2");
        if let Some(outcome) = session.l2.get_transaction_receipt(l2_hash).await? {
            return Ok(outcome);
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}

/// What a deposit came to, for people.
enum Arrival {
    Complete(String),
    Failed(String),
}

/// Whether what was deposited arrived.
fn describe(outcome: &AnyTransactionReceipt) -> Arrival {
    let block = outcome.block_number().unwrap_or_default();
    let failed = ICrossDomainMessenger::FailedRelayedMessage::SIGNATURE_HASH;
    let messages = logs_of(outcome, predeploys::L2_CROSS_DOMAIN_MESSENGER);
    if !outcome.status() {
        return Arrival::Failed(format!(
            "the call on L2 failed, in block {block}; the ETH is in the sender's L2 account nevertheless"
        ));
    }
    if messages.into_iter().any(|(log, _)| log.topics().first() == Some(&failed)) {
        return Arrival::Failed(format!(
            "the message's call on L2 failed, in block {block}; anyone can have the L2 messenger relay it again"
        ));
    }
    Arrival::Complete(format!("Deposited in L2 block {block}."))
}

/// The hash by which clients know the L2 transaction of a deposit: from where on L1 its log is.
fn l2_hash(session: &Session, receipt: &AnyTransactionReceipt) -> Result<B256> {
    let deposited = IPortal::TransactionDeposited::SIGNATURE_HASH;
    let (log, index) = logs_of(receipt, session.config.contracts.portal)
        .find(|(log, _)| log.topics().first() == Some(&deposited))
        .context("this transaction deposits nothing")?;
    let event = IPortal::TransactionDeposited::decode_log(log)?;
    let opaque = &event.opaqueData;
    ensure!(opaque.len() >= OPAQUE_HEAD, "the deposit's log is malformed");
    let block = receipt.block_hash().context("the L1 transaction is in no block")?;
    let index = U256::from(index.context("the deposit's log has no index")?);
    let place = keccak256([block, index.into()].concat());
    let deposit = TxDeposit {
        source_hash: keccak256([B256::ZERO, place].concat()),
        from: event.from,
        to: if opaque[72] != 0 { alloy::primitives::TxKind::Create } else { event.to.into() },
        mint: U256::from_be_slice(&opaque[..32]).saturating_to(),
        value: U256::from_be_slice(&opaque[32..64]),
        gas_limit: U256::from_be_slice(&opaque[64..72]).saturating_to(),
        is_system_transaction: false,
        input: opaque.slice(OPAQUE_HEAD..),
    };
    Ok(deposit.hash_slow())
}
