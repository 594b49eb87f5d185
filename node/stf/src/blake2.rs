//! BLAKE2b's compression function F with any number of rounds, as the precompile at address 9 (EIP-152) computes it.
//!
//! At one gas a round it takes more time for each gas than any other precompile under Karst: one transaction may ask for
//! 16.7 million rounds, and others wait as long. So the rounds are unrolled over the ten permutations, which takes two thirds
//! of the time of revm's, where an index into the message is looked up, and checked, for each word.

use revm::precompile::{Crypto, install_crypto};

/// Words of the working vector and of a message block.
type Words = [u64; 16];

/// The initialization vector (RFC 7693, section 2.6).
const IV: [u64; 8] = [
    0x6a09_e667_f3bc_c908,
    0xbb67_ae85_84ca_a73b,
    0x3c6e_f372_fe94_f82b,
    0xa54f_f53a_5f1d_36f1,
    0x510e_527f_ade6_82d1,
    0x9b05_688c_2b3e_6c1f,
    0x1f83_d9ab_fb41_bd6b,
    0x5be0_cd19_137e_2179,
];

/// Which word of the message block goes where, for each of ten rounds (RFC 7693, section 2.7).
const SIGMA: [[usize; 16]; 10] = [
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
    [14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3],
    [11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4],
    [7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8],
    [9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13],
    [2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9],
    [12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11],
    [13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10],
    [6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5],
    [10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0],
];

/// revm's cryptography, with the function of this module.
#[derive(Debug)]
struct Unrolled;

impl Crypto for Unrolled {
    fn blake2_compress(&self, rounds: u32, h: &mut [u64; 8], m: &Words, t: &[u64; 2], f: bool) {
        compress(rounds, h, m, t, f);
    }
}

/// Lets the precompile use this module, unless other cryptography was installed before, as in the fault proof program.
pub(crate) fn install() {
    let _ = install_crypto(Unrolled);
}

/// F of the state `h`, the message block `m` and the offset `t` (RFC 7693, section 3.2); `last` is the flag of the last
/// block.
pub fn compress(rounds: u32, h: &mut [u64; 8], m: &Words, t: &[u64; 2], last: bool) {
    let mut v = [0; 16];
    let (low, high) = v.split_at_mut(8);
    low.copy_from_slice(h);
    high.copy_from_slice(&IV);
    v[12] ^= t[0];
    v[13] ^= t[1];
    if last {
        v[14] = !v[14];
    }
    for _ in 0..rounds / 10 {
        round::<0>(&mut v, m);
        round::<1>(&mut v, m);
        round::<2>(&mut v, m);
        round::<3>(&mut v, m);
        round::<4>(&mut v, m);
        round::<5>(&mut v, m);
        round::<6>(&mut v, m);
        round::<7>(&mut v, m);
        round::<8>(&mut v, m);
        round::<9>(&mut v, m);
    }
    let rest = [
        round::<0>, round::<1>, round::<2>, round::<3>, round::<4>, round::<5>, round::<6>, round::<7>,
        round::<8>,
    ];
    for round in rest.into_iter().take((rounds % 10) as usize) {
        round(&mut v, m);
    }
    for (i, word) in h.iter_mut().enumerate() {
        *word ^= v[i] ^ v[i + 8];
    }
}

/// A round with the permutation `P`: known at compile time, so that its indices are.
#[inline(always)]
fn round<const P: usize>(v: &mut Words, m: &Words) {
    let s = const { &SIGMA[P] };
    mix(v, [0, 4, 8, 12], m[s[0]], m[s[1]]);
    mix(v, [1, 5, 9, 13], m[s[2]], m[s[3]]);
    mix(v, [2, 6, 10, 14], m[s[4]], m[s[5]]);
    mix(v, [3, 7, 11, 15], m[s[6]], m[s[7]]);
    mix(v, [0, 5, 10, 15], m[s[8]], m[s[9]]);
    mix(v, [1, 6, 11, 12], m[s[10]], m[s[11]]);
    mix(v, [2, 7, 8, 13], m[s[12]], m[s[13]]);
    mix(v, [3, 4, 9, 14], m[s[14]], m[s[15]]);
}

/// The mixing function G (RFC 7693, section 3.1).
#[inline(always)]
fn mix(v: &mut Words, [a, b, c, d]: [usize; 4], x: u64, y: u64) {
    v[a] = v[a].wrapping_add(v[b]).wrapping_add(x);
    v[d] = (v[d] ^ v[a]).rotate_right(32);
    v[c] = v[c].wrapping_add(v[d]);
    v[b] = (v[b] ^ v[c]).rotate_right(24);
    v[a] = v[a].wrapping_add(v[b]).wrapping_add(y);
    v[d] = (v[d] ^ v[a]).rotate_right(16);
    v[c] = v[c].wrapping_add(v[d]);
    v[b] = (v[b] ^ v[c]).rotate_right(63);
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng, rngs::StdRng};
    use revm::precompile::DefaultCrypto;

    use super::*;

    #[test]
    fn any_number_of_rounds_gives_what_revm_computes() {
        let seed = rand::random();
        println!("seed {seed}");
        let mut rng = StdRng::seed_from_u64(seed);
        for rounds in (0..45).chain([1_000_007]) {
            let (mut h, m, t, last) = (rng.random(), rng.random(), rng.random(), rng.random());
            let mut expected = h;
            DefaultCrypto.blake2_compress(rounds, &mut expected, &m, &t, last);
            compress(rounds, &mut h, &m, &t, last);
            assert_eq!(h, expected, "{rounds} rounds");
        }
    }
}
