//! What operators must know, in the log and as metrics.

use std::collections::BTreeSet;

use alloy::{
    primitives::{Address, U256},
    providers::Provider,
};
use rollup::l1::L1Client;
use tracing::{error, info, warn};

use super::{TARGET, plans::GamePlan};
use crate::{
    game::{ClaimId, Game, Status},
    l1::ether,
    strategy::Plan,
    truth::{Judgement, Unknown},
};

/// A clock with less time left than this is worth an alert, in seconds; at most a quarter of the max clock duration.
const SHORT_CLOCK: u64 = 3_600;

/// Says each thing once.
#[derive(Debug, Default)]
pub(crate) struct Alerts {
    told: BTreeSet<(Address, &'static str, ClaimId)>,
    poor: bool,
}

impl Alerts {
    /// Reports on all open games.
    pub(crate) async fn report(
        &mut self,
        plans: &[GamePlan],
        now: u64,
        me: Option<Address>,
        client: &L1Client,
    ) {
        let mut wrong_roots = 0;
        let mut answers = 0;
        let mut least: Option<u64> = None;
        let mut needed = U256::ZERO;
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
            needed = needed.max(most_bonds(game));
        }
        metrics::gauge!("recourse_challenger_open_games").set(plans.len() as f64);
        metrics::gauge!("recourse_challenger_wrong_roots").set(wrong_roots as f64);
        metrics::gauge!("recourse_challenger_answers_due").set(answers as f64);
        metrics::gauge!("recourse_challenger_least_clock_seconds")
            .set(least.map_or(-1.0, |left| left as f64));
        metrics::gauge!("recourse_challenger_l1_time").set(now as f64);
        if let Some(me) = me {
            self.balance(me, needed, client).await;
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

    async fn balance(&mut self, me: Address, needed: U256, client: &L1Client) {
        let Ok(balance) = client.provider().get_balance(me).await else {
            return;
        };
        metrics::gauge!("recourse_challenger_balance_eth").set(ether(balance).parse().unwrap_or(0.0));
        let poor = balance < needed;
        if poor && !self.poor {
            let (balance, needed) = (ether(balance), ether(needed));
            warn!(target: TARGET, account = %me, %balance, %needed, "the balance is LOW: it may not pay all bonds of a dispute");
        }
        metrics::gauge!("recourse_challenger_balance_low").set(f64::from(u8::from(poor)));
        self.poor = poor;
    }
}

/// All bonds that one side may have to pay in one branch of a game.
fn most_bonds(game: &Game) -> U256 {
    /// Levels of claims: nine over 2^36 blocks, ten over the 2^40 steps that a run may have.
    const DEEPEST: usize = 19;
    (1..DEEPEST).step_by(2).map(|depth| game.parameters.bonds.of(depth)).sum()
}
