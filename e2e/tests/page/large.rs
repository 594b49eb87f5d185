//! A chain of very many blocks: what the page asks is answered as on a short one.

use std::{
    env,
    time::{Duration, Instant},
};

use alloy::{primitives::Bytes, transports::http::reqwest::Client};
use anyhow::{Context, Result, ensure};
use e2e::net::{Net, until, user};
use serde_json::{Value, json};
use stf::inbox::MAX_BLOCKS_PER_BATCH;
use testnet::{ChallengerOptions, ChallengerProcess, Key, ports};

use super::TURN;

/// Blocks of the chain; `LARGE_BLOCKS=1000000` tries a million, which takes some half an hour.
const BLOCKS: u64 = 20_000;
/// Seconds in which L1 takes one full batch more (100 blocks a second).
const PAUSE: u64 = MAX_BLOCKS_PER_BATCH / 100 + 1;
/// For making and deriving the chain.
const LIMIT: Duration = Duration::from_secs(5_400);
/// How long an answer may take. A screen has some of them, at once.
const ANSWER: Duration = Duration::from_millis(500);
/// Times that each is asked for.
const TIMES: usize = 5;

/// The usual time of a request, and its answer.
async fn timed(client: &Client, url: &str, body: Option<&Value>) -> Result<(Duration, Value)> {
    let mut times = Vec::new();
    let mut answer = Value::Null;
    for _ in 0..TIMES {
        let begun = Instant::now();
        let request = body.map_or_else(|| client.get(url), |body| client.post(url).json(body));
        answer = request.send().await?.json().await.with_context(|| format!("{url}: no JSON"))?;
        times.push(begun.elapsed());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    times.sort_unstable();
    Ok((times[TIMES / 2], answer))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_chain_is_looked_at_as_fast_as_a_short_one() -> Result<()> {
    let _turn = TURN.lock().await;
    let blocks = env::var("LARGE_BLOCKS").map_or(Ok(BLOCKS), |text| text.parse())?;
    let mut options = Net::options("large")?;
    options.replica = false;
    options.proposer = false;
    let mut net = Net::start(options).await?;
    let poster = net.stop_sequencer().await?;
    let miner = net.miner();
    let begun = Instant::now();
    let mut end = poster.next_block().await?;
    while end < blocks {
        net.devnet.anvil.increase_time(PAUSE).await?;
        end = poster.append(Bytes::new(), MAX_BLOCKS_PER_BATCH).await? + MAX_BLOCKS_PER_BATCH;
    }
    eprintln!("large: {end} blocks are on L1 after {:?}", begun.elapsed());

    let options = ChallengerOptions {
        rollup: net.devnet.rollup_path(),
        data_dir: net.dir().join("challenger"),
        l1_rpc: net.devnet.anvil.url().to_owned(),
        l2_rpc: None,
        key: Key::write(&net.dir().join("keys/large.key"), &user(1)?)?,
        page_port: ports::free()?,
        log: net.dir().join("logs/challenger.log"),
    };
    let begun = Instant::now();
    let mut challenger = ChallengerProcess::start(&options).await?;
    let page = challenger.page_url();
    let client = Client::new();
    let api = format!("{page}/api/v1");
    let mut was_computing = false;
    until("the challenger has derived the chain", LIMIT, async || {
        challenger.check_alive()?;
        let Ok(answer) = client.get(format!("{api}/overview")).send().await else { return Ok(None) };
        let overview: Value = answer.json().await?;
        was_computing |= overview["ready"] == false;
        Ok((overview["heads"]["safe"]["number"].as_u64() == Some(end - 1)).then_some(()))
    })
    .await?;
    ensure!(was_computing, "it never said that it is computing");
    eprintln!("large: derived after {:?}", begun.elapsed());

    let middle = end / 2;
    let (_, block) = timed(&client, &format!("{api}/block/{middle}"), None).await?;
    let hash = block["hash"].as_str().context("no hash")?;
    let unknown = format!("0x{}", "ab".repeat(32));
    for (path, field) in [
        ("overview".to_owned(), "heads"),
        ("blocks".to_owned(), "blocks"),
        (format!("blocks?before={middle}&count=100"), "blocks"),
        (format!("block/{middle}"), "hash"),
        ("batches?count=100".to_owned(), "batches"),
        ("batch/1".to_owned(), "cost"),
        ("activity".to_owned(), "points"),
        ("games".to_owned(), "games"),
        ("confirmations".to_owned(), "statements"),
        (format!("search?q={hash}"), "kind"),
        (format!("search?q={unknown}"), "error"),
    ] {
        let (took, answer) = timed(&client, &format!("{api}/{path}"), None).await?;
        eprintln!("large: {took:>10.1?}  {}", &path[..path.len().min(40)]);
        ensure!(!answer[field].is_null(), "{path}: {answer}");
        ensure!(took <= ANSWER, "{path} takes {took:?}");
    }
    let account = user(0)?.address();
    for (method, params) in [
        ("eth_getBlockByNumber", json!([format!("{middle:#x}"), true])),
        ("eth_getBalance", json!([account, "latest"])),
        ("ots_searchTransactionsBefore", json!([account, 0, 25])),
    ] {
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        // The index of transactions is made behind the chain.
        let begun = Instant::now();
        let took = until(&format!("{method} is answered in time"), LIMIT, async || {
            let (took, answer) = timed(&client, &format!("{page}/rpc"), Some(&body)).await?;
            Ok((took <= ANSWER && !answer["result"].is_null()).then_some(took))
        })
        .await?;
        eprintln!("large: {took:>10.1?}  {method}, after {:.0?}", begun.elapsed());
    }
    challenger.stop().await?;
    drop(miner);
    net.finish().await
}
