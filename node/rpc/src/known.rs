//! What this node knows of what was hashed.

use std::sync::Arc;

use alloy::{
    consensus::Transaction as _,
    primitives::{Address, B256, Bytes, keccak256, map::B256Map},
};
use alloy_rpc_types_trace::geth::CallFrame;

use super::{
    RpcError, block::Block, call_frames::BlockFrames, context::Rpc, peers::Work, preimages::GenesisPreimages,
};

impl Rpc {
    fn of_genesis(&self) -> &GenesisPreimages {
        self.genesis_preimages.get_or_init(|| GenesisPreimages::new(&self.chain.config().genesis))
    }

    pub(crate) fn known_address(&self, hash: &B256) -> Option<Address> {
        self.of_genesis().address(hash)
    }

    pub(crate) fn known_slot(&self, hash: &B256) -> Option<B256> {
        self.of_genesis().slot(hash)
    }

    pub(crate) async fn preimage(self: Arc<Self>, hash: B256) -> Result<Bytes, RpcError> {
        self.work(Work::Light, move |rpc| {
            if let Some(address) = rpc.known_address(&hash) {
                return Ok(Bytes::copy_from_slice(address.as_slice()));
            }
            if let Some(slot) = rpc.known_slot(&hash) {
                return Ok(slot.into());
            }
            // A code is what its hash was made of, too.
            match rpc.reader()?.code(&hash) {
                Ok(code) => Ok(code),
                Err(db::Error::NoCode(_)) => Err(RpcError::refused("unknown preimage")),
                Err(error) => Err(error.into()),
            }
        })
        .await
    }

    /// All addresses that a block's transactions touch, by their hashes.
    pub(crate) fn touched_addresses(
        &self,
        block: &Block,
        found: &mut B256Map<Address>,
    ) -> Result<(), RpcError> {
        let mut add = |address: Address| {
            found.insert(keccak256(address), address);
        };
        add(block.header.beneficiary);
        let mut frames = BlockFrames::new(self, block)?;
        for tx in &block.transactions {
            add(tx.sender());
            for authorization in tx.envelope().authorization_list().into_iter().flatten() {
                if let Ok(authority) = authorization.recover_authority() {
                    add(authority);
                }
            }
            add_frame(&frames.next_frame()?, &mut add);
        }
        Ok(())
    }
}

fn add_frame(frame: &CallFrame, add: &mut impl FnMut(Address)) {
    add(frame.from);
    if let Some(to) = frame.to {
        add(to);
    }
    frame.calls.iter().for_each(|call| add_frame(call, add));
}
