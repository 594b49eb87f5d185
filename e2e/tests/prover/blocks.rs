//! Blocks executed over the database, and again over nothing but what that took: the same blocks.
#![allow(clippy::unwrap_used)]

use crate::common::{COUNTER_CODE, Chain, Deposit, ETHER, Queue, sign, transfer};
use alloy_consensus::{Header, TxEip1559};
use alloy_primitives::{Address, B256, Bytes, Sealed, TxKind, U256, keccak256};
use db::{BlockRecord, Database, Identity, NodeBuffer, Options, StateAt, TxMode, Writer};
use revm::state::{AccountInfo, Bytecode};
use stf::{
    ExecutedBlock, Message, StateChanges, StateTrie, Transaction,
    state::{StateError, account_info, bytecode},
};
use trie::NodeError;

const COUNTER: Address = Address::repeat_byte(0xc0);

/// The database's state, as revm reads one.
struct Stored<'a, K: TxMode>(StateAt<'a, K>);

fn failed(error: db::Error) -> StateError {
    StateError(NodeError::Other(error.to_string()).into())
}

impl<K: TxMode> revm::Database for Stored<'_, K> {
    type Error = StateError;

    fn basic(&mut self, address: Address) -> Result<Option<AccountInfo>, StateError> {
        let account = self.0.account(&keccak256(address)).map_err(failed)?;
        Ok(account.as_ref().map(account_info))
    }

    fn code_by_hash(&mut self, hash: B256) -> Result<Bytecode, StateError> {
        Ok(bytecode(self.0.code(&hash).map_err(failed)?))
    }

    fn storage(&mut self, address: Address, key: U256) -> Result<U256, StateError> {
        let slot = keccak256(key.to_be_bytes::<32>());
        self.0.storage(&keccak256(address), &slot).map_err(failed)
    }

    fn block_hash(&mut self, number: u64) -> Result<B256, StateError> {
        self.0.block_hash(number).map_err(failed)
    }
}

fn append(writer: &mut Writer, header: Header, changes: &StateChanges, nodes: &NodeBuffer) {
    let hash = header.hash_slow();
    let header = &Sealed::new_unchecked(header, hash);
    let (transactions, hashes, senders, receipts) = (&[], &[], &[], &[]);
    let record = BlockRecord { header, transactions, hashes, senders, receipts, changes, nodes };
    if header.number == 0 {
        writer.append_genesis(&record).unwrap();
    } else {
        writer.append_block(&record).unwrap();
    }
}

/// The block after the chain's, over the database.
fn build(
    chain: &Chain,
    state: StateAt<'_, impl TxMode>,
    messages: &[Message],
    transactions: &[Transaction],
) -> (ExecutedBlock, NodeBuffer) {
    let mut builder = chain.begin(messages, Stored(state)).unwrap();
    for tx in transactions {
        builder.execute(tx).unwrap().unwrap();
    }
    let mut nodes = NodeBuffer::new();
    let mut trie = StateTrie::new(chain.header.state_root);
    let block = builder.finish().0.seal(&mut trie, &state, &mut nodes).unwrap();
    (block, nodes)
}

#[test]
fn blocks_over_the_database_equal_blocks_over_their_witness() {
    let folder = tempfile::tempdir().unwrap();
    let identity =
        Identity { l1_chain_id: 1, l2_chain_id: 2, genesis_hash: B256::ZERO, config_hash: B256::ZERO };
    let database = Database::open(folder.path(), &identity, &Options::default()).unwrap();
    // Returns what BLOCKHASH gives for the block before the last.
    let asks = Bytes::from_static(&[0x60, 2, 0x43, 0x03, 0x40, 0x60, 0, 0x55, 0x00]);
    let asking = Address::repeat_byte(0x40);
    let mut chain = Chain::new(&[(COUNTER, COUNTER_CODE), (asking, &asks)]);

    let mut nodes = NodeBuffer::new();
    let mut changes = chain.genesis.clone();
    let root = StateTrie::new(trie::EMPTY_ROOT).update(&mut changes, &(), &mut nodes).unwrap();
    assert_eq!(root, chain.header.state_root);
    let mut writer = database.write().unwrap();
    append(&mut writer, chain.header.clone(), &changes, &nodes);
    writer.commit().unwrap();

    let mut queue = Queue::default();
    for round in 0..20u64 {
        let start = queue.messages.len();
        queue.info();
        queue.deposit(Address::repeat_byte(0xa1), Deposit { mint: ETHER, ..Deposit::default() });
        let call = |to: Address, nonce: u64| TxEip1559 {
            to: TxKind::Call(to),
            gas_limit: 100_000,
            value: U256::from(round),
            ..transfer(nonce)
        };
        let creation =
            TxEip1559 { to: TxKind::Create, input: vec![0x33, 0xff].into(), ..call(COUNTER, round) };
        let transactions = [
            sign(1, call(COUNTER, 3 * round)),
            sign(1, call(asking, 3 * round + 1)),
            sign(1, call(Address::from_word(keccak256(round.to_be_bytes())), 3 * round + 2)),
            sign(2, creation),
        ];
        let messages = &queue.messages[start..];

        let reader = database.read().unwrap();
        let (block, nodes) = build(&chain, reader.state_at(round).unwrap(), messages, &transactions);
        let over_nodes = chain.build(messages, &transactions);
        let over_witness = chain.build_on(&over_nodes.read, messages, &transactions).unwrap();
        for other in [&over_nodes.block, &over_witness.block] {
            assert_eq!(other.header, block.header);
            assert_eq!((other.hash, &other.changes), (block.hash, &block.changes));
        }
        let mut writer = database.write().unwrap();
        append(&mut writer, block.header.clone(), &block.changes, &nodes);
        writer.commit().unwrap();
        chain.advance(messages, &transactions);
        assert_eq!(chain.hash, block.hash);
    }
    assert_ne!(chain.slot(asking, U256::ZERO), U256::ZERO);
}
