//! The devnet command and what a developer does first, with the real `testnet` and `cast`.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    time::Duration,
};

use alloy::{
    primitives::{Address, B256, U256},
    providers::{Provider, ProviderBuilder, RootProvider, WsConnect},
    rpc::types::TransactionReceipt,
    sol_types::SolEvent,
    transports::http::reqwest,
};
use anyhow::{Context, Result, bail, ensure};
use bindings::{
    artifacts::{Contract, creation_code},
    samples::Counter,
};
use e2e::net::{Deposited, soon, until};
use rustix::process::Signal;
use serde_json::Value;
use testnet::{Process, Summary, ports, tools};

struct Testnet {
    process: Process,
    dir: PathBuf,
    _temp: tempfile::TempDir,
}

impl Testnet {
    async fn start() -> Result<(Self, Summary)> {
        let temp = tempfile::tempdir()?;
        let dir = temp.path().join("devnet");
        let mut command = Self::command(&dir)?;
        let process = Process::spawn("testnet", &mut command, &temp.path().join("output"))?;
        let mut testnet = Self { process, dir, _temp: temp };
        let file = testnet.dir.join("devnet.json");
        let text = soon("devnet.json", async || {
            if testnet.process.exited()?.is_some() {
                return Ok(None);
            }
            Ok(fs::read_to_string(&file).ok().filter(|text| text.ends_with('}')))
        })
        .await
        .with_context(|| testnet.output())?;
        let summary = serde_json::from_str(&text)?;
        Ok((testnet, summary))
    }

    fn command(dir: &Path) -> Result<Command> {
        let mut command = Command::new(tools::testnet()?);
        command.arg("devnet").arg("--dir").arg(dir);
        // The default ports may be in use, and tests run beside one another.
        for flag in ["--l1-port", "--l2-port", "--replica-port", "--page-port"] {
            command.arg(flag).arg(ports::free()?.to_string());
        }
        Ok(command)
    }

    fn output(&self) -> String {
        fs::read_to_string(self.process.log()).unwrap_or_default()
    }

    async fn wait_end(&mut self) -> Result<Option<i32>> {
        let status = self.process.wait(Duration::from_secs(30)).await?;
        Ok(status.context("testnet does not end")?.code())
    }
}

impl Drop for Testnet {
    fn drop(&mut self) {
        // Killed, it would leave its processes behind.
        self.process.end_with_children(Duration::from_secs(30));
    }
}

/// Runs the real cast.
fn cast(arguments: &[&str]) -> Result<String> {
    let output: Output = Command::new(tools::cast()?).args(arguments).output()?;
    if !output.status.success() {
        bail!("cast {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

fn cast_send(arguments: &[&str], key: &B256, url: &str) -> Result<Value> {
    let key = key.to_string();
    let fixed = ["send", "--json", "--private-key", &key, "--rpc-url", url];
    let receipt: Value = serde_json::from_str(&cast(&[&fixed, arguments].concat())?)?;
    ensure!(receipt["status"] == "0x1", "cast send {} failed: {receipt}", arguments.join(" "));
    Ok(receipt)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_developer_uses_the_devnet_with_cast() -> Result<()> {
    let _alone = crate::ALONE.lock().await;
    let (mut testnet, summary) = Testnet::start().await?;
    let l2 = summary.l2_rpc.as_str();
    let replica = summary.replica_rpc.as_deref().context("no replica")?;
    let key = &summary.accounts[0].private_key;
    let from = summary.accounts[0].address;

    let output = testnet.output();
    let page = summary.page.as_deref().context("no page")?;
    let mut rest = output.as_str();
    // The page before all else.
    for expected in
        [page, &summary.l1_rpc, l2, replica, &from.to_string(), &key.to_string(), "cast", "challenger report"]
    {
        let found = rest.find(expected);
        rest = &rest[found.with_context(|| format!("the output lacks {expected}:\n{output}"))?..];
    }
    page_is_served(page, summary.l2_chain_id).await?;
    let again = Testnet::command(&testnet.dir)?.output()?;
    assert!(!again.status.success(), "a second devnet in the same folder is refused");
    let message = String::from_utf8_lossy(&again.stderr).into_owned();
    assert!(message.contains("already") && message.trim().lines().count() == 1, "{message}");

    balances_and_transfers(l2, replica, key, summary.accounts[1].address).await?;
    commands_work_as_printed(&output)?;
    contract_and_logs(l2, key)?;
    new_heads(&summary.l2_ws, l2, key).await?;
    deposit(&summary, replica).await?;

    testnet.process.signal(Signal::INT)?;
    assert_eq!(testnet.wait_end().await?, Some(0), "{}", testnet.output());
    assert!(testnet.output().contains("All processes have ended."), "{}", testnet.output());
    for url in [l2, replica, &summary.l1_rpc] {
        let provider = RootProvider::<alloy::network::Ethereum>::new_http(url.parse()?);
        assert!(provider.get_chain_id().await.is_err(), "{url} still answers");
    }
    assert!(!testnet.dir.join("devnet.json").exists());
    Ok(())
}

async fn page_is_served(page: &str, chain_id: u64) -> Result<()> {
    let html = reqwest::get(page).await?.error_for_status()?.text().await?;
    ensure!(html.contains("<script") && html.contains("/assets/"), "{html}");
    let overview = soon("the overview", async || {
        let answer = reqwest::get(format!("{page}/api/v1/overview")).await?;
        Ok(answer.json::<Value>().await.ok().filter(|overview| overview["chainId"] == chain_id))
    });
    let overview = overview.await?;
    ensure!(overview["challenger"]["acts"] == true, "{overview}");
    Ok(())
}

/// Runs what stands under "Try", all of it in one shell, in the folder where the devnet was started.
fn commands_work_as_printed(output: &str) -> Result<()> {
    let (_, commands) = output.split_once("\nTry").context("the output says nothing to try")?;
    let lines = commands.lines().skip(1).filter_map(|line| line.strip_prefix("  "));
    let script: Vec<&str> = lines.collect();
    ensure!(script.len() > 12, "too few commands: {script:?}");
    let shown = script.iter().filter(|line| !line.starts_with("export")).all(|line| line.len() <= 120);
    ensure!(shown, "a command is too long to read: {script:?}");
    let ran = Command::new("sh").args(["-e", "-u", "-c", &script.join("\n")]).output()?;
    let errors = String::from_utf8_lossy(&ran.stderr);
    ensure!(ran.status.success(), "{}\n{errors}", String::from_utf8_lossy(&ran.stdout));
    Ok(())
}

async fn balances_and_transfers(l2: &str, replica: &str, key: &B256, funded: Address) -> Result<()> {
    let fresh = Address::random().to_string();
    let balance = |address: &str, url| cast(&["balance", "--ether", address, "--rpc-url", url]);
    assert_eq!(balance(&funded.to_string(), l2)?.parse::<f64>()?, 10_000.0);
    cast_send(&[&fresh, "--value", "1.5ether"], key, l2)?;
    assert_eq!(balance(&fresh, l2)?.parse::<f64>()?, 1.5);
    until("the transfer on the replica", Duration::from_secs(10), async || {
        Ok((balance(&fresh, replica)?.parse::<f64>()? == 1.5).then_some(()))
    })
    .await?;
    // The replica passes transactions on.
    cast_send(&[&fresh, "--value", "1ether"], key, replica)?;
    assert_eq!(balance(&fresh, l2)?.parse::<f64>()?, 2.5);
    Ok(())
}

fn contract_and_logs(l2: &str, key: &B256) -> Result<()> {
    let receipt = cast_send(&["--create", &creation_code(Contract::Counter).to_string()], key, l2)?;
    let counter = receipt["contractAddress"].as_str().context("no contract address")?;
    cast_send(&[counter, "setNumber(uint256)", "41"], key, l2)?;
    cast_send(&[counter, "increment()"], key, l2)?;
    assert_eq!(cast(&["call", counter, "number()(uint256)", "--rpc-url", l2])?, "42");
    let reverted = cast(&["call", counter, "check(uint256)", "0", "--rpc-url", l2]).expect_err("it reverts");
    assert!(reverted.to_string().contains("limit is zero"), "{reverted}");
    let logs = cast(&["logs", "--json", "--from-block", "0", "--address", counter, "--rpc-url", l2])?;
    let logs: Vec<Value> = serde_json::from_str(&logs)?;
    assert_eq!(logs.len(), 2);
    assert_eq!(logs[1]["topics"][0], Counter::Incremented::SIGNATURE_HASH.to_string());
    Ok(())
}

async fn new_heads(ws: &str, l2: &str, key: &B256) -> Result<()> {
    let provider = ProviderBuilder::new().connect_ws(WsConnect::new(ws)).await?;
    let mut heads = provider.subscribe_blocks().await?;
    let receipt = cast_send(&[&Address::random().to_string(), "--value", "1"], key, l2)?;
    let hash: B256 = serde_json::from_value(receipt["blockHash"].clone())?;
    let mut previous: Option<B256> = None;
    tokio::time::timeout(Duration::from_secs(20), async {
        loop {
            let head = heads.recv().await?;
            ensure!(previous.is_none_or(|previous| previous == head.parent_hash), "a head is missing");
            if head.hash == hash {
                return Ok(());
            }
            previous = Some(head.hash);
        }
    })
    .await
    .context("the head with the transfer did not come")?
}

async fn deposit(summary: &Summary, replica: &str) -> Result<()> {
    let to = Address::random();
    let signature = "depositTransaction(address,uint256,uint64,bool,bytes)";
    let portal = summary.contracts.portal.to_string();
    let call = [&portal, signature, &to.to_string(), "2ether", "100000", "false", "0x", "--value", "2ether"];
    let receipt = cast_send(&call, &summary.accounts[2].private_key, &summary.l1_rpc)?;
    let receipt: TransactionReceipt = serde_json::from_value(receipt)?;
    let client_hash = Deposited::from_receipt(&receipt)?.client_hash;
    for url in [&summary.l2_rpc, replica] {
        let node = RootProvider::<alloy::network::Ethereum>::new_http(url.parse()?);
        let by_client_hash = soon("the deposit's receipt", async || {
            let receipt: Value = node.raw_request("eth_getTransactionReceipt".into(), [client_hash]).await?;
            Ok((!receipt.is_null()).then_some(receipt))
        })
        .await?;
        assert_eq!((&by_client_hash["status"], &by_client_hash["type"]), (&"0x1".into(), &"0x7e".into()));
        assert_eq!(node.get_balance(to).await?, U256::from(2_000_000_000_000_000_000_u64));

        let block = &by_client_hash["blockNumber"];
        let block: Value = node.raw_request("eth_getBlockByNumber".into(), (block, true)).await?;
        let target = to.to_string().to_lowercase();
        let is_it = |tx: &&Value| tx["to"].as_str().is_some_and(|to| to.to_lowercase() == target);
        let own = block["transactions"].as_array().and_then(|all| all.iter().find(is_it));
        let own = own.context("the block does not list the deposit")?;
        assert_ne!(own["hash"], client_hash.to_string());
        let receipt: Value = node.raw_request("eth_getTransactionReceipt".into(), [&own["hash"]]).await?;
        assert_eq!(receipt["blockHash"], by_client_hash["blockHash"]);
        for hash in [own["hash"].clone(), client_hash.to_string().into()] {
            let tx: Value = node.raw_request("eth_getTransactionByHash".into(), [hash]).await?;
            assert_eq!(tx["blockHash"], by_client_hash["blockHash"]);
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_child_that_dies_ends_the_devnet() -> Result<()> {
    let _alone = crate::ALONE.lock().await;
    let (mut testnet, _) = Testnet::start().await?;
    let children = children(testnet.process.id())?;
    assert_eq!(children.len(), 4, "Anvil, two nodes and a challenger");
    let node = children.iter().find(|(_, name)| name.starts_with("recourse-node")).context("no node")?.0;
    let pid = rustix::process::Pid::from_raw(node).context("no process id")?;
    rustix::process::kill_process(pid, Signal::KILL)?;
    assert_eq!(testnet.wait_end().await?, Some(1));
    let output = testnet.output();
    assert!(
        output.contains("ended (signal: 9 (SIGKILL))") && output.contains("the end of its log"),
        "{output}"
    );
    for (child, name) in children {
        assert!(!Path::new(&format!("/proc/{child}")).exists(), "{name} ({child}) is still there");
    }
    Ok(())
}

/// Process id and name of a process's children (Linux).
fn children(parent: u32) -> Result<Vec<(i32, String)>> {
    let mut children = Vec::new();
    for entry in fs::read_dir("/proc")?.flatten() {
        let Ok(stat) = fs::read_to_string(entry.path().join("stat")) else {
            continue;
        };
        // pid (name) state parent …
        let Some((head, tail)) = stat.rsplit_once(')') else {
            continue;
        };
        if tail.split_whitespace().nth(1) == Some(&parent.to_string()) {
            let (pid, name) = head.split_once(" (").context("unexpected /proc format")?;
            children.push((pid.parse()?, name.to_owned()));
        }
    }
    Ok(children)
}
