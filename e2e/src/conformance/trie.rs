//! Trie tests.

use std::collections::BTreeMap;

use alloy_primitives::{B256, Bytes, hex, keccak256};
use anyhow::{Context, Result, ensure};
use trie::{Nibbles, NodeSink, Trie, Witness};

use super::{
    Folder,
    exclude::{Exclusions, Place},
    format::{Steps, TrieTest},
    report::Report,
};

/// A key and its new value; none deletes.
type Step = (Vec<u8>, Option<Vec<u8>>);

/// Runs a file's tests.
pub(super) fn run_file(file: &str, json: &[u8], exclusions: &Exclusions, report: &mut Report) -> Result<()> {
    // A test of another form is a failure of its own.
    let tests: BTreeMap<String, serde_json::Value> = serde_json::from_slice(json)?;
    let hash_keys = file.to_lowercase().contains("securetrie");
    for (name, test) in tests {
        let place = Place { file, test: &name, fork: None, index: None };
        exclusions.note(Folder::Tries, &place, run_case(test, hash_keys), report);
    }
    Ok(())
}

fn run_case(test: serde_json::Value, hash_keys: bool) -> Result<()> {
    let test: TrieTest = serde_json::from_value(test)?;
    orders(&test.steps, hash_keys)?.iter().try_for_each(|steps| run(steps, test.root))
}

/// The orders in which the steps are to be taken: one, or several if they may be taken in any.
fn orders(steps: &Steps, hash_keys: bool) -> Result<Vec<Vec<Step>>> {
    let step = |(key, value): (&String, &Option<String>)| -> Result<Step> {
        let key = bytes(key)?;
        let key = if hash_keys { keccak256(key).to_vec() } else { key };
        let value = value.as_ref().map(|value| bytes(value)).transpose()?;
        Ok((key, value.filter(|value| !value.is_empty())))
    };
    match steps {
        Steps::InOrder(steps) => {
            Ok(vec![steps.iter().map(|(key, value)| step((key, value))).collect::<Result<_>>()?])
        }
        Steps::AnyOrder(steps) => {
            let forwards: Vec<Step> = steps.iter().map(step).collect::<Result<_>>()?;
            let backwards = forwards.iter().rev().cloned().collect();
            let (odd, even): (Vec<_>, Vec<_>) =
                forwards.iter().cloned().enumerate().partition(|(index, _)| index % 2 == 1);
            let mixed = odd.into_iter().chain(even).map(|(_, step)| step).collect();
            Ok(vec![forwards, backwards, mixed])
        }
    }
}

/// The bytes of a text, or those that it names in hexadecimal.
fn bytes(text: &str) -> Result<Vec<u8>> {
    match text.strip_prefix("0x") {
        Some(digits) => hex::decode(digits).with_context(|| format!("bytes {text}")),
        None => Ok(text.as_bytes().to_vec()),
    }
}

fn run(steps: &[Step], expected: B256) -> Result<()> {
    let mut in_memory = Trie::empty();
    let mut stored = trie::EMPTY_ROOT;
    let mut nodes = Nodes::default();
    for step in steps {
        take(&mut in_memory, &Witness::new(), step)?;
        // This one knows nothing but the root and the nodes put so far.
        let mut reopened = Trie::from_root(stored);
        take(&mut reopened, &nodes.0, step)?;
        stored = reopened.commit(None, &mut nodes);
    }
    let root = in_memory.commit(None, &mut ());
    ensure!(root == expected, "root {root}, expected {expected}");
    ensure!(stored == expected, "root {stored} with a store, expected {expected}");
    Ok(())
}

fn take(trie: &mut Trie, nodes: &Witness, (key, value): &Step) -> Result<()> {
    match value {
        Some(value) => trie.insert(nodes, None, key, value)?,
        None => {
            trie.remove(nodes, None, key)?;
        }
    }
    Ok(())
}

/// Keeps the nodes that a trie commits.
#[derive(Default)]
struct Nodes(Witness);

impl NodeSink for Nodes {
    fn put(&mut self, _: Option<&B256>, _: &Nibbles, _: &B256, rlp: &[u8]) {
        self.0.insert(Bytes::copy_from_slice(rlp));
    }
}
