//! Inputs for every precompile: valid ones, ones that fail, and ones over what the VM's accelerators take.

use alloy::{
    primitives::{Address, B256, Bytes, U256, hex, keccak256},
    signers::{SignerSync, local::PrivateKeySigner},
};
use anyhow::{Context, Result};
use revm::precompile::Precompiles;

/// A point that every curve test can use: y² = x³ + 3 at x = 1.
const BN254_G1: [u8; 64] = {
    let mut point = [0; 64];
    (point[31], point[63]) = (1, 2);
    point
};
/// Its negative (EIP-196's field prime less 2).
const BN254_G1_NEGATIVE: [u8; 64] = hex!(
    "0000000000000000000000000000000000000000000000000000000000000001"
    "30644e72e131a029b85045b68181585d97816a916871ca8d3c208c16d87cfd45"
);
/// The generator of EIP-197's second group.
const BN254_G2: [u8; 128] = hex!(
    "198e9393920d483a7260bfb731fb5d25f1aa493335a9e71297e485b7aef312c2"
    "1800deef121f1e76426a00665e5c4479674322d4f75edadd46debd5cd992f6ed"
    "090689d0585ff075ec9e99ad690c3395bc4b313370b38ef355acdadcd122975b"
    "12c85ea5db8c6deb4aab71808dcb408fe3d1e7690c43d37b4ce6cc0166fa7daa"
);
/// Order of BLS12-381's groups, less one: multiplying by it negates.
const BLS_MINUS_ONE: [u8; 32] = hex!("73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000000");
/// A valid signature: message hash, r, s, public key (EIP-7951's test vectors).
const P256: [u8; 160] = hex!(
    "4cee90eb86eaa050036147a12d49004b6b9c72bd725d39d4785011fe190f0b4d"
    "a73bd4903f0ce3b639bbbf6e8e80d16931ff4bcf5993d58468e8fb19086e8cac"
    "36dbcd03009df8c59286b162af3bd7fcc0450c9aa81be5d10d312af6c66b1d60"
    "4aebd3099c618202fcfe16ae7770b0c49ab5eadf74b754204a3bb6060e44eff3"
    "7618b065f9832de4ca6ca971a7a1adc826d0f7c00181a5fb2ddf79ae00b4e10e"
);

/// Address of P256VERIFY.
const P256VERIFY: u64 = 0x100;

/// Calls of all precompiles: address and input. One of them recovers this signer.
pub fn precompile_calls(signer: &PrivateKeySigner) -> Result<Vec<(u64, Bytes)>> {
    let signed = &signed(signer)?;
    let mut calls: Vec<(u64, Vec<u8>)> = Vec::new();
    let mut add = |address: u64, input: &[u8]| calls.push((address, input.to_vec()));
    // ecrecover: a signature, none, and one with an impossible v.
    add(1, signed);
    add(1, &[]);
    let mut bad = *signed;
    bad[63] = 29;
    add(1, &bad);
    // Hashes and identity: nothing, a page of an accelerator, more than that.
    let long: Vec<u8> = (0..5000u32).map(|i| (i * 7) as u8).collect();
    for length in [0, 1, 32, 55, 64, 119, 1023, 1024, 1025, 5000] {
        for address in 2..=4 {
            add(address, &long[..length]);
        }
    }
    for (base, exponent, modulus) in [
        (&long[1..33], &long[3..35], &long[5..37]),
        (&long[1..200], &long[3..5], &long[5..300]),
        (&long[1..600], &long[3..5], &long[5..700]),
        (&long[1..2], &long[3..40], &long[..0]),
        (&long[1..8], &[][..], &[2][..]),
        (&long[1..33], &long[3..35], &[0; 32][..]),
    ] {
        let lengths = [base.len(), exponent.len(), modulus.len()].map(|n| B256::from(U256::from(n)));
        add(5, &[lengths.concat().as_slice(), base, exponent, modulus].concat());
    }
    add(5, &[]);
    bn254(&mut add, &long);
    blake2f(&mut add, &long);
    // The zero polynomial: commitment and proof are the point at infinity, its value is zero everywhere.
    let mut infinity = [0u8; 48];
    infinity[0] = 0xc0;
    let mut versioned = native(2, &infinity)?.to_vec();
    versioned[0] = 1;
    let kzg = |y: u8| [&versioned[..], &[7; 32], &[y; 32], &infinity, &infinity].concat();
    add(10, &kzg(0));
    add(10, &kzg(1));
    add(10, &kzg(0)[1..]);
    bls12_381(&mut add, &long)?;
    add(P256VERIFY, &P256);
    let mut bad = P256;
    bad[40] ^= 1;
    add(P256VERIFY, &bad);
    add(P256VERIFY, &P256[..159]);
    Ok(calls.into_iter().map(|(address, input)| (address, input.into())).collect())
}

fn bn254(add: &mut impl FnMut(u64, &[u8]), long: &[u8]) {
    add(6, &[BN254_G1, BN254_G1].concat());
    add(6, &[BN254_G1, BN254_G1_NEGATIVE].concat());
    add(6, &[1; 128]);
    add(6, &[]);
    add(7, &[&BN254_G1[..], &long[..32]].concat());
    add(7, &[9; 96]);
    let pair = [&BN254_G1[..], &BN254_G2, &BN254_G1_NEGATIVE, &BN254_G2].concat();
    let odd = [&BN254_G1[..], &BN254_G2].concat();
    for input in [&[][..], &odd, &pair, &pair.repeat(3), &[&pair[..], &odd].concat(), &pair[1..], &[3; 192]] {
        add(8, input);
    }
}

fn blake2f(add: &mut impl FnMut(u64, &[u8]), long: &[u8]) {
    for (rounds, last) in [(0u32, 1u8), (12, 0), (12, 1), (1000, 1), (12, 2)] {
        add(9, &[&rounds.to_be_bytes(), &long[..208], &[last]].concat());
    }
    add(9, &long[..212]);
}

fn bls12_381(add: &mut impl FnMut(u64, &[u8]), long: &[u8]) -> Result<()> {
    let field = |seed: usize| [&[0; 17], &long[seed..seed + 47]].concat();
    let g1 = |seed| native(16, &field(seed));
    let g2 = |seed| native(17, &[field(seed), field(seed + 9)].concat());
    let (p, p2, q, q2) = (g1(1)?, g1(2)?, g2(3)?, g2(4)?);
    add(16, &field(1));
    add(16, &[0xff; 64]);
    add(17, &[field(3), field(12)].concat());
    add(11, &[&p[..], &p2].concat());
    add(11, &[0; 256]);
    add(11, &[1; 256]);
    add(13, &[&q[..], &q2].concat());
    add(13, &[0; 512]);
    // One point, as many as an accelerator takes, and one more; then what two of them need.
    for count in [1, 6, 7, 13] {
        let points: Vec<_> =
            (0..count).map(|i| Ok([&g1(i)?[..], &long[i..i + 32]].concat())).collect::<Result<_>>()?;
        add(12, &points.concat());
    }
    for count in [1, 3, 4, 7] {
        let points: Vec<_> =
            (0..count).map(|i| Ok([&g2(i)?[..], &long[i..i + 32]].concat())).collect::<Result<_>>()?;
        add(14, &points.concat());
    }
    add(12, &[&[0; 128][..], &long[..32]].concat());
    add(12, &[1; 160]);
    add(12, &[&p[..], &[0; 32]].concat().repeat(8));
    let negative = native(12, &[&p[..], &BLS_MINUS_ONE].concat())?;
    let pair = [&p[..], &q, &negative, &q].concat();
    let odd = [&p[..], &q].concat();
    for input in [&odd[..], &pair, &pair.repeat(2), &[&pair[..], &odd].concat(), &pair[1..], &[3; 384]] {
        add(15, input);
    }
    Ok(())
}

/// Inputs on which the guest has to compute itself: name, address, input.
pub(super) fn dear() -> Result<Vec<(&'static str, u64, Bytes)>> {
    let long: Vec<u8> = (0..5000u32).map(|i| (i * 7) as u8).collect();
    let field = |seed: usize| [&[0; 17], &long[seed..seed + 47]].concat();
    let (p, q) = (native(16, &field(1))?, native(17, &[field(3), field(12)].concat())?);
    let bls = [&p[..], &q].concat().repeat(3);
    let bn = [&BN254_G1[..], &BN254_G2].concat().repeat(6);
    let modexp = |base: usize, exponent: &[u8], modulus: usize| {
        let lengths = [base, exponent.len(), modulus].map(|n| B256::from(U256::from(n)));
        let odd = [&[0xff; 1][..], &long[1..modulus]].concat();
        [lengths.concat().as_slice(), &long[..base], exponent, &odd].concat()
    };
    let large = modexp(1024, &[0xff; 8], 1024);
    let many = modexp(32, &[0xff; 900], 32);
    // The price on L2 (EIP-2565) falls with the square of the length, the work does not; and an even modulus is two.
    let numbers: [&[u8]; 3] = [&hex!("01080f161d242b32"), &[0xff; 1000], &hex!("ff030a11181f262c")];
    let lengths = numbers.map(|bytes| B256::from(U256::from(bytes.len())));
    let small = [lengths.concat(), numbers.concat()].concat();
    // More rounds than an accelerator takes.
    let blake = [&1_000_001u32.to_be_bytes()[..], &long[..208], &[1]].concat();
    Ok(vec![
        ("sha256 of 5,000 bytes", 2, long.clone().into()),
        ("ripemd160 of 5,000 bytes", 3, long.clone().into()),
        ("modexp, 1,024 bytes", 5, large.into()),
        ("modexp, exponent of 900 bytes", 5, many.into()),
        ("modexp, exponent of 1,000 bytes, modulus of 8", 5, small.into()),
        ("bn254 pairing, 6 pairs", 8, bn.into()),
        ("blake2f, 1,000,001 rounds", 9, blake.into()),
        ("BLS12-381 pairing, 3 pairs", 15, bls.into()),
    ])
}

/// What a precompile gives natively.
fn native(address: u64, input: &[u8]) -> Result<Bytes> {
    let address = Address::from_word(B256::from(U256::from(address)));
    let precompile = Precompiles::prague().get(&address).context("no such precompile")?;
    let output = precompile.execute(input, u64::MAX, 0)?;
    anyhow::ensure!(output.is_success(), "precompile {address} refuses");
    Ok(output.bytes)
}

/// Input of an ecrecover that succeeds.
fn signed(signer: &PrivateKeySigner) -> Result<[u8; 128]> {
    let digest = keccak256("ecrecover");
    let signature = signer.sign_hash_sync(&digest)?;
    let mut signed = [0; 128];
    signed[..32].copy_from_slice(digest.as_slice());
    signed[63] = 27 + u8::from(signature.v());
    signed[64..96].copy_from_slice(&signature.r().to_be_bytes::<32>());
    signed[96..].copy_from_slice(&signature.s().to_be_bytes::<32>());
    Ok(signed)
}
