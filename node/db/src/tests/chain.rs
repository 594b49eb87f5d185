//! Random chains, the same for the same seed, with the state at every height in plain maps.

use std::collections::BTreeMap;

use alloy_consensus::Header;
use alloy_primitives::{Address, B256, Bytes, Log, Sealable, Sealed, U256, keccak256};
use op_alloy_consensus::{OpReceiptEnvelope, OpTxType};
use rand::{Rng, SeedableRng, rngs::StdRng};
use stf::{StateChanges, StorageChanges};
use trie::{Account, Trie, encode_storage};

use crate::{BlockRecord, L1Fee, NodeBuffer, StoredReceipt, Writer};

pub(super) type State = BTreeMap<B256, (Account, BTreeMap<B256, U256>)>;

pub(super) struct Block {
    pub(super) header: Sealed<Header>,
    pub(super) transactions: Vec<Bytes>,
    pub(super) hashes: Vec<B256>,
    pub(super) senders: Vec<Address>,
    pub(super) receipts: Vec<StoredReceipt>,
    changes: StateChanges,
    nodes: NodeBuffer,
}

impl Block {
    pub(super) fn record(&self) -> BlockRecord<'_> {
        BlockRecord {
            header: &self.header,
            transactions: &self.transactions,
            hashes: &self.hashes,
            senders: &self.senders,
            receipts: &self.receipts,
            changes: &self.changes,
            nodes: &self.nodes,
        }
    }
}

pub(super) struct Chain {
    seed: u64,
    pub(super) states: Vec<State>,
    pub(super) blocks: Vec<Block>,
    accounts: Trie,
    storage: BTreeMap<B256, Trie>,
}

/// Few enough that keys come back often.
pub(super) fn addresses() -> impl Iterator<Item = B256> {
    (0..24u8).map(|i| keccak256([i]))
}

pub(super) fn slots() -> impl Iterator<Item = B256> {
    (0..12u8).map(|i| keccak256([i, 0]))
}

pub(super) fn codes() -> impl Iterator<Item = Bytes> {
    (0..6u8).map(|i| Bytes::from(vec![0x60 + i; 1 + 900 * usize::from(i)]))
}

fn pick<T>(rng: &mut StdRng, items: impl Iterator<Item = T>) -> T {
    let items: Vec<T> = items.collect();
    let at = rng.random_range(0..items.len());
    items.into_iter().nth(at).unwrap()
}

impl Chain {
    pub(super) fn new(seed: u64) -> Self {
        let mut chain =
            Self { seed, states: vec![], blocks: vec![], accounts: Trie::empty(), storage: BTreeMap::new() };
        chain.grow(0);
        chain
    }

    /// Goes another way after `height`.
    pub(super) fn fork(&mut self, height: u64, seed: u64) {
        self.seed = seed;
        self.states.truncate(height as usize + 1);
        self.blocks.truncate(height as usize + 1);
        (self.accounts, self.storage) = (Trie::empty(), BTreeMap::new());
        for (address, (account, slots)) in &self.states[height as usize] {
            self.accounts.insert(&(), None, &address[..], &account.encode()).unwrap();
            let trie = self.storage.entry(*address).or_insert(Trie::empty());
            for (slot, value) in slots {
                trie.insert(&(), Some(address), &slot[..], encode_storage(*value).unwrap().as_ref()).unwrap();
            }
            assert_eq!(trie.commit(Some(address), &mut ()), account.storage_root);
        }
        assert_eq!(self.accounts.commit(None, &mut ()), self.blocks[height as usize].header.state_root);
    }

    /// Makes blocks up to `number`.
    pub(super) fn grow(&mut self, number: u64) {
        while self.blocks.len() as u64 <= number {
            self.make_block();
        }
    }

    pub(super) fn append(&self, writer: &mut Writer, number: u64) {
        let record = self.blocks[number as usize].record();
        if number == 0 { writer.append_genesis(&record) } else { writer.append_block(&record) }.unwrap();
    }

    fn make_block(&mut self) {
        let number = self.blocks.len() as u64;
        let rng = &mut StdRng::seed_from_u64(self.seed.wrapping_mul(1_000_003) ^ number);
        let mut state = self.states.last().cloned().unwrap_or_default();
        let mut changes = StateChanges::default();
        let mut nodes = NodeBuffer::new();
        let touched = if number == 0 { 20 } else { rng.random_range(0..6) };
        for _ in 0..touched {
            let address = pick(rng, addresses());
            if changes.accounts.iter().any(|(changed, _)| *changed == address) {
                continue;
            }
            let trie = self.storage.entry(address).or_insert(Trie::empty());
            let mut storage = StorageChanges { address, ..StorageChanges::default() };
            let (account, slots) = state.entry(address).or_default();
            let dies = rng.random_ratio(1, 5) && number > 0;
            storage.wiped = !slots.is_empty() && (dies || rng.random_ratio(1, 6));
            if storage.wiped {
                slots.clear();
                *trie = Trie::empty();
            }
            if dies {
                state.remove(&address);
                self.accounts.remove(&(), None, &address[..]).unwrap();
                changes.accounts.push((address, None));
            } else {
                account.nonce = 1 + (rng.random::<u64>() >> rng.random_range(1..64));
                account.balance = U256::from(rng.random::<u64>()) << rng.random_range(0..190usize);
                if rng.random_ratio(1, 4) {
                    let code = pick(rng, codes());
                    account.code_hash = keccak256(&code);
                    if !changes.codes.iter().any(|(hash, _)| *hash == account.code_hash) {
                        changes.codes.push((account.code_hash, code));
                    }
                }
                for _ in 0..rng.random_range(0..8) {
                    let slot = pick(rng, slots_unlike(&storage.slots));
                    let value = U256::from(rng.random_range(0..4u64)) << (8 * rng.random_range(0..32usize));
                    storage.slots.push((slot, value));
                    match encode_storage(value) {
                        Some(rlp) => {
                            slots.insert(slot, value);
                            trie.insert(&(), Some(&address), &slot[..], rlp.as_ref()).unwrap();
                        }
                        None => {
                            slots.remove(&slot);
                            trie.remove(&(), Some(&address), &slot[..]).unwrap();
                        }
                    }
                }
                storage.slots.sort();
                account.storage_root = trie.commit(Some(&address), &mut nodes);
                self.accounts.insert(&(), None, &address[..], &account.encode()).unwrap();
                changes.accounts.push((address, Some(*account)));
            }
            if storage.wiped || !storage.slots.is_empty() {
                changes.storage.push(storage);
            }
        }
        changes.accounts.sort_by_key(|(address, _)| *address);
        changes.storage.sort_by_key(|storage| storage.address);
        let state_root = self.accounts.commit(None, &mut nodes);
        self.states.push(state);
        let parent_hash = self.blocks.last().map_or(B256::ZERO, |block| block.header.hash());
        let extra_data = self.seed.to_be_bytes().to_vec().into();
        let header = Header { number, parent_hash, state_root, extra_data, ..Header::default() }.seal_slow();
        let count = rng.random_range(0..4);
        let unique: Vec<[u8; 16]> = (0..count).map(|_| rng.random()).collect();
        let transactions: Vec<Bytes> = (0..count)
            .map(|_| vec![2; rng.random_range(1..300)])
            .zip(unique)
            .map(|(mut raw, unique)| {
                raw.extend_from_slice(&unique);
                raw.into()
            })
            .collect();
        self.blocks.push(Block {
            hashes: transactions.iter().map(keccak256).collect(),
            senders: transactions.iter().map(|raw| Address::from_slice(&keccak256(raw)[..20])).collect(),
            receipts: (0..count).map(|_| receipt(rng)).collect(),
            header,
            transactions,
            changes,
            nodes,
        });
    }
}

fn slots_unlike(set: &[(B256, U256)]) -> impl Iterator<Item = B256> {
    slots().filter(|slot| !set.iter().any(|(set, _)| set == slot))
}

fn receipt(rng: &mut StdRng) -> StoredReceipt {
    let logs: Vec<Log> = (0..rng.random_range(0..3))
        .map(|_| {
            let topics = (0..rng.random_range(0..5)).map(|_| B256::random_with(rng)).collect();
            let data = vec![7; rng.random_range(0..200)];
            Log::new_unchecked(Address::random_with(rng), topics, data.into())
        })
        .collect();
    let types =
        [OpTxType::Legacy, OpTxType::Eip2930, OpTxType::Eip1559, OpTxType::Eip7702, OpTxType::Deposit];
    let tx_type = pick(rng, types.into_iter());
    let deposit = |value: u64| (tx_type == OpTxType::Deposit).then_some(value);
    StoredReceipt {
        receipt: OpReceiptEnvelope::from_parts(
            rng.random(),
            rng.random(),
            &logs,
            tx_type,
            deposit(rng.random()),
            deposit(1).filter(|_| rng.random()),
        ),
        gas_used: rng.random(),
        l1_fee: (tx_type != OpTxType::Deposit).then(|| L1Fee { fee: rng.random(), gas_used: rng.random() }),
    }
}
