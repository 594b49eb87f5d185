//! Payloads that nobody encoded: an error or a value, soon, and never a panic.

use std::time::{Duration, Instant};

use super::*;
use crate::codec::inflate::inflate;

/// Brotli's largest window, as a stream's first bits say it, and nothing else.
const LARGEST_WINDOW: u8 = 0x0f;

fn compress(plain: &[u8], quality: i32) -> Vec<u8> {
    let params = brotli::enc::BrotliEncoderParams { quality, lgwin: 24, ..Default::default() };
    let mut out = Vec::new();
    brotli::BrotliCompress(&mut &plain[..], &mut out, &params).unwrap();
    out
}

/// Changes some bytes, moves some, cuts or extends.
fn mutate(rng: &mut StdRng, bytes: &mut Vec<u8>) {
    for _ in 0..rng.random_range(1..4) {
        if bytes.is_empty() {
            bytes.push(rng.random());
        }
        let at = rng.random_range(0..bytes.len());
        match rng.random_range(0..7) {
            0 => bytes[at] = rng.random(),
            1 => bytes[at] ^= 1 << rng.random_range(0..8),
            2 => bytes[at] = [0, 1, 0x7f, 0x80, 0xff][rng.random_range(0..5)],
            3 => bytes.truncate(at),
            4 => bytes.insert(at, rng.random()),
            5 => {
                bytes.remove(at);
            }
            _ => {
                let end = rng.random_range(at..=bytes.len());
                let piece = bytes[at..end].to_vec();
                let to = rng.random_range(0..=bytes.len());
                bytes.splice(to..to, piece);
            }
        }
    }
}

/// What decodes at all is something that the encoder could say, too.
fn check(result: Result<Vec<BlockSpec>, DecodeError>) -> bool {
    let Ok(specs) = result else { return false };
    let plain = encode_plain(&specs, CHAIN_ID);
    if plain.len() <= MAX_DECOMPRESSED_SIZE {
        assert_eq!(decode_plain(&plain, CHAIN_ID, ALL).unwrap(), specs);
    }
    true
}

#[test]
fn random_bytes_never_panic() {
    let mut rng = generator();
    for _ in 0..rounds(40_000) {
        let noise = bytes(&mut rng, 300);
        check(decode(&noise, CHAIN_ID, ALL));
        check(decode_plain(&noise, CHAIN_ID, ALL));
        let mut versioned = noise.to_vec();
        versioned.insert(0, 1);
        check(decode_plain(&versioned, CHAIN_ID, ALL));
    }
}

#[test]
fn mutated_payloads_never_panic() {
    let mut rng = generator();
    let mut decoded = 0;
    let count = rounds(600);
    for _ in 0..count {
        let specs = specs(&mut rng, 5, 5);
        let plain = encode_plain(&specs, CHAIN_ID);
        let payload = encode(&specs, CHAIN_ID, rng.random_range(0..=9)).unwrap();
        for _ in 0..100 {
            let mut mutant = plain.clone();
            mutate(&mut rng, &mut mutant);
            decoded += usize::from(check(decode_plain(&mutant, CHAIN_ID, ALL)));
        }
        for _ in 0..50 {
            let mut mutant = payload.clone();
            mutate(&mut rng, &mut mutant);
            check(decode(&mutant, CHAIN_ID, ALL));
        }
    }
    // Not all mutants die early, or the test would not reach far.
    assert!(decoded > 5 * count, "only {decoded} mutants of {} decoded", 100 * count);
}

#[test]
fn every_truncation_is_refused() {
    let mut rng = generator();
    for _ in 0..rounds(20) {
        let mut specs = specs(&mut rng, 4, 4);
        specs.push(BlockSpec { transactions: vec![transaction(&mut rng)], ..BlockSpec::default() });
        let plain = encode_plain(&specs, CHAIN_ID);
        for length in 0..plain.len() {
            assert!(decode_plain(&plain[..length], CHAIN_ID, ALL).is_err(), "{length} of {}", plain.len());
        }
        let payload = encode(&specs, CHAIN_ID, 9).unwrap();
        for length in 0..payload.len() {
            assert!(decode(&payload[..length], CHAIN_ID, ALL).is_err(), "{length} of {}", payload.len());
        }
        let extended = [&plain[..], &[0]].concat();
        assert_eq!(decode_plain(&extended, CHAIN_ID, ALL), Err(DecodeError::TrailingBytes(1)));
        let extended = [&payload[..], &[0]].concat();
        assert_eq!(decode(&extended, CHAIN_ID, ALL), Err(DecodeError::TrailingBytes(1)));
    }
}

#[test]
fn bombs_stop_at_the_cap() {
    let bomb = compress(&vec![0; 256 << 20], 5);
    assert!(bomb.len() < 1000, "{} bytes", bomb.len());
    let start = Instant::now();
    assert_eq!(decode(&bomb, CHAIN_ID, ALL), Err(DecodeError::TooLarge(MAX_DECOMPRESSED_SIZE)));
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
    // The cap is exact.
    for (size, fits) in [(999, true), (1000, true), (1001, false)] {
        for quality in 0..=11 {
            let compressed = compress(&vec![7; size], quality);
            let Ok(result) = inflate(&mut &compressed[..], 1000);
            assert_eq!(result.is_ok(), fits, "{size} bytes at quality {quality}: {result:?}");
        }
    }
    // A window of 16 MiB, announced by a stream of a few bytes.
    assert!(decode(&[LARGEST_WINDOW, 0, 0, 0], CHAIN_ID, ALL).is_err());
}

#[test]
fn huge_counts_are_refused_before_they_cost() {
    let huge = |prefix: &[u8]| {
        let mut plain = prefix.to_vec();
        plain.extend_from_slice(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]);
        plain
    };
    let start = Instant::now();
    for prefix in [
        &[1][..],                           // blocks
        &[1, 1, 0, 0],                      // transactions
        &[1, 1, 0, 0, 1, 3],                // length of a raw transaction
        &[1, 1, 0, 0, 1, 0, 0, 0, 0, 1],    // index of an address
        &[1, 1, 0, 0, 1, 8, 0, 0, 0, 0, 0], // length of data
        &[1, 2, 0, 0, 0, 0, 1],             // transactions of the second block
    ] {
        assert!(decode_plain(&huge(prefix), CHAIN_ID, ALL).is_err());
        // With bytes behind that make some large counts believable.
        let mut padded = huge(prefix);
        padded.resize(MAX_DECOMPRESSED_SIZE, 0);
        assert!(decode_plain(&padded, CHAIN_ID, ALL).is_err());
        let mut small = prefix.to_vec();
        small.extend_from_slice(&[0xff, 0xff, 0x7f]);
        small.resize(MAX_DECOMPRESSED_SIZE, 0);
        assert!(decode_plain(&small, CHAIN_ID, ALL).is_err());
    }
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
}

#[test]
fn fields_out_of_range_are_refused() {
    let tx = |kind: u8, rest: &[u8]| {
        let plain = [&[1, 1, 0, 0, 1, kind], rest].concat();
        decode_plain(&plain, CHAIN_ID, ALL)
    };
    let signature = [1; 64];
    let creation = |value: &[u8]| tx(8, &[&[0, 0, 0], value, &[0], &signature].concat());
    assert!(creation(&[0, 0]).is_ok());
    assert!(creation(&[76, 1]).is_ok());
    assert!(creation(&[77, 1]).is_ok());
    assert_eq!(creation(&[78, 1]), Err(DecodeError::Range("value")));
    assert_eq!(creation(&[77, 2]), Err(DecodeError::Range("value")));
    assert_eq!(creation(&[254, 1]), Err(DecodeError::Range("value")));
    for kind in [16, 0x80, 3 | 4, 3 | 8] {
        assert_eq!(tx(kind, &[]), Err(DecodeError::Range("transaction kind")));
    }
    let call = |to: &[u8]| tx(0, &[&[0, 0, 0], to, &[0, 0, 0], &signature].concat());
    assert_eq!(call(&[1]), Err(DecodeError::Range("address index")));
    // A nonce of 65 bits, and a varint that does not end.
    let long = [&[0xff; 9][..], &[0x03]].concat();
    assert_eq!(tx(8, &long), Err(DecodeError::Range("varint")));
    assert_eq!(tx(8, &[0x80; 40]), Err(DecodeError::Range("varint")));
    assert_eq!(decode_plain(&[2, 0], CHAIN_ID, ALL), Err(DecodeError::Version(2)));
    assert_eq!(decode_plain(&[], CHAIN_ID, ALL), Err(DecodeError::Truncated));
    let many = MAX_BLOCKS_PER_BATCH + 1;
    let mut plain = vec![1, (many as u8) | 0x80, (many >> 7) as u8];
    plain.resize(plain.len() + 3 * many as usize, 0);
    assert_eq!(decode_plain(&plain, CHAIN_ID, ALL), Err(DecodeError::Range("block count")));
}
