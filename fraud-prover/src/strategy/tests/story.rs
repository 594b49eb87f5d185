//! A dispute told as a story, move by move, with the moves that the strategy should plan at the end.
//!
//! ```text
//! Story::propose(256, wrong_from(3))      // claim 0, the root claim
//!     .by(MALLORY).attack(3, honest())    // claim 1, an attack on claim 0
//!     .attack(7, wrong_from(0))           // claim 2, an attack on claim 1
//!     .expect(&[Attack(2, 0)]);           // the honest answer to claim 2
//! ```
//!
//! Claims are numbered in the order in which they are made. A move is about the newest claim, unless [`Story::on`] names
//! another. All moves go through the game's own rules, so a story can only tell what the contract allows.

use std::collections::BTreeSet;

use alloy::primitives::{Address, B256, U256};
use rollup::interval::Interval;

use crate::{
    game::{
        Bonds, ClaimId, ClaimIndex, Game, GameParameters, Level, Opening, Run, RunRules, Subject, Suspension,
    },
    strategy::{Move, Plan, View, plan},
    truth::{Truth, Unknown, commitments},
};

/// The honest challenger whose moves are expected.
pub(crate) const ME: Address = Address::repeat_byte(1);
/// Another honest challenger.
pub(crate) const ALLY: Address = Address::repeat_byte(2);
/// The adversary, who may have any number of accounts.
pub(crate) const MALLORY: Address = Address::repeat_byte(3);

/// Time that each side has, in seconds.
pub(crate) const MAX_CLOCK_DURATION: u64 = 1000;
/// Least time for a move, in seconds: a bond waits so long.
pub(crate) const EXTENSION: u64 = MAX_CLOCK_DURATION / 20;
/// Steps of every block's run: 16 segments of 16 steps.
const STEPS: u64 = 256;
const RULES: RunRules =
    RunRules { program_root: B256::ZERO, program_entry: 0, max_steps: STEPS, config_hash: B256::ZERO };
/// When the game begins, in seconds.
const GENESIS: u64 = 1_000_000;

/// The values of a claim.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Values {
    Honest,
    WrongFrom(usize),
    WrongAt(&'static [usize]),
}

/// Right values.
pub(crate) fn honest() -> Values {
    Values::Honest
}

/// Values that are right up to a segment, and wrong at its end and behind it.
pub(crate) fn wrong_from(segment: usize) -> Values {
    Values::WrongFrom(segment)
}

/// Values that are wrong at the ends of these segments only.
pub(crate) fn wrong_at(segments: &'static [usize]) -> Values {
    Values::WrongAt(segments)
}

/// A planned move, with the numbers of the claim and of the segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    Attack(ClaimIndex, u8),
    AttackBlock(ClaimIndex, u8),
    Step(ClaimIndex, u8),
    ResolveClaim(ClaimIndex),
    DistributeBond(ClaimIndex),
    Reclaim(ClaimIndex),
    ClaimCredit,
}

/// The truth of a toy rollup: each value names what it is. Some of it may be unknown.
#[derive(Clone, Debug)]
struct Toy {
    last_derived: u64,
    pending_runs: BTreeSet<u64>,
}

fn value(kind: u8, block: u64, step: u64) -> B256 {
    let mut bytes = [0; 32];
    bytes[0] = kind;
    bytes[8..16].copy_from_slice(&block.to_be_bytes());
    bytes[16..24].copy_from_slice(&step.to_be_bytes());
    B256::from(bytes)
}

const OUTPUT: u8 = 1;
const STATE: u8 = 2;
const BOOT: u8 = 3;
const WRONG: u8 = 4;

impl Truth for Toy {
    fn output(&self, block: u64) -> Result<B256, Unknown> {
        if block > self.last_derived {
            return Err(Unknown::NotDerived(block));
        }
        Ok(value(OUTPUT, block, 0))
    }

    fn boot_hash(&self, block: u64) -> Result<B256, Unknown> {
        Ok(value(BOOT, block, 0))
    }

    fn run(&self, block: u64) -> Result<Run, Unknown> {
        if self.pending_runs.contains(&block) {
            return Err(Unknown::Pending);
        }
        Ok(Run { boot_hash: value(BOOT, block, 0), prestate: value(STATE, block, 0), steps: STEPS })
    }

    fn states(&self, block: u64, steps: &[u64]) -> Result<Vec<B256>, Unknown> {
        self.run(block)?;
        Ok(steps.iter().map(|step| value(STATE, block, (*step).min(STEPS))).collect())
    }
}

/// A dispute as far as it is told.
#[derive(Clone, Debug)]
pub(crate) struct Story {
    game: Game,
    truth: Toy,
    now: u64,
    mover: Address,
    claim: ClaimIndex,
    /// Makes the wrong values of each claim others than those before.
    lies: u64,
    reader: Option<Address>,
}

impl Story {
    /// MALLORY proposes an output root for a block; the anchor is block 0.
    pub(crate) fn propose(block: u64, values: Values) -> Self {
        Self::propose_by(MALLORY, block, values)
    }

    /// An account proposes an output root for a block; the anchor is block 0.
    pub(crate) fn propose_by(proposer: Address, block: u64, values: Values) -> Self {
        Self::propose_after(value(OUTPUT, 0, 0), proposer, block, values)
    }

    /// A dispute that ends in an invalid claim about single steps, on a right root that this account defends.
    pub(crate) fn one_step(defender: Address) -> Self {
        Self::propose(256, honest())
            .attack(5, wrong_from(2))
            .by(defender)
            .attack_block(2, honest())
            .by(MALLORY)
            .attack(2, wrong_from(7))
    }

    /// A proposal that starts from an anchor that is not an output root of this chain.
    pub(crate) fn propose_after_wrong_anchor(block: u64) -> Self {
        Self::propose_after(value(WRONG, 0, 0), MALLORY, block, honest())
    }

    fn propose_after(anchor_output: B256, proposer: Address, block: u64, values: Values) -> Self {
        let blocks = Interval { start: 0, length: block };
        let subject = Subject {
            game: Address::repeat_byte(9),
            blocks,
            anchor_output,
            batch_count: 1,
            batch_acc: B256::repeat_byte(9),
            rules: RULES,
        };
        let parameters = GameParameters {
            max_clock_duration: MAX_CLOCK_DURATION,
            extension: EXTENSION,
            boundary_extension: MAX_CLOCK_DURATION / 10,
            bonds: Bonds { root: U256::from(1_000_000), leaf: U256::from(10_000), decay: 150 },
            rules: RULES,
            verifier: Address::ZERO,
        };
        let truth = Toy { last_derived: u64::MAX, pending_runs: BTreeSet::new() };
        let root = with_lies(&truth, Level::Blocks, blocks, values, 0);
        let game = Game::new(subject, parameters, root, proposer, GENESIS);
        Self { game, truth, now: GENESIS, mover: MALLORY, claim: 0, lies: 0, reader: Some(ME) }
    }

    /// A proposal for 2^48 blocks with a main network's bonds: a dispute about it is 13 claims deep below the root. Games
    /// have numbers. It is made so many seconds after the first.
    pub(crate) fn propose_deep(number: u8, later: u64, values: Values) -> Self {
        const ETHER: u64 = 1_000_000_000_000_000_000;
        let mut story = Self::propose(1 << 48, honest());
        let mut subject = story.game.subject.clone();
        subject.game = Address::repeat_byte(number);
        let bonds = Bonds { root: U256::from(ETHER), leaf: U256::from(ETHER / 5), decay: 224 };
        let parameters = GameParameters { bonds, ..story.game.parameters.clone() };
        let root = story.claimed(Level::Blocks, subject.blocks, values);
        story.now += later;
        story.game = Game::new(subject, parameters, root, MALLORY, story.now);
        story
    }

    /// Who makes the moves that follow.
    pub(crate) fn by(mut self, account: Address) -> Self {
        self.mover = account;
        self
    }

    /// Which claim the next move is about.
    pub(crate) fn on(mut self, claim: ClaimIndex) -> Self {
        self.claim = claim;
        self
    }

    /// Time passes, in seconds.
    pub(crate) fn wait(mut self, seconds: u64) -> Self {
        self.now += seconds;
        self
    }

    /// Attacks a segment of several blocks or steps.
    pub(crate) fn attack(mut self, segment: u8, values: Values) -> Self {
        let claim = &self.game.claims[self.claim];
        let (id, level) = (claim.id, claim.level);
        let interval = claim.segment_interval(segment).expect("a segment");
        let commitments = self.claimed(level, interval, values);
        let made = self.game.attack(id, segment, commitments, self.mover, self.now);
        self.made(made.expect("a legal attack"))
    }

    /// Attacks a segment of one block by a run of the VM.
    pub(crate) fn attack_block(mut self, segment: u8, values: Values) -> Self {
        let claim = &self.game.claims[self.claim];
        let id = claim.id;
        let block = claim.segment_interval(segment).expect("a segment").end();
        let is_agreed_right = claim.value_before(segment) == Some(value(OUTPUT, block - 1, 0));
        let (boot, prestate) = match is_agreed_right {
            true => (value(BOOT, block, 0), value(STATE, block, 0)),
            false => (value(WRONG, block, 1), value(WRONG, block, 2)),
        };
        let run = Run { boot_hash: boot, prestate, steps: STEPS };
        let interval = Interval { start: 0, length: STEPS };
        let commitments = self.claimed(Level::Steps { block, boot_hash: boot }, interval, values);
        let state = *commitments.last().expect("commitments");
        let output = if state == value(STATE, block, STEPS) { value(OUTPUT, block, 0) } else { state };
        let opening = Opening { state, step: STEPS, exited: true, value: output };
        let made = self.game.attack_block(id, segment, run, commitments, opening, self.mover, self.now);
        self.made(made.expect("a legal attackBlock"))
    }

    /// Proves the step in a segment, from a right state.
    pub(crate) fn step(mut self, segment: u8) -> Self {
        let claim = &self.game.claims[self.claim];
        let Level::Steps { block, .. } = claim.level else { panic!("no claim about steps") };
        let next = claim.segment_interval(segment).expect("a segment").end();
        assert_eq!(claim.value_before(segment), Some(value(STATE, block, next - 1)), "a right state");
        let (id, successor) = (claim.id, value(STATE, block, next));
        self.game.step(id, segment, successor, self.mover, self.now).expect("a legal step");
        self
    }

    /// Resolves the claim.
    pub(crate) fn resolve(mut self) -> Self {
        let id = self.game.claims[self.claim].id;
        self.game.resolve_claim(id, self.now).expect("a claim that can be resolved");
        self
    }

    /// The honest challenger makes all planned moves.
    pub(crate) fn follow(mut self) -> Self {
        for planned in self.plan().moves {
            self.make(&planned.action);
        }
        self
    }

    /// The machine breaks now, and worked up to so many seconds ago.
    pub(crate) fn broken(mut self, sound: u64) -> Self {
        self.game.suspension = Some(Suspension { sound_at: self.now - sound });
        self
    }

    /// Output roots behind this block are not derived yet.
    pub(crate) fn derived_up_to(mut self, block: u64) -> Self {
        self.truth.last_derived = block;
        self
    }

    /// The run over this block is still being computed.
    pub(crate) fn run_pending(mut self, block: u64) -> Self {
        self.truth.pending_runs.insert(block);
        self
    }

    /// Whose plan is expected; none for a read-only challenger. ME if this is not called.
    pub(crate) fn seen_by(mut self, account: Option<Address>) -> Self {
        self.reader = account;
        self
    }

    /// Checks the planned moves, in order, and that all attacks carry right values.
    #[track_caller]
    pub(crate) fn expect(self, expected: &[Expected]) -> Self {
        let plan = self.plan();
        let moves: Vec<_> = plan.moves.iter().map(|planned| self.describe(&planned.action)).collect();
        assert_eq!(moves, expected);
        self
    }

    /// Checks which invalid claims were not answered in time.
    #[track_caller]
    pub(crate) fn expect_missed(self, expected: &[ClaimIndex]) -> Self {
        let missed: Vec<_> = self.plan().missed.iter().map(|id| self.number(*id)).collect();
        assert_eq!(missed, expected);
        self
    }

    /// Checks which claims wait for unknown values.
    #[track_caller]
    pub(crate) fn expect_unknown(self, expected: &[(ClaimIndex, Unknown)]) -> Self {
        let unknown = self.plan().unknown;
        let unknown: Vec<_> = unknown.into_iter().map(|(id, unknown)| (self.number(id), unknown)).collect();
        assert_eq!(unknown, expected);
        self
    }

    fn plan(&self) -> Plan {
        plan(View { game: &self.game, now: self.now, me: self.reader }, &self.truth)
    }

    /// The game as far as it is told.
    pub(crate) const fn game(&self) -> &Game {
        &self.game
    }

    /// What is planned.
    pub(crate) fn planned(&self) -> Plan {
        self.plan()
    }

    /// The honest challenger makes a planned move. What it pays, in wei.
    pub(crate) fn make(&mut self, action: &Move) -> U256 {
        let before = self.game.claims.len();
        let made = match action {
            Move::Attack { claim, segment, commitments } => {
                self.game.attack(*claim, *segment, commitments.clone(), ME, self.now).map(|_| ())
            }
            Move::AttackBlock { claim, segment, block, run, commitments } => {
                let state = value(STATE, *block, STEPS);
                let output = value(OUTPUT, *block, 0);
                let opening = Opening { state, step: STEPS, exited: true, value: output };
                let made = (*run, commitments.clone(), opening);
                self.game.attack_block(*claim, *segment, made.0, made.1, made.2, ME, self.now).map(|_| ())
            }
            Move::Step { claim, segment, block, step } => {
                self.game.step(*claim, *segment, value(STATE, *block, step + 1), ME, self.now)
            }
            Move::ResolveClaim { claim } => self.game.resolve_claim(*claim, self.now).map(|_| ()),
            Move::DistributeBond { claim } => self.game.distribute_bond(*claim, self.now),
            Move::Reclaim { claim } => self.game.reclaim(*claim),
            Move::ClaimCredit { account } => self.game.claim_credit(*account).map(|_| ()),
        };
        made.expect("a legal move");
        self.game.claims.get(before).map_or(U256::ZERO, |claim| claim.bond)
    }

    fn number(&self, id: ClaimId) -> ClaimIndex {
        self.game.index(id).expect("a claim of the game")
    }

    fn made(mut self, id: ClaimId) -> Self {
        self.claim = self.number(id);
        self
    }

    fn claimed(&mut self, level: Level, interval: Interval, values: Values) -> Vec<B256> {
        self.lies += 1;
        with_lies(&self.truth, level, interval, values, self.lies)
    }

    #[track_caller]
    fn describe(&self, action: &Move) -> Expected {
        match action {
            Move::Attack { claim, segment, commitments: given } => {
                let target = self.game.claim(*claim).expect("a claim of the game");
                let interval = target.segment_interval(*segment).expect("a segment");
                assert_eq!(Ok(given), commitments(&self.truth, target.level, interval).as_ref());
                Expected::Attack(self.number(*claim), *segment)
            }
            Move::AttackBlock { claim, segment, block, run, commitments: given } => {
                let target = self.game.claim(*claim).expect("a claim of the game");
                assert_eq!(
                    target.segment_interval(*segment).map(|one| (one.end(), one.length)),
                    Some((*block, 1))
                );
                let level = Level::Steps { block: *block, boot_hash: run.boot_hash };
                let steps = Interval { start: 0, length: run.steps };
                assert_eq!(Ok(given), commitments(&self.truth, level, steps).as_ref());
                Expected::AttackBlock(self.number(*claim), *segment)
            }
            Move::Step { claim, segment, step, .. } => {
                let target = self.game.claim(*claim).expect("a claim of the game");
                assert_eq!(
                    target.segment_interval(*segment),
                    Some(Interval { start: *step, length: 1 }),
                    "the step of the segment"
                );
                Expected::Step(self.number(*claim), *segment)
            }
            Move::ResolveClaim { claim } => Expected::ResolveClaim(self.number(*claim)),
            Move::DistributeBond { claim } => Expected::DistributeBond(self.number(*claim)),
            Move::Reclaim { claim } => Expected::Reclaim(self.number(*claim)),
            Move::ClaimCredit { account } => {
                assert_eq!(Some(*account), self.reader, "somebody else's credit");
                Expected::ClaimCredit
            }
        }
    }
}

/// The values of a claim, with its lies in them.
fn with_lies(truth: &Toy, level: Level, interval: Interval, values: Values, lie: u64) -> Vec<B256> {
    let mut claimed = commitments(truth, level, interval).expect("a known truth while claims are made");
    for (place, end) in interval.ends().enumerate() {
        let is_wrong = match values {
            Values::Honest => false,
            Values::WrongFrom(first) => place >= first,
            Values::WrongAt(places) => places.contains(&place),
        };
        if is_wrong {
            claimed[place] = value(WRONG, end, 100 + lie);
        }
    }
    claimed
}
