//! What a deployment consists of: which contracts, in which order, at which addresses.
//!
//! The contracts know each other by the addresses of their proxies, in circles. So all addresses are computed first, from
//! the deployer's nonce, and the deployment is a fixed list of transactions.

use alloy::{
    primitives::{Address, Bytes, U256},
    sol_types::{SolCall, SolConstructor},
};
use anyhow::{Context, Result};
use bindings::{
    IAnchorStateRegistry, IDisputeGameFactory, IInbox, ISystemConfig,
    artifacts::{Contract, creation_code},
    constructors,
};
use rollup::{RollupConfig, config::Contracts};

use crate::{
    config::DeployConfig,
    genesis::{L1Origin, l2_genesis},
};

/// Gas of a deployment that runs the machine's known answers: what they use, and what the most expensive must be given.
const CHECKING_GAS: u64 = 8_000_000;
/// Gas of any other: the largest code, stored at 200 gas for a byte (EIP-170), and its data.
const PLAIN_GAS: u64 = 3_300_000;
/// Gas of a proxy with its admin, and of the call behind it.
const PROXY_GAS: u64 = 1_600_000;

/// The L1 that a rollup is deployed on, and who deploys.
#[derive(Clone, Copy, Debug)]
pub struct Deployer {
    /// L1's chain id.
    pub l1_chain_id: u64,
    /// The account.
    pub account: Address,
    /// Its nonce in the first transaction.
    pub first_nonce: u64,
}

/// One transaction of a deployment. Its nonce is the first one, and its place in the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeployStep {
    /// What it deploys, for people.
    pub what: &'static str,
    /// Where it comes to stand.
    pub address: Address,
    /// Its creation code with the constructor's arguments.
    pub code: Bytes,
    /// Most gas that it may use.
    pub gas: u64,
}

/// A whole deployment.
#[derive(Clone, Debug)]
pub struct DeploymentPlan {
    /// Its transactions, in order.
    pub steps: Vec<DeployStep>,
    /// What nodes will read. Its start block is known once the inbox is deployed.
    pub rollup: RollupConfig,
}

/// Hands out addresses, and collects steps.
pub(crate) struct StepList {
    deployer: Deployer,
    pub(crate) list: Vec<DeployStep>,
}

impl StepList {
    pub(crate) const fn new(deployer: Deployer) -> Self {
        Self { deployer, list: Vec::new() }
    }

    /// Adds a contract, and says where it will stand.
    pub(crate) fn add(&mut self, what: &'static str, contract: Contract, arguments: &[u8]) -> Address {
        let address = self.deployer.account.create(self.deployer.first_nonce + self.list.len() as u64);
        let gas = match contract {
            Contract::RiscV | Contract::DisputeGame => CHECKING_GAS,
            Contract::TransparentUpgradeableProxy | Contract::ERC1967Proxy => PROXY_GAS,
            _ => PLAIN_GAS,
        };
        let code = [creation_code(contract).as_ref(), arguments].concat().into();
        self.list.push(DeployStep { what, address, code, gas });
        address
    }
}

impl DeploymentPlan {
    /// Plans a deployment of these parameters.
    pub fn new(config: &DeployConfig, deployer: Deployer, origin: L1Origin) -> Result<Self> {
        let config = &config.from_genesis(origin.timestamp)?;
        // What stands behind a proxy comes first, and each proxy right behind what it needs.
        let before = if config.upgrade_delay.is_some() { 11 } else { 10 };
        let address = |index: u64| deployer.account.create(deployer.first_nonce + before + index);
        let contracts = Contracts {
            inbox: address(0),
            portal: address(1),
            system_config: address(2),
            dispute_game_factory: address(3),
            anchor_state_registry: address(4),
            l1_cross_domain_messenger: address(5),
            l1_standard_bridge: address(6),
            multicall3: deployer.account.create(deployer.first_nonce),
        };
        let genesis = l2_genesis(config, &contracts, origin)?;
        let genesis_block = genesis.block(&mut ());

        let mut steps = StepList::new(deployer);
        steps.add("Multicall3", Contract::Multicall3, &[]);
        let timelock = config.upgrade_delay.map(|delay| {
            let arguments = constructors::Timelock::constructorCall {
                delay: U256::from(delay),
                owner: config.accounts.owner,
            };
            steps.add("Timelock", Contract::Timelock, &arguments.abi_encode())
        });
        let risc_v = steps.add("RiscV", Contract::RiscV, &[]);
        let game =
            steps.add("DisputeGame, version 1", Contract::DisputeGame, &game_arguments(config, risc_v));
        let inbox = steps.add("Inbox", Contract::Inbox, &inbox_arguments(config, &contracts));
        let portal = steps.add("Portal", Contract::Portal, &portal_arguments(config, &contracts));
        let system_config = steps.add(
            "SystemConfig",
            Contract::SystemConfig,
            &constructors::SystemConfig::constructorCall { inbox: contracts.inbox }.abi_encode(),
        );
        let factory = steps.add(
            "DisputeGameFactory",
            Contract::DisputeGameFactory,
            &factory_arguments(config, &contracts, timelock),
        );
        let registry = steps.add(
            "AnchorStateRegistry",
            Contract::AnchorStateRegistry,
            &registry_arguments(config, &contracts),
        );
        let messenger = steps.add(
            "L1CrossDomainMessenger",
            Contract::L1CrossDomainMessenger,
            &constructors::L1CrossDomainMessenger::constructorCall { portal: contracts.portal }.abi_encode(),
        );
        let bridge = steps.add(
            "L1StandardBridge",
            Contract::L1StandardBridge,
            &constructors::L1StandardBridge::constructorCall {
                messenger: contracts.l1_cross_domain_messenger,
            }
            .abi_encode(),
        );

        let initial_anchor = IAnchorStateRegistry::initializeCall {
            genesisOutput: genesis_block.output_root,
            genesisBlock: 0,
        };
        let first_version =
            IDisputeGameFactory::initializeCall { implementation: game, standby: config.standby };
        for (what, implementation, call, expected) in [
            ("Inbox's proxy", inbox, IInbox::initializeCall {}.abi_encode(), contracts.inbox),
            ("Portal's proxy", portal, Vec::new(), contracts.portal),
            ("SystemConfig's proxy", system_config, system_config_call(config), contracts.system_config),
            (
                "DisputeGameFactory's proxy",
                factory,
                first_version.abi_encode(),
                contracts.dispute_game_factory,
            ),
            (
                "AnchorStateRegistry's proxy",
                registry,
                initial_anchor.abi_encode(),
                contracts.anchor_state_registry,
            ),
            ("L1CrossDomainMessenger's proxy", messenger, Vec::new(), contracts.l1_cross_domain_messenger),
            ("L1StandardBridge's proxy", bridge, Vec::new(), contracts.l1_standard_bridge),
        ] {
            let (contract, arguments) = proxy(timelock, implementation, call);
            let actual = steps.add(what, contract, &arguments);
            (actual == expected).then_some(()).context("the plan's own addresses do not fit")?;
        }
        Ok(Self {
            steps: steps.list,
            rollup: RollupConfig {
                l1_chain_id: deployer.l1_chain_id,
                l1_start_block: 0,
                chain: config.chain,
                sequencer_timeout: config.sequencer_timeout,
                contracts,
                genesis_hash: genesis_block.hash,
                genesis_output_root: genesis_block.output_root,
                genesis,
            },
        })
    }

    /// The step that deploys the inbox's proxy: what nodes read begins in its block.
    pub fn inbox_step(&self) -> Option<usize> {
        self.steps.iter().position(|step| step.address == self.rollup.contracts.inbox)
    }
}

/// What stands at a contract's address, and its arguments: a proxy that the timelock can give another implementation, or one
/// that nobody can.
fn proxy(timelock: Option<Address>, implementation: Address, call: Vec<u8>) -> (Contract, Vec<u8>) {
    let data = call.into();
    match timelock {
        Some(timelock) => {
            let arguments = constructors::TransparentUpgradeableProxy::constructorCall {
                implementation,
                adminOwner: timelock,
                data,
            };
            (Contract::TransparentUpgradeableProxy, arguments.abi_encode())
        }
        None => {
            let arguments = constructors::ERC1967Proxy::constructorCall { implementation, data };
            (Contract::ERC1967Proxy, arguments.abi_encode())
        }
    }
}

fn inbox_arguments(config: &DeployConfig, contracts: &Contracts) -> Vec<u8> {
    constructors::Inbox::constructorCall {
        portal: contracts.portal,
        systemConfig: contracts.system_config,
        forceDelay: config.chain.force_delay,
        sequencerTimeout: config.sequencer_timeout,
    }
    .abi_encode()
}

fn portal_arguments(config: &DeployConfig, contracts: &Contracts) -> Vec<u8> {
    constructors::Portal::constructorCall {
        inbox: contracts.inbox,
        anchorStateRegistry: contracts.anchor_state_registry,
        proofMaturityDelay: U256::from(config.proof_maturity_delay),
    }
    .abi_encode()
}

fn system_config_call(config: &DeployConfig) -> Vec<u8> {
    ISystemConfig::initializeCall {
        owner: config.accounts.owner,
        batcher: config.accounts.batcher,
        unsafeBlockSigner: config.accounts.signer,
        gasLimit: config.gas_limit,
        baseFeeScalar: config.base_fee_scalar,
        blobBaseFeeScalar: config.blob_base_fee_scalar,
        operatorFeeScalar: config.operator_fee_scalar,
        operatorFeeConstant: config.operator_fee_constant,
        gasTarget: config.base_fee.gas_target(),
        minBaseFee: config.base_fee.min_base_fee(),
    }
    .abi_encode()
}

fn factory_arguments(config: &DeployConfig, contracts: &Contracts, timelock: Option<Address>) -> Vec<u8> {
    constructors::DisputeGameFactory::constructorCall {
        anchorStateRegistry: contracts.anchor_state_registry,
        inbox: contracts.inbox,
        governor: timelock.unwrap_or_default(),
        maxDrift: config.chain.max_drift,
    }
    .abi_encode()
}

fn registry_arguments(config: &DeployConfig, contracts: &Contracts) -> Vec<u8> {
    constructors::AnchorStateRegistry::constructorCall {
        factory: contracts.dispute_game_factory,
        guardian: config.accounts.guardian,
        finalityDelay: config.finality_delay,
        pauseDuration: config.pause_duration,
    }
    .abi_encode()
}

/// Arguments of a version of the game.
fn game_arguments(config: &DeployConfig, risc_v: Address) -> Vec<u8> {
    let parameters = constructors::DisputeGame::Parameters {
        riscV: risc_v,
        programRoot: config.program.root,
        programEntry: config.program.entry,
        maxSteps: config.max_steps(),
        configHash: config.chain.hash(),
        maxClockDuration: config.max_clock_duration,
        clockExtension: config.clock_extension,
        boundaryExtension: config.boundary_extension,
        rootBond: config.bond,
        leafBond: config.leaf_bond,
        bondDecay: config.bond_decay,
        newestActivation: config.chain.forks.newest_activation(),
    };
    constructors::DisputeGame::constructorCall { parameters }.abi_encode()
}
