//! Which sequences of operations are worth a slot of their own: `sequences COUNT ELF RUN…`, with RUNs as for `speed`.
//!
//! Collects the straight runs (from a jump's target to the next jump that is taken) of programs, with how often each
//! is executed, and makes the COUNT sequences that save most dispatches: again and again, the two that most often
//! follow each other become one. Prints them in the form of the list in `src/operation.rs`.
#![allow(clippy::unwrap_used)]

mod common;

use std::collections::{BTreeMap, HashMap};
use vm::{Form, Image, Machine, Op};

/// Steps of each run that are looked at.
const STEPS: u64 = 30_000_000;
/// Longest sequence.
const LONGEST: usize = 6;

type Sequence = Vec<Op>;

/// Straight runs, as sequences of one operation each, and how often each was executed.
fn straight_runs(image: &Image, path: &str) -> Vec<(Vec<Sequence>, u64)> {
    let (boot, _, host) = common::read(path);
    let mut machine = Machine::new(image, boot, host).unwrap();
    let mut counts: HashMap<(u64, u64), u64> = HashMap::new();
    let mut operations = HashMap::new();
    let (mut start, mut next) = (machine.cpu().pc, machine.cpu().pc);
    while !machine.cpu().exited && machine.cpu().step < STEPS {
        let pc = machine.cpu().pc;
        let op = machine.next_instruction().map(|instruction| instruction.op);
        let op = op.filter(|op| op.form() != Form::Bare);
        if pc != next || op.is_none() {
            *counts.entry((start, next)).or_default() += 1;
            start = if op.is_some() { pc } else { pc + 4 };
        }
        operations.extend(op.map(|op| (pc, op)));
        next = pc + 4;
        machine.run_to(machine.cpu().step + 1).unwrap();
    }
    let run = |(start, end): (u64, u64)| (start..end).step_by(4).map(|pc| vec![operations[&pc]]).collect();
    counts
        .into_iter()
        .filter(|((start, end), _)| start < end)
        .map(|(range, count)| (run(range), count))
        .collect()
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let count: usize = arguments[1].parse().unwrap();
    let image = Image::load(&std::fs::read(&arguments[2]).unwrap()).unwrap();
    let mut runs: Vec<_> = arguments[3..].iter().flat_map(|path| straight_runs(&image, path)).collect();
    let dispatches = |runs: &[(Vec<Sequence>, u64)]| -> u64 {
        runs.iter().map(|(run, count)| run.len() as u64 * count).sum()
    };
    let before = dispatches(&runs);
    let mut made = Vec::new();
    while made.len() < count {
        let mut pairs: BTreeMap<Vec<String>, (u64, Sequence)> = BTreeMap::new();
        for (run, count) in &runs {
            for pair in run.windows(2) {
                let sequence = pair.concat();
                if sequence.len() <= LONGEST {
                    let name = sequence.iter().map(|op| format!("{op:?}")).collect();
                    pairs.entry(name).or_insert((0, sequence)).0 += count;
                }
            }
        }
        let (name, (_, sequence)) = pairs.into_iter().max_by_key(|(_, (count, _))| *count).unwrap();
        for (run, _) in &mut runs {
            let mut i = 1;
            while i < run.len() {
                if [&run[i - 1][..], &run[i]].concat() == sequence {
                    run[i - 1] = sequence.clone();
                    run.remove(i);
                }
                i += 1;
            }
        }
        made.push((name, sequence));
    }
    made.sort_by_key(|(name, sequence)| (sequence.len(), name.clone()));
    for (name, sequence) in made {
        let kinds = sequence.iter().map(|op| match op.form() {
            Form::Register => "register",
            Form::Immediate if *op == Op::Jalr => "special",
            Form::Immediate | Form::Shift | Form::ShiftWord | Form::Unary => "immediate",
            Form::Load => "load",
            Form::Store => "store",
            Form::Branch => "branch",
            Form::Upper | Form::Jump | Form::Bare => "special",
        });
        let parts: Vec<_> = kinds.zip(&sequence).map(|(kind, op)| format!("{kind} {op:?}")).collect();
        println!("                {}: {};", name.concat(), parts.join(", "));
    }
    println!("// dispatches: {:.3} of {before} steps", dispatches(&runs) as f64 / before as f64);
}
