//! How long anything takes, and whether a user can leave before an upgrade.

use alloy::primitives::U256;
use bindings::artifacts::Contract;

use super::{
    Comparison,
    rows::{Rows, shown, time},
};
use crate::ExitTimes;

pub(super) fn rows(comparison: &Comparison<'_>, rows: &mut Rows) {
    let evidence = comparison.evidence;
    let answers = &evidence.answers;
    let number = |contract, view| answers.number(contract, view);
    let registry = Contract::AnchorStateRegistry;
    let parameters = evidence.game.as_ref().and_then(|game| game.parameters.as_ref());
    let times = || -> Option<ExitTimes> {
        Some(ExitTimes {
            force_delay: number(Contract::Inbox, "forceDelay()")?,
            max_clock: parameters?.maxClockDuration,
            dispute: ExitTimes::longest_dispute(parameters?),
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
    rows.note("withdrawal, undisputed", time(times.usual()));
}

fn upgrade_delay(comparison: &Comparison<'_>, times: &ExitTimes, rows: &mut Rows) {
    let exit = times.worst();
    let Some(timelock) = &comparison.evidence.timelock else {
        rows.ok("upgrade delay", "nobody can ever change these contracts");
        return;
    };
    let expected = format!(
        "at least {}: forced inclusion {}, a dispute and the air gap {}, the same again, a pause {}",
        time(exit),
        time(times.force_delay),
        time(times.disputed_game()),
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
