//! Where payloads are posted: in calldata, or in blobs.

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
const BLOB_GAS: u128 = 131_072;

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
                self.base_fee.saturating_mul(gas).saturating_add(self.blob_base_fee.saturating_mul(blob_gas))
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
        let other = if last == DaKind::Blobs { DaKind::Calldata } else { DaKind::Blobs };
        let (here, there) = (self.cost(last, payload as u128), self.cost(other, payload as u128));
        if there.saturating_mul(100) < here.saturating_mul(SWITCH_PERCENT) { other } else { last }
    }
}

/// The largest payload of a batch of several blocks.
pub(super) const fn room(kind: DaKind) -> usize {
    match kind {
        DaKind::Blobs => MAX_BLOBS * BLOB_ROOM,
        DaKind::Calldata | DaKind::None => MAX_PAYLOAD,
    }
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
    fn calldata_costs_what_the_floor_says() {
        let price = DaPrice { base_fee: 1, blob_base_fee: 1 };
        assert_eq!(price.cost(DaKind::Calldata, 100_000), 21_000 + 40 * 100_000);
        assert_eq!(price.cost(DaKind::Calldata, 1000), 21_000 + 16_000 + 80_000);
        assert_eq!(price.cost(DaKind::Blobs, 1), 101_000 + 131_072);
        assert_eq!(price.cost(DaKind::Blobs, 6 * 130_048 + 1), 2 * 101_000 + 7 * 131_072);
    }
}
