//! The accelerator: keccak256 and the L1 precompiles, with the costs of the table.

use alloy_primitives::{Address, Bytes, U256, keccak256};
use revm::precompile::Precompiles;

/// Longest input.
pub const ACCEL_MAX_LENGTH: u64 = 1024;

/// The cost over which an input is refused. What a call may cost on L1 is bounded by it.
pub const ACCEL_MAX_GAS: u64 = 1_000_000;

/// The longest number that modexp takes: the limit of EIP-7823.
const MODEXP_MAX_LENGTH: u64 = 1024;

/// Numbers of the accelerator's operations. All but keccak256 are addresses of precompiles.
pub mod op {
    /// keccak256, which is no precompile.
    pub const KECCAK256: u64 = 0;
    /// Recovers a signer.
    pub const ECRECOVER: u64 = 1;
    /// SHA-256.
    pub const SHA256: u64 = 2;
    /// RIPEMD-160.
    pub const RIPEMD160: u64 = 3;
    /// Copies its input.
    pub const IDENTITY: u64 = 4;
    /// Modular exponentiation.
    pub const MODEXP: u64 = 5;
    /// Addition on bn254.
    pub const BN254_ADD: u64 = 6;
    /// Multiplication on bn254.
    pub const BN254_MUL: u64 = 7;
    /// Pairing check on bn254.
    pub const BN254_PAIRING: u64 = 8;
    /// BLAKE2b's compression function.
    pub const BLAKE2F: u64 = 9;
    /// Checks an opening of a blob.
    pub const POINT_EVALUATION: u64 = 10;
    /// Addition in G1 of BLS12-381.
    pub const BLS_G1_ADD: u64 = 11;
    /// Multi-scalar multiplication in G1.
    pub const BLS_G1_MSM: u64 = 12;
    /// Addition in G2.
    pub const BLS_G2_ADD: u64 = 13;
    /// Multi-scalar multiplication in G2.
    pub const BLS_G2_MSM: u64 = 14;
    /// Pairing check on BLS12-381.
    pub const BLS_PAIRING: u64 = 15;
    /// Maps a field element to G1.
    pub const BLS_MAP_G1: u64 = 16;
    /// Maps an element of the extension field to G2.
    pub const BLS_MAP_G2: u64 = 17;
    /// Verifies a signature on P-256.
    pub const P256_VERIFY: u64 = 256;

    /// Every operation.
    pub const ALL: [u64; 19] = [
        KECCAK256,
        ECRECOVER,
        SHA256,
        RIPEMD160,
        IDENTITY,
        MODEXP,
        BN254_ADD,
        BN254_MUL,
        BN254_PAIRING,
        BLAKE2F,
        POINT_EVALUATION,
        BLS_G1_ADD,
        BLS_G1_MSM,
        BLS_G2_ADD,
        BLS_G2_MSM,
        BLS_PAIRING,
        BLS_MAP_G1,
        BLS_MAP_G2,
        P256_VERIFY,
    ];
}

/// Whether `op` is an operation of the table.
#[must_use]
pub fn exists(op: u64) -> bool {
    op <= op::BLS_MAP_G2 || op == op::P256_VERIFY
}

/// What a call costs, in L1 gas; at least what any L1 fork from Prague on charges. `None` if it exits the machine:
/// not in the table, a number of modexp that is too long, or dearer than [`ACCEL_MAX_GAS`].
#[must_use]
pub fn cost(op: u64, input: &[u8]) -> Option<u64> {
    let length = input.len() as u64;
    let words = length.div_ceil(32);
    let cost = match op {
        op::KECCAK256 => 0,
        op::ECRECOVER => 3_000,
        op::SHA256 => 60 + 12 * words,
        op::RIPEMD160 => 600 + 120 * words,
        op::IDENTITY => 15 + 3 * words,
        op::MODEXP => modexp_cost(input)?,
        op::BN254_ADD => 150,
        op::BN254_MUL => 6_000,
        op::BN254_PAIRING => 45_000 + 34_000 * (length / 192),
        op::BLAKE2F => match input.first_chunk() {
            Some(rounds) if length == 213 => u32::from_be_bytes(*rounds).into(),
            _ => 0,
        },
        op::POINT_EVALUATION => 50_000,
        op::BLS_G1_ADD => 375,
        op::BLS_G1_MSM => 12_000 * (length / 160),
        op::BLS_G2_ADD => 600,
        op::BLS_G2_MSM => 22_500 * (length / 288),
        op::BLS_PAIRING => 37_700 + 32_600 * (length / 384),
        op::BLS_MAP_G1 => 5_500,
        op::BLS_MAP_G2 => 23_800,
        op::P256_VERIFY => 6_900,
        _ => return None,
    };
    (cost <= ACCEL_MAX_GAS).then_some(cost)
}

/// EIP-7883's cost of modexp; `None` if a number is longer than [`MODEXP_MAX_LENGTH`].
fn modexp_cost(input: &[u8]) -> Option<u64> {
    let word = |at: usize| {
        let mut word = [0; 32];
        let tail = input.get(at..).unwrap_or_default();
        let length = tail.len().min(32);
        word[..length].copy_from_slice(&tail[..length]);
        U256::from_be_bytes(word)
    };
    let length = |at| u64::try_from(word(at)).ok().filter(|length| *length <= MODEXP_MAX_LENGTH);
    let (base, exponent, modulus) = (length(0)?, length(32)?, length(64)?);
    let longest = base.max(modulus);
    let complexity = if longest <= 32 { 16 } else { 2 * longest.div_ceil(8).pow(2) };
    // At most 1,024, so it fits any usize.
    let head = word(96 + base as usize) >> (8 * (32 - exponent.min(32)) as usize);
    let bits = (head.bit_len() as u64).saturating_sub(1);
    let iterations = (16 * exponent.saturating_sub(32) + bits).max(1);
    Some((complexity * iterations).max(500))
}

/// Runs an operation on an input for which [`cost`] is known. `None` if the precompile fails, as any does that is
/// not in the table.
#[must_use]
pub(crate) fn run(op: u64, input: &[u8]) -> Option<Bytes> {
    if op == op::KECCAK256 {
        return Some(keccak256(input).into());
    }
    let address = Address::left_padding_from(&op.to_be_bytes());
    // With gas that never runs out: that the table's costs are enough on L1 is what tests show.
    let result = Precompiles::osaka().get(&address)?.execute(input, u64::MAX, 0).ok()?;
    result.is_success().then_some(result.bytes)
}
