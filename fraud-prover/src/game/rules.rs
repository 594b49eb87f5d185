//! The constants of a deployment that games are played by.

use alloy::primitives::{Address, B256, U256};

/// Constants of the game contract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Budget of each side's clock, in seconds.
    pub clock: u64,
    /// Least time that the side of a new claim has left for its next answer, in seconds.
    pub extension: u64,
    /// The same where the next answer needs a run of the machine, in seconds.
    pub boundary_extension: u64,
    /// Most steps of a run.
    pub max_steps: u64,
    /// What claims cost.
    pub bonds: Bonds,
    /// Memory root of the program that the machine runs.
    pub program_root: B256,
    /// The program's first pc.
    pub program_entry: u64,
    /// The contract that verifies steps.
    pub verifier: Address,
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

    /// How a countered claim's bond is split: (reward, burned). Half is burned: otherwise who counters his own wrong
    /// claim, as an equal of the honest answer, would lose nothing by it.
    pub fn split(bond: U256) -> (U256, U256) {
        let reward = bond >> 1;
        (reward, bond - reward)
    }
}
