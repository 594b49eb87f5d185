//! Development accounts. Everybody knows their keys: never send them anything of value.

use alloy::{
    primitives::{Address, U256},
    signers::local::{MnemonicBuilder, PrivateKeySigner, coins_bip39::English},
};
use anyhow::{Context, Result};

/// The mnemonic that Anvil, Hardhat and others start with.
pub const MNEMONIC: &str = "test test test test test test test test test test test junk";

/// Number of the mnemonic's accounts that are funded for users, as by Anvil.
pub const USERS: u32 = 10;

/// What each of them has on either layer: 10,000 ETH.
pub const BALANCE: U256 = alloy::primitives::uint!(10_000_000_000_000_000_000_000_U256);

/// The mnemonic's account with this index.
pub fn account(index: u32) -> Result<PrivateKeySigner> {
    let builder = MnemonicBuilder::<English>::default().phrase(MNEMONIC).index(index);
    builder.and_then(|builder| builder.build()).context("cannot derive a development account")
}

/// The funded accounts, for users.
pub fn users() -> Result<Vec<PrivateKeySigner>> {
    (0..USERS).map(account).collect()
}

/// The accounts that run the rollup: those after the users'.
#[derive(Clone, Debug)]
pub struct Roles {
    /// Deploys the contracts; has no power afterwards.
    pub deployer: PrivateKeySigner,
    /// Owns the system configuration and is the guardian.
    pub owner: PrivateKeySigner,
    /// Posts batches.
    pub batcher: PrivateKeySigner,
    /// Proposes outputs.
    pub proposer: PrivateKeySigner,
    /// Signs the feed of unsafe blocks.
    pub signer: PrivateKeySigner,
}

/// Who runs a rollup, as the contracts know them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoleAccounts {
    /// Owns the system configuration, and schedules upgrades.
    pub owner: Address,
    /// May pause withdrawals and exclude games.
    pub guardian: Address,
    /// Posts batches.
    pub batcher: Address,
    /// Signs the feed of unsafe blocks.
    pub signer: Address,
}

impl Roles {
    /// The same as the contracts know them.
    pub fn accounts(&self) -> RoleAccounts {
        RoleAccounts {
            owner: self.owner.address(),
            guardian: self.owner.address(),
            batcher: self.batcher.address(),
            signer: self.signer.address(),
        }
    }

    /// The roles of a devnet.
    pub fn development() -> Result<Self> {
        Ok(Self {
            deployer: account(USERS)?,
            owner: account(USERS + 1)?,
            batcher: account(USERS + 2)?,
            proposer: account(USERS + 3)?,
            signer: account(USERS + 4)?,
        })
    }

    /// Those that send L1 transactions.
    pub fn senders(&self) -> [Address; 4] {
        [&self.deployer, &self.owner, &self.batcher, &self.proposer].map(|signer| signer.address())
    }
}
