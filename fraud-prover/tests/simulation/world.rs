//! A toy rollup: output roots, VM states and their openings, each value naming what it is, so that the one true
//! successor of every state is known without running anything.

use std::{cell::RefCell, collections::BTreeMap};

use alloy::primitives::{Address, B256, U256};
use fraud_prover::{
    game::{Bonds, Game, GameParameters, InvalidMove, Level, Opening, Run, RunRules, Subject},
    strategy::Move,
    truth::{Truth, Unknown},
};
use rand::{Rng, rngs::StdRng};
use rollup::interval::Interval;

/// Timeline of the truth. Others are what liars claim to have happened from their fault on.
pub(crate) const TRUE: u32 = 0;

const OUTPUT: u8 = 1;
const STATE: u8 = 2;
const BOOT: u8 = 3;
const GARBAGE: u8 = 9;

fn value(tag: u8, line: u32, block: u64, step: u64) -> B256 {
    let mut bytes = [0; 32];
    bytes[0] = tag;
    bytes[4..8].copy_from_slice(&line.to_be_bytes());
    bytes[8..16].copy_from_slice(&block.to_be_bytes());
    bytes[16..24].copy_from_slice(&step.to_be_bytes());
    B256::from(bytes)
}

/// (timeline, block, step) of a state.
fn as_state(value: B256) -> Option<(u32, u64, u64)> {
    let number = |range: std::ops::Range<usize>| {
        value[range].iter().fold(0u64, |number, byte| (number << 8) | u64::from(*byte))
    };
    (value[0] == STATE).then(|| (number(4..8) as u32, number(8..16), number(16..24)))
}

pub(crate) fn garbage(rng: &mut StdRng) -> B256 {
    let mut bytes: [u8; 32] = rng.random();
    bytes[0] = GARBAGE;
    B256::from(bytes)
}

/// What went differently in a liar's timeline: the VM's state after `step` of `block`, and all that follows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fault {
    pub(crate) block: u64,
    pub(crate) step: u64,
    /// Steps of the block's run with the fault.
    pub(crate) steps: u64,
}

/// What one player believes to be true.
#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) subject: Subject,
    pub(crate) parameters: GameParameters,
    /// Steps of each block's run.
    runs: BTreeMap<u64, u64>,
    faults: BTreeMap<u32, Fault>,
}

impl World {
    pub(crate) fn new(rng: &mut StdRng, clock: u64) -> Self {
        const LENGTHS: [u64; 12] = [1, 2, 3, 15, 16, 17, 31, 32, 33, 255, 256, 257];
        const STEPS: [u64; 12] = [1, 2, 15, 16, 17, 255, 256, 257, 4095, 4096, 4097, 70_000];
        let length = LENGTHS[rng.random_range(0..LENGTHS.len())];
        let blocks = Interval { start: rng.random_range(0..1000), length };
        let max_steps = 70_000;
        let run = |rng: &mut StdRng| match rng.random_range(0..3) {
            0 => rng.random_range(1..=300),
            _ => STEPS[rng.random_range(0..STEPS.len())],
        };
        let runs = (blocks.start..=blocks.end()).map(|block| (block, run(rng))).collect();
        let rules = RunRules { max_steps, ..RunRules::default() };
        let subject = Subject {
            game: Address::repeat_byte(7),
            blocks,
            anchor_output: value(OUTPUT, TRUE, blocks.start, 0),
            batch_count: 1,
            batch_acc: B256::repeat_byte(8),
            rules,
        };
        let parameters = GameParameters {
            max_clock_duration: clock,
            extension: clock / 20,
            boundary_extension: clock / 10,
            bonds: Bonds { root: U256::from(1_000_000), leaf: U256::from(10_001), decay: 150 },
            rules,
            verifier: Address::ZERO,
        };
        Self { subject, parameters, runs, faults: BTreeMap::new() }
    }

    /// A liar's timeline, with a fault at a random place, edges preferred.
    pub(crate) fn add_line(&mut self, rng: &mut StdRng) -> u32 {
        let blocks = self.subject.blocks;
        let edge = |rng: &mut StdRng, first: u64, last: u64| match rng.random_range(0..4) {
            0 => first,
            1 => last,
            _ => rng.random_range(first..=last),
        };
        let block = edge(rng, blocks.start + 1, blocks.end());
        let step = edge(rng, 1, self.runs[&block]);
        let longest = self.parameters.rules.max_steps;
        let steps = [step, self.runs[&block].max(step), longest, (step + 16).min(longest)];
        let steps = steps[rng.random_range(0..steps.len())];
        let line = self.faults.len() as u32 + 1;
        self.faults.insert(line, Fault { block, step, steps });
        line
    }

    pub(crate) fn believer(&self, line: u32) -> Believer<'_> {
        Believer { world: self, line }
    }

    pub(crate) fn fault(&self, line: u32) -> Option<Fault> {
        self.faults.get(&line).copied()
    }

    fn boot(&self, agreed: B256, block: u64) -> B256 {
        let mut boot = agreed;
        boot[0] = BOOT;
        boot[24..].copy_from_slice(&block.to_be_bytes());
        boot
    }

    /// Prestate of a run, which the contract computes.
    fn prestate(&self, agreed: B256, block: u64) -> B256 {
        let line = if agreed == value(OUTPUT, TRUE, block - 1, 0) { TRUE } else { u32::MAX };
        value(STATE, line, block, 0)
    }

    fn run_length(&self, line: u32, block: u64) -> u64 {
        match self.faults.get(&line) {
            Some(fault) if fault.block == block => fault.steps,
            _ => self.runs.get(&block).copied().unwrap_or(1),
        }
    }

    /// Whether a value of a claim is what happened: its own name says so.
    pub(crate) fn is_true(&self, level: Level, at: u64, claimed: B256) -> bool {
        match level {
            Level::Blocks => claimed == value(OUTPUT, TRUE, at, 0),
            Level::Steps { block, boot_hash } => {
                let step = at.min(self.run_length(TRUE, block));
                boot_hash == self.boot(value(OUTPUT, TRUE, block - 1, 0), block)
                    && claimed == value(STATE, TRUE, block, step)
            }
        }
    }

    /// What the VM makes of a state; `None` if nobody knows what is behind the hash.
    fn successor(&self, before: B256) -> Option<B256> {
        let (line, block, step) = as_state(before)?;
        let next = if step < self.run_length(line, block) { step + 1 } else { step };
        Some(value(STATE, line, block, next))
    }

    /// Makes a move, as the contract does.
    pub(crate) fn apply(
        &self,
        game: &mut Game,
        action: &Move,
        by: Address,
        now: u64,
    ) -> Result<(), InvalidMove> {
        match action {
            Move::Attack { claim, segment, commitments } => {
                game.attack(*claim, *segment, commitments.clone(), by, now).map(|_| ())
            }
            Move::AttackBlock { claim, segment, run, commitments, .. } => {
                let (agreed, block) = {
                    let claim = game.claim(*claim).ok_or(InvalidMove::NoClaim(*claim))?;
                    let value_after = claim.segment_interval(*segment).map_or(1, |segment| segment.end());
                    (claim.value_before(*segment).unwrap_or_default(), value_after)
                };
                // A garbage state's opening says whatever suits its maker.
                let state = commitments.last().copied().unwrap_or_default();
                let opening = match as_state(state) {
                    Some((line, block, step)) => Opening {
                        state,
                        step,
                        exited: step >= self.run_length(line, block),
                        value: value(OUTPUT, line, block, 0),
                    },
                    None => Opening { state, step: run.steps, exited: true, value: state },
                };
                let run = Run {
                    boot_hash: self.boot(agreed, block),
                    prestate: self.prestate(agreed, block),
                    ..*run
                };
                game.attack_block(*claim, *segment, run, commitments.clone(), opening, by, now).map(|_| ())
            }
            Move::Step { claim, segment, .. } => {
                let before = game.claim(*claim).and_then(|claim| claim.value_before(*segment));
                // No witness for what nobody knows.
                let successor =
                    before.and_then(|before| self.successor(before)).ok_or(InvalidMove::RightStep)?;
                game.step(*claim, *segment, successor, by, now)
            }
            Move::ResolveClaim { claim } => game.resolve_claim(*claim, now).map(|_| ()),
            Move::DistributeBond { claim } => game.distribute_bond(*claim, now),
            Move::Reclaim { claim } => game.reclaim(*claim),
            Move::ClaimCredit { .. } => Ok(()),
        }
    }
}

/// The truth, as seen from a timeline.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Believer<'a> {
    pub(crate) world: &'a World,
    pub(crate) line: u32,
}

impl Believer<'_> {
    fn line_of(&self, block: u64) -> u32 {
        match self.world.fault(self.line) {
            Some(fault) if block >= fault.block => self.line,
            _ => TRUE,
        }
    }
}

impl Truth for Believer<'_> {
    fn output(&self, block: u64) -> Result<B256, Unknown> {
        Ok(value(OUTPUT, self.line_of(block), block, 0))
    }

    fn boot_hash(&self, block: u64) -> Result<B256, Unknown> {
        Ok(self.world.boot(self.output(block - 1)?, block))
    }

    fn run(&self, block: u64) -> Result<Run, Unknown> {
        let agreed = self.output(block - 1)?;
        Ok(Run {
            boot_hash: self.world.boot(agreed, block),
            prestate: self.world.prestate(agreed, block),
            steps: self.world.run_length(self.line_of(block), block),
        })
    }

    fn states(&self, block: u64, steps: &[u64]) -> Result<Vec<B256>, Unknown> {
        let line = self.line_of(block);
        let last = self.world.run_length(line, block);
        let fault = self.world.fault(line).filter(|fault| fault.block == block);
        let state = |step: &u64| {
            let step = (*step).min(last);
            let line = if fault.is_some_and(|fault| step < fault.step) { TRUE } else { line };
            value(STATE, line, block, step)
        };
        Ok(steps.iter().map(state).collect())
    }
}

/// A truth of which some is not computed yet.
pub(crate) struct Forgetful<'a> {
    pub(crate) truth: Believer<'a>,
    pub(crate) rng: RefCell<&'a mut StdRng>,
}

impl Forgetful<'_> {
    fn remembers<T>(&self, known: Result<T, Unknown>) -> Result<T, Unknown> {
        if self.rng.borrow_mut().random_ratio(1, 4) { Err(Unknown::Pending) } else { known }
    }
}

impl Truth for Forgetful<'_> {
    fn output(&self, block: u64) -> Result<B256, Unknown> {
        self.remembers(self.truth.output(block))
    }

    fn boot_hash(&self, block: u64) -> Result<B256, Unknown> {
        self.remembers(self.truth.boot_hash(block))
    }

    fn run(&self, block: u64) -> Result<Run, Unknown> {
        self.remembers(self.truth.run(block))
    }

    fn states(&self, block: u64, steps: &[u64]) -> Result<Vec<B256>, Unknown> {
        self.remembers(self.truth.states(block, steps))
    }
}
