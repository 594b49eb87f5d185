//! `testnet init` and `testnet deploy`.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use alloy::primitives::{U256, utils::format_ether};
use anyhow::{Context, Result};
use rollup::l1::reach_for_command;
use testnet::{
    DeployConfig, DeploymentPlan, Program,
    public::{Preset, PublicDeployment, Settings, template},
};

use super::sending::{SendingArguments, tell};

/// `testnet init`
#[derive(Debug, clap::Args)]
pub(super) struct InitArguments {
    /// What the values begin with.
    #[arg(long, value_enum, default_value_t = Preset::Mainnet)]
    preset: Preset,
    /// The file to write; it must not exist.
    #[arg(value_name = "FILE", default_value = "deploy.toml")]
    file: PathBuf,
}

/// `testnet deploy`
#[derive(Debug, clap::Args)]
pub(super) struct DeployArguments {
    /// The settings: `testnet init` writes a file to begin with.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// HTTP endpoint of an L1 node.
    #[arg(long, value_name = "URL", env = "RECOURSE_L1_RPC")]
    l1_rpc: String,
    #[command(flatten)]
    sending: SendingArguments,
    /// Folder for `rollup.json` and `deployment.json`, the record by which an interrupted deployment goes on.
    #[arg(long, value_name = "DIR", default_value = "deployment")]
    dir: PathBuf,
    /// Begin anew, although the folder has the record of a deployment.
    #[arg(long)]
    restart: bool,
    /// Only show the plan.
    #[arg(long)]
    plan: bool,
}

pub(super) fn init(arguments: &InitArguments) -> Result<()> {
    let name = arguments.file.display();
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&arguments.file)
        .with_context(|| format!("cannot make {name}"))?;
    file.write_all(template(arguments.preset).as_bytes()).with_context(|| format!("cannot write {name}"))?;
    println!("Wrote {name}. Fill it in, then look at the plan:");
    println!("  testnet deploy --config {name} --l1-rpc URL --key KEY --plan");
    Ok(())
}

pub(super) async fn deploy(arguments: DeployArguments) -> Result<()> {
    let name = arguments.config.display().to_string();
    let text = fs::read_to_string(&arguments.config).with_context(|| format!("cannot read {name}"))?;
    let settings = Settings::read(&text).with_context(|| name.clone())?;
    let config = settings.config(Program::load()?).with_context(|| name.clone())?;
    let signer = arguments.sending.signer("deployer")?;
    let options = arguments.sending.options()?;
    let record = arguments.dir.join("deployment.json");
    let mut deployment =
        PublicDeployment::plan(&settings, &config, &arguments.l1_rpc, signer, &record, arguments.restart)
            .await?;
    let found = deployment.sending.found().await?;
    let cost = deployment.sending.cost(found, &options).await?;
    show(&settings, &config, &deployment.plan, found, cost);
    if arguments.plan {
        return Ok(());
    }
    deployment.sending.check_balance(cost.1).await?;
    if !arguments.sending.confirmed("Deploy this?")? {
        return Ok(());
    }
    let steps = deployment.plan.steps.clone();
    let rollup = deployment.run(&options, |progress| tell(progress, &steps)).await?;

    let path = arguments.dir.join("rollup.json");
    rollup::files::write(&path, &serde_json::to_vec_pretty(&rollup)?)
        .with_context(|| format!("cannot write {}", path.display()))?;
    // As every process of the rollup compares it at its start.
    reach_for_command(std::slice::from_ref(&arguments.l1_rpc), &rollup, None).await?;
    done(&path, &arguments.dir);
    Ok(())
}

/// Prints what will be done, by whom it is run, and what it costs.
fn show(
    settings: &Settings,
    config: &DeployConfig,
    plan: &DeploymentPlan,
    found: usize,
    (gas, wei): (u64, U256),
) {
    println!("A rollup with chain id {} on L1 chain {}\n", settings.l2_chain_id, settings.l1_chain_id);
    for (index, step) in plan.steps.iter().enumerate() {
        let state = if index < found { "there" } else { "" };
        println!("  {:>2}  {:32} {}  {state}", index + 1, step.what, step.address);
    }
    println!();
    for (role, account) in settings.roles() {
        println!("  {role:16} {account}");
    }
    println!("  {:16} {}", "fees go to", config.fee_recipient);
    match config.upgrade_delay {
        Some(delay) => {
            let delay = std::time::Duration::from_secs(delay);
            println!("  {:16} {delay:?}, and are the owner's", "upgrades wait");
        }
        None => println!("  {:16} nobody can ever change these contracts", "upgrades"),
    }
    println!("  {:16} memory root {}", "program", config.program.root);
    println!("  {:16} {} (output {})", "genesis", plan.rollup.genesis_hash, plan.rollup.genesis_output_root);
    println!(
        "\n{} transactions, at most {gas} gas, {} ETH at L1's present price.\n",
        plan.steps.len() - found,
        format_ether(wei)
    );
}

fn done(rollup: &Path, dir: &Path) {
    let (rollup, record) = (rollup.display(), dir.join("deployment.json"));
    println!(
        "\nThe rollup is deployed, and L1 agrees with {rollup}. Keep that file and {}.",
        record.display()
    );
    println!("Next:");
    println!("  compare it all     recourse-node verify-rollup {rollup} --l1-rpc URL");
    println!("  start a sequencer  recourse-node sequencer --rollup {rollup} --help");
    println!("  watch it           challenger watch --rollup {rollup} --help");
}
