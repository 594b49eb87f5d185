//! Starting while L1 is not there: every process waits for it, tells so, ends when told to, and gives up only if asked.
//! Starting with the configuration of another rollup: none does.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use e2e::net::{Net, PATIENCE, soon};
use rollup::program::program_path;
use testnet::{DevnetOptions, Key, Node, NodeOptions, Process, ProcessExit, Role, ports, tools};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// How a process says that it waits.
const WAITING: &str = "waiting for the L1 endpoint";

/// An L1 with the contracts, and nobody else.
fn options(name: &str) -> Result<DevnetOptions> {
    let mut options = Net::options(name)?;
    options.sequencer = false;
    options.replica = false;
    options.batcher = false;
    options.proposer = false;
    Ok(options)
}

/// Connections that are handed on, or, without a target, accepted and held without a word.
struct Door {
    task: JoinHandle<()>,
}

impl Drop for Door {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Door {
    async fn open(port: u16, target: Option<String>) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", port)).await?;
        let task = tokio::spawn(async move {
            let mut held = Vec::new();
            while let Ok((mut stream, _)) = listener.accept().await {
                let Some(target) = target.clone() else {
                    held.push(stream);
                    continue;
                };
                tokio::spawn(async move {
                    let mut inner = TcpStream::connect(target).await?;
                    tokio::io::copy_bidirectional(&mut stream, &mut inner).await
                });
            }
        });
        Ok(Self { task })
    }
}

/// Every process that lives on and needs L1, by name.
fn services(net: &Net, l1: &str) -> Result<Vec<NodeOptions>> {
    let roles = &net.devnet.options.roles;
    let key = |name: &str, signer| Key::write(&net.dir().join("keys").join(name), signer);
    let feed = "ws://127.0.0.1:1".to_owned();
    let all = [
        ("sequencer", net.devnet.sequencer_role()?),
        ("replica", Role::Replica { feed: None, sequencer_rpc: None }),
        ("batcher", Role::Batcher { feed, key: key("batcher.key", &roles.batcher)? }),
        ("proposer", Role::Proposer { key: key("proposer.key", &roles.proposer)? }),
    ];
    all.into_iter()
        .map(|(name, role)| Ok(NodeOptions { l1_rpc: l1.into(), ..net.devnet.node_options(name, role)? }))
        .collect()
}

fn challenger(l1: &str, rollup: &Path, words: &[&str]) -> Result<Command> {
    let mut command = Command::new(tools::challenger()?);
    command.args(words).args(["--l1-rpc", l1, "--rollup"]).arg(rollup);
    Ok(command)
}

fn watch(net: &Net, l1: &str) -> Result<Command> {
    let mut command = challenger(l1, &net.devnet.rollup_path(), &["watch"])?;
    command.arg("--data-dir").arg(net.dir().join("data/challenger"));
    command.arg("--program").arg(program_path()?);
    Ok(command)
}

fn spawn(net: &Net, name: &str, mut command: Command) -> Result<Process> {
    Process::spawn(name, &mut command, &log(net, name))
}

fn log(net: &Net, name: &str) -> PathBuf {
    net.dir().join("logs").join(format!("{name}.log"))
}

/// Waits until a process has written something.
async fn says(process: &mut Process, text: &str) -> Result<()> {
    let what = format!("{} says {text:?}", process.name());
    let log = process.log().to_owned();
    let said = soon(&what, async || Ok(fs::read_to_string(&log)?.contains(text).then_some(()))).await;
    said.with_context(|| process.log_tail())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_l1_that_never_answers_is_waited_for_until_told_to_end() -> Result<()> {
    let _alone = crate::ALONE.lock().await;
    let net = Net::start(options("start-silent")?).await?;
    let port = ports::free()?;
    let _door = Door::open(port, None).await?;
    let l1 = format!("http://127.0.0.1:{port}");
    let mut processes = vec![spawn(&net, "challenger", watch(&net, &l1)?)?];
    for options in services(&net, &l1)? {
        processes.push(spawn(&net, &options.name, options.command()?)?);
    }
    for process in &mut processes {
        says(process, WAITING).await?;
        process.check_alive()?;
        // Shorter than a request may take.
        let exit = process.stop(Duration::from_secs(10)).await?;
        let stopped = matches!(exit, ProcessExit::Stopped(status) if status.success());
        ensure!(stopped, "{}: {exit:?}\n{}", process.name(), process.log_tail());
    }
    net.finish().await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_l1_that_comes_later_is_waited_for() -> Result<()> {
    let _alone = crate::ALONE.lock().await;
    let net = Net::start(options("start-later")?).await?;
    let port = ports::free()?;
    let l1 = format!("http://127.0.0.1:{port}");
    let mut nodes = Vec::new();
    for options in services(&net, &l1)? {
        // The batcher waits for a feed that is nowhere, too.
        if !matches!(options.role, Role::Batcher { .. }) {
            nodes.push(Node::spawn(options)?);
        }
    }
    let mut watcher = spawn(&net, "challenger", watch(&net, &l1)?)?;
    let mut games =
        spawn(&net, "games", challenger(&l1, &net.devnet.rollup_path(), &["games", "--l1-timeout", "1h"])?)?;
    for node in &mut nodes {
        says(node.process()?, WAITING).await?;
    }
    for process in [&mut watcher, &mut games] {
        says(process, WAITING).await?;
    }
    let anvil = net.devnet.anvil.url().trim_start_matches("http://").to_owned();
    let _door = Door::open(port, Some(anvil)).await?;
    for node in &mut nodes {
        node.wait_ready().await?;
    }
    says(&mut watcher, "without a key, nothing is done").await?;
    says(&mut games, "no games yet").await?;
    let ended = games.wait(PATIENCE).await?;
    ensure!(ended.is_some_and(|status| status.success()), "{ended:?}");
    for node in &mut nodes {
        let name = node.options.name.clone();
        let exit = node.stop().await?;
        ensure!(matches!(exit, Some(ProcessExit::Stopped(status)) if status.success()), "{name}: {exit:?}");
    }
    drop(watcher);
    net.finish().await
}

/// All that can be started: name and command.
fn everything(net: &Net, l1: &str, rollup: &Path, extra: &[&str]) -> Result<Vec<(String, Command)>> {
    let key = Key::write(&net.dir().join("keys/user.key"), &e2e::net::user(0)?)?;
    let key = key.path().to_str().context("a path that is not text")?;
    let mut commands = Vec::new();
    for mut options in services(net, l1)? {
        options.extra = extra.iter().map(|word| (*word).into()).collect();
        options.rollup = rollup.into();
        commands.push((options.name.clone(), options.command()?));
    }
    let mut command = challenger(l1, rollup, &["watch", "--key", key])?;
    command.arg("--data-dir").arg(net.dir().join("data/challenger"));
    command.arg("--program").arg(program_path()?).args(extra);
    commands.push(("watch".into(), command));
    for words in [&["games"][..], &["show", "0"], &["move", "--key", key, "--game", "0"]] {
        let mut command = challenger(l1, rollup, &[words, extra].concat())?;
        if words[0] == "move" {
            command.arg("withdraw");
        }
        commands.push((words[0].into(), command));
    }
    let mut bridge = Command::new(tools::recourse_node()?);
    bridge.args(["bridge", "deposit", "--amount", "1", "--key", key, "--l1-rpc", l1]).args(extra);
    bridge.arg("--rollup").arg(rollup);
    commands.push(("bridge".into(), bridge));
    Ok(commands)
}

/// The one line with which a process refuses to start.
async fn refusal(net: &Net, name: &str, mut command: Command) -> Result<String> {
    command.env("RUST_LOG", "error");
    let mut process = spawn(net, &format!("{name}-refuses"), command)?;
    let status = process.wait(PATIENCE).await?.with_context(|| format!("{name} does not end"))?;
    let text = fs::read_to_string(process.log())?;
    ensure!(status.code() == Some(1) && text.trim_end().lines().count() == 1, "{name}: {status}: {text}");
    Ok(text)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_with_a_limit_gives_up_in_one_line() -> Result<()> {
    let _alone = crate::ALONE.lock().await;
    let net = Net::start(options("start-limit")?).await?;
    let port = ports::free()?;
    let _door = Door::open(port, None).await?;
    let l1 = format!("http://127.0.0.1:{port}");
    for (name, command) in everything(&net, &l1, &net.devnet.rollup_path(), &["--l1-timeout", "300ms"])? {
        let text = refusal(&net, &name, command).await?;
        let expected = format!("error: L1 endpoint {l1} does not answer within 300ms: ");
        ensure!(text.starts_with(&expected), "{name}: {text}");
    }
    ensure!(!net.dir().join("data").exists(), "a database without a rollup");
    net.finish().await
}

/// With a wrong chain id, all transactions are invalid, and so all proposals would be.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_starts_with_a_wrong_chain_id_and_the_field_is_named_in_one_line() -> Result<()> {
    let _alone = crate::ALONE.lock().await;
    let net = Net::start(options("start-chain-id")?).await?;
    let mut file: serde_json::Value = serde_json::from_slice(&fs::read(net.devnet.rollup_path())?)?;
    file["chain"]["chainId"] = 42_070.into();
    let rollup = net.dir().join("wrong.json");
    fs::write(&rollup, file.to_string())?;
    for (name, command) in everything(&net, net.devnet.anvil.url(), &rollup, &[])? {
        let text = refusal(&net, &name, command).await?;
        let expected = "error: rollup.json is not that of the rollup on L1: one of chain.chainId, ";
        ensure!(text.starts_with(expected) && text.contains("42070"), "{name}: {text}");
    }
    ensure!(!net.dir().join("data").exists(), "a database of no rollup");
    net.finish().await
}
