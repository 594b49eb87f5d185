//! The witness of a block: what the fault proof program reads to compute it.
//!
//! It is collected by running [`stf::run`] over the database and noting every preimage that it asks for. So the set is
//! exactly what the fault proof program will ask for, no more: the trie nodes that deletions need included.

use std::{cell::RefCell, collections::BTreeMap};

use alloy::{
    primitives::{B256, Bytes, keccak256},
    rlp,
};
use db::{StateAt, Tx, TxMode};
use stf::{
    BootInfo, ChainConfig, PreimageOracle,
    blob::BlobData,
    config::{DEPOSIT_GAS_CAP, MIN_MESSAGE_GAS},
    derive::message_cursor,
    inbox::{CHUNK_SIZE, DaKind},
    run::{AgreedOutput, BlockRunError, OracleError},
};
use trie::{Nibbles, NodeSource};

/// Why there is no witness.
#[derive(Debug, thiserror::Error)]
pub enum BlockWitnessError {
    /// The database failed, or no longer has the state before the block.
    #[error(transparent)]
    Database(#[from] db::Error),
    /// A record is missing that others say exists, or that the caller named.
    #[error("{what} {number} is missing in the database")]
    Missing {
        /// Which kind of record.
        what: &'static str,
        /// Its number or index.
        number: u64,
    },
    /// The block could not be computed from the database.
    #[error("block {block}: {error}")]
    Run {
        /// The block.
        block: u64,
        /// What the run met.
        error: Box<BlockRunError>,
    },
}

/// What the computation of one block starts from, reads, and gives.
#[derive(Clone, Debug)]
pub struct BlockWitness {
    /// Where it starts.
    pub boot: BootInfo,
    /// Every preimage that it reads, by keccak256; the boot's too.
    pub preimages: BTreeMap<B256, Bytes>,
    /// Every blob that it reads from, whole, by versioned hash.
    pub blobs: BTreeMap<B256, Bytes>,
    /// The block's output root.
    pub output: B256,
}

impl PreimageOracle for BlockWitness {
    fn preimage(&self, hash: &B256) -> Result<Bytes, OracleError> {
        self.preimages.get(hash).cloned().ok_or(OracleError::Missing(*hash))
    }

    fn blob_element(&self, versioned_hash: &B256, index: u16) -> Result<B256, OracleError> {
        element(self.blobs.get(versioned_hash), versioned_hash, index)
    }
}

/// The element at an index of a blob.
fn element(blob: Option<&Bytes>, versioned_hash: &B256, index: u16) -> Result<B256, OracleError> {
    let at = usize::from(index) * B256::len_bytes();
    let element = blob.and_then(|blob| blob.get(at..at + B256::len_bytes()));
    element.map(B256::from_slice).ok_or(OracleError::NoBlob(*versioned_hash))
}

/// Most messages that a block consumes.
const MAX_CONSUMED: u64 = DEPOSIT_GAS_CAP / MIN_MESSAGE_GAS;

/// The witness of a block, in a dispute that is pinned to the first `batch_count` batches. The database must have the
/// block before with its state, and those batches.
pub fn witness_of<K: TxMode>(
    tx: &Tx<K>,
    config: &ChainConfig,
    block: u64,
    batch_count: u64,
) -> Result<BlockWitness, BlockWitnessError> {
    let missing = |what, number| BlockWitnessError::Missing { what, number };
    let number = block.checked_sub(1).ok_or(missing("block before", block))?;
    let parent = tx.header(number)?.ok_or(missing("header", number))?;
    let agreed = AgreedOutput {
        state_root: parent.state_root,
        message_passer_root: parent.withdrawals_root.unwrap_or_default(),
        block_hash: parent.hash(),
    };
    let last = batch_count.checked_sub(1).ok_or(missing("batch before", batch_count))?;
    let boot = BootInfo {
        agreed_output: keccak256(agreed.encode()),
        block,
        batch_acc: tx.batch(last)?.ok_or(missing("batch", last))?.acc,
        config_hash: config.hash(),
    };
    let mut inbox = InboxPreimages::default();
    inbox.add(&boot.encode());
    inbox.add(&agreed.encode());
    inbox.add(&config.encode());
    add_inbox(tx, block, batch_count, message_cursor(&parent).unwrap_or(0), &mut inbox)?;

    let source = Recording {
        state: tx.state_at(number)?,
        inbox,
        served: RefCell::default(),
        opened: RefCell::default(),
    };
    let output = stf::run(&boot.hash(), &source)
        .map_err(|error| BlockWitnessError::Run { block, error: error.into() })?;
    let (preimages, blobs) = (source.served.into_inner(), source.opened.into_inner());
    Ok(BlockWitness { boot, preimages, blobs, output })
}

/// What a run may read of the inbox, by its hashes.
#[derive(Debug, Default)]
struct InboxPreimages {
    preimages: BTreeMap<B256, Bytes>,
    blobs: BTreeMap<B256, Bytes>,
}

impl InboxPreimages {
    /// Adds a preimage, returns its hash.
    fn add(&mut self, bytes: &[u8]) -> B256 {
        let hash = keccak256(bytes);
        self.preimages.insert(hash, Bytes::copy_from_slice(bytes));
        hash
    }

    /// Adds blobs, and the list of their versioned hashes.
    fn add_blobs(&mut self, data: &BlobData<'_>) {
        self.add(data.versioned_hashes.as_flattened());
        for (hash, blob) in data.versioned_hashes.iter().zip(data.blobs) {
            self.blobs.insert(B256::from(*hash), Bytes::copy_from_slice(blob));
        }
    }

    /// Adds a link of a hash chain: the accumulator before a header, and the header.
    fn add_link(&mut self, before: B256, header: &[u8]) {
        let hash = self.add(header);
        self.add(&[before, hash].concat());
    }

    /// Adds data by chunks, and the list of their hashes.
    fn add_chunks(&mut self, data: &[u8]) {
        let hashes: Vec<B256> = data.chunks(CHUNK_SIZE).map(|chunk| self.add(chunk)).collect();
        self.add(&hashes.concat());
    }
}

/// Adds what a run may read of the inbox: the batches from the pinned end back to the block's, that one's payload, and
/// the messages from the queue index `cursor` up to its end.
fn add_inbox<K: TxMode>(
    tx: &Tx<K>,
    block: u64,
    batch_count: u64,
    cursor: u64,
    preimages: &mut InboxPreimages,
) -> Result<(), BlockWitnessError> {
    let missing = |what, number| BlockWitnessError::Missing { what, number };
    let index = tx.batch_of_block(block)?.filter(|index| *index < batch_count);
    let index = index.ok_or(missing("pinned batch of block", block))?;
    let acc = |batch: Option<u64>| match batch {
        Some(index) => Ok(tx.batch(index)?.ok_or(missing("batch", index))?.acc),
        None => Ok::<_, BlockWitnessError>(B256::ZERO),
    };
    let mut before = acc(index.checked_sub(1))?;
    for number in index..batch_count {
        let (acc, header) = tx.batch_header(number)?.ok_or(missing("batch", number))?;
        preimages.add_link(before, &header);
        before = acc;
    }

    let batch = tx.batch(index)?.ok_or(missing("batch", index))?;
    let header = stf::BatchHeader::decode(&batch.header)
        .map_err(|error| BlockWitnessError::Run { block, error: Box::new(error.into()) })?;
    match BlobData::decode(&batch.data).filter(|_| header.da_kind == DaKind::Blobs) {
        Some(blobs) => preimages.add_blobs(&blobs),
        None => preimages.add_chunks(&batch.data),
    }
    let end = header.message_end;
    let mut before = tx.message_acc(cursor)?.ok_or(missing("message", cursor.saturating_sub(1)))?;
    for index in cursor..end {
        let message = tx.message(index)?.ok_or(missing("message", index))?;
        preimages.add_link(before, &message.header);
        // A block reads the links of all messages up to the batch's end, and the data of those that it may consume.
        if index - cursor < MAX_CONSUMED {
            preimages.add_chunks(&message.data);
        }
        before = message.acc;
    }
    Ok(())
}

/// The database as an oracle, noting what it serves.
struct Recording<'a, K: TxMode> {
    /// The state after the block before.
    state: StateAt<'a, K>,
    inbox: InboxPreimages,
    served: RefCell<BTreeMap<B256, Bytes>>,
    /// The blobs that elements were asked of.
    opened: RefCell<BTreeMap<B256, Bytes>>,
}

impl<K: TxMode> Recording<'_, K> {
    fn serve(&self, hash: &B256, bytes: Bytes) -> Bytes {
        self.served.borrow_mut().insert(*hash, bytes.clone());
        bytes
    }

    fn find(&self, hash: &B256) -> Result<Option<Bytes>, db::Error> {
        if let Some(bytes) = self.inbox.preimages.get(hash) {
            return Ok(Some(bytes.clone()));
        }
        let tx = self.state.tx();
        if let Some(number) = tx.block_number(hash)? {
            return Ok(tx.header(number)?.map(|header| rlp::encode(header.inner()).into()));
        }
        match self.state.code(hash) {
            Err(db::Error::NoCode(_)) => Ok(None),
            found => found.map(Some),
        }
    }
}

impl<K: TxMode> PreimageOracle for Recording<'_, K> {
    fn preimage(&self, hash: &B256) -> Result<Bytes, OracleError> {
        let found = self.find(hash).map_err(|error| OracleError::Other(error.to_string()))?;
        found.map(|bytes| self.serve(hash, bytes)).ok_or(OracleError::Missing(*hash))
    }

    fn blob_element(&self, versioned_hash: &B256, index: u16) -> Result<B256, OracleError> {
        let blob = self.inbox.blobs.get(versioned_hash);
        if let Some(blob) = blob {
            self.opened.borrow_mut().entry(*versioned_hash).or_insert_with(|| blob.clone());
        }
        element(blob, versioned_hash, index)
    }

    fn node(&self, owner: Option<&B256>, path: &Nibbles, hash: &B256) -> Result<Bytes, OracleError> {
        let node = self.state.node(owner, path, hash);
        // The database may hand out a node without hashing it again; a preimage must be right.
        let node = node.ok().filter(|rlp| keccak256(rlp) == *hash).ok_or(OracleError::Missing(*hash))?;
        Ok(self.serve(hash, node))
    }
}
