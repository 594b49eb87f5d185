//! What commands that send L1 transactions have in common.

use std::{
    io::{IsTerminal, Write},
    path::PathBuf,
};

use alloy::primitives::{Address, utils::parse_units};
use anyhow::{Context, Result, bail, ensure};
use rollup::signer::{KeyOptions, KeySource, Signer};
use testnet::{
    DeployStep,
    public::{DeployProgress, SendingOptions},
};

/// Who sends, for how much.
#[derive(Debug, clap::Args)]
pub(super) struct SendingArguments {
    /// What signs: a file with a hexadecimal private key, a keystore (see --password), or a signer elsewhere, which needs
    /// --address. Nothing else may use the account meanwhile. To deploy takes no power, and gives none.
    #[arg(long, value_name = "FILE|URL")]
    key: KeySource,
    /// File with the password of the keystore that --key names.
    #[arg(long, value_name = "FILE")]
    password: Option<PathBuf>,
    /// The account of --key. A signer elsewhere needs it; of a file it is checked.
    #[arg(long, value_name = "ADDRESS")]
    address: Option<Address>,
    /// Most that a unit of gas may cost, in gwei. While L1 asks for more, this waits.
    #[arg(long, value_name = "GWEI", default_value = "50")]
    max_fee: String,
    /// Tip for a unit of gas, in gwei.
    #[arg(long, value_name = "GWEI", default_value = "1")]
    tip: String,
    /// Do not ask.
    #[arg(long)]
    yes: bool,
}

impl SendingArguments {
    /// What signs, for errors in a role.
    pub(super) fn signer(&self, role: &'static str) -> Result<Signer> {
        let key = KeyOptions {
            role,
            prefix: "--",
            key: Some(&self.key),
            password: self.password.as_deref(),
            address: self.address,
        };
        key.open()?.context("--key is missing")
    }

    pub(super) fn options(&self) -> Result<SendingOptions> {
        Ok(SendingOptions {
            max_fee: gwei("--max-fee", &self.max_fee)?,
            tip: gwei("--tip", &self.tip)?,
            poll: None,
        })
    }

    /// Asks, unless it is not to be asked.
    pub(super) fn confirmed(&self, question: &str) -> Result<bool> {
        if self.yes {
            return Ok(true);
        }
        if !std::io::stdin().is_terminal() {
            bail!("there is no terminal to ask at: give --yes if this is what you want");
        }
        print!("{question} [y/N] ");
        std::io::stdout().flush()?;
        let mut answer = String::new();
        std::io::stdin().read_line(&mut answer)?;
        let is_confirmed = matches!(answer.trim(), "y" | "Y" | "yes");
        if !is_confirmed {
            println!("Nothing was sent.");
        }
        Ok(is_confirmed)
    }
}

fn gwei(name: &str, text: &str) -> Result<u128> {
    let units =
        parse_units(text, "gwei").with_context(|| format!("{name}: not an amount of gwei: {text:?}"))?;
    let wei: u128 = units.get_absolute().try_into().ok().with_context(|| format!("{name} is too much"))?;
    ensure!(!units.is_negative() && wei > 0, "{name} must be more than 0");
    Ok(wei)
}

/// Prints what contracts that are being deployed have come to.
pub(super) fn tell(progress: &DeployProgress, steps: &[DeployStep]) {
    let place = |step: usize| format!("{:>2}/{}", step + 1, steps.len());
    let name = |step: usize| steps.get(step).map_or("", |step| step.what);
    let address = |step: usize| steps.get(step).map_or(Address::ZERO, |step| step.address);
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
