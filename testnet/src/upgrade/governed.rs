//! What L1 says of a rollup that can be changed.

use alloy::{
    eips::BlockId,
    primitives::{Address, U256},
};
use anyhow::{Context, Result, ensure};
use bindings::{
    IAnchorStateRegistry, IDisputeGame, IDisputeGameFactory, IInbox, IPortal, IProxyAdmin, ISystemConfig,
    ITimelock,
};
use rollup::{RollupConfig, l1::L1Client};
use verify::ExitTimes;

use super::proxied::Proxied;

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

    /// What is odd about who holds the powers: those that matter for upgrades. `recourse-node verify-rollup` looks at all.
    ///
    /// # Errors
    /// L1 does not answer.
    pub async fn odd_powers(&self, client: &L1Client, config: &RollupConfig) -> Result<Vec<String>> {
        let at = BlockId::number(self.head);
        let mut odd = Vec::new();
        for proxied in Proxied::ALL {
            let owner = client.view(proxied.admin(&config.contracts), IProxyAdmin::ownerCall {}, at).await?;
            if owner != self.timelock {
                odd.push(format!(
                    "{owner} changes the code of {} at once, without the timelock",
                    proxied.name()
                ));
            }
        }
        let (proposer, executor, admin) = tokio::try_join!(
            client.view(self.timelock, ITimelock::PROPOSER_ROLECall {}, at),
            client.view(self.timelock, ITimelock::EXECUTOR_ROLECall {}, at),
            client.view(self.timelock, ITimelock::DEFAULT_ADMIN_ROLECall {}, at),
        )?;
        for (role, account, text) in [
            (proposer, self.owner, "the owner of the SystemConfig cannot schedule: somebody else does"),
            (executor, Address::ZERO, "not everybody can execute what has waited"),
            (admin, self.timelock, "the timelock does not govern itself"),
        ] {
            if !client.view(self.timelock, ITimelock::hasRoleCall { role, account }, at).await? {
                odd.push(text.into());
            }
        }
        Ok(odd)
    }

    /// How long it takes to leave.
    pub const fn exit_times(&self) -> ExitTimes {
        ExitTimes {
            force_delay: self.force_delay,
            max_clock: self.parameters.maxClockDuration,
            dispute: ExitTimes::longest_dispute(&self.parameters),
            air_gap: self.finality_delay,
            proof_maturity: self.proof_maturity,
            pause: self.pause_duration,
        }
    }
}
