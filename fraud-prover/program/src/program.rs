//! What the program does between start and end.

use alloc::vec::Vec;
use alloy_primitives::{B256, Bytes};
use stf::{
    PreimageOracle,
    run::{MAX_PREIMAGE_SIZE, OracleError, RunPhase},
};

use crate::{crypto, machine};

/// The machine's preimages and blobs.
struct Machine;

impl PreimageOracle for Machine {
    fn preimage(&self, hash: &B256) -> Result<Bytes, OracleError> {
        let mut preimage = machine::Preimage::open(hash);
        let len = preimage.len();
        // Before memory is allocated for it.
        if len > MAX_PREIMAGE_SIZE {
            return Err(OracleError::TooLong { hash: *hash, len });
        }
        let mut bytes = Vec::with_capacity(len.next_multiple_of(machine::LEAF));
        preimage.read(&mut bytes);
        Ok(bytes.into())
    }

    fn blob_element(&self, versioned_hash: &B256, index: u16) -> Result<B256, OracleError> {
        Ok(machine::blob_element(versioned_hash, index))
    }

    fn enter(&self, phase: RunPhase) {
        machine::note(phase.to_word());
    }
}

/// The output of the block that a boot names; `None` if there is none.
pub(crate) fn run(boot_hash: [u8; 32]) -> Option<B256> {
    crypto::install();
    stf::run(&B256::new(boot_hash), &Machine).ok()
}
