//! A chain that was derived from another inbox than L1's.

use std::sync::Arc;

use anyhow::{Context, Result};
use db::Reader;
use rollup::{
    RollupConfig,
    chain::{Chain, ChainOptions},
    l1::{InboxEvent, L1Block, L1Update},
};
use stf::{
    BatchHeader, Message, MessageHeader,
    blob::BlobData,
    codec,
    inbox::{DaKind, MessageKind},
};

use super::plot::Lie;

/// A node's chain with something else in one batch.
#[derive(Debug)]
pub(super) struct OtherChain {
    // Before the folder, so that it closes first.
    chain: Chain,
    derived: Option<(u64, Lie)>,
    _dir: tempfile::TempDir,
}

impl OtherChain {
    pub(super) fn new(config: Arc<RollupConfig>) -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let chain = Chain::open(dir.path(), config, ChainOptions::default())?;
        Ok(Self { chain, derived: None, _dir: dir })
    }

    pub(super) const fn chain(&self) -> &Chain {
        &self.chain
    }

    /// Derives what the honest chain has, up to so many batches, with the lie in it.
    pub(super) fn follow(&mut self, honest: &Reader, batches: u64, lie: Lie) -> Result<()> {
        if self.derived.is_some_and(|(count, last)| batches <= count && lie == last) {
            return Ok(());
        }
        // From the start each time: a test has few batches.
        let blocks = read(honest, batches, |header, payload| {
            change(self.chain.config().chain.chain_id, header, payload, lie)
        })?;
        let fresh = Self::new(self.chain.config().clone())?;
        fresh.chain.apply_l1(L1Update::Blocks(blocks))?;
        *self = Self { derived: Some((batches, lie)), ..fresh };
        Ok(())
    }
}

/// The inbox as a follower reads it, from the records of a database.
fn read(
    reader: &Reader,
    batches: u64,
    change: impl Fn(BatchHeader, Vec<u8>) -> Result<(BatchHeader, Vec<u8>)>,
) -> Result<Vec<L1Block>> {
    let mut blocks: Vec<L1Block> = Vec::new();
    let mut batch = 0;
    for index in 0..reader.message_count()? {
        let record = reader.message(index)?.context("a message is missing")?;
        let header = MessageHeader::decode(&record.header)?;
        let message = Message { header, data: record.data.to_vec(), acc: record.acc };
        let event = if message.header.kind == MessageKind::L1Info {
            if batch == batches {
                break;
            }
            // Each batch comes with such a report, in order.
            let record = reader.batch(batch)?.context("a batch is missing")?;
            let header = BatchHeader::decode(&record.header)?;
            let (header, data) = change(header, record.data.to_vec())?;
            batch += 1;
            InboxEvent::Batch {
                index: batch - 1,
                header,
                acc: record.acc,
                info_index: index,
                info: message,
                data,
                tx_hash: record.tx_hash,
            }
        } else {
            InboxEvent::Message { index, message, client_hash: None }
        };
        match blocks.last_mut().filter(|block| block.number == record.l1_block) {
            Some(block) => block.events.push(event),
            None => {
                let stored = reader.l1_block(record.l1_block)?;
                blocks.push(L1Block {
                    number: record.l1_block,
                    hash: stored.map(|block| block.hash).unwrap_or_default(),
                    parent_hash: stored.map(|block| block.parent).unwrap_or_default(),
                    timestamp: stored.map(|block| block.timestamp).unwrap_or_default(),
                    events: vec![event],
                });
            }
        }
    }
    Ok(blocks)
}

/// What the lie makes of a batch.
fn change(chain_id: u64, header: BatchHeader, data: Vec<u8>, lie: Lie) -> Result<(BatchHeader, Vec<u8>)> {
    let holds = |block: u64| (header.first_block..header.first_block + header.block_count).contains(&block);
    match lie {
        // Whatever does not decode makes default blocks.
        Lie::IgnoredBatch { block } if holds(block) => Ok(posted(header, vec![0xff])),
        Lie::SkippedTransaction { block } if holds(block) => {
            let count = usize::try_from(header.block_count)?;
            let mut specs = match BlobData::decode(&data).filter(|_| header.da_kind == DaKind::Blobs) {
                Some(blobs) => {
                    let Ok(specs) =
                        codec::decode_from(&mut blobs.payload(header.payload_length), chain_id, 0..count);
                    specs?
                }
                None => codec::decode(&data, chain_id, 0..count)?,
            };
            let place = usize::try_from(block - header.first_block)?;
            let spec = specs.get_mut(place).context("no such block in the batch")?;
            spec.transactions.pop().context("the block has no transaction to skip")?;
            let payload = codec::encode(&specs, chain_id, 5)?;
            Ok(posted(header, payload))
        }
        _ => Ok((header, data)),
    }
}

/// A batch of another payload. As far as a chain that is never shown to L1 goes, it may as well be calldata.
fn posted(header: BatchHeader, payload: Vec<u8>) -> (BatchHeader, Vec<u8>) {
    let payload_length = payload.len() as u64;
    (BatchHeader { da_kind: DaKind::Calldata, payload_length, ..header }, payload)
}
