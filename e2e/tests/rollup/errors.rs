//! Wrong input: the standard errors from RPC, and one clear line when a node cannot start.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use alloy::{
    consensus::{SignableTransaction, TxEip1559, TxEnvelope},
    eips::eip2718::Encodable2718,
    network::TxSignerSync,
    primitives::{Address, Bytes, TxKind, U256},
    providers::Provider,
    signers::local::PrivateKeySigner,
    sol_types::SolCall,
    transports::http::reqwest::{Client, Method},
};
use anyhow::{Context, Result};
use bindings::{
    artifacts::{Contract, creation_code},
    samples::Counter,
};
use e2e::net::{Net, user};
use serde_json::{Value, json};
use testnet::{Anvil, AnvilOptions, Node, NodeOptions, Role, tools};

#[tokio::test(flavor = "multi_thread")]
async fn rpc_answers_wrong_input_with_the_standard_errors() -> Result<()> {
    let _alone = crate::ALONE.lock().await;
    let mut options = Net::options("errors-rpc")?;
    options.proposer = false;
    let net = Net::start(options).await?;
    let miner = net.miner();
    let sequencer = net.devnet.sequencer()?;
    requests(sequencer).await?;
    bodies(sequencer).await?;
    transactions(&net, sequencer).await?;
    reverts(sequencer).await?;
    drop(miner);
    net.finish().await
}

/// The JSON-RPC answer to a body.
async fn post(node: &Node, body: impl Into<String>) -> Result<Value> {
    let request = Client::new().post(node.http_url()).header("content-type", "application/json");
    Ok(serde_json::from_str(&request.body(body.into()).send().await?.text().await?)?)
}

/// The error of a request: code, message, data.
async fn error(node: &Node, method: &str, params: Value) -> Result<(i64, String, Value)> {
    let answer =
        post(node, json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string())
            .await?;
    let error = &answer["error"];
    let code = error["code"].as_i64().with_context(|| format!("{method} {params}: no error in {answer}"))?;
    Ok((code, error["message"].as_str().unwrap_or_default().to_owned(), error["data"].clone()))
}

async fn requests(node: &Node) -> Result<()> {
    let address = Address::ZERO;
    let hash = format!("0x{}", "11".repeat(32));
    let table = [
        ("eth_noSuchMethod", json!([]), -32601, ""),
        ("eth_getBalance", json!([]), -32602, ""),
        ("eth_getBalance", json!(["0x1234", "latest"]), -32602, ""),
        ("eth_getBalance", json!([address, "newest"]), -32602, ""),
        ("eth_getBalance", json!([address, {"blockHash": "0x12"}]), -32602, ""),
        ("eth_getBalance", json!([address, "0xffffffff"]), -32000, "header not found"),
        ("eth_getStorageAt", json!([address, "0xzz", "latest"]), -32602, ""),
        ("eth_getBlockByNumber", json!(["latest", "maybe"]), -32602, ""),
        ("eth_getBlockByHash", json!(["0x00", false]), -32602, ""),
        ("eth_getTransactionByHash", json!([1]), -32602, ""),
        ("eth_call", json!([{"to": "somebody"}, "latest"]), -32602, ""),
        ("eth_call", json!("to"), -32602, ""),
        ("eth_getLogs", json!([{"fromBlock": "0x1", "toBlock": "0x0"}]), -32602, "invalid block range"),
        ("eth_getLogs", json!([{"fromBlock": "0x0", "toBlock": "0xffffff"}]), -32602, "beyond current head"),
        ("eth_getFilterChanges", json!(["0x99999"]), -32000, "filter not found"),
        ("eth_sendRawTransaction", json!([]), -32602, ""),
        ("eth_sendRawTransaction", json!(["no hex"]), -32602, ""),
    ];
    for (method, params, code, text) in table {
        let (found, message, _) = error(node, method, params.clone()).await?;
        assert_eq!(found, code, "{method} {params}: {message}");
        assert!(message.contains(text), "{method} {params}: {message}");
        assert!(!message.is_empty() && message.lines().count() == 1, "{method} {params}: {message}");
    }
    // What does not exist is null, not an error.
    for (method, params) in [
        ("eth_getTransactionReceipt", json!([hash])),
        ("eth_getTransactionByHash", json!([hash])),
        ("eth_getBlockByHash", json!([hash, true])),
        ("eth_getBlockByNumber", json!(["0xffffffff", false])),
    ] {
        let answer =
            post(node, json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string());
        let answer = answer.await?;
        assert!(answer.get("result").is_some_and(Value::is_null), "{method}: {answer}");
    }
    Ok(())
}

async fn bodies(node: &Node) -> Result<()> {
    // What is JSON but no request is an invalid one, or one that does not parse: clients treat both alike.
    for (body, codes) in [
        ("not json", &[-32700][..]),
        ("{\"jsonrpc\":\"2.0\",\"id\":1", &[-32700]),
        ("{}", &[-32600, -32700]),
        ("[]", &[-32600]),
        ("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":7}", &[-32600, -32700]),
    ] {
        let answer = post(node, body).await.with_context(|| format!("body {body:?}"))?;
        let code = answer["error"]["code"].as_i64();
        assert!(code.is_some_and(|code| codes.contains(&code)), "body {body:?}: {answer}");
    }
    // Nothing is answered with nothing, as geth does.
    let nothing =
        Client::new().post(node.http_url()).header("content-type", "application/json").send().await?;
    assert!(nothing.status().is_success());
    assert_eq!(nothing.text().await?, "");
    // A batch is answered one by one.
    let batch = json!([
        {"jsonrpc": "2.0", "id": 1, "method": "eth_chainId", "params": []},
        {"jsonrpc": "2.0", "id": 2, "method": "eth_noSuchMethod", "params": []},
        {"jsonrpc": "2.0", "id": 3, "method": "net_version"},
    ]);
    let answers = post(node, batch.to_string()).await?;
    let by_id = |id: u64| answers.as_array()?.iter().find(|answer| answer["id"] == id);
    assert_eq!(by_id(1).context("no answer 1")?["result"], "0xa455");
    assert_eq!(by_id(2).context("no answer 2")?["error"]["code"], -32601);
    assert_eq!(by_id(3).context("no answer 3")?["result"], "42069");

    let large = "x".repeat(64 << 20);
    let sent =
        Client::new().post(node.http_url()).header("content-type", "application/json").body(large).send();
    // The server may answer and close before it has read it all, which the client sees as an error.
    if let Ok(answer) = sent.await {
        assert!(answer.status().is_client_error(), "{}", answer.status());
    }
    let preflight = Client::new()
        .request(Method::OPTIONS, node.http_url())
        .header("origin", "http://example.org")
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "content-type")
        .send()
        .await?;
    assert!(
        preflight.status().is_success() && preflight.headers().contains_key("access-control-allow-origin")
    );
    assert_eq!(node.provider().get_chain_id().await?, 42_069, "it still answers");
    Ok(())
}

fn sign(from: &PrivateKeySigner, change: impl FnOnce(&mut TxEip1559)) -> Result<Value> {
    let mut tx = TxEip1559 {
        chain_id: 42_069,
        gas_limit: 21_000,
        max_fee_per_gas: 1_000_000_000,
        max_priority_fee_per_gas: 1_000_000,
        to: TxKind::Call(Address::repeat_byte(0x77)),
        value: U256::from(1),
        ..Default::default()
    };
    change(&mut tx);
    let signature = from.sign_transaction_sync(&mut tx)?;
    Ok(json!([Bytes::from(TxEnvelope::from(tx.into_signed(signature)).encoded_2718())]))
}

async fn transactions(net: &Net, node: &Node) -> Result<()> {
    let (rich, poor) = (user(0)?, PrivateKeySigner::random());
    // Waits for a nonce that does not come, to be replaced.
    let waiting = sign(&rich, |tx| tx.nonce = 5)?;
    let _: Value = node.call("eth_sendRawTransaction", waiting.clone()).await?;
    let other = user(1)?;
    let wallet = node.wallet(&other)?;
    let spent = alloy::network::TransactionBuilder::with_to(Default::default(), Address::repeat_byte(1));
    assert!(wallet.send_transaction(spent).await?.get_receipt().await?.status());

    let table = [
        ("not a transaction", json!(["0x1234"]), ""),
        ("nothing", json!(["0x"]), ""),
        (
            "another chain",
            sign(&rich, |tx| tx.chain_id = 1)?,
            "invalid chain id for signer: have 1 want 42069",
        ),
        ("no funds", sign(&poor, |_| ())?, "insufficient funds for gas * price + value"),
        (
            "too much",
            sign(&rich, |tx| tx.value = U256::MAX >> 1)?,
            "insufficient funds for gas * price + value",
        ),
        ("a nonce again", sign(&other, |_| ())?, "nonce too low"),
        ("known", waiting, "already known"),
        (
            "cheap replacement",
            sign(&rich, |tx| (tx.nonce, tx.value) = (5, U256::from(2)))?,
            "replacement transaction underpriced",
        ),
        ("too little gas", sign(&rich, |tx| tx.gas_limit = 20_999)?, "intrinsic gas too low"),
        ("too much gas", sign(&rich, |tx| tx.gas_limit = 100_000_000)?, "exceeds block gas limit"),
        (
            "tip above fee",
            sign(&rich, |tx| tx.max_priority_fee_per_gas = 2_000_000_000)?,
            "max priority fee per gas higher than max fee per gas",
        ),
        (
            "fee below base fee",
            sign(&rich, |tx| (tx.max_fee_per_gas, tx.max_priority_fee_per_gas) = (0, 0))?,
            "less than block base fee",
        ),
        (
            "large initcode",
            sign(&rich, |tx| {
                (tx.to, tx.input, tx.gas_limit) = (TxKind::Create, vec![0; 49_153].into(), 5_000_000);
            })?,
            "max initcode size exceeded",
        ),
    ];
    for target in [node, net.devnet.replica()?] {
        for (name, params, text) in &table {
            let (code, message, _) = error(target, "eth_sendRawTransaction", params.clone()).await?;
            assert_eq!(code, -32000, "{name} on {}: {message}", target.options.name);
            assert!(message.contains(text), "{name} on {}: {message}", target.options.name);
        }
    }
    Ok(())
}

async fn reverts(node: &Node) -> Result<()> {
    let wallet = node.wallet(&user(2)?)?;
    let deploy = alloy::network::TransactionBuilder::with_deploy_code(
        alloy::rpc::types::TransactionRequest::default(),
        creation_code(Contract::Counter),
    );
    let receipt = wallet.send_transaction(deploy).await?.get_receipt().await?;
    let counter = receipt.contract_address.context("no contract address")?;
    let instance = Counter::CounterInstance::new(counter, wallet);
    instance.setNumber(U256::from(9)).send().await?.get_receipt().await?;
    let check = |limit: u64| json!([{"to": counter, "input": Bytes::from(Counter::checkCall { limit: U256::from(limit) }.abi_encode())}]);
    for method in ["eth_call", "eth_estimateGas"] {
        let (code, message, data) = error(node, method, check(0)).await?;
        assert_eq!((code, message.as_str()), (3, "execution reverted: limit is zero"));
        assert!(data.as_str().is_some_and(|data| data.starts_with("0x08c379a0")), "{data}");
        let (code, message, data) = error(node, method, check(5)).await?;
        assert_eq!((code, message.as_str()), (3, "execution reverted"));
        assert!(data.as_str().is_some_and(|data| data.len() == 2 + 2 * 68), "{data}");
    }
    Ok(())
}

/// Runs a node that should not start; returns its only line of error.
fn refused(options: &NodeOptions) -> Result<String> {
    let mut child =
        options.command()?.env("RUST_LOG", "error").stdin(Stdio::null()).stderr(Stdio::piped()).spawn()?;
    let deadline = Instant::now() + Duration::from_secs(30);
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if Instant::now() > deadline {
            child.kill()?;
            child.wait()?;
            anyhow::bail!("it runs");
        }
        std::thread::sleep(Duration::from_millis(10));
    };
    let output = child.wait_with_output()?;
    let text = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    assert_eq!(status.code(), Some(1), "{text}");
    assert_eq!(text.lines().count(), 1, "one line: {text}");
    assert!(text.starts_with("error: ") && !text.contains("panicked"), "{text}");
    let parts: Vec<&str> = text.split(": ").collect();
    assert!(parts.windows(2).all(|two| two[0] != two[1]), "said twice: {text}");
    Ok(text)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_cannot_start_says_why() -> Result<()> {
    let _alone = crate::ALONE.lock().await;
    let mut options = Net::options("errors-start")?;
    options.proposer = false;
    options.replica = false;
    let mut net = Net::start(options).await?;
    net.devnet.anvil.mine(3).await?;
    let good = net.devnet.node_options("refused", Role::Replica { feed: None, sequencer_rpc: None })?;
    let file = |name: &str, content: &[u8]| -> Result<std::path::PathBuf> {
        let path = net.dir().join(name);
        fs::write(&path, content)?;
        Ok(path)
    };
    let with = |change: &dyn Fn(&mut NodeOptions)| -> Result<String> {
        let mut options = good.clone();
        change(&mut options);
        refused(&options)
    };
    let expect = |what: &str, message: Result<String>, texts: &[&str]| -> Result<()> {
        let message = message.with_context(|| what.to_owned())?;
        for text in texts {
            assert!(message.contains(text), "{what}: {message}");
        }
        Ok(())
    };

    let missing = net.dir().join("missing.json");
    expect(
        "no rollup.json",
        with(&|options| options.rollup.clone_from(&missing)),
        &["cannot read", "missing.json"],
    )?;
    let broken = file("broken.json", b"{")?;
    expect(
        "not JSON",
        with(&|options| options.rollup.clone_from(&broken)),
        &["broken.json is not a rollup configuration"],
    )?;
    let mut json: Value = serde_json::from_slice(&fs::read(net.devnet.rollup_path())?)?;
    let original = json.clone();
    json["genesis"]["timestamp"] = json!(1);
    let wrong = file("wrong-genesis.json", json.to_string().as_bytes())?;
    expect("wrong genesis", with(&|options| options.rollup.clone_from(&wrong)), &["genesis hashes to"])?;
    json = original.clone();
    json["l1ChainId"] = json!(1);
    let other_l1 = file("other-l1.json", json.to_string().as_bytes())?;
    expect("another L1", with(&|options| options.rollup.clone_from(&other_l1)), &["31337", "chain"])?;
    json = original;
    json["contracts"]["inbox"] = json!(Address::repeat_byte(9));
    let no_inbox = file("no-inbox.json", json.to_string().as_bytes())?;
    expect("no contract", with(&|options| options.rollup.clone_from(&no_inbox)), &["0x0909"])?;

    expect(
        "no L1",
        with(&|options| {
            options.l1_rpc = "http://127.0.0.1:1".into();
            options.extra = vec!["--l1-timeout".into(), "1s".into()];
        }),
        &["L1 endpoint http://127.0.0.1:1 does not answer within 1s"],
    )?;
    expect("no URL", with(&|options| options.l1_rpc = "nonsense".into()), &["nonsense"])?;
    let beacon = with(&|options| options.l1_beacon = Some("nonsense".into()));
    expect("no URL of a beacon node", beacon, &["--l1-beacon", "nonsense"])?;
    let archive = with(&|options| options.extra = ["--archive", "ws://a"].map(Into::into).into());
    expect("no URL of an archive", archive, &["--archive", "\"ws://a\" is not an http:// or https:// URL"])?;
    let taken = net.devnet.sequencer()?.options.port;
    expect("port in use", with(&|options| options.port = taken), &["cannot listen", &taken.to_string()])?;
    let used = net.devnet.sequencer()?.options.data_dir.clone();
    expect("database in use", with(&|options| options.data_dir.clone_from(&used)), &["in use"])?;
    let files = net.dir().join("files");
    fs::create_dir(&files)?;
    fs::write(files.join("letter.txt"), "Dear")?;
    expect(
        "not a database",
        with(&|options| options.data_dir.clone_from(&files)),
        &["letter.txt", "no rollup database", "name an empty folder"],
    )?;
    let a_file = file("a-file", b"")?;
    expect("a file", with(&|options| options.data_dir.clone_from(&a_file)), &["a-file"])?;
    expect(
        "below a file",
        with(&|options| options.data_dir = a_file.join("below")),
        &["a-file/below: Not a directory (os error 20)"],
    )?;
    // A file with holes, larger than memory: to read it all would end the process.
    let huge = net.dir().join("huge");
    fs::File::create(&huge)?.set_len(1 << 40)?;
    let text = "are expected";
    expect("a huge rollup.json", with(&|options| options.rollup.clone_from(&huge)), &["huge", text])?;
    let message = sequencer_with_key(&net, &huge)?;
    assert!(message.contains("huge") && message.contains(text), "{message}");
    let message = challenger_with_program(&good, &huge)?;
    assert!(message.contains("huge") && message.contains(text), "{message}");
    let not_key = file("not.key", b"secret words")?;
    let message = sequencer_with_key(&net, &not_key)?;
    assert!(message.contains("not.key") && !message.contains("secret words"), "{message}");

    foreign_database(&mut net, &good).await?;
    net.finish().await
}

fn sequencer_with_key(net: &Net, key: &Path) -> Result<String> {
    let mut options =
        net.devnet.node_options("refused", Role::Replica { feed: None, sequencer_rpc: None })?;
    options.extra = vec!["--signer-key".into(), key.display().to_string()];
    // As a sequencer whose only key is that file.
    let replica = options.command()?;
    let arguments = replica.get_args().skip(1);
    let output = Command::new(replica.get_program()).arg("sequencer").args(arguments).output()?;
    assert_eq!(output.status.code(), Some(1));
    Ok(String::from_utf8_lossy(&output.stderr).trim().to_owned())
}

fn challenger_with_program(good: &NodeOptions, program: &Path) -> Result<String> {
    let mut command = Command::new(tools::challenger()?);
    command.arg("watch").arg("--rollup").arg(&good.rollup).arg("--data-dir").arg(&good.data_dir);
    let output = command.args(["--l1-rpc", &good.l1_rpc, "--program"]).arg(program).output()?;
    assert_eq!(output.status.code(), Some(1));
    Ok(String::from_utf8_lossy(&output.stderr).trim().to_owned())
}

/// The database of another rollup, and one of a newer schema.
async fn foreign_database(net: &mut Net, good: &NodeOptions) -> Result<()> {
    let log = net.dir().join("logs/other-l1.log");
    let anvil = Anvil::start(&AnvilOptions::new(&log)).await?;
    anvil.mine(2).await?;
    let mut config = net.devnet.options.deploy.clone();
    config.chain.chain_id += 1;
    let other = testnet::deploy(&anvil, &config, &net.devnet.options.roles).await?;
    let rollup = net.dir().join("other-rollup.json");
    fs::write(&rollup, serde_json::to_vec(&other)?)?;

    let sequencer = net.devnet.sequencer_mut()?;
    sequencer.stop().await?;
    let data_dir = sequencer.options.data_dir.clone();
    let options =
        NodeOptions { rollup, l1_rpc: anvil.url().into(), data_dir: data_dir.clone(), ..good.clone() };
    let message = refused(&options)?;
    assert!(message.contains("database of another chain"), "{message}");

    // And it is left as it was.
    let sequencer = net.devnet.sequencer_mut()?;
    sequencer.start()?;
    sequencer.wait_ready().await
}
