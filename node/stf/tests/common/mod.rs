//! A chain in memory: blocks executed over nothing but trie nodes and codes.
#![allow(clippy::unwrap_used, dead_code, unreachable_pub)]

use std::{collections::BTreeMap, env};

use alloy_consensus::{Header, SignableTransaction, TxEip1559, crypto::secp256k1::sign_message};
use alloy_eips::{
    eip2718::Encodable2718,
    eip2935::{HISTORY_STORAGE_ADDRESS, HISTORY_STORAGE_CODE},
};
use alloy_primitives::{Address, B256, Bytes, KECCAK256_EMPTY, TxKind, U256, hex, keccak256, map::B256Map};
use rand::{SeedableRng, rngs::StdRng};
use revm::Database;
use stf::{
    BlockBuilder, BlockError, ChainConfig, ExecutedBlock, ExtraData, FeeParameters, ForkSchedule,
    InvalidTransaction, Message, MessageHeader, Overlay, PreimageOracle, Rules, StateChanges, StateTrie,
    StorageChanges, Transaction, TrieState,
    block::{L1Attributes, genesis_header},
    config::MIN_MESSAGE_GAS,
    inbox::{CHUNK_SIZE, MessageKind, accumulate, chunk_hash},
    predeploys::{L1_BLOCK, L2_TO_L1_MESSAGE_PASSER},
    run::OracleError,
    state::{CodeSource, StateError},
};
use trie::{Account, Nibbles, NodeError, NodeSink, NodeSource, Recorder, TrieError, Witness};

pub const CONFIG: ChainConfig = ChainConfig {
    chain_id: 42_069,
    max_drift: 600,
    force_delay: 43_200,
    forks: ForkSchedule::always(Rules::Karst),
};
pub const GAS_LIMIT: u64 = 30_000_000;
pub const BASE_FEE: u64 = 1_000_000;
pub const FEES: FeeParameters = FeeParameters::new(5_000_000, BASE_FEE);
pub const GENESIS_TIME: u64 = 1_600_000_000;
pub const ETHER: U256 = U256::from_limbs([1_000_000_000_000_000_000, 0, 0, 0]);

/// Stands in for the L1Block predeploy: sets its values without a look at selector and caller.
///
/// ```text
/// word = calldata[4..36]    slot 3 = word >> 128, slot 0 = its low half
/// slot 1 = calldata[36..68], slot 7 = calldata[68..100], slot 8 = calldata[164..196] >> 160
/// slot 9 = the last 16 bytes
/// ```
const L1_BLOCK_CODE: &[u8] = &hex!(
    "600435 80 60801c 600355 60801b 60801c 600055 602435 600155 604435 600755 60a435 60a01c 600855"
    "6010 36 03 35 60801c 600955 00"
);

/// Counts calls: slot 0 goes up by one; with calldata, emits it as a log.
pub const COUNTER_CODE: &[u8] = &hex!("600054 600101 600055 36 600e 57 00 5b 36 6000 6000 37 36 6000 a0 00");
/// Reverts.
pub const REVERTING_CODE: &[u8] = &hex!("6000 6000 fd");

/// A generator that says its seed, which `STF_SEED` sets.
pub fn generator() -> StdRng {
    let seed = env::var("STF_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(rand::random);
    eprintln!("STF_SEED={seed}");
    StdRng::seed_from_u64(seed)
}

/// The signers' keys are their numbers.
pub fn address_of(key: u64) -> Address {
    let signature = sign_message(key_bytes(key), B256::ZERO).unwrap();
    signature.recover_address_from_prehash(&B256::ZERO).unwrap()
}

fn key_bytes(key: u64) -> B256 {
    B256::from(U256::from(key))
}

/// A plain transfer's fields; `..transfer(nonce)` to change some.
pub fn transfer(nonce: u64) -> TxEip1559 {
    TxEip1559 {
        chain_id: CONFIG.chain_id,
        nonce,
        gas_limit: 21_000,
        max_fee_per_gas: 10 * u128::from(BASE_FEE),
        max_priority_fee_per_gas: 1_000,
        to: TxKind::Call(Address::repeat_byte(0xaa)),
        value: U256::from(5),
        ..TxEip1559::default()
    }
}

/// The encoding of a transaction that the key signs.
pub fn encode(key: u64, tx: TxEip1559) -> Bytes {
    let signature = sign_message(key_bytes(key), tx.signature_hash()).unwrap();
    tx.into_signed(signature).encoded_2718().into()
}

/// A transaction that the key signs.
pub fn sign(key: u64, tx: TxEip1559) -> Transaction {
    Transaction::recover(encode(key, tx)).unwrap()
}

/// A queue of messages that follow on.
#[derive(Default)]
pub struct Queue {
    pub messages: Vec<Message>,
}

impl Queue {
    pub fn push(&mut self, kind: MessageKind, sender: Address, data: Vec<u8>) -> &mut MessageHeader {
        let index = self.messages.len() as u64;
        let header = MessageHeader {
            kind,
            sender,
            l1_block_number: 1_000 + index,
            l1_timestamp: 1_700_000_000 + 12 * index,
            gas: MIN_MESSAGE_GAS,
            gas_end: self.gas_end().saturating_add(MIN_MESSAGE_GAS),
            base_fee: U256::from(30_000_000_000u64 + index),
            blob_base_fee: U256::from(7 + index),
            prev_randao: keccak256(index.to_be_bytes()),
            data_hash: chunk_hash(&data),
        };
        self.append(header, data)
    }

    fn append(&mut self, header: MessageHeader, data: Vec<u8>) -> &mut MessageHeader {
        let acc = self.messages.last().map_or(B256::ZERO, |message| message.acc);
        self.messages.push(Message { acc: accumulate(acc, &header.encode()), header, data });
        &mut self.messages.last_mut().unwrap().header
    }

    /// What all messages count.
    pub fn gas_end(&self) -> u64 {
        self.messages.last().map_or(0, |message| message.header.gas_end)
    }

    pub fn info(&mut self) -> &mut MessageHeader {
        self.push(MessageKind::L1Info, Address::repeat_byte(0x1b), Vec::new())
    }

    /// As the contract counts it.
    pub fn deposit(&mut self, from: Address, deposit: Deposit) {
        self.deposit_counted(from, deposit.gas_limit.max(MIN_MESSAGE_GAS), deposit);
    }

    /// As no contract would count it, perhaps.
    pub fn deposit_counted(&mut self, from: Address, gas: u64, deposit: Deposit) {
        self.push(MessageKind::Deposit, from, deposit.encode());
        let Message { mut header, data, .. } = self.messages.pop().unwrap();
        (header.gas, header.gas_end) = (gas, self.gas_end().saturating_add(gas));
        self.append(header, data);
    }

    pub fn config(&mut self, update: u8, value: U256) {
        let data = [&[update][..], &value.to_be_bytes::<32>()].concat();
        self.push(MessageKind::Config, Address::repeat_byte(0x5c), data);
    }
}

/// What a deposit message's data says.
#[derive(Clone)]
pub struct Deposit {
    pub to: Option<Address>,
    pub mint: U256,
    pub value: U256,
    pub gas_limit: u64,
    pub input: Vec<u8>,
}

impl Default for Deposit {
    fn default() -> Self {
        let to = Some(Address::repeat_byte(0xbb));
        Self { to, mint: U256::ZERO, value: U256::ZERO, gas_limit: 100_000, input: Vec::new() }
    }
}

impl Deposit {
    pub fn encode(&self) -> Vec<u8> {
        [
            self.to.unwrap_or_default().as_slice(),
            &self.mint.to_be_bytes::<32>(),
            &self.value.to_be_bytes::<32>(),
            &self.gas_limit.to_be_bytes(),
            &[u8::from(self.to.is_none())],
            &self.input,
        ]
        .concat()
    }
}

/// Trie nodes, codes and block hashes.
#[derive(Default)]
pub struct World {
    nodes: Witness,
    codes: B256Map<Bytes>,
    hashes: BTreeMap<u64, B256>,
}

impl World {
    /// This world without one node, for every node.
    pub fn without_each(&self) -> impl Iterator<Item = World> {
        let nodes = self.nodes.clone().into_sorted();
        (0..nodes.len()).map(move |lacking| World {
            nodes: nodes
                .iter()
                .enumerate()
                .filter(|(index, _)| *index != lacking)
                .map(|(_, (_, rlp))| rlp.clone())
                .collect(),
            codes: self.codes.clone(),
            hashes: self.hashes.clone(),
        })
    }
}

/// Preimages by their hashes.
#[derive(Clone, Default)]
pub struct Oracle(pub B256Map<Bytes>);

impl Oracle {
    /// Adds a preimage, returns its hash.
    pub fn add(&mut self, bytes: &[u8]) -> B256 {
        let hash = keccak256(bytes);
        self.0.insert(hash, Bytes::copy_from_slice(bytes));
        hash
    }

    /// Adds a link of a hash chain, returns the accumulator after it.
    pub fn add_link(&mut self, before: B256, header: &[u8]) -> B256 {
        let hash = self.add(header);
        self.add(&[before, hash].concat())
    }

    /// Adds data by chunks, returns its hash.
    pub fn add_chunks(&mut self, data: &[u8]) -> B256 {
        let hashes: Vec<B256> = data.chunks(CHUNK_SIZE).map(|chunk| self.add(chunk)).collect();
        self.add(&hashes.concat())
    }

    /// Adds all nodes and codes of a world.
    pub fn add_world(&mut self, world: &World) {
        self.0.extend(world.nodes.clone().into_sorted());
        self.0.extend(world.codes.clone());
    }
}

impl PreimageOracle for Oracle {
    fn preimage(&self, hash: &B256) -> Result<Bytes, OracleError> {
        self.0.get(hash).cloned().ok_or(OracleError::Missing(*hash))
    }

    fn blob_element(&self, versioned_hash: &B256, index: u16) -> Result<B256, OracleError> {
        let at = 32 * usize::from(index);
        let blob = self.0.get(versioned_hash).ok_or(OracleError::NoBlob(*versioned_hash))?;
        Ok(B256::from_slice(&blob[at..at + 32]))
    }
}

impl NodeSink for World {
    fn put(&mut self, _: Option<&B256>, _: &Nibbles, _: &B256, rlp: &[u8]) {
        self.nodes.insert(Bytes::copy_from_slice(rlp));
    }
}

impl NodeSource for World {
    fn node(&self, owner: Option<&B256>, path: &Nibbles, hash: &B256) -> Result<Bytes, NodeError> {
        self.nodes.node(owner, path, hash)
    }
}

impl CodeSource for World {
    fn code(&self, hash: &B256) -> Result<Bytes, TrieError> {
        let code = self.codes.get(hash).cloned();
        code.ok_or_else(|| NodeError::Other(format!("no code {hash}")).into())
    }

    fn block_hash(&self, number: u64) -> Result<B256, TrieError> {
        let hash = self.hashes.get(&number).copied();
        hash.ok_or_else(|| NodeError::Other(format!("no block {number}")).into())
    }
}

/// Reads the world, noting which nodes.
pub struct View<'a> {
    nodes: Recorder<&'a World>,
    world: &'a World,
}

impl NodeSource for View<'_> {
    fn node(&self, owner: Option<&B256>, path: &Nibbles, hash: &B256) -> Result<Bytes, NodeError> {
        self.nodes.node(owner, path, hash)
    }
}

impl CodeSource for View<'_> {
    fn code(&self, hash: &B256) -> Result<Bytes, TrieError> {
        self.world.code(hash)
    }

    fn block_hash(&self, number: u64) -> Result<B256, TrieError> {
        self.world.block_hash(number)
    }
}

/// What became of a transaction.
pub type Outcome = Result<(), InvalidTransaction>;

/// A block, what became of the transactions tried, and the world as far as it was read for that.
pub struct Built {
    pub block: ExecutedBlock,
    pub outcomes: Vec<Outcome>,
    pub read: World,
    new_nodes: World,
}

/// A chain of blocks. Key 1 and key 2 have a thousand ether each.
pub struct Chain {
    pub config: ChainConfig,
    /// Seconds from a block to the next.
    pub interval: u64,
    /// The genesis state, as changes to the empty one.
    pub genesis: StateChanges,
    pub world: World,
    pub header: Header,
    pub hash: B256,
}

impl Chain {
    /// A chain with these contracts besides the predeploys.
    pub fn new(contracts: &[(Address, &[u8])]) -> Self {
        Self::with_config(CONFIG, contracts)
    }

    /// As [`new`](Self::new), of another config.
    pub fn with_config(config: ChainConfig, contracts: &[(Address, &[u8])]) -> Self {
        let funded = Account { balance: ETHER * U256::from(1_000), ..Account::EMPTY };
        let mut world = World::default();
        let mut changes = StateChanges::default();
        let mut contract = |address: Address, code: &[u8], changes: &mut StateChanges| {
            let code_hash = keccak256(code);
            world.codes.insert(code_hash, Bytes::copy_from_slice(code));
            changes.codes.push((code_hash, Bytes::copy_from_slice(code)));
            changes
                .accounts
                .push((keccak256(address), Some(Account { nonce: 1, code_hash, ..Account::EMPTY })));
        };
        contract(L1_BLOCK, L1_BLOCK_CODE, &mut changes);
        contract(HISTORY_STORAGE_ADDRESS, &HISTORY_STORAGE_CODE, &mut changes);
        contract(L2_TO_L1_MESSAGE_PASSER, COUNTER_CODE, &mut changes);
        for (address, code) in contracts {
            contract(*address, code, &mut changes);
        }
        for key in [1, 2] {
            changes.accounts.push((keccak256(address_of(key)), Some(funded)));
        }
        let attributes = L1Attributes {
            base_fee: U256::from(1),
            base_fee_scalar: 1,
            base_fee_parameters: FEES,
            ..L1Attributes::default()
        };
        let rules = config.rules_at(GENESIS_TIME).unwrap();
        let slots = attributes.storage(rules).into_iter();
        let mut slots: Vec<_> =
            slots.map(|(key, value)| (keccak256(key.to_be_bytes::<32>()), value)).collect();
        slots.sort_unstable();
        changes.storage.push(StorageChanges { address: keccak256(L1_BLOCK), wiped: false, slots });
        changes.accounts.sort_unstable_by_key(|(address, _)| *address);
        let mut trie = StateTrie::new(trie::EMPTY_ROOT);
        let root = trie.update(&mut changes, &(), &mut world).unwrap();
        let passer = trie.message_passer_root(&()).unwrap();
        let header = genesis_header(root, passer, GENESIS_TIME, GAS_LIMIT, FEES);
        let hash = header.hash_slow();
        world.hashes.insert(0, hash);
        Self { config, interval: 1, genesis: changes, world, header, hash }
    }

    /// The block that these messages and transactions make, an interval on. The chain stays where it is.
    pub fn build(&self, messages: &[Message], transactions: &[Transaction]) -> Built {
        self.build_on(&self.world, messages, transactions).unwrap()
    }

    /// As [`build`](Self::build), over another world, which may lack something.
    pub fn build_on(
        &self,
        world: &World,
        messages: &[Message],
        transactions: &[Transaction],
    ) -> Result<Built, BlockError<StateError>> {
        self.build_by(world, messages, |builder| transactions.iter().map(|tx| builder.execute(tx)).collect())
    }

    /// As [`build_on`](Self::build_on), with whatever `fill` executes.
    pub fn build_by(
        &self,
        world: &World,
        messages: &[Message],
        fill: impl FnOnce(&mut BlockBuilder<TrieState<View<'_>>>) -> Result<Vec<Outcome>, BlockError<StateError>>,
    ) -> Result<Built, BlockError<StateError>> {
        let view = View { nodes: Recorder::new(world), world };
        let state = TrieState::new(self.header.state_root, view);
        let mut builder = self.begin(messages, state)?;
        let outcomes = fill(&mut builder)?;
        let (pending, mut state) = builder.finish();
        let mut new_nodes = World::default();
        let block = pending
            .seal(&mut state.trie, &state.source, &mut new_nodes)
            .map_err(|error| BlockError::Database(error.into()))?;
        let read = World {
            nodes: state.source.nodes.into_witness(),
            codes: world.codes.clone(),
            hashes: world.hashes.clone(),
        };
        Ok(Built { block, outcomes, read, new_nodes })
    }

    /// Begins the block that these messages make, an interval on, over any state.
    pub fn begin<DB: Database>(
        &self,
        messages: &[Message],
        state: DB,
    ) -> Result<BlockBuilder<DB>, BlockError<DB::Error>> {
        let timestamp = self.header.timestamp + self.interval;
        BlockBuilder::begin(&self.config, &self.header, self.hash, timestamp, messages, state)
    }

    /// Builds a block and moves on to it.
    pub fn advance(&mut self, messages: &[Message], transactions: &[Transaction]) -> Built {
        let mut built = self.build(messages, transactions);
        let new = std::mem::take(&mut built.new_nodes.nodes);
        self.world.nodes.extend(new.into_sorted().into_iter().map(|(_, rlp)| rlp));
        self.world.codes.extend(built.block.changes.codes.iter().cloned());
        self.world.hashes.insert(built.block.header.number, built.block.hash);
        (self.header, self.hash) = (built.block.header.clone(), built.block.hash);
        built
    }

    pub fn extra(&self) -> ExtraData {
        ExtraData::of(&self.header).unwrap()
    }

    pub fn cursor(&self) -> u64 {
        self.extra().message_cursor
    }

    fn state(&self) -> Overlay<TrieState<View<'_>>> {
        let view = View { nodes: Recorder::new(&self.world), world: &self.world };
        Overlay::new(TrieState::new(self.header.state_root, view))
    }

    pub fn attributes(&self) -> L1Attributes {
        L1Attributes::read(&mut self.state()).unwrap()
    }

    pub fn slot(&self, address: Address, slot: U256) -> U256 {
        self.state().storage(address, slot).unwrap()
    }

    pub fn account(&self, address: Address) -> Account {
        let info = self.state().basic(address).unwrap();
        info.map_or(Account::EMPTY, |info| Account {
            nonce: info.nonce,
            balance: info.balance,
            code_hash: info.code_hash,
            ..Account::EMPTY
        })
    }

    pub fn balance(&self, address: Address) -> U256 {
        self.account(address).balance
    }

    pub fn has_code(&self, address: Address) -> bool {
        self.account(address).code_hash != KECCAK256_EMPTY
    }
}
