//! What is answered with how much money, over several games.

use alloy::primitives::U256;

use super::story::{ALLY, MALLORY, MAX_CLOCK_DURATION, ME, Story, honest, wrong_at, wrong_from};
use crate::{
    game::{Claim, ClaimIndex, Game},
    strategy::{Cost, Funds, Move, Plan, PlannedMove, Purpose, answers, reserve, whole_dispute},
};

const MILLIETHER: u64 = 1_000_000_000_000_000;

fn milliether(amount: u64) -> U256 {
    U256::from(amount) * U256::from(MILLIETHER)
}

/// An amount in thousandths of an ether, rounded down.
fn thousandths(wei: U256) -> u64 {
    (wei / U256::from(MILLIETHER)).to()
}

/// The bonds of an honest side in a whole dispute: those at depths 1, 3, 5, 7, 9, 11 and 13.
const WHOLE: u64 = 875 + 669 + 512 + 392 + 300 + 230 + 200;

#[test]
fn a_wrong_root_reserves_a_whole_dispute() {
    let story = Story::propose_deep(1, 0, wrong_from(3));
    let plan = story.planned();
    assert!(thousandths(plan.reserve.bonds).abs_diff(WHOLE) < 5, "but for what is rounded");
    assert_eq!(plan.reserve, whole_dispute(story.game()));
    let gas = plan.reserve.gas;
    assert_eq!(plan.reserve.wei(1_000), plan.reserve.bonds + U256::from(gas * 1_000));
    assert_eq!(plan.own, Cost::default());
}

#[test]
fn a_right_root_reserves_only_what_answers_to_attacks_cost() {
    let story = Story::propose_deep(1, 0, honest());
    assert_eq!(story.planned().reserve, Cost::default());
    let attacked = story.attack(3, wrong_from(5));
    let once = attacked.planned().reserve;
    assert_eq!(purposes(&attacked), [Purpose::Root]);
    // A second attack is a branch of its own.
    let twice = attacked.on(0).attack(4, wrong_from(5)).planned().reserve;
    assert_eq!(twice, once + once);
}

#[test]
fn the_reserve_falls_as_a_branch_goes_down_and_is_gone_when_it_is_over() {
    let mut story = Story::propose_deep(1, 0, wrong_from(3));
    let mut last = story.planned().reserve;
    let mut rounds = 0;
    while let Some(planned) = story.planned().moves.first().cloned() {
        story.make(&planned.action);
        let reserve = story.planned().reserve;
        assert!(reserve.gas <= last.gas && reserve.bonds <= last.bonds, "{reserve:?} after {last:?}");
        rounds += 1;
        last = reserve;
        let newest = story.game().claims.len() - 1;
        if is_last(&story.game().claims[newest]) {
            break;
        }
        story = deeper(story, newest);
    }
    assert_eq!(rounds, 7);
    assert_eq!(last, Cost::default(), "a valid claim about single steps cannot be attacked");
    // Nobody goes on: when the time to attack the answer is over, nothing is reserved for it.
    let mut story = Story::propose_deep(1, 0, wrong_from(3));
    let first = story.planned().moves[0].action.clone();
    story.make(&first);
    assert_ne!(story.planned().reserve, Cost::default());
    assert_eq!(story.wait(MAX_CLOCK_DURATION).planned().reserve, Cost::default());
}

/// MALLORY attacks the newest claim, wherever it is.
fn deeper(story: Story, newest: ClaimIndex) -> Story {
    let claim = &story.game().claims[newest];
    let is_block = !claim.is_step_level() && claim.segment_interval(0).is_some_and(|one| one.length == 1);
    let story = story.by(MALLORY).on(newest);
    if is_block { story.attack_block(0, wrong_from(0)) } else { story.attack(0, wrong_from(0)) }
}

/// Whether a claim is about single steps.
fn is_last(claim: &Claim) -> bool {
    claim.is_step_level() && claim.segment_interval(0).is_some_and(|one| one.length == 1)
}

fn purposes(story: &Story) -> Vec<Purpose> {
    story.planned().moves.iter().map(|planned| planned.purpose).collect()
}

#[test]
fn what_decides_the_root_comes_first_whatever_the_clocks_say() {
    // The freeloader's clock runs out before that of the claim that attacks the answer.
    let story = Story::propose_deep(1, 0, wrong_from(3))
        .attack(1, wrong_from(2))
        .wait(10)
        .by(ALLY)
        .on(0)
        .attack(3, honest())
        .wait(10)
        .by(MALLORY)
        .attack(0, wrong_from(0));
    let moves = story.planned().moves;
    let claims: Vec<_> = moves.iter().map(|planned| planned.action.answered()).collect();
    let ids = story.game().claims.iter().map(|claim| Some(claim.id)).collect::<Vec<_>>();
    assert_eq!(claims, [ids[3], ids[1]]);
    assert_eq!(purposes(&story), [Purpose::Root, Purpose::Reward]);
    assert!(moves[1].deadline < moves[0].deadline);
    assert!(moves[0].urgency() < moves[1].urgency());
}

#[test]
fn nothing_decides_a_root_that_is_decided() {
    // ALLY's answer is upheld, and counters the root; another attack on it, by ME, is still attacked.
    let story = Story::propose_deep(1, 0, wrong_at(&[3, 7])).by(ALLY).attack(3, honest());
    let story = story.wait(MAX_CLOCK_DURATION - 10).by(ME).on(0).attack(7, honest()).wait(5);
    let story = story.by(MALLORY).attack(2, wrong_from(1)).wait(10).on(1).resolve();
    assert_eq!(story.planned().reserve, Cost::default());
    assert_eq!(purposes(&story).first(), Some(&Purpose::Bond));
    // A right root that is lost needs no answers, either.
    let lost = Story::propose_deep(1, 0, honest()).attack(3, wrong_from(5)).on(0).wait(10);
    let lost = lost.attack(4, wrong_from(5)).wait(MAX_CLOCK_DURATION - 10).on(1).resolve();
    assert_eq!(lost.planned().reserve, Cost::default());
    assert_eq!(purposes(&lost).first(), Some(&Purpose::Reward));
}

#[test]
fn a_claim_that_may_turn_out_invalid_is_reserved_for_until_it_is_known() {
    // An attack on a right root, about a block that is not derived yet.
    let story = Story::propose_deep(1, 0, honest()).attack(3, wrong_from(0)).attack(0, wrong_from(1));
    let known = story.planned().reserve;
    let whole = whole_dispute(story.game());
    let unknown = story.derived_up_to(1 << 44).planned();
    assert!(unknown.moves.is_empty());
    assert_ne!(known, whole);
    assert_eq!(unknown.reserve, whole, "the root itself is not known");
    let pending = Story::propose(16, honest()).attack_block(3, wrong_from(1)).run_pending(4).planned();
    let known = Story::propose(16, honest()).attack_block(3, wrong_from(1)).planned();
    assert_eq!((pending.moves.len(), known.moves.len()), (0, 1));
    assert_eq!(pending.reserve, known.reserve);
}

#[test]
fn another_attack_on_an_invalid_claim_counts_only_if_the_answer_is_lost() {
    // The root is wrong at two places; ALLY attacks it at the second, where it is attacked in turn.
    let story = Story::propose_deep(1, 0, wrong_at(&[3, 7]))
        .by(ALLY)
        .attack(7, honest())
        .by(MALLORY)
        .attack(0, wrong_from(0));
    assert_eq!(purposes(&story), [Purpose::Root, Purpose::Reward]);
    // Too late for the answer: the attack of the ally is what can still bring the root down.
    let late = story.wait(MAX_CLOCK_DURATION - 10).on(2).by(ALLY).attack(0, honest());
    let late = late.by(MALLORY).attack(0, wrong_from(0)).wait(20);
    assert_eq!(purposes(&late), [Purpose::Root]);
    assert_ne!(late.planned().reserve, Cost::default());
}

/// Answers of one game, by claims, with a balance in thousandths of an ether and free gas.
fn afforded(story: &Story, balance: u64) -> (Vec<ClaimIndex>, Vec<ClaimIndex>, usize) {
    let plan = story.planned();
    let plans = [(story.game(), &plan)];
    let funds = Funds { balance: milliether(balance), gas_price: 0 };
    let answers = answers(&plans, Some(funds), |_, _| false);
    let claims = |moves: &[(&Game, &PlannedMove)]| {
        moves.iter().filter_map(|(game, planned)| game.index(planned.action.answered()?)).collect()
    };
    (claims(&answers.deciding), claims(&answers.others), answers.withheld)
}

#[test]
fn a_freeloader_is_answered_only_from_what_is_above_the_reserve() {
    let story = Story::propose_deep(1, 0, wrong_from(3)).attack(1, wrong_from(2));
    let plan = story.planned();
    let both: u64 = plan.moves.iter().map(|planned| thousandths(planned.cost.bonds) + 1).sum();
    // For its whole branch: one that is given up costs the bonds in it.
    assert_eq!(afforded(&story, both), (vec![0], vec![1], 0));
    assert_eq!(afforded(&story, both - 5), (vec![0], vec![], 1));
    assert_eq!(afforded(&story, 0), (vec![0], vec![], 1), "what decides is tried whatever the balance");
    let plans = [(story.game(), &plan)];
    let unknown = answers(&plans, None, |_, _| false);
    assert_eq!((unknown.deciding.len(), unknown.others.len(), unknown.withheld), (1, 0, 1));
}

#[test]
fn an_answer_on_its_way_leaves_less_for_others() {
    let story =
        Story::propose_deep(1, 0, wrong_from(3)).attack(1, wrong_from(2)).on(0).attack(2, wrong_from(2));
    let plan = story.planned();
    let plans = [(story.game(), &plan)];
    let one = thousandths(plan.moves[0].cost.bonds + plan.moves[1].cost.bonds) + 1;
    let funds = Some(Funds { balance: milliether(one), gas_price: 0 });
    let first = answers(&plans, funds, |_, _| false);
    assert_eq!((first.others.len(), first.withheld), (1, 1));
    let sent = first.others[0].1.action.clone();
    let second = answers(&plans, funds, |_, action| *action == sent);
    assert_eq!((second.others.len(), second.withheld), (0, 1));
}

#[test]
fn a_bond_that_is_at_stake_goes_before_new_rewards() {
    // ME has answered one of two freeloaders, and MALLORY attacks the answer. The other freeloader's clock is shorter.
    let story = Story::propose_deep(1, 0, wrong_from(3))
        .attack(1, wrong_from(2))
        .on(0)
        .attack(2, wrong_from(2))
        .by(ME)
        .on(1)
        .attack(2, honest())
        .wait(10)
        .by(MALLORY)
        .attack(0, wrong_from(0));
    assert_eq!(purposes(&story), [Purpose::Root, Purpose::Reward, Purpose::Bond]);
    let plan = story.planned();
    let cost =
        |purpose| plan.moves.iter().find(|planned| planned.purpose == purpose).map(|found| found.cost.bonds);
    let own = thousandths(cost(Purpose::Bond).unwrap_or_default()) + 1;
    assert_eq!(plan.own.bonds, cost(Purpose::Bond).unwrap_or_default());
    let reserved = thousandths(plan.reserve.bonds) + 1;
    assert_eq!(afforded(&story, reserved + own), (vec![0], vec![4], 1));
    assert_eq!(afforded(&story, reserved + own - 10), (vec![0], vec![], 2));
}

/// What a challenger does with its money.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Habit {
    /// By this module's rules.
    KeepsReserve,
    /// Whatever its clock says is next, as long as there is money.
    ByDeadline,
}

/// An adversary with many freeloaders and two wrong roots, against one challenger.
struct Siege {
    games: Vec<Story>,
    /// In wei. Gas is free.
    balance: U256,
    habit: Habit,
}

impl Siege {
    /// A wrong root, freeloaders beside its answer, and another wrong root a little later.
    fn begin(balance: u64, freeloaders: usize, habit: Habit) -> Self {
        // The answer stands at the last segment, so that freeloaders have room before it.
        let mut first = Story::propose_deep(1, 0, wrong_from(15));
        for place in 0..freeloaders {
            first = first.on(0).attack((place % 15) as u8, wrong_from(1));
        }
        let second = Story::propose_deep(2, MAX_CLOCK_DURATION / 100, wrong_from(15));
        Self {
            games: vec![first.wait(MAX_CLOCK_DURATION / 100), second],
            balance: milliether(balance),
            habit,
        }
    }

    /// The next move, and the game that it is for.
    fn next(&self) -> Option<(usize, PlannedMove)> {
        let plans: Vec<Plan> = self.games.iter().map(Story::planned).collect();
        let planned: Vec<_> = self.games.iter().map(Story::game).zip(&plans).collect();
        let funds = Funds { balance: self.balance, gas_price: 0 };
        let place = |game: &Game| self.games.iter().position(|story| story.game().subject == game.subject);
        let mut moves: Vec<_> = match self.habit {
            Habit::KeepsReserve => {
                let answers = answers(&planned, Some(funds), |_, _| false);
                answers.deciding.into_iter().chain(answers.others).collect()
            }
            Habit::ByDeadline => {
                let all = planned.iter().flat_map(|(game, plan)| plan.moves.iter().map(|one| (*game, one)));
                let mut all: Vec<_> = all.filter(|(_, planned)| planned.action.is_answer()).collect();
                all.sort_by_key(|(_, planned)| planned.deadline);
                all
            }
        };
        moves.retain(|(game, planned)| {
            let depth =
                planned.action.answered().and_then(|id| game.claim(id)).map_or(0, |claim| claim.depth);
            let is_step = matches!(planned.action, Move::Step { .. });
            is_step || game.parameters.bonds.of(depth + 1) <= self.balance
        });
        moves.first().and_then(|(game, planned)| Some((place(game)?, (*planned).clone())))
    }

    /// The challenger makes all moves that it can pay for.
    fn answer(&mut self) {
        while let Some((place, planned)) = self.next() {
            self.balance -= self.games[place].make(&planned.action);
        }
    }

    /// MALLORY attacks the challenger's newest claim in the last game, if it is not attacked yet.
    fn attack(&mut self) {
        let Some(story) = self.games.pop() else { return };
        let game = story.game();
        let mine = |index: &ClaimIndex| game.claims[*index].claimant == ME;
        let newest = (0..game.claims.len()).rev().find(mine).map(|index| (index, &game.claims[index]));
        let target = newest.filter(|(_, claim)| claim.children.is_empty() && !is_last(claim));
        let target = target.map(|(index, _)| index);
        self.games.push(match target {
            Some(index) => deeper(story, index),
            None => story,
        });
    }

    /// Plays to the end; for each game, whether its wrong root stands.
    fn end(mut self) -> Vec<bool> {
        for _ in 0..8 {
            self.answer();
            self.attack();
        }
        self.answer();
        self.games.iter().map(|story| story.game().stands(0)).collect()
    }
}

#[test]
fn freeloaders_do_not_spend_what_the_answer_to_a_second_wrong_root_costs() {
    // 8 freeloaders at 0.875 ETH each, against a challenger with 10 ETH, or 61 against one with 50. Answered by deadline, at
    // 0.77 ETH each, they leave too little to go down the second root's branch, and it stands.
    for (balance, freeloaders) in [(10_000, 8), (50_000, 61)] {
        assert_eq!(Siege::begin(balance, freeloaders, Habit::ByDeadline).end(), [false, true]);
        assert_eq!(Siege::begin(balance, freeloaders, Habit::KeepsReserve).end(), [false, false]);
    }
    // However many there are.
    assert_eq!(Siege::begin(10_000, 150, Habit::KeepsReserve).end(), [false, false]);
}

#[test]
fn without_freeloaders_both_habits_win() {
    for habit in [Habit::ByDeadline, Habit::KeepsReserve] {
        assert_eq!(Siege::begin(10_000, 0, habit).end(), [false, false]);
    }
}

#[test]
fn the_reserve_is_a_sum_over_games() {
    let siege = Siege::begin(10_000, 3, Habit::KeepsReserve);
    let plans: Vec<Plan> = siege.games.iter().map(Story::planned).collect();
    let one = whole_dispute(siege.games[0].game());
    assert_eq!(reserve(&plans), one + one);
}

#[test]
fn deciding_answers_go_by_their_clocks_over_all_games() {
    let games = [Story::propose_deep(1, 20, wrong_from(3)), Story::propose_deep(2, 10, wrong_from(3))];
    let plans: Vec<Plan> = games.iter().map(Story::planned).collect();
    let planned: Vec<_> = games.iter().map(Story::game).zip(&plans).collect();
    let ordered = answers(&planned, None, |_, _| false).deciding;
    let games: Vec<_> = ordered.iter().map(|(game, _)| game.subject.game).collect();
    assert_eq!(games, [2, 1].map(alloy::primitives::Address::repeat_byte));
}
