//! Chess clocks: each side has the max clock duration, and its time runs while it has to answer.
//!
//! A claim records what its own side had used when it was made ([`Claim::elapsed`]). Until it is attacked, the other
//! side's time runs: what that side had used when it made the claim's parent, plus the time since the claim was made. One
//! formula serves attacks and resolutions: the second from which on nobody can attack is the one from which on anybody can
//! resolve.

use rollup::interval::MAX_SEGMENTS;

use super::{Claim, Game, Level};

/// Greatest length of a claim about blocks some of whose segments, or of its attacks' segments, are single blocks.
const NEAR_BOUNDARY: u64 = MAX_SEGMENTS * MAX_SEGMENTS;

impl Game {
    /// Time that the side of a claim's attackers has used, in seconds.
    pub fn attackers_elapsed(&self, claim: &Claim, now: u64) -> u64 {
        let before = self.parent(claim).map_or(0, |parent| parent.elapsed);
        before.saturating_add(now.saturating_sub(claim.created))
    }

    /// Time left, in seconds, to attack a claim.
    pub fn time_left(&self, claim: &Claim, now: u64) -> u64 {
        self.parameters.max_clock_duration.saturating_sub(self.attackers_elapsed(claim, now))
    }

    /// The first second at which a claim cannot be attacked any more.
    pub fn deadline(&self, claim: &Claim) -> u64 {
        let before = self.parent(claim).map_or(0, |parent| parent.elapsed);
        claim.created.saturating_add(self.parameters.max_clock_duration.saturating_sub(before))
    }

    /// Elapsed time of the side that attacks `parent` now; `None` if its clock has run out.
    pub(super) fn elapsed_of_attack(
        &self,
        parent: &Claim,
        level: Level,
        length: u64,
        now: u64,
    ) -> Option<u64> {
        let elapsed = self.attackers_elapsed(parent, now);
        if elapsed >= self.parameters.max_clock_duration {
            return None;
        }
        let most = self.parameters.max_clock_duration.saturating_sub(self.extension(parent, level, length));
        Some(elapsed.min(most))
    }

    /// Least time that the side of a new claim has for its next move. It is the longer one if that move may need a run of
    /// the VM: to attack a single block, or to answer such an attack.
    fn extension(&self, parent: &Claim, level: Level, length: u64) -> u64 {
        let near = match level {
            Level::Blocks => length <= NEAR_BOUNDARY,
            Level::Steps { .. } => parent.level == Level::Blocks,
        };
        if near { self.parameters.boundary_extension } else { self.parameters.extension }
    }
}
