//! What can be said to `recourse-node fees`.

use bridge::args::EndpointArgs;
use clap::Args;

const EXAMPLES: &str = "\
Users pay for L1 data by a rule that knows L1's prices, and two weights of the SystemConfig:
  fee = bytes as the rule counts them * (16 * baseFeeScalar * L1 base fee + blobBaseFeeScalar * blob base fee) / 10^6
The rule knows nothing of how full blobs are, how well batches compress, or what L1 asks for a batch as such. This command
compares what was paid with what it cost, and computes the weights that would have made them meet. The margin is for prices
that rise between a transaction on L2 and its batch on L1.

Only data is compared: proposals and disputes, and what users pay for L2's gas, are not in it.

Examples:
  recourse-node fees --rollup rollup.json --l1-rpc http://127.0.0.1:8545 --rpc http://127.0.0.1:9545
  recourse-node fees --from 100000 --to 200000 --margin 25 --json";

/// `recourse-node fees`
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct FeesArgs {
    /// Where the two chains are.
    #[command(flatten)]
    pub endpoints: EndpointArgs,

    /// First L2 block. What is compared begins with the batch that holds it.
    #[arg(long, value_name = "BLOCK", default_value_t = 1)]
    pub from: u64,

    /// Last L2 block. What is compared ends with the batch that holds it. Default: the safe head.
    #[arg(long, value_name = "BLOCK")]
    pub to: Option<u64>,

    /// What users are to pay more than posting cost, in percent.
    #[arg(long, value_name = "PERCENT", default_value_t = 10)]
    pub margin: u32,

    /// Print JSON instead of a table: amounts in wei are texts.
    #[arg(long)]
    pub json: bool,
}
