//! `testnet deploy` on a real Anvil, through interruptions and trouble.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
};

use alloy::{
    network::TransactionBuilder,
    primitives::{Address, U256},
    providers::Provider,
    rpc::types::TransactionRequest,
    signers::local::PrivateKeySigner,
};
use anyhow::{Context, Result, ensure};
use rollup::{RollupConfig, l1::L1Client};
use serde_json::json;
use testnet::{Anvil, AnvilOptions, Key, Mining, Program, accounts};

/// Transactions of a deployment.
const STEPS: usize = 18;

/// An L1, a key with some ETH, and settings.
struct Setting {
    dir: tempfile::TempDir,
    anvil: Anvil,
    key: PrivateKeySigner,
}

impl Setting {
    async fn new(ether: u64) -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let anvil = Anvil::start(&AnvilOptions::new(&dir.path().join("anvil.log"))).await?;
        anvil.mine(1).await?;
        let key = accounts::account(17)?;
        anvil
            .set_balance(key.address(), U256::from(ether) * U256::from(1_000_000_000_000_000_000_u64))
            .await?;
        Key::write(&dir.path().join("deployer.key"), &key)?;
        let setting = Self { dir, anvil, key };
        setting.settings(31_337)?;
        Ok(setting)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Writes a file as `testnet init` does, filled in.
    fn settings(&self, l1_chain_id: u64) -> Result<()> {
        let file = self.path("deploy.toml");
        fs::remove_file(&file).ok();
        let made = testnet(["init", "--preset", "testnet"]).arg(&file).output()?;
        ensure!(made.status.success(), "{made:?}");
        let mut text = fs::read_to_string(&file)?;
        let roles = accounts::users()?;
        for (role, user) in ["owner", "guardian", "batcher", "signer"].into_iter().zip(&roles) {
            text = text.replace(
                &format!("{role} = \"{}\"", Address::ZERO),
                &format!("{role} = \"{}\"", user.address()),
            );
        }
        text = text.replace("l1-chain-id = 0", &format!("l1-chain-id = {l1_chain_id}"));
        fs::write(&file, text.replace("l2-chain-id = 0", "l2-chain-id = 4711"))?;
        Ok(())
    }

    fn deploy(&self, more: &[&str]) -> Command {
        let mut command = testnet(["deploy", "--yes", "--config"]);
        command.arg(self.path("deploy.toml")).args(["--l1-rpc", self.anvil.url()]);
        command.arg("--key").arg(self.path("deployer.key")).arg("--dir").arg(self.path("deployment"));
        command.args(more);
        command
    }

    fn start(&self, more: &[&str]) -> Result<Running> {
        let mut child = self.deploy(more).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let lines = BufReader::new(child.stdout.take().context("no output")?);
        Ok(Running { child, lines })
    }

    /// What it says when it refuses.
    fn refused(&self, more: &[&str]) -> Result<String> {
        let output = self.deploy(more).output()?;
        ensure!(!output.status.success(), "it was not refused: {output:?}");
        Ok(String::from_utf8(output.stderr)?)
    }
}

fn testnet<const N: usize>(arguments: [&str; N]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_testnet"));
    command.args(arguments);
    command
}

/// A deployment that goes on; killed if it is dropped.
struct Running {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl Running {
    /// Reads on until a line has this in it. `None`: it has ended.
    fn until(&mut self, text: &str) -> Result<Option<String>> {
        loop {
            let mut line = String::new();
            if self.lines.read_line(&mut line)? == 0 {
                return Ok(None);
            }
            if line.contains(text) {
                return Ok(Some(line));
            }
        }
    }

    fn end(mut self) -> Result<()> {
        while self.until("\n")?.is_some() {}
        let status = self.child.wait()?;
        let mut error = String::new();
        if let Some(mut stderr) = self.child.stderr.take() {
            std::io::Read::read_to_string(&mut stderr, &mut error)?;
        }
        ensure!(status.success(), "the deployment failed: {error}");
        Ok(())
    }
}

fn rollup(dir: &Path) -> Result<RollupConfig> {
    Ok(RollupConfig::load(&dir.join("deployment/rollup.json"))?)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_that_is_killed_at_every_transaction_goes_on() -> Result<()> {
    let setting = Setting::new(10).await?;
    let mut sent = 0;
    loop {
        let mut running = setting.start(&[])?;
        let Some(_) = running.until(": sent ")? else {
            running.end()?;
            break;
        };
        sent += 1;
        drop(running);
        // It was killed right after it has sent: now and then before a block, now and then behind it.
        if sent % 3 != 0 {
            setting.anvil.mine(1).await?;
        }
        ensure!(sent <= 2 * STEPS, "it does not come forward");
    }
    ensure!(sent >= STEPS, "only {sent} interruptions");
    let account = setting.key.address();
    let used = setting.anvil.provider().get_transaction_count(account).await?;
    ensure!(used == STEPS as u64, "{used} transactions were used");
    let rollup = rollup(setting.dir.path())?;
    ensure!(rollup.chain.chain_id == 4711 && rollup.l1_start_block > 1);
    // Whatever the blocks were that its contracts came to stand in, it is what this release deploys.
    let client = L1Client::dial(setting.anvil.url()).await?;
    let report = verify::verify(&client, &rollup, &Program::load()?).await?;
    ensure!(report.deviations().next().is_none(), "{report}");
    // Done is done.
    setting.start(&[])?.end()
}

/// Blocks come by the clock, as on a main network: every 2 seconds, or as `L1_BLOCK_SECONDS` says.
#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_keeps_pace_with_l1s_blocks() -> Result<()> {
    let seconds = std::env::var("L1_BLOCK_SECONDS").map_or(Ok(2), |seconds| seconds.parse())?;
    let setting = Setting::new(10).await?;
    setting.anvil.set_mining(Mining::Every(seconds)).await?;
    setting.start(&[])?.end()?;
    let used = setting.anvil.provider().get_transaction_count(setting.key.address()).await?;
    ensure!(used == STEPS as u64, "{used} transactions were used");
    rollup(setting.dir.path()).map(|_| ())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_work_is_refused_before_anything_is_sent() -> Result<()> {
    let setting = Setting::new(0).await?;
    let poor = setting.refused(&[])?;
    ensure!(poor.contains("has 0.0") && poor.contains("nothing was sent"), "{poor}");
    setting.settings(1)?;
    let chain = setting.refused(&[])?;
    ensure!(chain.contains("l1-chain-id is 1, but L1 says that it is 31337"), "{chain}");
    ensure!(!setting.path("deployment/deployment.json").exists());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nonce_that_somebody_else_uses_ends_a_deployment_and_another_can_begin() -> Result<()> {
    let setting = Setting::new(20).await?;
    setting.anvil.set_mining(Mining::Every(1)).await?;
    let mut running = setting.start(&[])?;
    running.until("3/18  RiscV: sent")?.context("it has ended")?;
    drop(running);
    setting.anvil.mine(1).await?;
    // The same key pays somebody.
    let wallet = setting.anvil.wallet(&setting.key)?;
    let request = TransactionRequest::default().with_to(Address::repeat_byte(1)).with_value(U256::from(1));
    let pending = wallet.send_transaction(request.with_gas_limit(21_000)).await?;
    pending.get_receipt().await?;
    let moved = setting.refused(&[])?;
    ensure!(moved.contains("was used for something else") && moved.contains("--restart"), "{moved}");
    setting.start(&["--restart"])?.end()?;
    rollup(setting.dir.path()).map(|_| ())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_waits_while_gas_is_too_expensive() -> Result<()> {
    let setting = Setting::new(50).await?;
    let spike = async |wei: u64| -> Result<()> {
        let _: serde_json::Value =
            setting.anvil.call("anvil_setNextBlockBaseFeePerGas", json!([format!("{wei:#x}")])).await?;
        setting.anvil.mine(1).await
    };
    spike(90_000_000_000).await?;
    let mut running = setting.start(&["--max-fee", "20"])?;
    running.until("L1's base fee is 9")?.context("it has ended")?;
    ensure!(setting.anvil.provider().get_transaction_count(setting.key.address()).await? == 0);
    spike(1_000_000_000).await?;
    running.until("1/18  Multicall3: sent")?.context("it has ended")?;
    setting.anvil.set_mining(Mining::Every(1)).await?;
    running.end()
}

#[tokio::test(flavor = "multi_thread")]
async fn other_settings_do_not_go_on_with_what_was_begun() -> Result<()> {
    let setting = Setting::new(10).await?;
    let mut running = setting.start(&[])?;
    running.until(": sent ")?.context("it has ended")?;
    drop(running);
    let file = setting.path("deploy.toml");
    let text = fs::read_to_string(&file)?;
    fs::write(&file, text.replace("l2-chain-id = 4711", "l2-chain-id = 4712"))?;
    let other = setting.refused(&[])?;
    ensure!(other.contains("begun with other settings"), "{other}");
    Ok(())
}
