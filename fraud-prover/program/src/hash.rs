//! keccak256: one instruction up to a page, software beyond it.
#![allow(unsafe_code)]

use crate::machine::{PAGE, keccak_page};

/// Bytes that one permutation takes in.
const RATE: usize = 136;
const WORDS: usize = RATE / 8;

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

/// The hook of `alloy-primitives`: every keccak256 of the program comes here.
///
/// # Safety
/// `bytes` must be valid for reading `len` bytes, `output` for writing 32.
#[unsafe(no_mangle)]
unsafe extern "C" fn native_keccak256(bytes: *const u8, len: usize, output: *mut u8) {
    if len <= PAGE {
        // SAFETY: as the caller vouches.
        unsafe { keccak_page(bytes, len, output) };
    } else {
        // SAFETY: as the caller vouches.
        let hash = keccak(unsafe { core::slice::from_raw_parts(bytes, len) });
        // SAFETY: as the caller vouches.
        unsafe { output.copy_from_nonoverlapping(hash.as_ptr(), hash.len()) };
    }
}

/// keccak256 in software.
#[inline(never)]
pub(crate) fn keccak(bytes: &[u8]) -> [u8; 32] {
    let mut state = [0u64; 25];
    let (blocks, rest) = bytes.as_chunks::<RATE>();
    for block in blocks {
        absorb(&mut state, block);
    }
    let mut last = [0; RATE];
    last[..rest.len()].copy_from_slice(rest);
    last[rest.len()] = 0x01;
    last[RATE - 1] |= 0x80;
    absorb(&mut state, &last);
    let mut hash = [0; 32];
    for (bytes, word) in hash.chunks_exact_mut(8).zip(state) {
        bytes.copy_from_slice(&word.to_le_bytes());
    }
    hash
}

fn absorb(state: &mut [u64; 25], block: &[u8; RATE]) {
    // Copied as a whole first, because words of an input at any address take eight loads each.
    let mut words = [0u64; WORDS];
    // SAFETY: both have RATE bytes, and any bytes are numbers; the machine is little-endian, as Keccak is.
    unsafe { words.as_mut_ptr().cast::<u8>().copy_from_nonoverlapping(block.as_ptr(), RATE) };
    for (word, input) in state.iter_mut().zip(words) {
        *word ^= input;
    }
    permute(state);
}

/// Keccak-f\[1600\].
fn permute(a: &mut [u64; 25]) {
    for constant in ROUND_CONSTANTS {
        // Theta: the parity of every column, then of its two neighbours, into each word.
        let parity: [u64; 5] = core::array::from_fn(|x| a[x] ^ a[x + 5] ^ a[x + 10] ^ a[x + 15] ^ a[x + 20]);
        let mix: [u64; 5] =
            core::array::from_fn(|x| parity[(x + 4) % 5] ^ parity[(x + 1) % 5].rotate_left(1));
        // Rho and pi: word `from` is rotated, and moves to `to`.
        let mut b = [0; 25];
        b[0] = a[0] ^ mix[0];
        macro_rules! step {
            ($($from:literal by $by:literal to $to:literal;)*) => {
                $(b[$to] = (a[$from] ^ mix[$from % 5]).rotate_left($by);)*
            };
        }
        step! {
            1 by 1 to 10; 2 by 62 to 20; 3 by 28 to 5; 4 by 27 to 15;
            5 by 36 to 16; 6 by 44 to 1; 7 by 6 to 11; 8 by 55 to 21; 9 by 20 to 6;
            10 by 3 to 7; 11 by 10 to 17; 12 by 43 to 2; 13 by 25 to 12; 14 by 39 to 22;
            15 by 41 to 23; 16 by 45 to 8; 17 by 15 to 18; 18 by 21 to 3; 19 by 8 to 13;
            20 by 18 to 14; 21 by 2 to 24; 22 by 61 to 9; 23 by 56 to 19; 24 by 14 to 4;
        }
        // Chi: each word with its two right neighbours in the row. Iota: the round's constant.
        for row in [0, 5, 10, 15, 20] {
            for x in 0..5 {
                a[row + x] = b[row + x] ^ (!b[row + (x + 1) % 5] & b[row + (x + 2) % 5]);
            }
        }
        a[0] ^= constant;
    }
}
