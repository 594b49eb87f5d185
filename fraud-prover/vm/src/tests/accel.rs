//! The accelerator's costs: by the table, against hand-computed values, and against what L1 charges.

use crate::{
    accel::{self, ACCEL_MAX_GAS, op, run},
    accel_cost,
    generate::Generator,
};
use alloy_primitives::{Address, B256, U256, hex, keccak256};
use revm::precompile::{PrecompileHalt, PrecompileStatus, Precompiles};

fn modexp(lengths: [u64; 3], numbers: &[u8]) -> Vec<u8> {
    [&lengths.map(|length| B256::from(U256::from(length))).concat()[..], numbers].concat()
}

#[test]
fn costs() {
    assert_eq!(accel_cost(op::SHA256, &[0; 33]), Some(84));
    assert_eq!(accel_cost(op::RIPEMD160, &[]), Some(600));
    assert_eq!(accel_cost(op::IDENTITY, &[0; 1024]), Some(111));
    assert_eq!(accel_cost(op::BN254_PAIRING, &[0; 383]), Some(79_000));
    assert_eq!(accel_cost(op::BLS_G1_MSM, &[0; 1024]), Some(72_000));
    for rounds in [0, 1, ACCEL_MAX_GAS, ACCEL_MAX_GAS + 1, u32::MAX.into()] {
        let mut input = [0; 213];
        input[..4].copy_from_slice(&(rounds as u32).to_be_bytes());
        assert_eq!(accel_cost(op::BLAKE2F, &input), (rounds <= ACCEL_MAX_GAS).then_some(rounds));
        assert_eq!(accel_cost(op::BLAKE2F, &input[1..]), Some(0));
    }
    for op in [18, 255, 257, u64::MAX] {
        assert!(accel_cost(op, &[]).is_none() && !accel::exists(op) && run(op, &[]).is_none());
    }
    assert!(op::ALL.into_iter().all(accel::exists));
}

/// Examples by hand from EIP-7883's formula.
#[test]
fn costs_of_modexp() {
    let cost = |lengths, numbers: &[u8]| accel_cost(op::MODEXP, &modexp(lengths, numbers));
    // Nothing; numbers of a word; the least.
    assert_eq!(accel_cost(op::MODEXP, &[]), Some(500));
    assert_eq!(cost([32, 32, 32], &[0xff; 96]), Some(16 * 255));
    assert_eq!(cost([32, 32, 32], &[0xff; 32]), Some(500), "an exponent of zero");
    // 33 bytes are five words.
    assert_eq!(cost([33, 32, 1], &[[0; 33].as_slice(), &[1; 32]].concat()), Some(2 * 25 * 248));
    assert_eq!(cost([1, 32, 33], &[0xff; 96]), Some(2 * 25 * 255));
    // An exponent of more than a word: 16 for each byte more, and the first word's bits.
    assert_eq!(cost([1, 40, 1], &[0xff; 42]), Some(16 * (16 * 8 + 255)));
    assert_eq!(cost([1, 40, 1], &[0; 42]), Some(16 * 16 * 8));
    assert_eq!(cost([0, 33, 0], &[0, 0x80]), Some(16 * (16 + 247)));
    // At the limits.
    assert_eq!(cost([1024, 1, 1024], &[[0; 864].as_slice(), &[0; 64]].concat()), Some(2 * 128 * 128));
    assert_eq!(cost([64, 1024, 64], &[0; 64]), None, "128 · 15,872");
    assert_eq!(cost([1, 1024, 1], &[0; 64]), Some(16 * 16 * 992));
    for lengths in [[1025, 0, 0], [0, 1025, 0], [0, 0, 1025], [u64::MAX, 0, 0]] {
        assert_eq!(cost(lengths, &[]), None);
    }
    let mut huge = modexp([0, 0, 0], &[]);
    huge[0] = 1;
    assert_eq!(accel_cost(op::MODEXP, &huge), None);
}

/// With the table's cost, no precompile runs out of gas, on any fork from Prague on; without limit it gives the same.
#[test]
fn costs_are_enough_on_l1() {
    let mut generator = Generator::new(7);
    let mut tried = 0;
    for op in op::ALL.into_iter().filter(|op| *op != op::KECCAK256) {
        for _ in 0..60 {
            let input = &generator.accelerator_input(op)[..];
            let Some(cost) = accel_cost(op, input) else { continue };
            let address = Address::left_padding_from(&op.to_be_bytes());
            for precompiles in [Precompiles::prague(), Precompiles::osaka()] {
                let Some(precompile) = precompiles.get(&address) else { continue };
                let output = precompile.execute(input, cost, 0).unwrap();
                assert_ne!(output.status, PrecompileStatus::Halt(PrecompileHalt::OutOfGas), "{op} {input:?}");
                assert_eq!(output.is_success().then_some(output.bytes), run(op, input), "{op} {input:?}");
                tried += 1;
            }
        }
    }
    assert!(tried > 1000);
}

#[test]
fn known_answers() {
    assert_eq!(run(op::KECCAK256, b"abc").unwrap(), keccak256(b"abc")[..]);
    let sha = hex!("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_eq!(run(op::SHA256, b"abc").unwrap(), sha[..]);
    // No signer, and no point.
    assert_eq!(run(op::ECRECOVER, &[1; 128]).unwrap().len(), 0);
    assert_eq!(run(op::P256_VERIFY, &[1; 160]).unwrap().len(), 0);
    assert_eq!(run(op::BN254_ADD, &[1; 128]), None);
    assert_eq!(run(op::BLAKE2F, &[1; 212]), None);
}
