//! A rollup whose keys are elsewhere: in a real clef, and behind a server that speaks as Web3Signer does. Signers that go away
//! are waited for.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use alloy::{
    network::TransactionBuilder,
    primitives::{Address, U256, hex},
    providers::Provider,
    rpc::types::TransactionRequest,
    signers::local::PrivateKeySigner,
    transports::http::reqwest,
};
use anyhow::{Context, Result, ensure};
use bindings::IDisputeGameFactory;
use e2e::{
    faults::{FakeSigner, SignerFault},
    net::{Net, NodeStatus, soon, status, user},
};
use rollup::blobs::DaChoice;
use serde_json::Value;
use testnet::{Key, Mining, Role, ports, tools};

/// Passwords that clef takes: ten characters at least.
const MASTER: &str = "master password";
const PASSWORD: &str = "account password";

/// Rules that let clef sign whatever it is asked for.
const RULES: &str = "function ApproveTx(request) { return \"Approve\" }\n";

/// clef with keys of its own, and how to start it.
struct Clef {
    program: PathBuf,
    dir: PathBuf,
    port: u16,
    child: Option<Child>,
}

impl Clef {
    /// Sets it up as an operator does: a master seed, accounts with their passwords, and rules that are attested.
    fn set_up(program: PathBuf, dir: &Path, keys: &[&PrivateKeySigner]) -> Result<Self> {
        fs::create_dir_all(dir)?;
        let clef = Self { program, dir: dir.into(), port: ports::free()?, child: None };
        let twice = |password: &str| format!("{password}\n{password}\n");
        clef.run(&["init"], &twice(MASTER))?;
        for key in keys {
            let file = clef.dir.join("raw");
            fs::write(&file, hex::encode(key.to_bytes()))?;
            clef.run(&["importraw", &file.display().to_string()], &twice(PASSWORD))?;
            fs::remove_file(&file)?;
            let account = key.address().to_string();
            clef.run(&["setpw", &account], &format!("{}{MASTER}\n", twice(PASSWORD)))?;
        }
        fs::write(clef.dir.join("rules.js"), RULES)?;
        let sum = Command::new("sha256sum").arg(clef.dir.join("rules.js")).output()?;
        let sum = String::from_utf8(sum.stdout)?;
        let sum = sum.split(' ').next().context("a sum")?;
        clef.run(&["attest", sum], &format!("{MASTER}\n"))?;
        Ok(clef)
    }

    /// Its own options go before a command, those for keys behind it.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.current_dir(&self.dir).args(["--suppress-bootwarn", "--configdir", "config"]);
        command.args(["--keystore", "keystore", "--lightkdf"]).args(arguments);
        command.stdin(Stdio::piped());
        command
    }

    fn run(&self, arguments: &[&str], input: &str) -> Result<()> {
        let mut command = self.command(arguments);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        child.stdin.take().context("an input")?.write_all(input.as_bytes())?;
        let output = child.wait_with_output()?;
        let text = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "clef {arguments:?}: {text}");
        Ok(())
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    async fn start(&mut self) -> Result<()> {
        let port = self.port.to_string();
        let mut command = self.command(&["--http", "--http.addr", "127.0.0.1", "--http.port", &port]);
        command.args(["--chainid", "31337", "--nousb", "--ipcdisable", "--advanced"]);
        command.args(["--rules", "rules.js", "--auditlog", "", "--4bytedb-custom", "4byte.json"]);
        let log = fs::OpenOptions::new().create(true).append(true).open(self.dir.join("clef.log"))?;
        let mut child = command.stdout(log.try_clone()?).stderr(log).spawn()?;
        let mut input = child.stdin.take().context("an input")?;
        writeln!(input, "{MASTER}")?;
        // It reads on.
        child.stdin = Some(input);
        self.child = Some(child);
        let url = self.url();
        soon("clef answers", async || {
            let body = r#"{"jsonrpc":"2.0","id":1,"method":"account_version","params":[]}"#;
            let asked = reqwest::Client::new().post(&url).header("content-type", "application/json");
            Ok(asked.body(body).send().await?.status().is_success().then_some(()))
        })
        .await
    }

    fn kill(&mut self) -> Result<()> {
        if let Some(mut child) = self.child.take() {
            child.kill()?;
            child.wait()?;
        }
        Ok(())
    }
}

impl Drop for Clef {
    fn drop(&mut self) {
        // Fails only if it has ended already.
        let _ = self.kill();
    }
}

/// The value of a role's `recourse_signer_up`.
async fn is_up(metrics: u16, role: &str) -> Result<Option<bool>> {
    let text = reqwest::get(format!("http://127.0.0.1:{metrics}/metrics")).await?.text().await?;
    let name = format!("recourse_signer_up{{role=\"{role}\"}} ");
    Ok(text.lines().find_map(|line| line.strip_prefix(&name)).map(|value| value == "1"))
}

async fn health(url: &str, path: &str) -> Result<Value> {
    Ok(serde_json::from_str(&reqwest::get(format!("{url}/{path}")).await?.text().await?)?)
}

async fn proposals(net: &Net) -> Result<u64> {
    let factory = net.devnet.rollup.contracts.dispute_game_factory;
    let factory = IDisputeGameFactory::new(factory, net.devnet.anvil.provider());
    Ok(factory.gameCount().call().await?.to())
}

#[tokio::test(flavor = "multi_thread")]
async fn batcher_and_proposer_sign_through_clef_and_wait_for_it() -> Result<()> {
    let _alone = crate::ALONE.lock().await;
    let program = match tools::clef() {
        Ok(program) => program,
        Err(error) => {
            eprintln!("skipped: {error:#}");
            return Ok(());
        }
    };
    let mut options = Net::options("clef")?;
    options.mining = Mining::Every(1);
    options.da = DaChoice::Blobs;
    options.deploy = options.deploy.posting_in(options.da);
    (options.batcher, options.proposer) = (false, false);
    let roles = options.roles.clone();
    let folder = tempfile::tempdir()?;
    let mut clef = Clef::set_up(program, folder.path(), &[&roles.batcher, &roles.proposer])?;
    clef.start().await?;
    let metrics = ports::free()?;
    let arguments = format!(
        "--batcher-key {} --batcher-address {} --proposer-key clef+{} --proposer-address {} --metrics 127.0.0.1:{metrics}",
        clef.url(),
        roles.batcher.address(),
        clef.url(),
        roles.proposer.address()
    );
    options.sequencer_arguments.extend(arguments.split(' ').map(Into::into));
    let mut net = Net::start(options).await?;
    let url = net.devnet.sequencer()?.http_url();
    NodeStatus::wait_safe(net.devnet.sequencer()?, 5).await?;
    soon("a proposal", async || Ok((proposals(&net).await? > 0).then_some(()))).await?;
    for role in ["signer", "batcher", "proposer"] {
        ensure!(is_up(metrics, role).await? == Some(true), "{role}");
    }
    ensure!(health(&url, "health").await?.get("warnings").is_none(), "no warning while clef is there");

    clef.kill()?;
    soon("the batcher's signer is away", async || {
        Ok((is_up(metrics, "batcher").await? == Some(false)).then_some(()))
    })
    .await?;
    let warned = health(&url, "health").await?;
    ensure!(warned["warnings"].to_string().contains("no signatures for the batcher"), "{warned}");
    ensure!(health(&url, "ready").await?["ready"] == true, "what it serves is there");
    // What was sent before may still be read.
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    let before = status(net.devnet.sequencer()?).await?;
    tokio::time::sleep(std::time::Duration::from_secs(12)).await;
    let after = status(net.devnet.sequencer()?).await?;
    ensure!(after.safe == before.safe, "a batch without a signature");
    ensure!(after.latest.number() > before.latest.number() + 5, "L2 stood still");
    net.devnet.check_alive()?;
    let made = proposals(&net).await?;

    clef.start().await?;
    NodeStatus::wait_safe(net.devnet.sequencer()?, after.latest.number()).await?;
    soon("another proposal", async || Ok((proposals(&net).await? > made).then_some(()))).await?;
    for role in ["batcher", "proposer"] {
        soon("it signs again", async || Ok((is_up(metrics, role).await? == Some(true)).then_some(())))
            .await?;
    }
    NodeStatus::wait_safe(net.devnet.replica()?, after.latest.number()).await?;
    let log = fs::read_to_string(&net.devnet.sequencer()?.options.log)?;
    let told = log.matches("signing for the batcher failed; will keep trying").count();
    ensure!((1..=3).contains(&told), "told {told} times");
    ensure!(log.contains("signing for the batcher works again"), "its end is told");
    net.finish().await
}

/// The same key as a keystore that clef has made.
#[test]
fn a_keystore_that_clef_made_is_a_key() -> Result<()> {
    let program = match tools::clef() {
        Ok(program) => program,
        Err(error) => {
            eprintln!("skipped: {error:#}");
            return Ok(());
        }
    };
    let (folder, key) = (tempfile::tempdir()?, user(3)?);
    Clef::set_up(program, folder.path(), &[&key])?;
    let keystore = fs::read_dir(folder.path().join("keystore"))?.next().context("a keystore")??.path();
    let password = folder.path().join("password");
    fs::write(&password, PASSWORD)?;
    ensure!(rollup::keys::open(&keystore, Some(&password))?.to_bytes() == key.to_bytes(), "another key");
    fs::write(&password, "another password")?;
    let error = format!("{:#}", rollup::keys::open(&keystore, Some(&password)).unwrap_err());
    ensure!(error.contains("wrong password"), "{error}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_feed_is_signed_elsewhere_and_no_block_is_announced_without_its_signature() -> Result<()> {
    let _alone = crate::ALONE.lock().await;
    let mut net = Net::start(Net::options("feed-signer")?).await?;
    let miner = net.miner();
    let roles = net.devnet.options.roles.clone();
    let mut fake = FakeSigner::start(roles.signer.clone(), net.devnet.rollup.l1_chain_id).await?;
    let metrics = ports::free()?;
    let sequencer = net.devnet.sequencer_mut()?;
    sequencer.stop().await?;
    let Role::Sequencer { signer, .. } = &mut sequencer.options.role else { anyhow::bail!("a sequencer") };
    *signer = Key::at(&fake.url());
    let account = roles.signer.address().to_string();
    sequencer.options.extra.extend(["--signer-address".into(), account]);
    sequencer.options.extra.extend(["--metrics".into(), format!("127.0.0.1:{metrics}")]);
    sequencer.start()?;
    sequencer.wait_ready().await?;
    let url = net.devnet.sequencer()?.http_url();
    let wallet = net.devnet.sequencer()?.wallet(&user(4)?)?;
    let request = || TransactionRequest::default().with_to(Address::random()).with_value(U256::from(1));
    let on_replica = async |number: u64, what: &str| {
        soon(what, async || {
            let replica = status(net.devnet.replica()?).await?;
            Ok((replica.latest.number() >= number).then_some(()))
        })
        .await
    };
    let receipt = wallet.send_transaction(request()).await?.get_receipt().await?;
    on_replica(receipt.block_number.unwrap_or_default(), "a block by the feed").await?;

    for fault in [None, Some(SignerFault::OtherKey), Some(SignerFault::Refusal), Some(SignerFault::Silence)] {
        match fault {
            None => fake.stop().await,
            fault => fake.set(fault),
        }
        soon("the feed's signer is away", async || {
            Ok((is_up(metrics, "signer").await? == Some(false)).then_some(()))
        })
        .await
        .with_context(|| format!("{fault:?}"))?;
        let pending = wallet.send_transaction(request()).await?;
        let before = status(net.devnet.sequencer()?).await?.latest;
        tokio::time::sleep(std::time::Duration::from_secs(2)).await;
        let after = status(net.devnet.sequencer()?).await?.latest;
        ensure!(before == after, "{fault:?}: a block without a signature");
        let ready = health(&url, "ready").await?;
        ensure!(ready["reasons"].to_string().contains("the feed's signer does not sign"), "{ready}");
        if fault.is_none() {
            fake.start_again().await?;
        }
        fake.set(None);
        let receipt = pending.get_receipt().await.with_context(|| format!("{fault:?}"))?;
        on_replica(receipt.block_number.unwrap_or_default(), "a block after the outage").await?;
        ensure!(is_up(metrics, "signer").await? == Some(true), "{fault:?}: it signs again");
    }
    net.devnet.check_alive()?;
    let log = fs::read_to_string(&net.devnet.sequencer()?.options.log)?;
    ensure!(!log.contains(" ERROR "), "an outage of the signer is no error of the sequencer");
    drop(miner);
    net.finish().await
}
