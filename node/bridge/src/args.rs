//! The command line of `recourse-node bridge`.

use std::{path::PathBuf, time::Duration};

use alloy::primitives::{Address, B256, Bytes};
use clap::{Args, Subcommand};

const EXAMPLES: &str = "\
A deposit takes seconds: it is on L2 once the sequencer has seen it on L1.
A withdrawal takes days on a main network and has three steps, all but the first on L1:
  withdraw   the transaction on L2
  prove      once an output with it was proposed on L1: shows that the withdrawal is part of it
  finalize   once the proof is old enough and the proposal final: pays

Every command waits, and can be stopped and started again with the transaction's hash.

Examples (with RECOURSE_ROLLUP, RECOURSE_L1_RPC, RECOURSE_L2_RPC and RECOURSE_KEY set, or the options):
  recourse-node bridge deposit --amount 1.5
  recourse-node bridge withdraw --amount 0.2
  recourse-node bridge status 0xHASH
  recourse-node bridge prove 0xHASH
  recourse-node bridge finalize 0xHASH

Tokens, by the standard bridge:
  recourse-node bridge deposit --amount 100 --token 0xL1TOKEN --l2-token 0xL2TOKEN
  recourse-node bridge withdraw --amount 100 --l2-token 0xL2TOKEN";

/// `recourse-node bridge`
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct BridgeArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: BridgeCommand,
}

/// What the bridge can do.
#[derive(Clone, Debug, Subcommand)]
pub enum BridgeCommand {
    /// Move ETH or tokens from L1 to L2, and wait until they are there.
    Deposit(DepositArgs),
    /// Start to move ETH or tokens from L2 to L1.
    Withdraw(WithdrawArgs),
    /// Wait until a withdrawal can be proven on L1, and prove it.
    Prove(StepArgs),
    /// Wait until a proven withdrawal can be finalized on L1, and finalize it. Anyone can do this for anyone.
    Finalize(StepArgs),
    /// Say how far a deposit or a withdrawal is.
    Status(StatusArgs),
}

/// Where the two chains are.
#[derive(Clone, Debug, Args)]
pub struct EndpointArgs {
    /// The rollup's configuration, as its deployment wrote it.
    #[arg(long, value_name = "FILE", env = "RECOURSE_ROLLUP")]
    pub rollup: PathBuf,

    /// HTTP endpoint of an L1 node. Several, by commas or by repeating it, the preferred one first: where one fails, the next
    /// is asked.
    #[arg(long, value_name = "URL", env = "RECOURSE_L1_RPC", required = true, value_delimiter = ',')]
    pub l1_rpc: Vec<String>,

    /// End with an error if L1 has not answered for so long at the start. Default: 10s.
    #[arg(long, value_name = "TIME", value_parser = rollup::process::duration)]
    pub l1_timeout: Option<Duration>,

    /// HTTP endpoint of a node of the rollup: the sequencer, or a replica.
    #[arg(
        long,
        visible_alias = "rpc",
        value_name = "URL",
        env = "RECOURSE_L2_RPC",
        default_value = "http://127.0.0.1:9545"
    )]
    pub l2_rpc: String,
}

/// Who signs.
#[derive(Clone, Debug, Args)]
pub struct SignerArgs {
    /// File with the hexadecimal private key of the account that sends, or a keystore with it.
    #[arg(long, value_name = "FILE", env = "RECOURSE_KEY")]
    pub key: PathBuf,

    /// File with the password of the keystore that --key names.
    #[arg(long, value_name = "FILE", env = "RECOURSE_PASSWORD")]
    pub password: Option<PathBuf>,
}

/// What a deposit and the beginning of a withdrawal have in common.
#[derive(Clone, Debug, Args)]
pub struct TransferArgs {
    /// Where the two chains are.
    #[command(flatten)]
    pub endpoints: EndpointArgs,

    /// Who signs; not needed with --resume.
    #[arg(long, value_name = "FILE", env = "RECOURSE_KEY", required_unless_present = "resume")]
    pub key: Option<PathBuf>,

    /// File with the password of the keystore that --key names.
    #[arg(long, value_name = "FILE", env = "RECOURSE_PASSWORD")]
    pub password: Option<PathBuf>,

    /// How much: ETH, or whole tokens with --l2-token.
    #[arg(long, value_name = "AMOUNT", required_unless_present = "resume")]
    pub amount: Option<String>,

    /// Who gets it on the other chain. Default: the sender.
    #[arg(long, value_name = "ADDRESS")]
    pub to: Option<Address>,

    /// Call data for the recipient (ETH only).
    #[arg(long, value_name = "HEX", default_value = "0x", conflicts_with = "l2_token")]
    pub data: Bytes,

    /// Send nothing: wait for the transaction with this hash, which an earlier call has sent.
    #[arg(long, value_name = "HASH", conflicts_with_all = ["amount", "to", "l2_token"])]
    pub resume: Option<B256>,
}

/// `recourse-node bridge deposit`
#[derive(Clone, Debug, Args)]
pub struct DepositArgs {
    /// What, and to whom.
    #[command(flatten)]
    pub transfer: TransferArgs,

    /// Gas limit of the call on L2.
    #[arg(long, value_name = "GAS", default_value_t = 200_000)]
    pub gas_limit: u32,

    /// An ERC-20 on L1 to deposit instead of ETH.
    // The conflicts stand here, too: one with --l2-token alone would make Clap forget that --token requires it.
    #[arg(long, value_name = "ADDRESS", requires = "l2_token", conflicts_with_all = ["data", "resume"])]
    pub token: Option<Address>,

    /// The token on L2 that stands for it.
    #[arg(long, value_name = "ADDRESS", requires = "token")]
    pub l2_token: Option<Address>,
}

/// `recourse-node bridge withdraw`
#[derive(Clone, Debug, Args)]
pub struct WithdrawArgs {
    /// What, and to whom.
    #[command(flatten)]
    pub transfer: TransferArgs,

    /// Least gas for the call on L1.
    #[arg(long, value_name = "GAS", default_value_t = 100_000)]
    pub gas_limit: u32,

    /// A token on L2 that stands for one on L1, to withdraw instead of ETH.
    #[arg(long, value_name = "ADDRESS")]
    pub l2_token: Option<Address>,
}

/// `recourse-node bridge prove` and `finalize`
#[derive(Clone, Debug, Args)]
pub struct StepArgs {
    /// The withdrawal's transaction on L2.
    #[arg(value_name = "HASH")]
    pub hash: B256,

    /// Which of the transaction's withdrawals, if it has several.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub index: usize,

    /// Where the two chains are.
    #[command(flatten)]
    pub endpoints: EndpointArgs,

    /// Who signs.
    #[command(flatten)]
    pub signer: SignerArgs,
}

/// `recourse-node bridge status`
#[derive(Clone, Debug, Args)]
pub struct StatusArgs {
    /// A deposit's transaction on L1, or a withdrawal's on L2.
    #[arg(value_name = "HASH")]
    pub hash: B256,

    /// Which of the transaction's withdrawals, if it has several.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub index: usize,

    /// Where the two chains are.
    #[command(flatten)]
    pub endpoints: EndpointArgs,
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Deposit {
        #[command(flatten)]
        args: DepositArgs,
    }

    fn parse(options: &str) -> Result<DepositArgs, clap::Error> {
        let always = "deposit --rollup r --l1-rpc http://l1 --key k";
        let words = always.split(' ').chain(options.split(' ').filter(|word| !word.is_empty()));
        Deposit::try_parse_from(words).map(|parsed| parsed.args)
    }

    const TOKEN: &str = "--token 0x1111111111111111111111111111111111111111";
    const L2_TOKEN: &str = "--l2-token 0x2222222222222222222222222222222222222222";

    #[test]
    fn a_deposit_is_of_ether_or_of_a_token_on_both_layers() {
        assert!(parse("--amount 5").is_ok_and(|args| args.token.is_none() && args.l2_token.is_none()));
        assert!(parse("--amount 5 --data 0x12").is_ok());
        let both = parse(&format!("--amount 5 {TOKEN} {L2_TOKEN}"));
        assert!(both.is_ok_and(|args| args.token.is_some() && args.l2_token.is_some()));
        let hash = format!("--resume 0x{}", "33".repeat(32));
        assert!(parse(&hash).is_ok());
        for half in [TOKEN, L2_TOKEN] {
            for rest in ["--amount 5", "--amount 5 --data 0x12", &hash] {
                assert!(parse(&format!("{rest} {half}")).is_err(), "{rest} {half}");
            }
        }
        assert!(parse(&format!("--amount 5 --data 0x12 {TOKEN} {L2_TOKEN}")).is_err());
        assert!(parse(&format!("{hash} {TOKEN} {L2_TOKEN}")).is_err());
    }
}
