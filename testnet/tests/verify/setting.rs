//! A deployment on an Anvil of its own, and ways to spoil it.

use alloy::{
    network::TransactionBuilder,
    primitives::{Address, B256, Bytes, U256, uint},
    providers::Provider,
    rpc::types::TransactionRequest,
};
use anyhow::{Context, Result, ensure};
use bindings::{
    IDisputeGameFactory::IDisputeGameFactoryInstance,
    artifacts::{Contract, runtime_code},
};
use rollup::{RollupConfig, l1::L1Client};
use serde_json::{Value, json};
use testnet::{Anvil, AnvilOptions, DeployConfig, Program, Roles, accounts, deploy};
use verify::VerifyReport;

use crate::plants::Plant;

/// Where a proxy keeps its implementation and its admin (ERC-1967).
pub(crate) const IMPLEMENTATION_SLOT: U256 =
    uint!(0x360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc_U256);
pub(crate) const ADMIN_SLOT: U256 =
    uint!(0xb53127684a568b3173ae13b9f8a6016e243e63b6e8ee1178d6a717850b5d6103_U256);

pub(crate) struct Setting {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) anvil: Anvil,
    pub(crate) config: DeployConfig,
    pub(crate) rollup: RollupConfig,
    pub(crate) program: Program,
}

impl Setting {
    pub(crate) async fn deploy(config: DeployConfig) -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let anvil = Anvil::start(&AnvilOptions::new(&dir.path().join("anvil.log"))).await?;
        anvil.mine(2).await?;
        let rollup = deploy(&anvil, &config, &Roles::development()?).await?;
        Ok(Self { dir, anvil, program: config.program, config, rollup })
    }

    pub(crate) async fn verify(&self, rollup: &RollupConfig, program: &Program) -> Result<VerifyReport> {
        let client = L1Client::dial(self.anvil.url()).await?;
        Ok(verify::verify(&client, rollup, program).await?)
    }

    pub(crate) async fn snapshot(&self) -> Result<Value> {
        self.anvil.call("evm_snapshot", json!([])).await
    }

    pub(crate) async fn revert(&self, snapshot: &Value) -> Result<()> {
        let is_done: bool = self.anvil.call("evm_revert", json!([snapshot])).await?;
        ensure!(is_done, "Anvil did not go back");
        Ok(())
    }

    /// Sends a transaction from any account.
    pub(crate) async fn send(&self, from: Address, to: Address, input: Vec<u8>) -> Result<()> {
        let _: Value = self.anvil.call("anvil_impersonateAccount", json!([from])).await?;
        self.anvil.set_balance(from, accounts::BALANCE).await?;
        let request = TransactionRequest::default()
            .with_from(from)
            .with_to(to)
            .with_input(input)
            .with_gas_limit(2_000_000);
        let hash: B256 = self.anvil.call("eth_sendTransaction", json!([request])).await?;
        self.anvil.mine(1).await?;
        ensure!(self.anvil.receipt(hash).await?.status(), "the transaction to {to} failed");
        Ok(())
    }

    /// Spoils something, and says with which files a user looks at it.
    pub(crate) async fn plant(&self, plant: &Plant) -> Result<(RollupConfig, Program)> {
        let (mut rollup, mut program) = (self.rollup.clone(), self.program);
        match plant {
            Plant::Code(address, code) => self.set_code(*address, code).await?,
            Plant::Storage(address, slot, value) => self.set_storage(*address, *slot, *value).await?,
            Plant::Balance(address, wei) => self.anvil.set_balance(*address, *wei).await?,
            Plant::Sent(from, to, input) => self.send(*from, *to, input.to_vec()).await?,
            Plant::Config(config) => rollup = RollupConfig::clone(config),
            Plant::Program(other) => program = *other,
            Plant::Many(list) => {
                for one in list {
                    Box::pin(self.plant(one)).await?;
                }
            }
        }
        self.anvil.mine(1).await?;
        Ok((rollup, program))
    }

    async fn set_code(&self, address: Address, code: &Bytes) -> Result<()> {
        let _: Value = self.anvil.call("anvil_setCode", (address, code)).await?;
        Ok(())
    }

    async fn set_storage(&self, address: Address, slot: U256, value: U256) -> Result<()> {
        let _: Value = self.anvil.call("anvil_setStorageAt", (address, slot, B256::from(value))).await?;
        Ok(())
    }

    pub(crate) async fn code(&self, address: Address) -> Result<Bytes> {
        Ok(self.anvil.provider().get_code_at(address).await?)
    }

    pub(crate) async fn storage(&self, address: Address, slot: U256) -> Result<U256> {
        Ok(self.anvil.provider().get_storage_at(address, slot).await?)
    }

    /// What stands behind a proxy.
    pub(crate) async fn implementation(&self, proxy: Address) -> Result<Address> {
        Ok(Address::from_word(self.storage(proxy, IMPLEMENTATION_SLOT).await?.into()))
    }

    pub(crate) async fn timelock(&self) -> Result<Address> {
        let factory = self.rollup.contracts.dispute_game_factory;
        Ok(IDisputeGameFactoryInstance::new(factory, self.anvil.provider()).governor().call().await?)
    }

    pub(crate) async fn game(&self) -> Result<Address> {
        let factory = self.rollup.contracts.dispute_game_factory;
        let factory = IDisputeGameFactoryInstance::new(factory, self.anvil.provider());
        Ok(factory.gameImplementation().call().await?)
    }

    /// Puts the portal's code, and this behind it, at an address of its own.
    pub(crate) async fn copy_of_portal(&self, more: &[u8]) -> Result<Address> {
        let address = Address::repeat_byte(0x99);
        let implementation = self.implementation(self.rollup.contracts.portal).await?;
        let code = [self.code(implementation).await?.as_ref(), more].concat().into();
        self.set_code(address, &code).await?;
        Ok(address)
    }

    /// A contract's code with another value in one of its immutables, in the order in which its source declares them.
    pub(crate) async fn with_immutable(
        &self,
        contract: Contract,
        address: Address,
        index: usize,
        value: impl Into<U256>,
    ) -> Result<Bytes> {
        let mut code = self.code(address).await?.to_vec();
        let immutables = runtime_code(contract).immutables;
        let places =
            immutables.get(index).with_context(|| format!("{contract:?} has no immutable {index}"))?;
        let value: U256 = value.into();
        places.iter().for_each(|place| code[place.clone()].copy_from_slice(&value.to_be_bytes::<32>()));
        Ok(code.into())
    }
}
