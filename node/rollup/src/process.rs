//! What all our processes have: a log, a way to be told to stop, and times on their command lines.

use std::{io::IsTerminal, time::Duration};

use alloy::primitives::utils::{format_units, parse_units};
use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use tracing_subscriber::EnvFilter;

use crate::l1::{Archives, Beacons, BlobSources, FeeCaps, TxOptions};

/// What is logged where `RUST_LOG` says nothing. The server's warnings are about what strangers send, as often as they like.
const DEFAULT_FILTER: &str = "info,db=warn,jsonrpsee-server=error";

/// The log's format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object a line, for machines.
    Json,
}

impl LogFormat {
    /// Starts the log, for the rest of the process.
    pub fn start(self) {
        let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(DEFAULT_FILTER));
        let log = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(std::io::stderr)
            .with_ansi(std::io::stderr().is_terminal());
        match self {
            Self::Text => log.init(),
            Self::Json => log.json().init(),
        }
    }
}

/// Returns when the process is asked to stop (SIGINT, SIGTERM).
pub async fn stop_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        let _ = tokio::signal::ctrl_c().await;
        return;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}

/// Reads a time such as `250ms`, `2s`, `5m` or `1h`.
///
/// # Errors
/// What was expected instead.
pub fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: u64 =
        number.parse().map_err(|_| format!("expected a time such as 250ms, 2s, 5m or 1h, found {text:?}"))?;
    let millis = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err(format!("expected a unit of ms, s, m or h, found {text:?}")),
    };
    number.checked_mul(millis).map(Duration::from_millis).ok_or_else(|| format!("{text} is too long"))
}

/// A time on a command line: [`duration`] reads it, and it prints in the same form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Time(pub Duration);

impl std::str::FromStr for Time {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        duration(text).map(Self)
    }
}

impl std::fmt::Display for Time {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let millis = self.0.as_millis();
        let units = [(3_600_000, "h"), (60_000, "m"), (1_000, "s")];
        match units.into_iter().find(|(unit, _)| millis > 0 && millis.is_multiple_of(*unit)) {
            Some((unit, name)) => write!(f, "{}{name}", millis / unit),
            None => write!(f, "{millis}ms"),
        }
    }
}

/// Where batches in blobs are read from.
#[derive(Clone, Debug, Default, Args)]
pub struct BlobReading {
    /// URL of a beacon node, from which batches in blobs are read. Several, by commas or by repeating it: where one does not
    /// have a blob, the next is asked. Where neither a beacon node nor an archive has it, nothing is derived from there on.
    #[arg(long, value_name = "URL", env = "RECOURSE_L1_BEACON", value_delimiter = ',')]
    pub l1_beacon: Vec<String>,

    /// JSON-RPC of another node of this rollup, from which blobs are read that no beacon node has: beacon nodes forget them
    /// after some 18 days, nodes of a rollup never. Several, by commas or by repeating it; none is trusted.
    #[arg(long, value_name = "URL", env = "RECOURSE_ARCHIVE", value_delimiter = ',')]
    pub archive: Vec<String>,
}

impl BlobReading {
    /// Who is asked for blobs. Nobody is asked yet.
    ///
    /// # Errors
    /// What is no URL, with its option.
    pub fn sources(&self) -> Result<BlobSources> {
        Ok(BlobSources {
            beacons: Beacons::new(&self.l1_beacon).context("--l1-beacon")?,
            archives: Archives::new(&self.archive).context("--archive")?,
        })
    }
}

/// How L1 transactions are sent.
#[derive(Clone, Debug, Args)]
pub struct Sending {
    /// Send a transaction again with a higher fee if no block took it for so long.
    #[arg(long, value_name = "TIME", default_value_t = Time(TxOptions::default().resend_after))]
    pub resend_after: Time,

    /// Give up waiting for a block after so long. What a transaction was to do is then planned anew.
    #[arg(long, value_name = "TIME", default_value_t = Time(TxOptions::default().timeout))]
    pub send_timeout: Time,

    /// L1 blocks that must hold or follow a transaction before it counts as done; 1: it is in a block.
    #[arg(long, value_name = "BLOCKS", default_value_t = TxOptions::default().confirmations)]
    pub send_confirmations: u64,

    /// Added to the estimate of a transaction's gas, in percent.
    #[arg(long, value_name = "PERCENT", default_value_t = TxOptions::default().gas_margin_percent)]
    pub gas_margin: u64,

    /// Most to pay for a unit of gas, in gwei, the tip with it. A transaction that would need more waits, and says so.
    #[arg(long, value_name = "GWEI", default_value_t = Gwei(FeeCaps::default().max_fee))]
    pub max_gas_price: Gwei,

    /// Most of that for the block's producer, in gwei, whatever endpoints suggest.
    #[arg(long, value_name = "GWEI", default_value_t = Gwei(FeeCaps::default().max_tip))]
    pub max_tip: Gwei,

    /// Least of that for the block's producer, in gwei.
    #[arg(long, value_name = "GWEI", default_value_t = Gwei(FeeCaps::default().min_tip))]
    pub min_tip: Gwei,

    /// Most to pay for all gas of one transaction, in ETH.
    #[arg(long, value_name = "ETH", default_value_t = Ether(FeeCaps::default().max_cost))]
    pub max_tx_cost: Ether,

    /// Most to pay for a unit of blob gas, in gwei. A blob takes 131,072 of them.
    #[arg(long, value_name = "GWEI", default_value_t = Gwei(FeeCaps::default().max_blob_fee))]
    pub max_blob_fee: Gwei,

    /// How often a transaction is sent with a higher fee. After that it waits with the fee that it has.
    #[arg(long, value_name = "NUMBER", default_value_t = TxOptions::default().max_raises)]
    pub max_raises: u32,

    /// Warn when the balance pays for fewer transactions than this, of the recent cost.
    #[arg(long, value_name = "NUMBER", default_value_t = TxOptions::default().low_balance)]
    pub low_balance: u64,
}

/// An amount in gwei on a command line, such as `1.5`; held in wei.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gwei(pub u128);

/// An amount in ETH on a command line, such as `0.25`; held in wei.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ether(pub u128);

/// Reads a decimal number of units of `10^digits` wei.
fn amount(text: &str, digits: u8) -> Result<u128, String> {
    let wrong = || format!("expected a number such as 1.5, found {text:?}");
    // Neither signs nor exponents.
    if !text.chars().all(|c| c.is_ascii_digit() || c == '.') || !text.contains(|c: char| c.is_ascii_digit()) {
        return Err(wrong());
    }
    let wei = parse_units(text, digits).map_err(|_| wrong())?.get_absolute();
    wei.try_into().map_err(|_| format!("{text} is too much"))
}

/// Prints it so that it reads as the same.
fn shown(wei: u128, digits: u8) -> String {
    let text = format_units(wei, digits).unwrap_or_default();
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

impl std::str::FromStr for Gwei {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        amount(text, 9).map(Self)
    }
}

impl std::fmt::Display for Gwei {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&shown(self.0, 9))
    }
}

impl std::str::FromStr for Ether {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        amount(text, 18).map(Self)
    }
}

impl std::fmt::Display for Ether {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&shown(self.0, 18))
    }
}

impl Sending {
    /// The transaction manager's options, for a role as logs and metrics name it.
    pub fn options(&self, role: &'static str) -> TxOptions {
        TxOptions {
            resend_after: self.resend_after.0,
            timeout: self.send_timeout.0,
            confirmations: self.send_confirmations,
            gas_margin_percent: self.gas_margin,
            caps: FeeCaps {
                max_fee: self.max_gas_price.0,
                max_tip: self.max_tip.0,
                min_tip: self.min_tip.0,
                max_cost: self.max_tx_cost.0,
                max_blob_fee: self.max_blob_fee.0,
            },
            max_raises: self.max_raises,
            low_balance: self.low_balance,
            role,
            ..TxOptions::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_need_a_unit() {
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(duration("2h"), Ok(Duration::from_secs(7200)));
        for text in ["0ms", "2ms", "1500ms", "45s", "90s", "3m", "1h", "36h"] {
            assert_eq!(text.parse::<Time>().map(|time| time.to_string()).as_deref(), Ok(text));
        }
        for wrong in ["", "5", "s", "1d", "-1s", "99999999999999999999s", "18446744073709551615h"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }
    #[test]
    fn amounts_are_decimal_and_print_as_they_are_read() {
        for text in ["0", "1", "1.5", "500", "0.000000001"] {
            assert_eq!(text.parse::<Gwei>().map(|gwei| gwei.to_string()).as_deref(), Ok(text));
            assert_eq!(text.parse::<Ether>().map(|ether| ether.to_string()).as_deref(), Ok(text));
        }
        assert_eq!("0.25".parse(), Ok(Ether(250_000_000_000_000_000)));
        for wrong in ["", ".", "-1", "1e3", "1,5", "0x10", "9999999999999999999999999999999999999999"] {
            assert!(wrong.parse::<Gwei>().is_err(), "{wrong}");
        }
    }
}
