//! JSON-RPC requests, on a small chain.

use std::sync::LazyLock;

use alloy::primitives::{Address, hex};
use jsonrpsee::Methods;
use rollup::{
    chain::{BuildPlan, ChainEvent},
    l1::L1Status,
    testing,
};
use rpc::RpcContext;
use sequencing::pool::{Pool, PoolOptions};
use serde_json::{Value, json};
use tokio::{runtime::Runtime, sync::watch};

/// Waits for a block by design, and no block comes here.
const WAITING: &str = "eth_sendRawTransactionSync";

/// Code of an internal error: something that is our fault.
const INTERNAL: i64 = -32603;

/// A node's methods, and what they need.
struct Node {
    methods: Methods,
    runtime: Runtime,
    // Ends what the methods watch.
    _l1: watch::Sender<L1Status>,
    _folder: tempfile::TempDir,
}

impl Node {
    /// A chain of three blocks, with transfers, and a transaction that waits.
    fn start() -> Self {
        let runtime = Runtime::new().expect("a runtime");
        let _inside = runtime.enter();
        let folder = tempfile::tempdir().expect("a folder");
        let chain = testing::open(folder.path(), &testing::rollup(testing::genesis(3, 1_000_000)));
        let pool = Pool::new(&chain, PoolOptions::default()).expect("a pool");
        for nonce in 0..4 {
            // The last one waits.
            pool.submit(testing::transaction(0, testing::transfer(nonce))).expect("a valid transaction");
            if nonce == 3 {
                break;
            }
            let timestamp = 1_000_001 + nonce;
            let plan = BuildPlan { timestamp, max_messages: 0, message_l1_limit: 0 };
            let fill = |builder: &mut rollup::chain::HeadBuilder<'_>| {
                for best in pool.best() {
                    let executed = builder.execute(best.transaction()).expect("the state is there");
                    executed.expect("a valid transaction");
                }
            };
            let (block, ()) = chain.build(plan, fill).expect("a block");
            pool.apply(&ChainEvent::Block(block));
        }
        let (l1, status) = watch::channel(L1Status { healthy: true, ..L1Status::default() });
        let context = RpcContext {
            chain,
            pool: Some(pool),
            forward: None,
            feed: None,
            l1: status,
            followed_feed: None,
            signers: Vec::new(),
        };
        let methods = rpc::methods(context).expect("methods");
        Self { methods, runtime, _l1: l1, _folder: folder }
    }
}

static NODE: LazyLock<Node> = LazyLock::new(Node::start);

/// A request is answered, and not by an internal error. All inputs meet one node, which keeps what they leave behind
/// (transactions, filters): a failure may need more than its own input.
pub(super) fn request(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let (method, params) = text.split_once('\n').unwrap_or((text, "[]"));
    if method == WAITING {
        return false;
    }
    let request = format!(r#"{{"jsonrpc":"2.0","id":1,"method":{},"params":{params}}}"#, json!(method));
    let Ok((answer, _)) = NODE.runtime.block_on(NODE.methods.raw_json_request(&request, 16)) else {
        return false; // Not JSON.
    };
    let answer: Value = serde_json::from_str(answer.get()).expect("answers are JSON");
    assert!(answer.get("result").is_some() != answer.get("error").is_some(), "{answer}");
    assert_ne!(answer["error"]["code"], INTERNAL, "{request}: {answer}");
    true
}

pub(super) fn request_seeds() -> Vec<Vec<u8>> {
    let (user, other) = (testing::key(0).address(), Address::repeat_byte(0x77));
    let hash = format!("0x{}", "11".repeat(32));
    let raw = hex::encode_prefixed(testing::transaction(1, testing::transfer(0)));
    let call = json!({"from": user, "to": other, "value": "0x1", "data": "0x00", "gas": "0x7530"});
    let state =
        json!({ other.to_string(): {"balance": "0x5", "code": "0x5f5ff3", "stateDiff": {&hash: &hash}} });
    let filter =
        json!({"fromBlock": "0x0", "toBlock": "latest", "address": [other], "topics": [null, [&hash]]});
    let simulation = json!({
        "blockStateCalls": [{"blockOverrides": {"number": "0x9"}, "stateOverrides": &state, "calls": [&call]}],
        "validation": true, "traceTransfers": true, "returnFullTransactions": true
    });
    let by_hash = json!({"blockHash": &hash, "requireCanonical": true});
    let requests = [
        ("eth_getBlockByNumber", json!(["0x2", true])),
        ("eth_getBlockByHash", json!([hash, false])),
        ("eth_getBlockReceipts", json!(["latest"])),
        ("eth_getTransactionByBlockNumberAndIndex", json!(["safe", "0x0"])),
        ("eth_getTransactionReceipt", json!([hash])),
        ("eth_getBalance", json!([user, by_hash])),
        ("eth_getStorageAt", json!([other, "0x0", "pending"])),
        ("eth_getProof", json!([user, [hash, "0x1"], "0x1"])),
        ("eth_call", json!([call, "latest", state, {"time": "0xffff", "baseFeePerGas": "0x0"}])),
        ("eth_estimateGas", json!([call])),
        ("eth_createAccessList", json!([call, "0x1"])),
        ("eth_simulateV1", json!([simulation, "latest"])),
        ("eth_fillTransaction", json!([call])),
        ("eth_sendRawTransaction", json!([raw])),
        ("eth_getLogs", json!([filter])),
        ("eth_newFilter", json!([filter])),
        ("eth_getFilterChanges", json!(["0x1"])),
        ("eth_feeHistory", json!(["0x4", "latest", [10, 90.5]])),
        (
            "debug_traceTransaction",
            json!([hash, {"tracer": "callTracer", "tracerConfig": {"withLog": true}}]),
        ),
        ("debug_traceCall", json!([call, "latest", {"tracer": "prestateTracer", "stateOverrides": state}])),
        (
            "debug_traceBlockByNumber",
            json!(["0x1", {"tracer": "muxTracer", "tracerConfig": {"4byteTracer": {}}}]),
        ),
        ("debug_getRawBlock", json!(["0x1"])),
        ("txpool_contentFrom", json!([user])),
        ("optimism_outputAtBlock", json!(["0x1"])),
        ("web3_sha3", json!(["0x00"])),
        ("optimism_safeHeadAtL1Block", json!(["0x1"])),
        ("eth_callMany", json!([[{"transactions": [call]}], {"transactionIndex": 1}, state])),
        ("eth_getStorageValues", json!([{ other.to_string(): [hash] }, "0x1"])),
        ("eth_sendRawTransactionConditional", json!([raw, {"knownAccounts": { other.to_string(): hash }}])),
        ("debug_storageRangeAt", json!(["0x1", 0, user, "0x00", 10])),
        ("debug_accountRange", json!(["0x1", "0x", 10, false, false, true])),
        ("debug_getModifiedAccountsByNumber", json!([0, 2])),
        ("debug_executionWitness", json!(["0x1"])),
        ("ots_getBlockTransactions", json!([1, 0, 25])),
        ("ots_searchTransactionsBefore", json!([user, 0, 25])),
        ("ots_searchTransactionsAfter", json!([other, 1, 25])),
        ("ots_getTransactionBySenderAndNonce", json!([user, 0])),
        ("ots_getContractCreator", json!([other])),
    ];
    let mut seeds: Vec<Vec<u8>> =
        requests.iter().map(|(method, params)| format!("{method}\n{params}").into_bytes()).collect();
    // Every method once, with nothing.
    let methods = NODE.methods.method_names().filter(|method| *method != WAITING);
    seeds.extend(methods.map(|method| format!("{method}\n[]").into_bytes()));
    seeds
}
