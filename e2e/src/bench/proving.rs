//! What a block costs the fraud-proof machine: instructions per L2 gas, for usual blocks and for the worst ways to use up
//! gas that are known.

use std::time::Instant;

use alloy::primitives::Bytes;
use anyhow::{Context, Result, ensure};
use rand::{SeedableRng, rngs::StdRng};
use stf::config::MAX_BLOCK_GAS_LIMIT;
use vm::{Image, Machine};

use super::{
    Row, Target,
    workload::{Population, Workload},
};
use crate::proving::{Burn, Catalogue, Lab, Preimages, program};

/// Accounts in the state.
const POPULATION: usize = 10_000;
/// Instructions per L2 gas that usual blocks may take.
const LIMIT: f64 = 10.0;
/// Instructions per second that the machine should make.
const SPEED: f64 = 300.0;
/// Steps after which a run counts as endless. The worst block must end within a quarter of them. Each factor of 16 adds a
/// round to disputes over blocks that really are that long, and to no others.
const STEP_LIMIT: u64 = 1 << 40;
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
        let block = population.transactions(workload, count, &mut rng);
        let figures = prove(&image, &mut lab, block)?;
        let name = format!("instructions per L2 gas, {count} × {}", workload.name());
        let target = if workload == Workload::Storage { Target::Shown } else { Target::AtMostPeer };
        rows.push(Row::new(name, figures.per_gas, "instr/gas", "limit", LIMIT, target));
        if workload == Workload::Transfers {
            rows.push(Row::new(
                "… run on the machine",
                figures.speed,
                "M instr/s",
                "limit",
                SPEED,
                Target::AtLeastPeer,
            ));
        }
    }
    let worst = STEP_LIMIT as f64 / 4.0 / MAX_BLOCK_GAS_LIMIT as f64;
    for (name, burn) in Burn::all()? {
        progress(&format!("proving: {name}"));
        let transaction = catalogue.burn(burn, BURNT)?;
        let figures = prove(&image, &mut lab, vec![transaction])?;
        rows.push(Row::new(
            format!("… worst: {name}"),
            figures.per_gas,
            "instr/gas",
            "a quarter of 2^40 steps over the largest block",
            worst,
            Target::AtMostPeer,
        ));
    }
    Ok(rows)
}

struct Figures {
    /// Steps per gas used.
    per_gas: f64,
    /// Millions of steps per second.
    speed: f64,
}

/// A block of these transactions, run on the machine.
fn prove(image: &Image, lab: &mut Lab, transactions: Vec<Bytes>) -> Result<Figures> {
    let count = transactions.len();
    lab.block(transactions)?;
    let block = lab.head();
    let witness = lab.witness(block)?;
    let mut machine = Machine::new(image, witness.boot.hash(), Preimages(&witness))?;
    let start = Instant::now();
    let outcome = machine.run(STEP_LIMIT)?;
    let seconds = start.elapsed().as_secs_f64();
    ensure!(outcome.value == lab.output(block)?, "the machine computes another output");
    let reader = lab.chain().db().read()?;
    let header = reader.header(block)?.context("no such block")?;
    let included = reader.transactions(block)?.context("no such block")?.len();
    ensure!(included == count + 1, "a benchmark transaction was skipped");
    let steps = outcome.steps as f64;
    Ok(Figures { per_gas: steps / header.gas_used as f64, speed: steps / seconds / 1e6 })
}
