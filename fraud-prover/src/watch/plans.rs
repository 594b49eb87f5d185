//! The plans for all games, and the next transactions from them.

use std::collections::BTreeSet;

use alloy::primitives::{Address, B256, Keccak256};
use rollup::l1::TxRequest;

use crate::{
    game::{Game, Status, Subject},
    l1::{EventError, Games, MoveCall},
    strategy::{Funds, Move, Plan, PlannedMove, Purpose, View, answers, plan, rule_5_close},
    truth::{Provers, Unknown},
};

/// Closing moves in one transaction.
const TOGETHER: usize = 24;
/// Gas for each of them, about twice what it needs. It cannot be estimated: the transaction succeeds without them.
const GAS_EACH: u64 = 150_000;
const GAS_BASE: u64 = 100_000;
/// Places in flight that answers which decide nothing leave free: the next deciding answer must not wait until one of
/// theirs is in a block.
const KEPT_FOR_DECIDING: usize = 4;

/// A game with the plan for it.
pub(crate) struct GamePlan {
    pub(crate) index: u64,
    pub(crate) address: Address,
    pub(crate) state: Result<(Game, Plan), EventError>,
}

/// What is to be sent, and what is not.
#[derive(Debug, Default)]
pub(crate) struct Round {
    /// Transactions, the most urgent first.
    pub(crate) next: Vec<Next>,
    /// Answers that the account cannot pay for without touching the reserve.
    pub(crate) withheld: usize,
}

/// What needs no sending now.
#[derive(Debug, Default)]
pub(crate) struct Skip {
    /// Moves that are on their way, or in a block behind the last one that was read.
    pub(crate) sent: BTreeSet<MoveKey>,
    /// Moves that were refused lately.
    pub(crate) refused: BTreeSet<MoveKey>,
}

impl Skip {
    pub(super) fn has(&self, key: &MoveKey) -> bool {
        self.sent.contains(key) || self.refused.contains(key)
    }
}

impl GamePlan {
    /// What the game is about; none if its events do not fit together.
    pub(crate) fn subject(&self) -> Option<Subject> {
        self.state.as_ref().ok().map(|(game, _)| game.subject.clone())
    }
}

/// Plans all games that are not over.
pub(crate) fn plan_all(games: &Games, provers: &dyn Provers, now: u64, me: Option<Address>) -> Vec<GamePlan> {
    let mut plans = Vec::new();
    for entry in games.iter() {
        let state = match entry.game() {
            Ok(game) if is_over(game, me) => continue,
            Ok(game) => {
                let prover = provers.prover(&game.subject);
                Ok((game.clone(), plan(View { game, now, me }, &*prover)))
            }
            Err(error) => Err(error),
        };
        plans.push(GamePlan { index: entry.index, address: entry.address(), state });
    }
    plans
}

/// Whether nothing can happen in a game any more that matters to an account.
fn is_over(game: &Game, me: Option<Address>) -> bool {
    let is_paid = |me: Address| {
        let unpaid = |claim: &&crate::game::Claim| {
            claim.status == Status::Refuted && claim.counter.is_some_and(|counter| counter.by == me)
        };
        game.claims.iter().find(unpaid).is_none()
            && game.credits.get(&me).is_none_or(|credit| credit.is_zero())
    };
    if game.suspension.is_some() {
        // Nothing waits any more: what cannot be done now never can.
        return rule_5_close(View { game, now: u64::MAX, me }, &[], &BTreeSet::new()).is_empty();
    }
    game.claims.iter().all(|claim| claim.status.is_resolved()) && me.is_none_or(is_paid)
}

/// A transaction to send.
#[derive(Clone, Debug)]
pub(crate) struct Next {
    pub(crate) request: TxRequest,
    pub(crate) kind: SendKind,
    pub(crate) game: Address,
    /// Tells it from others.
    pub(crate) key: MoveKey,
    /// The moves that it makes.
    pub(crate) moves: Vec<MoveKey>,
}

/// What a transaction does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SendKind {
    Attack,
    AttackBlock,
    Step,
    Closing,
    /// About a version's machine.
    Machine,
}

impl SendKind {
    /// For the log.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Attack => "attack",
            Self::AttackBlock => "attack on a block",
            Self::Step => "proof of a step",
            Self::Closing => "closing",
            Self::Machine => "a broken machine",
        }
    }
}

/// Tells a move from all others, also of other games. Computing it needs no step's witness, which is expensive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct MoveKey(B256);

impl MoveKey {
    fn of(game: &Game, action: &Move) -> Self {
        let mut hasher = Keccak256::new();
        hasher.update(game.subject.game);
        let mut put = |kind: u8, claim: B256, segment: u8, number: u64, commitments: &[B256]| {
            hasher.update([kind]);
            hasher.update(claim);
            hasher.update([segment]);
            hasher.update(number.to_be_bytes());
            commitments.iter().for_each(|value| hasher.update(value));
        };
        match action {
            Move::Attack { claim, segment, commitments } => put(0, claim.0, *segment, 0, commitments),
            Move::AttackBlock { claim, segment, run, commitments, .. } => {
                put(1, claim.0, *segment, run.steps, commitments)
            }
            Move::Step { claim, segment, step, .. } => put(2, claim.0, *segment, *step, &[]),
            Move::ResolveClaim { claim } => put(3, claim.0, 0, 0, &[]),
            Move::DistributeBond { claim } => put(4, claim.0, 0, 0, &[]),
            Move::ClaimCredit { account } => put(5, account.into_word(), 0, 0, &[]),
            Move::Reclaim { claim } => put(6, claim.0, 0, 0, &[]),
        }
        Self(hasher.finalize())
    }

    /// Of a call that is no move in a game.
    pub(super) fn of_call(request: &TxRequest) -> Self {
        let mut hasher = Keccak256::new();
        hasher.update(request.to);
        hasher.update(&request.data);
        Self(hasher.finalize())
    }

    fn of_all(moves: &[Self]) -> Self {
        let mut hasher = Keccak256::new();
        moves.iter().for_each(|key| hasher.update(key.0));
        Self(hasher.finalize())
    }
}

/// The plans of games whose events fit together.
pub(crate) fn planned(plans: &[GamePlan]) -> Vec<(&Game, &Plan)> {
    plans.iter().filter_map(|plan| plan.state.as_ref().ok()).map(|(game, plan)| (game, plan)).collect()
}

/// Whether some answers are made only if there is money for them.
pub(crate) fn need_funds(plans: &[GamePlan]) -> bool {
    let mut moves = planned(plans).into_iter().flat_map(|(_, plan)| &plan.moves);
    moves.any(|planned| matches!(planned.purpose, Purpose::Bond | Purpose::Reward))
}

/// Transactions to send now, at most `most`: first the answers that decide a root; then the closing moves, which bring
/// money back and take one place, if `closing` names the contract for them; then the other answers, as far as the funds
/// go and places are left that the next deciding answers do not need.
pub(crate) fn next_calls(
    plans: &[GamePlan],
    provers: &dyn Provers,
    skip: &Skip,
    most: usize,
    closing: Option<Multicall>,
    funds: Option<Funds>,
) -> Round {
    let planned = planned(plans);
    let answers = answers(&planned, funds, |game, action| skip.sent.contains(&MoveKey::of(game, action)));
    // What is still being computed is sent at a later look.
    let calls = |answers: &[(&Game, &PlannedMove)], most: usize| -> Vec<Next> {
        let open = answers.iter().filter(|(game, planned)| !skip.has(&MoveKey::of(game, &planned.action)));
        open.filter_map(|(game, planned)| answer(game, provers, planned).ok()).take(most).collect()
    };
    let mut next = calls(&answers.deciding, most);
    if next.len() < most
        && let Some(multicall) = closing
    {
        next.extend(close(&planned, skip, multicall));
    }
    let left = most.saturating_sub(next.len()).saturating_sub(KEPT_FOR_DECIDING);
    next.extend(calls(&answers.others, left));
    Round { next, withheld: answers.withheld }
}

/// The contract that makes several calls in one transaction.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Multicall(pub(crate) Address);

/// Several closing moves in one transaction.
fn close(planned: &[(&Game, &Plan)], skip: &Skip, multicall: Multicall) -> Option<Next> {
    let mut calls = Vec::new();
    let mut moves = Vec::new();
    for (game, plan) in planned {
        for planned in &plan.moves {
            let call = match &planned.action {
                Move::ResolveClaim { claim } => MoveCall::resolve_claim(game, *claim).ok(),
                Move::DistributeBond { claim } => Some(MoveCall::distribute_bond(game, *claim)),
                Move::Reclaim { claim } => Some(MoveCall::reclaim(game, *claim)),
                Move::ClaimCredit { account } => Some(MoveCall::claim_credit(game, *account)),
                _ => None,
            };
            let key = MoveKey::of(game, &planned.action);
            if let Some(call) = call.filter(|_| calls.len() < TOGETHER && !skip.has(&key)) {
                calls.push(call);
                moves.push(key);
            }
        }
    }
    let game = calls.first()?.to;
    let gas_limit = GAS_BASE + GAS_EACH * calls.len() as u64;
    let request = TxRequest { gas_limit: Some(gas_limit), ..MoveCall::together(calls, multicall.0) };
    let key = MoveKey::of_all(&moves);
    (!skip.has(&key)).then_some(Next { request, kind: SendKind::Closing, game, key, moves })
}

fn answer(game: &Game, provers: &dyn Provers, planned: &PlannedMove) -> Result<Next, Unknown> {
    let prover = || provers.prover(&game.subject);
    let action = &planned.action;
    let missing = |error: crate::l1::MissingClaim| Unknown::Failed(error.to_string());
    let (kind, call) = match action {
        Move::Attack { claim, segment, commitments } => (
            SendKind::Attack,
            MoveCall::attack(game, *claim, *segment, commitments.clone()).map_err(missing)?,
        ),
        Move::AttackBlock { claim, segment, block, run, commitments } => {
            let prover = prover();
            prover.hurry(*block, planned.urgency());
            let last = prover.last_state(*block)?;
            let call = MoveCall::attack_block(game, *claim, *segment, run.steps, commitments.clone(), last);
            (SendKind::AttackBlock, call.map_err(missing)?)
        }
        Move::Step { claim, segment, block, step } => {
            let prover = prover();
            prover.hurry(*block, planned.urgency());
            let proof = prover.proof(*block, *step)?;
            (
                SendKind::Step,
                MoveCall::step(game, *claim, *segment, proof.state, proof.witness).map_err(missing)?,
            )
        }
        _ => return Err(Unknown::Failed("not an answer".into())),
    };
    let key = MoveKey::of(game, action);
    Ok(Next { request: call.into(), kind, game: game.subject.game, key, moves: vec![key] })
}

#[cfg(test)]
mod tests {
    use alloy::primitives::U256;

    use super::*;
    use crate::{
        strategy::tests::story::{MAX_CLOCK_DURATION, ME, Story, honest, wrong_from},
        truth::Prover,
    };

    /// Attacks carry all that they need.
    struct NotAsked;

    impl Provers for NotAsked {
        fn prover(&self, _: &Subject) -> Box<dyn Prover> {
            panic!("an attack on several blocks needs no prover")
        }
    }

    fn of(story: &Story) -> GamePlan {
        let game = story.game().clone();
        GamePlan { index: 0, address: game.subject.game, state: Ok((game, story.planned())) }
    }

    /// A wrong root with twenty freeloaders beside its answer, and a right one whose bond waits.
    fn games() -> Vec<GamePlan> {
        let mut siege = Story::propose_deep(1, 0, wrong_from(15));
        for place in 0..20 {
            siege = siege.on(0).attack(place % 15, wrong_from(1));
        }
        vec![of(&siege), of(&Story::propose_by(ME, 256, honest()).wait(MAX_CLOCK_DURATION))]
    }

    fn round(skip: &Skip, most: usize, balance: U256) -> Round {
        let closing = Some(Multicall(Address::ZERO));
        let funds = Some(Funds { balance, gas_price: 1 });
        next_calls(&games(), &NotAsked, skip, most, closing, funds)
    }

    fn kinds(round: &Round) -> Vec<SendKind> {
        round.next.iter().map(|next| next.kind).collect()
    }

    #[test]
    fn what_decides_goes_first_then_what_brings_money_back_then_the_rest() {
        let all = round(&Skip::default(), 16, U256::MAX);
        let mut expected = vec![SendKind::Attack, SendKind::Closing];
        // Four places stay free.
        expected.extend([SendKind::Attack; 10]);
        assert_eq!((kinds(&all), all.withheld), (expected, 0));
        let root = games()[0].state.as_ref().unwrap().1.moves[0].clone();
        assert_eq!(root.purpose, Purpose::Root);
        let game = &games()[0].state.as_ref().unwrap().0.clone();
        assert_eq!(all.next[0].key, MoveKey::of(game, &root.action));
        assert_eq!(kinds(&round(&Skip::default(), 1, U256::MAX)), [SendKind::Attack]);
        assert_eq!(kinds(&round(&Skip::default(), 5, U256::MAX)), [SendKind::Attack, SendKind::Closing]);
        // Without money, what decides is tried all the same.
        let poor = round(&Skip::default(), 16, U256::ZERO);
        assert_eq!((kinds(&poor), poor.withheld), (vec![SendKind::Attack, SendKind::Closing], 20));
    }

    #[test]
    fn what_is_on_its_way_or_was_refused_is_not_sent_again() {
        let all = round(&Skip::default(), 100, U256::MAX);
        assert_eq!(all.next.len(), 22);
        let some: BTreeSet<_> = all.next[..3].iter().map(|next| next.key).collect();
        for skip in [
            Skip { sent: some.clone(), refused: BTreeSet::new() },
            Skip { sent: BTreeSet::new(), refused: some.clone() },
        ] {
            let rest = round(&skip, 100, U256::MAX);
            assert_eq!(rest.next.len(), 19);
            assert!(rest.next.iter().all(|next| !some.contains(&next.key)));
        }
    }

    #[test]
    fn funds_are_asked_for_only_if_something_waits_for_them() {
        assert!(need_funds(&games()));
        assert!(!need_funds(&[of(&Story::propose_deep(1, 0, wrong_from(3)))]));
    }
}
