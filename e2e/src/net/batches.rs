use alloy::{
    network::{Ethereum, TransactionBuilder4844},
    primitives::{Address, B256, Bytes},
    providers::{DynProvider, Provider, RootProvider},
    rpc::types::Filter,
    sol_types::SolEvent,
};
use anyhow::{Context, Result, bail, ensure};
use bindings::IInbox::{self, IInboxInstance};
use rollup::blobs::BlobSidecar;
use stf::BatchHeader;
use testnet::Devnet;

use super::soon;

/// Gas for a batch with the largest payload that tests post.
const BATCH_GAS: u64 = 16_000_000;

/// Wei for a unit of blob gas: more than Anvil ever asks for in a test.
const BLOB_FEE: u128 = 1_000_000_000;

/// How often a batch is posted again because another came first. Nobody else has the key once a sequencer has been
/// [stopped](super::Net::stop_sequencer), so that once is already more than is expected.
const ATTEMPTS: usize = 3;

/// Posts batches with the batcher's key, whatever they hold.
///
/// The key must be nobody else's: a sequencer that had it is to be stopped by
/// [`Net::stop_sequencer`](super::Net::stop_sequencer), which waits for the batch that it may have sent as its last.
#[derive(Debug)]
pub struct Poster {
    batcher: Address,
    inbox: IInboxInstance<DynProvider<Ethereum>>,
    in_blobs: bool,
}

impl Poster {
    pub(super) fn new(devnet: &Devnet) -> Result<Self> {
        let key = &devnet.options.roles.batcher;
        let wallet = devnet.anvil.wallet(key)?;
        let inbox = IInboxInstance::new(devnet.rollup.contracts.inbox, wallet);
        Ok(Self { batcher: key.address(), inbox, in_blobs: false })
    }

    /// The same, which posts in blobs.
    #[must_use]
    pub fn in_blobs(self) -> Self {
        Self { in_blobs: true, ..self }
    }

    /// The next L2 block that no batch holds yet.
    pub async fn next_block(&self) -> Result<u64> {
        Ok(self.inbox.lastBlock().call().await? + 1)
    }

    /// Waits until L1 has no transaction of the batcher left that waits for a block. It makes the blocks itself, since
    /// there may be nobody else who does.
    pub async fn settle(&self) -> Result<()> {
        let l1 = self.inbox.provider();
        soon("L1 has all that the batcher has sent", async || {
            // Also where nothing seems to wait: a transaction may be on its way into the pool.
            let _: serde_json::Value = l1.raw_request("evm_mine".into(), ()).await?;
            let sent = l1.get_transaction_count(self.batcher).pending().await?;
            let included = l1.get_transaction_count(self.batcher).latest().await?;
            ensure!(sent == included, "{included} of {sent} transactions are in blocks");
            Ok(Some(()))
        })
        .await
    }

    /// Posts a batch as [`post`](Self::post) does, and waits until L1 has it; returns its first block. Somebody must make
    /// L1 blocks.
    pub async fn append(&self, payload: Bytes, blocks: u64) -> Result<u64> {
        for _ in 0..ATTEMPTS {
            let first = self.next_block().await?;
            let hash = self.post(payload.clone(), blocks).await?;
            let receipt = soon("L1 has the batch", async || {
                Ok(self.inbox.provider().get_transaction_receipt(hash).await?)
            });
            if receipt.await?.status() {
                return Ok(first);
            }
            let next = self.next_block().await?;
            ensure!(next != first, "the inbox refused {blocks} blocks from {first} on ({hash})");
        }
        bail!("the inbox refused a batch {ATTEMPTS} times, since another came first: who else has the key?")
    }

    /// Sends a batch with the next `blocks` L2 blocks that may consume the whole queue; it waits for an L1 block.
    pub async fn post(&self, payload: Bytes, blocks: u64) -> Result<B256> {
        let message_end = self.inbox.messageCount().call().await?;
        if self.in_blobs {
            return self.post_blobs(payload, blocks, message_end).await;
        }
        let call = self.inbox.appendBatch(
            payload,
            self.next_block().await?,
            blocks,
            message_end,
            B256::ZERO,
            Bytes::new(),
        );
        Ok(*call.gas(BATCH_GAS).send().await?.tx_hash())
    }

    async fn post_blobs(&self, payload: Bytes, blocks: u64, message_end: u64) -> Result<B256> {
        let length = payload.len() as u64;
        // There is no transaction without a blob.
        let held = if payload.is_empty() { Bytes::from_static(&[0]) } else { payload };
        let blobs = tokio::task::spawn_blocking(move || BlobSidecar::of(&held)).await??;
        let first = self.next_block().await?;
        let call = self.inbox.appendBlobBatch(length, first, blocks, message_end, B256::ZERO, Bytes::new());
        let mut request = call.gas(BATCH_GAS).into_transaction_request();
        request.set_blob_sidecar_7594(blobs.sidecar().clone());
        request.set_max_fee_per_blob_gas(BLOB_FEE);
        Ok(*self.inbox.provider().send_transaction(request).await?.tx_hash())
    }
}

/// A batch on L1.
#[derive(Clone, Debug)]
pub struct PostedBatch {
    /// Its index.
    pub index: u64,
    /// Its header.
    pub header: BatchHeader,
    /// The L1 transaction that posted it.
    pub tx_hash: B256,
}

/// All batches on L1, checked to follow on one another: every L2 block is in exactly one.
pub async fn batches(l1: &RootProvider, devnet: &Devnet) -> Result<Vec<PostedBatch>> {
    let filter = Filter::new()
        .address(devnet.rollup.contracts.inbox)
        .event_signature(IInbox::BatchAppended::SIGNATURE_HASH)
        .from_block(devnet.rollup.l1_start_block);
    let mut batches: Vec<PostedBatch> = Vec::new();
    for log in l1.get_logs(&filter).await? {
        let event = IInbox::BatchAppended::decode_log(&log.inner)?;
        let header = BatchHeader::decode(&event.header)?;
        let next = batches.last().map_or(1, |batch| batch.header.last_block() + 1);
        ensure!(header.first_block == next, "a batch starts at {}, expected {next}", header.first_block);
        ensure!(event.index == batches.len() as u64, "batch {} out of order", event.index);
        let tx_hash = log.transaction_hash.context("the log has no transaction")?;
        batches.push(PostedBatch { index: event.index, header, tx_hash });
    }
    Ok(batches)
}
