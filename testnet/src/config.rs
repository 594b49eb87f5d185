//! The parameters of a rollup.

use alloy::primitives::{Address, B256};
use anyhow::{Context, Result};
use stf::ChainConfig;

use crate::{Roles, accounts};

/// The fault proof program, as the VM starts with it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Program {
    /// Memory root of its image.
    pub root: B256,
    /// Its first pc.
    pub entry: u64,
}

impl Program {
    /// The program that challengers will run: the file that [`rollup::program::program_path`] finds.
    pub fn load() -> Result<Self> {
        let path = rollup::program::program_path()?;
        let name = path.display();
        let file = rollup::files::read(&path, vm::MAX_ELF as u64)
            .with_context(|| format!("cannot read the program {name}"))?;
        let image = vm::Image::load(&file)
            .with_context(|| format!("{name} is not a program of the fault proof VM"))?;
        Ok(Self { root: image.root(), entry: image.entry().into() })
    }
}

/// Most steps that a run of the fault proof program may take; a run that takes more counts as failed.
///
/// The worst block known takes 2^36.2: modular exponentiations with a short even modulus and a long exponent, 1,310
/// instructions per gas, in a block of the largest gas limit. It must end within a quarter of this: worse blocks may exist
/// that nobody has found. A higher limit costs nobody anything. The depth of a dispute follows from the steps that are
/// claimed, and honest claims are about real runs.
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
    /// Time that each side has in a dispute, in seconds.
    pub max_clock_duration: u64,
    /// Least time that a side has left for its next move in a dispute, in seconds.
    pub clock_extension: u64,
    /// The same where that move may need a run of the fault proof VM, in seconds.
    pub boundary_extension: u64,
    /// The fault proof program that the games are about.
    pub program: Program,
    /// Seconds between a game's resolution and its finality: the air gap.
    pub finality_delay: u64,
    /// Seconds between the proof of a withdrawal and its finalization.
    pub proof_maturity_delay: u64,
    /// Length of a guardian's pause, in seconds.
    pub pause_duration: u64,
    /// Bond of a proposal, in wei: the greatest of a dispute.
    pub bond: u128,
    /// Bond of the deepest claims of a dispute, in wei: at least twice what the most expensive answer costs in gas.
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
            // 1 ETH falls by an eighth with each claim deeper, to 0.2 ETH after twelve: a dispute over 600 blocks is twelve deep. An
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
