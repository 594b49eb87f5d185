//! Inputs of accelerators: valid ones, made with the precompiles themselves, and ones that fail.

use super::Blob;
use crate::accel::{self, ACCEL_MAX_LENGTH, op};
use alloy_primitives::{B256, U256, hex, uint};
use rand::{Rng, rngs::StdRng};

/// Field prime of bn254 (EIP-196).
const BN254_PRIME: U256 = uint!(0x30644e72e131a029b85045b68181585d97816a916871ca8d3c208c16d87cfd47_U256);
/// Generator of bn254's second group (EIP-197).
const BN254_G2: [u8; 128] = hex!(
    "198e9393920d483a7260bfb731fb5d25f1aa493335a9e71297e485b7aef312c2"
    "1800deef121f1e76426a00665e5c4479674322d4f75edadd46debd5cd992f6ed"
    "090689d0585ff075ec9e99ad690c3395bc4b313370b38ef355acdadcd122975b"
    "12c85ea5db8c6deb4aab71808dcb408fe3d1e7690c43d37b4ce6cc0166fa7daa"
);
/// Order of BLS12-381's groups, less one: multiplying by it negates.
const BLS_MINUS_ONE: [u8; 32] = hex!("73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000000");
/// A valid signature on P-256: message hash, r, s, public key (test vectors of EIP-7951).
const P256: [u8; 160] = hex!(
    "4cee90eb86eaa050036147a12d49004b6b9c72bd725d39d4785011fe190f0b4d"
    "a73bd4903f0ce3b639bbbf6e8e80d16931ff4bcf5993d58468e8fb19086e8cac"
    "36dbcd03009df8c59286b162af3bd7fcc0450c9aa81be5d10d312af6c66b1d60"
    "4aebd3099c618202fcfe16ae7770b0c49ab5eadf74b754204a3bb6060e44eff3"
    "7618b065f9832de4ca6ca971a7a1adc826d0f7c00181a5fb2ddf79ae00b4e10e"
);

/// An input that the operation is meant for, sometimes damaged.
pub(super) fn input(rng: &mut StdRng, op: u64, blobs: &[Blob]) -> Vec<u8> {
    let mut input = valid(rng, op, blobs);
    match rng.random_range(0..6) {
        0 if !input.is_empty() => {
            let at = rng.random_range(0..input.len());
            input[at] ^= 1 << rng.random_range(0..8);
        }
        1 => input.truncate(rng.random_range(0..=input.len())),
        2 if rng.random_bool(0.3) => input = bytes(rng),
        _ => {}
    }
    input.truncate(ACCEL_MAX_LENGTH as usize);
    input
}

fn bytes(rng: &mut StdRng) -> Vec<u8> {
    let length = match rng.random_range(0..4) {
        0 => rng.random_range(0..=4),
        1 => 32 * rng.random_range(0..=32),
        2 => [135, 136, 137, 271, 272, 273, 1023, 1024][rng.random_range(0..8)],
        _ => rng.random_range(0..=ACCEL_MAX_LENGTH as usize),
    };
    (0..length).map(|_| rng.random()).collect()
}

fn valid(rng: &mut StdRng, operation: u64, blobs: &[Blob]) -> Vec<u8> {
    let scalar = |rng: &mut StdRng| rng.random::<[u8; 32]>();
    match operation {
        op::ECRECOVER => {
            let v = B256::left_padding_from(&[rng.random_range(26..30)]);
            // Every other number is the x of a point.
            [scalar(rng), v.0, scalar(rng), scalar(rng)].concat()
        }
        op::MODEXP => modexp(rng),
        op::BN254_ADD => [bn254(rng), bn254(rng)].concat(),
        op::BN254_MUL => [bn254(rng), scalar(rng).to_vec()].concat(),
        op::BN254_PAIRING => {
            let pairs = rng.random_range(0..=2);
            let mut input = (0..pairs).flat_map(|_| bn254_pair(rng)).collect::<Vec<_>>();
            if rng.random_bool(0.2) {
                input.extend(bn254(rng));
                input.extend(BN254_G2);
            }
            input
        }
        op::BLAKE2F => {
            let rounds: u32 = match rng.random_range(0..5) {
                0 => rng.random_range(0..3),
                1 => 1_000_001,
                2 => rng.random(),
                _ => rng.random_range(0..500),
            };
            let mut input = rounds.to_be_bytes().to_vec();
            input.extend((0..208).map(|_| rng.random::<u8>()));
            input.push(rng.random_range(0..3));
            input
        }
        op::POINT_EVALUATION => {
            let blob = &blobs[rng.random_range(0..blobs.len())];
            let index = rng.random_range(0..4096);
            let (z, y) = (Blob::point(index), blob.element(index));
            let (z, y) = (z.to_be_bytes::<32>(), y.to_be_bytes::<32>());
            [&blob.versioned_hash[..], &z, &y, &blob.commitment, &blob.proof].concat()
        }
        op::BLS_G1_ADD => [bls_g1(rng), bls_g1(rng)].concat(),
        op::BLS_G2_ADD => [bls_g2(rng), bls_g2(rng)].concat(),
        op::BLS_G1_MSM => {
            let count = rng.random_range(1..=6);
            (0..count).flat_map(|_| [bls_g1(rng), scalar(rng).to_vec()].concat()).collect()
        }
        op::BLS_G2_MSM => {
            let count = rng.random_range(1..=3);
            (0..count).flat_map(|_| [bls_g2(rng), scalar(rng).to_vec()].concat()).collect()
        }
        op::BLS_PAIRING => {
            let (p, q) = (bls_g1(rng), bls_g2(rng));
            let negative = native(op::BLS_G1_MSM, &[&p[..], &BLS_MINUS_ONE].concat());
            let mut input = [p, q.clone()].concat();
            if rng.random_bool(0.8) {
                input.extend([negative, q].concat());
            }
            input
        }
        op::BLS_MAP_G1 => bls_field(rng),
        op::BLS_MAP_G2 => [bls_field(rng), bls_field(rng)].concat(),
        op::P256_VERIFY => P256.to_vec(),
        _ => bytes(rng),
    }
}

/// An input of modexp: short numbers, lengths at the limits, or a cost near the limit.
fn modexp(rng: &mut StdRng) -> Vec<u8> {
    let length = |rng: &mut StdRng| -> u64 {
        match rng.random_range(0..8) {
            0 => 0,
            1 => [1, 31, 32, 33, 64, 1023, 1024][rng.random_range(0..7)],
            2 => [1025, u64::MAX, 1 << 32][rng.random_range(0..3)],
            _ => rng.random_range(1..100),
        }
    };
    let mut input = Vec::new();
    for _ in 0..3 {
        let long = B256::left_padding_from(&length(rng).to_be_bytes());
        // A length that doesn't fit a word.
        input.extend(if rng.random_bool(0.01) { B256::repeat_byte(1) } else { long });
    }
    let numbers = rng.random_range(0..300);
    input.extend((0..numbers).map(|_| if rng.random_bool(0.1) { 0 } else { rng.random::<u8>() }));
    input
}

/// A multiple of bn254's generator; sometimes the point at infinity.
fn bn254(rng: &mut StdRng) -> Vec<u8> {
    let generator = [U256::ONE, U256::from(2)].map(|n| n.to_be_bytes::<32>()).concat();
    let scalar = if rng.random_bool(0.1) { [0; 32] } else { rng.random() };
    native(op::BN254_MUL, &[generator, scalar.to_vec()].concat())
}

/// A point and its negative, each with the other group's generator: the product of their pairings is one.
fn bn254_pair(rng: &mut StdRng) -> Vec<u8> {
    let point = bn254(rng);
    let (x, y) = point.split_at(32);
    let y = U256::from_be_slice(y);
    let negative = if y.is_zero() { y } else { BN254_PRIME - y };
    [&point[..], &BN254_G2, x, &negative.to_be_bytes::<32>(), &BN254_G2].concat()
}

/// An element of BLS12-381's field: 47 bytes are always below the prime.
fn bls_field(rng: &mut StdRng) -> Vec<u8> {
    let mut field = vec![0; 64];
    field[17..].fill_with(|| rng.random());
    field
}

fn bls_g1(rng: &mut StdRng) -> Vec<u8> {
    if rng.random_bool(0.1) { vec![0; 128] } else { native(op::BLS_MAP_G1, &bls_field(rng)) }
}

fn bls_g2(rng: &mut StdRng) -> Vec<u8> {
    let field = [bls_field(rng), bls_field(rng)].concat();
    if rng.random_bool(0.1) { vec![0; 256] } else { native(op::BLS_MAP_G2, &field) }
}

/// What a precompile gives for an input that it takes.
pub(super) fn native(op: u64, input: &[u8]) -> Vec<u8> {
    let output = accel::run(op, input);
    output.unwrap_or_else(|| panic!("accelerator {op} refuses an input made for it")).to_vec()
}
