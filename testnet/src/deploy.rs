//! Deployment of the L1 contracts.

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
use node::{RollupConfig, config::Contracts};
use stf::ChainConfig;

use crate::{
    Anvil, Roles, accounts,
    anvil::ensure_success,
    genesis::{L1Origin, l2_genesis},
};

/// Gas for the deployment of one contract: about twice what the largest takes.
const DEPLOY_GAS: u64 = 8_000_000;

/// The fraud-proof program, as the machine starts with it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Program {
    /// Memory root of its image.
    pub root: B256,
    /// Its first pc.
    pub entry: u64,
}

impl Program {
    /// The program that challengers will run: the file that [`node::program::program_path`] finds.
    pub fn load() -> Result<Self> {
        let path = node::program::program_path()?;
        let name = path.display();
        let file = std::fs::read(&path).with_context(|| format!("cannot read the program {name}"))?;
        let image =
            vm::Image::load(&file).with_context(|| format!("{name} is not a program of the machine"))?;
        Ok(Self { root: image.root(), entry: image.entry().into() })
    }
}

/// Most steps that a run of the fraud-proof program may take; a run that takes more counts as failed.
///
/// The worst block known takes 2^36.2: modular exponentiations with a short even modulus and a long exponent, 1,310
/// instructions per gas, in a block of the largest gas limit. It must end within a quarter of this, with room for what is
/// not known. A higher limit costs nobody anything: how deep a dispute goes is decided by the steps that are claimed, and
/// honest claims are about real runs.
pub const MAX_STEPS: u64 = 1 << 40;

/// The parameters of a rollup.
#[derive(Clone, Debug)]
pub struct DeployConfig {
    /// The constants of the state transition.
    pub chain: ChainConfig,
    /// L2 block gas limit.
    pub gas_limit: u64,
    /// Base fee of the L2 genesis block, in wei.
    pub genesis_base_fee: u64,
    /// Weight of the L1 base fee in the L1 data fee, in millionths.
    pub base_fee_scalar: u32,
    /// Weight of the L1 blob base fee in the L1 data fee, in millionths.
    pub blob_base_fee_scalar: u32,
    /// Operator fee per gas, in millionths of a wei.
    pub operator_fee_scalar: u32,
    /// Operator fee per transaction, in wei.
    pub operator_fee_constant: u64,
    /// Age in seconds past which every batch must cover a message.
    pub force_delay: u64,
    /// Seconds without a batch after which anyone may force batches.
    pub sequencer_timeout: u64,
    /// Each side's clock in a dispute, in seconds.
    pub max_clock_duration: u64,
    /// Least time that a side has left for its next move in a dispute, in seconds.
    pub clock_extension: u64,
    /// The same where that move may need a run of the fraud-proof machine, in seconds.
    pub boundary_extension: u64,
    /// The fraud-proof program that the games are about.
    pub program: Program,
    /// Seconds between a game's decision and its finality.
    pub finality_delay: u64,
    /// Seconds between the proof of a withdrawal and its finalization.
    pub proof_maturity_delay: u64,
    /// Length of a guardian's pause, in seconds.
    pub pause_duration: u64,
    /// Bond of a proposal, in wei: the greatest of a dispute.
    pub bond: u128,
    /// Bond of the deepest claims of a dispute, in wei: at least twice what the dearest answer costs in gas.
    pub leaf_bond: u128,
    /// Bond of a claim as a share of the bond of the claim that it attacks, in 256ths.
    pub bond_decay: u16,
    /// L1 account that the L2 fees are paid out to.
    pub fee_recipient: Address,
    /// Who runs the rollup.
    pub roles: Roles,
    /// L2 accounts that start with [`accounts::BALANCE`], for devnets. The portal gets as much, so that it covers what
    /// can be withdrawn there, too.
    pub funded: Vec<Address>,
}

impl DeployConfig {
    /// What a rollup on a main network would use.
    pub fn mainnet(chain_id: u64, roles: Roles) -> Self {
        Self {
            chain: ChainConfig {
                chain_id,
                max_drift: 600,
                base_fee_elasticity: 6,
                base_fee_denominator: 250,
            },
            gas_limit: 60_000_000,
            genesis_base_fee: 1_000_000,
            // Batches are calldata, whose bytes cost 40 gas (EIP-7623), not the 16 that the fee formula counts with;
            // our transfers take 85 % of the 100 bytes that it counts at least.
            base_fee_scalar: 2_125_000,
            blob_base_fee_scalar: 0,
            operator_fee_scalar: 0,
            operator_fee_constant: 0,
            force_delay: 12 * 3600,
            sequencer_timeout: 6 * 3600,
            max_clock_duration: 84 * 3600,
            clock_extension: 3 * 3600,
            boundary_extension: 6 * 3600,
            program: Program::default(),
            finality_delay: 84 * 3600,
            proof_maturity_delay: 7 * 24 * 3600,
            pause_duration: 7 * 24 * 3600,
            // 1 ETH falls by an eighth with each level, to 0.2 ETH after twelve: 600 blocks have twelve levels. An
            // answer costs at most 1.75 million gas, which 0.1 ETH pays up to 57 gwei.
            bond: 1_000_000_000_000_000_000,
            leaf_bond: 200_000_000_000_000_000,
            bond_decay: 224,
            fee_recipient: roles.owner.address(),
            roles,
            funded: Vec::new(),
        }
    }

    /// What a devnet uses: short times, a low bond, development accounts.
    pub fn devnet() -> Result<Self> {
        let users = accounts::users()?;
        Ok(Self {
            force_delay: 60,
            sequencer_timeout: 60,
            max_clock_duration: 60,
            clock_extension: 5,
            boundary_extension: 15,
            finality_delay: 10,
            proof_maturity_delay: 10,
            pause_duration: 60,
            bond: 100_000_000_000_000_000,
            leaf_bond: 20_000_000_000_000_000,
            program: Program::load()?,
            funded: users.iter().map(|user| user.address()).collect(),
            ..Self::mainnet(42_069, Roles::development()?)
        })
    }
}

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
        forceDelay: config.force_delay,
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
        maxSteps: MAX_STEPS,
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
