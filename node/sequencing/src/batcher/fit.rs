//! How many blocks fit a payload.
//!
//! What blocks take shows only once they are compressed together. So it is tried: each attempt says how many bytes of
//! transactions the next should hold, until the payload is full to the brim.

use stf::codec::{EncodeError, MAX_DECOMPRESSED_SIZE, MAX_TRANSACTIONS, encode};

use super::{error::PlanError, snapshot::CandidateBlocks};

/// A payload is full with so much of what it may be, in parts of a thousand: the next attempt costs more than it brings.
const BRIM: usize = 995;

/// After so many attempts, what fits is good enough: each compresses some hundred kilobytes.
const MAX_ATTEMPTS: u32 = 6;

/// What bounds a batch.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Wanted size of the payload; several blocks never exceed it.
    pub(super) payload_size: usize,
    /// What a blob holds, if the payload goes into blobs: they cost the same however full they are.
    pub(super) blob_room: Option<usize>,
    /// Largest payload of a single block.
    pub(super) max_payload: usize,
    pub(super) max_blocks: u64,
    pub(super) quality: u8,
    /// Payload bytes that a byte of transactions is expected to take.
    pub(super) ratio: f64,
    /// Age in seconds past which messages must be covered.
    pub(super) force_delay: u64,
}

/// A payload, and how many blocks are in it.
#[derive(Debug)]
pub(super) struct Fitting {
    pub(super) payload: Vec<u8>,
    pub(super) count: usize,
}

/// The payload of as many of the blocks as fit; `None` if not even the first does.
pub(super) fn fit(
    blocks: &CandidateBlocks,
    limits: &Limits,
    chain_id: u64,
) -> Result<Option<Fitting>, PlanError> {
    let all = blocks.specs.len();
    let raw = |count: usize| count.checked_sub(1).map_or(0, |last| blocks.bytes[last]) as f64;
    // A first guess from the size of the transactions, generous because the payload may come out smaller.
    let guess = 1.25 * limits.payload_size as f64 / limits.ratio.max(0.01);
    let mut count = blocks.bytes.partition_point(|bytes| (*bytes as f64) < guess).clamp(1, all);
    let mut best: Option<Fitting> = None;
    // The fewest that did not fit.
    let mut beyond = all + 1;
    for attempt in 1u32.. {
        let limit = if count == 1 { limits.max_payload } else { limits.payload_size };
        // What there is of the scarcest, and how much of it this takes.
        let (size, limit) = match encode(&blocks.specs[..count], chain_id, limits.quality) {
            Ok(payload) if payload.len() <= limit => {
                let size = payload.len();
                best = Some(Fitting { payload, count });
                if size >= limit / 1000 * BRIM {
                    break;
                }
                (size, limit)
            }
            Ok(payload) => (payload.len(), limit),
            Err(EncodeError::TooLarge(size)) => (size, MAX_DECOMPRESSED_SIZE),
            Err(EncodeError::TooManyTransactions(found)) => (found, MAX_TRANSACTIONS),
            Err(error) => return Err(error.into()),
        };
        let most = best.as_ref().map_or(0, |best| best.count);
        if most < count {
            beyond = beyond.min(count);
        }
        if most + 1 >= beyond || attempt >= MAX_ATTEMPTS && most > 0 {
            break;
        }
        let wanted = raw(count).max(1.0) * limit as f64 / size.max(1) as f64;
        let next = blocks.bytes.partition_point(|bytes| (*bytes as f64) <= wanted);
        // Blocks without transactions have a size, too, and some attempts come out on the same side again and again.
        let by_bytes = attempt <= MAX_ATTEMPTS && raw(beyond - 1) > raw(most);
        let next = if by_bytes { next } else { (most + beyond) / 2 };
        count = next.clamp(most + 1, beyond - 1);
    }
    Ok(best)
}

/// The size of a payload that fills its blobs, if this one leaves more than half of its last blob empty.
pub(super) fn whole_blobs(fitting: &Fitting, limits: &Limits) -> Option<usize> {
    let room = limits.blob_room?;
    let (full, rest) = (fitting.payload.len() / room * room, fitting.payload.len() % room);
    (full > 0 && fitting.count > 1 && rest > 0 && rest < room / 2).then_some(full)
}

#[cfg(test)]
pub(super) mod tests {
    use alloy::primitives::B256;
    use stf::{BlockSpec, codec::decode};

    use super::*;

    pub(in super::super) const CHAIN: u64 = 42_069;

    /// Blocks of bytes that do not compress.
    pub(in super::super) fn blocks(sizes: &[usize]) -> CandidateBlocks {
        let mut state = 1u64;
        let mut noise = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 56) as u8
        };
        let mut blocks = CandidateBlocks::default();
        for (number, size) in sizes.iter().enumerate() {
            let raw: Vec<u8> = (0..*size).map(|_| noise()).collect();
            let transactions = if raw.is_empty() { Vec::new() } else { vec![raw.into()] };
            blocks.push(0, B256::ZERO, BlockSpec { timestamp: number as u64, messages: 0, transactions });
        }
        blocks
    }

    pub(in super::super) fn limits() -> Limits {
        Limits {
            payload_size: 10_000,
            blob_room: None,
            max_payload: 20_000,
            max_blocks: 4096,
            quality: 5,
            ratio: 1.0,
            force_delay: 60,
        }
    }

    fn check(sizes: &[usize], ratio: f64) -> Option<usize> {
        let blocks = blocks(sizes);
        let Fitting { payload, count } = fit(&blocks, &Limits { ratio, ..limits() }, CHAIN).unwrap()?;
        assert!(payload.len() <= if count == 1 { 20_000 } else { 10_000 });
        assert_eq!(decode(&payload, CHAIN, 0..usize::MAX).unwrap(), blocks.specs[..count]);
        Some(count)
    }

    #[test]
    fn as_many_blocks_as_fit() {
        for ratio in [0.05, 0.5, 1.0, 1.1] {
            assert_eq!(check(&[1000; 5], ratio), Some(5), "all fit");
            assert_eq!(check(&[1000; 100], ratio), Some(9), "blocks of 1,000 bytes in 10,000");
            assert_eq!(check(&[0; 4096], ratio), Some(4096), "empty blocks cost next to nothing");
        }
    }

    #[test]
    fn payloads_are_full_to_the_brim() {
        // Blocks of very different sizes, empty ones among them.
        let sizes: Vec<usize> = (0..400).map(|block| [0, 20, 35, 70][block % 4] + block % 7).collect();
        for ratio in [0.05, 0.5, 1.0] {
            let fitting = fit(&blocks(&sizes), &Limits { ratio, ..limits() }, CHAIN).unwrap().unwrap();
            let filled = fitting.payload.len();
            assert!((9_900..=10_000).contains(&filled), "{filled} of 10,000 bytes, {} blocks", fitting.count);
        }
        // Whatever the sizes, one more block would not have fitted, or a thousandth and less was left.
        for sizes in [vec![2_500; 40], vec![9_000, 10, 10, 2_000, 10], vec![3_334; 20]] {
            let blocks = blocks(&sizes);
            let fitting = fit(&blocks, &limits(), CHAIN).unwrap().unwrap();
            let more = encode(&blocks.specs[..=fitting.count], CHAIN, limits().quality).unwrap();
            assert!(more.len() > 10_000, "{sizes:?}: {} blocks, and one more fits", fitting.count);
        }
    }

    #[test]
    fn a_large_block_goes_alone_and_a_huge_one_not_at_all() {
        assert_eq!(check(&[15_000, 10], 1.0), Some(1));
        assert_eq!(check(&[15_000], 1.0), Some(1));
        assert_eq!(check(&[10, 15_000], 1.0), Some(1));
        assert_eq!(check(&[25_000, 10], 1.0), None);
        assert_eq!(check(&[MAX_DECOMPRESSED_SIZE + 1], 1.0), None);
    }

    #[test]
    fn a_last_blob_that_is_nearly_empty_is_left_for_the_next_batch() {
        let limits = Limits { blob_room: Some(1_000), ..limits() };
        let whole = |len, count| whole_blobs(&Fitting { payload: vec![0; len], count }, &limits);
        assert_eq!(whole(2_400, 9), Some(2_000));
        assert_eq!(whole(2_500, 9), None, "half full");
        assert_eq!(whole(400, 9), None, "the only one");
        assert_eq!(whole(2_400, 1), None, "a block cannot be cut");
        assert_eq!(whole(2_000, 9), None);
        let calldata = Limits { blob_room: None, ..limits };
        assert_eq!(whole_blobs(&Fitting { payload: vec![0; 2_400], count: 9 }, &calldata), None);
    }
}
