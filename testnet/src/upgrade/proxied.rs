//! The contracts behind proxies.

use alloy::primitives::Address;
use bindings::artifacts::Contract;
use clap::ValueEnum;
use rollup::config::Contracts;

/// A contract behind a proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Proxied {
    /// Orders messages and batches.
    Inbox,
    /// Deposits and withdrawals.
    Portal,
    /// Roles and L2's parameters.
    SystemConfig,
    /// Takes proposals.
    DisputeGameFactory,
    /// The final output root.
    AnchorStateRegistry,
    /// Messages.
    L1CrossDomainMessenger,
    /// Tokens.
    L1StandardBridge,
}

impl Proxied {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Inbox,
        Self::Portal,
        Self::SystemConfig,
        Self::DisputeGameFactory,
        Self::AnchorStateRegistry,
        Self::L1CrossDomainMessenger,
        Self::L1StandardBridge,
    ];

    /// What stands behind the proxy.
    pub const fn contract(self) -> Contract {
        match self {
            Self::Inbox => Contract::Inbox,
            Self::Portal => Contract::Portal,
            Self::SystemConfig => Contract::SystemConfig,
            Self::DisputeGameFactory => Contract::DisputeGameFactory,
            Self::AnchorStateRegistry => Contract::AnchorStateRegistry,
            Self::L1CrossDomainMessenger => Contract::L1CrossDomainMessenger,
            Self::L1StandardBridge => Contract::L1StandardBridge,
        }
    }

    /// For people.
    pub const fn name(self) -> &'static str {
        self.contract().name()
    }

    /// Its proxy.
    pub const fn proxy(self, contracts: &Contracts) -> Address {
        match self {
            Self::Inbox => contracts.inbox,
            Self::Portal => contracts.portal,
            Self::SystemConfig => contracts.system_config,
            Self::DisputeGameFactory => contracts.dispute_game_factory,
            Self::AnchorStateRegistry => contracts.anchor_state_registry,
            Self::L1CrossDomainMessenger => contracts.l1_cross_domain_messenger,
            Self::L1StandardBridge => contracts.l1_standard_bridge,
        }
    }

    /// The proxy's admin: the first contract that the proxy made (OpenZeppelin 5).
    pub fn admin(self, contracts: &Contracts) -> Address {
        self.proxy(contracts).create(1)
    }
}
