//! Decoders of hostile bytes, each as a function that libFuzzer can call: whatever the bytes are, it must return.
//!
//! A target checks more than that nothing panics: what decodes must encode to the same again, two implementations must
//! agree, and no request may be answered with an internal error. `make fuzz` searches for bytes that break this; what it
//! found worth keeping is in `e2e/corpus`, a file for each target with an input in hexadecimal on each line, and
//! `tests/corpus.rs` replays it with every test run.
//!
//! Each target has seeds: valid inputs made by our own encoders, from which a search starts.

mod blobs;
mod chain;
mod proof;
mod server;

use std::{fs, path::PathBuf};

use anyhow::{Context, Result};

/// Most bytes that are kept of a target: a test run replays them all, and a clone holds them.
const MAX_KEPT: usize = 200_000;

/// A decoder under test.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name: also of its corpus.
    pub name: &'static str,
    /// What the bytes stand for, and where they come from.
    pub about: &'static str,
    /// Decodes the bytes; returns whether they were valid. Panics if a check fails.
    pub run: fn(&[u8]) -> bool,
    /// Inputs to begin with.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// All targets.
pub const TARGETS: &[Target] = &[
    Target {
        name: "payload",
        about: "a batch's payload, from the batcher by way of L1",
        run: chain::payload,
        seeds: chain::payload_seeds,
    },
    Target {
        name: "blobs",
        about: "the blobs of a batch, from the batcher by way of L1, and what its header says of them",
        run: blobs::batch,
        seeds: blobs::batch_seeds,
    },
    Target {
        name: "transaction",
        about: "an encoded transaction, from a user or a batch",
        run: chain::transaction,
        seeds: chain::transaction_seeds,
    },
    Target {
        name: "inbox",
        about: "packed headers and data of the inbox, from L1",
        run: chain::inbox,
        seeds: chain::inbox_seeds,
    },
    Target {
        name: "feed",
        about: "an unsafe block, from whoever says to be the sequencer",
        run: chain::feed,
        seeds: chain::feed_seeds,
    },
    Target {
        name: "config",
        about: "rollup.json, from whoever wants others to follow a rollup",
        run: chain::config,
        seeds: chain::config_seeds,
    },
    Target {
        name: "trie",
        about: "trie nodes of a proof or a witness, and keys to look up, change and remove",
        run: proof::trie,
        seeds: proof::trie_seeds,
    },
    Target {
        name: "block",
        about: "the preimages that the fault proof program reads, in the order in which it asks",
        run: proof::block,
        seeds: proof::block_seeds,
    },
    Target {
        name: "elf",
        about: "an ELF file for the fault proof VM, and the steps that it runs",
        run: proof::elf,
        seeds: proof::elf_seeds,
    },
    Target {
        name: "step",
        about: "the witness of a VM step, as anyone may send it to L1",
        run: proof::step,
        seeds: proof::step_seeds,
    },
    Target {
        name: "rpc",
        about: "a JSON-RPC request: the method's name, a line feed, the parameters",
        run: server::request,
        seeds: server::request_seeds,
    },
];

/// The target of a name.
pub fn target(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}

impl Target {
    /// The file with its kept inputs.
    pub fn corpus_path(&self) -> PathBuf {
        [env!("CARGO_MANIFEST_DIR"), "corpus", &format!("{}.hex", self.name)].iter().collect()
    }

    /// Its kept inputs.
    pub fn corpus(&self) -> Result<Vec<Vec<u8>>> {
        let path = self.corpus_path();
        let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        let decode = |(index, line)| {
            hex::decode(line).with_context(|| format!("line {} of {}", index + 1, path.display()))
        };
        text.lines().enumerate().map(decode).collect()
    }

    /// Keeps these inputs, and no others: the shortest, as many as there is room for.
    pub fn keep(&self, mut inputs: Vec<Vec<u8>>) -> Result<()> {
        inputs.sort_by_key(|input| (input.len(), input.clone()));
        inputs.dedup();
        let mut room = MAX_KEPT;
        inputs.retain(|input| {
            let fits = input.len() <= room;
            room = room.saturating_sub(input.len());
            fits
        });
        let lines: String = inputs.iter().map(|input| hex::encode(input) + "\n").collect();
        let path = self.corpus_path();
        fs::write(&path, lines).with_context(|| path.display().to_string())
    }
}

/// Joins pieces, each behind its length in two bytes, big-endian; a longer one is cut.
fn join<P: AsRef<[u8]>>(pieces: impl IntoIterator<Item = P>) -> Vec<u8> {
    let mut out = Vec::new();
    for piece in pieces {
        let piece = piece.as_ref();
        let piece = &piece[..piece.len().min(usize::from(u16::MAX))];
        out.extend_from_slice(&(piece.len() as u16).to_be_bytes());
        out.extend_from_slice(piece);
    }
    out
}

/// What [`join`] has joined. The last piece may be shorter than its length says.
fn split(mut bytes: &[u8]) -> Vec<&[u8]> {
    let mut pieces = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk::<2>() {
        let (piece, rest) = rest.split_at(usize::from(u16::from_be_bytes(*length)).min(rest.len()));
        pieces.push(piece);
        bytes = rest;
    }
    pieces
}
