//! Chess clocks: each side has a budget, and uses it up while it is the one to answer.
//!
//! A claim's own clock is frozen in it ([`Claim::used`]). While it stands unanswered, the other side's clock runs: the
//! time that the claim's parent had used up, plus the time since the claim was made. One formula serves attacks and
//! decisions, so that the instant after which nobody can attack is the one from which on anybody can decide.

use rollup::interval::MAX_PARTS;

use super::{Claim, Game, Level};

/// Greatest length of a claim about blocks to whose parts, or to those of its attacks, single blocks belong.
const NEAR_BOUNDARY: u64 = MAX_PARTS * MAX_PARTS;

impl Game {
    /// Time used up, in seconds, on the clock of those who may attack a claim.
    pub fn attackers_used(&self, claim: &Claim, now: u64) -> u64 {
        let before = self.parent(claim).map_or(0, |parent| parent.used);
        before.saturating_add(now.saturating_sub(claim.created))
    }

    /// Time left, in seconds, to attack a claim.
    pub fn time_left(&self, claim: &Claim, now: u64) -> u64 {
        self.rules.clock.saturating_sub(self.attackers_used(claim, now))
    }

    /// The first second at which a claim cannot be attacked any more.
    pub fn deadline(&self, claim: &Claim) -> u64 {
        let before = self.parent(claim).map_or(0, |parent| parent.used);
        claim.created.saturating_add(self.rules.clock.saturating_sub(before))
    }

    /// Clock of a new claim that attacks `parent`; `None` if the time is up.
    pub(super) fn clock_of_child(&self, parent: &Claim, level: Level, length: u64, now: u64) -> Option<u64> {
        let used = self.attackers_used(parent, now);
        if used >= self.rules.clock {
            return None;
        }
        let most = self.rules.clock.saturating_sub(self.extension(parent, level, length));
        Some(used.min(most))
    }

    /// Time that the side of a new claim has at least for its next answer. It is the longer one if that answer may need a
    /// run of the machine: to attack a single block, or to answer such an attack.
    fn extension(&self, parent: &Claim, level: Level, length: u64) -> u64 {
        let near = match level {
            Level::Blocks => length <= NEAR_BOUNDARY,
            Level::Steps { .. } => parent.level == Level::Blocks,
        };
        if near { self.rules.boundary_extension } else { self.rules.extension }
    }
}
