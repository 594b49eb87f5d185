//! What the contracts say of each other, and of what `rollup.json` says.

use bindings::artifacts::Contract;
use rollup::{config::ConfigMismatch, inbox_rules::SECONDS_PER_L1_BLOCK};

use super::{Comparison, rows::Rows};
use crate::evidence::INITIALIZED;

/// Notice of a change of L2's rules beyond L2's drift, in seconds: `LEAST_NOTICE` of the factory.
const LEAST_NOTICE: u64 = 3600;
/// Longest time between two forced batches, in seconds: `MAX_FORCED_BATCH_INTERVAL` of the inbox.
const MAX_FORCED_BATCH_INTERVAL: u64 = 60;

const OTHER_ROLLUP: &str =
    "rollup.json is not that of the rollup on L1: what a node shows you by it need not be what L1 pays out.";

pub(super) fn rows(comparison: &Comparison<'_>, rows: &mut Rows) {
    let links = mismatches(comparison).into_iter().filter(|one| !is_genesis(one) && !is_schedule(one));
    let mut is_right = true;
    for ConfigMismatch { field, expected, found } in links {
        is_right = false;
        rows.deviates(field, expected, found, OTHER_ROLLUP);
    }
    if is_right {
        rows.ok("rollup.json", "as every process compares it at its start");
    }
    limits(comparison, rows);
    initializers(comparison, rows);
}

/// What every process compares.
pub(super) fn mismatches(comparison: &Comparison<'_>) -> Vec<ConfigMismatch> {
    match &comparison.evidence.deployment {
        Ok(deployment) => comparison.config.mismatches(deployment),
        Err(wrong) => wrong.0.clone(),
    }
}

/// Whether a field is about L2's first block.
pub(super) fn is_genesis(mismatch: &ConfigMismatch) -> bool {
    mismatch.field.starts_with("genesis")
}

/// Whether it is about what the game's chain config has a row for.
fn is_schedule(mismatch: &ConfigMismatch) -> bool {
    mismatch.field.contains("chain.forks")
}

/// Constants that follow from others.
fn limits(comparison: &Comparison<'_>, rows: &mut Rows) {
    let (config, answers) = (comparison.config, &comparison.evidence.answers);
    let blocks = |seconds: u64| seconds.div_ceil(SECONDS_PER_L1_BLOCK);
    let timeout = config.sequencer_timeout;
    let expected =
        [blocks(config.chain.force_delay), blocks(timeout), timeout.min(MAX_FORCED_BATCH_INTERVAL)];
    let views = ["forceDelayBlocks()", "sequencerTimeoutBlocks()", "forcedBatchInterval()"];
    let found = views.map(|view| answers.number(Contract::Inbox, view));
    rows.check(
        "forced inclusion",
        found == expected.map(Some),
        format!("{expected:?} (L1 blocks for the force delay, for the sequencer's timeout; seconds between batches)"),
        format!("{:?}", found.map(Option::unwrap_or_default)),
        "Forcing a transaction in takes longer than rollup.json says, or is not possible.",
    );
    rows.equal(
        "notice of new rules",
        config.chain.max_drift.saturating_add(LEAST_NOTICE),
        answers.number(Contract::DisputeGameFactory, "activationNotice()"),
        "Rules of L2 could change with less notice than nodes rely on: they may disagree about blocks.",
    );
}

/// Nobody can initialize a contract again, and nobody an implementation.
fn initializers(comparison: &Comparison<'_>, rows: &mut Rows) {
    let open = comparison
        .evidence
        .proxied
        .iter()
        .filter(|one| INITIALIZED.contains(&one.contract))
        .filter(|one| one.initialized == 0 || one.implementation_initialized != u64::MAX);
    let mut open: Vec<String> = open
        .map(|one| {
            let (contract, implementation) = (one.initialized, one.implementation_initialized);
            format!("{} (version {contract}, its implementation's {implementation})", one.contract.name())
        })
        .collect();
    let is_right = open.is_empty();
    if is_right {
        open.push("closed".into());
    }
    rows.check(
        "initializers",
        is_right,
        "all called, those of implementations disabled",
        open.join(", "),
        "Anyone can initialize the contract again: set its owner, its game or its anchor, and so take all funds.",
    );
}
