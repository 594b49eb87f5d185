//! JSON-RPC requests a second and how long they take, beside geth and Anvil: the same client, contracts and transactions.
//!
//! On a machine with few processors the client takes its share of them; a socket that answers the same bytes to whatever
//! comes shows what that leaves.

use std::{
    net::SocketAddr,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use alloy::{
    hex,
    network::{EthereumWallet, TransactionBuilder},
    primitives::{Address, B256, Bytes, address, b256},
    providers::{Provider, ProviderBuilder},
    rpc::types::{TransactionReceipt, TransactionRequest},
};
use anyhow::{Context, Result, ensure};
use futures::future::try_join_all;
use rollup::blobs::DaChoice;
use serde_json::{Value, json};
use testnet::{Anvil, AnvilOptions, Devnet, DevnetOptions, Process, ports, tools};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use super::{Goal, Row, wire::RpcConnection};

/// Connections that ask at a time.
const CONNECTIONS: usize = 16;
/// How long one question is asked in one run.
const TIME: Duration = Duration::from_millis(1_500);
/// Runs of each contestant, alternating; the best of each counts, as the one least disturbed.
const RUNS: usize = 3;
/// Blocks with ten logs each.
const LOGGING: u64 = 200;
/// How long starting anything may take.
const LIMIT: Duration = Duration::from_secs(60);
/// Whom nobody knows.
const STRANGER: Address = address!("0x00000000000000000000000000000000deadbeef");
const TOPIC: B256 = b256!("0x1111111111111111111111111111111111111111111111111111111111111111");

/// A question, and how far ahead of geth and of Anvil is far enough.
struct Question {
    name: &'static str,
    method: &'static str,
    params: Value,
}

/// Who answers.
struct Contestant {
    address: SocketAddr,
    questions: Vec<Question>,
}

#[derive(Clone, Copy)]
struct Load {
    /// Requests a second.
    rate: f64,
    /// Milliseconds within which 99 of 100 are answered.
    p99: f64,
}

/// Asks all three, question by question.
pub async fn run(mut progress: impl FnMut(&str)) -> Result<Vec<Row>> {
    let dir = tempfile::tempdir()?;
    progress("requests: starting the node, geth and Anvil");
    let mut options = DevnetOptions::new(&dir.path().join("devnet"))?;
    (options.replica, options.proposer) = (false, false);
    // The batcher is in the same process, and proofs of blobs take a fifth of a processor: that is no part of answering.
    options.da = DaChoice::Calldata;
    let mut devnet = Devnet::start(options, |_| {}).await?;
    let node_url = devnet.sequencer()?.http_url();
    let mut options = AnvilOptions::new(&dir.path().join("anvil.log"));
    options.chain_id = CHAIN_ID;
    let mut anvil = Anvil::start(&options).await?;
    anvil.call::<Value>("evm_setAutomine", json!([true])).await?;
    let (geth, geth_url) = geth(dir.path()).await?;
    progress("requests: the same transactions to all");
    let node = prepare(&node_url).await.context("the node")?;
    let peers = [prepare(&geth_url).await.context("geth")?, prepare(anvil.url()).await.context("Anvil")?];
    let floor = constant().await?;
    let mut rows = Vec::new();
    for (index, question) in node.questions.iter().enumerate() {
        progress(&format!("requests: {}", question.name));
        let mut best = [None; 3];
        for _ in 0..RUNS {
            for (best, contestant) in best.iter_mut().zip([&node, &peers[0], &peers[1]]) {
                let load = ask(contestant.address, &contestant.questions[index]).await?;
                *best = Some(best.map_or(load, |other: Load| better(other, load)));
            }
        }
        let [Some(ours), Some(geth), Some(anvil)] = best else { continue };
        rows.push(Row::new(
            question.name,
            ours.rate,
            "requests/s",
            "geth",
            geth.rate,
            Goal::RatioAtLeast(2.0),
        ));
        rows.push(Row::new(
            "… beside Anvil",
            ours.rate,
            "requests/s",
            "Anvil",
            anvil.rate,
            Goal::RatioAtLeast(1.0),
        ));
        let (peer, p99) = if geth.p99 < anvil.p99 { ("geth", geth.p99) } else { ("Anvil", anvil.p99) };
        rows.push(Row::new("… p99", ours.p99, "ms", peer, p99, Goal::RatioAtMost(1.0)));
        if index == 0 {
            let floor = ask(floor, question).await?;
            let peer = "a socket that answers constant bytes";
            rows.push(Row::new(
                "… of what HTTP and this client leave",
                ours.rate,
                "requests/s",
                peer,
                floor.rate,
                Goal::Shown,
            ));
        }
    }
    drop(geth);
    anvil.stop().await?;
    devnet.stop().await?;
    Ok(rows)
}

fn better(one: Load, other: Load) -> Load {
    Load { rate: one.rate.max(other.rate), p99: one.p99.min(other.p99) }
}

/// The id of all three chains.
const CHAIN_ID: u64 = 42_069;

/// geth with a chain that starts from the same account. Later rules want contracts in the genesis, and would change nothing here.
async fn geth(dir: &Path) -> Result<(Process, String)> {
    let program = tools::newest_geth()?;
    let genesis = json!({
        "config": {
            "chainId": CHAIN_ID, "homesteadBlock": 0, "eip150Block": 0, "eip155Block": 0, "eip158Block": 0,
            "byzantiumBlock": 0, "constantinopleBlock": 0, "petersburgBlock": 0, "istanbulBlock": 0, "berlinBlock": 0,
            "londonBlock": 0, "shanghaiTime": 0, "cancunTime": 0,
            "terminalTotalDifficulty": 0,
            "blobSchedule": {
                "cancun": { "target": 3, "max": 6, "baseFeeUpdateFraction": 3_338_477 },
            },
        },
        "difficulty": "0x0", "gasLimit": "0x3938700", "baseFeePerGas": "0xf4240", "extraData": "0x",
        "alloc": { testnet::accounts::account(0)?.address().to_string(): { "balance": "0x21e19e0c9bab2400000" } },
    });
    let (file, data) = (dir.join("genesis.json"), dir.join("geth"));
    std::fs::write(&file, genesis.to_string())?;
    let init = Command::new(&program).arg("--datadir").arg(&data).arg("init").arg(&file).output()?;
    ensure!(init.status.success(), "geth init: {}", String::from_utf8_lossy(&init.stderr));
    let port = ports::free()?;
    let mut command = Command::new(&program);
    command.args([
        "--dev",
        "--nodiscover",
        "--ipcdisable",
        "--port",
        "0",
        "--verbosity",
        "1",
        "--gcmode",
        "archive",
    ]);
    command.args(["--http", "--http.api", "eth,net,web3,debug", "--http.port", &port.to_string()]);
    command.arg("--datadir").arg(&data);
    let process = Process::spawn("geth", &mut command, &dir.join("geth.log"))?;
    let url = format!("http://127.0.0.1:{port}");
    let provider = ProviderBuilder::new().connect_http(url.parse()?);
    let start = Instant::now();
    while provider.get_block_number().await.is_err() {
        ensure!(start.elapsed() < LIMIT, "geth does not answer");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok((process, url))
}

/// Code that makes a contract with this one.
fn creation(code: &[u8]) -> Bytes {
    let mut all = hex!("60008060095f395ff3").to_vec();
    all[1] = code.len() as u8;
    all.extend_from_slice(code);
    all.into()
}

/// A thousand hashes of a word.
fn hashing() -> Bytes {
    creation(&hex!("6103e85b60205f205060019003806003 5700"))
}

/// Ten logs of a word.
fn logging() -> Bytes {
    let mut code = hex!("600a5b7f").to_vec();
    code.extend_from_slice(TOPIC.as_slice());
    code.extend_from_slice(&hex!("60205fa1600190038060025700"));
    creation(&code)
}

/// Deploys the contracts and sends the transactions.
async fn prepare(url: &str) -> Result<Contestant> {
    let key = testnet::accounts::account(0)?;
    let from = key.address();
    let provider = ProviderBuilder::new().wallet(EthereumWallet::from(key)).connect_http(url.parse()?);
    let mut nonce = provider.get_transaction_count(from).await?;
    let mut send = async |request: TransactionRequest| -> Result<TransactionReceipt> {
        let request = request
            .with_nonce(nonce)
            .with_gas_limit(1_000_000)
            .with_max_fee_per_gas(20_000_000_000)
            .with_max_priority_fee_per_gas(1_000_000_000);
        nonce += 1;
        let hash = *provider.send_transaction(request).await?.tx_hash();
        let start = Instant::now();
        loop {
            // geth answers with an error while it indexes.
            if let Ok(Some(receipt)) = provider.get_transaction_receipt(hash).await {
                return Ok(receipt);
            }
            ensure!(start.elapsed() < LIMIT, "no receipt of {hash}");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    let deploy = |code: Bytes| TransactionRequest::default().with_deploy_code(code);
    let hasher = send(deploy(hashing())).await?.contract_address.context("no hasher")?;
    let logger = send(deploy(logging())).await?.contract_address.context("no logger")?;
    let mut logged = Vec::new();
    for _ in 0..LOGGING {
        logged.push(send(TransactionRequest::default().with_to(logger)).await?);
    }
    let (first, last) = (logged.first().context("no logs")?, logged.last().context("no logs")?);
    let number = |receipt: &TransactionReceipt| format!("{:#x}", receipt.block_number.unwrap_or_default());
    let (from_block, to_block) = (number(first), number(last));
    let range =
        |address: Address| json!([{ "address": address, "fromBlock": from_block, "toBlock": to_block }]);
    let ask = |name, method, params| Question { name, method, params };
    let questions = vec![
        ask("eth_blockNumber", "eth_blockNumber", json!([])),
        ask("eth_getBalance", "eth_getBalance", json!([from, "latest"])),
        ask("eth_call of nothing", "eth_call", json!([{ "to": STRANGER }, "latest"])),
        ask("eth_call of 1,000 keccaks", "eth_call", json!([{ "to": hasher }, "latest"])),
        ask("a full block of 10 logs", "eth_getBlockByNumber", json!([to_block, true])),
        ask("a receipt of 10 logs", "eth_getTransactionReceipt", json!([last.transaction_hash])),
        ask("eth_getLogs with 2,000 logs", "eth_getLogs", range(logger)),
        ask("eth_getLogs without a match", "eth_getLogs", range(STRANGER)),
        ask("eth_getProof", "eth_getProof", json!([logger, [B256::ZERO], "latest"])),
        ask(
            "debug_traceTransaction, callTracer",
            "debug_traceTransaction",
            json!([last.transaction_hash, { "tracer": "callTracer" }]),
        ),
    ];
    let address = url.trim_start_matches("http://").trim_end_matches('/').parse()?;
    Ok(Contestant { address, questions })
}

/// Asks the same on all connections until the time is over.
async fn ask(address: SocketAddr, question: &Question) -> Result<Load> {
    let request = RpcConnection::request(question.method, &question.params);
    let one = async |until: Option<Instant>| -> Result<Vec<f64>> {
        let mut connection = Http::open(address).await?;
        let mut times = Vec::new();
        while until.is_none_or(|until| Instant::now() < until) {
            let start = Instant::now();
            connection.ask(&request).await.with_context(|| question.name.to_owned())?;
            times.push(start.elapsed().as_secs_f64() * 1e3);
            if until.is_none() {
                // Not of an error is how fast it is answered.
                let text = String::from_utf8_lossy(&connection.buffer);
                ensure!(!text.contains("\"error\":"), "{}: {text}", question.name);
                break;
            }
        }
        Ok(times)
    };
    one(None).await?;
    let start = Instant::now();
    let until = Some(start + TIME);
    let times = try_join_all((0..CONNECTIONS).map(|_| one(until))).await?;
    let took = start.elapsed().as_secs_f64();
    let mut times: Vec<f64> = times.into_iter().flatten().collect();
    times.sort_unstable_by(f64::total_cmp);
    let p99 = times.get(times.len() * 99 / 100).copied().context("nothing was answered")?;
    Ok(Load { rate: times.len() as f64 / took, p99 })
}

/// A connection that reads answers of a known length and such in chunks, as geth sends long ones.
struct Http {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Http {
    async fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::with_capacity(64 << 10) })
    }

    async fn read(&mut self) -> Result<()> {
        ensure!(self.stream.read_buf(&mut self.buffer).await? > 0, "the server closed the connection");
        Ok(())
    }

    async fn ask(&mut self, request: &[u8]) -> Result<()> {
        self.stream.write_all(request).await?;
        self.buffer.clear();
        let end = loop {
            self.read().await?;
            if let Some(end) = self.buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                break end + 4;
            }
        };
        let head = String::from_utf8_lossy(&self.buffer[..end]).to_ascii_lowercase();
        let length = head
            .split("content-length:")
            .nth(1)
            .and_then(|rest| rest.lines().next()?.trim().parse::<usize>().ok());
        match length {
            Some(length) => {
                while self.buffer.len() < end + length {
                    self.read().await?;
                }
            }
            None => {
                while !self.buffer.ends_with(b"\r\n0\r\n\r\n") {
                    self.read().await?;
                }
            }
        }
        Ok(())
    }
}

/// A socket that answers each request with the same bytes.
async fn constant() -> Result<SocketAddr> {
    const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 38\r\n\r\n{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":\"0x1\"}";
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut buffer = [0; 4096];
                while stream.read(&mut buffer).await.is_ok_and(|read| read > 0) {
                    if stream.write_all(ANSWER).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    Ok(address)
}
