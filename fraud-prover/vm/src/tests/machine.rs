//! Runs: calls, snapshots, states at steps, what hosts do wrong.

use crate::{
    Call, HostError, Image, Machine, Preimages, RunError, RunOutcome, Segment, accel_op,
    asm::{ECALL, i, li, r, s, u},
    isa::Op,
    verify,
};
use alloy_primitives::{B256, Bytes, keccak256};
use rand::{Rng, SeedableRng, rngs::StdRng};

const CODE: u32 = 0x1_0000;
const LEAF: u64 = 0x2_0000;
const PAGE: u64 = 0x3_0000;
const A0: u8 = 10;
const A1: u8 = 11;
const A2: u8 = 12;
const A7: u8 = 17;

/// Words that make a call.
fn call(number: u64, arguments: &[u64]) -> Vec<u32> {
    let registers =
        [A0, A1, A2].into_iter().zip(arguments).flat_map(|(register, value)| li(register, *value));
    registers.chain(li(A7, number)).chain([ECALL]).collect()
}

fn image(code: &[u32], data: &[(u64, &[u8])]) -> Image {
    let code: Vec<u8> = code.iter().flat_map(|word| word.to_le_bytes()).collect();
    let mut segments =
        vec![Segment { address: CODE, bytes: &code, length: code.len() as u64, executable: true }];
    segments.extend(data.iter().map(|(address, bytes)| Segment {
        address: *address as u32,
        bytes,
        length: bytes.len() as u64,
        executable: false,
    }));
    Image::new(&segments, CODE).unwrap()
}

/// A loop that hashes a counter over and over, and writes it to one page after another; then exits with the hash.
fn hashing(rounds: u64) -> Image {
    let mut code = [li(5, rounds), li(6, 0x100_0000), li(7, 4096)].concat();
    let start = code.len();
    code.push(s(Op::Sd, 6, 5, 0));
    code.push(r(Op::Add, 6, 6, 7));
    code.extend(li(A1, PAGE));
    code.push(s(Op::Sd, A1, 5, 40));
    code.extend(call(3, &[accel_op::KECCAK256, PAGE, 100]));
    code.push(i(Op::Addi, 5, 5, -1));
    let back = (start as i32 - code.len() as i32) * 4;
    code.push(s(Op::Bne, 5, 0, back));
    code.extend(call(0, &[0, PAGE]));
    image(&code, &[])
}

#[test]
fn calls_and_their_counts() {
    let preimage = Bytes::from(vec![9; 70]);
    let hash = keccak256(&preimage);
    let code = [
        call(1, &[LEAF, LEAF + 32, 64]),
        call(3, &[accel_op::KECCAK256, PAGE, 3]),
        call(3, &[accel_op::BN254_ADD, PAGE, 64]),
        call(0, &[0, LEAF + 32]),
    ]
    .concat();
    let image = image(&code, &[(LEAF, &hash[..]), (PAGE, b"abc")]);
    let host = Preimages::from_iter([(hash, preimage)]);
    let mut machine = Machine::new(&image, B256::ZERO, host).unwrap();
    machine.log_calls();
    let outcome = machine.run(u64::MAX).unwrap();
    let mut output = B256::ZERO;
    output[..6].fill(9);
    assert_eq!(outcome, RunOutcome { steps: outcome.steps, exit: Some(0), output, value: output });
    let log: Vec<_> = machine.logged_calls().iter().map(|(_, call)| *call).collect();
    // The hash of abc is no point: that call fails, and still counts.
    let accel = Call::Accel;
    assert_eq!(log, [Call::Preimage, accel(accel_op::KECCAK256), accel(accel_op::BN254_ADD), Call::Halt]);
    assert_eq!(machine.calls().values().sum::<u64>(), 4);
    // Each call is where the log says.
    for (step, call) in machine.logged_calls().to_vec() {
        let host = machine.host().clone();
        let mut again = Machine::new(&image, B256::ZERO, host).unwrap();
        again.run_to(step).unwrap();
        assert_eq!(again.next_instruction().map(|instruction| instruction.op), Some(Op::Ecall), "{call:?}");
        let witness = again.witness().unwrap();
        assert_eq!(verify(&witness.state, &witness.witness), Ok(witness.post_hash()), "{call:?}");
        assert_eq!(again.states_at(&[step + 1]).unwrap(), [witness.post_hash()], "{call:?}");
    }
}

#[test]
fn a_missing_preimage_stops_the_run_and_not_the_machine() {
    let preimage = Bytes::from_static(b"late");
    let hash = keccak256(&preimage);
    let code = [call(1, &[LEAF, LEAF + 32, 0]), call(0, &[3, 0])].concat();
    let image = image(&code, &[(LEAF, &hash[..])]);
    let mut machine = Machine::new(&image, B256::ZERO, Preimages::default()).unwrap();
    let error = machine.run(u64::MAX).unwrap_err();
    let step = machine.cpu().step;
    assert!(
        matches!(error, RunError::Host(HostError::NoPreimage { step: at, hash: of }) if at == step && of == hash)
    );
    assert!(error.to_string().contains(&hash.to_string()));
    let before = machine.state();
    assert!(machine.witness().is_err());
    *machine.host() = Preimages::from_iter([(hash, Bytes::from_static(b"something else"))]);
    assert!(matches!(machine.run(u64::MAX), Err(RunError::Host(HostError::WrongPreimage { .. }))));
    assert_eq!(machine.state(), before);
    *machine.host() = Preimages::from_iter([(hash, preimage)]);
    let outcome = machine.run(u64::MAX).unwrap();
    assert_eq!((outcome.exit, outcome.value), (Some(3), B256::ZERO));
}

#[test]
fn the_boot_hash_is_in_the_argument_registers() {
    let boot = B256::from(std::array::from_fn(|i| i as u8));
    let image = image(&[u(Op::Jal, 0, 0)], &[]);
    let machine = Machine::new(&image, boot, ()).unwrap();
    assert_eq!(machine.cpu().x[10], 0x0001_0203_0405_0607);
    assert_eq!(machine.cpu().x[13], 0x1819_1a1b_1c1d_1e1f);
    assert_eq!(image.start(boot).pack()[161..193], boot[..]);
}

#[test]
fn runs_stop_exactly_where_they_are_asked_to() {
    let image = hashing(30);
    let mut whole = Machine::new(&image, B256::ZERO, ()).unwrap();
    let outcome = whole.run(u64::MAX).unwrap();
    assert_eq!(outcome.exit, Some(0));
    let mut machine = Machine::new(&image, B256::ZERO, ()).unwrap();
    for step in 0..=outcome.steps {
        machine.run_to(step).unwrap();
        assert_eq!(machine.cpu().step, step);
        let unfinished = machine.run(step).unwrap();
        assert_eq!(unfinished.exit.is_some(), step == outcome.steps);
    }
    assert_eq!(machine.state(), whole.state());
    // Behind the end, the state stays.
    machine.run_to(outcome.steps + 10).unwrap();
    machine.run_to(3).unwrap();
    assert_eq!(machine.state(), whole.state());
    let mut machine = Machine::new(&image, B256::ZERO, ()).unwrap();
    machine.run_to(10).unwrap();
    assert!(matches!(machine.run_to(9), Err(RunError::Past { asked: 9, at: 10 })));
}

/// The same states at any steps, in one pass or in several, with snapshots or without.
#[test]
fn states_do_not_depend_on_how_they_are_reached() {
    let seed = rand::rng().random();
    println!("seed {seed}");
    let mut rng = StdRng::seed_from_u64(seed);
    let image = hashing(300);
    let boot = B256::new(rng.random());
    let steps = Machine::new(&image, boot, ()).unwrap().run(u64::MAX).unwrap().steps;
    let mut points: Vec<u64> = (0..40).map(|_| rng.random_range(0..steps + 20)).collect();
    points.extend([0, steps - 1, steps, steps]);
    points.sort_unstable();
    let states = Machine::new(&image, boot, ()).unwrap().states_at(&points).unwrap();
    let mut machine = Machine::new(&image, boot, ()).unwrap();
    let mut snapshots = Vec::new();
    for (point, state) in points.iter().zip(&states) {
        machine.run_to(*point).unwrap();
        assert_eq!(machine.state().hash(), *state);
        snapshots.push(machine.snapshot());
    }
    for (i, snapshot) in snapshots.iter().enumerate().rev() {
        assert_eq!(snapshot.state().hash(), states[i]);
        let mut resumed = Machine::resume(snapshot, ()).unwrap();
        assert_eq!(resumed.state().hash(), states[i]);
        let rest = resumed.states_at(&points[i..]).unwrap();
        assert_eq!(rest, states[i..], "from step {}", points[i]);
        assert_eq!(resumed.run(u64::MAX).unwrap().steps, steps);
    }
    // A run that fails half-way has lost nothing.
    let mut machine = Machine::new(&image, boot, ()).unwrap();
    machine.run_to(points[20] + 1).unwrap();
    assert!(machine.states_at(&points[20..21]).is_err() || points[20] + 1 > steps);
    assert_eq!(machine.run(u64::MAX).unwrap().steps, steps);
    assert_eq!(machine.state().hash(), *states.last().unwrap());
}

#[test]
fn rewritten_code_runs_at_once() {
    // Writes `addi a0, a0, 7` over the next instruction, an `addi a0, a0, 1`; in a long run of plain instructions.
    let mut code = li(5, i(Op::Addi, A0, A0, 7).into());
    let at = code.len();
    code.extend([u(Op::Auipc, 6, 0), s(Op::Sw, 6, 5, 8), i(Op::Addi, A0, A0, 1), i(Op::Addi, A0, A0, 100)]);
    code.extend(call(0, &[]));
    let image = image(&code, &[]);
    let mut machine = Machine::new(&image, B256::ZERO, ()).unwrap();
    machine.run_to(at as u64 + 4).unwrap();
    assert_eq!(machine.cpu().x[10], 107);
    // Also after a resume, where the image's code must not come back.
    let mut machine = Machine::new(&image, B256::ZERO, ()).unwrap();
    machine.run_to(at as u64 + 2).unwrap();
    let mut machine = Machine::resume(&machine.snapshot(), ()).unwrap();
    machine.run_to(at as u64 + 4).unwrap();
    assert_eq!(machine.cpu().x[10], 107);
}
