//! Transactions of every kind that a block can hold.

use std::collections::BTreeMap;

use alloy::{
    consensus::{SignableTransaction, TxEip1559, TxEip2930, TxEip7702, TxLegacy},
    eips::{eip2718::Encodable2718, eip2930::AccessList, eip2930::AccessListItem, eip7702::Authorization},
    primitives::{Address, B256, Bytes, Signature, TxKind, U256, address, hex},
    signers::{SignerSync, local::PrivateKeySigner},
    sol_types::SolCall,
};
use anyhow::Result;
use bindings::{
    artifacts::{Contract, creation_code},
    samples::StorageHeavy,
};
use rollup::config::GenesisAccount;

use super::{Burn, burn, precompiles};
use crate::bench::workload::{Population, STORAGE};

/// Calls the address in the first word with the rest of its input, and keeps the hash of what came back.
///
/// ```text
/// success = staticcall(gas, word0, input[32..])
/// slot[word0 ^ length of the input] = keccak256(returned ‖ success)
/// ```
const CALLER_CODE: &[u8] =
    &hex!("60203603 80 60205f37 5f5f825f5f355afa 3d5f5f3e 3d52 3d6020015f20 5f358218 55 00");
const CALLER: Address = address!("0x00000000000000000000000000000000000e2e11");
/// Keeps the hash of the block so many before this one: `slot[word0] = blockhash(number - word0)`.
const ANCESTOR_CODE: &[u8] = &hex!("5f35 80 4303 40 90 55 00");
const ANCESTOR: Address = address!("0x00000000000000000000000000000000000e2e12");
/// Destroys itself in favour of word 0.
const DESTROYED_CODE: &[u8] = &hex!("5f35 ff");
const DESTROYED: Address = address!("0x00000000000000000000000000000000000e2e13");
/// Stores, and then reverts with what it was sent.
const REVERTING_CODE: &[u8] = &hex!("600160005536 5f 5f 37 36 5f fd");
const REVERTING: Address = address!("0x00000000000000000000000000000000000e2e14");
/// Loops for ever.
const ENDLESS_CODE: &[u8] = &hex!("5b 5f 56");
const ENDLESS: Address = address!("0x00000000000000000000000000000000000e2e15");
/// Calls itself as deep as it gets.
const DEEP_CODE: &[u8] = &hex!("5f5f5f5f5f 30 5a f1 00");
const DEEP: Address = address!("0x00000000000000000000000000000000000e2e16");
/// Emits its input as a log with one topic.
const LOGGING_CODE: &[u8] = &hex!("36 5f 5f 37 6007 36 5f a1 00");
const LOGGING: Address = address!("0x00000000000000000000000000000000000e2e17");
/// Creates an account by CREATE2 from its input, and destroys what it made if that says so.
const FACTORY_CODE: &[u8] = &hex!("36 5f 5f 37 5f 36 5f 5f f5 5f 5f 5f 5f 5f 85 5a f1 00");
const FACTORY: Address = address!("0x00000000000000000000000000000000000e2e18");
/// A contract of the largest size (EIP-170), of JUMPDESTs only. Not the code that `largest` creates: what a block creates is
/// not read.
const LARGEST_CODE: &[u8] = &[0x5b; 24_576];
const LARGEST: Address = address!("0x00000000000000000000000000000000000e2e1c");
/// Takes data from where blobs and codes are: stores the blob base fee (EIP-7516), the first blob's hash (EIP-4844), which on
/// L2 there is none of, and the hash of the largest contract's code, copied to memory.
const DATA: Address = address!("0x00000000000000000000000000000000000e2e21");
const DATA_CODE: &[u8] = &hex!(
    "4a 5f 55 5f 49 6001 55"
    "73 00000000000000000000000000000000000e2e1c 3b 80 5f 5f"
    "73 00000000000000000000000000000000000e2e1c 3c 5f 20 6002 55 00"
);

/// What the transactions of a block are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Contracts come, and are called.
    Creation,
    /// Slots written, cleared and read.
    Storage,
    /// Every precompile, with inputs that it accepts and refuses.
    Precompiles,
    /// Reverts, endless loops, deep calls, invalid instructions.
    Failures,
    /// Contracts that destroy themselves, old ones and new ones.
    SelfDestruct,
    /// Hashes of earlier blocks.
    Ancestors,
    /// All types of transactions.
    Types,
    /// Transactions that cannot be in a block.
    Skipped,
    /// Blobs' fees and hashes, and code as data.
    Data,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 9] = [
        Self::Creation,
        Self::Storage,
        Self::Precompiles,
        Self::Failures,
        Self::SelfDestruct,
        Self::Ancestors,
        Self::Types,
        Self::Skipped,
        Self::Data,
    ];
}

/// Makes the transactions; one account sends them all.
pub struct Catalogue {
    signer: PrivateKeySigner,
    nonce: u64,
    chain_id: u64,
}

impl Catalogue {
    /// The account is one of its own, so that the population's nonces stay right.
    pub fn new(chain_id: u64) -> Result<Self> {
        Ok(Self { signer: PrivateKeySigner::from_bytes(&B256::repeat_byte(0xca))?, nonce: 0, chain_id })
    }

    /// A rollup with the accounts that the transactions need, and a population.
    pub fn rollup(&self, population: &Population) -> Result<std::sync::Arc<rollup::RollupConfig>> {
        let code = |address, code: &[u8]| {
            let code = Bytes::copy_from_slice(code);
            // Destroying an account with storage and ether is the harder case.
            let storage = [(B256::repeat_byte(1), U256::from(1))].into();
            (address, GenesisAccount { balance: U256::from(5), nonce: 1, code, storage })
        };
        let mut accounts: BTreeMap<_, _> =
            burn::contracts(LARGEST).iter().map(|(address, bytes)| code(*address, bytes)).collect();
        let own = GenesisAccount { balance: U256::from(10).pow(U256::from(24)), ..Default::default() };
        accounts.extend([
            code(CALLER, CALLER_CODE),
            code(ANCESTOR, ANCESTOR_CODE),
            code(DESTROYED, DESTROYED_CODE),
            code(REVERTING, REVERTING_CODE),
            code(ENDLESS, ENDLESS_CODE),
            code(DEEP, DEEP_CODE),
            code(LOGGING, LOGGING_CODE),
            code(FACTORY, FACTORY_CODE),
            code(LARGEST, LARGEST_CODE),
            code(DATA, DATA_CODE),
            (self.signer.address(), own),
        ]);
        burn::held(&mut accounts);
        crate::bench::workload::rollup_with(population, accounts)
    }

    /// Transactions of a kind.
    pub fn transactions(&mut self, kind: Kind) -> Result<Vec<Bytes>> {
        Ok(match kind {
            Kind::Creation => vec![
                self.send(TxKind::Create, creation_code(Contract::Counter), 0),
                self.send(TxKind::Create, creation_code(Contract::GasPriceOracle), 0),
                // Creates nothing: EIP-3541 refuses the code.
                self.send(TxKind::Create, hex!("60ef5f5360015ff3").into(), 0),
                // An account without code, with ether.
                self.send(TxKind::Create, Bytes::new(), 3),
                self.call(FACTORY, hex!("6001600160005560016000f3")),
                self.call(FACTORY, hex!("6001600160005560016000f3")),
                self.largest(),
                // One that is there already: its code has to be read.
                self.call(LARGEST, []),
            ],
            Kind::Storage => {
                let (start, count) = (U256::from(19_990), U256::from(20));
                vec![
                    self.call(
                        STORAGE,
                        StorageHeavy::writeCall { start, count, salt: U256::ONE }.abi_encode(),
                    ),
                    self.call(STORAGE, StorageHeavy::clearCall { start: U256::ZERO, count }.abi_encode()),
                    self.call(STORAGE, StorageHeavy::clearCall { start, count }.abi_encode()),
                    self.call(STORAGE, StorageHeavy::spinCall { rounds: U256::from(100) }.abi_encode()),
                ]
            }
            Kind::Precompiles => {
                let calls = precompiles::precompile_calls(&self.signer)?.into_iter();
                let input =
                    |address: u64, input: Bytes| [&B256::from(U256::from(address))[..], &input].concat();
                calls.map(|(address, bytes)| self.call(CALLER, input(address, bytes))).collect()
            }
            Kind::Failures => vec![
                self.call(REVERTING, b"a reason"),
                self.call(ENDLESS, []),
                self.call(DEEP, []),
                self.call(LOGGING, vec![7; 3000]),
                self.send(TxKind::Create, hex!("fe").into(), 1),
                self.send(TxKind::Create, hex!("5b5f56").into(), 1),
            ],
            Kind::SelfDestruct => vec![
                self.call(DESTROYED, B256::repeat_byte(0x21)),
                self.call(DESTROYED, DESTROYED.into_word()),
                // Destroyed in the transaction that creates it.
                self.send(TxKind::Create, hex!("600160005533ff").into(), 9),
                self.call(FACTORY, hex!("6133ff5f526002601ef3")),
                self.call(FACTORY, hex!("6133ff5f526002601ef3")),
            ],
            Kind::Ancestors => {
                [0u64, 1, 2, 3, 5, 8, 256, 257].map(|n| self.call(ANCESTOR, B256::from(U256::from(n)))).into()
            }
            Kind::Types => self.types()?,
            Kind::Skipped => self.skipped(),
            Kind::Data => vec![self.call(DATA, [])],
        })
    }

    /// Creates a contract of the largest size (EIP-170).
    fn largest(&mut self) -> Bytes {
        let tx = self.unsigned(TxKind::Create, hex!("6160005ff3").into(), 0);
        self.sign(TxEip1559 { gas_limit: 6_000_000, ..tx })
    }

    /// A transaction that uses up this much gas in the way named.
    pub fn burn(&mut self, burn: &Burn, gas_limit: u64) -> Result<Bytes> {
        let tx = self.unsigned(TxKind::Call(burn.to), burn.input.clone(), 0);
        Ok(self.sign(TxEip1559 { gas_limit, ..tx }))
    }

    fn next_nonce(&mut self) -> u64 {
        self.nonce += 1;
        self.nonce - 1
    }

    fn unsigned(&mut self, to: TxKind, input: Bytes, value: u64) -> TxEip1559 {
        TxEip1559 {
            chain_id: self.chain_id,
            nonce: self.next_nonce(),
            gas_limit: 2_000_000,
            max_fee_per_gas: 3_000_000_000,
            max_priority_fee_per_gas: 1_000_000,
            to,
            value: U256::from(value),
            access_list: AccessList::default(),
            input,
        }
    }

    fn send(&mut self, to: TxKind, input: Bytes, value: u64) -> Bytes {
        let tx = self.unsigned(to, input, value);
        self.sign(tx)
    }

    fn call(&mut self, to: Address, input: impl AsRef<[u8]>) -> Bytes {
        self.send(TxKind::Call(to), Bytes::copy_from_slice(input.as_ref()), 0)
    }

    fn sign<T: SignableTransaction<Signature>>(&self, tx: T) -> Bytes
    where
        alloy::consensus::Signed<T>: Encodable2718,
    {
        let signature = self.signer.sign_hash_sync(&tx.signature_hash()).expect("a local key signs");
        tx.into_signed(signature).encoded_2718().into()
    }

    fn types(&mut self) -> Result<Vec<Bytes>> {
        let (chain_id, gas_price, gas_limit) = (self.chain_id, 3_000_000_000, 300_000);
        let access_list = AccessList(vec![AccessListItem {
            address: STORAGE,
            storage_keys: vec![B256::ZERO, B256::repeat_byte(1)],
        }]);
        let (to, input, value) = (TxKind::Call(LOGGING), Bytes::from_static(b"typed"), U256::ONE);
        let legacy = TxLegacy {
            chain_id: None,
            nonce: self.next_nonce(),
            gas_price,
            gas_limit,
            to,
            value,
            input: input.clone(),
        };
        let protected = TxLegacy { chain_id: Some(chain_id), nonce: self.next_nonce(), ..legacy.clone() };
        let listed = TxEip2930 {
            chain_id,
            nonce: self.next_nonce(),
            gas_price,
            gas_limit,
            to,
            value,
            access_list: access_list.clone(),
            input: input.clone(),
        };
        // Three authorizations: a good one, one with a wrong nonce, and one of the sender itself.
        let other = PrivateKeySigner::from_bytes(&B256::repeat_byte(0xcb))?;
        let authorize = |signer: &PrivateKeySigner, nonce| {
            let authorization = Authorization { chain_id: U256::from(chain_id), address: LOGGING, nonce };
            let signature = signer.sign_hash_sync(&authorization.signature_hash())?;
            anyhow::Ok(authorization.into_signed(signature))
        };
        let nonce = self.next_nonce();
        let own = self.next_nonce();
        let delegating = TxEip7702 {
            chain_id,
            nonce,
            gas_limit,
            max_fee_per_gas: gas_price,
            max_priority_fee_per_gas: 1,
            to: other.address(),
            value,
            access_list,
            authorization_list: vec![
                authorize(&other, 0)?,
                authorize(&other, 7)?,
                authorize(&self.signer, own)?,
            ],
            input,
        };
        Ok(vec![self.sign(legacy), self.sign(protected), self.sign(listed), self.sign(delegating)])
    }

    fn skipped(&mut self) -> Vec<Bytes> {
        let nonce = self.nonce;
        let tx = |catalogue: &mut Self| {
            catalogue.nonce = nonce;
            catalogue.unsigned(TxKind::Call(LOGGING), Bytes::new(), 0)
        };
        let early = TxEip1559 { nonce: nonce + 5, ..tx(self) };
        let poor = TxEip1559 { value: U256::MAX, ..tx(self) };
        let cheap = TxEip1559 { max_fee_per_gas: 1, max_priority_fee_per_gas: 1, ..tx(self) };
        let huge = TxEip1559 { gas_limit: u64::MAX, ..tx(self) };
        let tight = TxEip1559 { gas_limit: 20_999, ..tx(self) };
        let foreign = TxEip1559 { chain_id: 1, ..tx(self) };
        let mut list: Vec<Bytes> =
            [early, poor, cheap, huge, tight, foreign].into_iter().map(|tx| self.sign(tx)).collect();
        // The other signature of the same message (EIP-2), and one of nobody.
        let plain = tx(self);
        let signature = self.signer.sign_hash_sync(&plain.signature_hash()).expect("a local key signs");
        let order =
            U256::from_be_bytes(hex!("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141"));
        let malleable = Signature::new(signature.r(), order - signature.s(), !signature.v());
        for signature in [
            malleable,
            Signature::new(U256::MAX, U256::ONE, false),
            Signature::new(U256::ZERO, U256::ZERO, true),
        ] {
            list.push(plain.clone().into_signed(signature).encoded_2718().into());
        }
        // Garbage, a deposit, a blob transaction, and a trailing byte.
        list.extend([
            Bytes::from_static(b"\x02garbage"),
            Bytes::from_static(b"\x7e\xc0"),
            Bytes::from_static(b"\x03\xc0"),
        ]);
        list.push([&self.sign(plain)[..], &[0]].concat().into());
        self.nonce = nonce;
        // One that stands, behind them.
        list.push(self.call(LOGGING, b"still here"));
        list
    }
}
