//! What an answer is for, and what a branch of a dispute can still cost.
//!
//! Freeloaders are cheap to make, and answering them binds money until the game is over. An adversary who makes enough of
//! them would spend a challenger that answers whatever is due first, and win with a second wrong root. So each answer is
//! told by what hangs on it ([`Purpose`]), and money that the deciding branches can still take ([`Plan::reserve`]) is not
//! spent on others.
//!
//! [`Plan::reserve`]: super::Plan::reserve

use std::collections::BTreeSet;

use alloy::primitives::{Address, U256};
use rollup::interval::Interval;

use super::{Judged, View};
use crate::game::{Claim, ClaimIndex, Game, Level, Status};

/// Gas of an attack, of resolving the claim that it makes, and of distributing a bond. An attack with 16 commitments takes
/// some 110,000 and its calldata, the others 65,000 and 38,000 (`l1-contracts/gas`).
const CLAIM_GAS: u64 = 400_000;
/// Gas of the most expensive step, a failing call of an accelerator (`l1-contracts/README.md`, bonds).
const STEP_GAS: u64 = 4_650_000;

/// What hangs on a move, what matters most first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Purpose {
    /// The game's outcome: without it an invalid root would stand, or a valid one would fall.
    Root,
    /// A bond that the account paid for another claim.
    Bond,
    /// A reward, or somebody else's bond: the answer to a freeloader.
    Reward,
    /// Nothing that a clock limits: it closes what is over.
    Close,
}

/// What moves cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Bonds, in wei.
    pub bonds: U256,
    /// Gas.
    pub gas: u64,
}

impl Cost {
    /// In wei, at a price of gas in wei.
    pub fn wei(self, gas_price: u128) -> U256 {
        let gas = U256::from(self.gas).saturating_mul(U256::from(gas_price));
        self.bonds.saturating_add(gas)
    }
}

impl std::ops::Add for Cost {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { bonds: self.bonds.saturating_add(other.bonds), gas: self.gas.saturating_add(other.gas) }
    }
}

impl std::iter::Sum for Cost {
    fn sum<I: Iterator<Item = Self>>(costs: I) -> Self {
        costs.fold(Self::default(), |sum, cost| sum + cost)
    }
}

/// Most that one side may have to pay to bring a game's root claim down.
pub fn whole_dispute(game: &Game) -> Cost {
    let root = game.root();
    root.segment_interval(0).map_or_else(Cost::default, |segment| answers_below(game, root, segment, 0))
}

/// The branches of a game that the account has to see through.
#[derive(Debug, Default)]
pub(super) struct Branches {
    /// Claims on which the outcome hangs.
    root: BTreeSet<ClaimIndex>,
    /// Claims on which other bonds of the account hang.
    bonds: BTreeSet<ClaimIndex>,
    /// What the first can still cost.
    pub(super) reserve: Cost,
    /// What the second can still cost.
    pub(super) own: Cost,
}

impl Branches {
    /// Those of a game.
    pub(super) fn of(view: View<'_>, judged: &Judged<'_>) -> Self {
        let walk = |seen: BTreeSet<ClaimIndex>| Walk { game: view.game, judged, now: view.now, seen };
        let mut deciding = walk(BTreeSet::new());
        let reserve = match judged.is_valid(0) {
            // Countered or resolved: the outcome is decided.
            _ if view.game.root().status != Status::Open => Cost::default(),
            // One that nobody attacks is no branch to see through.
            true => deciding.counter_children(0).unwrap_or_default(),
            false => deciding.counter(0),
        };
        let root = deciding.seen;
        let mut others = walk(root.clone());
        // Claims come after what they attack, so those on which others hang come first.
        let own = (0..view.game.claims.len())
            .filter(|index| judged.is_valid(*index) && is_open_claim_of(&view.game.claims[*index], view.me))
            .map(|index| others.defend_once(index))
            .sum();
        let bonds = others.seen.difference(&root).copied().collect();
        Self { root, bonds, reserve, own }
    }

    /// What an answer to a claim is for.
    pub(super) fn purpose(&self, claim: ClaimIndex) -> Purpose {
        if self.root.contains(&claim) {
            Purpose::Root
        } else if self.bonds.contains(&claim) {
            Purpose::Bond
        } else {
            Purpose::Reward
        }
    }
}

/// What a branch can still cost whose answer to `claim`, at `segment`, is still to be made.
pub(super) fn cost_of_answer(game: &Game, claim: &Claim, segment: u8) -> Cost {
    claim.segment_interval(segment).map_or_else(Cost::default, |found| answers_below(game, claim, found, 0))
}

fn is_open_claim_of(claim: &Claim, account: Option<Address>) -> bool {
    claim.status == Status::Open && Some(claim.claimant) == account
}

struct Walk<'a> {
    game: &'a Game,
    judged: &'a Judged<'a>,
    now: u64,
    seen: BTreeSet<ClaimIndex>,
}

impl Walk<'_> {
    /// What it can still cost to counter an invalid claim, or one that may turn out invalid.
    fn counter(&mut self, index: ClaimIndex) -> Cost {
        let claim = &self.game.claims[index];
        if claim.status != Status::Open || self.judged.is_invalid_prestate(index) {
            return Cost::default();
        }
        self.seen.insert(index);
        let Some(segment) = self.judged.first_invalid(index) else {
            // Not known yet: the longest segment costs most.
            return cost_of_answer(self.game, claim, 0);
        };
        let valid = |child: &ClaimIndex| self.judged.is_valid(*child);
        let valid: Vec<ClaimIndex> = claim.children.iter().copied().filter(valid).collect();
        let answer = valid.iter().copied().find(|child| self.game.claims[*child].segment == segment);
        match answer {
            Some(answer) if self.game.claims[answer].status == Status::Open => self.defend(answer),
            None if self.may_answer(claim, segment) => cost_of_answer(self.game, claim, segment),
            // The answer is lost or came too late. A valid attack at another segment counters the claim as well.
            _ => valid.into_iter().map(|child| self.defend_once(child)).sum(),
        }
    }

    fn may_answer(&self, claim: &Claim, segment: u8) -> bool {
        let is_step = claim.is_step_level()
            && claim.segment_interval(segment).is_some_and(|interval| interval.length == 1);
        is_step || self.game.time_left(claim, self.now) > 0
    }

    /// What it can still cost to defend a valid claim, also against an attack that may still come.
    fn defend(&mut self, index: ClaimIndex) -> Cost {
        self.seen.insert(index);
        let claim = &self.game.claims[index];
        if claim.status != Status::Open {
            return Cost::default();
        }
        if let Some(cost) = self.counter_children(index) {
            return cost;
        }
        match claim.segment_interval(0) {
            Some(segment) if self.game.time_left(claim, self.now) > 0 => {
                answers_below(self.game, claim, segment, 1)
            }
            _ => Cost::default(),
        }
    }

    fn defend_once(&mut self, index: ClaimIndex) -> Cost {
        if self.seen.contains(&index) { Cost::default() } else { self.defend(index) }
    }

    /// What it can still cost to counter the attacks on a valid claim; none if there is none to counter.
    fn counter_children(&mut self, index: ClaimIndex) -> Option<Cost> {
        let claim = &self.game.claims[index];
        let is_attack = |child: &ClaimIndex| {
            self.game.claims[*child].status == Status::Open
                && !self.judged.is_valid(*child)
                && !self.judged.is_invalid_prestate(*child)
        };
        let attacks: Vec<ClaimIndex> = claim.children.iter().copied().filter(is_attack).collect();
        (!attacks.is_empty()).then(|| attacks.into_iter().map(|child| self.counter(child)).sum())
    }
}

/// What the claims and the step cost that one side may have to make below a segment of a claim, if both sides go on to the
/// end. That side makes every second claim, from number `first` on (0: the attack on the segment).
fn answers_below(game: &Game, claim: &Claim, segment: Interval, first: usize) -> Cost {
    let levels = levels_below(claim.level, segment.length, game.parameters.rules.max_steps);
    if levels == 0 && first > 0 {
        // A valid claim about single steps: there is no attack on it to answer.
        return Cost::default();
    }
    let depths = (first..levels).step_by(2).map(|level| claim.depth + 1 + level);
    let claims = depths.clone().count() as u64;
    Cost {
        bonds: depths.map(|depth| game.parameters.bonds.of(depth)).fold(U256::ZERO, U256::saturating_add),
        gas: claims.saturating_mul(CLAIM_GAS).saturating_add(STEP_GAS),
    }
}

/// How many claims can be made one below another, the first of them about a segment of this length. On the block level the
/// last but those about steps is about a run, which may have any number of steps that the game allows.
fn levels_below(level: Level, length: u64, max_steps: u64) -> usize {
    let stride = |length| Interval { start: 0, length }.stride();
    let mut levels = 0;
    let mut steps = length;
    if level == Level::Blocks {
        let mut blocks = length;
        while blocks > 1 {
            blocks = stride(blocks);
            levels += 1;
        }
        levels += 1;
        steps = stride(max_steps);
    }
    while steps > 1 {
        steps = stride(steps);
        levels += 1;
    }
    levels
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_those_of_the_deepest_dispute() {
        let steps = Level::Steps { block: 1, boot_hash: Default::default() };
        // Single steps are proven; 16 steps take one claim; a block takes a claim about its run and those below.
        assert_eq!([1, 2, 16, 17, 256].map(|length| levels_below(steps, length, 256)), [0, 1, 1, 2, 2]);
        assert_eq!([1, 2, 16, 256].map(|length| levels_below(Level::Blocks, length, 256)), [2, 3, 3, 4]);
        // A segment of 600 blocks, and the longest run of 2^40 steps: a dispute is 12 claims deep below the root.
        assert_eq!(levels_below(Level::Blocks, 256, 1 << 40), 12);
        assert_eq!(levels_below(Level::Blocks, u64::MAX, u64::MAX), 16 + 1 + 15);
    }
}
