//! How long anything takes, and whether a user can leave before an upgrade.

use alloy::primitives::U256;
use bindings::{IDisputeGame, artifacts::Contract};

use super::{
    Comparison,
    rows::{Rows, shown, time},
};

/// Claims of one path of a dispute with an extension of the clock, and those of them whose side may have to run the VM next:
/// disputes are up to 14 claims deep (`l1-contracts/README.md`, "Clocks").
const EXTENDED_CLAIMS: u64 = 10;
const BOUNDARY_CLAIMS: u64 = 3;

/// The times of a rollup, in seconds.
#[derive(Clone, Copy, Debug)]
struct ExitTimes {
    force_delay: u64,
    dispute: u64,
    air_gap: u64,
    proof_maturity: u64,
    pause: u64,
}

impl ExitTimes {
    /// From a proposal to its finality, if it is disputed to the end; and the withdrawal's proof, which waits meanwhile.
    fn game(&self) -> u64 {
        self.dispute.saturating_add(self.air_gap).max(self.proof_maturity)
    }

    /// Time to leave in spite of owner, guardian, batcher and proposer together: forced inclusion, a game, another one because
    /// the guardian has excluded the first, and a pause.
    fn exit(&self) -> u64 {
        let games = self.game().saturating_mul(2);
        self.force_delay.saturating_add(games).saturating_add(self.pause)
    }

    /// What must fit between two times at which the guardian excludes all games: a game, a pause, and a proof that begins only
    /// then.
    fn between_retirements(&self) -> u64 {
        let game = self.dispute.saturating_add(self.air_gap);
        game.saturating_add(self.pause).saturating_add(self.proof_maturity)
    }
}

/// Longest time until a dispute is resolved, in seconds: both sides' clocks, and the extensions of one path.
pub(super) fn longest_dispute(parameters: &IDisputeGame::Parameters) -> u64 {
    let clocks = parameters.maxClockDuration.saturating_mul(2);
    let extensions = parameters.clockExtension.saturating_mul(EXTENDED_CLAIMS);
    let boundary = parameters.boundaryExtension.saturating_mul(BOUNDARY_CLAIMS);
    clocks.saturating_add(extensions).saturating_add(boundary)
}

pub(super) fn rows(comparison: &Comparison<'_>, rows: &mut Rows) {
    let evidence = comparison.evidence;
    let answers = &evidence.answers;
    let number = |contract, view| answers.number(contract, view);
    let registry = Contract::AnchorStateRegistry;
    let parameters = evidence.game.as_ref().and_then(|game| game.parameters.as_ref());
    let times = || -> Option<ExitTimes> {
        Some(ExitTimes {
            force_delay: number(Contract::Inbox, "forceDelay()")?,
            dispute: longest_dispute(parameters?),
            air_gap: number(registry, "disputeGameFinalityDelaySeconds()")?,
            proof_maturity: number(Contract::Portal, "proofMaturityDelaySeconds()")?,
            pause: number(registry, "pauseDuration()")?,
        })
    };
    let Some(times) = times() else {
        let meaning = "How long it takes to leave is not known: the contracts do not say.";
        rows.deviates("times", "answers to all questions", "no answer to some", meaning);
        return;
    };
    upgrade_delay(comparison, &times, rows);
    let extension = parameters.map_or(0, |parameters| parameters.clockExtension);
    rows.check(
        "air gap",
        times.air_gap >= extension.max(1),
        format!("at least {}, the time that a dispute leaves for an answer", time(extension.max(1))),
        time(times.air_gap),
        "The guardian has no time to exclude a wrong output that has won by a fault of the contracts.",
    );
    rows.check(
        "proof maturity",
        times.proof_maturity >= times.air_gap,
        format!("at least the air gap, {}", time(times.air_gap)),
        time(times.proof_maturity),
        "A withdrawal that was proven against a wrong output is paid out before anybody need have seen it.",
    );
    let interval = number(registry, "RETIREMENT_INTERVAL()").unwrap_or_default();
    let needed = times.between_retirements();
    rows.check(
        "guardian's powers",
        needed <= interval,
        format!("at most {}, the time between two exclusions of all games", time(interval)),
        format!("{}: a dispute, the air gap, a pause of {} and the proof", time(needed), time(times.pause)),
        "The guardian alone can keep withdrawals in for ever: by excluding all games, and pausing in between.",
    );
    rows.note("longest dispute", time(times.dispute));
    rows.note("withdrawal, undisputed", {
        let clock = parameters.map_or(0, |parameters| parameters.maxClockDuration);
        time(clock.saturating_add(times.air_gap).max(times.proof_maturity))
    });
}

fn upgrade_delay(comparison: &Comparison<'_>, times: &ExitTimes, rows: &mut Rows) {
    let exit = times.exit();
    let Some(timelock) = &comparison.evidence.timelock else {
        rows.ok("upgrade delay", "nobody can ever change these contracts");
        return;
    };
    let expected = format!(
        "at least {}: forced inclusion {}, a dispute and the air gap {}, the same again, a pause {}",
        time(exit),
        time(times.force_delay),
        time(times.game()),
        time(times.pause)
    );
    rows.check(
        "upgrade delay",
        timelock.delay.is_some_and(|delay| delay >= U256::from(exit)),
        expected,
        format!(
            "{}, and to leave takes at most {}",
            shown(timelock.delay.map(|delay| time(delay.saturating_to()))),
            time(exit)
        ),
        "Those who run the rollup can keep you in until an upgrade takes your funds: leave before they mean to.",
    );
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
        assert_eq!(longest_dispute(&parameters), hours(216));
        let times = ExitTimes {
            force_delay: hours(12),
            dispute: hours(216),
            air_gap: hours(84),
            proof_maturity: hours(168),
            pause: hours(168),
        };
        assert_eq!((times.exit(), times.between_retirements()), (hours(780), hours(636)));
        let endless = ExitTimes { pause: u64::MAX, dispute: u64::MAX, ..times };
        assert_eq!((endless.exit(), endless.between_retirements()), (u64::MAX, u64::MAX));
        // A proof that takes longer than the game is what a withdrawal waits for.
        assert_eq!(ExitTimes { proof_maturity: hours(400), ..times }.exit(), hours(12 + 800 + 168));
    }
}
