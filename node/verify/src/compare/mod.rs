//! What was read beside what this release deploys, a file for each theme. Pure.

mod code;
mod delays;
mod game;
mod genesis;
mod history;
mod links;
mod powers;
mod present;
mod rows;

use rollup::RollupConfig;

use crate::{
    evidence::L1Evidence,
    program::Program,
    report::{CheckRow, RowVerdict, Theme},
};
use rows::Rows;

/// What is compared.
#[derive(Clone, Copy)]
struct Comparison<'a> {
    config: &'a RollupConfig,
    program: &'a Program,
    evidence: &'a L1Evidence,
}

/// All comparisons, by theme.
pub(crate) fn compare(config: &RollupConfig, program: &Program, evidence: &L1Evidence) -> Vec<CheckRow> {
    let comparison = Comparison { config, program, evidence };
    let mut all = Vec::new();
    let mut l1 = Rows::new(Theme::L1);
    l1.ok("chain id", config.l1_chain_id);
    all.extend(l1.finish());
    for (theme, compare) in [
        (Theme::Code, code::rows as fn(&Comparison<'_>, &mut Rows)),
        (Theme::Links, links::rows),
        (Theme::History, history::rows),
        (Theme::Powers, powers::rows),
        (Theme::Delays, delays::rows),
        (Theme::Game, game::rows),
        (Theme::Genesis, genesis::rows),
        (Theme::Present, present::rows),
    ] {
        let mut rows = Rows::new(theme);
        compare(&comparison, &mut rows);
        all.extend(rows.finish());
    }
    all
}

/// The only row where the endpoint serves another chain: nothing else says anything there.
pub(crate) fn other_chain(expected: u64, found: u64) -> CheckRow {
    CheckRow {
        theme: Theme::L1,
        name: "chain id".into(),
        verdict: RowVerdict::Deviates,
        expected: expected.to_string(),
        found: found.to_string(),
        meaning: "The rollup is on another chain than this endpoint serves; nothing else was compared."
            .into(),
    }
}
