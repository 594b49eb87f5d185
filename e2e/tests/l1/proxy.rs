//! Each fault as a client sees it, against a real L1.

use std::time::Duration;

use alloy::{
    network::TransactionBuilder,
    primitives::{Address, B256, U256},
    providers::Provider,
    rpc::types::TransactionRequest,
    transports::http::reqwest,
};
use anyhow::{Context, Result, ensure};
use e2e::{
    faults::{BatchRefusal, Chance, Chaos, Fault, Proxy},
    net::user,
};
use serde_json::{Value, json};
use testnet::{Anvil, AnvilOptions, accounts};

/// How long nothing has to come from an endpoint that is silent.
const SILENCE: Duration = Duration::from_millis(300);

struct Setup {
    anvil: Anvil,
    proxy: Proxy,
    client: reqwest::Client,
    _dir: tempfile::TempDir,
}

impl Setup {
    async fn start() -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let anvil = Anvil::start(&AnvilOptions::new(&dir.path().join("l1.log"))).await?;
        anvil.set_balance(user(0)?.address(), accounts::BALANCE).await?;
        let proxy = Proxy::start(anvil.url()).await?;
        Ok(Self { anvil, proxy, client: reqwest::Client::new(), _dir: dir })
    }

    /// Status, headers and body of the answer to a body.
    async fn post(&self, body: &Value) -> Result<(u16, reqwest::header::HeaderMap, String)> {
        let request = self.client.post(self.proxy.url()).header("content-type", "application/json");
        let response = request.body(body.to_string()).send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Ok((status, headers, response.text().await?))
    }

    /// The answer to a call.
    async fn call(&self, method: &str, params: Value) -> Result<Value> {
        let (status, _, text) = self.post(&call(method, params)).await?;
        ensure!(status == 200, "status {status}");
        Ok(serde_json::from_str(&text)?)
    }

    /// The result of a call.
    async fn ask(&self, method: &str, params: Value) -> Result<Value> {
        let mut answer = self.call(method, params).await?;
        ensure!(answer.get("error").is_none(), "{answer}");
        Ok(answer["result"].take())
    }

    /// Sends a transfer to L1 itself, and makes the block that holds it.
    async fn transfer(&self) -> Result<B256> {
        let hash = self.send(self.anvil.url()).await?;
        self.anvil.mine(1).await?;
        Ok(hash)
    }

    async fn send(&self, url: &str) -> Result<B256> {
        let raw = self.signed().await?;
        let sent = alloy::providers::RootProvider::<alloy::network::Ethereum>::new_http(url.parse()?);
        Ok(*sent.send_raw_transaction(&raw).await?.tx_hash())
    }

    async fn signed(&self) -> Result<Vec<u8>> {
        use alloy::{
            eips::eip2718::Encodable2718,
            network::{EthereumWallet, NetworkTransactionBuilder},
        };
        let sender = user(0)?;
        let nonce = self.anvil.provider().get_transaction_count(sender.address()).pending().await?;
        let request = TransactionRequest::default()
            .with_to(Address::repeat_byte(7))
            .with_value(U256::from(1))
            .with_nonce(nonce)
            .with_chain_id(31_337)
            .with_gas_limit(21_000)
            .with_max_fee_per_gas(100_000_000_000)
            .with_max_priority_fee_per_gas(1_000_000_000);
        Ok(request.build(&EthereumWallet::from(sender)).await?.encoded_2718())
    }

    /// Transactions that wait in L1's pool.
    async fn waiting(&self) -> Result<u64> {
        let status: Value = self.anvil.call("txpool_status", json!([])).await?;
        quantity(&status["pending"])
    }
}

fn call(method: &str, params: Value) -> Value {
    json!({"jsonrpc": "2.0", "id": 7, "method": method, "params": params})
}

fn quantity(value: &Value) -> Result<u64> {
    let text = value.as_str().with_context(|| format!("no quantity: {value}"))?;
    Ok(u64::from_str_radix(text.trim_start_matches("0x"), 16)?)
}

#[tokio::test(flavor = "multi_thread")]
async fn whole_requests_fail_as_they_should() -> Result<()> {
    let it = Setup::start().await?;
    let ask = call("eth_chainId", json!([]));
    let good = (200, String::from(r#"{"jsonrpc":"2.0","id":7,"result":"0x7a69"}"#));
    let (status, _, text) = it.post(&ask).await?;
    ensure!((status, text.clone()) == good || serde_json::from_str::<Value>(&text)?["result"] == "0x7a69");

    it.proxy.set(Fault::Down);
    ensure!(it.post(&ask).await.is_err());
    it.proxy.set(Fault::Truncated);
    ensure!(it.post(&ask).await.is_err());
    it.proxy.set(Fault::Silent);
    ensure!(tokio::time::timeout(SILENCE, it.post(&ask)).await.is_err());
    it.proxy.set(Fault::Delay(SILENCE));
    let start = std::time::Instant::now();
    ensure!(it.ask("eth_chainId", json!([])).await? == "0x7a69" && start.elapsed() >= SILENCE);
    it.proxy.set(Fault::Garbage);
    let (status, _, text) = it.post(&ask).await?;
    ensure!(status == 200 && serde_json::from_str::<Value>(&text).is_err(), "{text}");
    it.proxy.set(Fault::Null);
    ensure!(it.ask("eth_chainId", json!([])).await?.is_null());
    for code in [500, 502, 503, 504] {
        it.proxy.set(Fault::Status(code));
        let (status, headers, text) = it.post(&ask).await?;
        ensure!(status == code && headers["content-type"] == "text/html" && text.contains("<html>"));
    }
    it.proxy.set(Fault::TooManyRequests { retry_after: Some(2), json: true });
    let (status, headers, text) = it.post(&ask).await?;
    ensure!(status == 429 && headers["retry-after"] == "2", "{status} {headers:?}");
    ensure!(serde_json::from_str::<Value>(&text)?["error"]["code"] == -32005, "{text}");
    it.proxy.set(Fault::TooManyRequests { retry_after: None, json: false });
    let (status, headers, text) = it.post(&ask).await?;
    ensure!(status == 429 && !headers.contains_key("retry-after") && text.contains("<html>"));
    it.proxy.set(Fault::MaxBody(200));
    ensure!(it.post(&ask).await?.0 == 200);
    ensure!(it.post(&call("eth_chainId", json!(["x".repeat(200)]))).await?.0 == 413);

    let batch = |count| Value::Array(vec![ask.clone(); count]);
    for refusal in [BatchRefusal::Error, BatchRefusal::Each, BatchRefusal::Page] {
        it.proxy.set(Fault::MaxBatch(2, refusal));
        let (status, _, text) = it.post(&batch(2)).await?;
        let answers: Value = serde_json::from_str(&text)?;
        ensure!(status == 200 && answers[1]["result"] == "0x7a69", "{text}");
        let (status, _, text) = it.post(&batch(3)).await?;
        match refusal {
            BatchRefusal::Error => ensure!(serde_json::from_str::<Value>(&text)?["error"].is_object()),
            BatchRefusal::Each => {
                let answers: Vec<Value> = serde_json::from_str(&text)?;
                ensure!(answers.len() == 3 && answers.iter().all(|answer| answer["error"].is_object()));
            }
            _ => ensure!(status == 413 && text.contains("<html>")),
        }
    }
    ensure!(it.proxy.counts()["down"] >= 1 && it.proxy.requests() > 10);
    Ok(())
}

/// A transaction arrives though its sender gets no answer; or does not arrive, and the sender gets none either.
#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_may_arrive_although_the_answer_is_lost() -> Result<()> {
    let it = Setup::start().await?;
    for (fault, arrives) in [
        (Fault::Down, false),
        (Fault::Status(502), false),
        (Fault::TooManyRequests { retry_after: None, json: true }, false),
        (Fault::LostAnswer, true),
        (Fault::Truncated, true),
        (Fault::Status(504), true),
    ] {
        let before = it.waiting().await?;
        it.proxy.set(fault);
        ensure!(it.send(it.proxy.url()).await.is_err(), "{fault:?}: an answer");
        ensure!(it.waiting().await? == before + u64::from(arrives), "{fault:?}");
    }
    Ok(())
}

/// Whatever is asked of an endpoint that is behind, it answers as a node whose head is an earlier block.
#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_is_behind_is_of_one_piece() -> Result<()> {
    let it = Setup::start().await?;
    let (to, sender) = (Address::repeat_byte(7), user(0)?.address());
    let mut hashes = Vec::new();
    for _ in 0..5 {
        hashes.push(it.transfer().await?);
    }
    let latest = it.anvil.latest().await?.header;
    let head = latest.number - 2;
    let stale = it.anvil.provider().get_block_by_number(head.into()).await?.context("no block")?.header;
    it.proxy.set(Fault::Behind(2));
    ensure!(quantity(&it.ask("eth_blockNumber", json!([])).await?)? == head);
    for tag in [json!("latest"), json!("pending"), json!(format!("{head:#x}"))] {
        let block = it.ask("eth_getBlockByNumber", json!([tag, false])).await?;
        ensure!(block["hash"] == json!(stale.hash), "{tag}: {block}");
        ensure!(quantity(&it.ask("eth_getBalance", json!([to, tag])).await?)? == 3, "{tag}");
        ensure!(quantity(&it.ask("eth_getTransactionCount", json!([sender, tag])).await?)? == 3, "{tag}");
    }
    ensure!(quantity(&it.ask("eth_getBalance", json!([to])).await?)? == 3);
    let next = format!("{:#x}", head + 1);
    ensure!(it.ask("eth_getBlockByNumber", json!([next, false])).await?.is_null());
    ensure!(it.ask("eth_getBlockByHash", json!([latest.hash, false])).await?.is_null());
    for named in [json!(next), json!({"blockHash": latest.hash})] {
        let answer = it.call("eth_getBalance", json!([to, named])).await?;
        ensure!(answer["error"]["message"] == "header not found", "{answer}");
    }
    let old = it.ask("eth_getBalance", json!([to, {"blockHash": stale.hash}])).await?;
    ensure!(quantity(&old)? == 3);
    ensure!(it.ask("eth_getTransactionReceipt", json!([hashes[3]])).await?.is_null());
    ensure!(it.ask("eth_getTransactionReceipt", json!([hashes[2]])).await?.is_object());
    let pending = it.ask("eth_getTransactionByHash", json!([hashes[4]])).await?;
    ensure!(pending["hash"] == json!(hashes[4]) && pending["blockHash"].is_null(), "{pending}");
    let beyond = it.ask("eth_getLogs", json!([{"fromBlock": next, "toBlock": "latest"}])).await?;
    ensure!(beyond == json!([]));
    let unknown = it.call("eth_getLogs", json!([{"blockHash": latest.hash}])).await?;
    ensure!(unknown["error"].is_object(), "{unknown}");
    ensure!(it.ask("eth_getLogs", json!([{"fromBlock": "0x0"}])).await?.is_array());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn receipts_come_late_and_ranges_have_limits() -> Result<()> {
    let it = Setup::start().await?;
    let hash = it.transfer().await?;
    it.proxy.set(Fault::LateTransactions(2));
    for blocks in 0..3 {
        let receipt = it.ask("eth_getTransactionReceipt", json!([hash])).await?;
        let transaction = it.ask("eth_getTransactionByHash", json!([hash])).await?;
        ensure!(receipt.is_null() == (blocks < 2), "{blocks} blocks later: {receipt}");
        ensure!(transaction["blockHash"].is_null() == (blocks < 2), "{blocks} blocks later: {transaction}");
        it.anvil.mine(1).await?;
    }
    let range = |to: &str| json!([{"fromBlock": "0x0", "toBlock": to}]);
    it.proxy.set(Fault::MaxRange(2));
    ensure!(it.ask("eth_getLogs", range("0x1")).await?.is_array());
    ensure!(it.call("eth_getLogs", range("0x2")).await?["error"]["code"] == -32005);
    it.proxy.set(Fault::RangeTimeout(2));
    ensure!(it.ask("eth_getLogs", range("0x1")).await?.is_array());
    ensure!(it.post(&call("eth_getLogs", range("0x2"))).await?.0 == 504);
    it.proxy.set(Fault::NoFinalized);
    ensure!(it.call("eth_getBlockByNumber", json!(["finalized", false])).await?["error"].is_object());
    ensure!(it.ask("eth_getBlockByNumber", json!(["latest", false])).await?.is_object());
    it.proxy.set(Fault::OtherChain);
    ensure!(it.ask("eth_chainId", json!([])).await? == "0x1");
    ensure!(it.call("eth_blockNumber", json!([])).await?["error"].is_object());
    Ok(())
}

/// With a mix, each request meets each fault by chance, and the same seed means the same.
#[tokio::test(flavor = "multi_thread")]
async fn a_mix_is_a_matter_of_chance_and_of_the_seed() -> Result<()> {
    let it = Setup::start().await?;
    let mut runs = Vec::new();
    for seed in [1, 1, 2] {
        let proxy = Proxy::seeded(it.anvil.url(), seed).await?;
        proxy.set_mix([Chance::of(Fault::Status(503), 0.4), Chance::of(Fault::Null, 0.5)]);
        let mut run = Vec::new();
        for _ in 0..40 {
            let ask = call("eth_chainId", json!([])).to_string();
            let response = it.client.post(proxy.url()).body(ask).send().await?;
            run.push((response.status().as_u16(), response.text().await?.contains("null")));
        }
        runs.push(run);
    }
    ensure!(runs[0] == runs[1] && runs[0] != runs[2]);
    for kind in [(503, false), (200, true), (200, false)] {
        ensure!(runs[0].contains(&kind), "no {kind:?} in 40 requests");
    }
    let names = Chaos::names();
    ensure!(names.len() == names.iter().collect::<std::collections::BTreeSet<_>>().len(), "{names:?}");
    Ok(())
}
