//! What a dispute stands on: tries, the fault proof program's input, and the machine that runs it.

use std::cell::{Cell, RefCell};

use alloy::primitives::{Address, B256, Bytes, keccak256};
use anyhow::Result;
use rand::{Rng, SeedableRng, rngs::StdRng};
use rollup::witness::BlockWitness;
use stf::{PreimageOracle, run::OracleError};
use trie::{EMPTY_ROOT, Trie, TrieError, Witness, verify_proof};
use vm::{Image, Machine, StepWitness, asm, generate::Generator, verify};

use super::{join, split};
use crate::proving::{Catalogue, Deposit, Kind, Lab, Population};

/// Steps that a loaded program runs.
const STEPS: u64 = 2_000;

/// A 32-byte key from a piece of any length.
fn key(piece: &[u8]) -> B256 {
    let mut key = B256::ZERO;
    for (to, from) in key.iter_mut().zip(piece) {
        *to = *from;
    }
    key
}

/// The first two pieces are keys, the others nodes, of which the first is the root. A proof that is accepted says what
/// the trie says; a change can be read back, and taking it back gives the root that was there before.
pub(super) fn trie(bytes: &[u8]) -> bool {
    let pieces = split(bytes);
    let [first, second, nodes @ ..] = &pieces[..] else { return false };
    let (first, second) = (key(first), key(second));
    let nodes: Vec<Bytes> = nodes.iter().map(|node| Bytes::copy_from_slice(node)).collect();
    let root = nodes.first().map_or(EMPTY_ROOT, keccak256);
    let mut source = Witness::new();
    for node in &nodes {
        source.insert(node.clone());
    }
    let open = || Trie::from_root(root);
    let found = open().get(&source, None, &first[..]).map(|value| value.map(<[u8]>::to_vec));
    if let Ok(proven) = verify_proof(root, &first[..], &nodes) {
        assert_eq!(found, Ok(proven), "the proof says something else");
    }
    let Ok(before) = found else { return false };
    let mut trie = open();
    let changed = trie.insert(&source, None, &first[..], b"new").and_then(|()| {
        let _ = trie.get(&source, None, &second[..])?;
        assert_eq!(trie.get(&source, None, &first[..])?, Some(&b"new"[..]));
        let grown = trie.commit(None, &mut ());
        let restored = match &before {
            Some(value) => trie.insert(&source, None, &first[..], value).map(|()| true),
            None => trie.remove(&source, None, &first[..]),
        };
        Ok((grown, restored?))
    });
    match changed {
        Ok((grown, restored)) => {
            assert!(restored, "what was inserted was not there");
            assert_eq!(trie.commit(None, &mut ()), root, "by way of {grown}");
        }
        Err(TrieError::EmptyValue | TrieError::Uncommitted) => unreachable!("a value was given"),
        Err(_) => {}
    }
    true
}

pub(super) fn trie_seeds() -> Vec<Vec<u8>> {
    let mut rng = StdRng::seed_from_u64(1);
    let seed = |count: usize| {
        let keys: Vec<B256> = (0..count).map(|_| B256::from(rng.random::<[u8; 32]>())).collect();
        let source = Witness::new();
        let mut trie = Trie::from_root(EMPTY_ROOT);
        for (index, key) in keys.iter().enumerate() {
            trie.insert(&source, None, &key[..], &vec![1; 1 + index]).expect("an empty trie lacks nothing");
        }
        trie.commit(None, &mut ());
        let key = keys.first().copied().unwrap_or_default();
        let proof = trie.proof(&source, None, &key[..]).expect("nothing is missing");
        let ends = [key.to_vec(), B256::repeat_byte(9).to_vec()];
        join(ends.into_iter().chain(proof.into_iter().map(Into::into)))
    };
    [0, 1, 2, 17, 300].map(seed).into()
}

/// Answers the n-th question with the n-th piece, whatever was asked: a superset of what a chain can hold.
struct InOrder<'a> {
    pieces: Vec<&'a [u8]>,
    next: Cell<usize>,
}

impl PreimageOracle for InOrder<'_> {
    fn preimage(&self, hash: &B256) -> Result<Bytes, OracleError> {
        let next = self.next.replace(self.next.get() + 1);
        let piece = self.pieces.get(next).ok_or(OracleError::Missing(*hash))?;
        Ok(Bytes::copy_from_slice(piece))
    }

    fn blob_element(&self, versioned_hash: &B256, _: u16) -> Result<B256, OracleError> {
        let piece = self.preimage(versioned_hash)?;
        Ok(B256::right_padding_from(&piece[..piece.len().min(32)]))
    }
}

/// A run ends, with an output or without one, and the same one each time.
pub(super) fn block(bytes: &[u8]) -> bool {
    let run = || {
        let oracle = InOrder { pieces: split(bytes), next: Cell::new(0) };
        stf::run(&B256::ZERO, &oracle).map_err(|error| error.to_string())
    };
    let first = run();
    assert_eq!(run(), first);
    first.is_ok()
}

/// Notes in which order a run asks.
struct Noting<'a> {
    witness: &'a BlockWitness,
    asked: RefCell<Vec<Bytes>>,
}

impl PreimageOracle for Noting<'_> {
    fn preimage(&self, hash: &B256) -> Result<Bytes, OracleError> {
        let found = self.witness.preimage(hash)?;
        self.asked.borrow_mut().push(found.clone());
        Ok(found)
    }

    fn blob_element(&self, versioned_hash: &B256, index: u16) -> Result<B256, OracleError> {
        let found = self.witness.blob_element(versioned_hash, index)?;
        self.asked.borrow_mut().push(Bytes::copy_from_slice(found.as_slice()));
        Ok(found)
    }
}

pub(super) fn block_seeds() -> Vec<Vec<u8>> {
    let seeds = || -> Result<Vec<Vec<u8>>> {
        let mut catalogue = Catalogue::new(42_069)?;
        let mut lab = Lab::new(catalogue.rollup(&Population::new(2, 42_069))?)?;
        let to = Some(Address::repeat_byte(8));
        lab.deposit(Address::repeat_byte(7), &Deposit { to, gas_limit: 50_000, ..Deposit::default() });
        lab.block(Vec::new())?;
        lab.block(catalogue.transactions(Kind::Types)?)?;
        lab.raw_batch(vec![0xff; 40], 1)?;
        lab.forced_batch()?;
        (1..=lab.head())
            .map(|number| {
                let witness = lab.witness(number)?;
                let oracle = Noting { witness: &witness, asked: RefCell::default() };
                assert_eq!(stf::run(&witness.boot.hash(), &oracle)?, witness.output);
                Ok(join(oracle.asked.into_inner()))
            })
            .collect()
    };
    seeds().expect("a chain")
}

/// A file is refused, or runs; stopping and going on changes nothing.
pub(super) fn elf(bytes: &[u8]) -> bool {
    let Ok(image) = Image::load(bytes) else { return false };
    let machine = || Machine::new(&image, B256::ZERO, ()).expect("there is address space");
    let Ok(states) = machine().states_at(&[0, 1, STEPS / 2, STEPS]) else { return false };
    let mut stopping = machine();
    for (at, state) in [0, 1, STEPS / 2, STEPS].into_iter().zip(states) {
        stopping.run_to(at).expect("it ran before");
        let snapshot = stopping.snapshot();
        let mut resumed = Machine::resume(&snapshot, ()).expect("there is address space");
        assert_eq!(resumed.state().hash(), state, "step {at}");
        let Ok(step) = resumed.witness() else { continue };
        assert_eq!(verify(&step.state, &step.witness), Ok(step.post_hash()), "step {at}");
    }
    true
}

pub(super) fn elf_seeds() -> Vec<Vec<u8>> {
    // li a7, 0; li a0, 3; ecall: exits with code 3. And a loop that counts.
    let exit = [asm::li(17, 0), asm::li(10, 3), vec![asm::ECALL]].concat();
    let count = vec![asm::i(vm::Op::Addi, 10, 10, 1), 0xffdf_f06f];
    [exit, count].map(|code| elf_file(&code)).into()
}

/// The least file that the loader takes: one segment, of code, at its entry.
fn elf_file(code: &[u32]) -> Vec<u8> {
    const HEADERS: u64 = 64 + 56;
    const ADDRESS: u64 = 0x1_0000;
    let code: Vec<u8> = code.iter().flat_map(|word| word.to_le_bytes()).collect();
    let length = code.len() as u64;
    let mut file = b"\x7fELF\x02\x01\x01".to_vec();
    file.resize(16, 0);
    // Type (executable), machine (RISC-V), version; entry, table of segments, no table of sections.
    file.extend([2u16, 243].map(u16::to_le_bytes).concat());
    file.extend(1u32.to_le_bytes());
    file.extend([ADDRESS, 64, 0].map(u64::to_le_bytes).concat());
    // Flags; sizes of header and entry, number of segments; none of sections.
    file.extend(0u32.to_le_bytes());
    file.extend([64u16, 56, 1, 64, 0, 0].map(u16::to_le_bytes).concat());
    // The segment: loaded, readable and executable.
    file.extend([1u32, 5].map(u32::to_le_bytes).concat());
    file.extend([HEADERS, ADDRESS, ADDRESS, length, length, 4096].map(u64::to_le_bytes).concat());
    file.extend(code);
    file
}

/// A witness is refused or accepted. One that is accepted says the same with any bit changed, or is refused: nothing that
/// a step depends on is left to whoever sends it. The third piece chooses the bit.
pub(super) fn step(bytes: &[u8]) -> bool {
    let pieces = split(bytes);
    let piece = |index: usize| pieces.get(index).copied().unwrap_or_default();
    let (state, witness) = (piece(0), piece(1));
    let Ok(after) = verify(state, witness) else { return false };
    assert!(verify(state, &[witness, &[0]].concat()).is_err(), "a longer witness was accepted");
    let bit = piece(2).iter().fold(0, |bit, byte| bit << 8 | usize::from(*byte)) % (8 * witness.len().max(1));
    let mut other = witness.to_vec();
    if let Some(byte) = other.get_mut(bit / 8) {
        *byte ^= 1 << (bit % 8);
    }
    if let Ok(same) = verify(state, &other) {
        assert_eq!(same, after, "bit {bit} of the witness is free");
    }
    true
}

pub(super) fn step_seeds() -> Vec<Vec<u8>> {
    let seed =
        |(bit, step): (u16, StepWitness)| join([&step.state[..], &step.witness, &(77 * bit).to_be_bytes()]);
    (0..).zip(Generator::new(1).take(60)).map(seed).collect()
}
