//! How long it takes to leave a rollup.

use bindings::IDisputeGame;

/// Claims of one path of a dispute with an extension of the clock, and those of them whose side may have to run the VM next:
/// disputes are up to 14 claims deep (`l1-contracts/README.md`, "Clocks").
const EXTENDED_CLAIMS: u64 = 10;
const BOUNDARY_CLAIMS: u64 = 3;

/// The times of a rollup, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExitTimes {
    /// Age from which anyone can force a deposit in.
    pub force_delay: u64,
    /// Time that each side of a dispute has.
    pub max_clock: u64,
    /// The longest dispute: see [`longest_dispute`](Self::longest_dispute).
    pub dispute: u64,
    /// Between a game's resolution and its finality.
    pub air_gap: u64,
    /// Between a withdrawal's proof and its payment.
    pub proof_maturity: u64,
    /// Length of a pause.
    pub pause: u64,
}

impl ExitTimes {
    /// Longest time until a dispute is resolved: both sides' clocks, and the extensions of one path.
    pub const fn longest_dispute(parameters: &IDisputeGame::Parameters) -> u64 {
        let clocks = parameters.maxClockDuration.saturating_mul(2);
        let extensions = parameters.clockExtension.saturating_mul(EXTENDED_CLAIMS);
        let boundary = parameters.boundaryExtension.saturating_mul(BOUNDARY_CLAIMS);
        clocks.saturating_add(extensions).saturating_add(boundary)
    }

    /// From a proposal to its finality, if it is resolved after this time; and the withdrawal's proof, which waits meanwhile.
    fn game(&self, resolved: u64) -> u64 {
        resolved.saturating_add(self.air_gap).max(self.proof_maturity)
    }

    /// From a proposal to its finality, if it is disputed to the end.
    pub fn disputed_game(&self) -> u64 {
        self.game(self.dispute)
    }

    /// From a withdrawal's proposal to its payment, while the rollup is run as it should be.
    pub fn usual(&self) -> u64 {
        self.game(self.max_clock)
    }

    /// Time to leave in spite of owner, guardian, batcher and proposer together: forced inclusion, a disputed game, another one
    /// because the guardian has excluded the first, and a pause.
    pub fn worst(&self) -> u64 {
        let games = self.disputed_game().saturating_mul(2);
        self.force_delay.saturating_add(games).saturating_add(self.pause)
    }

    /// What must fit between two times at which the guardian excludes all games: a game, a pause, and a proof that begins only
    /// then.
    pub fn between_retirements(&self) -> u64 {
        let game = self.dispute.saturating_add(self.air_gap);
        game.saturating_add(self.pause).saturating_add(self.proof_maturity)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exit_of_a_main_network_takes_as_long_as_its_documents_say() {
        let hours = |hours: u64| hours * 3600;
        let parameters = IDisputeGame::Parameters {
            maxClockDuration: hours(84),
            clockExtension: hours(3),
            boundaryExtension: hours(6),
            ..IDisputeGame::Parameters::default()
        };
        assert_eq!(ExitTimes::longest_dispute(&parameters), hours(216));
        let times = ExitTimes {
            force_delay: hours(12),
            max_clock: hours(84),
            dispute: hours(216),
            air_gap: hours(84),
            proof_maturity: hours(168),
            pause: hours(168),
        };
        assert_eq!((times.worst(), times.between_retirements()), (hours(780), hours(636)));
        let endless = ExitTimes { pause: u64::MAX, dispute: u64::MAX, ..times };
        assert_eq!((endless.worst(), endless.between_retirements()), (u64::MAX, u64::MAX));
        // A proof that takes longer than the game is what a withdrawal waits for.
        assert_eq!(ExitTimes { proof_maturity: hours(400), ..times }.worst(), hours(12 + 800 + 168));
    }
}
