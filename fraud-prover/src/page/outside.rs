//! What others say: L1 beside its events, and a node. Each was asked by itself, so that who does not answer delays nothing.

use std::time::Duration;

use alloy::{
    eips::BlockId,
    primitives::{Address, B256},
    providers::{Provider, RootProvider},
};
use bindings::{IAnchorStateRegistry, ISystemConfig};
use parking_lot::Mutex;
use rollup::{
    chain::BlockRef,
    config::Contracts,
    l1::{L1Client, L1Error},
};
use serde::Serialize;
use tokio::time::timeout;

/// How long a node may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// A block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct HeadLine {
    pub(super) number: u64,
    pub(super) hash: B256,
    pub(super) time: u64,
}

impl From<BlockRef> for HeadLine {
    fn from(block: BlockRef) -> Self {
        Self { number: block.number, hash: block.hash, time: block.timestamp }
    }
}

/// What L1's contracts say, as of an L1 block.
#[derive(Clone, Copy, Debug)]
pub(super) struct L1Says {
    /// The L1 block.
    pub(super) block: u64,
    /// That block's hash.
    pub(super) hash: B256,
    /// The block whose output L1 accepted last, and that output.
    pub(super) anchor: (u64, B256),
    /// Who may post batches.
    pub(super) batcher: Option<Address>,
    /// In wei; not every L1 tells.
    pub(super) blob_base_fee: Option<u128>,
}

/// What was said last.
#[derive(Debug, Default)]
pub(super) struct Outside {
    l1: Mutex<Option<L1Says>>,
    newest: Mutex<Option<HeadLine>>,
}

impl Outside {
    /// What L1 said last.
    pub(super) fn l1(&self) -> Option<L1Says> {
        *self.l1.lock()
    }

    /// The node's newest block; none while it does not answer.
    pub(super) fn newest(&self) -> Option<HeadLine> {
        *self.newest.lock()
    }

    /// Asks L1 as of a block.
    ///
    /// # Errors
    /// It does not tell its anchor. What it said before stays.
    pub(super) async fn ask_l1(
        &self,
        client: &L1Client,
        contracts: &Contracts,
        (block, hash): (u64, B256),
    ) -> Result<(), L1Error> {
        let at = BlockId::from(hash);
        let anchor = IAnchorStateRegistry::anchorsCall {};
        let anchor = client.view(contracts.anchor_state_registry, anchor, at).await?;
        let batcher = client.view(contracts.system_config, ISystemConfig::batcherCall {}, at);
        let says = L1Says {
            block,
            hash,
            anchor: (anchor.l2SequenceNumber.saturating_to(), anchor.root),
            batcher: batcher.await.ok(),
            blob_base_fee: client.provider().get_blob_base_fee().await.ok(),
        };
        *self.l1.lock() = Some(says);
        Ok(())
    }

    /// Asks a node for its newest block; whether it is another one than before.
    pub(super) async fn ask_node(&self, node: &RootProvider) -> bool {
        let asked = node.get_block(BlockId::latest());
        let block = timeout(PATIENCE, async { asked.await }).await;
        let header = block.ok().and_then(Result::ok).flatten().map(|block| block.header);
        let newest = header.map(|header| HeadLine {
            number: header.number,
            hash: header.hash,
            time: header.timestamp,
        });
        let mut known = self.newest.lock();
        let is_new = *known != newest;
        *known = newest;
        is_new
    }
}
