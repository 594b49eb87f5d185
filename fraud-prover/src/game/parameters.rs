//! The constants of a version of the game.

use alloy::primitives::{Address, B256, U256};

/// Constants of a version of the game: what its `parameters()` returns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GameParameters {
    /// Time that each side has in a game, in seconds.
    pub max_clock_duration: u64,
    /// Least time that the side of a new claim has for its next move, in seconds.
    pub extension: u64,
    /// The same where that move may need a run of the VM, in seconds.
    pub boundary_extension: u64,
    /// The bonds of claims.
    pub bonds: Bonds,
    /// How blocks are proven.
    pub rules: RunRules,
    /// The contract that verifies steps.
    pub verifier: Address,
}

/// How a version of the game proves blocks: which program runs, for how long, and by which chain config.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunRules {
    /// Memory root of the fault proof program.
    pub program_root: B256,
    /// The program's first pc.
    pub program_entry: u64,
    /// Most steps of a run.
    pub max_steps: u64,
    /// Hash of the chain config.
    pub config_hash: B256,
}

/// What claims cost: geometrically less with each level below the root, but never less than a leaf.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bonds {
    /// Bond of the root claim, in wei.
    pub root: U256,
    /// Least bond, in wei.
    pub leaf: U256,
    /// Each level's bond as a share of the one above, in 256ths; below 256.
    pub decay: u16,
}

impl Bonds {
    /// Bond of a claim with so many claims above it, in wei.
    pub fn of(&self, depth: usize) -> U256 {
        let mut bond = self.root;
        for _ in 0..depth {
            if bond <= self.leaf {
                break;
            }
            // Roots' bonds are below 2^128.
            bond = bond.saturating_mul(U256::from(self.decay)) >> 8;
        }
        bond.max(self.leaf)
    }

    /// How a refuted claim's bond is split: (reward, burned). Half is burned: otherwise an account could make an invalid
    /// claim, counter it itself before the honest answer, and lose nothing.
    pub fn split(bond: U256) -> (U256, U256) {
        let reward = bond >> 1;
        (reward, bond - reward)
    }
}
