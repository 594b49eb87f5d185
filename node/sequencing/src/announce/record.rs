//! The layout of the log's files.
//!
//! A file begins with a header:
//!
//! | bytes | |
//! |---|---|
//! | 8 | magic, with the version |
//! | 8 | chain id |
//! | 32 | hash of the genesis block |
//! | 8 | sequence number of the file's first record |
//! | 1 | 1: each record is on disk before its block is announced; 0: not |
//! | 16 | the boot of the machine in which the file was begun |
//! | 8 | up to this block, signers that are not listed may have signed what is not in the log |
//! | 1 | number of signers |
//! | 68 each | address(20) ‖ highest block signed(8) ‖ its hash(32, zero: not known) ‖ first block from which on all that it signed is in the log(8) |
//! | 8 | checksum |
//!
//! Records follow, each:
//!
//! | bytes | |
//! |---|---|
//! | 4 | magic |
//! | 4 | length of the message |
//! | 8 | sequence number |
//! | 8 | block number |
//! | 32 | block hash |
//! | 32 | hash of the block before |
//! | 8 | message cursor after the block |
//! | 32 | accumulator over the messages before it |
//! | 20 | signer; zero if nobody has confirmed it |
//! | n | the feed's message; without a signer it is signed for the batcher only, or its signature is zero |
//! | 8 | checksum |
//!
//! Numbers are big-endian. A checksum is the first bytes of keccak256 of all that stands before it in the same header or
//! record.

use alloy::primitives::{Address, B256, Bytes, keccak256};

use super::{
    announced::Announced,
    signing::{SignedUpTo, Signing},
};

const FILE_MAGIC: [u8; 8] = *b"rcannou1";
const RECORD_MAGIC: [u8; 4] = *b"rcan";
const CHECKSUM: usize = 8;

/// Bytes of a record before its message.
pub(super) const RECORD_HEAD: usize = 148;

/// Bytes of a record besides its message.
pub(super) const RECORD_FRAME: usize = RECORD_HEAD + CHECKSUM;

/// Bytes of a file's header without its signers.
const FILE_FIXED: usize = 82 + CHECKSUM;

const SIGNER: usize = 68;

/// What a file says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FileHeader {
    pub(super) chain_id: u64,
    pub(super) genesis: B256,
    /// Sequence number of the first record.
    pub(super) first: u64,
    /// Whether a record is on disk before its block is announced.
    pub(super) is_durable: bool,
    pub(super) boot: [u8; 16],
    pub(super) signing: Signing,
}

/// Takes fields off the front of bytes.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }

    fn u64(&mut self) -> Option<u64> {
        self.take().map(u64::from_be_bytes)
    }

    fn b256(&mut self) -> Option<B256> {
        self.take().map(B256::new)
    }

    fn address(&mut self) -> Option<Address> {
        self.take().map(Address::new)
    }
}

fn checksum(bytes: &[u8]) -> [u8; CHECKSUM] {
    let mut sum = [0; CHECKSUM];
    sum.copy_from_slice(&keccak256(bytes)[..CHECKSUM]);
    sum
}

impl FileHeader {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = FILE_MAGIC.to_vec();
        bytes.extend_from_slice(&self.chain_id.to_be_bytes());
        bytes.extend_from_slice(self.genesis.as_slice());
        bytes.extend_from_slice(&self.first.to_be_bytes());
        bytes.push(u8::from(self.is_durable));
        bytes.extend_from_slice(&self.boot);
        bytes.extend_from_slice(&self.signing.unlisted.to_be_bytes());
        // Bounded by `MAX_SIGNERS`.
        bytes.push(self.signing.signers.len() as u8);
        for (address, signed) in &self.signing.signers {
            bytes.extend_from_slice(address.as_slice());
            bytes.extend_from_slice(&signed.number.to_be_bytes());
            bytes.extend_from_slice(signed.hash.as_slice());
            bytes.extend_from_slice(&signed.known_from.to_be_bytes());
        }
        bytes.extend_from_slice(&checksum(&bytes));
        bytes
    }

    /// The header at the front of a file, and its length.
    pub(super) fn decode(file: &[u8]) -> Option<(Self, usize)> {
        let count = usize::from(*file.get(FILE_FIXED - CHECKSUM - 1)?);
        let length = FILE_FIXED + count * SIGNER;
        let (body, sum) = file.get(..length)?.split_at(length - CHECKSUM);
        let mut fields = Fields(body);
        if fields.take()? != FILE_MAGIC || sum != checksum(body) {
            return None;
        }
        let (chain_id, genesis, first) = (fields.u64()?, fields.b256()?, fields.u64()?);
        let [durable] = fields.take()?;
        let (boot, unlisted) = (fields.take()?, fields.u64()?);
        let [_] = fields.take()?;
        let mut signing = Signing { unlisted, ..Signing::default() };
        for _ in 0..count {
            let address = fields.address()?;
            let signed =
                SignedUpTo { number: fields.u64()?, hash: fields.b256()?, known_from: fields.u64()? };
            signing.signers.push((address, signed));
        }
        Some((Self { chain_id, genesis, first, is_durable: durable == 1, boot, signing }, length))
    }
}

/// The bytes of a record. `None`: the message is too long to be counted.
pub(super) fn encode(sequence: u64, block: &Announced, message: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(RECORD_FRAME + message.len());
    bytes.extend_from_slice(&RECORD_MAGIC);
    bytes.extend_from_slice(&u32::try_from(message.len()).ok()?.to_be_bytes());
    bytes.extend_from_slice(&sequence.to_be_bytes());
    bytes.extend_from_slice(&block.number.to_be_bytes());
    bytes.extend_from_slice(block.hash.as_slice());
    bytes.extend_from_slice(block.parent.as_slice());
    bytes.extend_from_slice(&block.messages.to_be_bytes());
    bytes.extend_from_slice(block.message_acc.as_slice());
    bytes.extend_from_slice(block.signer.unwrap_or_default().as_slice());
    bytes.extend_from_slice(message);
    bytes.extend_from_slice(&checksum(&bytes));
    Some(bytes)
}

/// The record at the front of bytes: its sequence number, what it says, its message. `None`: no whole record stands there.
pub(super) fn decode(bytes: &[u8]) -> Option<(u64, Announced, Bytes)> {
    let mut fields = Fields(bytes);
    if fields.take()? != RECORD_MAGIC {
        return None;
    }
    let length = usize::try_from(u32::from_be_bytes(fields.take()?)).ok()?;
    let (body, rest) = bytes.split_at_checked(RECORD_HEAD + length)?;
    if rest.get(..CHECKSUM)? != checksum(body) {
        return None;
    }
    let sequence = fields.u64()?;
    let block = Announced {
        number: fields.u64()?,
        hash: fields.b256()?,
        parent: fields.b256()?,
        messages: fields.u64()?,
        message_acc: fields.b256()?,
        signer: Some(fields.address()?).filter(|signer| !signer.is_zero()),
    };
    Some((sequence, block, Bytes::copy_from_slice(&body[RECORD_HEAD..])))
}

/// Whether a whole record stands anywhere in bytes: then what stands before it is damaged, and was not cut off by the end
/// of a process or of power, which take the last record only.
pub(super) fn any(bytes: &[u8]) -> bool {
    let starts = bytes.windows(RECORD_MAGIC.len()).enumerate().filter(|(_, window)| *window == RECORD_MAGIC);
    starts.into_iter().any(|(at, _)| decode(&bytes[at..]).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block() -> Announced {
        Announced {
            number: 7,
            hash: B256::repeat_byte(1),
            parent: B256::repeat_byte(2),
            messages: 3,
            message_acc: B256::repeat_byte(4),
            signer: Some(Address::repeat_byte(5)),
        }
    }

    #[test]
    fn what_is_written_is_read_and_any_changed_byte_is_noticed() {
        let record = encode(9, &block(), b"message").unwrap_or_default();
        assert_eq!(record.len(), RECORD_FRAME + 7);
        assert_eq!(decode(&record), Some((9, block(), Bytes::from_static(b"message"))));
        let signing = Signing {
            unlisted: 4,
            signers: vec![(
                Address::repeat_byte(5),
                SignedUpTo { number: 1, hash: B256::repeat_byte(1), known_from: 2 },
            )],
        };
        let header = FileHeader {
            chain_id: 1,
            genesis: B256::repeat_byte(3),
            first: 9,
            is_durable: true,
            boot: [6; 16],
            signing,
        };
        let file = header.encode();
        assert_eq!(FileHeader::decode(&file), Some((header, file.len())));
        for at in 0..file.len() {
            let mut changed = file.clone();
            changed[at] ^= 1;
            assert_eq!(FileHeader::decode(&changed), None, "byte {at} of a header");
        }
        for at in 0..record.len() {
            let mut changed = record.clone();
            changed[at] ^= 1;
            assert_eq!(decode(&changed), None, "byte {at} of a record");
            assert_eq!(decode(&record[..at]), None, "{at} bytes of a record");
        }
    }

    #[test]
    fn a_record_behind_damage_is_found() {
        let record = encode(9, &block(), b"message").unwrap_or_default();
        assert!(any(&[&[1, 2, 3], &record[..]].concat()));
        assert!(!any(&record[1..]) && !any(&record[..record.len() - 1]) && !any(&[]));
    }
}
