//! Deployment of the L1 contracts.

use crate::{
    Anvil, accounts,
    anvil::ensure_success,
    config::DeployConfig,
    genesis::{L1Origin, l2_genesis},
};
use alloy::{
    eips::{BlockNumberOrTag, eip2718::Encodable2718},
    network::{EthereumWallet, NetworkTransactionBuilder, TransactionBuilder},
    primitives::{Address, B256, Bytes, U256},
    providers::Provider,
    rpc::types::TransactionRequest,
    sol_types::SolConstructor,
};
use anyhow::{Context, Result, ensure};
use bindings::{
    artifacts::{Contract, creation_code},
    constructors,
};
use rollup::{RollupConfig, config::Contracts};

/// Gas for the deployment of one contract: about twice what the largest takes.
const DEPLOY_GAS: u64 = 8_000_000;

/// Deploys the contracts in one new block of an [`Anvil`] that mines on demand, after funding the roles.
pub async fn deploy(l1: &Anvil, config: &DeployConfig) -> Result<RollupConfig> {
    for address in config.roles.senders() {
        l1.set_balance(address, accounts::BALANCE).await?;
    }
    let deployer = config.roles.deployer.address();
    let nonce = l1.provider().get_transaction_count(deployer).await?;
    let address = |index| deployer.create(nonce + index);
    let (risc_v, game_implementation) = (address(3), address(4));
    let contracts = Contracts {
        inbox: address(0),
        portal: address(1),
        system_config: address(2),
        dispute_game_factory: address(5),
        anchor_state_registry: address(6),
        multicall3: address(7),
        l1_cross_domain_messenger: address(8),
        l1_standard_bridge: address(9),
    };

    let origin = l1.latest().await?.header;
    let config = &config.from_genesis(origin.timestamp)?;
    let genesis = l2_genesis(
        config,
        &contracts,
        L1Origin {
            number: origin.number,
            timestamp: origin.timestamp,
            base_fee: origin.base_fee_per_gas.unwrap_or_default(),
            blob_base_fee: origin.blob_fee().unwrap_or(1),
        },
    )?;
    let genesis_block = genesis.block(&mut ());

    let codes = [
        (Contract::Inbox, inbox_arguments(config, &contracts)),
        (Contract::Portal, portal_arguments(config, &contracts)),
        (Contract::SystemConfig, system_config_arguments(config, &contracts)),
        (Contract::RiscV, Vec::new()),
        // The factory asks it for the bond.
        (Contract::DisputeGame, game_arguments(config, risc_v)),
        (Contract::DisputeGameFactory, factory_arguments(&contracts, game_implementation)),
        (Contract::AnchorStateRegistry, registry_arguments(config, &contracts, genesis_block.output_root)),
        (Contract::Multicall3, Vec::new()),
        (Contract::L1CrossDomainMessenger, messenger_arguments(&contracts)),
        (Contract::L1StandardBridge, bridge_arguments(&contracts)),
    ];
    let chain_id = l1.provider().get_chain_id().await?;
    let wallet = EthereumWallet::from(config.roles.deployer.clone());
    let mut hashes = Vec::new();
    for (nonce, (contract, arguments)) in (nonce..).zip(codes) {
        let code: Bytes = [creation_code(contract).as_ref(), &arguments].concat().into();
        let request = TransactionRequest::default()
            .with_deploy_code(code)
            .with_chain_id(chain_id)
            .with_nonce(nonce)
            .with_gas_limit(DEPLOY_GAS)
            .with_max_fee_per_gas(100_000_000_000)
            .with_max_priority_fee_per_gas(1_000_000_000);
        let envelope = request.build(&wallet).await.context("cannot sign a deployment")?;
        let pending = l1.provider().send_raw_transaction(&envelope.encoded_2718()).await;
        hashes.push((contract, *pending.with_context(|| format!("deployment of {contract:?}"))?.tx_hash()));
    }
    l1.mine(1).await?;
    let mut start_block = None;
    for (contract, hash) in hashes {
        let receipt = l1.receipt(hash).await?;
        ensure_success(&receipt, &format!("deployment of {contract:?}"))?;
        start_block = start_block.or(receipt.block_number);
    }
    check(l1, &contracts).await?;
    let backing = accounts::BALANCE * U256::from(config.funded.len());
    if !backing.is_zero() {
        l1.set_balance(contracts.portal, backing).await?;
    }
    Ok(RollupConfig {
        l1_chain_id: chain_id,
        l1_start_block: start_block.context("the deployment is in no block")?,
        chain: config.chain,
        sequencer_timeout: config.sequencer_timeout,
        contracts,
        genesis_hash: genesis_block.hash,
        genesis_output_root: genesis_block.output_root,
        genesis,
    })
}

/// Checks that the contracts stand where they were expected: they know each other by these addresses.
async fn check(l1: &Anvil, contracts: &Contracts) -> Result<()> {
    for address in [
        contracts.inbox,
        contracts.portal,
        contracts.system_config,
        contracts.dispute_game_factory,
        contracts.anchor_state_registry,
        contracts.multicall3,
        contracts.l1_cross_domain_messenger,
        contracts.l1_standard_bridge,
    ] {
        let code = l1.provider().get_code_at(address).block_id(BlockNumberOrTag::Latest.into()).await?;
        ensure!(!code.is_empty(), "no contract at {address} after the deployment");
    }
    Ok(())
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

fn messenger_arguments(contracts: &Contracts) -> Vec<u8> {
    constructors::L1CrossDomainMessenger::constructorCall { portal: contracts.portal }.abi_encode()
}

fn bridge_arguments(contracts: &Contracts) -> Vec<u8> {
    constructors::L1StandardBridge::constructorCall { messenger: contracts.l1_cross_domain_messenger }
        .abi_encode()
}

fn system_config_arguments(config: &DeployConfig, contracts: &Contracts) -> Vec<u8> {
    constructors::SystemConfig::constructorCall {
        inbox: contracts.inbox,
        owner: config.roles.owner.address(),
        batcher: config.roles.batcher.address(),
        unsafeBlockSigner: config.roles.signer.address(),
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

fn factory_arguments(contracts: &Contracts, game: Address) -> Vec<u8> {
    constructors::DisputeGameFactory::constructorCall {
        gameImplementation: game,
        anchorStateRegistry: contracts.anchor_state_registry,
        inbox: contracts.inbox,
    }
    .abi_encode()
}

fn registry_arguments(config: &DeployConfig, contracts: &Contracts, genesis_output: B256) -> Vec<u8> {
    constructors::AnchorStateRegistry::constructorCall {
        factory: contracts.dispute_game_factory,
        guardian: config.roles.owner.address(),
        finalityDelay: config.finality_delay,
        pauseDuration: config.pause_duration,
        genesisOutput: genesis_output,
        genesisBlock: 0,
    }
    .abi_encode()
}

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
    };
    constructors::DisputeGame::constructorCall { parameters }.abi_encode()
}
