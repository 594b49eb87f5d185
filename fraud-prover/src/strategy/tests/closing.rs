//! Rule 5: which claims are resolved, which bonds are distributed, and in which order.

use super::story::{
    ALLY, EXTENSION,
    Expected::{ClaimCredit, DistributeBond, Reclaim, ResolveClaim, Step},
    MALLORY, MAX_CLOCK_DURATION, ME, Story, honest, wrong_from,
};

#[test]
fn a_game_is_closed_from_the_leaves_to_the_root_and_then_paid_out() {
    Story::propose(4096, wrong_from(3))
        .by(ME)
        .attack(3, honest())
        .by(MALLORY)
        .attack(7, wrong_from(1))
        .by(ME)
        .attack_block(1, honest())
        .wait(MAX_CLOCK_DURATION)
        .expect(&[ResolveClaim(3), ResolveClaim(2), ResolveClaim(1), ResolveClaim(0), ClaimCredit])
        .follow()
        // Rewards wait, so that a broken machine can be suspended before they are paid.
        .wait(EXTENSION - 1)
        .expect(&[])
        .wait(1)
        .expect(&[DistributeBond(0), DistributeBond(2), ClaimCredit])
        .follow()
        .expect(&[]);
}

#[test]
fn a_claim_is_not_resolved_while_its_clock_runs() {
    Story::propose(256, wrong_from(3)).by(ME).attack(3, honest()).wait(MAX_CLOCK_DURATION - 1).expect(&[]);
}

#[test]
fn a_claim_is_not_resolved_while_the_step_that_counters_it_is_not_made() {
    // Resolved, it would be upheld, although its clock alone has run out: steps are possible until then.
    let end = Story::one_step(ME).wait(10 * MAX_CLOCK_DURATION);
    let end = end.expect(&[Step(3, 7)]);
    let block = 16 * 5 + 3;
    end.run_pending(block).expect(&[]).expect_missed(&[]);
}

#[test]
fn an_invalid_root_that_nobody_countered_is_left_to_whoever_proposed_it() {
    Story::propose(256, wrong_from(3)).wait(10 * MAX_CLOCK_DURATION).expect(&[]).expect_missed(&[0]);
    Story::propose_by(ME, 256, wrong_from(3)).wait(10 * MAX_CLOCK_DURATION).expect(&[]);
}

#[test]
fn a_proposer_gets_the_bond_of_a_right_root_back() {
    Story::propose_by(ME, 256, honest()).wait(MAX_CLOCK_DURATION).expect(&[ResolveClaim(0), ClaimCredit]);
}

#[test]
fn a_reward_for_a_step_is_collected_before_the_game_ends() {
    let resolved = Story::one_step(ALLY).by(ME).step(7).expect(&[ResolveClaim(3)]).follow();
    resolved.expect(&[]).wait(EXTENSION).expect(&[DistributeBond(3), ClaimCredit]);
}

#[test]
fn where_the_machine_is_broken_nothing_is_answered_and_bonds_go_back() {
    // The attack that stands for ME, and two claims that were not countered while the machine worked.
    let story = Story::one_step(ME).by(ALLY).step(7).wait(10).broken(11);
    story.expect(&[Reclaim(2), ClaimCredit]).seen_by(Some(MALLORY)).expect(&[
        Reclaim(0),
        Reclaim(1),
        Reclaim(3),
        ClaimCredit,
    ]);
    // A wrong root with all its time: it needs no answer any more.
    Story::propose(256, wrong_from(3)).broken(0).expect(&[]).expect_missed(&[]);
}

#[test]
fn what_was_countered_while_the_machine_worked_is_paid() {
    let story = Story::one_step(ALLY).by(ME).step(7).wait(10).broken(10);
    story.expect(&[DistributeBond(3), ClaimCredit]).seen_by(Some(MALLORY)).expect(&[
        Reclaim(0),
        Reclaim(1),
        ClaimCredit,
    ]);
}

#[test]
fn a_game_without_a_stake_is_not_closed() {
    // Right root, attacked, and defended by somebody else: closing it would cost gas and earn nothing.
    Story::propose_by(ALLY, 256, honest())
        .attack(5, wrong_from(2))
        .by(ALLY)
        .attack_block(2, honest())
        .wait(2 * MAX_CLOCK_DURATION)
        .expect(&[]);
}

#[test]
fn a_wrong_root_is_resolved_also_without_a_stake() {
    Story::propose(256, wrong_from(3))
        .by(ALLY)
        .attack(3, honest())
        .wait(MAX_CLOCK_DURATION)
        .expect(&[ResolveClaim(1), ResolveClaim(0)]);
}

#[test]
fn a_read_only_challenger_resolves_and_collects_nothing() {
    Story::propose(256, wrong_from(3))
        .by(ALLY)
        .attack(3, honest())
        .wait(MAX_CLOCK_DURATION)
        .seen_by(None)
        .expect(&[ResolveClaim(1), ResolveClaim(0)]);
}

#[test]
fn claims_behind_the_first_invalid_segment_are_closed_only_for_the_own_reward() {
    let story = |answerer| {
        Story::propose(256, wrong_from(3))
            .by(answerer)
            .attack(3, honest())
            .by(MALLORY)
            .on(0)
            .attack(5, honest())
            .wait(MAX_CLOCK_DURATION)
    };
    // Claim 2 neither counters the root nor earns anything.
    story(ALLY).expect(&[ResolveClaim(1), ResolveClaim(0)]);
    // But the root's bond is distributed only when all attacks on it are resolved.
    let root_countered = story(ME).on(1).resolve();
    root_countered
        .expect(&[ResolveClaim(2), ResolveClaim(0), ClaimCredit])
        .follow()
        .wait(EXTENSION)
        .expect(&[DistributeBond(0), ClaimCredit]);
}

#[test]
fn bonds_of_others_are_not_distributed() {
    Story::propose(256, wrong_from(3))
        .by(ALLY)
        .attack(3, honest())
        .wait(MAX_CLOCK_DURATION)
        .resolve()
        .on(0)
        .resolve()
        .wait(EXTENSION)
        .expect(&[]);
}

#[test]
fn credit_is_claimed_when_a_bond_is_distributed() {
    Story::propose(256, wrong_from(3))
        .by(ME)
        .attack(3, honest())
        .wait(MAX_CLOCK_DURATION)
        .resolve()
        .on(0)
        .resolve()
        .expect(&[ClaimCredit])
        .follow()
        .expect(&[])
        .wait(EXTENSION)
        .expect(&[DistributeBond(0), ClaimCredit]);
}
