//! Where payloads are posted: in calldata, or in blobs.

use alloy::eips::eip4844::DATA_GAS_PER_BLOB;
use serde::Deserialize;
use stf::{
    blob::{BLOB_ROOM, MAX_BLOBS},
    inbox::DaKind,
};

use crate::limits::MAX_PAYLOAD;

/// Gas of a transaction before anything else.
const TRANSACTION_GAS: u128 = 21_000;

/// What the inbox takes to append a batch, about: it counts against the floor of calldata.
const APPEND_GAS: u128 = 80_000;

/// Gas of a byte of calldata that is not zero; hardly any of a payload is (EIP-2028).
const CALLDATA_GAS: u128 = 16;

/// The same at the least, for all of a transaction together (EIP-7623).
const CALLDATA_FLOOR_GAS: u128 = 40;

/// Blob gas of a blob, whatever is in it (EIP-4844).
const BLOB_GAS: u128 = DATA_GAS_PER_BLOB as u128;

/// The price of a blob that L1's rule aims at, in gas for a unit of blob gas: below it, blobs get dearer whatever is in blocks
/// (EIP-7918: `BLOB_BASE_COST / GAS_PER_BLOB`, 2^13 / 2^17).
const BLOB_RESERVE_DIVISOR: u128 = 16;

/// What the inbox takes at most, besides the bytes: a batch takes some 80,000, a third more where it is the first to cover
/// messages.
const MAX_APPEND_GAS: u64 = 300_000;

/// Gas of a byte of calldata that the inbox reads and hashes: what the transaction takes for it, and a quarter more.
const READ_GAS: u64 = 20;

/// What is not in use must cost at most so much of what is, in percent, to be taken instead: else the choice would flicker
/// where both cost about the same, and pools do not take one kind from an account while the other waits.
const SWITCH_PERCENT: u128 = 80;

/// What L1 asks for now, in wei.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct DaPrice {
    pub(super) base_fee: u128,
    pub(super) blob_base_fee: u128,
}

impl DaPrice {
    /// What it costs to post a payload of this length.
    fn cost(&self, kind: DaKind, payload: u128) -> u128 {
        match kind {
            DaKind::Blobs => {
                let blobs = payload.div_ceil(BLOB_ROOM as u128).max(1);
                let batches = blobs.div_ceil(MAX_BLOBS as u128);
                let gas = batches * (TRANSACTION_GAS + APPEND_GAS);
                let blob_gas = blobs * BLOB_GAS;
                // What is below the reserve price soon costs as much.
                let blob_fee = self.blob_base_fee.max(self.base_fee / BLOB_RESERVE_DIVISOR);
                self.base_fee.saturating_mul(gas).saturating_add(blob_fee.saturating_mul(blob_gas))
            }
            DaKind::Calldata | DaKind::None => {
                let batches = payload.div_ceil(MAX_PAYLOAD as u128).max(1);
                let usual = CALLDATA_GAS * payload + APPEND_GAS * batches;
                let gas = batches * TRANSACTION_GAS + usual.max(CALLDATA_FLOOR_GAS * payload);
                self.base_fee.saturating_mul(gas)
            }
        }
    }

    /// Where to post a payload of this length, after the last one went there.
    pub(super) fn choose(&self, last: DaKind, payload: usize) -> DaKind {
        let other = other(last);
        let (here, there) = (self.cost(last, payload as u128), self.cost(other, payload as u128));
        if there.saturating_mul(100) < here.saturating_mul(SWITCH_PERCENT) { other } else { last }
    }
}

/// The largest payload of a batch of several blocks, by the blobs that it may have.
pub(super) const fn room(kind: DaKind, blobs: usize) -> usize {
    match kind {
        DaKind::Blobs => blobs * BLOB_ROOM,
        DaKind::Calldata | DaKind::None => MAX_PAYLOAD,
    }
}

/// What of L1's rules bounds a batch (EIP-7910: `eth_config`).
#[derive(Debug, Deserialize)]
pub(super) struct L1Rules {
    current: L1Fork,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct L1Fork {
    blob_schedule: BlobSchedule,
}

#[derive(Debug, Deserialize)]
struct BlobSchedule {
    /// Most blobs in a block.
    max: usize,
}

impl L1Rules {
    /// Blobs that a batch may have there, by the inbox's rule and L1's.
    pub(super) fn blobs(&self) -> usize {
        self.current.blob_schedule.max.clamp(1, MAX_BLOBS)
    }
}

/// Where else a payload can be posted.
pub(super) const fn other(kind: DaKind) -> DaKind {
    match kind {
        DaKind::Blobs => DaKind::Calldata,
        DaKind::Calldata | DaKind::None => DaKind::Blobs,
    }
}

/// Gas that appending a batch takes at most, by the length of the call.
pub(super) const fn gas_limit(call: usize) -> u64 {
    let call = call as u64;
    let (used, least) = (MAX_APPEND_GAS + READ_GAS * call, CALLDATA_FLOOR_GAS as u64 * call);
    TRANSACTION_GAS as u64 + if used > least { used } else { least }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GWEI: u128 = 1_000_000_000;

    #[test]
    fn what_costs_less_is_taken_and_kept_where_the_difference_is_small() {
        let price = |base_fee, blob_base_fee| DaPrice { base_fee, blob_base_fee };
        // A full batch: blobs are cheap, then as dear as calldata, then dearer.
        let payload = 6 * BLOB_ROOM;
        let same = price(GWEI, price(GWEI, 0).cost(DaKind::Calldata, payload as u128) / (6 * BLOB_GAS));
        for last in [DaKind::Calldata, DaKind::Blobs] {
            assert_eq!(price(GWEI, 1).choose(last, payload), DaKind::Blobs);
            assert_eq!(same.choose(last, payload), last);
            assert_eq!(price(GWEI, 2 * same.blob_base_fee).choose(last, payload), DaKind::Calldata);
        }
        // A blob costs the same whatever is in it: little is posted in calldata.
        assert_eq!(price(GWEI, GWEI).choose(DaKind::Blobs, 500), DaKind::Calldata);
        assert_eq!(price(GWEI, GWEI).choose(DaKind::Calldata, 100_000), DaKind::Blobs);
        // Nothing overflows, and nothing is divided by zero.
        assert_eq!(price(u128::MAX, u128::MAX).choose(DaKind::Blobs, usize::MAX), DaKind::Blobs);
        assert_eq!(price(0, 0).choose(DaKind::Calldata, 0), DaKind::Calldata);
    }

    #[test]
    fn blobs_cost_their_reserve_price_at_least() {
        let price = DaPrice { base_fee: 160, blob_base_fee: 1 };
        assert_eq!(price.cost(DaKind::Blobs, 1), 160 * 101_000 + 10 * 131_072);
        let dear = DaPrice { blob_base_fee: 11, ..price };
        assert_eq!(dear.cost(DaKind::Blobs, 1), 160 * 101_000 + 11 * 131_072);
    }

    #[test]
    fn a_batch_has_no_more_blobs_than_an_l1_block() {
        // The example of EIP-7910, shortened, with other numbers of blobs.
        let rules = |max: usize| -> L1Rules {
            let fork = serde_json::json!({ "activationTime": 0, "chainId": "0x88bb0",
                "blobSchedule": { "baseFeeUpdateFraction": 3_338_477, "max": max, "target": 2 } });
            serde_json::from_value(serde_json::json!({ "current": fork, "next": null, "last": null }))
                .unwrap()
        };
        assert_eq!([1, 4, 6, 21].map(|max| rules(max).blobs()), [1, 4, 6, 6]);
        assert_eq!(room(DaKind::Blobs, rules(4).blobs()), 4 * BLOB_ROOM);
    }

    #[test]
    fn calldata_costs_what_the_floor_says() {
        let price = DaPrice { base_fee: 1, blob_base_fee: 1 };
        assert_eq!(price.cost(DaKind::Calldata, 100_000), 21_000 + 40 * 100_000);
        assert_eq!(price.cost(DaKind::Calldata, 1000), 21_000 + 16_000 + 80_000);
        assert_eq!(price.cost(DaKind::Blobs, 1), 101_000 + 131_072);
        assert_eq!(price.cost(DaKind::Blobs, 6 * 130_048 + 1), 2 * 101_000 + 7 * 131_072);
    }
}
