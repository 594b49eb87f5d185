//! What was read of a rollup on L1: facts, and no opinion on them.

use std::collections::HashMap;

use alloy::primitives::{Address, B256, Bytes, U256};
use bindings::{IDisputeGame, artifacts::Contract};
use rollup::config::{ConfigMismatches, Contracts, Deployment};

/// The contracts that stand behind proxies.
pub(crate) const PROXIED: [Contract; 7] = [
    Contract::Inbox,
    Contract::Portal,
    Contract::SystemConfig,
    Contract::DisputeGameFactory,
    Contract::AnchorStateRegistry,
    Contract::L1CrossDomainMessenger,
    Contract::L1StandardBridge,
];

/// Those of them that are initialized once.
pub(crate) const INITIALIZED: [Contract; 4] =
    [Contract::Inbox, Contract::SystemConfig, Contract::DisputeGameFactory, Contract::AnchorStateRegistry];

/// Functions of a contract that answer one word each.
type WordViews = &'static [&'static str];

/// What tells the immutables of the contracts behind proxies: all of them.
pub(crate) const IMMUTABLES: [(Contract, WordViews); 7] = [
    (
        Contract::Inbox,
        &[
            "portal()",
            "systemConfig()",
            "forceDelay()",
            "forceDelayBlocks()",
            "sequencerTimeout()",
            "sequencerTimeoutBlocks()",
            "forcedBatchInterval()",
        ],
    ),
    (Contract::Portal, &["inbox()", "anchorStateRegistry()", "proofMaturityDelaySeconds()"]),
    (Contract::SystemConfig, &["inbox()"]),
    (Contract::DisputeGameFactory, &["anchorStateRegistry()", "inbox()", "governor()", "activationNotice()"]),
    (
        Contract::AnchorStateRegistry,
        &["disputeGameFactory()", "guardian()", "disputeGameFinalityDelaySeconds()", "pauseDuration()"],
    ),
    (Contract::L1CrossDomainMessenger, &["portal()"]),
    (Contract::L1StandardBridge, &["messenger()"]),
];

/// What else is asked.
pub(crate) const STATE: [(Contract, WordViews); 3] = [
    (Contract::SystemConfig, &["owner()", "pendingOwner()", "batcher()", "unsafeBlockSigner()"]),
    (Contract::DisputeGameFactory, &["gameImplementation()", "standbyImplementation()"]),
    (Contract::AnchorStateRegistry, &["pausedUntil()", "RETIREMENT_INTERVAL()"]),
];

/// Where `rollup.json` says that a contract is.
pub(crate) const fn proxy_of(contract: Contract, contracts: &Contracts) -> Option<Address> {
    Some(match contract {
        Contract::Inbox => contracts.inbox,
        Contract::Portal => contracts.portal,
        Contract::SystemConfig => contracts.system_config,
        Contract::DisputeGameFactory => contracts.dispute_game_factory,
        Contract::AnchorStateRegistry => contracts.anchor_state_registry,
        Contract::L1CrossDomainMessenger => contracts.l1_cross_domain_messenger,
        Contract::L1StandardBridge => contracts.l1_standard_bridge,
        _ => return None,
    })
}

/// What contracts answered, by function. A function that a contract does not have is not in it.
#[derive(Clone, Debug, Default)]
pub(crate) struct WordAnswers(pub(crate) HashMap<(Contract, &'static str), U256>);

impl WordAnswers {
    /// The word.
    pub(crate) fn word(&self, contract: Contract, view: &'static str) -> Option<U256> {
        self.0.get(&(contract, view)).copied()
    }

    /// The number.
    pub(crate) fn number(&self, contract: Contract, view: &'static str) -> Option<u64> {
        self.word(contract, view)?.try_into().ok()
    }

    /// The address.
    pub(crate) fn address(&self, contract: Contract, view: &'static str) -> Option<Address> {
        Some(address(self.word(contract, view)?))
    }

    /// All that tells a contract's immutables.
    pub(crate) fn immutables(&self, contract: Contract) -> Vec<U256> {
        let views = IMMUTABLES.iter().filter(|(of, _)| *of == contract).flat_map(|(_, views)| *views);
        views.filter_map(|view| self.word(contract, view)).collect()
    }
}

/// The address in a word, as Solidity stores it.
pub(crate) fn address(word: U256) -> Address {
    Address::from_word(word.into())
}

/// The transaction that an account began with.
#[derive(Clone, Debug)]
pub(crate) struct Creation {
    /// The L1 block of the contract's first log.
    pub(crate) block: u64,
    /// The transaction with that log. `None`: the endpoint does not know it.
    pub(crate) transaction: Option<CreationTransaction>,
}

/// What tells which contract a transaction created, and with what.
#[derive(Clone, Debug)]
pub(crate) struct CreationTransaction {
    /// The contract that it creates; `None` if it creates none.
    pub(crate) creates: Option<Address>,
    /// Creation code and arguments.
    pub(crate) input: Bytes,
}

/// A contract behind a proxy.
#[derive(Clone, Debug)]
pub(crate) struct ProxiedContract {
    pub(crate) contract: Contract,
    pub(crate) proxy: Address,
    pub(crate) proxy_code: Bytes,
    /// By the ERC-1967 slot.
    pub(crate) implementation: Address,
    pub(crate) implementation_code: Bytes,
    /// By the ERC-1967 slot, which only informs: OpenZeppelin's proxy obeys an immutable.
    pub(crate) admin_slot: Address,
    /// Code of the admin that the proxy made itself, if it is one that makes one.
    pub(crate) admin_code: Bytes,
    /// Who owns that admin.
    pub(crate) admin_owner: Option<Address>,
    /// The version that the proxy's storage was initialized to.
    pub(crate) initialized: u64,
    /// The same of the implementation's own storage.
    pub(crate) implementation_initialized: u64,
    /// All implementations that it ever had, by its logs.
    pub(crate) implementations: Vec<Address>,
    pub(crate) creation: Option<Creation>,
}

impl ProxiedContract {
    /// The admin that OpenZeppelin's proxy makes itself: its first contract.
    pub(crate) fn own_admin(&self) -> Address {
        self.proxy.create(1)
    }
}

/// A change of a role of the timelock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RoleChange {
    pub(crate) role: B256,
    pub(crate) account: Address,
    pub(crate) is_granted: bool,
}

/// An operation that waits in the timelock.
#[derive(Clone, Debug)]
pub(crate) struct PendingOperation {
    pub(crate) id: B256,
    /// What it calls, and the first bytes of with what.
    pub(crate) calls: Vec<(Address, Bytes)>,
    /// From when on it can be executed, in seconds since 1970.
    pub(crate) due: u64,
}

/// The timelock.
#[derive(Clone, Debug)]
pub(crate) struct TimelockEvidence {
    pub(crate) address: Address,
    pub(crate) code: Bytes,
    pub(crate) delay: Option<U256>,
    pub(crate) grace: Option<U256>,
    /// By its logs, in order.
    pub(crate) roles: Vec<RoleChange>,
    /// Whether who should have a role has it, by its state.
    pub(crate) has_role: HashMap<(B256, Address), bool>,
    pub(crate) operations: Vec<PendingOperation>,
    /// Whether there were more operations than are looked at.
    pub(crate) has_more_operations: bool,
    pub(crate) creation: Option<Creation>,
}

/// A version of the game.
#[derive(Clone, Debug)]
pub(crate) struct GameVersion {
    pub(crate) address: Address,
    pub(crate) code: Bytes,
    /// What it says of itself.
    pub(crate) implementation: Option<Address>,
    pub(crate) parameters: Option<IDisputeGame::Parameters>,
    /// Since when it is suspended; zero if it is not.
    pub(crate) suspended_at: Option<u64>,
    pub(crate) machine_code: Bytes,
}

/// All that was read, in one block of L1.
#[derive(Clone, Debug)]
pub(crate) struct L1Evidence {
    /// The block's timestamp.
    pub(crate) timestamp: u64,
    /// Its base fee, in wei.
    pub(crate) base_fee: u128,
    /// What every process compares at its start; or which contracts do not answer.
    pub(crate) deployment: Result<Deployment, ConfigMismatches>,
    pub(crate) answers: WordAnswers,
    pub(crate) proxied: Vec<ProxiedContract>,
    pub(crate) multicall_code: Bytes,
    /// What governs, if anything does.
    pub(crate) timelock: Option<TimelockEvidence>,
    pub(crate) game: Option<GameVersion>,
    pub(crate) standby: Option<GameVersion>,
    /// What the portal holds, in wei.
    pub(crate) portal_balance: U256,
    /// Code of the accounts that have a role, by account.
    pub(crate) account_codes: HashMap<Address, Bytes>,
}
