//! Several messages in the lanes of wide registers.
// For the calls of functions that are compiled for an instruction set, after checking that it is there.
#![allow(unsafe_code)]

use crate::{InnerNode, NODE};
use alloc::{vec, vec::Vec};
use alloy_primitives::B256;
use core::arch::x86_64::*;
use std::is_x86_feature_detected;

/// Bytes of a message that one permutation takes in.
const RATE: usize = 136;
/// Words of the state.
const WORDS: usize = 25;

const ROUND_CONSTANTS: [u64; 24] = [
    0x0000000000000001,
    0x0000000000008082,
    0x800000000000808a,
    0x8000000080008000,
    0x000000000000808b,
    0x0000000080000001,
    0x8000000080008081,
    0x8000000000008009,
    0x000000000000008a,
    0x0000000000000088,
    0x0000000080008009,
    0x000000008000000a,
    0x000000008000808b,
    0x800000000000008b,
    0x8000000000008089,
    0x8000000000008003,
    0x8000000000008002,
    0x8000000000000080,
    0x000000000000800a,
    0x800000008000000a,
    0x8000000080008081,
    0x8000000000008080,
    0x0000000080000001,
    0x8000000080008008,
];

/// The states of `N` messages; word by word, all messages side by side.
type States<const N: usize> = [[u64; N]; WORDS];

/// Hashes with the widest instruction set there is, if any is wide.
pub(super) fn batch(messages: &[&[u8]]) -> Option<Vec<B256>> {
    if is_x86_feature_detected!("avx512f") {
        // SAFETY: the processor has the instructions that `permute_8` is compiled to.
        Some(sponge(messages, |states| unsafe { permute_8(states) }))
    } else if is_x86_feature_detected!("avx2") {
        // SAFETY: as above, for `permute_4`.
        Some(sponge(messages, |states| unsafe { permute_4(states) }))
    } else {
        None
    }
}

/// [`batch`] for tree nodes. `None` if no instruction set is wide.
pub(super) fn nodes(nodes: &[InnerNode], hashes: &mut [B256]) -> Option<()> {
    if is_x86_feature_detected!("avx512f") {
        // SAFETY: the processor has the instructions that `permute_8` is compiled to.
        one_block(nodes, hashes, |states| unsafe { permute_8(states) });
    } else if is_x86_feature_detected!("avx2") {
        // SAFETY: as above, for `permute_4`.
        one_block(nodes, hashes, |states| unsafe { permute_4(states) });
    } else {
        return None;
    }
    Some(())
}

/// Hashes nodes `N` at a time: each takes one permutation, so that no lane ever waits for another.
fn one_block<const N: usize>(nodes: &[InnerNode], hashes: &mut [B256], permute: impl Fn(&mut States<N>)) {
    for (nodes, hashes) in nodes.chunks(N).zip(hashes.chunks_mut(N)) {
        let mut states: States<N> = [[0; N]; WORDS];
        for (lane, node) in nodes.iter().enumerate() {
            let (words, _) = node.as_chunks();
            for (state, word) in states.iter_mut().zip(words) {
                state[lane] = u64::from_le_bytes(*word);
            }
        }
        // The padding: a one bit behind the message, another at the end of the block.
        states[NODE / 8] = [1; N];
        states[RATE / 8 - 1] = [1 << 63; N];
        permute(&mut states);
        for (lane, hash) in hashes.iter_mut().enumerate() {
            for (bytes, word) in hash.chunks_exact_mut(8).zip(&states) {
                bytes.copy_from_slice(&word[lane].to_le_bytes());
            }
        }
    }
}

/// Runs messages through `N` lanes. A lane that is done with its message takes the next one at once, so that
/// messages of different lengths don't wait for each other.
fn sponge<const N: usize>(messages: &[&[u8]], permute: impl Fn(&mut States<N>)) -> Vec<B256> {
    let mut hashes = vec![B256::ZERO; messages.len()];
    let mut states: States<N> = [[0; N]; WORDS];
    // What each lane works on: the message's index, and what is left of it.
    let mut lanes: [Option<(usize, &[u8])>; N] = [None; N];
    let mut waiting = messages.iter().copied().enumerate();
    loop {
        let mut last = [false; N];
        let mut busy = false;
        for lane in 0..N {
            if lanes[lane].is_none() {
                lanes[lane] = waiting.next();
                states.iter_mut().for_each(|word| word[lane] = 0);
            }
            if let Some((_, rest)) = &mut lanes[lane] {
                busy = true;
                match rest.split_first_chunk::<RATE>() {
                    Some((block, tail)) => {
                        absorb(&mut states, lane, block);
                        *rest = tail;
                    }
                    None => {
                        let mut block = [0; RATE];
                        block[..rest.len()].copy_from_slice(rest);
                        block[rest.len()] = 0x01;
                        block[RATE - 1] |= 0x80;
                        absorb(&mut states, lane, &block);
                        last[lane] = true;
                    }
                }
            }
        }
        if !busy {
            return hashes;
        }
        permute(&mut states);
        for lane in 0..N {
            if let (true, Some((index, _))) = (last[lane], lanes[lane]) {
                for (bytes, word) in hashes[index].chunks_exact_mut(8).zip(&states) {
                    bytes.copy_from_slice(&word[lane].to_le_bytes());
                }
                lanes[lane] = None;
            }
        }
    }
}

fn absorb<const N: usize>(states: &mut States<N>, lane: usize, block: &[u8; RATE]) {
    let (words, _) = block.as_chunks();
    for (state, word) in states.iter_mut().zip(words) {
        state[lane] ^= u64::from_le_bytes(*word);
    }
}

/// Defines Keccak-f\[1600\] on several states for an instruction set, given its vector type and operations.
macro_rules! permutation {
    (
        $name:ident, $feature:literal, $lanes:literal, $vector:ty,
        load $load:expr, store $store:expr, splat $splat:expr, xor $xor:expr, chi $chi:expr, rotate $rotate:ident
    ) => {
        #[target_feature(enable = $feature)]
        fn $name(states: &mut States<$lanes>) {
            let mut a: [$vector; WORDS] = [$splat(0); WORDS];
            for (vector, words) in a.iter_mut().zip(states.iter()) {
                *vector = $load(words);
            }
            for constant in ROUND_CONSTANTS {
                // Theta: the parity of every column, then of its two neighbours, into each word.
                let mut parity = [$splat(0); 5];
                for x in 0..5 {
                    let upper = $xor(a[x], $xor(a[x + 5], a[x + 10]));
                    parity[x] = $xor(upper, $xor(a[x + 15], a[x + 20]));
                }
                let mut mix = parity;
                for x in 0..5 {
                    mix[x] = $xor(parity[(x + 4) % 5], $rotate!(parity[(x + 1) % 5], 1));
                }
                // Rho and pi: word `from` is rotated, and moves to `to`.
                let mut b = [$xor(a[0], mix[0]); WORDS];
                macro_rules! step {
                    ($from:literal by $by:literal to $to:literal) => {
                        b[$to] = $rotate!($xor(a[$from], mix[$from % 5]), $by);
                    };
                }
                step!(1 by 1 to 10);
                step!(2 by 62 to 20);
                step!(3 by 28 to 5);
                step!(4 by 27 to 15);
                step!(5 by 36 to 16);
                step!(6 by 44 to 1);
                step!(7 by 6 to 11);
                step!(8 by 55 to 21);
                step!(9 by 20 to 6);
                step!(10 by 3 to 7);
                step!(11 by 10 to 17);
                step!(12 by 43 to 2);
                step!(13 by 25 to 12);
                step!(14 by 39 to 22);
                step!(15 by 41 to 23);
                step!(16 by 45 to 8);
                step!(17 by 15 to 18);
                step!(18 by 21 to 3);
                step!(19 by 8 to 13);
                step!(20 by 18 to 14);
                step!(21 by 2 to 24);
                step!(22 by 61 to 9);
                step!(23 by 56 to 19);
                step!(24 by 14 to 4);
                // Chi: each word with its two right neighbours in the row. Iota: the round's constant.
                for row in [0, 5, 10, 15, 20] {
                    for x in 0..5 {
                        a[row + x] = $chi(b[row + x], b[row + (x + 1) % 5], b[row + (x + 2) % 5]);
                    }
                }
                a[0] = $xor(a[0], $splat(constant as i64));
            }
            for (words, vector) in states.iter_mut().zip(a) {
                $store(words, vector);
            }
        }
    };
}

macro_rules! rotate_512 {
    ($vector:expr, $by:literal) => {
        _mm512_rol_epi64::<$by>($vector)
    };
}

macro_rules! rotate_256 {
    ($vector:expr, $by:literal) => {{
        let vector = $vector;
        _mm256_or_si256(_mm256_slli_epi64::<$by>(vector), _mm256_srli_epi64::<{ 64 - $by }>(vector))
    }};
}

permutation!(
    permute_8, "avx512f", 8, __m512i,
    load |w: &[u64; 8]| {
        let [a, b, c, d, e, f, g, h] = w.map(|word| word as i64);
        _mm512_set_epi64(h, g, f, e, d, c, b, a)
    },
    // SAFETY: the array has the vector's size, and the store needs no alignment.
    store |w: &mut [u64; 8], v| unsafe { _mm512_storeu_si512(w.as_mut_ptr().cast(), v) },
    splat _mm512_set1_epi64,
    xor _mm512_xor_si512,
    // The truth table of a ^ (!b & c).
    chi |a, b, c| _mm512_ternarylogic_epi64::<0xd2>(a, b, c),
    rotate rotate_512
);

permutation!(
    permute_4, "avx2", 4, __m256i,
    load |w: &[u64; 4]| {
        let [a, b, c, d] = w.map(|word| word as i64);
        _mm256_set_epi64x(d, c, b, a)
    },
    // SAFETY: the array has the vector's size, and the store needs no alignment.
    store |w: &mut [u64; 4], v| unsafe { _mm256_storeu_si256(w.as_mut_ptr().cast(), v) },
    splat _mm256_set1_epi64x,
    xor _mm256_xor_si256,
    chi |a, b, c| _mm256_xor_si256(a, _mm256_andnot_si256(b, c)),
    rotate rotate_256
);

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::keccak256;

    #[test]
    fn nodes_agree_with_one_by_one() {
        let all: Vec<InnerNode> =
            (0..50u8).map(|i| core::array::from_fn(|j| i.wrapping_mul(31) ^ j as u8)).collect();
        let expected: Vec<B256> = all.iter().map(keccak256).collect();
        for count in 0..all.len() {
            let mut hashes = vec![B256::ZERO; count];
            if nodes(&all[..count], &mut hashes).is_some() {
                assert_eq!(hashes, expected[..count]);
            }
            if is_x86_feature_detected!("avx2") {
                hashes.fill(B256::ZERO);
                // SAFETY: checked above.
                one_block(&all[..count], &mut hashes, |states| unsafe { permute_4(states) });
                assert_eq!(hashes, expected[..count]);
            }
        }
    }

    #[test]
    fn all_widths_agree_with_one_by_one() {
        let bytes: Vec<u8> = (0..20_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        for count in [1, 2, 3, 4, 5, 8, 9, 30, 600] {
            let messages: Vec<&[u8]> = (0..count).map(|i| &bytes[i..i + i * 37 % 700]).collect();
            let expected: Vec<B256> = messages.iter().map(keccak256).collect();
            assert_eq!(batch(&messages).unwrap_or_else(|| expected.clone()), expected);
            if is_x86_feature_detected!("avx2") {
                // SAFETY: checked above.
                assert_eq!(sponge(&messages, |states| unsafe { permute_4(states) }), expected);
            }
        }
        for len in [0, 1, 134, 135, 136, 137, 271, 272, 273] {
            assert_eq!(
                batch(&[&bytes[..len]; 3]).map_or(keccak256(&bytes[..len]), |h| h[2]),
                keccak256(&bytes[..len])
            );
        }
    }
}
