//! A model of the L1 inbox: what a follower would read of it.

use alloy::primitives::{Address, B256, U256, keccak256};
use rollup::{
    blobs::PackedBlobs,
    l1::{InboxEvent, L1Block},
};
use stf::{
    BatchHeader, Message, MessageHeader,
    blob::{BlobData, blobs_hash},
    config::{GUARANTEE, MIN_MESSAGE_GAS},
    inbox::{DaKind, MessageKind, accumulate, chunk_hash},
};

/// Seconds between L1 blocks.
const L1_BLOCK_TIME: u64 = 12;

/// What a deposit's message says.
#[derive(Clone, Debug, Default)]
pub struct Deposit {
    /// Whom it calls; `None` creates a contract.
    pub to: Option<Address>,
    /// Wei that it brings to L2.
    pub mint: U256,
    /// Wei that the call carries.
    pub value: U256,
    /// Gas of the call.
    pub gas_limit: u64,
    /// The call's input.
    pub input: Vec<u8>,
}

impl Deposit {
    pub(super) fn encode(&self) -> Vec<u8> {
        [
            self.to.unwrap_or_default().as_slice(),
            &self.mint.to_be_bytes::<32>(),
            &self.value.to_be_bytes::<32>(),
            &self.gas_limit.to_be_bytes(),
            &[u8::from(self.to.is_none())],
            &self.input,
        ]
        .concat()
    }
}

/// What a message counts against the gas that blocks have for messages, as the portal and the inbox say it.
fn counted_gas(kind: MessageKind, data: &[u8]) -> u64 {
    let limit = data.get(84..92).and_then(|bytes| bytes.try_into().ok()).map_or(0, u64::from_be_bytes);
    match kind {
        MessageKind::Deposit => limit.clamp(MIN_MESSAGE_GAS, GUARANTEE),
        MessageKind::L1Info | MessageKind::Config => MIN_MESSAGE_GAS,
    }
}

/// The inbox, and the L1 blocks that fill it.
#[derive(Debug)]
pub struct Inbox {
    genesis: u64,
    blocks: u64,
    last_hash: B256,
    message_accs: Vec<B256>,
    /// Gas of the messages before each queue index.
    gas_ends: Vec<u64>,
    batch_accs: Vec<B256>,
    last_block: u64,
}

impl Inbox {
    /// An empty inbox, from an L1 block with this timestamp on.
    pub fn new(genesis: u64) -> Self {
        Self {
            genesis,
            blocks: 0,
            last_hash: B256::ZERO,
            message_accs: vec![B256::ZERO],
            gas_ends: vec![0],
            batch_accs: vec![B256::ZERO],
            last_block: 0,
        }
    }

    pub(super) const fn timestamp(&self) -> u64 {
        self.genesis + L1_BLOCK_TIME * (self.blocks + 1)
    }

    pub(super) const fn last_block(&self) -> u64 {
        self.last_block
    }

    pub(super) const fn batches(&self) -> u64 {
        self.batch_accs.len() as u64 - 1
    }

    fn append(&mut self, kind: MessageKind, sender: Address, data: Vec<u8>) -> (u64, Message) {
        let index = self.message_accs.len() as u64 - 1;
        let gas = counted_gas(kind, &data);
        let gas_end = self.gas_ends[index as usize] + gas;
        self.gas_ends.push(gas_end);
        let header = MessageHeader {
            kind,
            sender,
            l1_block_number: self.blocks + 1,
            l1_timestamp: self.timestamp(),
            gas,
            gas_end,
            base_fee: U256::from(1_000_000_000 + index),
            blob_base_fee: U256::from(1 + index),
            prev_randao: keccak256(index.to_be_bytes()),
            data_hash: chunk_hash(&data),
        };
        let acc = accumulate(self.message_accs[index as usize], &header.encode());
        self.message_accs.push(acc);
        (index, Message { header, data, acc })
    }

    pub(super) fn message(&mut self, kind: MessageKind, sender: Address, data: Vec<u8>) -> InboxEvent {
        let (index, message) = self.append(kind, sender, data);
        InboxEvent::Message { index, message, client_hash: None }
    }

    /// A batch that covers all messages so far.
    pub(super) fn batch(&mut self, payload: Vec<u8>, da_kind: DaKind, block_count: u64) -> InboxEvent {
        let payload_length = payload.len() as u64;
        match da_kind {
            DaKind::Blobs => self.blob_batch(PackedBlobs::of(&payload), payload_length, block_count),
            DaKind::Calldata | DaKind::None => {
                self.posted(da_kind, chunk_hash(&payload), payload_length, payload, block_count)
            }
        }
    }

    /// The same in any blobs.
    pub(super) fn blob_batch(
        &mut self,
        packed: PackedBlobs,
        payload_length: u64,
        block_count: u64,
    ) -> InboxEvent {
        let data = BlobData::encode(&packed.versioned_hashes, &packed.blobs);
        self.posted(DaKind::Blobs, blobs_hash(&packed.versioned_hashes), payload_length, data, block_count)
    }

    fn posted(
        &mut self,
        da_kind: DaKind,
        data_hash: B256,
        payload_length: u64,
        data: Vec<u8>,
        block_count: u64,
    ) -> InboxEvent {
        let message_end = self.message_accs.len() - 1;
        let (info_index, info) = self.append(MessageKind::L1Info, Address::repeat_byte(0x1b), Vec::new());
        let header = BatchHeader {
            da_kind,
            data_hash,
            payload_length,
            first_block: self.last_block + 1,
            block_count,
            message_end: message_end as u64,
            message_acc: self.message_accs[message_end],
            message_gas_end: self.gas_ends[message_end],
            l1_block_number: self.blocks + 1,
            l1_timestamp: self.timestamp(),
        };
        self.last_block += block_count;
        let index = self.batches();
        let acc = accumulate(self.batch_accs[index as usize], &header.encode());
        self.batch_accs.push(acc);
        InboxEvent::Batch { index, header, acc, info_index, info, data, tx_hash: acc }
    }

    pub(super) fn mine(&mut self, events: Vec<InboxEvent>) -> L1Block {
        let timestamp = self.timestamp();
        self.blocks += 1;
        let (number, parent_hash) = (self.blocks, self.last_hash);
        self.last_hash = keccak256(number.to_be_bytes());
        L1Block { number, hash: self.last_hash, parent_hash, timestamp, events }
    }
}
