//! A block about which the fault proof VM and the node disagree, kept in a file for a person to look at.
//!
//! It must never happen: program and node are built from one state transition function. If it does, one of the two
//! implementations of the EVM, of a hash or of the VM is wrong, and no dispute over the block can be played. The file
//! holds all that the block's computation reads, so that anybody can run it again, without a database:
//! `challenger vm replay FILE`.

use std::{
    collections::BTreeMap,
    fmt, fs, io,
    path::{Path, PathBuf},
};

use alloy::primitives::{B256, Bytes, hex, keccak256};
use parking_lot::Mutex;
use rollup::{blobs::versioned_hash, witness::BlockWitness};
use serde_json::{Value, json};
use stf::BootInfo;

use crate::game::RunRules;

/// Most files. Each may take some ten megabytes; a program that is wrong about every block must not fill the disk.
const MOST_FILES: usize = 16;
/// Longest file that is read: a block reads some ten megabytes, written here in hexadecimal.
const LONGEST: u64 = 1 << 30;

/// What VM and node say of a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disagreement {
    /// The block.
    pub block: u64,
    /// Hash of the run's BootInfo.
    pub boot_hash: B256,
    /// The VM's value, or why it could not go on.
    pub machine: Result<B256, String>,
    /// The output root in the node's database.
    pub node: B256,
    /// What the node's state transition gives when it computes the block again from the witness.
    pub again: B256,
}

impl fmt::Display for Disagreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { block, machine, node, again, .. } = self;
        match machine {
            Ok(value) => write!(f, "block {block}: the VM gives {value}, the node has {node}")?,
            Err(error) => write!(f, "block {block}: the VM stops ({error}), the node has {node}")?,
        }
        if again != node {
            write!(f, ", and computed again it is {again}")?;
        }
        Ok(())
    }
}

/// A disagreement that nobody has looked at yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenDisagreement {
    /// What it is about.
    pub text: String,
    /// The file with the witness, or why there is none.
    pub file: Result<PathBuf, String>,
}

impl OpenDisagreement {
    /// Whether nobody has removed its file, if it has one.
    fn stands(&self) -> bool {
        self.file.as_ref().map_or(true, |path| path.exists())
    }
}

/// The disagreements that nobody has looked at yet. Each lasts until its file is removed, also over restarts, or until the
/// two agree.
pub(super) struct Disagreements {
    folder: PathBuf,
    open: Mutex<BTreeMap<B256, OpenDisagreement>>,
}

impl Disagreements {
    /// With those that earlier processes left in the folder.
    pub(super) fn new(folder: PathBuf) -> Self {
        let mut open = BTreeMap::new();
        for path in files_of(&folder) {
            let name = path.file_stem().and_then(|name| name.to_str()).unwrap_or_default();
            let parts = name.split_once('-').and_then(|(block, hash)| Some((block, hash.parse().ok()?)));
            if let Some((block, hash)) = parts {
                let text = format!("block {block}, found by an earlier process");
                open.insert(hash, OpenDisagreement { text, file: Ok(path) });
            }
        }
        Self { folder, open: Mutex::new(open) }
    }

    /// Those that stand.
    pub(super) fn open(&self) -> Vec<OpenDisagreement> {
        let mut open = self.open.lock();
        open.retain(|_, one| one.stands());
        open.values().cloned().collect()
    }

    /// Whether one about this run stands.
    pub(super) fn has(&self, boot_hash: &B256) -> bool {
        self.open.lock().get(boot_hash).is_some_and(OpenDisagreement::stands)
    }

    /// Keeps one, with the block's witness.
    pub(super) fn add(&self, found: &Disagreement, rules: &RunRules, witness: &BlockWitness) {
        let path = self.folder.join(format!("{}-{:x}.json", found.block, found.boot_hash));
        let written = match files_of(&self.folder) {
            files if files.len() >= MOST_FILES && !files.contains(&path) => {
                Err(format!("{} has {MOST_FILES} of them already", self.folder.display()))
            }
            _ => {
                let file = DisagreementFile {
                    witness: BlockWitness { output: found.node, ..witness.clone() },
                    program_root: rules.program_root,
                    max_steps: rules.max_steps,
                    machine: found.machine.as_ref().map_or_else(Clone::clone, B256::to_string),
                };
                file.write(&path).map_err(|error| format!("{}: {error}", path.display()))
            }
        };
        let one = OpenDisagreement { text: found.to_string(), file: written.map(|()| path) };
        self.open.lock().insert(found.boot_hash, one);
    }

    /// VM and node agree about this run.
    pub(super) fn settle(&self, boot_hash: &B256) {
        let gone = self.open.lock().remove(boot_hash);
        if let Some(OpenDisagreement { file: Ok(path), .. }) = gone {
            // If it stays, the next process alerts once more.
            let _ = fs::remove_file(path);
        }
    }
}

fn files_of(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    paths.filter(|path| path.extension().is_some_and(|suffix| suffix == "json")).collect()
}

/// What a file of a disagreement holds, to run it again.
#[derive(Clone, Debug)]
pub struct DisagreementFile {
    /// Where the block starts, what it reads, and what the node has for it.
    pub witness: BlockWitness,
    /// Memory root of the program that disagreed.
    pub program_root: B256,
    /// Most steps of its run.
    pub max_steps: u64,
    /// What it gave, or why it could not go on.
    pub machine: String,
}

/// Why a file cannot be run again.
#[derive(Debug, thiserror::Error)]
pub enum DisagreementFileError {
    /// It cannot be read.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It is not such a file.
    #[error("it is not the file of a disagreement: {0}")]
    Malformed(&'static str),
}

impl DisagreementFile {
    /// Writes a file, and its folder if there is none.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        let Self { witness, program_root, max_steps, machine } = self;
        let BootInfo { agreed_output, block, batch_acc, config_hash } = witness.boot;
        let texts = |known: &BTreeMap<B256, Bytes>| -> Vec<String> {
            known.values().map(hex::encode_prefixed).collect()
        };
        let content = json!({
            "block": block,
            "bootHash": witness.boot.hash(),
            "boot": { "agreedOutput": agreed_output, "batchAcc": batch_acc, "configHash": config_hash },
            "programRoot": program_root,
            "maxSteps": max_steps,
            "machine": machine,
            "node": witness.output,
            "preimages": texts(&witness.preimages),
            "blobs": texts(&witness.blobs),
        });
        rollup::files::write(path, &serde_json::to_vec(&content)?)
    }

    /// Reads a file. Preimages are hashed again, and commitments of blobs made anew, so nothing in it has to be believed.
    pub fn read(path: &Path) -> Result<Self, DisagreementFileError> {
        use DisagreementFileError::Malformed;
        let bytes = rollup::files::read(path, LONGEST)?;
        let content: Value = serde_json::from_slice(&bytes).map_err(|_| Malformed("no JSON"))?;
        let hash = |value: &Value| value.as_str().and_then(|text| text.parse::<B256>().ok());
        let known = |key: &str, hash: fn(&Bytes) -> Option<B256>| -> Option<BTreeMap<B256, Bytes>> {
            let texts = content[key].as_array()?.iter();
            let bytes = texts.map(|bytes| bytes.as_str()?.parse::<Bytes>().ok());
            bytes.map(|bytes| bytes.and_then(|bytes| Some((hash(&bytes)?, bytes)))).collect()
        };
        let preimages = known("preimages", |bytes| Some(keccak256(bytes))).ok_or(Malformed("preimages"))?;
        let blobs = known("blobs", |blob| versioned_hash(blob)).ok_or(Malformed("blobs"))?;
        let boot_hash = hash(&content["bootHash"]).ok_or(Malformed("bootHash"))?;
        let boot = preimages.get(&boot_hash).and_then(|bytes| BootInfo::decode(bytes).ok());
        let boot = boot.ok_or(Malformed("no preimage of bootHash"))?;
        let output = hash(&content["node"]).ok_or(Malformed("node"))?;
        Ok(Self {
            witness: BlockWitness { boot, preimages, blobs, output },
            program_root: hash(&content["programRoot"]).ok_or(Malformed("programRoot"))?,
            max_steps: content["maxSteps"].as_u64().ok_or(Malformed("maxSteps"))?,
            machine: content["machine"].as_str().ok_or(Malformed("machine"))?.to_owned(),
        })
    }
}
