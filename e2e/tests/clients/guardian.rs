//! What a user sees of the guardian: a game that is excluded after a proof against it, and a pause.

use std::time::Duration;

use alloy::{primitives::Address, providers::Provider, rpc::types::Log};
use anyhow::{Context, Result, ensure};
use bindings::{IAnchorStateRegistry, IL2ToL1MessagePasser::MessagePassed, IPortal, predeploys};
use e2e::net::until;
use testnet::Process;

use super::{SESSION_LIMIT, Setting, bridge::Cli, scripts};

/// How long the state of a withdrawal may take to change.
const LIMIT: Duration = Duration::from_secs(120);

pub(crate) async fn session(setting: &Setting, account: usize) -> Result<()> {
    let cli = Cli::new(setting, account)?;
    let guardian = setting.net.devnet.anvil.wallet(&setting.net.devnet.options.roles.owner)?;
    let registry = IAnchorStateRegistry::new(setting.summary.contracts.anchor_state_registry, &guardian);
    let both = async |withdrawal: &str, expected: &str| -> Result<()> {
        let viem = scripts::status(setting, account, withdrawal).await?;
        ensure!(viem == expected, "viem says {viem}, not {expected}");
        let own = cli.status(withdrawal).await?;
        ensure!(own == expected, "`bridge status` says {own}, not {expected}");
        Ok(())
    };
    let reaches = async |withdrawal: &str, expected: &str| -> Result<()> {
        until(expected, LIMIT, async || Ok((cli.status(withdrawal).await? == expected).then_some(())))
            .await?;
        both(withdrawal, expected).await
    };

    // One that is ready, and one that is proven against a game that the guardian then excludes.
    let to = Address::random();
    let (ready, _) = cli.withdraw("guardian-withdraw", to).await?;
    cli.run("guardian-prove", &["prove", &ready]).await?;
    reaches(&ready, "ready-to-finalize").await?;
    let (excluded, _) = cli.withdraw("guardian-withdraw-2", to).await?;
    cli.run("guardian-prove-2", &["prove", &excluded]).await?;
    let game = proven_against(setting, account, &excluded).await?;
    let receipt = registry.blacklistDisputeGame(game).send().await?.get_receipt().await?;
    ensure!(receipt.status(), "the guardian cannot exclude a game");
    // Once there is another game, it is to be proven against that.
    reaches(&excluded, "ready-to-prove").await?;
    let error = cli.refused("guardian-finalize", &["finalize", &excluded]).await?;
    ensure!(error.contains("the withdrawal is not proven"), "{error}");
    // That of the other is older, and has nothing to do with it.
    both(&ready, "ready-to-finalize").await?;

    // A pause stops both steps; the commands wait, and go on when it is over.
    let receipt = registry.pause().send().await?.get_receipt().await?;
    ensure!(receipt.status(), "the guardian cannot pause");
    let status = cli.run("guardian-status", &["status", &excluded]).await?;
    ensure!(status.contains("The guardian has paused withdrawals, for "), "{status}");
    let mut waiting = [
        cli.spawn("guardian-paused-prove", &["prove", &excluded])?,
        cli.spawn("guardian-paused-finalize", &["finalize", &ready])?,
    ];
    let said = |process: &Process, text: &str| {
        Ok(std::fs::read_to_string(process.log())?.contains(text).then_some(()))
    };
    for process in &waiting {
        until("a pause that is told", LIMIT, async || said(process, "has paused withdrawals")).await?;
    }
    let receipt = registry.unpause().send().await?.get_receipt().await?;
    ensure!(receipt.status(), "the guardian cannot end the pause");
    for process in &mut waiting {
        let status = process.wait(SESSION_LIMIT).await?;
        ensure!(status.is_some_and(|status| status.success()), "{}", process.log_tail());
    }
    ensure!(proven_against(setting, account, &excluded).await? != game, "proven against the excluded game");
    cli.run("guardian-finalize-2", &["finalize", &excluded]).await?;
    both(&excluded, "finalized").await?;
    both(&ready, "finalized").await
}

/// The game that an account has proven a withdrawal against.
async fn proven_against(setting: &Setting, account: usize, withdrawal: &str) -> Result<Address> {
    let l2 = setting.net.devnet.sequencer()?.provider();
    let receipt = l2.get_transaction_receipt(withdrawal.parse()?).await?.context("the withdrawal is gone")?;
    let passed = |log: &&Log| log.address() == predeploys::L2_TO_L1_MESSAGE_PASSER;
    let log = receipt.inner.logs().iter().find(passed).context("no withdrawal")?;
    let event = log.log_decode::<MessagePassed>()?;
    let portal = IPortal::new(setting.summary.contracts.portal, setting.net.devnet.anvil.provider());
    let own = setting.summary.accounts[account].address;
    Ok(portal.provenWithdrawals(event.inner.withdrawalHash, own).call().await?.disputeGameProxy)
}
