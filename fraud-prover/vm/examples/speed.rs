//! How fast programs run: `speed ELF [RUN…]`.
//!
//! A RUN is a file with what one run needs: the boot hash, the value it must have, and preimages, each preceded by
//! its length (4 bytes, little-endian). Without any, the program runs from a boot hash of zero and without preimages.
//!
//! For each run: steps, millions of steps per second (the best of several runs), what the states at 16 points cost
//! on top, pages of memory, and calls.
#![allow(clippy::unwrap_used)]

mod common;

use alloy_primitives::B256;
use common::read;
use rustix::time::{ClockId, clock_gettime};
use vm::{Elf, Image, Machine, Preimages};

/// Runs of which the best counts.
const RUNS: usize = 7;
/// Where the states are asked for: as many as a claim has.
const POINTS: u64 = 16;

/// Time on a processor, so that what else runs on the machine counts little: of the thread that runs the machine, and
/// of the whole process, with the thread that hashes.
#[derive(Clone, Copy)]
struct Time {
    thread: f64,
    process: f64,
}

fn now() -> Time {
    let seconds = |clock| {
        let time = clock_gettime(clock);
        time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
    };
    Time { thread: seconds(ClockId::ThreadCPUTime), process: seconds(ClockId::ProcessCPUTime) }
}

/// The best time of several runs, with the machine's start not counted, and the last machine.
fn best(
    image: &Image,
    boot: B256,
    host: &Preimages,
    run: impl Fn(&mut Machine<Preimages>),
) -> (Time, Machine<Preimages>) {
    let mut best = Time { thread: f64::INFINITY, process: f64::INFINITY };
    for left in (0..RUNS).rev() {
        let mut machine = Machine::new(image, boot, host.clone()).unwrap();
        let start = now();
        run(&mut machine);
        let end = now();
        best.thread = best.thread.min(end.thread - start.thread);
        best.process = best.process.min(end.process - start.process);
        if left == 0 {
            return (best, machine);
        }
    }
    unreachable!("there is a last run")
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let elf = std::fs::read(arguments.next().expect("usage: speed ELF [RUN…]")).unwrap();
    let start = now();
    let image = Image::load(&elf).unwrap();
    let loading = (now().process - start.process) * 1e3;
    let foreign = Elf::parse(&elf).unwrap().foreign_instructions();
    println!(
        "loaded in {loading:.1} ms; root {}, entry {:#x}, foreign instructions: {foreign:x?}",
        image.root(),
        image.entry()
    );
    let mut runs: Vec<_> = arguments.map(|path| (path.clone(), read(&path))).collect();
    if runs.is_empty() {
        runs.push(("-".into(), (B256::ZERO, B256::ZERO, Preimages::default())));
    }
    for (name, (boot, value, host)) in &runs {
        let (plain, mut machine) = best(&image, *boot, host, |machine| {
            machine.run(u64::MAX).unwrap();
        });
        let outcome = machine.run(u64::MAX).unwrap();
        let points: Vec<u64> = (1..=POINTS).map(|i| outcome.steps * i / POINTS).collect();
        let (with_states, _) = best(&image, *boot, host, |machine| {
            machine.states_at(&points).unwrap();
        });
        println!(
            "{name}: {} steps, {:.0} M/s, {:.2} ms; states at {POINTS} points {:.2}x, with the hashing thread {:.2}x; \
             {} pages, exit {:?}, value {}",
            outcome.steps,
            outcome.steps as f64 / plain.thread / 1e6,
            plain.thread * 1e3,
            with_states.thread / plain.thread,
            with_states.process / plain.process,
            machine.pages(),
            outcome.exit,
            if outcome.value == *value { "as expected" } else { "NOT as expected" },
        );
        println!("    {:?}", machine.calls());
    }
}
