//! Limits that pool, sequencer and batcher share, because a block must be fit to be posted.

use stf::inbox::MAX_PAYLOAD_SIZE;

/// Largest transaction that L1 nodes relay, in bytes (go-ethereum's `txMaxSize`).
pub const MAX_L1_TRANSACTION: usize = 128 * 1024;

/// Bytes of an L1 transaction around a payload: its envelope and signature, the call's other arguments and padding.
pub const L1_OVERHEAD: usize = 2048;

/// Largest payload that is ever posted, in bytes. A block that does not fit into a payload of this size alone can't be
/// posted, so a sequencer must not build one.
pub const MAX_PAYLOAD: usize = MAX_L1_TRANSACTION - L1_OVERHEAD;

/// Most bytes of a block's transactions, and so of a transaction in the pool. A block must fit one batch alone, and what
/// does not compress needs room for the frame, too.
pub const MAX_BLOCK_BYTES: usize = 120_000;

// The largest block fits the largest payload, with what stands around transactions that do not compress: a byte in
// 16,384 for Brotli's uncompressed blocks, and the columns of the block's own numbers.
const _: () = assert!(MAX_BLOCK_BYTES + MAX_BLOCK_BYTES / 64 + 256 <= MAX_PAYLOAD);
// The largest payload is one that every node reads.
const _: () = assert!(MAX_PAYLOAD <= MAX_PAYLOAD_SIZE);
