//! The output root that proposals claim and withdrawals are proven against.

use alloy_consensus::Header;
use alloy_primitives::{B256, keccak256};

/// Output root version 0 of the OP Stack: `keccak256(bytes32(0) ‖ stateRoot ‖ withdrawalsRoot ‖ blockHash)`.
/// `hash` is the header's.
pub fn output_root(header: &Header, hash: B256) -> B256 {
    let mut buffer = [0; 128];
    buffer[32..64].copy_from_slice(header.state_root.as_slice());
    buffer[64..96].copy_from_slice(header.withdrawals_root.unwrap_or_default().as_slice());
    buffer[96..].copy_from_slice(hash.as_slice());
    keccak256(buffer)
}
