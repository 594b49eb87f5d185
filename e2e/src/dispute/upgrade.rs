//! An upgrade of the game, as an owner makes it: a new version, scheduled in the timelock and executed.

use alloy::{
    eips::BlockId,
    network::TransactionBuilder,
    primitives::{Address, B256, Bytes, U256},
    providers::Provider,
    rpc::types::TransactionRequest,
    sol_types::{SolCall, SolConstructor},
};
use anyhow::{Context, Result, ensure};
use bindings::{
    IDisputeGame, IDisputeGameFactory, ITimelock,
    artifacts::{Contract, creation_code},
    constructors,
};
use fraud_prover::game::RunRules;

use super::Arena;
use crate::net::until;

/// Gas for the code of a version, whose constructor checks the machine.
const VERSION_GAS: u64 = 8_000_000;
const PROGRAM_HEADER: usize = 56;

/// The same program with another memory root: one more byte where nothing else is, by one more segment.
pub fn another_program(elf: &[u8]) -> Result<Vec<u8>> {
    let number = |at: usize, length: usize| -> Result<usize> {
        let bytes = elf.get(at..at + length).context("the file ends within its header")?;
        Ok(bytes.iter().rev().fold(0, |sum, byte| sum << 8 | usize::from(*byte)))
    };
    let (table, count) = (number(32, 8)?, number(56, 2)?);
    let headers = elf.get(table..table + PROGRAM_HEADER * count).context("no program headers")?;
    let loaded = headers.chunks(PROGRAM_HEADER).filter(|header| header[0] == 1);
    let lowest = loaded.map(|header| u64::from_le_bytes(header[16..24].try_into().unwrap_or_default())).min();
    let address = lowest.context("nothing is loaded")?.checked_sub(8).context("no room below the program")?;
    // The old file, the byte, and the table anew.
    let mut new = elf.to_vec();
    let byte = new.len() as u64;
    new.push(1);
    let place = new.len() as u64;
    new.extend_from_slice(headers);
    new.extend(1u32.to_le_bytes()); // PT_LOAD
    new.extend(4u32.to_le_bytes()); // readable
    for field in [byte, address, address, 1, 1, 1] {
        new.extend(field.to_le_bytes());
    }
    new[32..40].copy_from_slice(&place.to_le_bytes());
    new[56..58].copy_from_slice(&(count as u16 + 1).to_le_bytes());
    Ok(new)
}

/// An upgrade that waits in the timelock.
#[derive(Clone, Debug)]
pub struct Upgrade {
    /// The new version.
    pub version: Address,
    call: Bytes,
}

impl Arena {
    async fn governor(&self) -> Result<Address> {
        let factory = self.net.devnet.rollup.contracts.dispute_game_factory;
        Ok(self.client.view(factory, IDisputeGameFactory::governorCall {}, BlockId::latest()).await?)
    }

    async fn as_owner(&self, request: TransactionRequest) -> Result<Option<Address>> {
        let wallet = self.net.devnet.anvil.wallet(&self.net.devnet.options.roles.owner)?;
        let receipt = wallet.send_transaction(request).await?.get_receipt().await?;
        ensure!(receipt.status(), "a transaction of the owner's reverted");
        Ok(receipt.contract_address)
    }

    /// The version of new games.
    pub async fn version(&self) -> Result<Address> {
        let factory = self.net.devnet.rollup.contracts.dispute_game_factory;
        Ok(self
            .client
            .view(factory, IDisputeGameFactory::gameImplementationCall {}, BlockId::latest())
            .await?)
    }

    /// Deploys a version that proves by these rules, and is like the present one otherwise, and schedules it.
    pub async fn schedule_version(&self, rules: RunRules, newest_activation: u64) -> Result<Upgrade> {
        let present = self
            .client
            .view(self.version().await?, IDisputeGame::parametersCall {}, BlockId::latest())
            .await?;
        let parameters = constructors::DisputeGame::Parameters {
            riscV: present.riscV,
            programRoot: rules.program_root,
            programEntry: rules.program_entry,
            maxSteps: rules.max_steps,
            configHash: rules.config_hash,
            maxClockDuration: present.maxClockDuration,
            clockExtension: present.clockExtension,
            boundaryExtension: present.boundaryExtension,
            rootBond: present.rootBond,
            leafBond: present.leafBond,
            bondDecay: present.bondDecay,
            newestActivation: newest_activation,
        };
        let arguments = constructors::DisputeGame::constructorCall { parameters }.abi_encode();
        let code = [creation_code(Contract::DisputeGame).as_ref(), &arguments].concat();
        let request = TransactionRequest::default().with_deploy_code(code).with_gas_limit(VERSION_GAS);
        let version = self.as_owner(request).await?.context("the version was not deployed")?;
        let call: Bytes =
            IDisputeGameFactory::setImplementationCall { implementation: version }.abi_encode().into();
        let schedule = ITimelock::scheduleBatchCall {
            targets: vec![self.net.devnet.rollup.contracts.dispute_game_factory],
            values: vec![U256::ZERO],
            payloads: vec![call.clone()],
            predecessor: B256::ZERO,
            salt: B256::ZERO,
            delay: U256::from(self.net.devnet.options.deploy.upgrade_delay.unwrap_or_default()),
        };
        let to = self.governor().await?;
        self.as_owner(TransactionRequest::default().with_to(to).with_input(schedule.abi_encode())).await?;
        Ok(Upgrade { version, call })
    }

    /// Executes an upgrade as soon as it is due.
    pub async fn execute(&self, upgrade: &Upgrade) -> Result<()> {
        let execute = ITimelock::executeBatchCall {
            targets: vec![self.net.devnet.rollup.contracts.dispute_game_factory],
            values: vec![U256::ZERO],
            payloads: vec![upgrade.call.clone()],
            predecessor: B256::ZERO,
            salt: B256::ZERO,
        };
        let to = self.governor().await?;
        let request = TransactionRequest::default().with_to(to).with_input(execute.abi_encode());
        let provider = self.net.devnet.anvil.provider();
        until("the upgrade is due", std::time::Duration::from_secs(60), async || {
            Ok(provider.estimate_gas(request.clone()).await.is_ok().then_some(()))
        })
        .await?;
        self.as_owner(request.clone()).await?;
        ensure!(self.version().await? == upgrade.version, "another version is in force");
        Ok(())
    }
}
