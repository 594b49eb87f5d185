//! What L1 says of a rollup that can be changed.

use alloy::{
    eips::BlockId,
    primitives::{Address, U256},
};
use anyhow::{Context, Result, ensure};
use bindings::{
    IAnchorStateRegistry, IDisputeGame, IDisputeGameFactory, IInbox, IPortal, ISystemConfig, ITimelock,
};
use rollup::{RollupConfig, l1::L1Client};

/// A rollup that can be changed, as L1 has it now.
#[derive(Clone, Debug)]
pub struct Governed {
    /// What governs it.
    pub timelock: Address,
    /// How long an operation waits, in seconds.
    pub delay: u64,
    /// How long one that has waited can be executed, in seconds.
    pub grace: u64,
    /// The owner of the system configuration, who schedules.
    pub owner: Address,
    /// The version of new games.
    pub version: Address,
    /// The version that takes over if the machine of that one breaks; zero: none.
    pub standby: Address,
    /// The constants of the version of new games.
    pub parameters: IDisputeGame::Parameters,
    /// Seconds by which a change of L2's rules is in force before the first block that it concerns.
    pub activation_notice: u64,
    /// Age from which anyone can force a deposit in, in seconds.
    pub force_delay: u64,
    /// Silence of the sequencer after which anyone can force batches, in seconds.
    pub sequencer_timeout: u64,
    /// The air gap, in seconds.
    pub finality_delay: u64,
    /// Seconds between a withdrawal's proof and its payment.
    pub proof_maturity: u64,
    /// Length of a pause, in seconds.
    pub pause_duration: u64,
    /// Who may pause.
    pub guardian: Address,
    /// L1's time, in seconds.
    pub now: u64,
    /// L1's newest block.
    pub head: u64,
}

impl Governed {
    /// Reads it, in one block.
    ///
    /// # Errors
    /// L1 does not answer, or nobody can change the rollup.
    pub async fn read(client: &L1Client, config: &RollupConfig) -> Result<Self> {
        let contracts = &config.contracts;
        let head = client.head().await?;
        let at = BlockId::hash(head.hash);
        let factory = contracts.dispute_game_factory;
        let timelock = client.view(factory, IDisputeGameFactory::governorCall {}, at).await?;
        ensure!(!timelock.is_zero(), "this rollup was deployed without an admin: nobody can ever change it");
        let registry = contracts.anchor_state_registry;
        let (version, standby, notice, delay, grace, owner) = tokio::try_join!(
            client.view(factory, IDisputeGameFactory::gameImplementationCall {}, at),
            client.view(factory, IDisputeGameFactory::standbyImplementationCall {}, at),
            client.view(factory, IDisputeGameFactory::activationNoticeCall {}, at),
            client.view(timelock, ITimelock::getMinDelayCall {}, at),
            client.view(timelock, ITimelock::GRACE_PERIODCall {}, at),
            client.view(contracts.system_config, ISystemConfig::ownerCall {}, at),
        )?;
        let (parameters, force_delay, timeout, finality, pause, guardian, maturity) = tokio::try_join!(
            client.view(version, IDisputeGame::parametersCall {}, at),
            client.view(contracts.inbox, IInbox::forceDelayCall {}, at),
            client.view(contracts.inbox, IInbox::sequencerTimeoutCall {}, at),
            client.view(registry, IAnchorStateRegistry::disputeGameFinalityDelaySecondsCall {}, at),
            client.view(registry, IAnchorStateRegistry::pauseDurationCall {}, at),
            client.view(registry, IAnchorStateRegistry::guardianCall {}, at),
            client.view(contracts.portal, IPortal::proofMaturityDelaySecondsCall {}, at),
        )?;
        let seconds = |number: U256| u64::try_from(number).ok().context("a time on L1 beyond all times");
        Ok(Self {
            timelock,
            delay: seconds(delay)?,
            grace: seconds(grace)?,
            owner,
            version,
            standby,
            parameters,
            activation_notice: notice,
            force_delay,
            sequencer_timeout: timeout,
            finality_delay: seconds(finality)?,
            proof_maturity: seconds(maturity)?,
            pause_duration: pause,
            guardian,
            now: head.timestamp(),
            head: head.number(),
        })
    }
}
