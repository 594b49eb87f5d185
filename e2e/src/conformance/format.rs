//! The suite's JSON.

use std::collections::BTreeMap;

use alloy::eips::eip2930::AccessList;
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

/// How many cases a file has, whatever kind of tests it holds.
pub(super) fn count_cases(json: &[u8]) -> Result<usize> {
    let file: BTreeMap<String, serde_json::Value> = serde_json::from_slice(json)?;
    let count = |test: &serde_json::Value| match test.get("post").and_then(|post| post.as_object()) {
        Some(forks) => forks.values().filter_map(|posts| Some(posts.as_array()?.len())).sum(),
        None => 1,
    };
    Ok(file.values().map(count).sum())
}

/// The rules that the suite means by a fork's name.
pub(super) fn spec(fork: &str) -> Option<SpecId> {
    Some(match fork {
        "Frontier" => SpecId::FRONTIER,
        "Homestead" => SpecId::HOMESTEAD,
        "EIP150" => SpecId::TANGERINE,
        "EIP158" => SpecId::SPURIOUS_DRAGON,
        "Byzantium" => SpecId::BYZANTIUM,
        "Constantinople" | "ConstantinopleFix" => SpecId::PETERSBURG,
        "Istanbul" => SpecId::ISTANBUL,
        "Berlin" => SpecId::BERLIN,
        "London" => SpecId::LONDON,
        "Merge" | "Paris" => SpecId::MERGE,
        "Shanghai" => SpecId::SHANGHAI,
        "Cancun" => SpecId::CANCUN,
        "Prague" => SpecId::PRAGUE,
        "Osaka" => SpecId::OSAKA,
        _ => return None,
    })
}

/// A file of trie tests: each by its name.
pub(super) type TrieFile = BTreeMap<String, TrieTest>;

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
