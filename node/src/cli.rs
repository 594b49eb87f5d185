//! The command line: what can be said to the node, and what it says back when that is wrong.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand};

pub use bridge::args::Bridge;
use rollup::process::{LogFormat, duration};

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
    Sequencer(Sequencer),
    /// Derive the chain from L1, and serve JSON-RPC.
    Replica(Replica),
    /// Post the sequencer's blocks to L1, as a process of its own. Needs the sequencer's feed.
    Batcher(Batcher),
    /// Propose outputs on L1, as a process of its own.
    Proposer(Proposer),
    /// Move ETH and tokens between L1 and L2.
    Bridge(Bridge),
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

    /// HTTP endpoint of an L1 node.
    #[arg(long, value_name = "URL", env = "RECOURSE_L1_RPC")]
    pub l1_rpc: String,

    /// How often L1 is asked for new blocks, such as 500ms or 4s. Default: by the L1's chain id, 250 ms on a devnet.
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub l1_poll: Option<Duration>,

    /// End with an error if L1 has not answered for so long at the start. Default: wait for it, and tell so.
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub l1_timeout: Option<Duration>,

    /// Address that serves JSON-RPC, over HTTP and WebSocket.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:9545")]
    pub http: SocketAddr,

    /// Address that serves Prometheus metrics. Default: none.
    #[arg(long, value_name = "ADDR")]
    pub metrics: Option<SocketAddr>,

    /// Keep the state of this many blocks for historical queries and proofs, and in any case that of all blocks since
    /// the anchor on L1, which disputes and withdrawals need. Default: all.
    #[arg(long, value_name = "BLOCKS")]
    pub retain: Option<u64>,

    /// Most gigabytes that the database may take.
    #[arg(long, value_name = "GB", default_value_t = 1024)]
    pub max_db_size: usize,
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
pub struct Sequencer {
    /// What every node needs.
    #[command(flatten)]
    pub common: Common,

    /// File with the hexadecimal private key that signs the feed. Without it there is no feed.
    #[arg(long, value_name = "FILE")]
    pub signer_key: Option<PathBuf>,

    /// File with the batcher's private key. Without it this process posts no batches.
    #[arg(long, value_name = "FILE")]
    pub batcher_key: Option<PathBuf>,

    /// File with the proposer's private key. Without it this process proposes nothing.
    #[arg(long, value_name = "FILE")]
    pub proposer_key: Option<PathBuf>,

    /// An empty block is built after this long without any.
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "2s")]
    pub heartbeat: Duration,

    /// Least time from one block to the next. A lone transaction does not wait for it.
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "2ms")]
    pub min_block_time: Duration,

    /// Messages are consumed when their L1 block has this many on top.
    #[arg(long, value_name = "BLOCKS", default_value_t = 1)]
    pub l1_confirmations: u64,

    /// When batches are posted.
    #[command(flatten)]
    pub batching: Batching,

    /// When outputs are proposed.
    #[command(flatten)]
    pub proposing: Proposing,
}

/// When batches are posted.
#[derive(Clone, Debug, Args)]
pub struct Batching {
    /// Blocks are posted at the latest after this long. A full batch is posted at once.
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "12s")]
    pub batch_interval: Duration,
}

/// When outputs are proposed.
#[derive(Clone, Debug, Args)]
pub struct Proposing {
    /// Time between proposals.
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "1h")]
    pub propose_interval: Duration,
}

/// `recourse-node replica`
#[derive(Clone, Debug, Args)]
pub struct Replica {
    /// What every node needs.
    #[command(flatten)]
    pub common: Common,

    /// Where unsafe blocks come from.
    #[command(flatten)]
    pub feed: Feed,

    /// HTTP endpoint of the sequencer, to which transactions are passed on. Without it they are refused.
    #[arg(long, value_name = "URL")]
    pub sequencer_rpc: Option<String>,
}

/// `recourse-node batcher`
#[derive(Clone, Debug, Args)]
pub struct Batcher {
    /// What every node needs.
    #[command(flatten)]
    pub common: Common,

    /// WebSocket endpoint of the sequencer, whose blocks are posted.
    #[arg(long, value_name = "URL")]
    pub feed: String,

    /// File with the batcher's private key.
    #[arg(long, value_name = "FILE")]
    pub batcher_key: PathBuf,

    /// When batches are posted.
    #[command(flatten)]
    pub batching: Batching,
}

/// `recourse-node proposer`
#[derive(Clone, Debug, Args)]
pub struct Proposer {
    /// What every node needs.
    #[command(flatten)]
    pub common: Common,

    /// File with the proposer's private key.
    #[arg(long, value_name = "FILE")]
    pub proposer_key: PathBuf,

    /// When outputs are proposed.
    #[command(flatten)]
    pub proposing: Proposing,
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
