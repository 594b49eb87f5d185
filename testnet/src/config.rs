//! The parameters of a rollup.

use alloy::primitives::Address;
use anyhow::Result;
use rollup::{blobs::DaChoice, program};
use stf::{ChainConfig, FeeParameters, ForkSchedule, Rules, config::Activation};

use verify::Program;

use crate::{Roles, accounts, accounts::RoleAccounts};

/// L2's gas per second at which its base fee stays: less than a tenth of what a challenger on two cores executes.
const GAS_TARGET: u64 = 10_000_000;

/// The least base fee of L2, in wei: a transfer on an idle chain costs 21 gwei of gas, besides L1's share.
const MIN_BASE_FEE: u64 = 1_000_000;

/// Seconds between scheduling and execution of an upgrade on a main network: long enough to leave in spite of all that those
/// who run the rollup can do meanwhile. Forced inclusion takes half a day, the longest dispute 9 days, the air gap 3.5; once
/// more after the guardian excluded the game; a pause takes 7; 12 are slack. (`Exit.t.sol` plays it: 32 days.)
pub const UPGRADE_DELAY: u64 = 45 * 24 * 3600;

/// Weights of L1's prices in the fee for L1 data, in millionths, with which a rollup begins. Traffic decides which are right:
/// `recourse-node fees` compares, and says which would have been.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DataWeights {
    /// Of the base fee, for each of 16 units of gas for a byte.
    pub base_fee: u32,
    /// Of the blob base fee, for each byte.
    pub blob_base_fee: u32,
}

impl DataWeights {
    /// For batches in blobs. A transfer counts 100 bytes, the least there is, and takes 72.4 of a payload. A batch in one blob
    /// takes 121,000 gas, and 131,072 blob gas for its 130,048 bytes, whatever it holds; here it is half full. So a counted
    /// byte takes 1.35 gas, which is 16 × 0.0842, and 1.46 blob gas. Fuller blobs, and several in a batch, cost less.
    pub const BLOBS: Self = Self { base_fee: 84_200, blob_base_fee: 1_459_000 };

    /// For batches in calldata, whose bytes cost 40 gas (EIP-7623), not the 16 that the fee formula counts with; our transfers
    /// take at most 85 % of the 100 bytes that it counts at least.
    pub const CALLDATA: Self = Self { base_fee: 2_125_000, blob_base_fee: 0 };

    /// Where batches are posted. What goes where it is cheaper costs no more than in blobs.
    pub const fn of(da: DaChoice) -> Self {
        match da {
            DaChoice::Calldata => Self::CALLDATA,
            DaChoice::Auto | DaChoice::Blobs => Self::BLOBS,
        }
    }
}

/// The parameters of a rollup.
#[derive(Clone, Debug)]
pub struct DeployConfig {
    /// The constants of the state transition.
    pub chain: ChainConfig,
    /// Seconds after the genesis at which Karst begins, with Isthmus before; `None`: as `chain` says.
    pub karst_after: Option<u64>,
    /// L2 block gas limit.
    pub gas_limit: u64,
    /// Parameters of L2's base fee.
    pub base_fee: FeeParameters,
    /// Weight of the L1 base fee in the L1 data fee, in millionths.
    pub base_fee_scalar: u32,
    /// Weight of the L1 blob base fee in the L1 data fee, in millionths.
    pub blob_base_fee_scalar: u32,
    /// Operator fee per gas, in hundreds of wei; in millionths of a wei before Karst.
    pub operator_fee_scalar: u32,
    /// Operator fee per transaction, in wei.
    pub operator_fee_constant: u64,
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
    pub accounts: RoleAccounts,
    /// Seconds between scheduling and execution of a change of the contracts; `None`: nobody can ever change them.
    pub upgrade_delay: Option<u64>,
    /// The version of the game that takes over if the machine of the first one breaks, deployed before; zero: none.
    pub standby: Address,
    /// L2 accounts that start with [`accounts::BALANCE`], for devnets. The portal gets as much, so that it covers what
    /// can be withdrawn there, too.
    pub funded: Vec<Address>,
}

impl DeployConfig {
    /// What a rollup on a main network would use.
    pub fn mainnet(chain_id: u64, accounts: RoleAccounts) -> Self {
        Self {
            chain: ChainConfig {
                chain_id,
                max_drift: 600,
                force_delay: 12 * 3600,
                forks: ForkSchedule::always(Rules::Karst),
            },
            karst_after: None,
            gas_limit: 60_000_000,
            base_fee: FeeParameters::new(GAS_TARGET, MIN_BASE_FEE),
            base_fee_scalar: DataWeights::BLOBS.base_fee,
            blob_base_fee_scalar: DataWeights::BLOBS.blob_base_fee,
            operator_fee_scalar: 0,
            operator_fee_constant: 0,
            sequencer_timeout: 6 * 3600,
            max_clock_duration: 84 * 3600,
            clock_extension: 3 * 3600,
            boundary_extension: 6 * 3600,
            program: Program::default(),
            finality_delay: 84 * 3600,
            proof_maturity_delay: 7 * 24 * 3600,
            pause_duration: 7 * 24 * 3600,
            // 1 ETH falls by an eighth with each claim deeper, to 0.5 ETH after six. An answer costs at most 4.65 million gas,
            // a failing call of the most expensive precompile, which 0.25 ETH pays up to 53 gwei; any other 1.75 million.
            bond: 1_000_000_000_000_000_000,
            leaf_bond: 500_000_000_000_000_000,
            bond_decay: 224,
            fee_recipient: accounts.owner,
            accounts,
            upgrade_delay: Some(UPGRADE_DELAY),
            standby: Address::ZERO,
            funded: Vec::new(),
        }
    }

    /// The same with the weights of a rollup whose batches are posted there.
    #[must_use]
    pub fn posting_in(self, da: DaChoice) -> Self {
        let DataWeights { base_fee, blob_base_fee } = DataWeights::of(da);
        Self { base_fee_scalar: base_fee, blob_base_fee_scalar: blob_base_fee, ..self }
    }

    /// The same with the fork schedule of a rollup whose genesis has this timestamp.
    pub fn from_genesis(&self, timestamp: u64) -> Result<Self> {
        let mut config = self.clone();
        if let Some(seconds) = self.karst_after {
            let activation = |rules: Rules, timestamp| Activation { rules: rules.id(), timestamp };
            let karst = activation(Rules::Karst, timestamp.saturating_add(seconds.max(1)));
            config.chain.forks = ForkSchedule::new(&[activation(Rules::Isthmus, 0), karst])?;
        }
        Ok(config)
    }

    /// Most steps of a run under the rules of its schedule.
    pub fn max_steps(&self) -> u64 {
        program::max_steps(&self.chain.forks)
    }

    /// What a devnet uses: short times, a low bond, development accounts.
    pub fn devnet() -> Result<Self> {
        let users = accounts::users()?;
        Ok(Self {
            program: Program::load()?,
            funded: users.iter().map(|user| user.address()).collect(),
            ..Self::mainnet(42_069, Roles::development()?.accounts()).with_devnet_times()
        })
    }

    /// The same with the short times and low bonds of a devnet.
    #[must_use]
    pub fn with_devnet_times(self) -> Self {
        Self {
            chain: ChainConfig { force_delay: 60, ..self.chain },
            sequencer_timeout: 60,
            max_clock_duration: 60,
            clock_extension: 5,
            boundary_extension: 15,
            finality_delay: 10,
            proof_maturity_delay: 10,
            pause_duration: 60,
            bond: 100_000_000_000_000_000,
            leaf_bond: 20_000_000_000_000_000,
            // Long enough to leave, by the same sum: 60 + 2 × (215 + 10) + 60 seconds.
            upgrade_delay: Some(600),
            ..self
        }
    }
}
