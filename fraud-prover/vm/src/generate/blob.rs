//! Blobs that can be opened without a prover: polynomials of degree one.
//!
//! The blob of p(x) = a + b·x has the commitment a·G + b·τG, and as (p(x) − p(z)) / (x − z) = b for every z, all its
//! openings have the same proof, b·G.

use super::inputs::native;
use crate::accel::op;
use alloy_primitives::{B256, U256, hex, uint};
use rand::{Rng, rngs::StdRng};

/// Modulus of the scalar field of BLS12-381 (EIP-4844).
const MODULUS: U256 = uint!(0x73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001_U256);
/// A root of unity of order 4,096 (EIP-4844).
const OMEGA: U256 = uint!(39033254847818212395286706435128746857159659164139250548781411570340225835782_U256);
/// Generator of BLS12-381's first group, without compression.
const G1: [u8; 96] = hex!(
    "17f1d3a73197d7942695638c4fa9ac0fc3688c4f9774b905a14e3a3f171bac586c55e83ff97a1aeffb3af00adb22c6bb"
    "08b3f481e3aaa0f1a09e30ed741d8ae4fcf5e095d5d00af600db18cb2c04b3edd03cc744a2888ae40caa232946c5e7e1"
);
/// The generator times the secret of Ethereum's KZG ceremony: the second point of its setup's first group.
const TAU_G1: [u8; 96] = hex!(
    "0d3eb50121139aa34db1d545093ac9374ab7bca2c0f3bf28e27c8dcd8fc7cb42d25926fc0c97b336e9f0fb35e5a04c81"
    "17de623f59a3043952d2f637a935fae14b6dee8b255e526304963d58ab6f1a827c7de623d34d394f8a3d0f57d6e972b9"
);
/// Half of the field's prime: the larger of y and −y is above it.
const HALF: [u8; 48] =
    hex!("0d0088f51cbff34d258dd3db21a5d66bb23ba5c279c2895fb39869507b587b120f55ffff58a9ffffdcff7fffffffd555");

/// A blob, as the coefficients of its polynomial.
#[derive(Clone, Debug)]
pub(super) struct Blob {
    a: U256,
    b: U256,
    pub(super) versioned_hash: B256,
    pub(super) commitment: [u8; 48],
    /// The proof of all openings.
    pub(super) proof: [u8; 48],
}

impl Blob {
    pub(super) fn new(rng: &mut StdRng) -> Self {
        let scalar = |rng: &mut StdRng| U256::from_be_bytes(rng.random::<[u8; 32]>()) % MODULUS;
        // A blob that is zero has the point at infinity as commitment and proof.
        let (a, b) = match rng.random_range(0..6) {
            0 => (U256::ZERO, U256::ZERO),
            1 => (scalar(rng), U256::ZERO),
            _ => (scalar(rng), scalar(rng)),
        };
        let commitment = combine(&[(&G1, a), (&TAU_G1, b)]);
        let mut versioned_hash = B256::from_slice(&native(op::SHA256, &commitment));
        versioned_hash[0] = 1;
        Self { a, b, versioned_hash, commitment, proof: combine(&[(&G1, b)]) }
    }

    /// Where element `index` is the polynomial's value.
    pub(super) fn point(index: u16) -> U256 {
        OMEGA.pow_mod(U256::from(index.reverse_bits() >> 4), MODULUS)
    }

    pub(super) fn element(&self, index: u16) -> U256 {
        self.a.add_mod(self.b.mul_mod(Self::point(index), MODULUS), MODULUS)
    }
}

/// A sum of multiples, compressed.
fn combine(terms: &[(&[u8; 96], U256)]) -> [u8; 48] {
    let term = |(point, scalar): &(&[u8; 96], U256)| {
        [&[0; 16], &point[..48], &[0; 16], &point[48..], &scalar.to_be_bytes::<32>()].concat()
    };
    let sum = native(op::BLS_G1_MSM, &terms.iter().flat_map(term).collect::<Vec<_>>());
    let mut compressed = [0; 48];
    compressed.copy_from_slice(&sum[16..64]);
    compressed[0] |= if sum.iter().all(|byte| *byte == 0) {
        0xc0
    } else if sum[80..] > HALF[..] {
        0xa0
    } else {
        0x80
    };
    compressed
}
