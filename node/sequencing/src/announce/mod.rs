//! The log of announced blocks: what a sequencer may not forget, and may not say twice.
//!
//! ```text
//! build a block ─▶ begin ─▶ sign, append, fsync ─┐
//!       │                                        ├─▶ commit ─▶ RPC, pool, feed
//!       └────────▶ write to the database ────────┘
//! ```
//!
//! A block that the sequencer built becomes visible to anybody only after its record, the feed's signed message, is on
//! disk. So a power cut, which takes the database some commits back, takes nothing that was announced: after the next start
//! the sequencer [takes back](take_back()) from the log whatever the database does not have, before it builds anything. While
//! a record is on its way, transactions gather for the next block, so one flush serves them all.
//!
//! The log also says what was signed, and so what may not be signed any more (`signing.rs`). The feed serves the messages
//! from here, so that none is signed twice.
//!
//! # Files
//!
//! The log is a folder of files of some 16 MiB (`record.rs` has the layout), each named by the sequence number of its first
//! record. Records have a checksum. What a power cut leaves of the last record is cut off at the next start, since nobody
//! was told of its block. Damage before the last record is an error: the log is moved away by hand, and counts as lost.
//!
//! The oldest file goes once all of its blocks are final on L1 and the database is on disk; once they are safe, if the log
//! has more than [`MAX_BYTES`] or [`MAX_RECORDS`]. Each file's header says what the files before it said of signatures.
//!
//! # A log that is lost
//!
//! A log that is not there, though the rollup is not new, says nothing of what was signed. Nor does one without flushes
//! after the machine was started again, or one that lacks unsafe blocks of the database. Then nothing is signed up to the
//! highest block that can have been: the safe one, and as many as the inbox takes at once. Blocks up to there are built,
//! and kept here, without a signature; the feed begins behind them.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use alloy::primitives::{Address, B256, Bytes};
use parking_lot::Mutex;
use rollup::chain::{BuiltBlock, Chain, FeedBlock, Heads};

use crate::feed;
use index::{Index, IndexedRecord};
use record::FileHeader;
use segment::{LogFile, Placed, SEGMENT_BYTES};

mod announced;
mod announcer;
mod error;
mod house;
mod index;
mod record;
mod segment;
mod signing;
mod take_back;

pub use announced::Announced;
pub use announcer::Announcer;
pub use db::Durability;
pub use error::AnnounceError;
pub use house::keep_house;
pub use signing::SignedUpTo;
pub use take_back::{TakenBack, take_back};

/// The log's folder in a node's data folder.
pub const FOLDER: &str = "announced";

/// Bytes of files from which on blocks that are safe, but not final, are dropped.
pub const MAX_BYTES: u64 = 1 << 30;

/// Records from which on they are, too: each takes some 200 bytes of memory.
pub const MAX_RECORDS: usize = 200_000;

/// Names the boot of the machine, on Linux.
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// Is there after a process without flushes has ended in good order.
const CLEAN: &str = "clean";

/// Which rollup a log is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogIdentity {
    /// Chain id of L2.
    pub chain_id: u64,
    /// Hash of the genesis block.
    pub genesis: B256,
}

/// The log of announced blocks. Clones share it.
#[derive(Clone, Debug)]
pub struct AnnounceLog(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    folder: PathBuf,
    identity: LogIdentity,
    durability: Durability,
    boot: [u8; 16],
    /// What is appended to. Whoever holds it may wait for the disk.
    newest: Mutex<LogFile>,
    index: Mutex<Index>,
    /// As it was opened.
    was: Found,
}

/// What an opened log turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    /// There was none.
    New,
    /// It has all that was ever announced since it began.
    Whole,
    /// Its end may be missing.
    Incomplete,
}

fn boot() -> [u8; 16] {
    let mut boot = [0; 16];
    let text = fs::read_to_string(BOOT_ID).unwrap_or_default();
    let digits: String = text.chars().filter(char::is_ascii_hexdigit).collect();
    let value = u128::from_str_radix(&digits, 16).unwrap_or_default();
    boot.copy_from_slice(&value.to_be_bytes());
    boot
}

impl AnnounceLog {
    /// Opens the log in a folder, and begins one if there is none. What an end in the middle of a record left of it is cut
    /// off.
    pub fn open(folder: &Path, identity: LogIdentity, durability: Durability) -> Result<Self, AnnounceError> {
        let failed = |error| AnnounceError::io(folder, error);
        let is_made = !folder.exists();
        fs::create_dir_all(folder).map_err(failed)?;
        if let Some(parent) = folder.parent().filter(|_| is_made) {
            segment::sync_folder(parent)?;
        }
        let boot = boot();
        let mut index = Index::default();
        let mut was = Found::New;
        let mut last = None;
        let files = segment::files(folder)?;
        for (position, path) in files.iter().enumerate() {
            let read = LogFile::read(path.clone())?;
            let header = &read.segment.header;
            check_identity(path, identity, header)?;
            let expected = index.next();
            let damaged = |what| AnnounceError::Damaged { path: path.clone(), what };
            if position == 0 {
                index.first = header.first;
                index.signing = header.signing.clone();
                index.signing.forget_before();
            } else if header.first != expected {
                return Err(damaged(format!("record {expected} should come first, found {}", header.first)));
            } else {
                index.signing.merge(&header.signing);
            }
            if read.is_torn && position + 1 < files.len() {
                return Err(damaged("its end is cut short".to_owned()));
            }
            for placed in &read.records {
                index.push(*placed, read.segment.file.clone());
            }
            if let Some(before) = last.replace(read.segment) {
                index.full.push_back((before, expected));
            }
        }
        let clean = folder.join(CLEAN);
        if let Some(last) = &last {
            // Without flushes, the end of the machine may have taken the end of the log.
            let is_whole = last.header.is_durable || last.header.boot == boot || clean.exists();
            was = if is_whole { Found::Whole } else { Found::Incomplete };
        }
        if clean.exists() {
            fs::remove_file(&clean).map_err(failed)?;
            segment::sync_folder(folder)?;
        }
        // The newest file is written anew: what could not be written once may be in memory only, though it reads well.
        let (first, records) = match &last {
            Some(last) => (last.header.first, last.records()?),
            None => (0, Vec::new()),
        };
        // Until somebody has drawn his conclusions, the log stays one that may lack something.
        let is_whole = was == Found::Whole;
        let header = FileHeader {
            chain_id: identity.chain_id,
            genesis: identity.genesis,
            first,
            is_durable: is_whole && durability == Durability::Disk,
            boot: if is_whole { boot } else { [0; 16] },
            signing: last.map(|last| last.header.signing).unwrap_or_default(),
        };
        let before = header.encode().len() as u64;
        let newest = LogFile::create(folder, header, &records)?;
        index.replace_newest(&newest, before);
        if was != Found::New {
            tracing::info!(
                target: "node::announce",
                folder = %folder.display(),
                records = index.entries.len(),
                newest = index.entries.back().map_or(0, |entry| entry.placed.block.number),
                "log of announced blocks opened"
            );
        }
        Ok(Self(Arc::new(Inner {
            folder: folder.to_owned(),
            identity,
            durability,
            boot,
            newest: Mutex::new(newest),
            index: Mutex::new(index),
            was,
        })))
    }

    /// Opens the log that stands beside a chain's database.
    pub fn beside(chain: &Chain, durability: Durability) -> Result<Self, AnnounceError> {
        let config = chain.config();
        let identity = LogIdentity { chain_id: config.chain.chain_id, genesis: config.genesis_hash };
        Self::open(&chain.db().path().join(FOLDER), identity, durability)
    }

    /// Adds a block. When this returns it is on disk, if the log is durable.
    fn append(&self, block: &Announced, message: &[u8]) -> Result<(), AnnounceError> {
        let mut newest = self.0.newest.lock();
        let sequence = self.0.index.lock().next();
        let too_large = AnnounceError::TooLarge(block.number);
        let record = record::encode(sequence, block, message).ok_or(too_large)?;
        if newest.end >= SEGMENT_BYTES {
            self.roll(&mut newest, sequence)?;
        }
        let at = newest.end + record::RECORD_HEAD as u64;
        newest.write(&record)?;
        if self.0.durability == Durability::Disk {
            newest.sync()?;
        }
        let placed = Placed { block: *block, at, length: message.len() as u32 };
        self.0.index.lock().push(placed, newest.file.clone());
        Ok(())
    }

    /// Begins another file.
    fn roll(&self, newest: &mut LogFile, first: u64) -> Result<(), AnnounceError> {
        // Without flushes at each record this one comes late, but the order of files stays that of time.
        newest.sync()?;
        let signing = self.0.index.lock().signing.clone();
        let header = FileHeader {
            first,
            is_durable: self.0.durability == Durability::Disk,
            boot: self.0.boot,
            signing,
            ..newest.header.clone()
        };
        let is_empty = newest.header.first == first;
        let full = std::mem::replace(newest, LogFile::create(&self.0.folder, header, &[])?);
        // One without records has been replaced by the new one, of the same name.
        if !is_empty {
            self.0.index.lock().full.push_back((full, first));
        }
        Ok(())
    }

    /// Whether `signer` may sign a block that was just built.
    fn may_sign(&self, signer: Address, built: &BuiltBlock<'_>) -> Result<bool, AnnounceError> {
        let (number, hash) = (built.block.number, built.block.hash);
        let (signed, others) = {
            let index = self.0.index.lock();
            let signed = index.signing.of(signer);
            if number > signed.number || (number == signed.number && hash == signed.hash) {
                return Ok(true);
            }
            let of = |(_, sequence): &(u64, u64)| {
                let block = index.entry(*sequence)?.placed.block;
                (block.signer == Some(signer) && block.hash != hash)
                    .then(|| index.ancestor(*sequence, built.messages))
            };
            let others: Vec<Option<Announced>> =
                index.numbers.range((number, 0)..=(number, u64::MAX)).filter_map(of).collect();
            (signed, others)
        };
        if number < signed.known_from {
            return Ok(false);
        }
        for other in others {
            if !signing::excludes(built, other)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// How far an address may have signed.
    pub fn signed_up_to(&self, signer: Address) -> SignedUpTo {
        self.0.index.lock().signing.of(signer)
    }

    /// Says that a signer's key was never used before: what the log does not know of it, there is not. Keeps that on disk.
    pub fn declare_fresh(&self, signer: Address) -> Result<(), AnnounceError> {
        let mut newest = self.0.newest.lock();
        let next = {
            let mut index = self.0.index.lock();
            if index.signing.signers.iter().any(|(listed, _)| *listed == signer) {
                return Ok(());
            }
            index.signing.put(signer, SignedUpTo::default());
            index.next()
        };
        self.roll(&mut newest, next)
    }

    /// Notes that blocks up to `number` may have been signed, and that the log does not say which. Keeps that on disk.
    pub fn lose(&self, number: u64) -> Result<(), AnnounceError> {
        let mut newest = self.0.newest.lock();
        let next = {
            let mut index = self.0.index.lock();
            index.signing.lose(number);
            index.next()
        };
        self.roll(&mut newest, next)
    }

    /// Notes that from now on the log has all that is announced, whatever it lacked when it was opened. Keeps that on disk.
    pub fn confirm(&self) -> Result<(), AnnounceError> {
        if self.0.was == Found::Whole {
            return Ok(());
        }
        let mut newest = self.0.newest.lock();
        let next = self.0.index.lock().next();
        self.roll(&mut newest, next)
    }

    /// Whether there was no log when it was opened.
    pub fn was_new(&self) -> bool {
        self.0.was == Found::New
    }

    /// Whether the log may lack what was announced last: the machine ended while it was kept without flushes.
    pub fn was_cut(&self) -> bool {
        self.0.was == Found::Incomplete
    }

    /// The message of a block, and who signed it.
    pub fn message(
        &self,
        number: u64,
        hash: B256,
    ) -> Result<Option<(Option<Address>, Bytes)>, AnnounceError> {
        let found = {
            let index = self.0.index.lock();
            let mut sequences = index.numbers.range((number, 0)..=(number, u64::MAX)).rev();
            sequences.find_map(|(_, sequence)| {
                let entry = index.entry(*sequence)?;
                (entry.placed.block.hash == hash).then(|| entry.clone())
            })
        };
        let Some(IndexedRecord { placed, file }) = found else { return Ok(None) };
        let message = segment::message(&file, &self.0.folder, placed.at, placed.length)?;
        Ok(Some((placed.block.signer, message)))
    }

    /// A block of the log, as its message says it.
    fn feed_block(&self, block: &Announced) -> Result<FeedBlock, AnnounceError> {
        let message = self.message(block.number, block.hash)?.map(|(_, message)| message);
        let found = message.and_then(|message| feed::decode(&message.slice(feed::SIGNATURE_SIZE..)));
        found.filter(|found| found.hash == block.hash && found.number == block.number).ok_or_else(|| {
            let what = format!("the message of block {} is not one", block.number);
            AnnounceError::Damaged { path: self.0.folder.clone(), what }
        })
    }

    /// The blocks above `number` as they were announced last: without those that others replaced.
    pub fn above(&self, number: u64) -> Vec<Announced> {
        let index = self.0.index.lock();
        let mut blocks: Vec<Announced> = Vec::new();
        for entry in &index.entries {
            let block = entry.placed.block;
            while blocks.last().is_some_and(|last| last.number >= block.number) {
                blocks.pop();
            }
            if block.number > number {
                blocks.push(block);
            }
        }
        blocks
    }

    /// The block that was announced last.
    pub fn newest(&self) -> Option<Announced> {
        self.0.index.lock().entries.back().map(|entry| entry.placed.block)
    }

    /// The lowest block from `number` on that is in the log, signed.
    pub fn next_signed(&self, number: u64) -> Option<u64> {
        let index = self.0.index.lock();
        let signed = |sequence| Some(index.entry(sequence)?.placed.block.signer.is_some());
        index
            .numbers
            .range((number, 0)..)
            .find(|(_, sequence)| signed(*sequence) == Some(true))
            .map(|(number, _)| *number)
    }

    /// Drops files that are not needed any more. `synced` makes the database last; it is called before anything is dropped.
    pub fn prune<E: From<AnnounceError>>(
        &self,
        heads: &Heads,
        synced: impl FnOnce() -> Result<(), E>,
    ) -> Result<(), E> {
        let mut dropped = 0;
        {
            let index = self.0.index.lock();
            let mut records = index.entries.len();
            let mut bytes: u64 = index.full.iter().map(|(segment, _)| segment.end).sum();
            let mut first = index.first;
            for (segment, end) in &index.full {
                let keep =
                    if bytes > MAX_BYTES || records > MAX_RECORDS { heads.safe } else { heads.finalized };
                let blocks = (first..*end).filter_map(|sequence| index.entry(sequence));
                if blocks.into_iter().any(|entry| entry.placed.block.number > keep.number) {
                    break;
                }
                (dropped, records, bytes) =
                    (dropped + 1, records - (end - first) as usize, bytes - segment.end);
                first = *end;
            }
        }
        if dropped == 0 {
            return Ok(());
        }
        synced()?;
        for _ in 0..dropped {
            let Some(path) = self.0.index.lock().forget_oldest() else { break };
            fs::remove_file(&path).map_err(|error| AnnounceError::io(&path, error))?;
        }
        Ok(())
    }

    /// Bytes of all files.
    pub fn bytes(&self) -> u64 {
        let newest = self.0.newest.lock().end;
        self.0.index.lock().full.iter().map(|(segment, _)| segment.end).sum::<u64>() + newest
    }

    /// Notes that the process ends in good order: what it wrote is on disk.
    pub fn close(&self) -> Result<(), AnnounceError> {
        let mut newest = self.0.newest.lock();
        newest.sync()?;
        if self.0.durability == Durability::Process {
            let path = self.0.folder.join(CLEAN);
            fs::write(&path, []).map_err(|error| AnnounceError::io(&path, error))?;
            segment::sync_folder(&self.0.folder)?;
        }
        Ok(())
    }

    /// Which rollup it is of.
    pub fn identity(&self) -> LogIdentity {
        self.0.identity
    }
}

fn check_identity(path: &Path, expected: LogIdentity, header: &FileHeader) -> Result<(), AnnounceError> {
    let found = LogIdentity { chain_id: header.chain_id, genesis: header.genesis };
    if found == expected {
        return Ok(());
    }
    let text = |identity: LogIdentity| format!("{} with genesis {}", identity.chain_id, identity.genesis);
    Err(AnnounceError::OtherChain { path: path.to_owned(), expected: text(expected), found: text(found) })
}

#[cfg(test)]
mod tests;
