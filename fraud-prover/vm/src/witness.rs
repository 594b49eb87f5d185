//! What a verifier needs to check one step.

use crate::{
    host::{Host, HostError},
    machine_state::{STATE_LENGTH, State},
    reference::{self, Access, LEAF, Memory, PAGE, PreimageCache},
    tree::DEPTH,
};
use alloy_primitives::{B256, keccak256};

/// One step, ready for the contract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepWitness {
    /// The packed state before the step.
    pub state: [u8; STATE_LENGTH],
    /// What the step touches, as the table lays it out.
    pub witness: Vec<u8>,
    /// The state after the step.
    pub post: State,
    /// What the step has touched.
    pub access: Access,
}

impl StepWitness {
    /// Hash of the state before the step.
    #[must_use]
    pub fn pre_hash(&self) -> B256 {
        keccak256(self.state)
    }

    /// Hash of the state after the step.
    #[must_use]
    pub fn post_hash(&self) -> B256 {
        self.post.hash()
    }
}

/// A memory that can prove what it holds.
pub(crate) trait Provable {
    /// The node at a height above the leaves; at height 0, a leaf itself.
    fn node(&self, height: u32, index: u32) -> B256;
    /// The siblings from a node upwards.
    fn branch(&self, height: u32, index: u32) -> Vec<B256>;
}

/// Height of the node of an accelerator page.
const PAGE_HEIGHT: u32 = (PAGE / LEAF).trailing_zeros();

/// A tree that is read through, with what the step writes kept beside it. A step writes one block of memory.
struct Journal<'a, M> {
    tree: &'a M,
    written: Option<(u32, Vec<u8>)>,
}

impl<M: Provable> Memory for Journal<'_, M> {
    fn load<const N: usize>(&self, address: u32) -> [u8; N] {
        let mut bytes = [0; N];
        // Whole leaves: `N` and the address are multiples of each other's powers of two.
        for (i, part) in bytes.chunks_mut(LEAF as usize).enumerate() {
            let at = address as usize + i * LEAF as usize;
            let leaf = self.tree.node(0, (at / LEAF as usize) as u32);
            part.copy_from_slice(&leaf[at % LEAF as usize..][..part.len()]);
        }
        bytes
    }

    fn store<const N: usize>(&mut self, address: u32, bytes: [u8; N]) {
        self.written = Some((address, bytes.to_vec()));
    }
}

/// Makes the witness of the step that leads from `state`, whose memory is `tree`.
pub(crate) fn prove<M: Provable, H: Host>(
    state: &State,
    tree: &M,
    host: &mut H,
    cache: &mut PreimageCache,
) -> Result<StepWitness, HostError> {
    let mut post = state.clone();
    let mut journal = Journal { tree, written: None };
    let access = reference::step(&mut post.cpu, &mut journal, host, cache)?;
    let mut witness = Vec::new();
    let mut push = |height: u32, address: u32| {
        let index = (address / LEAF as u32) >> height;
        for leaf in 0..1 << height {
            witness.extend(tree.node(0, (index << height) + leaf));
        }
        witness.extend(tree.branch(height, index).concat());
    };
    if access != Access::None {
        // Fetched, so the pc is an address.
        push(0, state.cpu.pc as u32);
    }
    match &access {
        Access::None | Access::Fetch | Access::Output(None) => {}
        Access::Leaf(address) | Access::Output(Some(address)) => push(0, *address),
        Access::Page { page, .. } => push(PAGE_HEIGHT, *page),
        Access::Preimage { key, destination, preimage } => {
            push(0, *key);
            push(0, *destination);
            witness.extend_from_slice(preimage);
        }
        Access::Blob { hash, destination, versioned_hash, index, element } => {
            push(0, *hash);
            push(0, *destination);
            let proof = host.blob_proof(versioned_hash, *index);
            let (step, versioned_hash, index) = (state.cpu.step, *versioned_hash, *index);
            let proof = proof.ok_or(HostError::NoBlob { step, versioned_hash, index })?;
            witness.extend(element);
            witness.extend(proof.commitment);
            witness.extend(proof.proof);
        }
    }
    if let Some((address, bytes)) = journal.written {
        post.root = root_with(tree, address, &bytes);
    }
    Ok(StepWitness { state: state.pack(), witness, post, access })
}

/// The root after a write of one leaf, a part of one, or an accelerator page.
fn root_with<M: Provable>(tree: &M, address: u32, bytes: &[u8]) -> B256 {
    let mut index = address / LEAF as u32;
    let mut nodes: Vec<B256> = if bytes.len() < LEAF as usize {
        let mut leaf = tree.node(0, index);
        leaf[address as usize % LEAF as usize..][..bytes.len()].copy_from_slice(bytes);
        vec![leaf]
    } else {
        bytes.chunks(LEAF as usize).map(B256::from_slice).collect()
    };
    let pair = |left: B256, right: B256| keccak256([left.0, right.0].concat());
    let mut height = 0;
    while nodes.len() > 1 {
        nodes = nodes.chunks(2).map(|children| pair(children[0], children[1])).collect();
        index /= 2;
        height += 1;
    }
    debug_assert!(height <= DEPTH);
    let mut node = nodes[0];
    for sibling in tree.branch(height, index) {
        node = if index.is_multiple_of(2) { pair(node, sibling) } else { pair(sibling, node) };
        index /= 2;
    }
    node
}
