//! A rollup on L1, and `testnet upgrade`.

use std::{
    fs,
    path::PathBuf,
    process::{Command, Output},
};

use alloy::{
    network::TransactionBuilder,
    primitives::{Address, B256, U256},
    providers::Provider,
    rpc::types::TransactionRequest,
    sol_types::SolCall,
};
use anyhow::{Context, Result, ensure};
use bindings::{IDisputeGameFactory::IDisputeGameFactoryInstance, ITimelock};
use rollup::RollupConfig;
use testnet::{Anvil, AnvilOptions, DeployConfig, Key, Mining, Program, Roles, accounts, deploy};

/// Seconds that an upgrade waits here.
pub(crate) const DELAY: u64 = 3 * 24 * 3600;
/// A rollup on L1, and keys.
pub(crate) struct Setting {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) anvil: Anvil,
    pub(crate) rollup: RollupConfig,
    pub(crate) roles: Roles,
}

impl Setting {
    pub(crate) async fn new(owner: Option<Address>, delay: Option<u64>) -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let anvil = Anvil::start(&AnvilOptions::new(&dir.path().join("anvil.log"))).await?;
        let roles = Roles::development()?;
        Self::deployed(dir, anvil, roles, owner, delay).await
    }

    pub(crate) async fn deployed(
        dir: tempfile::TempDir,
        anvil: Anvil,
        roles: Roles,
        owner: Option<Address>,
        delay: Option<u64>,
    ) -> Result<Self> {
        let mut accounts = roles.accounts();
        accounts.owner = owner.unwrap_or(accounts.owner);
        let mut config = DeployConfig::mainnet(4711, accounts);
        config.program = Program::load()?;
        config.upgrade_delay = delay;
        let rollup = deploy(&anvil, &config, &roles).await?;
        fs::write(dir.path().join("rollup.json"), serde_json::to_vec(&rollup)?)?;
        Key::write(&dir.path().join("owner.key"), &roles.owner)?;
        Key::write(&dir.path().join("anybody.key"), &accounts::account(3)?)?;
        anvil.set_balance(accounts::account(3)?.address(), accounts::BALANCE).await?;
        // Transactions get blocks of their own.
        anvil.set_mining(Mining::OnDemand).await?;
        Ok(Self { dir, anvil, rollup, roles })
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// `testnet upgrade …` with the rollup.
    pub(crate) fn upgrade(&self, command: &str, more: &[&str]) -> Command {
        let mut upgrade = Command::new(env!("CARGO_BIN_EXE_testnet"));
        upgrade
            .args(["upgrade", command, "--l1-rpc", self.anvil.url(), "--rollup"])
            .arg(self.path("rollup.json"));
        upgrade.args(more);
        if command == "schedule" {
            upgrade.arg("--dir").arg(self.path("upgrade"));
        }
        upgrade
    }

    pub(crate) fn with_key(&self, command: &str, key: &str, more: &[&str]) -> Command {
        let mut upgrade = self.upgrade(command, more);
        upgrade.arg("--yes").arg("--key").arg(self.path(key));
        upgrade
    }

    pub(crate) async fn version(&self) -> Result<Address> {
        let factory = self.factory();
        Ok(factory.gameImplementation().call().await?)
    }

    pub(crate) fn factory(&self) -> IDisputeGameFactoryInstance<&alloy::providers::RootProvider> {
        IDisputeGameFactoryInstance::new(self.rollup.contracts.dispute_game_factory, self.anvil.provider())
    }

    pub(crate) async fn timelock(&self) -> Result<Address> {
        Ok(self.factory().governor().call().await?)
    }

    /// The owner schedules a call by hand.
    pub(crate) async fn schedule_by_hand(&self, target: Address, data: Vec<u8>) -> Result<()> {
        let call = ITimelock::scheduleBatchCall {
            targets: vec![target],
            values: vec![U256::ZERO],
            payloads: vec![data.into()],
            predecessor: B256::ZERO,
            salt: B256::repeat_byte(7),
            delay: U256::from(DELAY),
        };
        self.as_owner(self.timelock().await?, call.abi_encode()).await
    }

    pub(crate) async fn as_owner(&self, to: Address, data: Vec<u8>) -> Result<()> {
        let request = TransactionRequest::default().with_to(to).with_input(data);
        let wallet = self.anvil.wallet(&self.roles.owner)?;
        ensure!(wallet.send_transaction(request).await?.get_receipt().await?.status(), "not scheduled");
        Ok(())
    }
}

pub(crate) fn text(output: Output) -> Result<String> {
    ensure!(
        output.status.success(),
        "{}{}",
        String::from_utf8(output.stdout)?,
        String::from_utf8(output.stderr)?
    );
    Ok(String::from_utf8(output.stdout)?)
}

pub(crate) fn says(mut command: Command) -> Result<String> {
    text(command.output()?)
}

/// What a command says that fails.
pub(crate) fn refuses(mut command: Command) -> Result<String> {
    let output = command.output()?;
    ensure!(!output.status.success(), "it was not refused: {output:?}");
    Ok(String::from_utf8(output.stderr)?)
}

pub(crate) fn contains(text: &str, words: &[&str]) -> Result<()> {
    for word in words {
        ensure!(text.contains(word), "{word:?} is not in:\n{text}");
    }
    Ok(())
}

/// Another program than the rollup's.
pub(crate) fn other_program() -> Result<String> {
    let path = rollup::program::program_path()?.with_file_name("recourse-selftest.elf");
    Ok(path.to_str().context("a path that is not text")?.to_owned())
}
