//! The whole main job on go-ethereum as L1: deploy, sequence, post, derive, propose, dispute, withdraw.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use alloy::{
    eips::BlockNumberOrTag,
    network::TransactionBuilder,
    primitives::{Address, B256, U256},
    providers::{Provider, RootProvider},
    rpc::types::{Filter, TransactionRequest},
    signers::local::PrivateKeySigner,
    sol_types::SolEvent,
};
use anyhow::{Context, Result, ensure};
use bindings::{IDisputeGame, IDisputeGameFactory, IInbox};
use rollup::RollupConfig;
use testnet::{Key, Node, NodeOptions, Process, Role, accounts, ports, tools};

/// What each account gets on L1.
const FUNDS: U256 = alloy::primitives::uint!(100_000_000_000_000_000_000_U256);
const LIMIT: Duration = Duration::from_secs(180);

/// geth with a chain of its own, whose account it holds itself.
async fn geth(program: &Path, dir: &Path) -> Result<(Process, String)> {
    let port = ports::free()?;
    let mut command = Command::new(program);
    command.args(["--dev", "--dev.period", "1", "--nodiscover", "--ipcdisable", "--port", "0"]);
    command.args(["--http", "--http.api", "eth,net,web3", "--http.port", &port.to_string()]);
    command.arg("--datadir").arg(dir.join("geth"));
    let process = Process::spawn("geth", &mut command, &dir.join("geth.log"))?;
    let url = format!("http://127.0.0.1:{port}");
    let l1: RootProvider = RootProvider::new_http(url.parse()?);
    until("geth answers", async || {
        Ok(l1.get_block_number().await.is_ok_and(|number| number > 0).then_some(()))
    })
    .await?;
    Ok((process, url))
}

async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Result<Option<T>>) -> Result<T> {
    let start = Instant::now();
    loop {
        if let Some(found) = look().await? {
            return Ok(found);
        }
        ensure!(start.elapsed() < LIMIT, "{what}: not after {LIMIT:?}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

fn run(what: &str, command: &mut Command) -> Result<String> {
    let output = command.output()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    ensure!(output.status.success(), "{what}: {text}{}", String::from_utf8_lossy(&output.stderr));
    Ok(text)
}

/// Settings with clocks that a test can wait for.
fn settings(dir: &Path, roles: &[PrivateKeySigner]) -> Result<PathBuf> {
    let file = dir.join("deploy.toml");
    let account = |index: usize| roles.get(index).map(PrivateKeySigner::address).unwrap_or_default();
    let text = format!(
        "preset = \"devnet\"\nl1-chain-id = 1337\nl2-chain-id = 4711\nda = \"calldata\"\n\
         owner = \"{}\"\nguardian = \"{}\"\nbatcher = \"{}\"\nsigner = \"{}\"\n\
         max-clock-duration = \"25s\"\nclock-extension = \"2s\"\nboundary-extension = \"5s\"\n",
        account(0),
        account(0),
        account(1),
        account(2),
    );
    fs::write(&file, text)?;
    Ok(file)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollup_on_geth_does_its_whole_job() -> Result<()> {
    let program = match tools::geth() {
        Ok(program) => program,
        Err(error) => {
            eprintln!("not tried: {error:#}");
            return Ok(());
        }
    };
    let folder = tempfile::tempdir()?;
    let dir = folder.path();
    let (mut geth, url) = geth(&program, dir).await?;
    let l1: RootProvider = RootProvider::new_http(url.parse()?);
    // Owner, batcher, signer, proposer, deployer, user, challenger, liar.
    let keys: Vec<_> = (20..28).map(accounts::account).collect::<Result<_>>()?;
    let rich = *l1.get_accounts().await?.first().context("geth has no account")?;
    for key in &keys {
        let request = TransactionRequest::default().with_from(rich).with_to(key.address()).with_value(FUNDS);
        l1.send_transaction(request).await?.get_receipt().await?;
    }
    let key = |index: usize, name: &str| {
        Key::write(&dir.join("keys").join(name), keys.get(index).context("a key")?)
    };

    let deployment = dir.join("deployment");
    let mut deploy = Command::new(env!("CARGO_BIN_EXE_testnet"));
    deploy.args(["deploy", "--yes", "--l1-rpc", &url]).arg("--config").arg(settings(dir, &keys)?);
    deploy.arg("--key").arg(key(4, "deployer.key")?.path()).arg("--dir").arg(&deployment);
    let said = run("testnet deploy", &mut deploy)?;
    ensure!(said.contains("The rollup is deployed"), "{said}");

    // Sequence, post, propose; and derive from L1 alone.
    let path = deployment.join("rollup.json");
    let rollup = RollupConfig::load(&path)?;
    let node = |name: &str, role: Role, extra: &[&str]| -> Result<NodeOptions> {
        Ok(NodeOptions {
            name: name.into(),
            role,
            rollup: path.clone(),
            data_dir: dir.join("data").join(name),
            l1_rpc: url.clone(),
            l1_beacon: None,
            port: ports::free()?,
            metrics: None,
            log: dir.join("logs").join(format!("{name}.log")),
            extra: extra.iter().map(|text| (*text).into()).collect(),
            environment: Vec::new(),
        })
    };
    let sequencer = Role::Sequencer {
        signer: key(2, "signer.key")?,
        batcher: Some(key(1, "batcher.key")?),
        proposer: Some(key(3, "proposer.key")?),
    };
    let more = ["--da", "calldata", "--batch-interval", "2s", "--propose-interval", "5s"];
    let mut sequencer = Node::spawn(node("sequencer", sequencer, &more)?)?;
    sequencer.wait_ready().await?;
    let replica = Role::Replica { feed: None, sequencer_rpc: None };
    let mut replica = Node::spawn(node("replica", replica, &[])?)?;
    replica.wait_ready().await?;

    // There and back.
    let bridge = |step: &str, arguments: &[&str]| -> Result<String> {
        let mut command = Command::new(tools::recourse_node()?);
        command.args(["bridge", step]).args(arguments).arg("--rollup").arg(&path);
        command.args(["--l1-rpc", &url, "--l2-rpc", &sequencer.http_url()]);
        command.arg("--key").arg(key(5, "user.key")?.path());
        run(step, &mut command)
    };
    bridge("deposit", &["--amount", "5"])?;
    let user = keys.get(5).context("a user")?.address();
    until("the replica has the deposit", async || {
        Ok((!replica.provider().get_balance(user).await?.is_zero()).then_some(()))
    })
    .await?;
    let said = bridge("withdraw", &["--amount", "1"])?;
    let next = said.lines().find_map(|line| line.split("bridge prove ").nth(1)).context("no next step")?;
    let transaction = next.split_whitespace().next().context("no transaction")?.to_owned();
    bridge("prove", &[&transaction])?;

    // A wrong root, while the right one's clock runs.
    let challenger_key = key(6, "challenger.key")?;
    let mut command = Command::new(tools::challenger()?);
    command.args(["watch", "--l1-rpc", &url]).arg("--rollup").arg(&path);
    command.arg("--data-dir").arg(dir.join("data/challenger")).arg("--key").arg(challenger_key.path());
    let mut challenger = Process::spawn("challenger", &mut command, &dir.join("logs/challenger.log"))?;
    let wrong = propose_wrong_root(&l1, &url, &rollup, keys.get(7).context("a liar")?).await?;
    bridge("finalize", &[&transaction])?;
    let game = IDisputeGame::new(wrong, &l1);
    until("the wrong root falls", async || {
        Ok((game.status().call().await? == IDisputeGame::GameStatus::CHALLENGER_WINS).then_some(()))
    })
    .await?;
    challenger.check_alive()?;
    challenger.stop(Duration::from_secs(10)).await?;
    replica.stop().await?;
    sequencer.stop().await?;
    geth.stop(Duration::from_secs(10)).await?;
    Ok(())
}

/// Proposes noise for the newest block on L1.
async fn propose_wrong_root(
    l1: &RootProvider,
    url: &str,
    rollup: &RollupConfig,
    key: &PrivateKeySigner,
) -> Result<Address> {
    let contracts = rollup.contracts;
    let filter = Filter::new()
        .address(contracts.inbox)
        .event_signature(IInbox::BatchAppended::SIGNATURE_HASH)
        .from_block(BlockNumberOrTag::Earliest);
    let logs = l1.get_logs(&filter).await?;
    let newest = IInbox::BatchAppended::decode_log(&logs.last().context("no batch")?.inner)?.data;
    let number = |at: usize| -> Result<u64> {
        let bytes = newest.header.get(at..at + 8).context("a short header")?;
        Ok(u64::from_be_bytes(bytes.try_into()?))
    };
    let last_block = number(42)? + number(50)? - 1;
    let wallet = alloy::providers::ProviderBuilder::new().wallet(key.clone()).connect_http(url.parse()?);
    let factory = IDisputeGameFactory::new(contracts.dispute_game_factory, &wallet);
    let anchor = bindings::IAnchorStateRegistry::new(contracts.anchor_state_registry, &wallet);
    let anchor: u64 = anchor.anchors().call().await?.l2SequenceNumber.saturating_to();
    let parts = factory.parts(last_block - anchor).call().await?;
    let vector = (0..parts).map(|part| B256::repeat_byte(part as u8 + 1)).collect();
    let call = factory
        .propose(
            factory.gameImplementation().call().await?,
            anchor,
            last_block,
            vector,
            newest.index + 1,
            newest.acc,
            newest.header,
        )
        .value(factory.bond().call().await?);
    let receipt = call.send().await?.get_receipt().await?;
    ensure!(receipt.status(), "the proposal was refused");
    let proposed = receipt.logs().iter().find_map(|log| {
        IDisputeGameFactory::Proposed::decode_log(&log.inner).ok().map(|event| event.data.game)
    });
    proposed.context("no game")
}
