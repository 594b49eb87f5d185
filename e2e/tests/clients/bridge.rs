//! `recourse-node bridge`: every command, stopped and started again on the way.

use std::{path::PathBuf, process::Command};

use alloy::{
    network::Ethereum,
    primitives::{Address, B256, U256},
    providers::{Provider, RootProvider},
    sol_types::SolCall,
};
use anyhow::{Context, Result, ensure};
use bindings::samples::ISampleToken;
use e2e::{
    faults::{Fault, Proxy},
    net::soon,
};
use testnet::{Process, tools};

use super::{SESSION_LIMIT, Setting, key_file};

/// The command line with everything that it must be told.
#[derive(Clone)]
pub(crate) struct Cli<'a> {
    setting: &'a Setting,
    rollup: PathBuf,
    l1_rpc: String,
    l2_rpc: String,
    key: PathBuf,
}

impl<'a> Cli<'a> {
    /// For a funded account.
    pub(crate) fn new(setting: &'a Setting, account: usize) -> Result<Self> {
        Ok(Self {
            setting,
            rollup: setting.summary.rollup.clone(),
            l1_rpc: setting.summary.l1_rpc.clone(),
            l2_rpc: setting.summary.l2_rpc.clone(),
            key: key_file(setting, account)?,
        })
    }

    fn command(&self, arguments: &[&str]) -> Result<Command> {
        let mut command = Command::new(tools::recourse_node()?);
        command.arg("bridge").args(arguments).arg("--rollup").arg(&self.rollup);
        command.args(["--l1-rpc", &self.l1_rpc, "--l2-rpc", &self.l2_rpc]);
        if arguments[0] != "status" {
            command.arg("--key").arg(&self.key);
        }
        Ok(command)
    }

    /// Runs a command to its end. What it says, progress too.
    pub(crate) async fn run(&self, name: &str, arguments: &[&str]) -> Result<String> {
        self.setting.run(&format!("bridge-{name}"), &mut self.command(arguments)?).await
    }

    /// Starts a command.
    pub(crate) fn spawn(&self, name: &str, arguments: &[&str]) -> Result<Process> {
        self.setting.spawn(&format!("bridge-{name}"), &mut self.command(arguments)?)
    }

    /// The one line in which a command that must fail says why.
    pub(crate) async fn refused(&self, name: &str, arguments: &[&str]) -> Result<String> {
        let mut process = self.spawn(name, arguments)?;
        let status = process.wait(SESSION_LIMIT).await?.with_context(|| format!("{name} does not end"))?;
        let output = std::fs::read_to_string(process.log())?;
        ensure!(!status.success(), "{name} should fail:\n{output}");
        // Progress may come before it, nothing behind it.
        let (_, error) =
            output.split_once("error: ").with_context(|| format!("{name} says no error:\n{output}"))?;
        ensure!(error.trim_end().lines().count() == 1, "{name}: more than one line:\n{output}");
        Ok(error.trim_end().to_owned())
    }

    /// Starts a command and kills it when it says this, or a moment later if it ends by itself.
    async fn killed(&self, name: &str, arguments: &[&str], word: &str) -> Result<()> {
        let mut process = self.spawn(name, arguments)?;
        soon(word, async || {
            let output = std::fs::read_to_string(process.log())?;
            Ok((output.contains(word) || process.exited()?.is_some()).then_some(()))
        })
        .await?;
        process.kill9().or_else(|_| process.exited().map(|_| ()))
    }

    /// How far a withdrawal is.
    pub(crate) async fn status(&self, withdrawal: &str) -> Result<String> {
        let output = self.run("status", &["status", withdrawal]).await?;
        let line = output.lines().find_map(|line| line.strip_prefix("status "));
        Ok(line.with_context(|| format!("no status in:\n{output}"))?.trim().to_owned())
    }

    /// How many transactions the account has sent on either chain.
    async fn transactions(&self) -> Result<[u64; 2]> {
        let own = rollup::keys::read(&self.key)?.address();
        let [l1, l2] =
            [&self.l1_rpc, &self.l2_rpc].map(|url| url.parse().map(RootProvider::<Ethereum>::new_http));
        Ok([l1?.get_transaction_count(own).await?, l2?.get_transaction_count(own).await?])
    }

    /// Withdraws a little ETH: the transaction's hash and the L2 block.
    pub(crate) async fn withdraw(&self, name: &str, to: Address) -> Result<(String, u64)> {
        let output = self.run(name, &["withdraw", "--amount", "0.01", "--to", &to.to_string()]).await?;
        let block = output.split_once("is in L2 block ").and_then(|(_, rest)| rest.split_once('.'));
        let block = block.with_context(|| format!("no block in:\n{output}"))?.0.parse()?;
        Ok((hash(&output, "L2 transaction")?.to_string(), block))
    }
}

/// The hash behind a label in a command's output.
fn hash(output: &str, label: &str) -> Result<B256> {
    let line = output.lines().find_map(|line| line.strip_prefix(label));
    let line = line.with_context(|| format!("no {label:?} in:\n{output}"))?;
    Ok(line.trim().parse()?)
}

pub(crate) async fn session(setting: &Setting, account: usize) -> Result<()> {
    let cli = Cli::new(setting, account)?;
    let l1 = RootProvider::<Ethereum>::new_http(setting.summary.l1_rpc.parse()?);
    let l2 = RootProvider::<Ethereum>::new_http(setting.summary.l2_rpc.parse()?);

    let target = Address::random();
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
    wrong_inputs(&cli, &withdrawal).await?;
    let error = cli.refused("status-unknown", &["status", &B256::repeat_byte(7).to_string()]).await?;
    ensure!(error.contains("neither L1 nor L2 has"), "{error}");
    let error = cli.refused("deposit-none", &["deposit", "--resume", &other_transaction(&l1).await?]).await?;
    ensure!(error.contains("deposits nothing"), "{error}");

    // It is killed with its transaction on the way, and what comes next does not take that for another's.
    cli.killed("prove-killed", &["prove", &withdrawal], "L1 transaction").await?;
    let output = cli.run("prove", &["prove", &withdrawal]).await?;
    ensure!(output.contains("Proven"), "{output}");
    let again = cli.run("prove-again", &["prove", &withdrawal]).await?;
    ensure!(!again.contains("L1 transaction"), "nothing is sent for what is proven:\n{again}");
    cli.killed("finalize-killed", &["finalize", &withdrawal], "finalization is possible in").await?;
    finalize_through_an_outage(&cli, &withdrawal).await?;
    assert_eq!(l1.get_balance(target).await?, U256::from(500_000_000_000_000_000_u64));
    let status = cli.run("status", &["status", &withdrawal]).await?;
    ensure!(status.contains("status          finalized"), "{status}");

    tokens(&cli, account, &l1, &l2).await
}

/// L1's endpoint is away for a moment while the command waits for the time of finalization.
async fn finalize_through_an_outage(cli: &Cli<'_>, withdrawal: &str) -> Result<()> {
    let proxy = Proxy::start(&cli.l1_rpc).await?;
    let cli = Cli { l1_rpc: proxy.url().to_owned(), ..cli.clone() };
    let mut process = cli.spawn("finalize", &["finalize", withdrawal])?;
    let log = process.log().to_owned();
    let says = |text: &str| Ok(std::fs::read_to_string(&log)?.contains(text).then_some(()));
    soon("it waits", async || says("finalization is possible in")).await?;
    proxy.set(Fault::Down);
    soon("it asks again", async || says("Asking again")).await?;
    proxy.set(Fault::None);
    let status = process.wait(SESSION_LIMIT).await?.context("it does not end")?;
    let output = std::fs::read_to_string(&log)?;
    ensure!(status.success() && output.contains("Finalized."), "{output}");
    Ok(())
}

/// Whatever is wrong is said in one line, before anything is sent.
async fn wrong_inputs(cli: &Cli<'_>, withdrawal: &str) -> Result<()> {
    let token = cli.setting.summary.sample_token.context("no sample token")?;
    let (l1_token, l2_token) = (token.l1.to_string(), token.l2.to_string());
    let nothing = Address::repeat_byte(0x77).to_string();
    let sent = cli.transactions().await?;
    let swapped = Cli { l1_rpc: cli.l2_rpc.clone(), l2_rpc: cli.l1_rpc.clone(), ..cli.clone() };
    let dead = Cli { l1_rpc: "http://127.0.0.1:1".into(), ..cli.clone() };
    let no_url = Cli { l2_rpc: "over there".into(), ..cli.clone() };
    let no_rollup = Cli { rollup: "/nowhere/rollup.json".into(), ..cli.clone() };
    let no_key = Cli { key: "/nowhere/key".into(), ..cli.clone() };
    let bad_key = Cli { key: cli.rollup.clone(), ..cli.clone() };
    let ether: &[&str] = &["deposit", "--amount", "1"];
    let impatient: &[&str] = &["deposit", "--amount", "1", "--l1-timeout", "100ms"];
    let cases: &[(&Cli<'_>, &[&str], &str)] = &[
        (cli, &["deposit", "--amount", "one"], "\"one\" is not an amount of ETH"),
        (cli, &["deposit", "--amount", "0.0000000000000000001"], "is not an amount of ETH"),
        (cli, &["withdraw", "--amount", "1e3"], "\"1e3\" is not an amount of ETH"),
        (cli, &["deposit", "--amount", "1", "--gas-limit", "20999"], "OptimismPortal_GasLimitTooLow"),
        (cli, &["deposit", "--amount", "1000000"], "nsufficient"),
        (cli, &["withdraw", "--amount", "1000000"], "nsufficient"),
        (
            cli,
            &["deposit", "--amount", "1", "--token", &nothing, "--l2-token", &l2_token],
            "on L1 is not a token",
        ),
        (cli, &["deposit", "--amount", "1", "--token", &l1_token, "--l2-token", &l2_token], "less than 1"),
        (cli, &["withdraw", "--amount", "1", "--l2-token", &nothing], "on L2 is not a token"),
        (cli, &["withdraw", "--amount", "1", "--l2-token", &l2_token], "less than 1"),
        (cli, &["prove", withdrawal, "--index", "1"], "has 1 withdrawals"),
        (cli, &["finalize", withdrawal], "the withdrawal is not proven"),
        (&swapped, ether, "serves chain 42069, but l1ChainId in rollup.json is 31337"),
        (&dead, impatient, "L1 endpoint http://127.0.0.1:1 does not answer within 100ms"),
        (&no_url, ether, "\"over there\" is not the URL of an L2 endpoint"),
        (&no_rollup, ether, "/nowhere/rollup.json"),
        (&no_key, ether, "cannot read the key file /nowhere/key"),
        (&bad_key, ether, "and at most 4096 are expected"),
    ];
    let told = async {
        for (index, (cli, arguments, expected)) in cases.iter().enumerate() {
            let error = cli.refused(&format!("wrong-{index}"), arguments).await?;
            ensure!(error.contains(expected), "{arguments:?}: {error}");
        }
        Ok(())
    };
    // It takes its time: a transaction that was just sent may come.
    let unknown = async {
        let nobodys = B256::repeat_byte(0x5a).to_string();
        let error = cli.refused("wrong-unknown", &["prove", &nobodys]).await?;
        ensure!(error.contains("L2 does not know a transaction 0x5a5a"), "{error}");
        Ok(())
    };
    tokio::try_join!(told, unknown)?;
    assert_eq!(cli.transactions().await?, sent);
    Ok(())
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

async fn tokens(cli: &Cli<'_>, account: usize, l1: &RootProvider, l2: &RootProvider) -> Result<()> {
    let token = cli.setting.summary.sample_token.context("no sample token")?;
    let key = e2e::net::user(account)?;
    let own = key.address();
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
