//! What a block costs the fault proof VM: instructions per L2 gas, for usual blocks and for the worst ways to use up
//! gas that are known; how fast it makes them, beside the same state transition compiled for this processor; and what the
//! states in a run, which disputes are about, cost on top of it.

use std::time::{Duration, Instant};

use alloy::primitives::Bytes;
use anyhow::{Context, Result, ensure};
use rand::{SeedableRng, rngs::StdRng};
use rollup::witness::BlockWitness;
use stf::config::MAX_BLOCK_GAS_LIMIT;
use testnet::{MAX_STEPS, tools};
use vm::{Image, Machine, Preimages};

use super::{
    Goal, Row, qemu,
    workload::{Population, Workload},
};
use crate::proving::{Burn, Catalogue, Kind, Lab, program, start};

/// Accounts in the state.
const POPULATION: usize = 10_000;
/// Instructions per L2 gas that usual blocks may take.
const LIMIT: f64 = 10.0;
/// Millions of instructions per second that the machine should make.
const SPEED: f64 = 300.0;
/// Points of a run whose states are asked for: as many as a claim has.
const POINTS: u64 = 16;
/// What a run with these states may cost of a plain one.
const STATES: f64 = 1.3;
/// Runs of which the best counts, as the one least disturbed.
const RUNS: usize = 5;
/// Gas used up in each of the worst ways: enough for any one call.
const BURNT: u64 = 2_000_000;

/// Measures all of them. `progress` is told what runs.
pub fn run(mut progress: impl FnMut(&str)) -> Result<Vec<Row>> {
    let image = program()?;
    let mut rng = StdRng::seed_from_u64(5);
    let mut population = Population::new(POPULATION, 42_069);
    let mut catalogue = Catalogue::new(42_069)?;
    let mut lab = Lab::new(catalogue.rollup(&population)?)?;
    let mut rows = Vec::new();
    for (workload, count) in [(Workload::Transfers, 1_000), (Workload::Erc20, 700), (Workload::Storage, 15)] {
        progress(&format!("proving: {}", workload.name()));
        let block = Block::of(&mut lab, population.transactions(workload, count, &mut rng))?;
        let name = format!("instructions per L2 gas, {count} × {}", workload.name());
        let target = if workload == Workload::Storage { Goal::Shown } else { Goal::AtMostPeer };
        let per_gas = block.steps_per_gas(&image)?;
        rows.push(Row::new(name, per_gas, "instr/gas", "limit", LIMIT, target));
        rows.extend(block.speed(&image)?);
    }
    progress("proving: precompiles");
    let precompiles = Block::of(&mut lab, catalogue.transactions(Kind::Precompiles)?)?;
    let per_gas = precompiles.steps_per_gas(&image)?;
    let name = "instructions per L2 gas, every precompile";
    rows.push(Row::new(name, per_gas, "instr/gas", "limit", LIMIT, Goal::Shown));
    rows.extend(precompiles.speed(&image)?);

    let worst = MAX_STEPS as f64 / 4.0 / MAX_BLOCK_GAS_LIMIT as f64;
    for burn in Burn::all()? {
        progress(&format!("proving: {}", burn.name));
        let block = Block::of(&mut lab, vec![catalogue.burn(&burn, BURNT)?])?;
        rows.push(Row::new(
            format!("… worst: {}", burn.name),
            block.steps_per_gas(&image)?,
            "instr/gas",
            "a quarter of the step limit over the largest block",
            worst,
            Goal::AtMostPeer,
        ));
    }
    Ok(rows)
}

/// A block to prove.
struct Block {
    witness: BlockWitness,
    gas: u64,
}

impl Block {
    /// The next block, of these transactions.
    fn of(lab: &mut Lab, transactions: Vec<Bytes>) -> Result<Self> {
        let count = transactions.len();
        lab.block(transactions)?;
        let reader = lab.chain().db().read()?;
        let header = reader.header(lab.head())?.context("no such block")?;
        let included = reader.transactions(lab.head())?.context("no such block")?.len();
        ensure!(included == count + 1, "a benchmark transaction was skipped");
        Ok(Self { witness: lab.witness(lab.head())?, gas: header.gas_used })
    }

    fn machine(&self, image: &Image) -> Result<Machine<Preimages>> {
        Ok(start(image, &self.witness)?)
    }

    /// Steps of the run, which must come to the right output.
    fn steps(&self, image: &Image) -> Result<u64> {
        let outcome = self.machine(image)?.run(MAX_STEPS)?;
        ensure!(outcome.value == self.witness.output, "the machine computes another output");
        Ok(outcome.steps)
    }

    fn steps_per_gas(&self, image: &Image) -> Result<f64> {
        Ok(self.steps(image)? as f64 / self.gas as f64)
    }

    /// How fast the machine is, beside native code, and what states cost. The runs take turns, so that what else the
    /// computer does disturbs all alike.
    fn speed(&self, image: &Image) -> Result<Vec<Row>> {
        let steps = self.steps(image)?;
        let points: Vec<u64> = (1..=POINTS).map(|point| steps * point / POINTS).collect();
        let [mut plain, mut states, mut native] = [Duration::MAX; 3];
        for _ in 0..RUNS {
            let mut machine = self.machine(image)?;
            plain = plain.min(time(|| Ok(machine.run(MAX_STEPS)?))?);
            let mut machine = self.machine(image)?;
            states = states.min(time(|| Ok(machine.states_at(&points)?))?);
            native = native.min(time(|| Ok(stf::run(&self.witness.boot.hash(), &self.witness)?))?);
        }
        let qemu =
            tools::in_path(qemu::QEMU).map(|path| qemu::time(&path, image, &self.witness)).transpose()?;
        let speed = steps as f64 / plain.as_secs_f64() / 1e6;
        let millis = |time: Duration| time.as_secs_f64() * 1e3;
        let mut rows = vec![
            Row::new("… run on the machine", speed, "M instr/s", "limit", SPEED, Goal::AtLeastPeer),
            Row::new(
                "… its time",
                millis(plain),
                "ms",
                "the same, compiled natively",
                millis(native),
                Goal::Shown,
            ),
            Row::new(
                format!("… with the states at {POINTS} points"),
                millis(states),
                "ms",
                "without",
                millis(plain),
                Goal::RatioAtMost(STATES),
            ),
        ];
        if let Some(qemu) = qemu {
            let peer = "the same program on QEMU, its calls answered already";
            rows.insert(2, Row::new("… its time", millis(plain), "ms", peer, millis(qemu), Goal::Shown));
        }
        Ok(rows)
    }
}

fn time<T>(work: impl FnOnce() -> Result<T>) -> Result<Duration> {
    let start = Instant::now();
    std::hint::black_box(work()?);
    Ok(start.elapsed())
}
