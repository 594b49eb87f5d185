//! A dispute as plain data: the tree of claims with their clocks, statuses and bonds.
//!
//! [`Game`] is what the honest strategy looks at. It is filled in two ways: from L1's events, where the contract has
//! already checked every move; and by the moves of this module, which check what the contract checks, for simulations
//! and for telling beforehand what the contract would refuse. Both end in the same functions.
//!
//! Errors: [`InvalidMove`] names the rule that a move breaks.

mod claim;
mod clock;
mod moves;
mod parameters;
mod resolution;

use std::collections::BTreeMap;

use alloy::primitives::{Address, B256, U256};
use rollup::interval::Interval;

pub use claim::{Claim, ClaimId, Counter, Level, Status};
pub(crate) use moves::NewClaim;
pub use moves::{InvalidMove, Opening, Run};
pub use parameters::{Bonds, GameParameters, RunRules};

/// Position of a claim in [`Game::claims`]: claims are listed in the order in which they were made, the root first.
pub type ClaimIndex = usize;

/// What a dispute is about. Never changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// The contract of the game.
    pub game: Address,
    /// The disputed L2 blocks: those behind the anchor, up to the proposed one.
    pub blocks: Interval,
    /// The agreed output root of the anchor's block.
    pub anchor_output: B256,
    /// Number of pinned batches.
    pub batch_count: u64,
    /// Accumulator over them. With the anchor's output root it determines all inputs.
    pub batch_acc: B256,
    /// How the blocks are proven.
    pub rules: RunRules,
}

/// The machine of a game's version was shown to be broken: nothing is answered or resolved any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Suspension {
    /// When the machine was last known to be sound, in seconds. What was countered by then stands.
    pub sound_at: u64,
}

/// A dispute over one proposed output root.
#[derive(Clone, Debug)]
pub struct Game {
    /// What it is about.
    pub subject: Subject,
    /// The deployment's constants.
    pub parameters: GameParameters,
    /// The claims, in the order in which they were made.
    pub claims: Vec<Claim>,
    /// What the game owes to accounts, in wei.
    pub credits: BTreeMap<Address, U256>,
    /// What was burned, in wei.
    pub burned: U256,
    /// Set once its machine was shown to be broken.
    pub suspension: Option<Suspension>,
    ids: BTreeMap<ClaimId, ClaimIndex>,
}

impl Game {
    /// A game that begins with its root claim: `commitments` over the subject's blocks, made by `proposer` at `now`
    /// (seconds, as L1 counts them).
    pub fn new(
        subject: Subject,
        parameters: GameParameters,
        commitments: Vec<B256>,
        proposer: Address,
        now: u64,
    ) -> Self {
        let root = Claim::root(&subject, &parameters, commitments, proposer, now);
        let ids = BTreeMap::from([(root.id, 0)]);
        let credits = BTreeMap::new();
        let (burned, suspension) = (U256::ZERO, None);
        Self { subject, parameters, claims: vec![root], credits, burned, suspension, ids }
    }

    /// The claim about the proposed output.
    pub fn root(&self) -> &Claim {
        &self.claims[0]
    }

    /// A claim by its id.
    pub fn claim(&self, id: ClaimId) -> Option<&Claim> {
        self.ids.get(&id).map(|index| &self.claims[*index])
    }

    /// Position of a claim.
    pub fn index(&self, id: ClaimId) -> Option<ClaimIndex> {
        self.ids.get(&id).copied()
    }

    /// The claim that a claim attacks.
    pub fn parent(&self, claim: &Claim) -> Option<&Claim> {
        claim.parent.map(|parent| &self.claims[parent])
    }

    /// The claims that attack a claim, in the order in which they were made.
    pub fn children<'a>(&'a self, claim: &'a Claim) -> impl Iterator<Item = &'a Claim> + 'a {
        claim.children.iter().map(|child| &self.claims[*child])
    }

    /// Adds a claim behind its parent, which must be there.
    fn insert(&mut self, claim: Claim) -> ClaimIndex {
        let index = self.claims.len();
        if let Some(parent) = claim.parent {
            self.claims[parent].children.push(index);
        }
        self.ids.insert(claim.id, index);
        self.claims.push(claim);
        index
    }
}
