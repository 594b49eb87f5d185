//! The public `ethereum/tests` suite, run over the rollup's state, trie, database and decoders; and its runner.
#![allow(clippy::unwrap_used)]

mod osaka;

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    thread,
};

use alloy::{
    consensus::{SignableTransaction, TxLegacy},
    eips::eip2718::Encodable2718,
    signers::{SignerSync, local::PrivateKeySigner},
};
use alloy_primitives::{Address, B256, Bytes, TxKind, hex};
use e2e::{
    conformance::{BlockCase, BlockReport, Folder, Suite},
    net::seeded,
    proving::program,
};
use rand::seq::SliceRandom;
use serde_json::{Value, json};

/// Names checkouts or archives of the suite, as `PATH` does folders.
const VARIABLE: &str = "ETHEREUM_TESTS";

/// Where archives of the suite are looked for otherwise, from this crate's folder on.
const ARCHIVES: [&str; 2] = ["fixtures", "../../shared/fixtures"];

/// Has every state test become a block, not some of them.
const ALL: &str = "ALL_STATE_TESTS";

/// How many state tests become blocks, unless all do: what takes a minute.
const BLOCKS: usize = 2_500;

/// The suites of which there are copies.
fn suites() -> Vec<Suite> {
    let paths: Vec<PathBuf> = match env::var_os(VARIABLE) {
        Some(named) => env::split_paths(&named).collect(),
        None => ARCHIVES
            .iter()
            .flat_map(|folder| archives(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)))
            .collect(),
    };
    if paths.is_empty() {
        eprintln!("SKIPPED: no copy of the ethereum/tests suite here.");
        eprintln!(
            "To run it: {VARIABLE}=<checkout or archive of ethereum/tests> cargo test --release -p e2e"
        );
    }
    paths.iter().map(|path| Suite::open(path).unwrap()).collect()
}

fn archives(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.to_string_lossy().ends_with(".tar.xz"));
    paths.sort();
    paths
}

#[test]
fn public_tests_pass_but_for_those_on_the_list() {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    for suite in suites() {
        let report = suite.run(threads).unwrap();
        println!("{report}");
        assert!(report.failures.is_empty(), "{} cases failed", report.failures.len());
        let passed: Vec<_> = report.passed.into_keys().collect();
        assert_eq!(passed, suite.folders(), "folders with a case that passed, and those that are there");
    }
}

/// The node, the state transition over nothing but the block's witness, and the fault proof program on the machine come
/// to the same output for blocks that are made of state tests.
#[test]
fn state_tests_as_blocks_come_out_alike_everywhere() {
    let suites = suites();
    let mut cases = Vec::new();
    for suite in &suites {
        let (found, excluded) = suite.blocks().unwrap();
        excluded.excluded.iter().for_each(|(reason, count)| println!("excluded {count}: {reason}"));
        cases.extend(found);
    }
    let all = cases.len();
    assert!(suites.is_empty() || all > 0, "no state test can be a block");
    cases.shuffle(&mut seeded("state tests as blocks").unwrap());
    if env::var_os(ALL).is_none() {
        cases.truncate(BLOCKS);
    }
    let BlockReport { report, included, with_authorizations, lowered, steps } =
        BlockCase::run_all(&cases, &program().unwrap());
    println!("{report} of {all} blocks that can be made; {included} hold the transaction");
    println!("{with_authorizations} with authorizations, {lowered} of all with less gas; {steps} steps");
    assert!(report.failures.is_empty(), "{} cases failed", report.failures.len());
    assert_eq!(report.passed(), cases.len());
    // The suite has transactions that are to be refused, but not many.
    assert!(included * 10 >= report.passed() * 8, "{included} blocks hold their transaction");
}

/// The runner itself: what does not hold, does not read or is not to be run shows in the report.
#[test]
fn failures_and_exclusions_are_reported() {
    let folder = tempfile::tempdir().unwrap();
    let write = |path: &str, json: &str| write(folder.path(), path, json);
    write("TrieTests/right.json", &trie(ROOT));
    write("TrieTests/wrong.json", &trie(&ROOT.replace("8aad", "8aae")));
    write("TrieTests/secureTrie.json", &trie(ROOT));
    write("TrieTests/trietestnextprev.json", r#"{"basic": {"in": ["cat"], "tests": []}}"#);
    write("GeneralStateTests/broken.json", "{");
    write("GeneralStateTests/transfer.json", TRANSFER);

    let report = Suite::open(folder.path()).unwrap().run(2).unwrap();
    let failed: Vec<_> = report.failures.iter().map(|failure| failure.case.as_str()).collect();
    assert_eq!(
        failed,
        [
            "GeneralStateTests/broken.json",
            "GeneralStateTests/transfer.json transfer Cancun 0",
            "TrieTests/secureTrie.json test",
            "TrieTests/wrong.json test",
        ]
    );
    assert!(report.failures[1].reason.starts_with("state root 0x"), "{}", report.failures[1].reason);
    assert_eq!((report.passed(), report.excluded.values().sum::<usize>()), (1, 2));
    assert!(report.to_string().ends_with("\nTrieTests: 1 passed\n1 passed, 4 failed"));
}

/// What of RLP and of transactions differs from what the test says is a failure.
#[test]
fn wrong_values_encodings_senders_and_exceptions_are_failures() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "RLPTests/rlp.json", RLP);
    write(folder.path(), "TransactionTests/types.json", &transactions());
    let report = Suite::open(folder.path()).unwrap().run(1).unwrap();
    let failed: Vec<_> = report.failures.iter().map(|failure| failure.case.as_str()).collect();
    assert_eq!(
        failed,
        [
            "RLPTests/rlp.json no list",
            "RLPTests/rlp.json not valid",
            "RLPTests/rlp.json other value",
            "RLPTests/rlp.json valid",
            "TransactionTests/types.json other exception Berlin",
            "TransactionTests/types.json other gas Berlin",
            "TransactionTests/types.json other sender Berlin",
            "TransactionTests/types.json valid Berlin",
        ],
        "{report}"
    );
    assert_eq!(report.passed(), 7);
}

/// An exclusion that leaves nothing out is a failure: its case passes, or it is not there.
#[test]
fn an_exclusion_of_nothing_is_a_failure() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| format!("TransactionTests/ttRSValue/{name}.json");
    let (high, higher) = ("TransactionWithSvalueHigh", "TransactionWithSvalueLargerThan_c_secp256k1n_x05");
    // One that is refused, as this says.
    let passes = transactions().replace("type of zero", high).replace("Berlin", "Frontier");
    write(folder.path(), &path(high), &passes);
    let run = |filter: Option<&str>| {
        let mut suite = Suite::open(folder.path()).unwrap();
        filter.into_iter().for_each(|text| suite.filter(text).unwrap());
        let failures = suite.run(1).unwrap().failures;
        let of_list = failures.into_iter().filter(|failure| failure.reason.contains("list of exclusions"));
        of_list.map(|failure| (failure.case, failure.reason)).collect::<Vec<_>>()
    };
    let failures = run(None);
    assert_eq!(failures.len(), 2, "{failures:?}");
    assert_eq!(failures[0].0, format!("{} {high} Frontier", path(high)));
    assert!(failures[0].1.starts_with("passes"), "{failures:?}");
    assert_eq!(failures[1].0, format!("{} {higher} Frontier", path(higher)));
    assert!(failures[1].1.ends_with("is not there"), "{failures:?}");
    // What a filter leaves out is no failure.
    assert_eq!(run(Some(high)), failures[..1]);
    // A case of the same file under another name is not the one of the list.
    write(folder.path(), &path(high), &passes.replace(high, "another"));
    assert!(run(Some(high))[0].1.ends_with("is not there"));
}

/// The program ends with success only if something ran: not for a filter that matches nothing, nor where no tests are.
#[test]
fn a_run_of_nothing_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let tries = folder.path().join("TrieTests");
    fs::create_dir(&tries).unwrap();
    fs::write(tries.join("right.json"), trie(ROOT)).unwrap();
    fs::write(tries.join("wrong.json"), trie(&ROOT.replace("8aad", "8aae"))).unwrap();
    fs::write(tries.join("trietestnextprev.json"), r#"{"basic": {"in": ["cat"], "tests": []}}"#).unwrap();
    let dir = folder.path();
    assert_eq!(conformance(dir, &["--filter", "right"]).0, 0);
    assert_eq!(conformance(dir, &[]).0, 1);

    let (code, message) = conformance(dir, &["--filter", "stCreate2/None"]);
    assert_eq!(code, 2, "{message}");
    let counts = "0 in GeneralStateTests, 3 in TrieTests, 0 in TransactionTests, 0 in RLPTests";
    for part in ["stCreate2/None", counts, "TrieTests/right.json"] {
        assert!(message.contains(part), "no {part} in: {message}");
    }
    assert_eq!(message.trim_end().lines().count(), 1, "{message}");
    let (code, message) = conformance(dir, &["--filter", "trietestnextprev"]);
    assert!(code == 2 && message.contains("excluded: 1"), "{code}: {message}");
    let empty = tempfile::tempdir().unwrap();
    let (code, message) = conformance(empty.path(), &[]);
    assert!(code == 2 && message.contains("no tests under"), "{code}: {message}");
    let (code, message) = conformance(&empty.path().join("missing"), &[]);
    assert!(code == 2 && message.contains("there is no"), "{code}: {message}");
}

/// A filter that keeps nothing is an error in each part of the suite, under each of its names.
#[test]
fn a_filter_that_matches_nothing_is_an_error_in_every_folder() {
    for folder in Folder::ALL {
        for name in folder.names() {
            let dir = tempfile::tempdir().unwrap();
            write(dir.path(), &format!("{name}/some/test.json"), "{}");
            let mut suite = Suite::open(dir.path()).unwrap();
            assert_eq!(suite.folders(), [folder]);
            suite.filter("some/").unwrap();
            let error = suite.filter("none/").unwrap_err().to_string();
            assert!(error.contains(&format!("1 in {folder}")), "{error}");
            // A file without a case shows nothing either.
            let (code, message) = conformance(dir.path(), &["--filter", "some/"]);
            assert!(code == 2 && message.contains("no test ran"), "{name}: {code}: {message}");
        }
    }
}

fn write(dir: &Path, path: &str, json: &str) {
    let path = dir.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, json).unwrap();
}

/// The program's exit code, and what it says of an error.
fn conformance(dir: &Path, arguments: &[&str]) -> (i32, String) {
    let program = env!("CARGO_BIN_EXE_conformance");
    let output = Command::new(program).arg(dir).args(arguments).output().unwrap();
    (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
}

/// The root of what [`trie`] puts in.
const ROOT: &str = "0x8aad789dff2f538bca5d8ea56e8abe10f4c7ba3a5dea95fea4cd6e7c3a1168d3";

/// A trie test with "doe", "dog" and "dogglesworth", and the root that it is to have.
fn trie(root: &str) -> String {
    let pairs =
        r#"[["doe", "reindeer"], ["cow", "x"], ["dog", "puppy"], ["dogglesworth", "cat"], ["cow", null]]"#;
    format!(r#"{{"test": {{"in": {pairs}, "root": "{root}"}}}}"#)
}

/// A transfer that comes to another root than this says, under Cancun; and a fork that is left out.
const TRANSFER: &str = r#"{"transfer": {
    "env": {
        "currentCoinbase": "0x2adc25665018aa1fe0e6bc666dac8fc2697ff9ba", "currentNumber": "0x01",
        "currentTimestamp": "0x03e8", "currentGasLimit": "0x1000000", "currentBaseFee": "0x01"
    },
    "pre": {"0xa94f5374fce5edbc8e2a8697c15331677e6ebf0b": {
        "balance": "0x3635c9adc5dea00000", "code": "0x", "nonce": "0x00", "storage": {}
    }},
    "transaction": {
        "data": ["0x"], "gasLimit": ["0x5208"], "value": ["0x01"], "gasPrice": "0x0a", "nonce": "0x00",
        "sender": "0xa94f5374fce5edbc8e2a8697c15331677e6ebf0b",
        "to": "0xa00000000000000000000000000000000000000a"
    },
    "post": {
        "Cancun": [{
            "hash": "0x0000000000000000000000000000000000000000000000000000000000000001",
            "logs": "0x1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347",
            "indexes": {"data": 0, "gas": 0, "value": 0}
        }],
        "Homestead": [{
            "hash": "0x0000000000000000000000000000000000000000000000000000000000000001",
            "logs": "0x1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347",
            "indexes": {"data": 0, "gas": 0, "value": 0}
        }]
    }
}}"#;

/// Values and their encodings, of which four are not.
const RLP: &str = r##"{
    "dog": {"in": "dog", "out": "0x83646f67"},
    "number": {"in": "#18446744073709551616", "out": "0x89010000000000000000"},
    "lists": {"in": [[], [[]], 5], "out": "0xc4c0c1c005"},
    "anything": {"in": "VALID", "out": "0xc20102"},
    "long form": {"in": "INVALID", "out": "0xb80102"},
    "other value": {"in": "cat", "out": "0x83646f67"},
    "no list": {"in": "dog", "out": "0xc483646f67"},
    "valid": {"in": "INVALID", "out": "0xc20102"},
    "not valid": {"in": "VALID", "out": "0xc201"}
}"##;

/// One transfer under Berlin: as it is, and with another sender, another gas and an exception; its bytes behind a zero, which
/// is no type; and no bytes, for the right and for a wrong reason.
fn transactions() -> String {
    let signer = PrivateKeySigner::from_bytes(&B256::repeat_byte(1)).unwrap();
    let tx = TxLegacy { gas_limit: 21_000, to: TxKind::Call(signer.address()), ..TxLegacy::default() };
    let signature = signer.sign_hash_sync(&tx.signature_hash()).unwrap();
    let signed = tx.into_signed(signature);
    let raw = Bytes::from(signed.encoded_2718());
    let test = |bytes: &[u8], result: Value| json!({"txbytes": hex::encode_prefixed(bytes), "result": {"Berlin": result}});
    let valid = |sender: Address, gas: &str| {
        test(&raw, json!({"hash": signed.hash(), "sender": sender, "intrinsicGas": gas}))
    };
    let invalid = |bytes: &[u8], exception: &str| {
        test(bytes, json!({"exception": format!("TransactionException.{exception}"), "intrinsicGas": "0x00"}))
    };
    let tests = json!({
        "right": valid(signer.address(), "0x5208"),
        "other sender": valid(Address::ZERO, "0x5208"),
        "other gas": valid(signer.address(), "0x5209"),
        "valid": invalid(&raw, "RLP_INVALID_TO"),
        "type of zero": invalid(&[&[0], &raw[..]].concat(), "TYPE_NOT_SUPPORTED"),
        "other exception": invalid(&raw[1..], "INTRINSIC_GAS_TOO_LOW"),
    });
    tests.to_string()
}
