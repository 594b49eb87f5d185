//! What operators must know, in the log and as metrics.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use alloy::primitives::Address;
use tracing::{error, info, warn};

use super::{TARGET, plans::GamePlan};
use crate::{
    game::{ClaimId, Game, Status},
    l1::ether,
    strategy::{Cost, Funds, Plan, whole_dispute},
    traces::OpenDisagreement,
    truth::{Judgement, Unknown},
};

/// A clock with less time left than this is worth an alert, in seconds; at most a quarter of the max clock duration.
const SHORT_CLOCK: u64 = 3_600;
/// How often a disagreement of VM and node is told.
const TELL_DISAGREEMENT: Duration = Duration::from_secs(10);

/// Says each thing once.
#[derive(Debug, Default)]
pub(crate) struct Alerts {
    told: BTreeSet<(Address, &'static str, ClaimId)>,
    poor: bool,
    withheld: usize,
    /// When disagreements were told last.
    disagreed: Option<Instant>,
}

impl Alerts {
    /// Reports on all open games.
    pub(crate) fn report(&mut self, plans: &[GamePlan], now: u64, funds: Option<Funds>) {
        let mut wrong_roots = 0;
        let mut answers = 0;
        let mut least: Option<u64> = None;
        let mut reserved = Cost::default();
        let mut whole = Cost::default();
        for entry in plans {
            let (game, plan) = match &entry.state {
                Ok(state) => state,
                Err(reason) => {
                    if self.first(entry.address, "events", ClaimId::default()) {
                        error!(target: TARGET, game = %entry.address, %reason, "the events of a game do not fit together");
                    }
                    continue;
                }
            };
            wrong_roots += u64::from(self.roots(entry, game, plan));
            answers += plan.moves.iter().filter(|planned| planned.action.is_answer()).count();
            let left = self.clocks(entry, game, plan, now);
            least = least.into_iter().chain(left).min();
            self.unknown(entry, plan);
            reserved = reserved + plan.reserve;
            whole =
                [whole, whole_dispute(game)].into_iter().max_by_key(|cost| cost.bonds).unwrap_or_default();
        }
        metrics::gauge!("recourse_challenger_open_games").set(plans.len() as f64);
        metrics::gauge!("recourse_challenger_wrong_roots").set(wrong_roots as f64);
        metrics::gauge!("recourse_challenger_answers_due").set(answers as f64);
        metrics::gauge!("recourse_challenger_least_clock_seconds")
            .set(least.map_or(-1.0, |left| left as f64));
        metrics::gauge!("recourse_challenger_l1_time").set(now as f64);
        if let Some(funds) = funds {
            self.balance(funds, reserved, whole);
        }
    }

    fn first(&mut self, game: Address, what: &'static str, claim: ClaimId) -> bool {
        self.told.insert((game, what, claim))
    }

    /// Whether the root claim is invalid.
    fn roots(&mut self, entry: &GamePlan, game: &Game, plan: &Plan) -> bool {
        let root = game.root();
        let (index, block) = (entry.index, game.subject.blocks.end());
        match plan.judgements.first().copied().flatten() {
            Some(Judgement::FirstInvalid(segment)) => {
                if self.first(entry.address, "wrong", root.id) {
                    let claimed = root.assertion();
                    error!(target: TARGET, index, game = %entry.address, block, %claimed, segment, "a WRONG ROOT is proposed");
                    metrics::counter!("recourse_challenger_wrong_roots_seen_total").increment(1);
                }
                if root.status == Status::Upheld && self.first(entry.address, "lost", root.id) {
                    error!(target: TARGET, index, game = %entry.address, block, "a wrong root was UPHELD");
                    metrics::counter!("recourse_challenger_lost_games_total").increment(1);
                }
                return true;
            }
            Some(Judgement::InvalidPrestate) if self.first(entry.address, "anchor", root.id) => {
                error!(target: TARGET, index, game = %entry.address, "the ANCHOR is not an output of this chain");
                metrics::counter!("recourse_challenger_wrong_anchors_seen_total").increment(1);
            }
            Some(Judgement::Valid) if self.first(entry.address, "right", root.id) => {
                info!(target: TARGET, index, game = %entry.address, block, "a right root is proposed");
            }
            _ => {}
        }
        false
    }

    /// The least time that is left for an answer.
    fn clocks(&mut self, entry: &GamePlan, game: &Game, plan: &Plan, now: u64) -> Option<u64> {
        let mut least = None;
        for planned in &plan.moves {
            let Some(deadline) = planned.deadline else {
                continue;
            };
            let left = deadline.saturating_sub(now);
            least = Some(least.map_or(left, |least: u64| least.min(left)));
        }
        let short = SHORT_CLOCK.min(game.parameters.max_clock_duration / 4);
        if let Some(left) = least.filter(|left| *left < short)
            && self.first(entry.address, "clock", game.root().id)
        {
            warn!(target: TARGET, index = entry.index, game = %entry.address, left, "little time is left for an answer");
            metrics::counter!("recourse_challenger_short_clocks_total").increment(1);
        }
        for claim in &plan.missed {
            if self.first(entry.address, "missed", *claim) {
                error!(target: TARGET, game = %entry.address, %claim, "the time to answer an invalid claim is over");
                metrics::counter!("recourse_challenger_missed_answers_total").increment(1);
            }
        }
        least
    }

    fn unknown(&mut self, entry: &GamePlan, plan: &Plan) {
        for (claim, unknown) in &plan.unknown {
            if let Unknown::Failed(reason) = unknown
                && self.first(entry.address, "unknown", *claim)
            {
                error!(target: TARGET, game = %entry.address, %claim, %reason, "cannot tell what is right");
            }
        }
    }

    /// The account must be able to see through all branches that decide a root; where nobody lies, the next lie.
    fn balance(&mut self, Funds { balance, gas_price }: Funds, reserved: Cost, whole: Cost) {
        let amount = |wei| ether(wei).parse().unwrap_or(0.0);
        let reserved = reserved.wei(gas_price);
        let needed = reserved.max(whole.wei(gas_price));
        metrics::gauge!("recourse_challenger_balance_eth").set(amount(balance));
        metrics::gauge!("recourse_challenger_reserve_eth").set(amount(reserved));
        let poor = balance < needed;
        if poor && !self.poor {
            let (balance, needed) = (ether(balance), ether(needed));
            warn!(target: TARGET, %balance, %needed, "the balance is LOW: it may not pay all answers that decide a root");
        }
        metrics::gauge!("recourse_challenger_balance_low").set(f64::from(u8::from(poor)));
        self.poor = poor;
    }

    /// The VM and the node disagree: told again and again until a person has looked at it. Nothing ends: other games may
    /// have to be answered.
    pub(crate) fn disagreements(&mut self, open: &[OpenDisagreement]) {
        metrics::gauge!("recourse_challenger_disagreements").set(open.len() as f64);
        let is_known = self.disagreed.is_some_and(|told| told.elapsed() < TELL_DISAGREEMENT);
        if open.is_empty() || is_known {
            return;
        }
        self.disagreed = Some(Instant::now());
        for OpenDisagreement { text, file } in open {
            match file {
                Ok(file) => {
                    let file = file.display();
                    error!(target: TARGET, %file, "the fault proof VM and the node DISAGREE: {text}; run the file by `challenger vm replay`");
                }
                Err(reason) => {
                    error!(target: TARGET, %reason, "the fault proof VM and the node DISAGREE: {text}; its witness is not kept");
                }
            }
        }
    }

    /// Answers that are not made, because their money is kept for those that decide a root.
    pub(crate) fn withheld(&mut self, count: usize) {
        if count > 0 && self.withheld == 0 {
            warn!(target: TARGET, count, "answers to freeloaders wait: the balance is kept for answers that decide a root");
        }
        metrics::gauge!("recourse_challenger_withheld_answers").set(count as f64);
        self.withheld = count;
    }
}
