use crate::{
    Shape, TrieError,
    commit::commit_nodes,
    path::{MAX_NIBBLES, NibbleRun},
    trie::Loader,
};
use alloy_primitives::{B256, Bytes};

/// A node that was made from what is below it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subtree {
    /// keccak256 of the node's RLP.
    pub hash: B256,
    /// The node's RLP.
    pub rlp: Bytes,
    /// What is below it.
    pub shape: Shape,
}

/// The node that stands `depth` nibbles below the root of a trie in which exactly these keys begin with its path.
/// `None` if there is no key, or `depth` is beyond keys' ends. The keys must agree in their first `depth` nibbles, which
/// are not looked at.
///
/// It is the node at that path only if the trie has one there: the caller compares the hash.
pub fn subtree<V: AsRef<[u8]>>(
    depth: usize,
    leaves: impl IntoIterator<Item = (B256, V)>,
) -> Result<Option<Subtree>, TrieError> {
    if depth > MAX_NIBBLES {
        return Ok(None);
    }
    let (mut root, mut nodes) = (None, 0);
    for (key, value) in leaves {
        let mut cx = Loader { src: &(), owner: None, key: &key[..], nodes: &mut nodes };
        match &mut root {
            None => root = Some(cx.new_leaf(NibbleRun::of_key(&key[..], depth), value.as_ref())),
            Some(node) => {
                cx.insert(node, depth, value.as_ref())?;
            }
        }
    }
    let Some(root) = root else { return Ok(None) };
    let (root, hash) = commit_nodes(root, None, &mut ());
    Ok(root.map(|node| Subtree { hash, rlp: Bytes::copy_from_slice(node.rlp()), shape: node.shape() }))
}
