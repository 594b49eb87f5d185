//! The command line: what can be said to the node, and what it says back when that is wrong.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand};

pub use bridge::args::BridgeArgs;
use rollup::{
    l1::FollowerOptions,
    maintenance::Upkeep,
    process::{BlobReading, Ether, Gwei, LogFormat, Sending, Time, duration},
};
use sequencing::{
    announce::Durability, pool::PoolOptions, proposer::ProposerOptions, sequencer::SequencerOptions,
};
pub use verify::args::VerifyArgs;

mod batching;
mod fees;
mod keys;
mod serving;

pub use batching::Batching;
pub use fees::FeesArgs;
pub use keys::{BatcherKey, FeedKey, ProposerKey};
pub use serving::Serving;

/// The node of a Recourse rollup.
///
/// Every node follows the rollup's inbox on L1 and derives the L2 chain from it, so all it needs is an L1 endpoint
/// and the rollup's rollup.json. What else it does depends on the command.
#[derive(Debug, Parser)]
#[command(name = "recourse-node", version, propagate_version = true, after_help = EXAMPLES)]
pub struct Cli {
    /// How the log is written to standard error; RUST_LOG selects what (default: info).
    #[arg(long, global = true, value_enum, default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,

    /// File of a service's options, in TOML: keys are the names of options, `l1-rpc = "http://…"`; a table `[COMMAND]` counts
    /// for that command only. The command line goes before the environment (RECOURSE_L1_RPC), and that before the file.
    /// `config COMMAND …` prints what is in force.
    #[arg(long, global = true, value_name = "FILE", env = "RECOURSE_CONFIG")]
    pub config: Option<PathBuf>,

    /// What to run.
    #[command(subcommand)]
    pub command: Command,
}

const EXAMPLES: &str = "\
Examples:
  Follow a rollup from L1 alone, and serve its JSON-RPC:
    recourse-node replica --rollup rollup.json --data-dir data --l1-rpc http://127.0.0.1:8545

  The same, with the sequencer's blocks before they are on L1, and transactions passed on to it:
    recourse-node replica --rollup rollup.json --data-dir data --l1-rpc http://127.0.0.1:8545 \\
        --feed ws://127.0.0.1:9545 --sequencer-rpc http://127.0.0.1:9545

  Sequence, post batches and propose outputs:
    recourse-node sequencer --rollup rollup.json --data-dir data --l1-rpc http://127.0.0.1:8545 \\
        --signer-key signer.key --batcher-key batcher.key --proposer-key proposer.key";

/// The node's commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Build blocks from users' transactions; with keys, post batches and propose outputs too.
    Sequencer(Box<SequencerArgs>),
    /// Derive the chain from L1, and serve JSON-RPC.
    Replica(ReplicaArgs),
    /// Post the sequencer's blocks to L1, as a process of its own. Needs the sequencer's feed.
    Batcher(BatcherArgs),
    /// Propose outputs on L1, as a process of its own.
    Proposer(ProposerArgs),
    /// Move ETH and tokens between L1 and L2.
    Bridge(BridgeArgs),
    /// Compare what users paid for L1 data with what posting it cost, and suggest the weights of the fee.
    Fees(FeesArgs),
    /// Compare all of a rollup on L1 with this release: contracts, powers, delays, program, genesis.
    VerifyRollup(VerifyArgs),
}

/// What every node needs.
#[derive(Clone, Debug, Args)]
pub struct Common {
    /// The rollup's configuration, as its deployment wrote it.
    #[arg(long, value_name = "FILE", env = "RECOURSE_ROLLUP")]
    pub rollup: PathBuf,

    /// Folder of the node's database. It is made if it does not exist; deleted, it is rebuilt from L1.
    #[arg(long, value_name = "DIR", env = "RECOURSE_DATA_DIR")]
    pub data_dir: PathBuf,

    /// HTTP endpoint of an L1 node. Several, by commas or by repeating it, the preferred one first: where one fails, the next
    /// is asked; what the chain is derived from counts only if two say the same.
    #[arg(long, value_name = "URL", env = "RECOURSE_L1_RPC", required = true, value_delimiter = ',')]
    pub l1_rpc: Vec<String>,

    /// Where batches in blobs are read from.
    #[command(flatten)]
    pub blobs: BlobReading,

    /// Least L1 endpoints that must say the same of what is derived. With 1, two must where two answer, and one is followed
    /// alone while the others are left out; with 2, nothing is derived then.
    #[arg(long, value_name = "NUMBER", default_value_t = FollowerOptions::default().least_endpoints)]
    pub l1_agreement: usize,

    /// Most L1 blocks in one request for logs. An endpoint that fails on so many is asked for fewer.
    #[arg(long, value_name = "BLOCKS", default_value_t = FollowerOptions::default().range)]
    pub l1_log_range: u64,

    /// How often L1 is asked for new blocks, such as 500ms or 4s. Default: by the L1's chain id, 250 ms on a devnet.
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub l1_poll: Option<Duration>,

    /// End with an error if L1 has not answered for so long at the start. Default: wait for it, and tell so.
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub l1_timeout: Option<Duration>,

    /// How JSON-RPC is served.
    #[command(flatten)]
    pub serving: Serving,

    /// Address that serves Prometheus metrics. Default: none.
    #[arg(long, value_name = "ADDR")]
    pub metrics: Option<SocketAddr>,

    /// Keep the state of this many blocks for historical queries and proofs, and in any case that of all blocks since
    /// the anchor on L1, which disputes and withdrawals need. Default: all.
    #[arg(long, value_name = "BLOCKS")]
    pub retain: Option<u64>,

    /// Keep the transactions and receipts of this many blocks, and in any case those of all blocks since the anchor on L1 and
    /// of those that are not final. Who asks for older ones, or their logs, gets an error. Default: all.
    #[arg(long, value_name = "BLOCKS")]
    pub prune_receipts: Option<u64>,

    /// Megabytes that the disk must have left: with fewer, a sequencer takes no transactions until there is room.
    #[arg(long, value_name = "MB", default_value_t = Upkeep::default().least_room >> 20)]
    pub min_disk_room: u64,

    /// Most gigabytes that the database may take.
    #[arg(long, value_name = "GB", default_value_t = 1024)]
    pub max_db_size: usize,
}

impl Common {
    /// What is done for the database.
    pub fn upkeep(&self) -> Upkeep {
        Upkeep {
            retain: self.retain,
            retain_receipts: self.prune_receipts,
            least_room: self.min_disk_room.saturating_mul(1 << 20),
            index_logs: true,
        }
    }
}

/// Where unsafe blocks come from.
#[derive(Clone, Debug, Args)]
pub struct Feed {
    /// WebSocket endpoint of the sequencer, whose signed blocks are taken before they are on L1.
    #[arg(long, value_name = "URL")]
    pub feed: Option<String>,
}

/// `recourse-node sequencer`
#[derive(Clone, Debug, Args)]
pub struct SequencerArgs {
    /// What every node needs.
    #[command(flatten)]
    pub common: Common,

    /// Who signs the feed.
    #[command(flatten)]
    pub signer: FeedKey,

    /// Address that serves the feed, over WebSocket, and nothing else, with limits of its own: 64 readers. Default: the
    /// feed is served where JSON-RPC is.
    #[arg(long, value_name = "ADDR")]
    pub feed_listen: Option<SocketAddr>,

    /// The signer's key has never signed a block anywhere, but for those that the data folder's log has. Say this once, when
    /// a new key begins to sign and the log was lost: a key whose past is not known signs nothing until L1 is past all that
    /// it may have signed.
    #[arg(long)]
    pub fresh_signer: bool,

    /// When a block is announced: once it is on disk, or once this process has it. With `process` blocks come some
    /// milliseconds earlier, and a power cut, or a crash of the machine, takes announced blocks back: users lose
    /// transactions that they were told of, and nothing is signed up to 60,000 blocks above the safe one afterwards.
    #[arg(long, value_name = "disk|process", default_value = "disk", value_parser = durability)]
    pub durability: Durability,

    /// Who posts batches.
    #[command(flatten)]
    pub batcher: BatcherKey,

    /// Who proposes outputs.
    #[command(flatten)]
    pub proposer: ProposerKey,

    /// An empty block is built after this long without any.
    #[arg(long, value_name = "TIME", default_value_t = Time(SequencerOptions::default().heartbeat))]
    pub heartbeat: Time,

    /// Least time from one block to the next. A lone transaction does not wait for it.
    #[arg(long, value_name = "TIME", default_value_t = Time(SequencerOptions::default().min_block_time))]
    pub min_block_time: Time,

    /// The longest time that a block's transactions may take.
    #[arg(long, value_name = "TIME", default_value_t = Time(SequencerOptions::default().build_budget))]
    pub build_budget: Time,

    /// A transaction that runs for longer than this while others wait is put off, but for no more than 5 s.
    #[arg(long, value_name = "TIME", default_value_t = Time(SequencerOptions::default().patience))]
    pub patience: Time,

    /// Messages are consumed when their L1 block has this many on top.
    #[arg(long, value_name = "BLOCKS", default_value_t = SequencerOptions::default().l1_confirmations)]
    pub l1_confirmations: u64,

    /// What waits for a block.
    #[command(flatten)]
    pub pooling: Pooling,

    /// When batches are posted.
    #[command(flatten)]
    pub batching: Batching,

    /// When outputs are proposed.
    #[command(flatten)]
    pub proposing: Proposing,

    /// How L1 transactions are sent.
    #[command(flatten)]
    pub sending: Sending,

    /// How the batcher sends.
    #[command(flatten)]
    pub batcher_sending: BatcherSending,

    /// How the proposer sends.
    #[command(flatten)]
    pub proposer_sending: ProposerSending,
}

fn durability(text: &str) -> Result<Durability, String> {
    match text {
        "disk" => Ok(Durability::Disk),
        "process" => Ok(Durability::Process),
        _ => Err(format!("expected disk or process, found {text:?}")),
    }
}

/// What waits for a block.
#[derive(Clone, Debug, Args)]
pub struct Pooling {
    /// Most transactions in the pool.
    #[arg(long, value_name = "NUMBER", default_value_t = PoolOptions::default().max_transactions)]
    pub pool_transactions: usize,

    /// Most of them that wait for an earlier nonce.
    #[arg(long, value_name = "NUMBER", default_value_t = PoolOptions::default().max_queued)]
    pub pool_queued: usize,

    /// Most bytes of all transactions in the pool.
    #[arg(long, value_name = "BYTES", default_value_t = PoolOptions::default().max_bytes)]
    pub pool_bytes: usize,

    /// Most transactions of an account once the pool is half full.
    #[arg(long, value_name = "NUMBER", default_value_t = PoolOptions::default().account_limit)]
    pub pool_account_limit: usize,

    /// Most transactions of an account before that.
    #[arg(long, value_name = "NUMBER", default_value_t = PoolOptions::default().account_burst)]
    pub pool_account_burst: usize,

    /// Least priority fee of a transaction, in wei a unit of gas.
    #[arg(long, value_name = "WEI", default_value_t = PoolOptions::default().min_tip)]
    pub pool_min_tip: u128,

    /// What a replacement must pay more, in percent.
    #[arg(long, value_name = "PERCENT", default_value_t = PoolOptions::default().replacement_percent)]
    pub pool_replacement: u128,

    /// How long a transaction waits for an earlier nonce.
    #[arg(long, value_name = "TIME", default_value_t = Time(PoolOptions::default().queued_lifetime))]
    pub pool_queued_lifetime: Time,
}

impl Pooling {
    /// The pool's options.
    pub fn options(&self) -> PoolOptions {
        PoolOptions {
            max_transactions: self.pool_transactions,
            max_queued: self.pool_queued,
            max_bytes: self.pool_bytes,
            account_limit: self.pool_account_limit,
            account_burst: self.pool_account_burst,
            min_tip: self.pool_min_tip,
            replacement_percent: self.pool_replacement,
            queued_lifetime: self.pool_queued_lifetime.0,
            ..PoolOptions::default()
        }
    }
}

/// When outputs are proposed.
#[derive(Clone, Debug, Args)]
pub struct Proposing {
    /// Time between proposals.
    #[arg(long, value_name = "TIME", default_value_t = Time(ProposerOptions::default().interval))]
    pub propose_interval: Time,

    /// Propose earlier once this many blocks are new. Default: no.
    #[arg(long, value_name = "BLOCKS")]
    pub propose_blocks: Option<u64>,

    /// L1 blocks that must follow the batch that a proposal is about.
    #[arg(long, value_name = "BLOCKS", default_value_t = ProposerOptions::default().depth)]
    pub propose_depth: u64,
}

impl Proposing {
    /// The proposer's options.
    pub fn options(&self) -> ProposerOptions {
        ProposerOptions {
            interval: self.propose_interval.0,
            blocks: self.propose_blocks,
            depth: self.propose_depth,
            ..ProposerOptions::default()
        }
    }
}

/// How the batcher sends, where it is to be otherwise than the sender options say.
#[derive(Clone, Debug, Args)]
pub struct BatcherSending {
    /// --send-confirmations of the batcher alone.
    #[arg(long, value_name = "BLOCKS")]
    pub batcher_send_confirmations: Option<u64>,

    /// --max-raises of the batcher alone.
    #[arg(long, value_name = "NUMBER")]
    pub batcher_max_raises: Option<u32>,

    /// --max-gas-price of the batcher alone.
    #[arg(long, value_name = "GWEI")]
    pub batcher_max_gas_price: Option<Gwei>,

    /// --max-tip of the batcher alone.
    #[arg(long, value_name = "GWEI")]
    pub batcher_max_tip: Option<Gwei>,

    /// --max-tx-cost of the batcher alone.
    #[arg(long, value_name = "ETH")]
    pub batcher_max_tx_cost: Option<Ether>,
}

impl BatcherSending {
    /// The sender options, with these in their place.
    pub fn over(&self, sending: &Sending) -> Sending {
        Sending {
            send_confirmations: self.batcher_send_confirmations.unwrap_or(sending.send_confirmations),
            max_raises: self.batcher_max_raises.unwrap_or(sending.max_raises),
            max_gas_price: self.batcher_max_gas_price.unwrap_or(sending.max_gas_price),
            max_tip: self.batcher_max_tip.unwrap_or(sending.max_tip),
            max_tx_cost: self.batcher_max_tx_cost.unwrap_or(sending.max_tx_cost),
            ..sending.clone()
        }
    }
}

/// How the proposer sends, where it is to be otherwise than the sender options say.
#[derive(Clone, Debug, Args)]
pub struct ProposerSending {
    /// --send-confirmations of the proposer alone.
    #[arg(long, value_name = "BLOCKS")]
    pub proposer_send_confirmations: Option<u64>,

    /// --max-raises of the proposer alone.
    #[arg(long, value_name = "NUMBER")]
    pub proposer_max_raises: Option<u32>,

    /// --max-gas-price of the proposer alone.
    #[arg(long, value_name = "GWEI")]
    pub proposer_max_gas_price: Option<Gwei>,

    /// --max-tip of the proposer alone.
    #[arg(long, value_name = "GWEI")]
    pub proposer_max_tip: Option<Gwei>,

    /// --max-tx-cost of the proposer alone.
    #[arg(long, value_name = "ETH")]
    pub proposer_max_tx_cost: Option<Ether>,
}

impl ProposerSending {
    /// The sender options, with these in their place.
    pub fn over(&self, sending: &Sending) -> Sending {
        Sending {
            send_confirmations: self.proposer_send_confirmations.unwrap_or(sending.send_confirmations),
            max_raises: self.proposer_max_raises.unwrap_or(sending.max_raises),
            max_gas_price: self.proposer_max_gas_price.unwrap_or(sending.max_gas_price),
            max_tip: self.proposer_max_tip.unwrap_or(sending.max_tip),
            max_tx_cost: self.proposer_max_tx_cost.unwrap_or(sending.max_tx_cost),
            ..sending.clone()
        }
    }
}

/// `recourse-node replica`
#[derive(Clone, Debug, Args)]
pub struct ReplicaArgs {
    /// What every node needs.
    #[command(flatten)]
    pub common: Common,

    /// Where unsafe blocks come from.
    #[command(flatten)]
    pub feed: Feed,

    /// HTTP endpoint of the sequencer, to which transactions are passed on; until their blocks come they are shown as
    /// pending. Without it transactions are refused.
    #[arg(long, value_name = "URL")]
    pub sequencer_rpc: Option<String>,
}

/// `recourse-node batcher`
#[derive(Clone, Debug, Args)]
pub struct BatcherArgs {
    /// What every node needs.
    #[command(flatten)]
    pub common: Common,

    /// WebSocket endpoint of the sequencer, whose blocks are posted.
    #[arg(long, value_name = "URL")]
    pub feed: String,

    /// Who posts batches.
    #[command(flatten)]
    pub batcher: BatcherKey,

    /// When batches are posted.
    #[command(flatten)]
    pub batching: Batching,

    /// How L1 transactions are sent.
    #[command(flatten)]
    pub sending: Sending,
}

/// `recourse-node proposer`
#[derive(Clone, Debug, Args)]
pub struct ProposerArgs {
    /// What every node needs.
    #[command(flatten)]
    pub common: Common,

    /// Who proposes outputs.
    #[command(flatten)]
    pub proposer: ProposerKey,

    /// When outputs are proposed.
    #[command(flatten)]
    pub proposing: Proposing,

    /// How L1 transactions are sent.
    #[command(flatten)]
    pub sending: Sending,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }
}
