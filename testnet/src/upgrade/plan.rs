//! What an upgrade deploys and calls.

use alloy::{
    primitives::{Address, B256, Bytes, U256},
    sol_types::{SolCall, SolConstructor},
};
use anyhow::{Result, ensure};
use bindings::{
    IDisputeGameFactory, IProxyAdmin,
    ITimelock::{self, hashOperationBatchCall},
    artifacts::{Contract, deployed_code},
    constructors,
};
use rollup::RollupConfig;
use stf::ChainConfig;

use super::{
    governed::Governed,
    operation::{PlannedCall, batch, id_of},
    proxied::Proxied,
};
use crate::{DeployStep, Deployer, Program, deploy::StepList};

/// What is to be changed. All of it happens at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpgradeWish {
    /// A version of the game with this program, and the rules of the `rollup.json` that is given, for new games.
    pub game: bool,
    /// Such a version as the standby instead.
    pub standby: bool,
    /// This release's code behind these proxies, with the constants that they have.
    pub contracts: Vec<Proxied>,
    /// The fault proof program.
    pub program: Program,
    /// The operation that must be executed before; zero: none.
    pub predecessor: B256,
}

/// An upgrade.
#[derive(Clone, Debug)]
pub struct UpgradePlan {
    /// The contracts that it deploys first; they have no power until the operation is executed.
    pub steps: Vec<DeployStep>,
    /// What it calls when it is due, in this order, all or nothing.
    pub calls: Vec<PlannedCall>,
    predecessor: B256,
    delay: u64,
}

impl UpgradePlan {
    /// Plans an upgrade. `machine` is the code of the step verifier that games use now.
    ///
    /// # Errors
    /// There is nothing to do, or the contracts would refuse it.
    pub fn new(
        wish: &UpgradeWish,
        config: &RollupConfig,
        governed: &Governed,
        machine: &Bytes,
        deployer: Deployer,
    ) -> Result<Self> {
        let mut steps = StepList::new(deployer);
        let mut calls = Vec::new();
        let factory = config.contracts.dispute_game_factory;
        ensure!(!(wish.game && wish.standby), "one version is for new games, or the standby: not both");
        if wish.game || wish.standby {
            check_rules(wish, &config.chain, governed)?;
            // A standby is for the day on which the present machine breaks, so it is of use only with another.
            let is_present = machine == &deployed_code(Contract::RiscV);
            ensure!(
                !wish.standby || !is_present,
                "a standby takes over when the machine breaks, but this release's machine is the one in use: it would break \
                 at the same time. A release with another one is needed"
            );
            let risc_v = match is_present {
                true => governed.parameters.riscV,
                false => steps.add("RiscV", Contract::RiscV, &[]),
            };
            let version = steps.add(
                "DisputeGame",
                Contract::DisputeGame,
                &game_arguments(wish, config, governed, risc_v),
            );
            let data = match wish.standby {
                true => IDisputeGameFactory::setStandbyCall { standby: version }.abi_encode(),
                false => IDisputeGameFactory::setImplementationCall { implementation: version }.abi_encode(),
            };
            calls.push(PlannedCall { target: factory, data: data.into() });
        }
        for proxied in &wish.contracts {
            let arguments = arguments_of(*proxied, config, governed);
            let implementation = steps.add(proxied.name(), proxied.contract(), &arguments);
            let call = IProxyAdmin::upgradeAndCallCall {
                proxy: proxied.proxy(&config.contracts),
                implementation,
                data: Bytes::new(),
            };
            let target = proxied.admin(&config.contracts);
            calls.push(PlannedCall { target, data: call.abi_encode().into() });
        }
        ensure!(!calls.is_empty(), "nothing to upgrade: name --game, --standby or --contract");
        Ok(Self { steps: steps.list, calls, predecessor: wish.predecessor, delay: governed.delay })
    }

    /// The operation's id in the timelock.
    pub fn operation_id(&self) -> B256 {
        id_of(&self.batch())
    }

    /// What the owner sends to the timelock.
    pub fn schedule_call(&self) -> Bytes {
        let hashOperationBatchCall { targets, values, payloads, predecessor, salt } = self.batch();
        let delay = U256::from(self.delay);
        ITimelock::scheduleBatchCall { targets, values, payloads, predecessor, salt, delay }
            .abi_encode()
            .into()
    }

    /// The addresses of what was deployed make it an operation of its own, so its salt is zero.
    fn batch(&self) -> hashOperationBatchCall {
        batch(&self.calls, vec![U256::ZERO; self.calls.len()], self.predecessor, B256::ZERO)
    }
}

/// Refuses rules that the factory would refuse when the operation is due.
fn check_rules(wish: &UpgradeWish, chain: &ChainConfig, governed: &Governed) -> Result<()> {
    let (present, next) = (&governed.parameters, chain.forks.newest_activation());
    let is_same = present.configHash == chain.hash()
        && (present.programRoot, present.programEntry) == (wish.program.root, wish.program.entry);
    ensure!(
        !wish.game || !is_same,
        "new games have this program and these rules already: give another --program, or a rollup.json whose schedule of \
         rules has grown"
    );
    ensure!(
        present.configHash == chain.hash() || chain.version(present.configHash).is_some(),
        "the chain config of rollup.json is not one that the present one (hash {}) can grow into: only new activations may be \
         added behind those that there are",
        present.configHash
    );
    ensure!(
        !wish.standby || next == present.newestActivation || !wish.predecessor.is_zero(),
        "a standby for rules that are not in force could not take over once they are near: schedule those first, and this \
         --after them"
    );
    if next != present.newestActivation {
        let earliest = governed.now.saturating_add(governed.delay).saturating_add(governed.activation_notice);
        ensure!(
            next >= earliest,
            "rollup.json changes L2's rules at {next}, but scheduled now this is in force at {} at the earliest, and the \
             factory takes no change of rules before {earliest}",
            governed.now.saturating_add(governed.delay)
        );
    }
    Ok(())
}

/// Arguments of the new version of the game: what is not asked to change stays as it is.
fn game_arguments(
    wish: &UpgradeWish,
    config: &RollupConfig,
    governed: &Governed,
    risc_v: Address,
) -> Vec<u8> {
    let present = &governed.parameters;
    let parameters = constructors::DisputeGame::Parameters {
        riscV: risc_v,
        programRoot: wish.program.root,
        programEntry: wish.program.entry,
        maxSteps: present.maxSteps,
        configHash: config.chain.hash(),
        maxClockDuration: present.maxClockDuration,
        clockExtension: present.clockExtension,
        boundaryExtension: present.boundaryExtension,
        rootBond: present.rootBond,
        leafBond: present.leafBond,
        bondDecay: present.bondDecay,
        newestActivation: config.chain.forks.newest_activation(),
    };
    constructors::DisputeGame::constructorCall { parameters }.abi_encode()
}

/// The constructor's arguments, with the constants that the contract has now.
fn arguments_of(proxied: Proxied, config: &RollupConfig, governed: &Governed) -> Vec<u8> {
    let contracts = &config.contracts;
    match proxied {
        Proxied::Inbox => constructors::Inbox::constructorCall {
            portal: contracts.portal,
            systemConfig: contracts.system_config,
            forceDelay: governed.force_delay,
            sequencerTimeout: governed.sequencer_timeout,
        }
        .abi_encode(),
        Proxied::Portal => constructors::Portal::constructorCall {
            inbox: contracts.inbox,
            anchorStateRegistry: contracts.anchor_state_registry,
            proofMaturityDelay: U256::from(governed.proof_maturity),
        }
        .abi_encode(),
        Proxied::SystemConfig => {
            constructors::SystemConfig::constructorCall { inbox: contracts.inbox }.abi_encode()
        }
        Proxied::DisputeGameFactory => constructors::DisputeGameFactory::constructorCall {
            anchorStateRegistry: contracts.anchor_state_registry,
            inbox: contracts.inbox,
            governor: governed.timelock,
            maxDrift: config.chain.max_drift,
        }
        .abi_encode(),
        Proxied::AnchorStateRegistry => constructors::AnchorStateRegistry::constructorCall {
            factory: contracts.dispute_game_factory,
            guardian: governed.guardian,
            finalityDelay: governed.finality_delay,
            pauseDuration: governed.pause_duration,
        }
        .abi_encode(),
        Proxied::L1CrossDomainMessenger => {
            constructors::L1CrossDomainMessenger::constructorCall { portal: contracts.portal }.abi_encode()
        }
        Proxied::L1StandardBridge => {
            constructors::L1StandardBridge::constructorCall { messenger: contracts.l1_cross_domain_messenger }
                .abi_encode()
        }
    }
}
