//! The deployment and the L1 helpers, on a real Anvil.

use std::{process::Command, time::Duration};

use alloy::{
    network::TransactionBuilder,
    primitives::{Address, U256, uint},
    providers::Provider,
    rpc::types::TransactionRequest,
};
use anyhow::{Context, Result};
use bindings::{
    IAnchorStateRegistry::IAnchorStateRegistryInstance, IDisputeGameFactory::IDisputeGameFactoryInstance,
    IInbox::IInboxInstance, IPortal::IPortalInstance, IProxyAdmin::IProxyAdminInstance,
    ISystemConfig::ISystemConfigInstance, ITimelock::ITimelockInstance,
};
use rollup::RollupConfig;
use testnet::{Anvil, AnvilOptions, DeployConfig, Mining, Process, ProcessExit, Roles, accounts, deploy};

#[tokio::test]
async fn the_contracts_know_each_other_and_the_genesis() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let anvil = Anvil::start(&AnvilOptions::new(&dir.path().join("anvil.log"))).await?;
    let config = DeployConfig::devnet()?;
    let rollup = deploy(&anvil, &config, &Roles::development()?).await?;
    let contracts = rollup.contracts;
    assert_eq!((rollup.l1_chain_id, rollup.l1_start_block), (31_337, 1));

    let inbox = IInboxInstance::new(contracts.inbox, anvil.provider());
    assert_eq!(inbox.portal().call().await?, contracts.portal);
    assert_eq!(inbox.systemConfig().call().await?, contracts.system_config);
    assert_eq!(inbox.forceDelay().call().await?, config.chain.force_delay);
    assert_eq!(inbox.sequencerTimeout().call().await?, config.sequencer_timeout);
    let portal = IPortalInstance::new(contracts.portal, anvil.provider());
    assert_eq!(portal.inbox().call().await?, contracts.inbox);
    let system = ISystemConfigInstance::new(contracts.system_config, anvil.provider());
    assert_eq!(system.inbox().call().await?, contracts.inbox);
    assert_eq!(system.batcher().call().await?, config.accounts.batcher);
    assert_eq!(system.unsafeBlockSigner().call().await?, config.accounts.signer);
    assert_eq!(system.gasLimit().call().await?, rollup.genesis.gas_limit);
    let factory = IDisputeGameFactoryInstance::new(contracts.dispute_game_factory, anvil.provider());
    assert_eq!(factory.inbox().call().await?, contracts.inbox);
    assert_eq!(factory.anchorStateRegistry().call().await?, contracts.anchor_state_registry);
    assert_eq!(factory.bond().call().await?, U256::from(config.bond));
    let game = factory.gameImplementation().call().await?;
    assert!(!anvil.provider().get_code_at(game).await?.is_empty());
    let registry = IAnchorStateRegistryInstance::new(contracts.anchor_state_registry, anvil.provider());
    assert_eq!(registry.disputeGameFactory().call().await?, contracts.dispute_game_factory);
    let anchor = registry.anchors().call().await?;
    assert_eq!((anchor.root, anchor.l2SequenceNumber), (rollup.genesis_output_root, U256::ZERO));

    // The owner's changes wait in the timelock, for each contract that has a proxy.
    let governor = factory.governor().call().await?;
    let timelock = ITimelockInstance::new(governor, anvil.provider());
    assert_eq!(timelock.getMinDelay().call().await?, U256::from(config.upgrade_delay.unwrap_or_default()));
    let proposer_role = timelock.PROPOSER_ROLE().call().await?;
    assert!(timelock.hasRole(proposer_role, config.accounts.owner).call().await?);
    for proxy in proxies(&rollup) {
        let admin = anvil.provider().get_storage_at(proxy, ADMIN_SLOT).await?;
        let admin = IProxyAdminInstance::new(Address::from_word(admin.into()), anvil.provider());
        assert_eq!(admin.owner().call().await?, governor);
    }

    let path = dir.path().join("rollup.json");
    std::fs::write(&path, serde_json::to_vec_pretty(&rollup)?)?;
    assert_eq!(RollupConfig::load(&path)?, rollup);
    Ok(())
}

/// Where a proxy keeps its admin (ERC-1967).
const ADMIN_SLOT: U256 = uint!(0xb53127684a568b3173ae13b9f8a6016e243e63b6e8ee1178d6a717850b5d6103_U256);

fn proxies(rollup: &RollupConfig) -> [Address; 7] {
    let contracts = rollup.contracts;
    [
        contracts.inbox,
        contracts.portal,
        contracts.system_config,
        contracts.dispute_game_factory,
        contracts.anchor_state_registry,
        contracts.l1_cross_domain_messenger,
        contracts.l1_standard_bridge,
    ]
}

#[tokio::test]
async fn a_rollup_can_be_deployed_that_nobody_can_change() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let anvil = Anvil::start(&AnvilOptions::new(&dir.path().join("anvil.log"))).await?;
    let config = DeployConfig { upgrade_delay: None, ..DeployConfig::devnet()? };
    let rollup = deploy(&anvil, &config, &Roles::development()?).await?;
    let factory = IDisputeGameFactoryInstance::new(rollup.contracts.dispute_game_factory, anvil.provider());
    assert_eq!(factory.governor().call().await?, Address::ZERO);
    for proxy in proxies(&rollup) {
        assert_eq!(anvil.provider().get_storage_at(proxy, ADMIN_SLOT).await?, U256::ZERO);
    }
    let registry =
        IAnchorStateRegistryInstance::new(rollup.contracts.anchor_state_registry, anvil.provider());
    assert_eq!(registry.anchors().call().await?.root, rollup.genesis_output_root);
    Ok(())
}

#[tokio::test]
async fn anvil_mines_as_told_and_reorganises() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let anvil = Anvil::start(&AnvilOptions::new(&dir.path().join("anvil.log"))).await?;
    anvil.mine(5).await?;
    assert_eq!(anvil.provider().get_block_number().await?, 5);
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(anvil.provider().get_block_number().await?, 5);

    let users = accounts::users()?;
    let wallet = anvil.wallet(&users[0])?;
    let request = TransactionRequest::default()
        .with_to(users[1].address())
        .with_value(U256::from(1))
        .with_gas_limit(21_000);
    let hash = *wallet.send_transaction(request).await?.tx_hash();
    anvil.mine(1).await?;
    let before = anvil.receipt(hash).await?.block_hash.context("the receipt has no block")?;
    anvil.reorg(3).await?;
    assert_eq!(anvil.provider().get_block_number().await?, 6);
    assert_ne!(anvil.latest().await?.header.hash, before);
    assert!(anvil.receipt(hash).await.is_err(), "the transaction is gone");

    anvil.set_mining(Mining::Every(1)).await?;
    tokio::time::sleep(Duration::from_millis(2500)).await;
    assert!(anvil.provider().get_block_number().await? >= 8);
    anvil.set_mining(Mining::Manual).await?;
    let number = anvil.provider().get_block_number().await?;
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert_eq!(anvil.provider().get_block_number().await?, number);
    Ok(())
}

#[tokio::test]
async fn processes_end_when_asked_or_are_killed() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let log = dir.path().join("log");
    let shell = |script| Process::spawn("shell", Command::new("sh").args(["-c", script]), &log);

    let mut obedient = shell("trap 'exit 3' TERM; while :; do sleep 0.01; done")?;
    tokio::time::sleep(Duration::from_millis(200)).await;
    let ProcessExit::Stopped(status) = obedient.stop(Duration::from_secs(5)).await? else {
        panic!("it had to be killed")
    };
    assert_eq!(status.code(), Some(3));

    let mut stubborn = shell("trap '' TERM; echo stubborn >&2; while :; do sleep 0.01; done")?;
    tokio::time::sleep(Duration::from_millis(200)).await;
    stubborn.check_alive()?;
    assert_eq!(stubborn.stop(Duration::from_millis(100)).await?, ProcessExit::Killed);
    let error = stubborn.check_alive().expect_err("it has ended").to_string();
    assert!(error.contains("shell ended") && error.contains("stubborn"), "{error}");
    Ok(())
}
