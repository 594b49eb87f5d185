//! Forge's script and create, and cast.

use std::{fs, path::PathBuf, process::Command};

use alloy::primitives::{Address, B256, U256};
use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use testnet::tools;

use super::{SESSION_LIMIT, Workshop};

/// Forge on the tools' contracts; what it writes lies in a folder of the devnet's.
fn forge(workshop: &Workshop, account: usize) -> Result<Command> {
    let folder = workshop.folder("forge")?;
    let mut command = workshop.command(tools::forge()?, account)?;
    command.env("FOUNDRY_OUT", folder.join("out")).env("FOUNDRY_CACHE_PATH", folder.join("cache"));
    command.env("FOUNDRY_BROADCAST", folder.join("broadcast"));
    Ok(command)
}

/// Compiles the contracts: the path of a file with the counter's `abi` and `bytecode`.
pub(crate) async fn compile(workshop: &Workshop) -> Result<PathBuf> {
    let mut command = forge(workshop, 0)?;
    // OpenZeppelin's contracts come with Hardhat's packages, and may not be there.
    workshop.run("forge-build", command.args(["build", "contracts/Counter.sol"]), SESSION_LIMIT).await?;
    let folder = workshop.folder("forge")?;
    let artifact = fs::read(folder.join("out/Counter.sol/Counter.json"))?;
    let artifact: Value = serde_json::from_slice(&artifact)?;
    let path = folder.join("counter.json");
    let counter = json!({ "abi": artifact["abi"], "bytecode": artifact["bytecode"]["object"] });
    fs::write(&path, counter.to_string())?;
    Ok(path)
}

pub(crate) async fn session(workshop: &Workshop, account: usize) -> Result<()> {
    let key = workshop.key(account)?;
    let to_devnet = ["--rpc-url", &workshop.summary.l2_rpc, "--private-key", &key, "--broadcast"];
    let mut script = forge(workshop, account)?;
    script.args(["script", "script/Deploy.s.sol", "--slow"]).args(to_devnet);
    let output = workshop.run("forge-script", &mut script, SESSION_LIMIT).await?;
    ensure!(output.contains("ONCHAIN EXECUTION COMPLETE & SUCCESSFUL"), "{output}");
    let broadcast = workshop.folder("forge")?.join("broadcast/Deploy.s.sol");
    let chain = broadcast.join(workshop.summary.l2_chain_id.to_string()).join("run-latest.json");
    let run: Value = serde_json::from_slice(&fs::read(chain)?)?;
    let receipts = run["receipts"].as_array().context("no receipts")?;
    ensure!(receipts.len() == 3 && receipts.iter().all(|receipt| receipt["status"] == "0x1"), "{run:#}");

    let mut create = forge(workshop, account)?;
    create.args(["create", "contracts/Counter.sol:Counter", "--json"]).args(to_devnet);
    let output = workshop.run("forge-create", &mut create, SESSION_LIMIT).await?;
    let created = output.split_once('{').with_context(|| format!("no JSON in {output}"))?.1;
    let created: Value = serde_json::from_str(&format!("{{{created}"))?;
    let address: Address = created["deployedTo"].as_str().context("no address")?.parse()?;
    let cast = Cast { url: &workshop.summary.l2_rpc, key: &key };
    cast.session(&address.to_string(), &workshop.summary.accounts[account].address.to_string()).await
}

/// The real cast, told of a devnet.
struct Cast<'a> {
    url: &'a str,
    key: &'a str,
}

impl Cast<'_> {
    async fn output(&self, arguments: &[&str], network: Option<&str>) -> Result<std::process::Output> {
        let mut command = Command::new(tools::cast()?);
        command.args(arguments).env("ETH_RPC_URL", self.url).env_remove("FOUNDRY_NETWORK");
        // A project's foundry.toml is none of its business here.
        command.current_dir(std::env::temp_dir());
        command.envs(network.map(|network| ("FOUNDRY_NETWORK", network)));
        Ok(tokio::task::spawn_blocking(move || command.output()).await??)
    }

    /// What it prints.
    async fn says(&self, arguments: &[&str]) -> Result<String> {
        self.says_as(arguments, None).await
    }

    async fn says_as(&self, arguments: &[&str], network: Option<&str>) -> Result<String> {
        let output = self.output(arguments, network).await?;
        if !output.status.success() {
            bail!("cast {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr));
        }
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    }

    /// Why it fails.
    async fn fails(&self, arguments: &[&str]) -> Result<String> {
        let output = self.output(arguments, None).await?;
        ensure!(!output.status.success(), "cast {} should fail", arguments.join(" "));
        Ok(String::from_utf8_lossy(&output.stderr).into_owned())
    }

    /// What every one of these prints, and a word that must be in it.
    async fn contain(&self, cases: &[(&[&str], &str)]) -> Result<()> {
        for (arguments, expected) in cases {
            let said = self.says(arguments).await?;
            ensure!(said.contains(expected), "cast {}: no {expected} in:\n{said}", arguments.join(" "));
        }
        Ok(())
    }

    /// Everything that asks the node, on a counter that its owner has just deployed.
    async fn session(&self, counter: &str, owner: &str) -> Result<()> {
        const ADD: &str = "add(uint256)(uint256)";
        let send = ["send", counter, ADD, "7", "--private-key", self.key, "--json"];
        let receipt: Value = serde_json::from_str(&self.says(&send).await?)?;
        let hash = receipt["transactionHash"].as_str().context("no hash")?;
        let block: U256 = receipt["blockNumber"].as_str().context("no block")?.parse()?;
        let (block, earlier) = (block.to_string(), (block - U256::ONE).to_string());
        let slot = format!("{counter}:0:0x20");
        self.contain(&[
            (&["call", counter, "count()(uint256)"], "7"),
            (&["call", counter, "count()(uint256)", "--block", &earlier], "0"),
            (&["call", counter, ADD, "5", "--override-state-diff", &slot], "37"),
            (&["call", counter, ADD, "5", "--trace"], "Transaction successfully executed."),
            (&["access-list", counter, ADD, "7", "--from", owner], "gas used"),
            (&["logs", "--address", counter, "--from-block", "0"], hash),
            (&["logs", "--from-block", &block, "Counted(address indexed,uint256)", owner], hash),
            (&["proof", counter, "0"], "\"storageProof\""),
            (&["storage", counter, "0"], "07"),
            (&["code", counter], "0x60"),
            (&["nonce", owner, "--block", "pending"], "5"),
            (&["balance", owner, "-e"], "9999.99"),
            (&["tx", hash], hash),
            (&["receipt", hash, "status"], "true"),
            (&["block", &block, "--full"], hash),
            (&["block", "finalized", "--field", "number"], ""),
            (&["gas-price"], ""),
            (&["client"], "recourse-node/"),
            (&["tx-pool", "status"], "pending"),
            (&["rpc", "eth_syncing"], "false"),
        ])
        .await?;
        let estimate: u64 = self.says(&["estimate", counter, ADD, "7", "--from", owner]).await?.parse()?;
        ensure!((21_000..200_000).contains(&estimate), "estimated {estimate}");
        let proof: Value = serde_json::from_str(&self.says(&["proof", counter, "0"]).await?)?;
        let root: B256 = proof["storageHash"].as_str().context("no root")?.parse()?;
        self.contain(&[(&["storage-root", counter], &root.to_string())]).await?;
        let reason = self.fails(&["call", counter, ADD, "0"]).await?;
        ensure!(reason.contains("execution reverted: nothing to add"), "{reason}");
        let reason = self.fails(&["call", counter, ADD, "101"]).await?;
        ensure!(reason.contains("0x6073b21f"), "{reason}");
        self.replay(hash, receipt["gasUsed"].as_str().context("no gas")?).await
    }

    /// A transaction of the past, executed again by cast itself: it must be told that blocks have deposits.
    async fn replay(&self, hash: &str, gas: &str) -> Result<()> {
        let gas: U256 = gas.parse()?;
        for arguments in [&["run", hash][..], &["run", hash, "--quick"]] {
            let said = self.says_as(arguments, Some("optimism")).await?;
            ensure!(said.contains(&format!("Gas used: {gas}")), "not {gas}:\n{said}");
        }
        let plain = self.fails(&["run", hash]).await?;
        ensure!(plain.contains("BlockTransactions"), "cast run without FOUNDRY_NETWORK:\n{plain}");
        // By the node's own trace.
        self.contain(&[(&["trace", hash], "callType")]).await
    }
}
