use alloy::{
    network::Ethereum,
    primitives::{B256, Bytes},
    providers::{DynProvider, Provider, RootProvider},
    rpc::types::Filter,
    sol_types::SolEvent,
};
use anyhow::{Context, Result, ensure};
use bindings::IInbox::{self, IInboxInstance};
use stf::BatchHeader;
use testnet::Devnet;

/// Gas for a batch with the largest payload that tests post.
const BATCH_GAS: u64 = 16_000_000;

/// Posts batches with the batcher's key, whatever they hold.
#[derive(Debug)]
pub struct Poster {
    inbox: IInboxInstance<DynProvider<Ethereum>>,
}

impl Poster {
    pub(super) fn new(devnet: &Devnet) -> Result<Self> {
        let wallet = devnet.anvil.wallet(&devnet.options.deploy.roles.batcher)?;
        Ok(Self { inbox: IInboxInstance::new(devnet.rollup.contracts.inbox, wallet) })
    }

    /// The next L2 block that no batch holds yet.
    pub async fn next_block(&self) -> Result<u64> {
        Ok(self.inbox.lastBlock().call().await? + 1)
    }

    /// Sends a batch with the next `blocks` L2 blocks that may consume the whole queue; it waits for an L1 block.
    pub async fn post(&self, payload: Bytes, blocks: u64) -> Result<B256> {
        let message_end = self.inbox.messageCount().call().await?;
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
