//! `deploy.toml`.

use std::{fmt::Write, time::Duration};

use alloy::primitives::{Address, utils::parse_ether};
use anyhow::{Context, Result, bail, ensure};
use clap::ValueEnum;
use rollup::{blobs::DaChoice, process::duration};
use serde::Deserialize;

use crate::{DeployConfig, Program, RoleAccounts};

/// Longest `deploy.toml`, in bytes.
const MOST_BYTES: usize = 64 << 10;

/// What values a deployment begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Preset {
    /// Times in which all roles together cannot keep anybody in: for funds of value.
    Mainnet,
    /// Hours in place of days, and low bonds: for a public test network.
    Testnet,
    /// Seconds: for development. Worth nothing as a protection.
    Devnet,
}

impl Preset {
    const fn name(self) -> &'static str {
        match self {
            Self::Mainnet => "mainnet",
            Self::Testnet => "testnet",
            Self::Devnet => "devnet",
        }
    }

    /// Its values, for these roles.
    fn config(self, chain_id: u64, accounts: RoleAccounts) -> DeployConfig {
        let mainnet = DeployConfig::mainnet(chain_id, accounts);
        match self {
            Self::Mainnet => mainnet,
            Self::Testnet => DeployConfig {
                chain: stf::ChainConfig { force_delay: 3600, ..mainnet.chain },
                sequencer_timeout: 1800,
                max_clock_duration: 6 * 3600,
                clock_extension: 15 * 60,
                boundary_extension: 30 * 60,
                finality_delay: 3600,
                proof_maturity_delay: 3600,
                pause_duration: 24 * 3600,
                bond: 50_000_000_000_000_000,
                leaf_bond: 20_000_000_000_000_000,
                upgrade_delay: Some(3 * 24 * 3600),
                ..mainnet
            },
            Self::Devnet => mainnet.with_devnet_times(),
        }
    }
}

/// The file, as it is written. Times are such as `84h`; amounts of ETH such as `0.5`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Settings {
    /// What the values begin with.
    pub preset: Preset,
    /// The L1 that is meant.
    pub l1_chain_id: u64,
    /// L2's chain id.
    pub l2_chain_id: u64,
    /// Owns the system configuration, and schedules upgrades.
    pub owner: Address,
    /// May pause withdrawals and exclude games.
    pub guardian: Address,
    /// Posts batches.
    pub batcher: Address,
    /// Signs the feed.
    pub signer: Address,
    /// Gets L2's fees; the owner if not given.
    pub fee_recipient: Option<Address>,
    /// The version of the game that takes over if the machine of the first one breaks; none if not given.
    pub standby: Option<Address>,
    /// Where batches are posted: decides the weights of L1's prices.
    da: Option<String>,
    upgrade_delay: Option<String>,
    force_delay: Option<String>,
    sequencer_timeout: Option<String>,
    max_clock_duration: Option<String>,
    clock_extension: Option<String>,
    boundary_extension: Option<String>,
    finality_delay: Option<String>,
    proof_maturity_delay: Option<String>,
    pause_duration: Option<String>,
    bond: Option<String>,
    leaf_bond: Option<String>,
    gas_limit: Option<u64>,
}

impl Settings {
    /// Reads the file's text.
    ///
    /// # Errors
    /// What was expected, and where.
    pub fn read(text: &str) -> Result<Self> {
        ensure!(text.len() <= MOST_BYTES, "longer than {MOST_BYTES} bytes");
        let settings: Self = toml::from_str(text)?;
        for (name, account) in settings.roles() {
            ensure!(!account.is_zero(), "{name} is the zero address: nobody could act as it");
        }
        Ok(settings)
    }

    /// The roles, by their names.
    pub fn roles(&self) -> [(&'static str, Address); 4] {
        [
            ("owner", self.owner),
            ("guardian", self.guardian),
            ("batcher", self.batcher),
            ("signer", self.signer),
        ]
    }

    /// The rollup's parameters.
    ///
    /// # Errors
    /// Which value is wrong.
    pub fn config(&self, program: Program) -> Result<DeployConfig> {
        let accounts = RoleAccounts {
            owner: self.owner,
            guardian: self.guardian,
            batcher: self.batcher,
            signer: self.signer,
        };
        let mut config = self.preset.config(self.l2_chain_id, accounts);
        config.program = program;
        if let Some(da) = &self.da {
            let da: DaChoice = da.parse().map_err(|error| anyhow::anyhow!("da: {error}"))?;
            config = config.posting_in(da);
        }
        config.standby = self.standby.unwrap_or_default();
        config.fee_recipient = self.fee_recipient.unwrap_or(self.owner);
        match self.upgrade_delay.as_deref() {
            None => {}
            Some("never") => config.upgrade_delay = None,
            Some(text) => config.upgrade_delay = Some(seconds("upgrade-delay", text)?),
        }
        for (name, text, value) in [
            ("force-delay", &self.force_delay, &mut config.chain.force_delay),
            ("sequencer-timeout", &self.sequencer_timeout, &mut config.sequencer_timeout),
            ("max-clock-duration", &self.max_clock_duration, &mut config.max_clock_duration),
            ("clock-extension", &self.clock_extension, &mut config.clock_extension),
            ("boundary-extension", &self.boundary_extension, &mut config.boundary_extension),
            ("finality-delay", &self.finality_delay, &mut config.finality_delay),
            ("proof-maturity-delay", &self.proof_maturity_delay, &mut config.proof_maturity_delay),
            ("pause-duration", &self.pause_duration, &mut config.pause_duration),
        ] {
            if let Some(text) = text {
                *value = seconds(name, text)?;
            }
        }
        for (name, text, value) in
            [("bond", &self.bond, &mut config.bond), ("leaf-bond", &self.leaf_bond, &mut config.leaf_bond)]
        {
            if let Some(text) = text {
                let wei =
                    parse_ether(text).with_context(|| format!("{name}: not an amount of ETH: {text:?}"))?;
                *value = wei.try_into().ok().with_context(|| format!("{name} is too much"))?;
            }
        }
        config.gas_limit = self.gas_limit.unwrap_or(config.gas_limit);
        check(&config)?;
        Ok(config)
    }
}

fn seconds(name: &str, text: &str) -> Result<u64> {
    let time = duration(text).map_err(|error| anyhow::anyhow!("{name}: {error}"))?;
    ensure!(time >= Duration::from_secs(1), "{name}: at least 1s is needed, found {text:?}");
    Ok(time.as_secs())
}

/// What the contracts would refuse, or a rollup could not live with.
fn check(config: &DeployConfig) -> Result<()> {
    if config.boundary_extension >= config.max_clock_duration {
        bail!("boundary-extension must be shorter than max-clock-duration");
    }
    if config.clock_extension > config.boundary_extension {
        bail!("clock-extension must not be longer than boundary-extension");
    }
    if config.leaf_bond > config.bond {
        bail!("leaf-bond must not be more than bond");
    }
    let limits = stf::config::MIN_BLOCK_GAS_LIMIT..=stf::config::MAX_BLOCK_GAS_LIMIT;
    if !limits.contains(&config.gas_limit) {
        bail!("gas-limit must be {} to {}, found {}", limits.start(), limits.end(), config.gas_limit);
    }
    Ok(())
}

/// A commented file to begin with.
pub fn template(preset: Preset) -> String {
    let accounts = RoleAccounts {
        owner: Address::ZERO,
        guardian: Address::ZERO,
        batcher: Address::ZERO,
        signer: Address::ZERO,
    };
    let config = preset.config(0, accounts);
    let mut text = format!(
        "# A rollup to be deployed: fill in, then `testnet deploy --config FILE --l1-rpc URL --key KEY`.\n\
         # What is commented out has the value of the preset, which is shown.\n\n\
         # What the values begin with: mainnet (nobody can be kept in), testnet (hours, low bonds), devnet (seconds).\n\
         preset = \"{}\"\n\n\
         # The L1 that is meant: 1 is Ethereum, 11155111 Sepolia. Another one is refused.\n\
         l1-chain-id = 0\n\
         # A number that no other chain has: wallets tell chains apart by it.\n\
         l2-chain-id = 0\n\n\
         # Owns the system configuration and schedules upgrades: a multisig.\n\
         owner = \"{zero}\"\n\
         # May pause withdrawals for a while and exclude games: another multisig.\n\
         guardian = \"{zero}\"\n\
         # Posts batches; needs ETH on L1.\n\
         batcher = \"{zero}\"\n\
         # Signs the feed of unsafe blocks; needs none.\n\
         signer = \"{zero}\"\n\
         # L1 account that L2's fees are paid out to. Can never be changed.\n\
         # fee-recipient = the owner\n\n\
         # A version of the game with another machine, deployed before: it takes over if an L1 fork breaks the machine of the\n\
         # first one. Without it, that takes an upgrade and its delay.\n\
         # standby = none\n\n\
         # Where batches will be posted (blobs, calldata, auto): decides what users pay for L1 data at first.\n\
         # da = \"blobs\"\n\n",
        preset.name(),
        zero = Address::ZERO,
    );
    let hours = |seconds: u64| match seconds {
        whole if whole % 3600 == 0 => format!("{}h", whole / 3600),
        whole if whole % 60 == 0 => format!("{}m", whole / 60),
        other => format!("{other}s"),
    };
    let ether = |wei: u128| alloy::primitives::utils::format_ether(wei);
    let delay = config.upgrade_delay.map_or_else(|| "never".into(), hours);
    for (comment, name, value) in [
        (
            "How long an upgrade waits in public; \"never\": nobody can ever change the contracts.",
            "upgrade-delay",
            delay,
        ),
        ("Age from which anyone can force a deposit in.", "force-delay", hours(config.chain.force_delay)),
        (
            "Silence of the sequencer after which anyone can force batches.",
            "sequencer-timeout",
            hours(config.sequencer_timeout),
        ),
        ("Time that each side of a dispute has.", "max-clock-duration", hours(config.max_clock_duration)),
        ("Least time for a next move.", "clock-extension", hours(config.clock_extension)),
        (
            "The same where that move may need a run of the VM.",
            "boundary-extension",
            hours(config.boundary_extension),
        ),
        (
            "Air gap between a game's decision and its finality.",
            "finality-delay",
            hours(config.finality_delay),
        ),
        (
            "Time between the proof of a withdrawal and its payment.",
            "proof-maturity-delay",
            hours(config.proof_maturity_delay),
        ),
        ("Length of a guardian's pause.", "pause-duration", hours(config.pause_duration)),
        ("Bond of a proposal, in ETH.", "bond", ether(config.bond)),
        ("Least bond of a claim, in ETH.", "leaf-bond", ether(config.leaf_bond)),
    ] {
        // A string takes what is written.
        let _ = writeln!(text, "# {comment}\n# {name} = \"{value}\"");
    }
    let _ = writeln!(text, "# L2's block gas limit.\n# gas-limit = {}", config.gas_limit);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROLES: &str = "l1-chain-id = 1\nl2-chain-id = 77\n\
        owner = \"0x0000000000000000000000000000000000000001\"\n\
        guardian = \"0x0000000000000000000000000000000000000002\"\n\
        batcher = \"0x0000000000000000000000000000000000000003\"\n\
        signer = \"0x0000000000000000000000000000000000000004\"\n";

    fn config(more: &str) -> Result<DeployConfig> {
        Settings::read(&format!("{more}\n{ROLES}"))?.config(Program::default())
    }

    #[test]
    fn a_preset_has_its_values_and_a_file_others() -> Result<()> {
        let mainnet = config("preset = \"mainnet\"")?;
        assert_eq!(mainnet.upgrade_delay, Some(45 * 24 * 3600));
        assert_eq!(mainnet.accounts.guardian, Address::with_last_byte(2));
        assert_eq!((mainnet.chain.chain_id, mainnet.fee_recipient), (77, Address::with_last_byte(1)));
        let standby =
            config("preset = \"mainnet\"\nstandby = \"0x0000000000000000000000000000000000000009\"")?;
        assert_eq!(standby.standby, Address::with_last_byte(9));
        let other =
            config("preset = \"testnet\"\nupgrade-delay = \"never\"\nforce-delay = \"2h\"\nbond = \"1.5\"")?;
        assert_eq!((other.upgrade_delay, other.chain.force_delay), (None, 7200));
        assert_eq!(other.bond, 1_500_000_000_000_000_000);
        Ok(())
    }

    #[test]
    fn what_the_file_of_a_preset_shows_is_what_the_preset_has() -> Result<()> {
        for preset in [Preset::Mainnet, Preset::Testnet, Preset::Devnet] {
            let text = template(preset);
            assert!(Settings::read(&text).is_err(), "roles are to be filled in");
            let plain = config(&format!("preset = \"{}\"", preset.name()))?;
            // With all that is commented out, but the recipient.
            let shown: String = text
                .lines()
                .filter_map(|line| line.strip_prefix("# "))
                .filter(|line| {
                    line.contains(" = ") && !line.starts_with("fee-recipient") && !line.starts_with("standby")
                })
                .fold(format!("preset = \"{}\"\n", preset.name()), |all, line| all + line + "\n");
            assert_eq!(format!("{:?}", config(&shown)?), format!("{plain:?}"));
        }
        Ok(())
    }

    #[test]
    fn wrong_values_are_named() {
        for (more, expected) in [
            ("preset = \"mainnet\"\nclock-extensio = \"1h\"", "clock-extensio"),
            ("preset = \"main\"", "main"),
            ("preset = \"mainnet\"\nforce-delay = \"soon\"", "force-delay"),
            ("preset = \"mainnet\"\nleaf-bond = \"2\"", "leaf-bond must not be more than bond"),
            ("preset = \"mainnet\"\nboundary-extension = \"90h\"", "boundary-extension must be shorter"),
            ("preset = \"mainnet\"\ngas-limit = 1", "gas-limit must be 30000000 to 60000000"),
            ("preset = \"mainnet\"\nda = \"pigeons\"", "da: "),
        ] {
            let error = config(more).map(|_| ()).map_err(|error| format!("{error:#}"));
            assert!(error.as_ref().is_err_and(|error| error.contains(expected)), "{more}: {error:?}");
        }
        let zero = ROLES
            .replace("0000000000000000000000000000000000000003", "0000000000000000000000000000000000000000");
        let error = Settings::read(&format!("preset = \"mainnet\"\n{zero}")).map(|_| ());
        assert!(error.is_err_and(|error| error.to_string().starts_with("batcher is the zero address")));
    }
}
