//! `testnet init` and `testnet deploy`.

use std::{
    fs,
    io::{IsTerminal, Write},
    path::{Path, PathBuf},
};

use alloy::primitives::{Address, U256, utils::format_ether, utils::parse_units};
use anyhow::{Context, Result, bail, ensure};
use rollup::{
    l1::reach_for_command,
    signer::{KeyOptions, KeySource},
};
use testnet::{
    DeployConfig, DeploymentPlan, Program,
    public::{DeployProgress, Preset, PublicDeployment, SendingOptions, Settings, template},
};

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
    /// What signs the deployment: a file with a hexadecimal private key, a keystore (see --password), or a signer elsewhere,
    /// which needs --address. The account has no power afterwards, and must do nothing else meanwhile.
    #[arg(long, value_name = "FILE|URL")]
    key: KeySource,
    /// File with the password of the keystore that --key names.
    #[arg(long, value_name = "FILE")]
    password: Option<PathBuf>,
    /// The account of --key. A signer elsewhere needs it; of a file it is checked.
    #[arg(long, value_name = "ADDRESS")]
    address: Option<Address>,
    /// Folder for `rollup.json` and `deployment.json`, the record by which an interrupted deployment goes on.
    #[arg(long, value_name = "DIR", default_value = "deployment")]
    dir: PathBuf,
    /// Most that a unit of gas may cost, in gwei. While L1 asks for more, the deployment waits.
    #[arg(long, value_name = "GWEI", default_value = "50")]
    max_fee: String,
    /// Tip for a unit of gas, in gwei.
    #[arg(long, value_name = "GWEI", default_value = "1")]
    tip: String,
    /// Begin anew, although the folder has the record of a deployment.
    #[arg(long)]
    restart: bool,
    /// Only show the plan.
    #[arg(long)]
    plan: bool,
    /// Do not ask.
    #[arg(long)]
    yes: bool,
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
    let key = KeyOptions {
        role: "deployer",
        prefix: "--",
        key: Some(&arguments.key),
        password: arguments.password.as_deref(),
        address: arguments.address,
    };
    let signer = key.open()?.context("--key is missing")?;
    let options = SendingOptions {
        max_fee: gwei("--max-fee", &arguments.max_fee)?,
        tip: gwei("--tip", &arguments.tip)?,
        poll: None,
    };
    let record = arguments.dir.join("deployment.json");
    let mut deployment =
        PublicDeployment::plan(&settings, &config, &arguments.l1_rpc, signer, &record, arguments.restart)
            .await?;
    let found = deployment.found().await?;
    let cost = deployment.cost(found, &options).await?;
    show(&settings, &config, &deployment.plan, found, cost);
    if arguments.plan {
        return Ok(());
    }
    deployment.check_balance(cost.1).await?;
    if !arguments.yes && !confirmed()? {
        println!("Nothing was sent.");
        return Ok(());
    }
    let count = deployment.plan.steps.len();
    let names: Vec<&str> = deployment.plan.steps.iter().map(|step| step.what).collect();
    let addresses: Vec<Address> = deployment.plan.steps.iter().map(|step| step.address).collect();
    let rollup = deployment.run(&options, |progress| tell(progress, &names, &addresses, count)).await?;

    let path = arguments.dir.join("rollup.json");
    rollup::files::write(&path, &serde_json::to_vec_pretty(&rollup)?)
        .with_context(|| format!("cannot write {}", path.display()))?;
    // As every process of the rollup compares it at its start.
    reach_for_command(std::slice::from_ref(&arguments.l1_rpc), &rollup, None).await?;
    done(&path, &arguments.dir);
    Ok(())
}

fn gwei(name: &str, text: &str) -> Result<u128> {
    let units =
        parse_units(text, "gwei").with_context(|| format!("{name}: not an amount of gwei: {text:?}"))?;
    let wei: u128 = units.get_absolute().try_into().ok().with_context(|| format!("{name} is too much"))?;
    ensure!(!units.is_negative() && wei > 0, "{name} must be more than 0");
    Ok(wei)
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

fn confirmed() -> Result<bool> {
    if !std::io::stdin().is_terminal() {
        bail!("there is no terminal to ask at: give --yes if this is what you want");
    }
    print!("Deploy this? [y/N] ");
    std::io::stdout().flush()?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

fn tell(progress: &DeployProgress, names: &[&str], addresses: &[Address], count: usize) {
    let place = |step: usize| format!("{:>2}/{count}", step + 1);
    let name = |step: usize| names.get(step).copied().unwrap_or_default();
    let address = |step: usize| addresses.get(step).copied().unwrap_or_default();
    match progress {
        DeployProgress::Found { step } => println!("{}  {} is there", place(*step), name(*step)),
        DeployProgress::Sent { step, hash } => println!("{}  {}: sent {hash}", place(*step), name(*step)),
        DeployProgress::Deployed { step, gas } => {
            println!("{}  {} at {} ({gas} gas)", place(*step), name(*step), address(*step));
        }
        DeployProgress::TooExpensive { base_fee, max_fee } => println!(
            "       L1's base fee is {} gwei, and --max-fee is {}: waiting. Ctrl-C stops; the same command goes on",
            base_fee / 1_000_000_000,
            max_fee / 1_000_000_000
        ),
        DeployProgress::Trouble { reason } => println!("       trying again: {reason}"),
    }
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
