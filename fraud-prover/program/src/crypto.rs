//! Sender recovery and precompiles: by accelerators, which are the L1 precompiles themselves, and in software where an
//! input is longer or dearer than an accelerator takes.

use alloc::{sync::Arc, vec::Vec};
use alloy_consensus::crypto::{
    RecoveryError,
    backend::{CryptoProvider, install_default_provider},
};
use alloy_primitives::{Address, U256, keccak256};
use revm::precompile::{
    Crypto, DefaultCrypto, PrecompileHalt,
    bls12_381::{G1Point, G1PointScalar, G2Point, G2PointScalar},
    install_crypto,
};
use stf::blake2;

use crate::machine::{PAGE, accelerate};

/// Accelerators, by the addresses of the precompiles that they are.
mod op {
    pub(super) const ECRECOVER: usize = 1;
    pub(super) const SHA256: usize = 2;
    pub(super) const RIPEMD160: usize = 3;
    pub(super) const MODEXP: usize = 5;
    pub(super) const BN254_ADD: usize = 6;
    pub(super) const BN254_MUL: usize = 7;
    pub(super) const BN254_PAIRING: usize = 8;
    pub(super) const BLAKE2F: usize = 9;
    pub(super) const KZG: usize = 10;
    pub(super) const G1_ADD: usize = 11;
    pub(super) const G1_MSM: usize = 12;
    pub(super) const G2_ADD: usize = 13;
    pub(super) const G2_MSM: usize = 14;
    pub(super) const BLS_PAIRING: usize = 15;
    pub(super) const MAP_TO_G1: usize = 16;
    pub(super) const MAP_TO_G2: usize = 17;
    pub(super) const P256VERIFY: usize = 256;
}

/// Most gas of L1 that an accelerator spends.
const ACCEL_MAX_GAS: u64 = 1_000_000;

/// Pairs that fit in a page.
const BN254_PAIRS: usize = PAGE / 192;
const G1_PAIRS: usize = PAGE / 160;
const G2_PAIRS: usize = PAGE / 288;
const BLS_PAIRS: usize = PAGE / 384;

/// Installs the machine's cryptography for sender recovery and precompiles.
pub(crate) fn install() {
    // Nothing was installed before, so neither can refuse.
    let _ = install_default_provider(Arc::new(Accelerated));
    let _ = install_crypto(Accelerated);
}

#[derive(Debug)]
struct Accelerated;

/// Why a precompile fails does not matter to the EVM: it takes all gas either way.
const REFUSED: PrecompileHalt = PrecompileHalt::other_static("refused by the accelerator");

/// An accelerator with an output of one size.
fn fixed<const N: usize>(op: usize, parts: &[&[u8]]) -> Result<[u8; N], PrecompileHalt> {
    accelerate(op, parts).ok().and_then(|output| output.try_into().ok()).ok_or(REFUSED)
}

/// The address that signed, in 32 bytes, by the signature's r and s and its y parity.
fn recover(message: &[u8; 32], signature: &[u8], odd: u8) -> Option<[u8; 32]> {
    let mut v = [0; 32];
    v[31] = 27 + odd;
    // Success without output is a signature of nobody.
    accelerate(op::ECRECOVER, &[message, &v, signature]).ok()?.try_into().ok()
}

impl CryptoProvider for Accelerated {
    fn recover_signer_unchecked(&self, sig: &[u8; 65], msg: &[u8; 32]) -> Result<Address, RecoveryError> {
        let [signature @ .., odd] = sig;
        let word = recover(msg, signature, *odd).ok_or_else(RecoveryError::new)?;
        Ok(Address::from_word(word.into()))
    }

    fn verify_and_compute_signer_unchecked(
        &self,
        pubkey: &[u8; 65],
        sig: &[u8; 64],
        msg: &[u8; 32],
    ) -> Result<Address, RecoveryError> {
        let [_, point @ ..] = pubkey;
        let signer = Address::from_word(keccak256(point));
        // A key verifies a signature if it is one of the two that the signature recovers to.
        let recovered = [0, 1].map(|odd| recover(msg, sig, odd));
        let valid = recovered.into_iter().flatten().any(|word| Address::from_word(word.into()) == signer);
        if valid { Ok(signer) } else { Err(RecoveryError::new()) }
    }
}

impl Crypto for Accelerated {
    fn sha256(&self, input: &[u8]) -> [u8; 32] {
        if input.len() > PAGE {
            return DefaultCrypto.sha256(input);
        }
        fixed(op::SHA256, &[input]).unwrap_or_else(|_| DefaultCrypto.sha256(input))
    }

    fn ripemd160(&self, input: &[u8]) -> [u8; 32] {
        if input.len() > PAGE {
            return DefaultCrypto.ripemd160(input);
        }
        fixed(op::RIPEMD160, &[input]).unwrap_or_else(|_| DefaultCrypto.ripemd160(input))
    }

    fn bn254_g1_add(&self, p1: &[u8], p2: &[u8]) -> Result<[u8; 64], PrecompileHalt> {
        fixed(op::BN254_ADD, &[p1, p2])
    }

    fn bn254_g1_mul(&self, point: &[u8], scalar: &[u8]) -> Result<[u8; 64], PrecompileHalt> {
        fixed(op::BN254_MUL, &[point, scalar])
    }

    fn bn254_pairing_check(&self, pairs: &[(&[u8], &[u8])]) -> Result<bool, PrecompileHalt> {
        if pairs.len() > BN254_PAIRS {
            return DefaultCrypto.bn254_pairing_check(pairs);
        }
        let parts: Vec<&[u8]> = pairs.iter().flat_map(|(g1, g2)| [*g1, *g2]).collect();
        fixed(op::BN254_PAIRING, &parts).map(|output: [u8; 32]| output[31] == 1)
    }

    fn secp256k1_ecrecover(
        &self,
        sig: &[u8; 64],
        recid: u8,
        msg: &[u8; 32],
    ) -> Result<[u8; 32], PrecompileHalt> {
        recover(msg, sig, recid).ok_or(PrecompileHalt::Secp256k1RecoverFailed)
    }

    fn modexp(&self, base: &[u8], exp: &[u8], modulus: &[u8]) -> Result<Vec<u8>, PrecompileHalt> {
        let fits = 96 + base.len() + exp.len() + modulus.len() <= PAGE;
        if !fits || modexp_cost(base.len(), exp, modulus.len()) > ACCEL_MAX_GAS {
            return DefaultCrypto.modexp(base, exp, modulus);
        }
        let mut lengths = [0; 96];
        for (word, len) in lengths.chunks_exact_mut(32).zip([base.len(), exp.len(), modulus.len()]) {
            word[24..].copy_from_slice(&(len as u64).to_be_bytes());
        }
        accelerate(op::MODEXP, &[&lengths, base, exp, modulus]).map(<[u8]>::to_vec).map_err(|_| REFUSED)
    }

    fn blake2_compress(&self, rounds: u32, h: &mut [u64; 8], m: &[u64; 16], t: &[u64; 2], f: bool) {
        if u64::from(rounds) > ACCEL_MAX_GAS {
            return blake2::compress(rounds, h, m, t, f);
        }
        let mut words = [0; 26 * 8];
        for (bytes, word) in words.chunks_exact_mut(8).zip(h.iter().chain(m).chain(t)) {
            bytes.copy_from_slice(&word.to_le_bytes());
        }
        match fixed::<64>(op::BLAKE2F, &[&rounds.to_be_bytes(), &words, &[f.into()]]) {
            Ok(output) => {
                for (word, bytes) in h.iter_mut().zip(output.as_chunks().0) {
                    *word = u64::from_le_bytes(*bytes);
                }
            }
            Err(_) => blake2::compress(rounds, h, m, t, f),
        }
    }

    fn secp256r1_verify_signature(&self, msg: &[u8; 32], sig: &[u8; 64], pk: &[u8; 64]) -> bool {
        accelerate(op::P256VERIFY, &[msg, sig, pk]).is_ok_and(|output| output.last() == Some(&1))
    }

    fn verify_kzg_proof(
        &self,
        z: &[u8; 32],
        y: &[u8; 32],
        commitment: &[u8; 48],
        proof: &[u8; 48],
    ) -> Result<(), PrecompileHalt> {
        // The precompile checks this hash, and so did whoever called: it is the commitment's.
        let mut versioned = self.sha256(commitment);
        versioned[0] = 1;
        let verified = accelerate(op::KZG, &[&versioned, z, y, commitment, proof]);
        verified.map(drop).map_err(|_| PrecompileHalt::BlobVerifyKzgProofFailed)
    }

    fn bls12_381_g1_add(&self, a: G1Point, b: G1Point) -> Result<[u8; 96], PrecompileHalt> {
        let sum = fixed(op::G1_ADD, &[&pad_g1(&a), &pad_g1(&b)])?;
        Ok(unpad_g1(&sum))
    }

    fn bls12_381_g1_msm(
        &self,
        pairs: &mut dyn Iterator<Item = Result<G1PointScalar, PrecompileHalt>>,
    ) -> Result<[u8; 96], PrecompileHalt> {
        let pair = |(point, scalar): G1PointScalar| [&pad_g1(&point)[..], &scalar].concat();
        let sum = sum_of(pairs.map(|item| item.map(pair)), G1_PAIRS, op::G1_MSM, op::G1_ADD)?;
        Ok(unpad_g1(&sum))
    }

    fn bls12_381_g2_add(&self, a: G2Point, b: G2Point) -> Result<[u8; 192], PrecompileHalt> {
        let sum = fixed(op::G2_ADD, &[&pad_g2(&a), &pad_g2(&b)])?;
        Ok(unpad_g2(&sum))
    }

    fn bls12_381_g2_msm(
        &self,
        pairs: &mut dyn Iterator<Item = Result<G2PointScalar, PrecompileHalt>>,
    ) -> Result<[u8; 192], PrecompileHalt> {
        let pair = |(point, scalar): G2PointScalar| [&pad_g2(&point)[..], &scalar].concat();
        let sum = sum_of(pairs.map(|item| item.map(pair)), G2_PAIRS, op::G2_MSM, op::G2_ADD)?;
        Ok(unpad_g2(&sum))
    }

    fn bls12_381_pairing_check(&self, pairs: &[(G1Point, G2Point)]) -> Result<bool, PrecompileHalt> {
        if pairs.len() > BLS_PAIRS {
            return DefaultCrypto.bls12_381_pairing_check(pairs);
        }
        let padded: Vec<_> = pairs.iter().map(|(g1, g2)| (pad_g1(g1), pad_g2(g2))).collect();
        let parts: Vec<&[u8]> = padded.iter().flat_map(|(g1, g2)| [&g1[..], &g2[..]]).collect();
        fixed(op::BLS_PAIRING, &parts).map(|output: [u8; 32]| output[31] == 1)
    }

    fn bls12_381_fp_to_g1(&self, fp: &[u8; 48]) -> Result<[u8; 96], PrecompileHalt> {
        let point = fixed(op::MAP_TO_G1, &[&[0; 16], fp])?;
        Ok(unpad_g1(&point))
    }

    fn bls12_381_fp2_to_g2(&self, (c0, c1): ([u8; 48], [u8; 48])) -> Result<[u8; 192], PrecompileHalt> {
        let point = fixed(op::MAP_TO_G2, &[&[0; 16], &c0, &[0; 16], &c1])?;
        Ok(unpad_g2(&point))
    }
}

/// A multi-scalar multiplication of any length: parts that fit in a page, added up.
fn sum_of<const N: usize>(
    mut pairs: impl Iterator<Item = Result<Vec<u8>, PrecompileHalt>>,
    per_page: usize,
    multiply: usize,
    add: usize,
) -> Result<[u8; N], PrecompileHalt> {
    let mut sum: Option<[u8; N]> = None;
    loop {
        let page: Vec<Vec<u8>> = pairs.by_ref().take(per_page).collect::<Result<_, _>>()?;
        if page.is_empty() {
            return sum.ok_or(REFUSED);
        }
        let parts: Vec<&[u8]> = page.iter().map(Vec::as_slice).collect();
        let part = fixed(multiply, &parts)?;
        sum = Some(match sum {
            None => part,
            Some(sum) => fixed(add, &[&sum, &part])?,
        });
    }
}

/// Field elements of 48 bytes, each with the 16 zeros in front that EIP-2537 wants.
fn pad<const N: usize>(elements: &[&[u8; 48]]) -> [u8; N] {
    let mut padded = [0; N];
    for (room, element) in padded.chunks_exact_mut(64).zip(elements) {
        room[16..].copy_from_slice(*element);
    }
    padded
}

fn unpad<const N: usize>(padded: &[u8]) -> [u8; N] {
    let mut elements = [0; N];
    for (element, padded) in elements.chunks_exact_mut(48).zip(padded.chunks_exact(64)) {
        element.copy_from_slice(&padded[16..]);
    }
    elements
}

fn pad_g1((x, y): &G1Point) -> [u8; 128] {
    pad(&[x, y])
}

fn unpad_g1(point: &[u8; 128]) -> [u8; 96] {
    unpad(point)
}

fn pad_g2((x0, x1, y0, y1): &G2Point) -> [u8; 256] {
    pad(&[x0, x1, y0, y1])
}

fn unpad_g2(point: &[u8; 256]) -> [u8; 192] {
    unpad(point)
}

/// What L1 asks for a modular exponentiation (EIP-7883), as the machine's table has it.
fn modexp_cost(base_len: usize, exp: &[u8], modulus_len: usize) -> u64 {
    let longest = base_len.max(modulus_len) as u64;
    let words = longest.div_ceil(8);
    let complexity = if longest <= 32 { 16 } else { 2 * words * words };
    let head = U256::from_be_slice(&exp[..exp.len().min(32)]);
    let bits = (head.bit_len() as u64).saturating_sub(1);
    let beyond = exp.len().saturating_sub(32) as u64;
    (complexity * (16 * beyond + bits).max(1)).max(500)
}
