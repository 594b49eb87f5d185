//! The command line: what can be said to the challenger.

mod account;
mod moves;
mod outputs;
mod replay;
mod report;
mod show;
mod vm;

use std::{net::SocketAddr, path::PathBuf, process::ExitCode, sync::Arc, time::Duration};

use crate::Names;
use alloy::primitives::{Address, Bytes};
use anyhow::{Context, Result, bail};
use clap::{Args, Parser, Subcommand};
use rollup::{
    RollupConfig,
    l1::{FollowerOptions, L1Client, L1Header, reach_for_command},
    process::{BlobReading, LogFormat, Sending},
    program::program_path,
    shutdown,
};

pub use account::AccountKey;

use crate::{
    l1::{GameEntry, LogReader},
    page::PageOptions,
    watch::{WatchOptions, watch},
};

/// The challenger of a Recourse rollup.
///
/// Anyone can propose an output of the rollup on L1, and anyone can dispute it. A challenger rebuilds the chain from L1
/// by itself, compares every proposal with it, and plays each dispute so that the truth wins: whoever made the claim,
/// and whoever else plays. It needs an L1 endpoint and the rollup's rollup.json; to act, also a key with some ETH on L1.
#[derive(Debug, Parser)]
#[command(name = "challenger", version, propagate_version = true, after_help = EXAMPLES)]
pub struct Cli {
    /// How the log is written to standard error; RUST_LOG selects what (default: info).
    #[arg(long, global = true, value_enum, default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,

    /// File of a service's options, in TOML: keys are the names of options, `l1-rpc = "http://…"`; a table `[COMMAND]` counts
    /// for that command only. The command line goes before the environment (RECOURSE_L1_RPC), and that before the file.
    /// `config COMMAND …` prints what is in force.
    #[arg(long, global = true, value_name = "FILE", env = "RECOURSE_CONFIG")]
    pub config: Option<PathBuf>,

    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const EXAMPLES: &str = "\
Examples:
  Watch, and only report:
    challenger watch --rollup rollup.json --l1-rpc http://127.0.0.1:8545 --data-dir data

  Watch, and make the honest moves:
    challenger watch --rollup rollup.json --l1-rpc http://127.0.0.1:8545 --data-dir data --key challenger.key

  All disputes, and one of them as a tree; with a node that you trust, with what is valid:
    challenger games --rollup rollup.json --l1-rpc http://127.0.0.1:8545
    challenger show 3 --rollup rollup.json --l1-rpc http://127.0.0.1:8545 --l2-rpc http://127.0.0.1:9546

  The state of all disputes for a script, which ends with 3 if a person must look:
    challenger report --json --rollup rollup.json --l1-rpc http://127.0.0.1:8545 --l2-rpc http://127.0.0.1:9546

  Run an L2 block in the fault proof VM, and ask the contract about one of its steps:
    challenger vm block 7 --rollup rollup.json --data-dir data
    challenger vm verify 7 --step 1000000 --rollup rollup.json --data-dir data

A dispute: a claim names output roots at up to 16 points between an agreed block and the proposed one. An attack picks
the first invalid segment of a claim and names up to 16 values inside it, and so on: first blocks; then, inside one block,
steps of the fault proof VM that runs it. Where a single step is left, L1 executes it, and the branch is decided. Every
claim has a bond; whoever counters an invalid claim gets half of it. Each side has a clock; a claim that nobody countered
when its attackers' clock has run out is upheld.";

/// The challenger's commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Follow L1 and all disputes; with a key, make every honest move.
    Watch(Box<Watch>),
    /// List the disputes.
    Games(GamesArgs),
    /// Show a dispute: the tree of claims, clocks, who is winning, which moves can be made.
    Show(Show),
    /// Report on all disputes, for scripts and monitoring: what is proposed, who wins, what is owed, what a person must look at.
    ///
    /// Ends with 0 if all is well, with 3 if there is something that a person must look at, with 1 if it could not be told.
    Report(ReportArgs),
    /// Make one move by hand.
    Move(Box<MoveArgs>),
    /// The fault proof VM: run programs and blocks, make and check proofs of steps.
    Vm(VmArgs),
}

/// Which rollup, by its L1.
#[derive(Clone, Debug, Args)]
pub struct Rollup {
    /// The rollup's configuration, as its deployment wrote it.
    #[arg(long, value_name = "FILE", env = "RECOURSE_ROLLUP")]
    pub rollup: PathBuf,

    /// HTTP endpoint of an L1 node. Several, by commas or by repeating it, the preferred one first: where one fails, the next
    /// is asked; what the chain is derived from counts only if two say the same.
    #[arg(long, value_name = "URL", env = "RECOURSE_L1_RPC", required = true, value_delimiter = ',')]
    pub l1_rpc: Vec<String>,

    /// End with an error if L1 has not answered for so long at the start. Default: `watch` waits for it, and tells so;
    /// other commands give it 10s.
    #[arg(long, value_name = "TIME", value_parser = rollup::process::duration)]
    pub l1_timeout: Option<Duration>,
}

/// `challenger watch`
#[derive(Clone, Debug, Args)]
pub struct Watch {
    /// Which rollup.
    #[command(flatten)]
    pub rollup: Rollup,

    /// Where batches in blobs are read from.
    #[command(flatten)]
    pub blobs: BlobReading,

    /// Folder of the embedded replica's database, and of what the fault proof VM has found (`traces`, at most 256 MiB, and
    /// `disagreements`). It is made if it does not exist; deleted, it is rebuilt from L1.
    #[arg(long, value_name = "DIR", env = "RECOURSE_DATA_DIR")]
    pub data_dir: PathBuf,

    /// The account that makes moves and pays bonds.
    #[command(flatten)]
    pub account: AccountKey,

    /// The fault proof programs, by commas or by repeating it: one for each version of the game whose disputes are to be
    /// played. Before an upgrade the old one and the new one. Default: recourse-program.elf beside this binary.
    #[arg(long, value_name = "ELF", env = "RECOURSE_PROGRAM", value_delimiter = ',')]
    pub program: Vec<PathBuf>,

    /// How often L1 is asked for new blocks, such as 500ms or 4s. Default: by the L1's chain id, 250 ms on a devnet.
    #[arg(long, value_name = "TIME", value_parser = rollup::process::duration)]
    pub l1_poll: Option<Duration>,

    /// Least L1 endpoints that must say the same of what is derived. With 1, two must where two answer, and one is followed
    /// alone while the others are left out; with 2, nothing is derived then.
    #[arg(long, value_name = "NUMBER", default_value_t = FollowerOptions::default().least_endpoints)]
    pub l1_agreement: usize,

    /// Address that serves Prometheus metrics. Default: none.
    #[arg(long, value_name = "ADDR")]
    pub metrics: Option<SocketAddr>,

    /// Address that serves a page for people, such as `127.0.0.1:9700`: the chain, every dispute, what is wrong and why. It only
    /// shows. Default: none.
    #[arg(long, value_name = "ADDR")]
    pub page: Option<SocketAddr>,

    /// Names under which the page is asked for, with commas in between and without ports; "*" for any. "localhost" and addresses
    /// always are. A proxy in front of it has such a name, and must pass `Host` on.
    #[arg(long, value_name = "NAMES", default_value_t = Names::default(), requires = "page")]
    pub page_hosts: Names,

    /// HTTP endpoint of an L2 node, whose newest block the page shows beside those that are on L1.
    #[arg(long, value_name = "URL", env = "RECOURSE_L2_RPC")]
    pub l2_rpc: Option<String>,

    /// Check the machine of the version in force on L1 whenever its last recorded check is older than this, such as `24h`
    /// (3 million gas each). If an L1 fork breaks the machine, what was decided after the last check does not count.
    /// Default: never; a broken machine is suspended in any case.
    #[arg(long, value_name = "TIME", value_parser = rollup::process::duration)]
    pub record_checks: Option<Duration>,

    /// How L1 transactions are sent.
    #[command(flatten)]
    pub sending: Sending,

    /// Make the moves that can be made now, and end when there are none.
    #[arg(long)]
    pub once: bool,
}

/// `challenger games`
#[derive(Clone, Debug, Args)]
pub struct GamesArgs {
    /// Which rollup.
    #[command(flatten)]
    pub rollup: Rollup,

    /// HTTP endpoint of an L2 node that you trust: says which proposals are right.
    #[arg(long, value_name = "URL", env = "RECOURSE_L2_RPC")]
    pub l2_rpc: Option<String>,
}

/// `challenger report`
#[derive(Clone, Debug, Args)]
pub struct ReportArgs {
    /// Which rollup.
    #[command(flatten)]
    pub rollup: Rollup,

    /// HTTP endpoint of an L2 node that you trust: says which proposals are right. Without it, none is judged.
    #[arg(long, value_name = "URL", env = "RECOURSE_L2_RPC")]
    pub l2_rpc: Option<String>,

    /// Print all that is known as JSON, every claim included; amounts are wei as text.
    #[arg(long)]
    pub json: bool,

    /// Only disputes in which something can still happen, or that owe something.
    #[arg(long)]
    pub open: bool,

    /// An account of yours, by commas or by repeating it: what a dispute owes to it is told, and when it loses a bond.
    #[arg(long, value_name = "ADDRESS", value_delimiter = ',')]
    pub account: Vec<Address>,
}

/// `challenger show`
#[derive(Clone, Debug, Args)]
pub struct Show {
    /// The dispute: its index or its address.
    #[arg(value_name = "GAME")]
    pub game: GameName,

    /// Which rollup.
    #[command(flatten)]
    pub rollup: Rollup,

    /// HTTP endpoint of an L2 node that you trust: says which claims about blocks are right.
    #[arg(long, value_name = "URL", env = "RECOURSE_L2_RPC")]
    pub l2_rpc: Option<String>,
}

/// A dispute, by index or address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GameName {
    /// Index in the factory.
    Index(u64),
    /// The contract.
    Address(Address),
}

impl std::str::FromStr for GameName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(index) = text.parse() {
            return Ok(Self::Index(index));
        }
        text.parse().map(Self::Address).map_err(|_| format!("{text:?} is neither an index nor an address"))
    }
}

/// `challenger move`
#[derive(Clone, Debug, Args)]
pub struct MoveArgs {
    /// Which rollup.
    #[command(flatten)]
    pub rollup: Rollup,

    /// The account that pays.
    #[command(flatten)]
    pub account: AccountKey,

    /// The dispute: its index or its address.
    #[arg(long, value_name = "GAME")]
    pub game: GameName,

    /// The move.
    #[command(subcommand)]
    pub action: HandMove,
}

/// A move by hand. CLAIM is a claim's id, as `challenger show` prints it; any unique beginning of it will do.
#[derive(Clone, Debug, Subcommand)]
pub enum HandMove {
    /// Attack a segment of several blocks or steps. Pays the bond.
    Attack {
        /// The claim to attack.
        claim: String,
        /// Its segment, from 0.
        segment: u8,
        /// The new claim's commitments, separated by commas.
        #[arg(long, value_delimiter = ',', required = true)]
        values: Vec<alloy::primitives::B256>,
    },
    /// Attack a segment of one block by a run of the VM. Pays the bond.
    #[command(alias = "block")]
    AttackBlock {
        /// The claim to attack.
        claim: String,
        /// Its segment, from 0.
        segment: u8,
        /// Steps of the run.
        #[arg(long)]
        steps: u64,
        /// The new claim's commitments, separated by commas: state hashes at the ends of the run's segments.
        #[arg(long, value_delimiter = ',', required = true)]
        values: Vec<alloy::primitives::B256>,
        /// The packed last state, hexadecimal.
        #[arg(long, value_name = "HEX")]
        last_state: Bytes,
    },
    /// Prove that a segment of one step is invalid (`challenger vm witness` makes the proof).
    Step {
        /// The claim to counter.
        claim: String,
        /// Its segment, from 0.
        segment: u8,
        /// The packed state before the step, hexadecimal.
        #[arg(long, value_name = "HEX")]
        state: Bytes,
        /// What the step reads, hexadecimal.
        #[arg(long, value_name = "HEX")]
        witness: Bytes,
    },
    /// Resolve a claim that is countered, or whose attackers' clock has run out.
    #[command(alias = "decide")]
    Resolve {
        /// The claim.
        claim: String,
    },
    /// Distribute the bond of a refuted claim.
    #[command(alias = "settle")]
    Distribute {
        /// The claim.
        claim: String,
    },
    /// Pay out what the game owes to an account.
    #[command(alias = "withdraw")]
    ClaimCredit {
        /// The account; by default the key's.
        account: Option<Address>,
    },
}

/// `challenger vm`
#[derive(Clone, Debug, Args)]
pub struct VmArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: VmCommand,
}

/// Commands of the VM.
#[derive(Clone, Debug, Subcommand)]
pub enum VmCommand {
    /// Run any static ELF file of the VM's instruction set (RV64IM with Zba and Zbb). It finds no preimages.
    Run {
        /// The file.
        elf: PathBuf,
        /// Stop after this many steps.
        #[arg(long, default_value_t = u64::MAX)]
        max_steps: u64,
    },
    /// Run an L2 block from a node's database.
    Block {
        /// The block.
        #[command(flatten)]
        block: BlockArgs,
    },
    /// Make the proof of one step of a block's run, as JSON.
    Witness {
        /// The block.
        #[command(flatten)]
        block: BlockArgs,
        /// Steps before the one to prove.
        #[arg(long)]
        step: u64,
    },
    /// Run a block again about which VM and node disagreed: a file that `watch` wrote below its folder, in `disagreements`.
    /// It holds all that the block reads, so no database is needed.
    Replay {
        /// The file.
        file: PathBuf,
        /// The fault proof program. Default: recourse-program.elf beside this binary.
        #[arg(long, value_name = "ELF", env = "RECOURSE_PROGRAM")]
        program: Option<PathBuf>,
    },
    /// Make the proof of one step, and ask the contract what it makes of it.
    Verify {
        /// The block.
        #[command(flatten)]
        block: BlockArgs,
        /// Steps before the one to prove.
        #[arg(long)]
        step: u64,
        /// Ask the contract on this L1. Without it, its code is run in this process.
        #[arg(long, value_name = "URL")]
        l1_rpc: Option<String>,
    },
}

/// A block in a node's database.
#[derive(Clone, Debug, Args)]
pub struct BlockArgs {
    /// Number of the L2 block.
    pub number: u64,
    /// The rollup's configuration.
    #[arg(long, value_name = "FILE", env = "RECOURSE_ROLLUP")]
    pub rollup: PathBuf,
    /// Folder of the database. No other process may have it open: stop the node first, or copy the folder.
    #[arg(long, value_name = "DIR", env = "RECOURSE_DATA_DIR")]
    pub data_dir: PathBuf,
    /// The fault proof program. Default: recourse-program.elf beside this binary.
    #[arg(long, value_name = "ELF", env = "RECOURSE_PROGRAM")]
    pub program: Option<PathBuf>,
    /// Number of pinned batches. Default: up to the one that holds the block.
    #[arg(long)]
    pub batches: Option<u64>,
}

/// Runs a command, and says with which code the process ends.
pub async fn run(cli: Cli) -> Result<ExitCode> {
    cli.log_format.start();
    match cli.command {
        Command::Watch(args) => run_watch(*args).await?,
        Command::Games(args) => show::games(args).await?,
        Command::Show(args) => show::show(args).await?,
        Command::Report(args) => return report::run(args).await,
        Command::Move(args) => moves::run(*args).await?,
        Command::Vm(args) => vm::run(args.command).await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn run_watch(args: Watch) -> Result<()> {
    let key = args.account.options().open()?;
    let (least, given) = (args.l1_agreement, args.rollup.l1_rpc.len());
    if least > given {
        bail!("--l1-agreement is {least}, but --l1-rpc names {given} endpoints");
    }
    let options = WatchOptions {
        config: Arc::new(RollupConfig::load(&args.rollup.rollup)?),
        data_dir: args.data_dir,
        l1_rpc: args.rollup.l1_rpc,
        blobs: args.blobs,
        l1_poll: args.l1_poll,
        l1_timeout: args.rollup.l1_timeout,
        l1_agreement: args.l1_agreement,
        key,
        programs: if args.program.is_empty() { vec![program_path()?] } else { args.program },
        metrics: args.metrics,
        page: args.page.map(|address| PageOptions { address, hosts: args.page_hosts, l2_rpc: args.l2_rpc }),
        transactions: args.sending.options("challenger"),
        record_checks: args.record_checks,
        once: args.once,
    };
    let (stop, shutdown) = shutdown::channel();
    tokio::spawn(async move {
        rollup::process::stop_signal().await;
        stop.stop();
        // A second signal does not wait.
        rollup::process::stop_signal().await;
        std::process::exit(130);
    });
    watch(options, None, shutdown).await
}

fn program(named: Option<PathBuf>) -> Result<PathBuf> {
    named.map_or_else(|| Ok(program_path()?), Ok)
}

/// A rollup's games, as L1 has them now.
struct Open {
    config: Arc<RollupConfig>,
    client: L1Client,
    reader: LogReader,
    /// The L1 block up to which the games are read.
    head: L1Header,
    /// L1's time, in seconds.
    now: u64,
}

impl Rollup {
    async fn open(&self) -> Result<Open> {
        let config = Arc::new(RollupConfig::load(&self.rollup)?);
        let client = reach_for_command(&self.l1_rpc, &config, self.l1_timeout).await?;
        let mut reader = LogReader::new(client.clone(), config.contracts, config.l1_start_block);
        let head = reader.sync().await.context("cannot read the games from L1")?;
        Ok(Open { config, client, reader, now: head.timestamp(), head })
    }
}

impl Open {
    fn game(&self, name: GameName) -> Result<&GameEntry> {
        let games = self.reader.games();
        let found = match name {
            GameName::Index(index) => games.iter().find(|entry| entry.index == index),
            GameName::Address(address) => games.get(address),
        };
        match (found, name) {
            (Some(entry), _) => Ok(entry),
            (None, GameName::Index(index)) => bail!("there is no game {index}: see `challenger games`"),
            (None, GameName::Address(address)) => bail!("the factory has made no game {address}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }

    #[test]
    fn a_game_is_an_index_or_an_address() {
        assert_eq!("7".parse(), Ok(GameName::Index(7)));
        let address = Address::repeat_byte(3);
        assert_eq!(address.to_string().parse(), Ok(GameName::Address(address)));
        assert!("x".parse::<GameName>().is_err());
    }
}
