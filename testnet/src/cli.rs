//! The command line.

mod deploy;
mod sending;
mod upgrade;

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use clap::{Parser, Subcommand, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use rollup::blobs::DaChoice;
use testnet::{Devnet, DevnetOptions, Mining, Stage, ports};
use tokio::signal::unix::{SignalKind, signal};

/// How often the processes are looked after.
const WATCH_INTERVAL: Duration = Duration::from_millis(200);

/// Runs a whole rollup on one machine, for development; and deploys one on any L1.
#[derive(Debug, Parser)]
#[command(name = "testnet", version)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Starts an L1 (Anvil), deploys the contracts, and starts a sequencer, a replica, and a challenger with a page to look at.
    ///
    /// Prints the page's address, endpoints, funded accounts, contract addresses and commands to try, writes all but the commands to DIR/devnet.json,
    /// and runs until Ctrl-C. A devnet starts fresh each time: what an earlier one left in DIR is removed.
    Devnet(DevnetArguments),
    /// Writes a commented file of settings for a rollup on any L1, to be filled in.
    Init(deploy::InitArguments),
    /// Deploys a rollup on any L1, by such a file.
    ///
    /// Shows the plan (contracts with their addresses, roles, what it costs) and asks; then sends one transaction after another.
    /// Interrupted at any point, the same command goes on where it was. At the end DIR/rollup.json is what all nodes read.
    Deploy(Box<deploy::DeployArguments>),
    /// Changes a rollup through its timelock, in public: plan, schedule, wait for the delay, execute.
    #[command(subcommand)]
    Upgrade(upgrade::UpgradeCommand),
}

#[derive(Debug, clap::Args)]
struct DevnetArguments {
    /// Folder for keys, databases, logs, rollup.json and devnet.json.
    #[arg(long, default_value = ".devnet")]
    dir: PathBuf,
    /// What to do if a port is taken.
    #[arg(long, value_enum, default_value_t = Ports::Auto)]
    ports: Ports,
    /// Port of the L1.
    #[arg(long, default_value_t = 8545)]
    l1_port: u16,
    /// Port of the L2 sequencer, HTTP and WebSocket.
    #[arg(long, default_value_t = 9545)]
    l2_port: u16,
    /// Port of the L2 replica, HTTP and WebSocket.
    #[arg(long, default_value_t = 9546)]
    replica_port: u16,
    /// Port of the challenger's page.
    #[arg(long, default_value_t = 9700)]
    page_port: u16,
    /// Seconds between L1 blocks.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=600))]
    l1_block_time: u64,
    /// Where the sequencer posts batches: `blobs`, `calldata`, or `auto`, where it is cheaper.
    #[arg(long, value_name = "auto|calldata|blobs", default_value_t = DaChoice::Blobs)]
    da: DaChoice,
    /// Start no replica.
    #[arg(long)]
    no_replica: bool,
    /// Start no challenger, and so no page.
    #[arg(long)]
    no_challenger: bool,
    /// Begin under the rules of Isthmus, and change to Karst so many seconds after the genesis. By default all blocks have
    /// the rules of Karst.
    #[arg(long, value_name = "SECONDS")]
    karst_after: Option<u64>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Ports {
    /// Take a free one, and say so.
    Auto,
    /// Stop with an error.
    Fixed,
}

pub(crate) fn run(cli: Cli) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    match cli.command {
        Command::Devnet(arguments) => runtime.block_on(devnet(arguments)),
        Command::Init(arguments) => deploy::init(&arguments),
        Command::Deploy(arguments) => runtime.block_on(deploy::deploy(*arguments)),
        Command::Upgrade(command) => runtime.block_on(upgrade::run(command)),
    }
}

async fn devnet(arguments: DevnetArguments) -> Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    let mut stopped = async move || {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    };

    let dir = arguments.dir.clone();
    let options = options(arguments)?;
    let mut progress = Progress::new();
    let begun = std::time::Instant::now();
    let mut devnet = tokio::select! {
        devnet = Devnet::start(options, |stage| progress.begin(stage)) => {
            devnet.inspect_err(|_| progress.abandon())?
        }
        // What has started so far ends with the future that is dropped here.
        () = stopped() => {
            progress.abandon();
            println!("Stopped while starting.");
            return Ok(());
        }
    };
    progress.finish();

    let summary = devnet.summary()?;
    let file = dir.join("devnet.json");
    fs::write(&file, serde_json::to_vec_pretty(&summary)?)
        .with_context(|| format!("cannot write {}", file.display()))?;
    print!("{summary}");
    println!(
        "\nDevnet is up after {:.1} s. Logs are in {}. Ctrl-C stops it.",
        begun.elapsed().as_secs_f64(),
        dir.join("logs").display()
    );

    let ended = tokio::select! {
        () = stopped() => Ok(()),
        error = watch(&mut devnet) => Err(error),
    };
    println!("\nStopping …");
    let killed = devnet.stop().await?;
    // Nobody should read endpoints there that no longer answer.
    fs::remove_file(&file).ok();
    match killed.as_slice() {
        [] => println!("All processes have ended."),
        names => println!("All processes have ended; these had to be killed: {}.", names.join(", ")),
    }
    ended
}

/// Returns when a process has ended, and which.
async fn watch(devnet: &mut Devnet) -> anyhow::Error {
    loop {
        if let Err(error) = devnet.check_alive() {
            return error;
        }
        tokio::time::sleep(WATCH_INTERVAL).await;
    }
}

fn options(arguments: DevnetArguments) -> Result<DevnetOptions> {
    let DevnetArguments {
        dir,
        ports,
        l1_port,
        l2_port,
        replica_port,
        page_port,
        l1_block_time,
        da,
        no_replica,
        no_challenger,
        karst_after,
    } = arguments;
    let mut all = vec![l1_port, l2_port, replica_port, page_port];
    all.sort_unstable();
    all.dedup();
    if all.len() < 4 {
        bail!("the ports of L1, L2, the replica and the page must differ");
    }
    let choose = |name: &str, flag: &str, port: u16| -> Result<Option<u16>> {
        if ports::is_free(port) {
            return Ok(Some(port));
        }
        match ports {
            Ports::Fixed => bail!("port {port} for {name} is taken: choose another with {flag}"),
            Ports::Auto => {
                let free = ports::free()?;
                println!("Port {port} is taken: {name} gets {free}.");
                Ok(Some(free))
            }
        }
    };
    if has_old_devnet(&dir) {
        println!("Removing the earlier devnet in {}: a devnet starts fresh.", dir.display());
    }
    let mut options = DevnetOptions::new(&dir)?;
    options.deploy = options.deploy.posting_in(da);
    options.deploy.karst_after = karst_after;
    Ok(DevnetOptions {
        l1_port: choose("L1", "--l1-port", l1_port)?,
        l2_port: choose("L2", "--l2-port", l2_port)?,
        replica_port: choose("the replica", "--replica-port", replica_port)?,
        page_port: match no_challenger {
            true => None,
            false => choose("the page", "--page-port", page_port)?,
        },
        mining: Mining::Every(l1_block_time),
        sample_token: true,
        replica: !no_replica,
        da,
        ..options
    })
}

fn has_old_devnet(dir: &Path) -> bool {
    dir.join("rollup.json").exists()
}

/// Shows what is being started: a spinner in a terminal, a line for each stage that is done anywhere.
struct Progress {
    bar: ProgressBar,
    stage: Option<Stage>,
}

impl Progress {
    fn new() -> Self {
        let bar = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} ({elapsed})") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(100));
        Self { bar, stage: None }
    }

    fn begin(&mut self, stage: Stage) {
        self.done();
        self.bar.set_message(match stage {
            Stage::L1 => "Starting L1",
            Stage::Contracts => "Deploying the contracts",
            Stage::Sequencer => "Starting the sequencer",
            Stage::Replica => "Starting the replica",
            Stage::Challenger => "Starting the challenger",
        });
        self.stage = Some(stage);
    }

    fn done(&mut self) {
        let Some(stage) = self.stage.take() else { return };
        let line = match stage {
            Stage::L1 => "✓ L1 is up",
            Stage::Contracts => "✓ Contracts are deployed",
            Stage::Sequencer => "✓ Sequencer is up",
            Stage::Replica => "✓ Replica is up",
            Stage::Challenger => "✓ Challenger is up",
        };
        self.bar.suspend(|| println!("{line}"));
    }

    fn finish(&mut self) {
        self.done();
        self.bar.finish_and_clear();
    }

    fn abandon(&mut self) {
        self.stage = None;
        self.bar.finish_and_clear();
    }
}
