//! The version of the dispute game that is in force, and the one that takes over if its machine breaks.

use alloy::primitives::utils::format_ether;
use bindings::IDisputeGame;
use rollup::program::max_steps;

use super::{Comparison, rows::Rows, rows::time};
use crate::ExitTimes;
use crate::evidence::GameVersion;

/// Gas of the most expensive answer in a dispute: a failing call of the most expensive operation (`l1-contracts/README.md`,
/// "Bonds").
const ANSWER_GAS: u128 = 4_650_000;

/// One, as a share of a bond: the contracts' 256ths.
const BOND_ONE: u16 = 256;

pub(super) fn rows(comparison: &Comparison<'_>, rows: &mut Rows) {
    let game = comparison.evidence.game.as_ref();
    version(comparison, "", game, rows);
    if let Some(parameters) = game.and_then(|game| game.parameters.as_ref()) {
        bonds(comparison, parameters, rows);
        clocks(parameters, rows);
    }
    match &comparison.evidence.standby {
        Some(standby) => version(comparison, "standby's ", Some(standby), rows),
        None => rows.note(
            "standby",
            "none: if an L1 fork breaks the machine, nothing is proposed or withdrawn anew until an upgrade",
        ),
    }
}

/// What a version must be so that this release plays it.
fn version(comparison: &Comparison<'_>, whose: &str, version: Option<&GameVersion>, rows: &mut Rows) {
    let config = comparison.config;
    let parameters = version.and_then(|version| version.parameters.clone()).unwrap_or_default();
    let (expected, found) = (config.chain.hash(), parameters.configHash);
    // L1 may not know the newest rules yet: they come with an upgrade.
    match config.chain.version(found) {
        Some(known) if known.hash() != expected => {
            rows.note(format!("{whose}chain config"), "without the newest rules of rollup.json: an upgrade brings them");
        }
        known => rows.check(
            format!("{whose}chain config"),
            known.is_some(),
            expected,
            found,
            "Disputes are about other rules of L2 than rollup.json has: valid outputs can lose, and wrong ones win.",
        ),
    }
    let known = config.chain.version(found).unwrap_or(config.chain);
    rows.equal(
        format!("{whose}newest activation"),
        known.forks.newest_activation(),
        Some(parameters.newestActivation),
        "The version names another change of rules than it has: rules could change without notice.",
    );
    let (root, entry) = (parameters.programRoot, parameters.programEntry);
    let program = comparison.program;
    rows.check(
        format!("{whose}program"),
        (root, entry) == (program.root, program.entry),
        format!("{} at {:#x}", program.root, program.entry),
        format!("{root} at {entry:#x}"),
        "Disputes run another program than this release's: it may call any output right, and so take all funds.",
    );
    rows.equal(
        format!("{whose}step limit"),
        max_steps(&known.forks),
        Some(parameters.maxSteps),
        "Blocks exist whose run is longer than the limit, or runs can be claimed that nobody can follow: such a block ends the chain, or decides nothing.",
    );
    let suspended = version.and_then(|version| version.suspended_at);
    rows.check(
        format!("{whose}machine"),
        suspended == Some(0),
        "not suspended",
        suspended.map_or_else(|| "no answer".into(), |at| if at == 0 { "not suspended".into() } else { format!("suspended at {at}") }),
        "An L1 fork has broken the machine: no proposals are taken, and only what was decided before the last recorded check can be withdrawn.",
    );
    let itself = version.map(|version| version.address).unwrap_or_default();
    rows.equal(
        format!("{whose}implementation"),
        itself,
        version.and_then(|version| version.implementation),
        "What the factory names is no implementation of the game: proposals fail.",
    );
}

fn bonds(comparison: &Comparison<'_>, parameters: &IDisputeGame::Parameters, rows: &mut Rows) {
    let (root, leaf, decay) = (parameters.rootBond, parameters.leafBond, parameters.bondDecay);
    let ether = |wei: u128| format_ether(wei);
    let found = format!("{} ETH at the root, at least {} ETH, {decay}/256 a level", ether(root), ether(leaf));
    rows.check(
        "bonds",
        leaf > 0 && root >= leaf && decay > 0 && decay < BOND_ONE,
        "more than nothing, and falling from the root to the leaf",
        found,
        "Wrong claims cost nothing, or right ones more than anybody has: whoever lies can go on for ever.",
    );
    // Half of a bond pays for an answer.
    let price = leaf / 2 / ANSWER_GAS;
    if price < comparison.evidence.base_fee {
        rows.note(
            "bonds and gas",
            format!(
                "the least bond pays for the most expensive answer up to {} gwei, and L1 asks for more now",
                price / 1_000_000_000
            ),
        );
    }
}

fn clocks(parameters: &IDisputeGame::Parameters, rows: &mut Rows) {
    let (duration, extension, boundary) =
        (parameters.maxClockDuration, parameters.clockExtension, parameters.boundaryExtension);
    rows.check(
        "clocks",
        extension > 0 && extension <= boundary && boundary < duration,
        "extensions shorter than the clock",
        format!(
            "{} for each side, at least {} for a move, {} if it needs the machine; a dispute takes at most {}",
            time(duration),
            time(extension),
            time(boundary),
            time(ExitTimes::longest_dispute(parameters))
        ),
        "An honest side may have no time left to answer, and lose.",
    );
}
