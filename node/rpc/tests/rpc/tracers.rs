//! Tracers beside go-ethereum's, by answers that it gave, and scripts that mean no good.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::*;

/// What go-ethereum (its version stands there) answers to `debug_traceCall` of code that is given with the request.
const RECORDED: &str = include_str!("tracers.json");

/// Where two values differ first.
fn difference(ours: &Value, theirs: &Value, path: String) -> Option<String> {
    match (ours, theirs) {
        (Value::Object(a), Value::Object(b)) => {
            let missing =
                b.keys().find(|key| !a.contains_key(*key)).map(|key| format!("{path}.{key} is missing"));
            missing.or_else(|| {
                a.iter().find_map(|(key, a)| match b.get(key) {
                    Some(b) => difference(a, b, format!("{path}.{key}")),
                    None => Some(format!("{path}.{key}: {a} for nothing")),
                })
            })
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            a.iter().zip(b).enumerate().find_map(|(i, (a, b))| difference(a, b, format!("{path}[{i}]")))
        }
        (a, b) => (a != b).then(|| format!("{path}: {a} for {b}")),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn traces_are_those_of_go_ethereum() {
    let node = Node::sequencer().await;
    node.mine();
    let recorded: Value = serde_json::from_str(RECORDED).unwrap();
    let cases = recorded["cases"].as_array().unwrap();
    assert!(cases.len() > 100);
    let mut wrong = Vec::new();
    for case in cases {
        let (ours, theirs) = match node.try_call::<Value>("debug_traceCall", case["params"].clone()).await {
            Ok(ours) => (ours, case.get("result").cloned().unwrap_or_default()),
            Err(error) => (
                json!({ "code": error.code(), "message": error.message() }),
                case.get("error").cloned().unwrap_or_default(),
            ),
        };
        if let Some(found) = difference(&ours, &theirs, case["name"].as_str().unwrap().into()) {
            wrong.push(found);
        }
    }
    assert!(wrong.is_empty(), "{} of {} differ:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
    node.end().await;
}

/// A call of the counter, with a script.
fn traced(script: &str) -> Value {
    json!([{ "to": COUNTER }, "latest", { "tracer": script }])
}

#[tokio::test(flavor = "multi_thread")]
async fn scripts_that_take_too_much_end_with_an_error() {
    let node = Node::sequencer().await;
    node.mine();
    let with_step = |body: &str| {
        format!("{{step:function(){{{body}}},fault:function(){{}},result:function(){{return 1}}}}")
    };
    let limits = [
        ("var x=[];while(true)x.push(x.length)", "tracer takes more than 33554432 bytes of memory"),
        ("new Uint8Array(1e9)", "tracer takes more than 33554432 bytes of memory"),
        ("'a'.repeat(1e9)", "tracer takes more than 33554432 bytes of memory"),
    ];
    for (body, message) in limits {
        let error = node.error("debug_traceCall", traced(&with_step(body))).await;
        assert_eq!(error, (-32005, message.into()), "{body}");
    }
    let refused = [
        ("function f(){return f()+1};f()", "Maximum call stack size exceeded"),
        ("Array.prototype.indexOf.call({length:9e15},1)", "array has more than"),
        ("var a=[];a.length=4294967295;a.indexOf(1)", "array has more than"),
        ("var a='a'.repeat(8e6);a.indexOf('a'.repeat(4e6)+'b')", "text is too long"),
        (
            "throw {get message(){throw 1},toString:function(){throw 2}}",
            "in server-side tracer function 'step'",
        ),
        ("throw null", ""),
        ("var x='a';while(true)x+=x", "string too long"),
    ];
    for (body, message) in refused {
        let (code, text) = node.error("debug_traceCall", traced(&with_step(body))).await;
        assert!(code == -32000 || code == -32005, "{body}: {text}");
        assert!(text.contains(message), "{body}: {text}");
    }
    // What never ends ends when its time is over, whatever it catches.
    let endless =
        ["while(true){}", "while(true)try{while(true){}}catch(e){}", "/(a+)+$/.test('a'.repeat(64)+'b')"];
    for body in endless {
        let start = Instant::now();
        let options = json!({ "tracer": with_step(body), "timeout": "300ms" });
        let error = node.error("debug_traceCall", json!([{ "to": COUNTER }, "latest", options])).await;
        assert_eq!(error, (-32000, "execution timeout".into()), "{body}");
        assert!(start.elapsed() < Duration::from_secs(3), "{body}: {:?}", start.elapsed());
    }
    let huge = "{step:function(){},fault:function(){},result:function(){return 'x'.repeat(1e7)}}";
    let long: String = node.call("debug_traceCall", traced(huge)).await;
    assert_eq!(long.len(), 10_000_000);
    // The node is none the worse, and no place among the scripts is taken.
    for _ in 0..6 {
        let found: Value =
            node.call("debug_traceCall", traced("{result:function(){return 7},fault:function(){}}")).await;
        assert_eq!(found, 7);
    }
    node.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trace_takes_no_more_than_a_request_may() {
    let node = Node::sequencer().await;
    node.mine();
    // Millions of steps.
    let burnt = |options: Value| json!([{ "to": BURNER, "gas": "0x2faf080" }, "latest", options]);
    let (code, text) = node.error("debug_traceCall", burnt(json!({ "timeout": "60s" }))).await;
    assert!(matches!(code, -32003 | -32005), "{code} {text}");
    let start = Instant::now();
    let timeout = json!({ "tracer": "opcountTracer", "timeout": "20ms" });
    assert_eq!(node.error("debug_traceCall", burnt(timeout)).await, (-32000, "execution timeout".into()));
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    // Muxes are made no deeper and no wider than makes sense.
    let deep = (0..20).fold(json!({}), |inner, _| json!({ "muxTracer": inner }));
    let deep = json!({ "tracer": "muxTracer", "tracerConfig": deep });
    let (code, text) = node.error("debug_traceCall", burnt(deep)).await;
    assert_eq!((code, text.as_str()), (-32005, "muxes may be 8 deep: ask for fewer within one another"));
    let wide: serde_json::Map<_, _> =
        (0..40).map(|index| (format!("{{result(){{}},fault(){{}},n:{index}}}"), json!({}))).collect();
    let (code, text) =
        node.error("debug_traceCall", burnt(json!({ "tracer": "muxTracer", "tracerConfig": wide }))).await;
    assert_eq!(code, -32005, "{text}");
    node.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn blocks_and_bundles_are_traced() {
    let node = Node::sequencer().await;
    node.send(count(0, 0)).await;
    node.send(count(1, 0)).await;
    let block = node.mine();
    let by_number: Value =
        node.call("debug_traceBlockByNumber", json!(["latest", { "tracer": "callTracer" }])).await;
    let raw: Value = node.call("debug_getRawBlock", json!(["latest"])).await;
    let by_bytes: Value = node.call("debug_traceBlock", json!([raw, { "tracer": "callTracer" }])).await;
    assert_eq!(by_bytes, by_number);
    assert_eq!(
        node.error("debug_traceBlock", json!(["0x1234"])).await.1,
        "could not decode block: rlp: expected input list for types.extblock"
    );
    let script = "{n:0,step:function(){this.n++},fault:function(){},result:function(){return this.n}}";
    let steps: Value = node.call("debug_traceBlockByNumber", json!(["latest", { "tracer": script }])).await;
    assert!(steps[1]["result"].as_u64().unwrap() > 5);
    assert_eq!(steps[1]["result"], steps[2]["result"]);

    // The last root is the block's.
    let roots: Vec<Value> = node.call("debug_intermediateRoots", json!([block.hash])).await;
    assert_eq!(roots.len(), block.transactions.len());
    assert_eq!(roots.last(), Some(&json!(block.header.state_root)));
    assert_ne!(roots[0], roots[1]);

    // Each call sees what the one before has left: the third to the fifth count.
    let counting = json!({ "to": COUNTER });
    let bundles = json!([{ "transactions": [counting, counting] }, { "transactions": [counting] }]);
    let many: Value = node
        .call(
            "debug_traceCallMany",
            json!([bundles, { "blockNumber": "latest" }, { "tracer": "callTracer" }]),
        )
        .await;
    let outputs: Vec<_> =
        many.as_array().unwrap().iter().flat_map(|traces| traces.as_array().unwrap()).collect();
    let counts: Vec<_> =
        outputs.iter().map(|trace| trace["output"].as_str().unwrap().chars().last().unwrap()).collect();
    assert_eq!(counts, ['3', '4', '5']);
    // Before the second count of the block.
    let earlier =
        json!([bundles, { "blockNumber": "latest", "transactionIndex": 2 }, { "tracer": "callTracer" }]);
    let earlier: Value = node.call("debug_traceCallMany", earlier).await;
    assert!(earlier[0][0]["output"].as_str().unwrap().ends_with("02"));
    let call = json!([counting, "latest", { "tracer": "callTracer", "txIndex": "0x1" }]);
    let call: Value = node.call("debug_traceCall", call).await;
    assert!(call["output"].as_str().unwrap().ends_with("01"));
    node.end().await;
}
