//! Where a run reads from.

use alloc::{string::String, vec::Vec};
use alloy_primitives::{B256, Bytes, KECCAK256_EMPTY};
use core::cell::RefCell;
use trie::{Nibbles, NodeError, NodeSource, TrieError};

use super::{BlockRunError, header};
use crate::{inbox::CHUNK_SIZE, state::CodeSource};

/// Longest preimage of any commitment of an honest chain, in bytes: a contract's code (EIP-170). Trie nodes, headers,
/// chunks and lists of chunk hashes are all shorter.
pub const MAX_PREIMAGE_SIZE: usize = 24_576;

/// Why an oracle does not answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OracleError {
    /// It has nothing with this keccak256.
    #[error("no preimage of {0}")]
    Missing(B256),
    /// It has no blob with this versioned hash.
    #[error("no blob {0}")]
    NoBlob(B256),
    /// What it has is longer than [`MAX_PREIMAGE_SIZE`].
    #[error("preimage of {hash} has {len} bytes, at most {MAX_PREIMAGE_SIZE} are possible")]
    TooLong {
        /// What was asked for.
        hash: B256,
        /// Length of the preimage in bytes.
        len: usize,
    },
    /// The source behind the oracle failed, for example a database.
    #[error("{0}")]
    Other(String),
}

/// What a run is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunPhase {
    /// It reads what the block is made of: batches, messages, the parent's header.
    Inputs,
    /// It executes what each block begins with: L1's attributes, then deposits.
    Deposits,
    /// It executes a user's transaction, behind so many others in the block (deposits too). One that turns out to be invalid
    /// leaves no trace, and the next has the same place.
    Transaction(u64),
    /// It computes roots and header.
    Seal,
}

impl RunPhase {
    /// As one word, which is not 0.
    pub const fn to_word(self) -> u64 {
        match self {
            Self::Inputs => 1,
            Self::Deposits => 2,
            Self::Seal => 3,
            Self::Transaction(place) => place.saturating_add(4),
        }
    }

    /// The phase of a word; of 0 there is none.
    pub const fn from_word(word: u64) -> Option<Self> {
        match word {
            0 => None,
            1 => Some(Self::Inputs),
            2 => Some(Self::Deposits),
            3 => Some(Self::Seal),
            _ => Some(Self::Transaction(word - 4)),
        }
    }
}

/// Supplies preimages and elements of blobs. It vouches that what it returns is what was asked for: the fault proof VM checks
/// it, and so does everybody who collects preimages.
pub trait PreimageOracle {
    /// The bytes whose keccak256 is `hash`.
    fn preimage(&self, hash: &B256) -> Result<Bytes, OracleError>;

    /// The field element at an index (below 4,096) of the blob with this versioned hash, big-endian.
    fn blob_element(&self, versioned_hash: &B256, index: u16) -> Result<B256, OracleError>;

    /// The node of the parent's state tries with this hash. Owner and path (see [`NodeSource`]) are for oracles over a
    /// database that stores nodes by place; the hash says it all.
    fn node(&self, owner: Option<&B256>, path: &Nibbles, hash: &B256) -> Result<Bytes, OracleError> {
        let _ = (owner, path);
        self.preimage(hash)
    }

    /// Is told where the run is, for people who look at it. Nothing depends on it.
    fn enter(&self, phase: RunPhase) {
        let _ = phase;
    }
}

impl<O: PreimageOracle + ?Sized> PreimageOracle for &O {
    fn preimage(&self, hash: &B256) -> Result<Bytes, OracleError> {
        (**self).preimage(hash)
    }

    fn blob_element(&self, versioned_hash: &B256, index: u16) -> Result<B256, OracleError> {
        (**self).blob_element(versioned_hash, index)
    }

    fn node(&self, owner: Option<&B256>, path: &Nibbles, hash: &B256) -> Result<Bytes, OracleError> {
        (**self).node(owner, path, hash)
    }

    fn enter(&self, phase: RunPhase) {
        (**self).enter(phase);
    }
}

/// A preimage of a bounded length.
pub(super) fn read<O: PreimageOracle>(oracle: &O, hash: &B256) -> Result<Bytes, OracleError> {
    bounded(hash, oracle.preimage(hash)?)
}

fn bounded(hash: &B256, bytes: Bytes) -> Result<Bytes, OracleError> {
    if bytes.len() > MAX_PREIMAGE_SIZE {
        return Err(OracleError::TooLong { hash: *hash, len: bytes.len() });
    }
    Ok(bytes)
}

/// The data under a [`chunk_hash`](crate::inbox::chunk_hash).
pub(super) fn read_chunks<O: PreimageOracle>(oracle: &O, hash: &B256) -> Result<Vec<u8>, BlockRunError> {
    if *hash == KECCAK256_EMPTY {
        return Ok(Vec::new());
    }
    let list = read(oracle, hash)?;
    let (hashes, []) = list.as_chunks::<32>() else {
        return Err(BlockRunError::Malformed("list of chunk hashes"));
    };
    let mut data = Vec::with_capacity(hashes.len() * CHUNK_SIZE);
    for (index, hash) in hashes.iter().enumerate() {
        let chunk = read(oracle, &B256::from(*hash))?;
        let full = chunk.len() == CHUNK_SIZE;
        let last = index + 1 == hashes.len() && (1..=CHUNK_SIZE).contains(&chunk.len());
        if !full && !last {
            return Err(BlockRunError::Malformed("chunk"));
        }
        data.extend_from_slice(&chunk);
    }
    Ok(data)
}

/// An oracle as the source of a block's state: nodes and codes by their hashes, and earlier blocks by walking back.
#[derive(Debug)]
pub(super) struct OracleState<'a, O> {
    oracle: &'a O,
    /// Number of the parent block.
    parent: u64,
    /// Hashes of the parent, its parent, and so on, as far as they were asked for.
    ancestors: RefCell<Vec<B256>>,
}

impl<'a, O: PreimageOracle> OracleState<'a, O> {
    /// The source of the state after the block `parent`.
    pub(super) fn new(oracle: &'a O, parent: u64, parent_hash: B256) -> Self {
        Self { oracle, parent, ancestors: RefCell::new(alloc::vec![parent_hash]) }
    }

    /// The hash of the block so many before the parent.
    fn ancestor(&self, distance: usize) -> Result<B256, BlockRunError> {
        let mut known = self.ancestors.borrow_mut();
        loop {
            if let Some(hash) = known.get(distance) {
                return Ok(*hash);
            }
            // There is one at least: the parent.
            let deepest = known.last().copied().unwrap_or_default();
            known.push(header(self.oracle, &deepest)?.parent_hash);
        }
    }
}

impl<O: PreimageOracle> NodeSource for OracleState<'_, O> {
    fn node(&self, owner: Option<&B256>, path: &Nibbles, hash: &B256) -> Result<Bytes, NodeError> {
        let node = self.oracle.node(owner, path, hash).and_then(|node| bounded(hash, node));
        node.map_err(|error| match error {
            OracleError::Missing(_) => NodeError::Missing { owner: owner.copied(), path: *path, hash: *hash },
            other => NodeError::Other(alloc::format!("{other}")),
        })
    }
}

impl<O: PreimageOracle> CodeSource for OracleState<'_, O> {
    fn code(&self, hash: &B256) -> Result<Bytes, TrieError> {
        read(self.oracle, hash).map_err(failed)
    }

    fn block_hash(&self, number: u64) -> Result<B256, TrieError> {
        let distance = self.parent.checked_sub(number).and_then(|distance| usize::try_from(distance).ok());
        let distance = distance.ok_or_else(|| failed(BlockRunError::NotInBatches(number)))?;
        self.ancestor(distance).map_err(failed)
    }
}

fn failed(error: impl core::fmt::Display) -> TrieError {
    NodeError::Other(alloc::format!("{error}")).into()
}
