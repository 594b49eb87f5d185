//! Comparing `rollup.json` with what L1 says of the rollup. Pure: the L1 client reads a [`Deployment`], and this compares.
//!
//! L1 knows every field: the chain config by its hash, which each game commits to; the genesis by its output root, from
//! which the first proposal started; the contracts by what they say of each other. No contract knows the bridge, but its
//! counterpart in the genesis does. Of Multicall3, which belongs to no rollup, there may be several.

use alloy::primitives::{Address, B256, U256};
use stf::{
    config::{GUARANTEE, MIN_MESSAGE_GAS},
    inbox::MAX_BLOCKS_PER_BATCH,
};

use super::{Contracts, RollupConfig};
use crate::inbox_rules::{BLOCK_BURST, BLOCK_RATE, MAX_FORCED_BLOCKS};

#[cfg(test)]
mod tests;

/// A contract of a rollup on L1, as `rollup.json` names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContractField {
    /// `contracts.inbox`
    Inbox,
    /// `contracts.portal`
    Portal,
    /// `contracts.systemConfig`
    SystemConfig,
    /// `contracts.disputeGameFactory`
    DisputeGameFactory,
    /// `contracts.anchorStateRegistry`
    AnchorStateRegistry,
    /// `contracts.multicall3`
    Multicall3,
    /// `contracts.l1CrossDomainMessenger`
    Messenger,
    /// `contracts.l1StandardBridge`
    Bridge,
}

impl ContractField {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Inbox,
        Self::Portal,
        Self::SystemConfig,
        Self::DisputeGameFactory,
        Self::AnchorStateRegistry,
        Self::Multicall3,
        Self::Messenger,
        Self::Bridge,
    ];

    /// The field's path.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Inbox => "contracts.inbox",
            Self::Portal => "contracts.portal",
            Self::SystemConfig => "contracts.systemConfig",
            Self::DisputeGameFactory => "contracts.disputeGameFactory",
            Self::AnchorStateRegistry => "contracts.anchorStateRegistry",
            Self::Multicall3 => "contracts.multicall3",
            Self::Messenger => "contracts.l1CrossDomainMessenger",
            Self::Bridge => "contracts.l1StandardBridge",
        }
    }

    /// Its address.
    pub const fn address(self, contracts: &Contracts) -> Address {
        match self {
            Self::Inbox => contracts.inbox,
            Self::Portal => contracts.portal,
            Self::SystemConfig => contracts.system_config,
            Self::DisputeGameFactory => contracts.dispute_game_factory,
            Self::AnchorStateRegistry => contracts.anchor_state_registry,
            Self::Multicall3 => contracts.multicall3,
            Self::Messenger => contracts.l1_cross_domain_messenger,
            Self::Bridge => contracts.l1_standard_bridge,
        }
    }
}

/// What a contract says of where another one is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContractLink {
    /// The contract that says it; `None`: the genesis.
    pub by: Option<ContractField>,
    /// What it was asked: a function's signature, or what in the genesis.
    pub view: &'static str,
    /// The contract that it is about.
    pub of: ContractField,
    /// The address that it answered.
    pub address: Address,
}

/// The inbox's constants that this code has, too. An inbox with others has other rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InboxConstants {
    /// `MIN_MESSAGE_GAS`
    pub min_message_gas: u64,
    /// `GUARANTEE`
    pub guarantee: u64,
    /// `MAX_BLOCKS_PER_BATCH`
    pub max_blocks_per_batch: u64,
    /// `MAX_FORCED_BLOCKS`
    pub max_forced_blocks: u64,
    /// `BLOCK_RATE`
    pub block_rate: u64,
    /// `BLOCK_BURST`
    pub block_burst: u64,
}

impl InboxConstants {
    /// As this code has them.
    pub const OURS: Self = Self {
        min_message_gas: MIN_MESSAGE_GAS,
        guarantee: GUARANTEE,
        max_blocks_per_batch: MAX_BLOCKS_PER_BATCH,
        max_forced_blocks: MAX_FORCED_BLOCKS,
        block_rate: BLOCK_RATE,
        block_burst: BLOCK_BURST,
    };

    const fn by_name(&self) -> [(&'static str, u64); 6] {
        [
            ("MIN_MESSAGE_GAS", self.min_message_gas),
            ("GUARANTEE", self.guarantee),
            ("MAX_BLOCKS_PER_BATCH", self.max_blocks_per_batch),
            ("MAX_FORCED_BLOCKS", self.max_forced_blocks),
            ("BLOCK_RATE", self.block_rate),
            ("BLOCK_BURST", self.block_burst),
        ]
    }
}

/// The parameters of L2 that its owner may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct L2Parameters {
    /// Block gas limit.
    pub gas_limit: u64,
    /// Weight of the L1 base fee in the L1 data fee, in millionths.
    pub base_fee_scalar: u32,
    /// Weight of the L1 blob base fee in the L1 data fee, in millionths.
    pub blob_base_fee_scalar: u32,
    /// Operator fee per gas, in the unit of `L1Attributes::operator_fee_scalar`.
    pub operator_fee_scalar: u32,
    /// Operator fee per transaction, in wei.
    pub operator_fee_constant: u64,
    /// Gas per second at which the base fee stays.
    pub gas_target: u64,
    /// The least base fee, in wei.
    pub min_base_fee: u64,
}

/// What L1 says of a rollup, all in one of its blocks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deployment {
    /// What the contracts say of each other.
    pub links: Vec<ContractLink>,
    /// The inbox's constants.
    pub inbox_constants: InboxConstants,
    /// `Inbox.forceDelay`, in seconds.
    pub force_delay: u64,
    /// `Inbox.sequencerTimeout`, in seconds.
    pub sequencer_timeout: u64,
    /// Hash of the chain config that new games commit to: `configHash` of the factory's game implementation.
    pub config_hash: B256,
    /// Number of the L2 block that the first proposal started from, or that it must start from if there is none yet.
    pub first_anchor_block: u64,
    /// The output root of that block, by the first game or the registry.
    pub first_anchor_output: B256,
    /// Chain id, by Multicall3.
    pub multicall_chain_id: U256,
    /// L2's parameters before any change; `None` where there were messages, and the endpoint has no older state.
    pub initial_parameters: Option<L2Parameters>,
    /// Whether the inbox existed before the L1 block `l1StartBlock`; `None` where the endpoint does not say.
    pub inbox_before_start: Option<bool>,
    /// Whether it existed after that block.
    pub inbox_after_start: Option<bool>,
}

/// A field of `rollup.json` that is not as on L1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field} is {expected}, but {found}")]
pub struct ConfigMismatch {
    /// The field's path.
    pub field: &'static str,
    /// What `rollup.json` says.
    pub expected: String,
    /// What L1 says, and which contract of it.
    pub found: String,
}

impl ConfigMismatch {
    /// An address at which there is another contract than the field's, or none.
    pub fn contract(field: ContractField, contracts: &Contracts, found: impl Into<String>) -> Self {
        Self { field: field.name(), expected: field.address(contracts).to_string(), found: found.into() }
    }
}

/// The fields of `rollup.json` that are not as on L1: at least one, each named once. One line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("rollup.json is not that of the rollup on L1: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
pub struct ConfigMismatches(pub Vec<ConfigMismatch>);

impl From<ConfigMismatch> for ConfigMismatches {
    fn from(one: ConfigMismatch) -> Self {
        Self(vec![one])
    }
}

impl RollupConfig {
    /// Compares all fields with what L1 says. Two comparisons come before: L1's chain id, when connecting, and the genesis
    /// with its hash and output root, when loading.
    ///
    /// # Errors
    /// The fields that are wrong: the addresses, or, where these are right, all others.
    pub fn check(&self, deployment: &Deployment) -> Result<(), ConfigMismatches> {
        let mut wrong = self.check_contracts(deployment);
        // What contracts of another rollup say of the rest says nothing of this one.
        if wrong.is_empty() {
            wrong.extend(self.check_start(deployment));
            wrong.extend(self.check_chain(deployment));
            wrong.extend(self.check_genesis(deployment));
        }
        if wrong.is_empty() { Ok(()) } else { Err(ConfigMismatches(wrong)) }
    }

    /// Every field that is not as L1 says, also where addresses are wrong: then what follows from them may be, too.
    pub fn mismatches(&self, deployment: &Deployment) -> Vec<ConfigMismatch> {
        let mut wrong = self.check_contracts(deployment);
        wrong.extend(self.check_start(deployment));
        wrong.extend(self.check_chain(deployment));
        wrong.extend(self.check_genesis(deployment));
        wrong
    }

    /// Where one address is wrong, links from and to it disagree, and each has another end that is right. So the end is
    /// named for which more links speak against than for it.
    fn check_contracts(&self, deployment: &Deployment) -> Vec<ConfigMismatch> {
        let contracts = &self.contracts;
        let links: Vec<ContractLink> =
            deployment.links.iter().copied().chain(self.genesis.contract_links()).collect();
        let agrees = |link: &ContractLink| link.address == link.of.address(contracts);
        let doubt = |field: ContractField| -> i32 {
            let touching = links.iter().filter(|link| link.by == Some(field) || link.of == field);
            touching.map(|link| if agrees(link) { -1 } else { 1 }).sum()
        };
        let mut wrong: Vec<ConfigMismatch> = Vec::new();
        let mut add = |field: ContractField, found: String| {
            if wrong.iter().all(|mismatch| mismatch.field != field.name()) {
                wrong.push(ConfigMismatch::contract(field, contracts, found));
            }
        };
        for ContractLink { by, view, of, address } in links.iter().filter(|link| !agrees(link)) {
            match by {
                None => add(*of, format!("{view} in the genesis is {address}")),
                Some(by) if doubt(*by) > doubt(*of) => {
                    add(*by, format!("{view} there is {address}, not {}", of.address(contracts)));
                }
                Some(by) => add(*of, format!("{view} of {} is {address}", by.name())),
            }
        }
        let constants = deployment.inbox_constants.by_name().into_iter().zip(InboxConstants::OURS.by_name());
        for ((name, found), (_, expected)) in constants.filter(|(found, expected)| found != expected) {
            add(ContractField::Inbox, format!("{name} there is {found}, not {expected}"));
        }
        let (found, expected) = (deployment.multicall_chain_id, self.l1_chain_id);
        if found != U256::from(expected) {
            add(ContractField::Multicall3, format!("getChainId() there is {found}, not {expected}"));
        }
        wrong
    }

    fn check_start(&self, deployment: &Deployment) -> Option<ConfigMismatch> {
        let found = if deployment.inbox_before_start == Some(true) {
            "the inbox is older"
        } else if deployment.inbox_after_start == Some(false) {
            "the inbox is younger"
        } else {
            return None;
        };
        let expected = self.l1_start_block.to_string();
        Some(ConfigMismatch { field: "l1StartBlock", expected, found: found.into() })
    }

    fn check_chain(&self, deployment: &Deployment) -> Vec<ConfigMismatch> {
        let mut wrong = Vec::new();
        let (expected, found) = (self.sequencer_timeout, deployment.sequencer_timeout);
        if expected != found {
            wrong.push(ConfigMismatch {
                field: "sequencerTimeout",
                expected: expected.to_string(),
                found: format!("Inbox.sequencerTimeout is {found}"),
            });
        }
        let mut chain = self.chain;
        if chain.force_delay != deployment.force_delay {
            wrong.push(ConfigMismatch {
                field: "chain.forceDelay",
                expected: chain.force_delay.to_string(),
                found: format!("Inbox.forceDelay is {}", deployment.force_delay),
            });
            // What else is wrong shows where this is put right.
            chain.force_delay = deployment.force_delay;
        }
        // L1 may not know the newest changes of rules yet: they come with an upgrade.
        let hash = chain.hash();
        if chain.version(deployment.config_hash).is_none() {
            wrong.push(ConfigMismatch {
                field: "one of chain.chainId, chain.maxDrift and chain.forks",
                expected: format!(
                    "wrong: they are {}, {} and {:?}",
                    chain.chain_id, chain.max_drift, chain.forks
                ),
                found: format!("their hash is {hash}, and games are about {}", deployment.config_hash),
            });
        }
        wrong
    }

    fn check_genesis(&self, deployment: &Deployment) -> Vec<ConfigMismatch> {
        let mut wrong = Vec::new();
        let (block, output) = (deployment.first_anchor_block, deployment.first_anchor_output);
        if (block, output) != (0, self.genesis_output_root) {
            wrong.push(ConfigMismatch {
                field: "genesisOutputRoot",
                expected: self.genesis_output_root.to_string(),
                found: format!("the first anchor is {output} of block {block}"),
            });
        }
        let Some(found) = deployment.initial_parameters else {
            return wrong;
        };
        let expected = self.genesis.parameters();
        for (field, expected, found) in [
            ("genesis.gasLimit", expected.gas_limit, found.gas_limit),
            ("genesis.alloc (baseFeeScalar)", expected.base_fee_scalar.into(), found.base_fee_scalar.into()),
            (
                "genesis.alloc (blobBaseFeeScalar)",
                expected.blob_base_fee_scalar.into(),
                found.blob_base_fee_scalar.into(),
            ),
            (
                "genesis.alloc (operatorFeeScalar)",
                expected.operator_fee_scalar.into(),
                found.operator_fee_scalar.into(),
            ),
            (
                "genesis.alloc (operatorFeeConstant)",
                expected.operator_fee_constant,
                found.operator_fee_constant,
            ),
            ("genesis.alloc (gasTarget)", expected.gas_target, found.gas_target),
            ("genesis.alloc (minBaseFee)", expected.min_base_fee, found.min_base_fee),
        ] {
            if expected != found {
                let found = format!("the SystemConfig began with {found}");
                wrong.push(ConfigMismatch { field, expected: expected.to_string(), found });
            }
        }
        wrong
    }
}
