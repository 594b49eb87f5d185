//! Rules 1 to 4: which claims are answered, and by what.
//!
//! Over 256 blocks, a root claim has 16 segments of 16 blocks, and attacks on it have segments of one block. Over 16
//! blocks, the root claim's segments are single blocks.

use super::story::{
    ALLY,
    Expected::{Attack, AttackBlock, Step},
    MALLORY, MAX_CLOCK_DURATION, ME, Story, honest, wrong_at, wrong_from,
};
use crate::truth::Unknown;

// Rule 1: the root claim.

#[test]
fn a_wrong_root_is_attacked_at_its_first_invalid_segment() {
    Story::propose(256, wrong_from(3)).expect(&[Attack(0, 3)]);
}

#[test]
fn a_root_that_ends_right_is_attacked_where_it_is_wrong() {
    Story::propose(256, wrong_at(&[3])).expect(&[Attack(0, 3)]);
}

#[test]
fn a_right_root_is_left_alone() {
    Story::propose(256, honest()).expect(&[]);
}

#[test]
fn a_root_that_starts_from_a_wrong_anchor_is_left_alone() {
    Story::propose_after_wrong_anchor(256).attack(2, wrong_from(0)).expect(&[]);
}

// Rule 2: valid claims are defended, whoever made them.

#[test]
fn a_right_root_is_defended_against_each_invalid_attack() {
    Story::propose(256, honest())
        .attack(5, wrong_from(2))
        .on(0)
        .attack(9, wrong_from(0))
        .expect(&[AttackBlock(1, 2), AttackBlock(2, 0)]);
}

#[test]
fn a_copied_and_abandoned_answer_is_defended() {
    Story::propose(4096, wrong_from(3))
        .by(MALLORY)
        .attack(3, honest())
        .attack(7, wrong_from(1))
        .expect(&[AttackBlock(2, 1)]);
}

#[test]
fn an_invalid_claim_that_somebody_has_attacked_is_answered_all_the_same() {
    // The other attack stands at another segment, so that it is no freeloader: it may be abandoned.
    Story::propose(4096, honest())
        .attack(5, wrong_at(&[2, 15]))
        .by(ALLY)
        .attack(9, wrong_from(4))
        .expect(&[Attack(1, 2)]);
}

#[test]
fn a_freeloader_at_a_lower_segment_than_the_answer_is_attacked() {
    Story::propose(256, wrong_from(3)).attack(1, wrong_from(4)).expect(&[Attack(0, 3), AttackBlock(1, 4)]);
}

#[test]
fn a_freeloader_at_the_segment_of_the_answer_is_attacked() {
    Story::propose(256, wrong_from(3)).attack(3, wrong_from(4)).expect(&[Attack(0, 3), AttackBlock(1, 4)]);
}

#[test]
fn a_freeloader_at_a_higher_segment_than_the_answer_is_left_alone() {
    // Its prestate is right, as the root claim is wrong at one place only.
    Story::propose(256, wrong_at(&[3])).attack(5, wrong_from(4)).expect(&[Attack(0, 3)]);
}

#[test]
fn freeloaders_beside_the_answer_are_attacked_after_it_is_made() {
    Story::propose(256, wrong_at(&[3]))
        .by(ME)
        .attack(3, honest())
        .by(MALLORY)
        .on(0)
        .attack(1, wrong_from(4))
        .on(0)
        .attack(3, wrong_from(6))
        .on(0)
        .attack(5, wrong_from(8))
        .expect(&[AttackBlock(2, 4), AttackBlock(3, 6)]);
}

#[test]
fn a_freeloader_below_a_freeloader_is_attacked() {
    Story::propose(4096, wrong_from(3)).attack(1, wrong_from(2)).attack(2, wrong_from(4)).expect(&[
        Attack(0, 3),
        Attack(1, 2),
        AttackBlock(2, 4),
    ]);
}

#[test]
fn a_freeloader_beside_a_valid_claim_is_attacked_wherever_that_is() {
    // Claim 1 needs no answer: it stands behind the root's first invalid segment. But an honest challenger attacks it.
    Story::propose(4096, wrong_at(&[3]))
        .attack(5, wrong_from(2))
        .by(ALLY)
        .attack(2, honest())
        .by(MALLORY)
        .on(1)
        .attack(1, wrong_from(6))
        .on(1)
        .attack(2, wrong_from(7))
        .expect(&[Attack(0, 3), AttackBlock(3, 6), AttackBlock(4, 7)]);
}

#[test]
fn a_higher_sibling_of_a_valid_claim_is_left_alone() {
    Story::propose(4096, wrong_at(&[3]))
        .attack(5, wrong_at(&[2, 15]))
        .by(ALLY)
        .attack(2, honest())
        .by(MALLORY)
        .on(1)
        .attack(6, wrong_from(7))
        .expect(&[Attack(0, 3)]);
}

#[test]
fn a_claim_with_an_invalid_prestate_is_left_alone() {
    Story::propose(4096, wrong_from(3)).attack(5, honest()).attack(2, wrong_from(1)).expect(&[Attack(0, 3)]);
}

#[test]
fn a_run_from_an_invalid_prestate_is_left_alone() {
    // The segment behind the first invalid one: its BootInfo names a wrong output root.
    Story::propose(16, wrong_from(3))
        .attack_block(4, wrong_from(2))
        .attack(2, wrong_from(1))
        .expect(&[AttackBlock(0, 3)]);
}

#[test]
fn a_run_from_an_invalid_prestate_is_judged_without_a_run() {
    Story::propose(16, wrong_from(3))
        .attack_block(4, wrong_from(2))
        .run_pending(5)
        .expect(&[AttackBlock(0, 3)])
        .expect_unknown(&[]);
}

// Rule 3: only a byte-equal claim is an answer.

#[test]
fn a_byte_equal_claim_is_the_answer_whoever_made_it() {
    for account in [ME, ALLY, MALLORY] {
        Story::propose(256, wrong_from(3)).by(account).attack(3, honest()).expect(&[]);
    }
}

#[test]
fn an_attack_that_only_ends_right_is_no_answer() {
    Story::propose(256, wrong_from(3)).attack(3, wrong_at(&[4])).expect(&[Attack(0, 3), AttackBlock(1, 4)]);
}

#[test]
fn a_segment_of_one_block_is_attacked_by_a_run() {
    Story::propose(16, wrong_from(3)).expect(&[AttackBlock(0, 3)]);
}

#[test]
fn a_byte_equal_run_is_the_answer() {
    Story::propose(16, wrong_from(3)).attack_block(3, honest()).expect(&[]);
}

#[test]
fn a_wrong_run_is_attacked_at_its_first_invalid_segment() {
    Story::propose(16, honest()).attack_block(3, wrong_from(2)).expect(&[Attack(1, 2)]);
}

#[test]
fn an_answer_is_made_until_the_last_second() {
    Story::propose(256, wrong_from(3))
        .wait(MAX_CLOCK_DURATION - 1)
        .expect(&[Attack(0, 3)])
        .expect_missed(&[]);
}

#[test]
fn an_answer_that_is_too_late_is_reported() {
    // The game is lost. Whoever lied has to close it.
    Story::propose(256, wrong_from(3)).wait(MAX_CLOCK_DURATION).expect(&[]).expect_missed(&[0]);
}

#[test]
fn an_attack_in_the_last_second_leaves_time_for_the_answer() {
    Story::propose(256, wrong_from(3))
        .by(ME)
        .attack(3, honest())
        .by(MALLORY)
        .wait(MAX_CLOCK_DURATION - 1)
        .attack_block(2, wrong_from(5))
        .wait(MAX_CLOCK_DURATION / 10 - 1)
        .expect(&[Attack(2, 5)]);
}

#[test]
fn the_most_urgent_answer_comes_first() {
    // The honest side took 100 s for claim 2: so much less time is left for the answer to claim 4 than to claim 3.
    Story::propose(4096, honest())
        .attack(5, wrong_from(2))
        .wait(100)
        .attack(2, honest())
        .on(0)
        .attack(9, wrong_from(0))
        .on(2)
        .attack_block(4, wrong_from(6))
        .expect(&[Attack(4, 6), Attack(3, 0)]);
}

// Rule 4: the step.

#[test]
fn a_segment_of_one_step_is_countered_by_the_step() {
    Story::one_step(ALLY).expect(&[Step(3, 7)]);
}

#[test]
fn the_step_is_possible_after_the_clock_has_run_out() {
    Story::one_step(ALLY).wait(10 * MAX_CLOCK_DURATION).expect(&[Step(3, 7)]).expect_missed(&[]);
}

#[test]
fn a_claim_that_a_step_has_countered_is_left_alone() {
    Story::one_step(ALLY).by(ALLY).step(7).expect(&[]);
}

// Unknown values.

#[test]
fn a_pending_run_delays_no_other_answer() {
    Story::propose(257, honest())
        .attack_block(1, wrong_from(2))
        .on(0)
        .attack(0, wrong_from(4))
        .run_pending(257)
        .expect(&[Attack(2, 4)])
        .expect_unknown(&[(1, Unknown::Pending)]);
}

#[test]
fn an_answer_that_waits_for_a_run_delays_no_other() {
    Story::propose(257, wrong_from(1))
        .attack(0, wrong_from(4))
        .run_pending(257)
        .expect(&[Attack(1, 4)])
        .expect_unknown(&[(0, Unknown::Pending)]);
}

#[test]
fn an_answer_that_needs_a_pending_run_waits_for_it() {
    Story::propose(16, wrong_from(3))
        .run_pending(4)
        .expect(&[])
        .expect_unknown(&[(0, Unknown::Pending)])
        .expect_missed(&[]);
}

#[test]
fn a_valid_claim_below_an_unknown_root_is_defended() {
    Story::propose(4096, wrong_from(3))
        .attack(3, honest())
        .attack(7, wrong_from(1))
        .derived_up_to(2000)
        .expect(&[AttackBlock(2, 1)])
        .expect_unknown(&[(0, Unknown::NotDerived(2048))]);
}

// Accounts.

#[test]
fn two_honest_challengers_and_a_read_only_one_plan_the_same_answers() {
    for account in [Some(ME), Some(ALLY), None] {
        Story::propose(256, wrong_from(3))
            .attack(3, wrong_from(4))
            .seen_by(account)
            .expect(&[Attack(0, 3), AttackBlock(1, 4)]);
    }
}

#[test]
fn what_one_honest_challenger_has_answered_no_other_answers_again() {
    Story::propose(256, wrong_from(3))
        .attack(3, wrong_from(4))
        .by(ALLY)
        .on(0)
        .attack(3, honest())
        .on(1)
        .attack_block(4, honest())
        .seen_by(Some(ME))
        .expect(&[]);
}
