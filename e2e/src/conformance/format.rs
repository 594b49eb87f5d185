//! The suite's JSON.

use std::collections::BTreeMap;

use alloy::eips::{
    eip2930::AccessList,
    eip7702::{Authorization, SignedAuthorization},
};
use alloy_primitives::{Address, B256, Bytes, U256};
use anyhow::{Context, Result};
use revm::primitives::hardfork::SpecId;
use serde::{Deserialize, Deserializer};

/// A file of state tests: each by its name.
pub(super) type StateFile = BTreeMap<String, StateTest>;

/// A state before, a family of transactions, and what each of them leads to.
#[derive(Debug, Deserialize)]
pub(super) struct StateTest {
    pub(super) env: Env,
    pub(super) pre: BTreeMap<Address, PreAccount>,
    pub(super) transaction: Family,
    /// By fork.
    pub(super) post: BTreeMap<String, Vec<Post>>,
    #[serde(default)]
    pub(super) config: TestConfig,
}

/// What of the chain's configuration a test names.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TestConfig {
    /// By fork.
    #[serde(default)]
    pub(super) blob_schedule: BTreeMap<String, BlobLimits>,
}

/// How many blobs a block takes, and how their price moves.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct BlobLimits {
    pub(super) max: Text,
    pub(super) base_fee_update_fraction: Text,
}

/// The block that the transaction is in.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Env {
    pub(super) current_coinbase: Address,
    pub(super) current_number: U256,
    pub(super) current_timestamp: U256,
    pub(super) current_gas_limit: U256,
    pub(super) current_difficulty: Option<U256>,
    pub(super) current_base_fee: Option<U256>,
    pub(super) current_random: Option<B256>,
    pub(super) current_excess_blob_gas: Option<U256>,
}

#[derive(Debug, Deserialize)]
pub(super) struct PreAccount {
    pub(super) balance: U256,
    pub(super) nonce: U256,
    pub(super) code: Bytes,
    pub(super) storage: BTreeMap<U256, U256>,
}

/// Transactions that differ in data, gas limit and value.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Family {
    pub(super) data: Vec<Bytes>,
    pub(super) gas_limit: Vec<Text>,
    pub(super) value: Vec<Text>,
    pub(super) nonce: Text,
    pub(super) sender: Option<Address>,
    pub(super) secret_key: Option<B256>,
    #[serde(default, deserialize_with = "empty_is_none")]
    pub(super) to: Option<Address>,
    pub(super) gas_price: Option<Text>,
    pub(super) max_fee_per_gas: Option<Text>,
    pub(super) max_priority_fee_per_gas: Option<Text>,
    /// By the index of the data.
    #[serde(default)]
    pub(super) access_lists: Vec<Option<AccessList>>,
    #[serde(default)]
    pub(super) blob_versioned_hashes: Vec<B256>,
    pub(super) max_fee_per_blob_gas: Option<Text>,
    /// An empty one makes a transaction of this type, too, which is to be refused.
    pub(super) authorization_list: Option<Vec<SignedBy>>,
}

/// An authorization (EIP-7702).
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SignedBy {
    chain_id: Text,
    address: Address,
    nonce: Text,
    v: Text,
    r: Text,
    s: Text,
}

impl SignedBy {
    pub(super) fn parse(&self) -> Result<SignedAuthorization> {
        let authorization = Authorization {
            chain_id: self.chain_id.parse()?,
            address: self.address,
            nonce: self.nonce.parse()?,
        };
        Ok(SignedAuthorization::new_unchecked(
            authorization,
            self.v.parse()?,
            self.r.parse()?,
            self.s.parse()?,
        ))
    }
}

/// What a transaction of the family leads to.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Post {
    /// The state root.
    pub(super) hash: B256,
    /// keccak256 of the logs' RLP.
    pub(super) logs: B256,
    pub(super) indexes: Indexes,
    pub(super) expect_exception: Option<String>,
    pub(super) txbytes: Option<Bytes>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
pub(super) struct Indexes {
    pub(super) data: usize,
    pub(super) gas: usize,
    pub(super) value: usize,
}

/// A number that may be too large for its type, as some tests want it.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(super) struct Text(String);

impl Text {
    pub(super) fn parse<T: TryFrom<U256>>(&self) -> Result<T> {
        let number: U256 = self.0.parse().with_context(|| format!("number {}", self.0))?;
        T::try_from(number).ok().with_context(|| format!("number {} out of range", self.0))
    }
}

fn empty_is_none<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Address>, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.is_empty() {
        return Ok(None);
    }
    text.parse().map(Some).map_err(serde::de::Error::custom)
}

/// The rules that the suite means by a fork's name.
pub(super) fn spec(fork: &str) -> Option<SpecId> {
    Some(match fork {
        "Frontier" => SpecId::FRONTIER,
        "Homestead" => SpecId::HOMESTEAD,
        "EIP150" | "TangerineWhistle" => SpecId::TANGERINE,
        "EIP158" | "SpuriousDragon" => SpecId::SPURIOUS_DRAGON,
        "Byzantium" => SpecId::BYZANTIUM,
        "Constantinople" | "ConstantinopleFix" => SpecId::PETERSBURG,
        "Istanbul" => SpecId::ISTANBUL,
        "Berlin" => SpecId::BERLIN,
        "London" => SpecId::LONDON,
        "Merge" | "Paris" => SpecId::MERGE,
        "Shanghai" => SpecId::SHANGHAI,
        "Cancun" => SpecId::CANCUN,
        "Prague" => SpecId::PRAGUE,
        // Forks that change nothing but the limits of blobs, which the tests name, follow Osaka.
        "Osaka" | "BPO1" | "BPO2" | "BPO3" | "BPO4" | "BPO5" => SpecId::OSAKA,
        _ => return None,
    })
}

#[derive(Debug, Deserialize)]
pub(super) struct TrieTest {
    #[serde(rename = "in")]
    pub(super) steps: Steps,
    pub(super) root: B256,
}

/// Insertions, and deletions as those of nothing.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Steps {
    InOrder(Vec<(String, Option<String>)>),
    AnyOrder(BTreeMap<String, Option<String>>),
}

/// A file of transaction tests: each by its name.
pub(super) type TransactionFile = BTreeMap<String, TransactionTest>;

/// Bytes that are a transaction, or not.
#[derive(Debug, Deserialize)]
pub(super) struct TransactionTest {
    pub(super) txbytes: Bytes,
    /// By fork.
    pub(super) result: BTreeMap<String, TransactionResult>,
}

/// What bytes are by a fork's rules: an exception, or a transaction.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TransactionResult {
    pub(super) exception: Option<String>,
    pub(super) hash: Option<B256>,
    pub(super) sender: Option<Address>,
    pub(super) intrinsic_gas: Option<Text>,
}

/// A file of RLP tests: each by its name.
pub(super) type RlpFile = BTreeMap<String, RlpTest>;

/// A value and its encoding; or bytes that encode nothing, or anything.
#[derive(Debug, Deserialize)]
pub(super) struct RlpTest {
    #[serde(rename = "in")]
    pub(super) value: serde_json::Value,
    #[serde(rename = "out")]
    pub(super) encoding: String,
}
