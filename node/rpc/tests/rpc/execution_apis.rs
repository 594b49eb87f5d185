//! The recorded cases of execution-apis for `eth_simulateV1` (`tests/eth_simulateV1/*.io`), replayed on a chain of ours whose head
//! has the number and the time of theirs; and those that read the state of its head, on one with their accounts.
//!
//! The cases are those of `e2e/fixtures/execution-apis.tar.gz`, or of a checkout that `EXECUTION_APIS` names. The accounts are
//! `tests/state.jsonl` in the archive: what `geth dump 54` prints of their chain (`geth init tests/genesis.json`, `geth import
//! tests/chain.rlp`). `EXECUTION_APIS_STATE` names another such file.
//!
//! Only what does not depend on the chain behind the head is compared: calls with their results, logs, gas and errors, and
//! of blocks the fields that a simulation sets.

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use alloy::primitives::{Address, B256, Bytes, U256};
use rollup::config::{Genesis, GenesisAccount};
use serde::Deserialize;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::{Node, user};

/// The number of their head.
const HEAD: u64 = 54;
/// The time of their head.
const HEAD_TIME: u64 = 540;

/// What is another's on each chain: hashes, roots of the state, and what a rollup's headers hold.
const OF_THE_CHAIN: &[&str] = &[
    "blockHash",
    "chainId",
    "extraData",
    "hash",
    "parentBeaconBlockRoot",
    "parentHash",
    "requestsHash",
    "size",
    "stateRoot",
    // Of our blocks alone.
    "totalDifficulty",
    "transactionHash",
    "transactionsRoot",
    "withdrawalsRoot",
];

/// Fields that are the chain's or the node's unless a request sets them, and by what it does.
const SET_BY: &[(&str, &str)] =
    &[("gas", "\"gas\""), ("gasLimit", "\"gasLimit\""), ("miner", "\"feeRecipient\"")];

const BLOBS: &str = "a rollup has no transactions with blobs";
const HASHES: &str = "shows hashes of the chain";
const HEADER: &str = "returns the coinbase, the limit of gas or the base fee of the block";
const NONCE: &str =
    "calls from an account whose nonce is at its end, which geth refuses from 1.17.10 on (EIP-2681)";
const HISTORY: &str = "shows a block of theirs before the head";
const POOR: &str = "has funds for 50,000,000 gas, which is what their node gives a call without a limit";
const BASE_FEE: &str = "depends on the base fee of their head";
const COINBASE: &str = "pays to the zero address, their coinbase, which is warm for that";

/// Cases that cannot come out alike here, each with its reason. One that does is a failure, too.
const DIFFERENT: &[(&str, &str)] = &[
    ("add-more-non-defined-BlockStateCalls-than-fit-but-now-with-fit", HEADER),
    ("blobs", BLOBS),
    ("blockhash-complex", HASHES),
    ("blockhash-simple", HASHES),
    ("blockhash-start-before-head", HASHES),
    ("call-callenv", HEADER),
    ("call-callenv-options-eip1559", HEADER),
    ("contract-calls-itself", HEADER),
    ("empty-validation", BASE_FEE),
    ("empty-with-block-num-set-firstblock", HISTORY),
    ("empty-with-block-num-set-minusone", HISTORY),
    ("estimate-with-eip4844", BLOBS),
    ("fee-recipient-receiving-funds", POOR),
    ("get-balance-blockhash", HASHES),
    ("get-block-properties", HEADER),
    ("get-status", "their pool holds transactions"),
    ("overwrite-existing-contract", HEADER),
    ("self-destructing-state-override", COINBASE),
    ("self-destructive-contract-produces-logs", COINBASE),
    ("overflow-nonce", NONCE),
    ("simple-more-params-validate", BLOBS),
    ("two-blocks-with-complete-eth-sends", BLOBS),
    ("use-as-many-features-as-possible", BLOBS),
];

/// A checkout, or what of one is in the archive.
struct Cases {
    folder: PathBuf,
    _unpacked: Option<TempDir>,
}

impl Cases {
    fn open() -> Self {
        if let Some(checkout) = env::var_os("EXECUTION_APIS") {
            return Self { folder: checkout.into(), _unpacked: None };
        }
        let archive = concat!(env!("CARGO_MANIFEST_DIR"), "/../../e2e/fixtures/execution-apis.tar.gz");
        let unpacked = tempfile::tempdir().unwrap();
        let status = Command::new("tar").arg("-xf").arg(archive).arg("-C").arg(unpacked.path()).status();
        assert!(status.unwrap().success(), "tar cannot unpack {archive}");
        Self { folder: unpacked.path().to_owned(), _unpacked: Some(unpacked) }
    }
}

/// A request and the answer to it.
struct Exchange {
    request: Value,
    answer: Value,
}

/// The exchanges of a case, in their order.
fn exchanges(text: &str) -> Vec<Exchange> {
    let lines = |mark: &str| -> Vec<Value> {
        let marked = text.lines().filter_map(|line| line.strip_prefix(mark));
        marked.map(|line| serde_json::from_str(line).expect("JSON")).collect()
    };
    let (requests, answers) = (lines(">> "), lines("<< "));
    assert_eq!(requests.len(), answers.len());
    requests.into_iter().zip(answers).map(|(request, answer)| Exchange { request, answer }).collect()
}

/// A result without what is the chain's or the node's.
fn comparable(value: &Value, request: &str) -> Value {
    match value {
        Value::Array(items) => items.iter().map(|item| comparable(item, request)).collect(),
        Value::Object(fields) => {
            let is_set =
                |name: &str| SET_BY.iter().all(|(field, mark)| *field != name || request.contains(mark));
            let kept =
                fields.iter().filter(|(name, _)| !OF_THE_CHAIN.contains(&name.as_str()) && is_set(name));
            let field = |(name, value): (&String, &Value)| {
                // Hashes of transactions hold the chain's id.
                let hashes = (name == "transactions").then(|| value.as_array()).flatten();
                let count = hashes.filter(|items| items.iter().all(Value::is_string)).map(Vec::len);
                let value = count.map_or_else(|| comparable(value, request), |count| json!(count));
                (name.clone(), value)
            };
            Value::Object(kept.map(field).collect())
        }
        other => other.clone(),
    }
}

/// Where two values differ: the path, what is expected, and what is there.
fn differences(path: &str, expected: &Value, found: &Value, all: &mut Vec<String>) {
    match (expected, found) {
        (Value::Object(a), Value::Object(b)) => {
            let names: std::collections::BTreeSet<_> = a.keys().chain(b.keys()).collect();
            for name in names {
                let (a, b) = (a.get(name).unwrap_or(&Value::Null), b.get(name).unwrap_or(&Value::Null));
                differences(&format!("{path}/{name}"), a, b, all);
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (index, (a, b)) in a.iter().zip(b).enumerate() {
                differences(&format!("{path}/{index}"), a, b, all);
            }
        }
        _ if expected == found => {}
        _ => {
            let short = |value: &Value| value.to_string().chars().take(120).collect::<String>();
            all.push(format!("{path}: {} expected, {} found", short(expected), short(found)));
        }
    }
}

/// What is different in an answer.
async fn replay(node: &Node, exchange: &Exchange) -> Vec<String> {
    let Exchange { request, answer } = exchange;
    let method = request["method"].as_str().expect("a method");
    let mut found = Vec::new();
    match (node.try_call::<Value>(method, request["params"].clone()).await, answer.get("error")) {
        (Ok(result), None) => {
            let text = request.to_string();
            let expected = comparable(&answer["result"], &text);
            differences("", &expected, &comparable(&result, &text), &mut found);
        }
        (Err(error), Some(expected)) if expected["code"] == error.code() => {}
        (Err(error), Some(expected)) => found.push(format!("error {expected} expected, {error:?} found")),
        (Err(error), None) => found.push(format!("a result expected, {error:?} found")),
        (Ok(_), Some(expected)) => found.push(format!("error {expected} expected, a result found")),
    }
    found
}

/// A chain whose head has their head's number and time, with these accounts.
async fn chain(alloc: BTreeMap<Address, GenesisAccount>) -> Node {
    let gas_limit = stf::config::MAX_BLOCK_GAS_LIMIT;
    let node = Node::with_genesis(Genesis { timestamp: HEAD_TIME - HEAD, gas_limit, alloc }).await;
    (0..HEAD).for_each(|_| drop(node.mine()));
    let head: Value = node.call("eth_getBlockByNumber", json!(["latest", false])).await;
    assert_eq!([&head["number"], &head["timestamp"]], ["0x36", "0x21c"]);
    node
}

/// Replays the cases of some folders: how many came out alike, and what is wrong.
async fn replay_all(node: &Node, checkout: &Path, methods: &[&str]) -> (usize, Vec<String>) {
    let mut files = Vec::new();
    for method in methods {
        let entries = fs::read_dir(checkout.join("tests").join(method)).unwrap();
        files.extend(entries.map(|entry| entry.unwrap().path()));
    }
    files.sort();
    let (mut alike, mut wrong) = (0, Vec::new());
    for file in files {
        let mut found = Vec::new();
        for exchange in exchanges(&fs::read_to_string(&file).unwrap()) {
            found.extend(replay(node, &exchange).await);
        }
        let name = file.file_stem().unwrap().to_str().unwrap().trim_start_matches("ethSimulate-");
        match DIFFERENT.iter().find(|(known, _)| *known == name) {
            Some(_) if found.is_empty() => wrong.push(format!("{name}: alike, but in the list")),
            Some((_, reason)) => eprintln!("{name}: {reason}"),
            None if found.is_empty() => alike += 1,
            None => wrong.push(format!("{name}:\n    {}", found.join("\n    "))),
        }
    }
    eprintln!("{alike} cases alike");
    (alike, wrong)
}

#[tokio::test]
async fn simulations_are_those_of_execution_apis() {
    let cases = Cases::open();
    let account = GenesisAccount { balance: U256::from(10).pow(U256::from(20)), ..Default::default() };
    let node = chain(BTreeMap::from([(user(0).address(), account)])).await;
    let (alike, wrong) = replay_all(&node, &cases.folder, &["eth_simulateV1"]).await;
    node.end().await;
    assert!(wrong.is_empty() && alike > 50, "{} differ:\n{}", wrong.len(), wrong.join("\n"));
}

/// An account as `geth dump` prints it.
#[derive(Deserialize)]
struct DumpedAccount {
    address: Address,
    balance: String,
    nonce: u64,
    #[serde(default)]
    code: Bytes,
    #[serde(default)]
    storage: BTreeMap<B256, String>,
}

impl DumpedAccount {
    fn entry(self) -> (Address, GenesisAccount) {
        let word = |text: String| U256::from_str_radix(text.trim_start_matches("0x"), 16).unwrap();
        let storage = self.storage.into_iter().map(|(slot, value)| (slot, word(value))).collect();
        let balance = self.balance.parse().unwrap();
        (self.address, GenesisAccount { balance, nonce: self.nonce, code: self.code, storage })
    }
}

#[tokio::test]
async fn reads_of_the_state_are_those_of_execution_apis() {
    let cases = Cases::open();
    let dump = env::var_os("EXECUTION_APIS_STATE").map(PathBuf::from);
    let dump = fs::read_to_string(dump.unwrap_or_else(|| cases.folder.join("tests/state.jsonl"))).unwrap();
    // The first line has the root.
    let accounts = dump.lines().filter(|line| line.contains("\"address\""));
    let accounts = accounts.map(|line| serde_json::from_str::<DumpedAccount>(line).unwrap().entry());
    let node = chain(accounts.collect()).await;
    let methods = [
        "eth_call",
        "eth_createAccessList",
        "eth_estimateGas",
        "eth_getBalance",
        "eth_getCode",
        "eth_getStorageAt",
        "eth_getTransactionCount",
        "eth_syncing",
        "txpool_status",
    ];
    let (alike, wrong) = replay_all(&node, &cases.folder, &methods).await;
    node.end().await;
    assert!(wrong.is_empty() && alike > 20, "{} differ:\n{}", wrong.len(), wrong.join("\n"));
}
