//! The feed's messages.
//!
//! | bytes | |
//! |---|---|
//! | 65 | signature r ‖ s ‖ v over keccak256("recourse feed v1", or "recourse unconfirmed v1" ‖ chain id u64 ‖ block hash ‖ keccak256(payload)) |
//! | | payload: |
//! | 8 | block number |
//! | 32 | block hash |
//! | 8 | timestamp |
//! | 8 | messages consumed |
//! | 4 | number of user transactions |
//! | 4 + n each | length ‖ EIP-2718 encoding |
//!
//! Numbers are big-endian.

use std::time::Instant;

use alloy::primitives::{Address, B256, Bytes, Signature, keccak256};
use stf::BlockSpec;

use super::Signers;
use rollup::{
    chain::FeedBlock,
    signer::{SignError, Signer},
};

const DOMAIN: &[u8] = b"recourse feed v1";

/// In place of that, where a block is no confirmation.
const UNCONFIRMED: &[u8] = b"recourse unconfirmed v1";

/// Bytes of a message before its payload.
pub const SIGNATURE_SIZE: usize = 65;

/// Bytes of a payload besides its transactions.
pub(super) const FIXED_SIZE: usize = 60;

/// What a signature says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// The block is the one of its number.
    Confirmed,
    /// The block is this sequencer's, for its own batcher to post; it is no word to anybody else, because another block of
    /// its number may have been confirmed.
    Unconfirmed,
}

/// Why a message of the feed is worth nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FeedError {
    /// It is not laid out as a message.
    #[error("malformed message")]
    Malformed,
    /// Somebody else signed it, or nobody.
    #[error("signed by {}, expected {}", name(.found), name(.expected))]
    Signature {
        /// Whose signature it should have; `None` while L1 has not said.
        expected: Option<Address>,
        /// Whose it has.
        found: Option<Address>,
    },
}

fn name(signer: &Option<Address>) -> String {
    signer.map_or("nobody".to_owned(), |signer| signer.to_string())
}

/// What is signed.
pub(super) fn digest(meaning: Meaning, chain_id: u64, hash: &B256, payload: &[u8]) -> B256 {
    keccak256(signed_bytes(meaning, chain_id, hash, payload))
}

/// The bytes whose hash is signed: some signers hash themselves.
fn signed_bytes(meaning: Meaning, chain_id: u64, hash: &B256, payload: &[u8]) -> Vec<u8> {
    let domain = match meaning {
        Meaning::Confirmed => DOMAIN,
        Meaning::Unconfirmed => UNCONFIRMED,
    };
    [domain, &chain_id.to_be_bytes(), hash.as_slice(), keccak256(payload).as_slice()].concat()
}

/// The payload of a block's message. `None` if the block has more transactions, or a longer one, than 32 bits count.
pub fn encode(block: &FeedBlock) -> Option<Vec<u8>> {
    let transactions = &block.spec.transactions;
    let size: usize = transactions.iter().map(|tx| 4 + tx.len()).sum();
    let mut payload = Vec::with_capacity(FIXED_SIZE + size);
    payload.extend_from_slice(&block.number.to_be_bytes());
    payload.extend_from_slice(block.hash.as_slice());
    payload.extend_from_slice(&block.spec.timestamp.to_be_bytes());
    payload.extend_from_slice(&block.spec.messages.to_be_bytes());
    payload.extend_from_slice(&u32::try_from(transactions.len()).ok()?.to_be_bytes());
    for transaction in transactions {
        payload.extend_from_slice(&u32::try_from(transaction.len()).ok()?.to_be_bytes());
        payload.extend_from_slice(transaction);
    }
    Some(payload)
}

/// The message for a block. `None` if [`encode`] can't write it. Waits for a signer that is elsewhere.
///
/// # Errors
/// The signer does not sign.
pub fn sign(
    meaning: Meaning,
    chain_id: u64,
    signer: &Signer,
    block: &FeedBlock,
) -> Result<Option<Bytes>, SignError> {
    let Some(payload) = encode(block) else { return Ok(None) };
    let signature = signer.sign_bytes_now(&signed_bytes(meaning, chain_id, &block.hash, &payload))?;
    Ok(Some([&signature.as_bytes()[..], &payload].concat().into()))
}

/// What stands for the message of a block that nobody signed: nodes refuse it.
pub fn unsigned(block: &FeedBlock) -> Option<Bytes> {
    Some([&[0; SIGNATURE_SIZE][..], &encode(block)?].concat().into())
}

/// The block of a message, and who signed it, if that is one of the `signers`.
///
/// # Errors
/// It is no message, or none of theirs.
pub fn open(
    meaning: Meaning,
    chain_id: u64,
    signers: &Signers,
    message: &Bytes,
) -> Result<(Address, FeedBlock), FeedError> {
    let (signature, payload) = message.split_at_checked(SIGNATURE_SIZE).ok_or(FeedError::Malformed)?;
    let hash = payload.get(8..40).map(B256::from_slice).ok_or(FeedError::Malformed)?;
    let digest = digest(meaning, chain_id, &hash, payload);
    // Other writings of v would make several messages of one.
    let found = match signature.last() {
        Some(27 | 28) => {
            Signature::from_raw(signature).and_then(|s| s.recover_address_from_prehash(&digest)).ok()
        }
        _ => None,
    };
    let Some(signer) = found.filter(|found| signers.accepts(*found, Instant::now())) else {
        return Err(FeedError::Signature { expected: signers.current(), found });
    };
    let payload = message.slice(SIGNATURE_SIZE..);
    Ok((signer, decode(&payload).ok_or(FeedError::Malformed)?))
}

/// The block of a payload, whoever sent it: exactly what [`encode`] writes, or `None`. Takes no more memory than some
/// multiple of the payload.
pub fn decode(payload: &Bytes) -> Option<FeedBlock> {
    let mut at = 0;
    let mut take = |length: usize| {
        let end = at + length;
        let bytes = (end <= payload.len()).then(|| payload.slice(at..end));
        at = end;
        bytes
    };
    let mut number = || Some(u64::from_be_bytes(take(8)?.as_ref().try_into().ok()?));
    let block = number()?;
    let hash = B256::from_slice(&take(32)?);
    let mut number = || Some(u64::from_be_bytes(take(8)?.as_ref().try_into().ok()?));
    let (timestamp, messages) = (number()?, number()?);
    let mut length = || Some(u32::from_be_bytes(take(4)?.as_ref().try_into().ok()?));
    let count = length()?;
    let mut transactions = Vec::new();
    for _ in 0..count {
        let length = u32::from_be_bytes(take(4)?.as_ref().try_into().ok()?);
        transactions.push(take(usize::try_from(length).ok()?)?);
    }
    (at == payload.len()).then_some(FeedBlock {
        number: block,
        hash,
        spec: BlockSpec { timestamp, messages, transactions },
    })
}
