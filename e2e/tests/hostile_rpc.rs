//! Requests of strangers that took gigabytes of a node once: it stays below one, and others are answered meanwhile.
//!
//! Memory is the peak of the process's resident set ([`peak_memory`]), so a moment is enough to fail. How long others wait is
//! bounded generously here, because machines of CI do other things, too; `make bench` (part `attacks`) has the strict bound.

use std::{net::SocketAddr, time::Duration};

use alloy::transports::http::reqwest::{Client, Method};
use anyhow::{Context, Result, ensure};
use e2e::{
    attacks::{self, Attack, Bystander, Idlers, ask},
    memory::peak_memory,
    net::{Net, PATIENCE, until},
};
use serde_json::{Value, json};

/// Most bytes that a node may have resident, whatever is asked of it.
const MEMORY: u64 = 1 << 30;

/// Longest that 99 of 100 requests of another client may take here.
const WAIT: Duration = Duration::from_millis(1000);

/// Filters that one address may have, as the document of limits says.
const PEER_FILTERS: usize = 256;

fn address(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

/// What the node has taken at most so far.
fn peak(net: &mut Net) -> Result<u64> {
    peak_memory(net.devnet.sequencer_mut()?.process()?.id())
}

#[tokio::test(flavor = "multi_thread")]
async fn no_request_takes_more_than_its_share() -> Result<()> {
    let mut net = Net::start(Net::options("hostile-rpc")?).await?;
    let node = address(net.devnet.sequencer()?.options.port);
    for attack in attacks::attacks() {
        let before = peak(&mut net)?;
        let bystander = Bystander::start(node).await?;
        let answered = attacks::run(node, &attack).await;
        let (p99, count) = bystander.stop().await?;
        let after = peak(&mut net)?;
        let name = attack.name;
        eprintln!("{name}: peak {} MB, was {} MB; p99 of {count}: {p99:?}", after >> 20, before >> 20);
        answered?;
        ensure!(after <= MEMORY, "{name}: {after} bytes resident, at most {MEMORY} are allowed");
        ensure!(p99 <= WAIT, "{name}: others wait {p99:?}");
    }
    // All of them at once, and those who do not read or do not end what they begin.
    let idlers = Idlers::open(node, 32, 32).await?;
    let bystander = Bystander::start(node).await?;
    let all = attacks::attacks();
    futures::future::join_all(all.iter().map(|attack| attacks::run_whatever(node, attack))).await;
    let (p99, count) = bystander.stop().await?;
    let after = peak(&mut net)?;
    let idle = idlers.count();
    eprintln!("all at once, {idle} idle connections: peak {} MB; p99 of {count}: {p99:?}", after >> 20);
    ensure!(after <= MEMORY, "{after} bytes resident, at most {MEMORY} are allowed");
    ensure!(p99 <= WAIT, "others wait {p99:?}");
    drop(idlers);
    // What they held is given back: a call that needs much of it is answered again.
    until("the budget is free again", PATIENCE, async || {
        Ok(attacks::run(node, &large_answer()).await.is_ok().then_some(()))
    })
    .await?;
    net.finish().await
}

/// A call whose answer takes more than a client may hold beside those of [`Idlers`].
fn large_answer() -> Attack {
    let calls = attacks::attacks().into_iter().find(|attack| attack.name.starts_with("calls that return"));
    let mut attack = calls.unwrap_or_else(|| panic!("there is no such attack"));
    attack.bodies.truncate(1);
    attack
}

#[tokio::test(flavor = "multi_thread")]
async fn one_address_cannot_take_all_filters() -> Result<()> {
    let net = Net::start(Net::options("hostile-filters")?).await?;
    let sequencer = net.devnet.sequencer()?;
    let node = address(sequencer.options.port);
    let mut refused = None;
    for count in 0..=PEER_FILTERS {
        let answer = ask(node, "eth_newBlockFilter", json!([])).await?;
        if let Some(error) = answer.get("error") {
            refused = Some((count, error.clone()));
            break;
        }
    }
    let (count, error) = refused.context("all filters were made")?;
    assert_eq!(count, PEER_FILTERS, "{error}");
    assert_eq!(error["code"], -32005);
    assert!(
        error["message"].as_str().is_some_and(|text| text.contains("256")),
        "the limit is named: {error}"
    );
    let other: Value = sequencer.call("eth_newBlockFilter", json!([])).await?;
    assert!(other.is_string(), "another client has one: {other}");
    net.finish().await
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_pages_and_operators_have_their_own() -> Result<()> {
    let mut options = Net::options("listeners")?;
    let admin = testnet::ports::free()?;
    // The last of two options of a name counts.
    options.replica_arguments.extend(
        ["--rpc-admin", &format!("127.0.0.1:{admin}"), "--rpc-hosts", "rpc.example"].map(String::from),
    );
    let net = Net::start(options).await?;
    let url = net.devnet.replica()?.http_url();
    let admin = format!("http://127.0.0.1:{admin}");
    let client = Client::new();
    let post = async |url: &str, method: &str, headers: &[(&str, &str)]| -> Result<(u16, String)> {
        let mut request = client.post(url).header("content-type", "application/json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": [] });
        let answer = request.body(body.to_string()).send().await?;
        Ok((answer.status().as_u16(), answer.text().await?))
    };
    // By a name that is not the node's, as after DNS rebinding.
    assert_eq!(post(&url, "eth_chainId", &[("host", "rebound.example:9545")]).await?.0, 403);
    assert_eq!(post(&url, "eth_chainId", &[("host", "rpc.example")]).await?.0, 200);
    assert_eq!(post(&url, "eth_chainId", &[]).await?.0, 200);
    // Operators have everything, and no page has it.
    let (_, modules) = post(&admin, "rpc_modules", &[]).await?;
    assert!(modules.contains("debug") && modules.contains("txpool"), "{modules}");
    let preflight = client.request(Method::OPTIONS, &admin).header("origin", "https://app.example");
    let preflight = preflight.header("access-control-request-method", "POST").send().await?;
    assert!(!preflight.headers().contains_key("access-control-allow-origin"));
    let socket = client.get(&admin).header("origin", "https://app.example");
    let socket = socket.header("upgrade", "websocket").header("connection", "upgrade").send().await?;
    assert_eq!(socket.status().as_u16(), 403, "a page opens no WebSocket");
    // Alive, and ready once L1 is followed.
    assert!(client.get(format!("{url}/health")).send().await?.status().is_success());
    until("the replica is ready", PATIENCE, async || {
        let ready = client.get(format!("{url}/ready")).send().await?;
        Ok(ready.status().is_success().then_some(()))
    })
    .await?;
    net.finish().await
}
