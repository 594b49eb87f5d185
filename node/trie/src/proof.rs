//! Merkle proofs: making them out of a trie, and checking them with one.

use crate::{
    EMPTY_ROOT, Nibbles, NodeError, NodeSource, Trie, TrieError,
    node::{INLINE_LIMIT, TrieNode},
    path::NibbleRun,
    rlp::EMPTY_STRING,
    trie::Loader,
};
use alloc::vec::Vec;
use alloy_primitives::{B256, Bytes, keccak256};
use core::cell::{Cell, RefCell};

impl Trie {
    /// The nodes from the root to `key`'s value, or to the node that shows its absence, as in `eth_getProof`: nodes
    /// inlined in their parent are not listed, and the empty trie has an empty proof. The trie must be committed.
    pub fn proof(
        &mut self,
        src: &impl NodeSource,
        owner: Option<&B256>,
        key: &[u8],
    ) -> Result<Vec<Bytes>, TrieError> {
        if self.hash.is_none() {
            return Err(TrieError::Uncommitted);
        }
        // Loads the path, and checks the key.
        self.get(src, owner, key)?;
        let mut cx = Loader { src, owner, key, nodes: &mut self.nodes };
        let mut proof = Vec::new();
        let mut next = self.root.as_mut();
        let mut depth = 0;
        while let Some(node) = next {
            if depth == 0 || node.rlp().len() >= INLINE_LIMIT {
                proof.push(Bytes::copy_from_slice(node.rlp()));
            }
            let rest = NibbleRun::of_key(key, depth);
            next = match node {
                TrieNode::Ext(ext) if rest.common_prefix(&ext.path()) == ext.path().len() => {
                    depth += ext.path().len();
                    Some(cx.ext_child(ext, depth)?)
                }
                TrieNode::Branch(branch) if rest.len() > 0 => {
                    depth += 1;
                    cx.branch_child(branch, rest.at(0), depth)?
                }
                _ => None,
            };
        }
        Ok(proof)
    }
}

/// Checks a proof against a root hash; returns the value of `key`, or `None` if the proof shows that there is none.
///
/// The empty trie is proven by no nodes, or by its one encoding. Every other proof consists of exactly the nodes
/// that [`Trie::proof`] gives.
pub fn verify_proof(root: B256, key: &[u8], proof: &[Bytes]) -> Result<Option<Vec<u8>>, TrieError> {
    let source = ProofSource { nodes: proof, used: Cell::new(0), error: RefCell::new(None) };
    let mut trie = Trie::from_root(root);
    let value = trie.get(&source, None, key).map(|value| value.map(<[u8]>::to_vec));
    if let Some(error) = source.error.take() {
        return Err(error);
    }
    let value = value?;
    let used = source.used.get();
    let empty_node = root == EMPTY_ROOT && matches!(proof, [node] if node[..] == [EMPTY_STRING]);
    if used < proof.len() && !empty_node {
        return Err(TrieError::ProofTooLong { used, given: proof.len() });
    }
    Ok(value)
}

/// Serves a proof's nodes in turn, if they are the ones asked for.
struct ProofSource<'a> {
    nodes: &'a [Bytes],
    used: Cell<usize>,
    /// What is wrong with the proof, in better words than a source can say it.
    error: RefCell<Option<TrieError>>,
}

impl NodeSource for ProofSource<'_> {
    fn node(&self, owner: Option<&B256>, path: &Nibbles, hash: &B256) -> Result<Bytes, NodeError> {
        let index = self.used.get();
        let error = match self.nodes.get(index) {
            None => TrieError::ProofTooShort { given: index, expected: *hash },
            Some(node) => match keccak256(node) {
                found if found == *hash => {
                    self.used.set(index + 1);
                    return Ok(node.clone());
                }
                found => TrieError::ProofMismatch { index, expected: *hash, found },
            },
        };
        self.error.replace(Some(error));
        Err(NodeError::Missing { owner: owner.copied(), path: *path, hash: *hash })
    }
}
