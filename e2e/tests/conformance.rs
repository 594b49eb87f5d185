//! The public `ethereum/tests` suite, run over the rollup's state, trie and database.
#![allow(clippy::unwrap_used)]

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    thread,
};

use e2e::{
    conformance::{BlockCase, BlockReport, Suite},
    net::seeded,
    proving::program,
};
use rand::seq::SliceRandom;

/// Names a checkout or an archive of the suite.
const VARIABLE: &str = "ETHEREUM_TESTS";

/// Where an archive of the suite is looked for otherwise, from this crate's folder on.
const ARCHIVE: &str = "../../shared/fixtures/ethereum-tests.tar.xz";

/// Has every state test become a block, not some of them.
const ALL: &str = "ALL_STATE_TESTS";

/// How many state tests become blocks, unless all do.
const BLOCKS: usize = 2_500;

/// The suite, if there is a copy.
fn suite() -> Option<Suite> {
    let named = env::var_os(VARIABLE).map(PathBuf::from);
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(ARCHIVE);
    let Some(path) = named.or_else(|| beside.is_file().then_some(beside)) else {
        eprintln!("SKIPPED: no copy of the ethereum/tests suite here.");
        eprintln!(
            "To run it: {VARIABLE}=<checkout or archive of ethereum/tests> cargo test --release -p e2e"
        );
        return None;
    };
    Some(Suite::open(&path).unwrap())
}

#[test]
fn state_and_trie_tests_of_the_public_suite_pass() {
    let Some(suite) = suite() else { return };
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let report = suite.run(threads).unwrap();
    println!("{report}");
    assert!(report.failures.is_empty(), "{} cases failed", report.failures.len());
    assert!(report.passed > 0, "no case ran");
}

/// The node, the state transition over nothing but the block's witness, and the fault proof program on the machine come
/// to the same output for blocks that are made of state tests.
#[test]
fn state_tests_as_blocks_come_out_alike_everywhere() {
    let Some(suite) = suite() else { return };
    let (mut cases, excluded) = suite.blocks().unwrap();
    let all = cases.len();
    cases.shuffle(&mut seeded("state tests as blocks").unwrap());
    if env::var_os(ALL).is_none() {
        cases.truncate(BLOCKS);
    }
    let BlockReport { report, included, lowered, steps } = BlockCase::run_all(&cases, &program().unwrap());
    println!("{excluded}\n{all} state tests can be blocks");
    println!(
        "{report}; {included} blocks hold the transaction, {lowered} of all with less gas; {steps} steps"
    );
    assert!(report.failures.is_empty(), "{} cases failed", report.failures.len());
    assert_eq!(report.passed, cases.len());
    // The suite has transactions that are to be refused, but not many.
    assert!(included * 10 >= report.passed * 8, "{included} blocks hold their transaction");
}

/// The runner itself: what does not hold, does not read or is not to be run shows in the report.
#[test]
fn failures_and_exclusions_are_reported() {
    let folder = tempfile::tempdir().unwrap();
    let write = |path: &str, json: &str| {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, json).unwrap();
    };
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
    assert_eq!((report.passed, report.excluded.values().sum::<usize>()), (1, 2));
    assert!(report.to_string().ends_with("\n1 passed, 4 failed"));
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
    for part in ["stCreate2/None", "0 in GeneralStateTests and 3 in TrieTests", "TrieTests/right.json"] {
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
