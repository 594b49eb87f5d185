//! The transactions of a withdrawal: withdraw, prove, finalize.

use std::time::Duration;

use alloy::{
    network::AnyTransactionReceipt,
    primitives::{Address, B256, U256},
    sol_types::SolEvent,
};
use anyhow::{Context, Result, bail, ensure};
use bindings::{IDisputeGame, IL2StandardBridge, IL2ToL1MessagePasser, IPortal, predeploys};

use super::{
    POLL_INTERVAL, Refusal, Session,
    args::{StepArgs, WithdrawArgs},
    begin, ether, logs_of,
    progress::{Progress, lasting},
    receipt, send, send_on_l1, token_amount, wei,
    withdrawal::{Withdrawal, WithdrawalStage},
};

/// How often in a row endpoints are asked how far a withdrawal is: for about five minutes.
const ATTEMPTS: u32 = 24;

/// Longest time between two of these attempts.
const MAX_PAUSE: Duration = Duration::from_secs(15);

/// How contracts refuse what was done before.
const ALREADY: [&str; 3] =
    ["OptimismPortal_AlreadyProven", "OptimismPortal_AlreadyFinalized", "AlreadyResolved"];

/// Nothing is proven or finalized while this holds.
const PAUSED: &str = "The guardian has paused withdrawals";

/// `recourse-node bridge withdraw`
pub(super) async fn withdraw(args: WithdrawArgs) -> Result<()> {
    let send = async |session: &Session, progress: &mut Progress| initiate(session, &args, progress).await;
    let (session, mut progress, hash) = begin(&args.transfer, "L2", send).await?;
    let withdrawal = find(&session, hash, 0, &mut progress).await?;
    progress.say(&format!("Withdrawal {} is in L2 block {}.", withdrawal.hash, withdrawal.block));
    progress.say(&format!("Next: recourse-node bridge prove {hash}"));
    Ok(())
}

/// `recourse-node bridge prove`
pub(super) async fn prove(args: StepArgs) -> Result<()> {
    let session =
        Session::open(&args.endpoints, Some(&args.signer.key), args.signer.password.as_deref()).await?;
    let mut progress = Progress::new();
    let withdrawal = find(&session, args.hash, args.index, &mut progress).await?;
    loop {
        match stage_of(&withdrawal, &session, &mut progress).await? {
            WithdrawalStage::WaitingToProve => {
                let block = withdrawal.block;
                progress.stage(&format!("Waiting until an output from L2 block {block} on is proposed"));
                tokio::time::sleep(POLL_INTERVAL).await;
            }
            WithdrawalStage::ReadyToProve(game) => {
                if waits_for_pause(&session, &mut progress).await? {
                    continue;
                }
                progress.stage(&format!("Proving against the output of L2 block {}", game.block));
                let transaction = withdrawal.transaction.clone();
                let portal = session.portal();
                let call =
                    portal.proveWithdrawalTransaction(transaction, game.index, game.output, game.proof);
                if let Err(error) = send_on_l1(&session, call, &mut progress).await {
                    let stage = stage_of(&withdrawal, &session, &mut progress).await?;
                    let is_proven =
                        !matches!(stage, WithdrawalStage::WaitingToProve | WithdrawalStage::ReadyToProve(_));
                    overtaken(error, is_proven, &mut progress).await?;
                }
            }
            stage => {
                progress.say(&format!("{} {}", proven(&stage), outlook(&stage)));
                if !matches!(stage, WithdrawalStage::Finalized) {
                    progress.say(&format!("Next: recourse-node bridge finalize {}", args.hash));
                }
                return Ok(());
            }
        }
    }
}

/// `recourse-node bridge finalize`
pub(super) async fn finalize(args: StepArgs) -> Result<()> {
    let session =
        Session::open(&args.endpoints, Some(&args.signer.key), args.signer.password.as_deref()).await?;
    let mut progress = Progress::new();
    let withdrawal = find(&session, args.hash, args.index, &mut progress).await?;
    loop {
        match stage_of(&withdrawal, &session, &mut progress).await? {
            WithdrawalStage::WaitingToProve | WithdrawalStage::ReadyToProve(_) => {
                bail!("the withdrawal is not proven: recourse-node bridge prove {}", args.hash)
            }
            WithdrawalStage::WaitingToFinalize(pending) if pending.is_overdue() => {
                resolve(&session, pending.game, &mut progress).await?;
            }
            WithdrawalStage::WaitingToFinalize(pending) => {
                progress.countdown(&pending.what(), &pending.describe());
                tokio::time::sleep(POLL_INTERVAL).await;
            }
            WithdrawalStage::ReadyToFinalize(submitter) => {
                if waits_for_pause(&session, &mut progress).await? {
                    continue;
                }
                progress.stage("Finalizing");
                let transaction = withdrawal.transaction.clone();
                let portal = session.portal();
                let call = portal.finalizeWithdrawalTransactionExternalProof(transaction, submitter);
                let receipt = match send_on_l1(&session, call, &mut progress).await {
                    Ok(receipt) => receipt,
                    Err(error) => {
                        let stage = stage_of(&withdrawal, &session, &mut progress).await?;
                        let is_finalized = matches!(stage, WithdrawalStage::Finalized);
                        overtaken(error, is_finalized, &mut progress).await?;
                        continue;
                    }
                };
                let succeeded = logs_of(&receipt, session.config.contracts.portal)
                    .find_map(|(log, _)| IPortal::WithdrawalFinalized::decode_log(log).ok())
                    .context("the transaction finalized nothing")?
                    .success;
                ensure!(succeeded, "the withdrawal is finalized, but its call on L1 failed");
            }
            WithdrawalStage::Finalized => {
                progress.say("Finalized.");
                return Ok(());
            }
        }
    }
}

/// How far a withdrawal is. It is waited for during days: an endpoint that does not answer is asked again, for some minutes.
async fn stage_of(
    withdrawal: &Withdrawal,
    session: &Session,
    progress: &mut Progress,
) -> Result<WithdrawalStage> {
    let mut pause = POLL_INTERVAL;
    for _ in 1..ATTEMPTS {
        match withdrawal.stage(session).await {
            Ok(stage) => return Ok(stage),
            Err(error) => progress.stage(&format!("Asking again: {error:#}")),
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(MAX_PAUSE);
    }
    withdrawal.stage(session).await
}

/// Resolves a game that nobody else resolves: money must not depend on the proposer's being there.
async fn resolve(session: &Session, game: Address, progress: &mut Progress) -> Result<()> {
    progress.stage("Resolving the game, which nobody else does");
    let game = IDisputeGame::new(game, &session.l1);
    let Err(error) = send_on_l1(session, game.resolve(), progress).await else { return Ok(()) };
    let is_resolved = game.resolvedAt().call().await? != 0;
    overtaken(error, is_resolved, progress).await
}

/// After a step that failed: no error if another transaction has done the same, which is as good, or is on its way, maybe sent by
/// this command before it was stopped. That one is waited for a moment: calls are tried after what L1 has in its pool.
async fn overtaken(error: anyhow::Error, is_done: bool, progress: &mut Progress) -> Result<()> {
    if is_done {
        return Ok(());
    }
    match error.downcast_ref() {
        Some(Refusal(name)) if ALREADY.contains(name) => {
            progress.stage("Waiting for a transaction that does the same, and is on its way");
            tokio::time::sleep(POLL_INTERVAL).await;
            Ok(())
        }
        _ => Err(error),
    }
}

/// Waits a moment if the guardian has paused withdrawals. Whether it did.
async fn waits_for_pause(session: &Session, progress: &mut Progress) -> Result<bool> {
    let Some(seconds) = session.paused_for().await? else { return Ok(false) };
    progress.countdown(PAUSED, &format!("{PAUSED}, for {} at most", lasting(seconds)));
    tokio::time::sleep(POLL_INTERVAL).await;
    Ok(true)
}

/// How far a withdrawal is, by its receipt on L2 and without waiting.
pub(super) async fn status(session: &Session, receipt: &AnyTransactionReceipt, index: usize) -> Result<()> {
    let withdrawal = Withdrawal::from_receipt(receipt, index)?;
    let stage = withdrawal.stage(session).await?;
    println!("withdrawal      {}", withdrawal.hash);
    println!("L2 block        {}", withdrawal.block);
    println!("value           {}", ether(withdrawal.transaction.value));
    println!("status          {}", stage.name());
    println!("{}", outlook(&stage));
    if let Some(seconds) = session.paused_for().await? {
        println!("{PAUSED}, for {} at most.", lasting(seconds));
    }
    Ok(())
}

/// Sends the L2 transaction.
async fn initiate(session: &Session, args: &WithdrawArgs, progress: &mut Progress) -> Result<B256> {
    let (to, amount) = (args.transfer.recipient(session)?, args.transfer.amount()?);
    let Some(token) = args.l2_token else {
        let wei = wei(amount)?;
        progress.stage(&format!("Sending {} to {to}", ether(wei)));
        let passer = IL2ToL1MessagePasser::new(predeploys::L2_TO_L1_MESSAGE_PASSER, &session.l2);
        let call = passer.initiateWithdrawal(to, U256::from(args.gas_limit), args.transfer.data.clone());
        return send(call.value(wei)).await;
    };
    let value = token_amount(&session.l2, "L2", token, session.sender()?, amount).await?;
    progress.stage(&format!("Sending {amount} tokens to {to}"));
    let bridge = IL2StandardBridge::new(predeploys::L2_STANDARD_BRIDGE, &session.l2);
    send(bridge.withdrawTo(token, to, value, args.gas_limit, Default::default())).await
}

/// The withdrawal of an L2 transaction, once that is in a block.
async fn find(session: &Session, hash: B256, index: usize, progress: &mut Progress) -> Result<Withdrawal> {
    let receipt = receipt(&session.l2, "L2", hash, progress).await?;
    Withdrawal::from_receipt(&receipt, index)
}

fn proven(stage: &WithdrawalStage) -> &'static str {
    if matches!(stage, WithdrawalStage::Finalized) { "Done before." } else { "Proven." }
}

/// What comes next, for people.
fn outlook(stage: &WithdrawalStage) -> String {
    match stage {
        WithdrawalStage::WaitingToProve => {
            "It can be proven once an output with it is proposed on L1.".into()
        }
        WithdrawalStage::ReadyToProve(game) => {
            format!("It can be proven against the output of L2 block {}.", game.block)
        }
        WithdrawalStage::WaitingToFinalize(pending) => format!("{}.", pending.describe()),
        WithdrawalStage::ReadyToFinalize(submitter) => {
            format!("It can be finalized now, by the proof of {submitter}.")
        }
        WithdrawalStage::Finalized => "It is finalized.".into(),
    }
}
