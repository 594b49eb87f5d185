//! `recourse-node bridge`: every command, stopped and started again on the way.

use std::{process::Command, time::Duration};

use alloy::{
    primitives::{B256, U256},
    providers::{Provider, RootProvider},
    sol_types::SolCall,
};
use anyhow::{Context, Result, ensure};
use bindings::samples::ISampleToken;
use testnet::{Process, tools};

use super::{Setting, key_file};

struct Cli<'a> {
    setting: &'a Setting,
    account: usize,
}

impl Cli<'_> {
    fn command(&self, arguments: &[&str]) -> Result<Command> {
        let mut command = Command::new(tools::recourse_node()?);
        command.arg("bridge").args(arguments).arg("--rollup").arg(&self.setting.summary.rollup);
        command.args(["--l1-rpc", &self.setting.summary.l1_rpc, "--l2-rpc", &self.setting.summary.l2_rpc]);
        if arguments[0] != "status" {
            command.arg("--key").arg(key_file(self.setting, self.account)?);
        }
        Ok(command)
    }

    async fn run(&self, name: &str, arguments: &[&str]) -> Result<String> {
        self.setting.run(&format!("bridge-{name}"), &mut self.command(arguments)?).await
    }

    /// The error line of a command that must fail.
    async fn refused(&self, name: &str, arguments: &[&str]) -> Result<String> {
        match self.run(name, arguments).await {
            Ok(output) => anyhow::bail!("{name} should fail:\n{output}"),
            Err(error) => Ok(error.to_string()),
        }
    }

    /// Starts a command and kills it a moment later.
    async fn killed(&self, name: &str, arguments: &[&str]) -> Result<()> {
        let log = self.setting.net.dir().join("logs").join(format!("bridge-{name}.log"));
        let mut process = Process::spawn(name, &mut self.command(arguments)?, &log)?;
        process.wait(Duration::from_millis(700)).await?;
        process.kill9().or_else(|_| process.exited().map(|_| ()))
    }
}

/// The hash behind a label in a command's output.
fn hash(output: &str, label: &str) -> Result<B256> {
    let line = output.lines().find_map(|line| line.strip_prefix(label));
    let line = line.with_context(|| format!("no {label:?} in:\n{output}"))?;
    Ok(line.trim().parse()?)
}

pub(crate) async fn session(setting: &Setting, account: usize) -> Result<()> {
    let cli = Cli { setting, account };
    let own = setting.summary.accounts[account].address;
    let l1 = RootProvider::<alloy::network::Ethereum>::new_http(setting.summary.l1_rpc.parse()?);
    let l2 = RootProvider::<alloy::network::Ethereum>::new_http(setting.summary.l2_rpc.parse()?);

    let target = alloy::primitives::Address::random();
    let to = target.to_string();
    let output = cli.run("deposit", &["deposit", "--amount", "1.5", "--to", &to]).await?;
    ensure!(output.contains("Deposited in L2 block"), "{output}");
    assert_eq!(l2.get_balance(target).await?, U256::from(1_500_000_000_000_000_000_u64));
    let (on_l1, on_l2) = (hash(&output, "L1 transaction")?, hash(&output, "L2 transaction")?);
    let resumed = cli.run("deposit-resume", &["deposit", "--resume", &on_l1.to_string()]).await?;
    assert_eq!(hash(&resumed, "L2 transaction")?, on_l2);
    let status = cli.run("deposit-status", &["status", &on_l1.to_string()]).await?;
    ensure!(status.contains("status          deposited"), "{status}");

    let output = cli.run("withdraw", &["withdraw", "--amount", "0.5", "--to", &to]).await?;
    let withdrawal = hash(&output, "L2 transaction")?.to_string();
    let resumed = cli.run("withdraw-resume", &["withdraw", "--resume", &withdrawal]).await?;
    ensure!(resumed.contains(&format!("bridge prove {withdrawal}")), "{resumed}");
    let error = cli.refused("finalize-early", &["finalize", &withdrawal]).await?;
    ensure!(error.contains("the withdrawal is not proven"), "{error}");
    let error = cli.refused("prove-index", &["prove", &withdrawal, "--index", "1"]).await?;
    ensure!(error.contains("has 1 withdrawals"), "{error}");
    let error = cli.refused("status-unknown", &["status", &B256::repeat_byte(7).to_string()]).await?;
    ensure!(error.contains("neither L1 nor L2 has"), "{error}");
    let error = cli.refused("deposit-none", &["deposit", "--resume", &other_transaction(&l1).await?]).await?;
    ensure!(error.contains("deposits nothing"), "{error}");

    cli.killed("prove-killed", &["prove", &withdrawal]).await?;
    let output = cli.run("prove", &["prove", &withdrawal]).await?;
    ensure!(output.contains("Proven"), "{output}");
    let again = cli.run("prove-again", &["prove", &withdrawal]).await?;
    ensure!(!again.contains("L1 transaction"), "nothing is sent for what is proven:\n{again}");
    cli.killed("finalize-killed", &["finalize", &withdrawal]).await?;
    let output = cli.run("finalize", &["finalize", &withdrawal]).await?;
    ensure!(output.contains("Finalized."), "{output}");
    assert_eq!(l1.get_balance(target).await?, U256::from(500_000_000_000_000_000_u64));
    let status = cli.run("status", &["status", &withdrawal]).await?;
    ensure!(status.contains("status          finalized"), "{status}");

    tokens(&cli, own, &l1, &l2).await
}

/// An L1 transaction that deposits nothing: the first deployment.
async fn other_transaction(l1: &RootProvider) -> Result<String> {
    let hash = l1
        .get_block_by_number(1.into())
        .await?
        .context("no L1 block 1")?
        .transactions
        .hashes()
        .next()
        .context("L1's first block has no transaction")?;
    Ok(hash.to_string())
}

async fn tokens(
    cli: &Cli<'_>,
    own: alloy::primitives::Address,
    l1: &RootProvider,
    l2: &RootProvider,
) -> Result<()> {
    let token = cli.setting.summary.sample_token.context("no sample token")?;
    let key = alloy::signers::local::PrivateKeySigner::from_bytes(
        &cli.setting.summary.accounts[cli.account].private_key,
    )?;
    let amount = U256::from(30_000_000_000_000_000_000_u128);
    let wallet = cli.setting.net.devnet.anvil.wallet(&key)?;
    let minted = ISampleToken::new(token.l1, wallet).mint(own, amount).send().await?.get_receipt().await?;
    ensure!(minted.status(), "the mint failed");
    let (l1_token, l2_token) = (token.l1.to_string(), token.l2.to_string());
    let deposit = ["deposit", "--amount", "30", "--token", &l1_token, "--l2-token", &l2_token];
    let output = cli.run("token-deposit", &deposit).await?;
    ensure!(output.contains("Deposited in L2 block"), "{output}");
    let balance = async |chain: &RootProvider, token| -> Result<U256> {
        let call = ISampleToken::balanceOfCall { account: own }.abi_encode();
        let request = alloy::rpc::types::TransactionRequest::default().to(token).input(call.into());
        Ok(U256::try_from_be_slice(&chain.call(request).await?).unwrap_or_default())
    };
    assert_eq!(balance(l2, token.l2).await?, amount);
    let output =
        cli.run("token-withdraw", &["withdraw", "--amount", "12.5", "--l2-token", &l2_token]).await?;
    let withdrawal = hash(&output, "L2 transaction")?.to_string();
    cli.run("token-prove", &["prove", &withdrawal]).await?;
    cli.run("token-finalize", &["finalize", &withdrawal]).await?;
    assert_eq!(balance(l1, token.l1).await?, U256::from(12_500_000_000_000_000_000_u128));
    Ok(())
}
