//! From L1 logs to inbox records: everything is checked against the accumulators before it is believed.

use alloy::{
    consensus::Sealable,
    primitives::{Address, B256, U256, keccak256},
    rpc::types::Log,
    sol_types::{SolCall, SolEvent},
};
use bindings::{
    IInbox::{BatchAppended, MessageEnqueued, appendBatchCall},
    IPortal::TransactionDeposited,
};
use db::{Tx, TxMode};
use stf::{
    BatchHeader, Message, MessageHeader,
    blob::{BLOB_ROOM, BlobData, blobs_hash},
    inbox::{DaKind, InboxError, MAX_BLOCKS_PER_BATCH, MessageKind, accumulate, chunk_hash},
    message::deposit_transaction,
};

use super::{InboxEvent, client::L1Transaction};

/// What a [`Mismatch`] calls the inbox's records.
pub(super) const MESSAGE: &str = "message";
pub(super) const BATCH: &str = "batch";

/// How logs contradict what is known, or themselves. After an L1 reorg they do; otherwise the endpoint lies.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Mismatch {
    /// A log without a block, or of a block that was reorganised away.
    #[error("a log of no block")]
    NotInBlock,
    /// A log of another block than asked for.
    #[error("block {number} has hash {expected}, but its log says {found}")]
    BlockHash {
        /// The L1 block.
        number: u64,
        /// As its header says.
        expected: B256,
        /// As the log says.
        found: B256,
    },
    /// A header that does not follow on the one before.
    #[error("block {number} does not follow on {parent}")]
    NotChild {
        /// The L1 block.
        number: u64,
        /// The hash of the block before.
        parent: B256,
    },
    /// A block that is told with one hash now, and with another a moment later.
    #[error("block {number} is told with several hashes")]
    SeveralHashes {
        /// The L1 block.
        number: u64,
    },
    /// A log out of order, from another contract, or not to be decoded.
    #[error("log {index} of block {number} is malformed")]
    Log {
        /// The L1 block.
        number: u64,
        /// Index of the log in the block.
        index: u64,
    },
    /// A header that no contract writes.
    #[error("{what} {index}: {error}")]
    Header {
        /// Message or batch.
        what: &'static str,
        /// Its index.
        index: u64,
        /// What is wrong.
        error: InboxError,
    },
    /// Records are missing or given twice.
    #[error("expected {what} {expected}, found {found}")]
    Index {
        /// Message, batch or first block of a batch.
        what: &'static str,
        /// What comes next.
        expected: u64,
        /// What was found.
        found: u64,
    },
    /// The accumulator does not come out.
    #[error("{what} {index} leads to accumulator {expected}, but its log says {found}")]
    Accumulator {
        /// Message or batch.
        what: &'static str,
        /// Its index.
        index: u64,
        /// As computed.
        expected: B256,
        /// As the log says.
        found: B256,
    },
    /// Data is not what the header commits to, or not there.
    #[error("the data of {what} {index} is not what its header commits to")]
    Data {
        /// Message or batch.
        what: &'static str,
        /// Its index.
        index: u64,
    },
    /// The inbox has more or other records than its logs.
    #[error("the inbox counts {found} {what}, its logs give {expected}")]
    Count {
        /// Messages or batches.
        what: &'static str,
        /// By the logs.
        expected: u64,
        /// By the contract.
        found: u64,
    },
}

/// Where the inbox stands: what the next records must follow on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InboxPosition {
    /// Number of messages.
    pub messages: u64,
    /// Accumulator over them.
    pub message_acc: B256,
    /// Number of batches.
    pub batches: u64,
    /// Accumulator over them.
    pub batch_acc: B256,
    /// Last L2 block in a batch.
    pub last_block: u64,
    /// Queue index up to which the batches may consume.
    pub message_end: u64,
}

impl InboxPosition {
    /// Where the records in the database end.
    pub fn load<K: TxMode>(reader: &Tx<K>) -> Result<Self, db::Error> {
        let mut position =
            Self { messages: reader.message_count()?, batches: reader.batch_count()?, ..Self::default() };
        position.message_acc = reader.message_acc(position.messages)?.unwrap_or_default();
        if let Some(last) = position.batches.checked_sub(1)
            && let Some(batch) = reader.batch(last)?
        {
            position.batch_acc = batch.acc;
            position.last_block = batch.last_block;
            position.message_end = BatchHeader::decode(&batch.header).map_or(0, |header| header.message_end);
        }
        Ok(position)
    }

    fn message(
        &mut self,
        index: u64,
        acc: Option<B256>,
        header: &[u8],
        data: Vec<u8>,
    ) -> Result<Message, Mismatch> {
        let what = MESSAGE;
        if index != self.messages {
            return Err(Mismatch::Index { what, expected: self.messages, found: index });
        }
        let expected = accumulate(self.message_acc, header);
        if let Some(found) = acc.filter(|found| *found != expected) {
            return Err(Mismatch::Accumulator { what, index, expected, found });
        }
        let header =
            MessageHeader::decode(header).map_err(|error| Mismatch::Header { what, index, error })?;
        if chunk_hash(&data) != header.data_hash {
            return Err(Mismatch::Data { what, index });
        }
        self.messages += 1;
        self.message_acc = expected;
        Ok(Message { header, data, acc: expected })
    }

    fn batch(&mut self, index: u64, acc: B256, header: &[u8]) -> Result<BatchHeader, Mismatch> {
        let what = BATCH;
        if index != self.batches {
            return Err(Mismatch::Index { what, expected: self.batches, found: index });
        }
        let expected = accumulate(self.batch_acc, header);
        if acc != expected {
            return Err(Mismatch::Accumulator { what, index, expected, found: acc });
        }
        let header = BatchHeader::decode(header).map_err(|error| Mismatch::Header { what, index, error })?;
        let next = self.last_block.saturating_add(1);
        if header.first_block != next {
            let what = "first block of a batch";
            return Err(Mismatch::Index { what, expected: next, found: header.first_block });
        }
        let ends = self.message_end..=self.messages;
        if !(1..=MAX_BLOCKS_PER_BATCH).contains(&header.block_count) || !ends.contains(&header.message_end) {
            return Err(Mismatch::Data { what, index });
        }
        self.batches += 1;
        self.batch_acc = expected;
        self.last_block = header.last_block();
        self.message_end = header.message_end;
        Ok(header)
    }
}

/// A log of the inbox or the portal.
#[derive(Clone, Debug)]
enum Record {
    Message(MessageEnqueued),
    Batch(BatchAppended),
    Deposit,
}

/// A log that has a place in L1.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) block: u64,
    block_hash: B256,
    index: u64,
    tx: B256,
    record: Record,
}

impl Entry {
    /// What it is, its index, and the accumulator after it; none for a log that is no record.
    pub(super) const fn link(&self) -> Option<(&'static str, u64, B256)> {
        match &self.record {
            Record::Message(event) => Some((MESSAGE, event.index, event.acc)),
            Record::Batch(event) => Some((BATCH, event.index, event.acc)),
            Record::Deposit => None,
        }
    }

    /// The transaction to fetch for what was posted with a batch.
    pub(super) fn data_tx(&self) -> Option<B256> {
        match &self.record {
            Record::Batch(event) => {
                let header = BatchHeader::decode(&event.header).ok()?;
                (header.da_kind != DaKind::None).then_some(self.tx)
            }
            _ => None,
        }
    }

    /// What a transaction holds of what a batch's header commits to.
    pub(super) fn posted(&self, tx: Option<&L1Transaction>, inbox: Address) -> Result<Posted, Mismatch> {
        let Record::Batch(event) = &self.record else { return Ok(Posted::Nothing) };
        let (what, index) = (BATCH, event.index);
        let header =
            BatchHeader::decode(&event.header).map_err(|error| Mismatch::Header { what, index, error })?;
        let posted = match header.da_kind {
            DaKind::None => Some(Posted::Nothing),
            DaKind::Calldata => tx
                .and_then(|tx| payload(tx, inbox))
                .filter(|payload| is_data(payload, &header))
                .map(Posted::Payload),
            DaKind::Blobs => tx
                .map(|tx| &tx.blob_versioned_hashes)
                .filter(|hashes| blobs_hash(hashes) == header.data_hash)
                .map(|hashes| Posted::Blobs(hashes.clone())),
        };
        posted.ok_or(Mismatch::Data { what, index })
    }

    /// How many L2 blocks it holds, as far as it can be believed yet.
    pub(super) fn l2_blocks(&self) -> u64 {
        match &self.record {
            Record::Batch(event) => BatchHeader::decode(&event.header).map_or(0, |header| header.block_count),
            _ => 0,
        }
    }
}

/// Decodes logs, which must be in order and from these contracts.
pub(super) fn entries(logs: &[Log], inbox: Address, portal: Address) -> Result<Vec<Entry>, Mismatch> {
    let mut entries: Vec<Entry> = Vec::with_capacity(logs.len());
    for log in logs {
        let (Some(block), Some(block_hash), Some(index), Some(tx), false) =
            (log.block_number, log.block_hash, log.log_index, log.transaction_hash, log.removed)
        else {
            return Err(Mismatch::NotInBlock);
        };
        let malformed = Mismatch::Log { number: block, index };
        if entries.last().is_some_and(|before| (before.block, before.index) >= (block, index)) {
            return Err(malformed);
        }
        let topic = log.topic0().copied().unwrap_or_default();
        let record = if log.address() == inbox && topic == MessageEnqueued::SIGNATURE_HASH {
            MessageEnqueued::decode_log_data(log.data()).ok().map(Record::Message)
        } else if log.address() == inbox && topic == BatchAppended::SIGNATURE_HASH {
            BatchAppended::decode_log_data(log.data()).ok().map(Record::Batch)
        } else if log.address() == portal && topic == TransactionDeposited::SIGNATURE_HASH {
            Some(Record::Deposit)
        } else {
            None
        };
        let record = record.ok_or(malformed)?;
        entries.push(Entry { block, block_hash, index, tx, record });
    }
    Ok(entries)
}

/// What a batch's transaction has of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Posted {
    Nothing,
    Payload(Vec<u8>),
    /// The versioned hashes of the blobs that hold the payload.
    Blobs(Vec<B256>),
}

/// Turns the entries of one L1 block into inbox events. `data_of` gives what was fetched for the batch of a transaction.
pub(super) fn events(
    position: &mut InboxPosition,
    block_hash: B256,
    entries: &[Entry],
    mut data_of: impl FnMut(B256) -> Option<Vec<u8>>,
) -> Result<Vec<InboxEvent>, Mismatch> {
    let mut events = Vec::with_capacity(entries.len());
    for (at, entry) in entries.iter().enumerate() {
        let (number, index) = (entry.block, entry.index);
        if entry.block_hash != block_hash {
            return Err(Mismatch::BlockHash { number, expected: block_hash, found: entry.block_hash });
        }
        match &entry.record {
            Record::Message(event) => {
                let data = event.data.to_vec();
                let message = position.message(event.index, Some(event.acc), &event.header, data)?;
                let client_hash = match message.header.kind {
                    MessageKind::Deposit => {
                        let deposit = entries.get(at + 1).filter(|next| {
                            matches!(next.record, Record::Deposit)
                                && next.tx == entry.tx
                                && next.index == index + 1
                        });
                        let deposit = deposit.ok_or(Mismatch::Log { number, index })?;
                        client_hash(&message, block_hash, deposit.index)
                    }
                    _ => None,
                };
                events.push(InboxEvent::Message { index: event.index, message, client_hash });
            }
            Record::Batch(event) => {
                let info = position.message(event.infoIndex, None, &event.infoHeader, Vec::new())?;
                let header = position.batch(event.index, event.acc, &event.header)?;
                let data = match header.da_kind {
                    DaKind::Calldata | DaKind::Blobs => data_of(entry.tx),
                    DaKind::None => Some(Vec::new()),
                };
                let data = data
                    .filter(|data| is_data(data, &header))
                    .ok_or(Mismatch::Data { what: BATCH, index: event.index })?;
                events.push(InboxEvent::Batch {
                    index: event.index,
                    header,
                    acc: event.acc,
                    info_index: event.infoIndex,
                    info,
                    data,
                    tx_hash: entry.tx,
                });
            }
            // The message that it belongs to was looked at before.
            Record::Deposit => {}
        }
    }
    Ok(events)
}

/// Follows entries with all that their logs hold, which is all but what was posted.
pub(super) fn follow(position: &mut InboxPosition, entries: &[Entry]) -> Result<(), Mismatch> {
    for entry in entries {
        match &entry.record {
            Record::Message(event) => {
                position.message(event.index, Some(event.acc), &event.header, event.data.to_vec())?;
            }
            Record::Batch(event) => {
                position.message(event.infoIndex, None, &event.infoHeader, Vec::new())?;
                position.batch(event.index, event.acc, &event.header)?;
            }
            Record::Deposit => {}
        }
    }
    Ok(())
}

/// Whether a header commits to what was posted. Blobs are known by their hashes, which whoever fetched them has checked.
fn is_data(data: &[u8], header: &BatchHeader) -> bool {
    match header.da_kind {
        DaKind::Blobs => BlobData::decode(data).is_some_and(|data| {
            let room = (data.blobs.len() * BLOB_ROOM) as u64;
            keccak256(data.versioned_hashes.as_flattened()) == header.data_hash
                && header.payload_length <= room
        }),
        DaKind::Calldata | DaKind::None => {
            data.len() as u64 == header.payload_length && chunk_hash(data) == header.data_hash
        }
    }
}

/// The payload in a transaction that posted a batch.
fn payload(tx: &L1Transaction, inbox: Address) -> Option<Vec<u8>> {
    if tx.to != Some(inbox) {
        return None;
    }
    Some(appendBatchCall::abi_decode(&tx.input).ok()?.payload.to_vec())
}

/// The transaction hash that client libraries of the OP Stack compute for a deposit: it differs from the real one in
/// the source hash, made from what a contract cannot know.
fn client_hash(message: &Message, block_hash: B256, log_index: u64) -> Option<B256> {
    let mut deposit = deposit_transaction(message).ok()?;
    let id = keccak256([block_hash, U256::from(log_index).into()].concat());
    deposit.source_hash = keccak256([B256::ZERO, id].concat());
    Some(deposit.hash_slow())
}

#[cfg(test)]
mod tests;
