//! The constants of one rollup that its state transition depends on.

use alloc::vec::Vec;
use alloy_primitives::{B256, keccak256};

use crate::{
    inbox::be_u64,
    rules::{Rules, UnknownRules},
};

mod schedule;

pub use schedule::{Activation, ForkSchedule, ScheduleError};

/// Gas up to which a block takes messages. Deposits are not paid for on L2, so this is what keeps a flood of them from
/// crowding out or slowing down the chain.
pub const DEPOSIT_GAS_CAP: u64 = 20_000_000;

/// Gas of messages that each block of a batch stands for, and the most that one message counts, so also the largest
/// deposit. A block that takes all it may, up to [`DEPOSIT_GAS_CAP`], takes more than this, or all there is. Whoever
/// builds blocks takes no more than this, so that their batches may be cut anywhere. `Inbox.GUARANTEE` on L1.
pub const GUARANTEE: u64 = 10_000_000;

// One message more always fits where a block has taken no more than the guarantee.
const _: () = assert!(2 * GUARANTEE == DEPOSIT_GAS_CAP);

/// Least that any message counts, so that a block consumes at most 952.
pub const MIN_MESSAGE_GAS: u64 = 21_000;

/// Gas limit of the L1-attributes deposit: twenty times what it uses.
pub const L1_ATTRIBUTES_GAS: u64 = 1_000_000;

/// Least block gas limit: the deposits and the L1-attributes deposit always fit.
pub const MIN_BLOCK_GAS_LIMIT: u64 = 30_000_000;

// The room for user transactions is what is left.
const _: () = assert!(DEPOSIT_GAS_CAP + L1_ATTRIBUTES_GAS < MIN_BLOCK_GAS_LIMIT);

/// Greatest block gas limit: what keeps the worst block within the fault proof VM's step limit.
pub const MAX_BLOCK_GAS_LIMIT: u64 = 60_000_000;

/// Version of the packed chain config that this code reads and writes.
const VERSION: u8 = 1;

/// Bytes of a packed chain config before its activations, and of each of these.
const FIXED_SIZE: usize = 26;
const ACTIVATION_SIZE: usize = 9;

/// Chain-specific constants. They enter every dispute by [`ChainConfig::hash`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "std", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "std", serde(rename_all = "camelCase", deny_unknown_fields))]
pub struct ChainConfig {
    /// L2 chain id (EIP-155).
    pub chain_id: u64,
    /// How far a block's timestamp may run ahead of the L1 block that holds its batch, in seconds.
    pub max_drift: u64,
    /// How far it may lie behind that L1 block, in seconds: the inbox's force delay.
    pub force_delay: u64,
    /// Which rules are in force from when on.
    pub forks: ForkSchedule,
}

impl ChainConfig {
    /// The packed config, big-endian:
    ///
    /// | offset | bytes | field |
    /// |---|---|---|
    /// | 0 | 1 | version of the format, 1 |
    /// | 1 | 8 | chainId |
    /// | 9 | 8 | maxDrift |
    /// | 17 | 8 | forceDelay |
    /// | 25 | 1 | number of activations |
    /// | 26 + 9i | 1 | id of the rules |
    /// | 27 + 9i | 8 | timestamp of their activation |
    pub fn encode(&self) -> Vec<u8> {
        let activations = self.forks.activations();
        let mut out = Vec::with_capacity(FIXED_SIZE + ACTIVATION_SIZE * activations.len());
        out.push(VERSION);
        out.extend_from_slice(&self.chain_id.to_be_bytes());
        out.extend_from_slice(&self.max_drift.to_be_bytes());
        out.extend_from_slice(&self.force_delay.to_be_bytes());
        // At most ForkSchedule::MAX.
        out.push(activations.len() as u8);
        for activation in activations {
            out.push(activation.rules);
            out.extend_from_slice(&activation.timestamp.to_be_bytes());
        }
        out
    }

    /// Reads what [`encode`](Self::encode) wrote. `None` on anything else; rules that this code does not know are not
    /// among that.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (fixed, rest) = bytes.split_at_checked(FIXED_SIZE)?;
        let (list, []) = rest.as_chunks::<ACTIVATION_SIZE>() else { return None };
        if fixed[0] != VERSION || list.len() != usize::from(fixed[25]) || list.len() > ForkSchedule::MAX {
            return None;
        }
        let mut activations = [Activation::default(); ForkSchedule::MAX];
        for (activation, bytes) in activations.iter_mut().zip(list) {
            *activation = Activation { rules: bytes[0], timestamp: be_u64(bytes, 1) };
        }
        Some(Self {
            chain_id: be_u64(fixed, 1),
            max_drift: be_u64(fixed, 9),
            force_delay: be_u64(fixed, 17),
            forks: ForkSchedule::new(&activations[..list.len()]).ok()?,
        })
    }

    /// The config with this hash among this one and those that it has grown from: without its newest activation, without the
    /// newest two, and so on.
    pub fn version(&self, hash: B256) -> Option<Self> {
        core::iter::successors(Some(*self), |config| {
            config.forks.before_newest().map(|forks| Self { forks, ..*config })
        })
        .find(|config| config.hash() == hash)
    }

    /// keccak256 of the packed config.
    pub fn hash(&self) -> B256 {
        keccak256(self.encode())
    }

    /// The rules of a block with this timestamp. Where they are unknown, there is no such block for this code: the fault
    /// proof program has no output, and a node stops before it.
    pub fn rules_at(&self, timestamp: u64) -> Result<Rules, UnknownRules> {
        self.forks.rules_at(timestamp)
    }

    /// What a batch in an L1 block of time `l1_timestamp` makes of the timestamp that a spec asks for: not further behind
    /// it than the force delay, not further ahead of it than the drift.
    pub fn clamp_timestamp(&self, spec: u64, l1_timestamp: u64) -> u64 {
        let earliest = l1_timestamp.saturating_sub(self.force_delay);
        let latest = l1_timestamp.saturating_add(self.max_drift);
        spec.clamp(earliest, latest)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn config() -> ChainConfig {
        let forks = [(1, 0), (2, 1_700_000_000), (9, u64::MAX)];
        let forks = forks.map(|(rules, timestamp)| Activation { rules, timestamp });
        let forks = ForkSchedule::new(&forks).unwrap();
        ChainConfig { chain_id: 42_069, max_drift: 600, force_delay: 43_200, forks }
    }

    #[test]
    fn config_survives_packing() {
        let packed = config().encode();
        assert_eq!(packed.len(), 26 + 3 * 9);
        assert_eq!(ChainConfig::decode(&packed), Some(config()));
        assert_eq!(packed[..10], [1, 0, 0, 0, 0, 0, 0, 0xa4, 0x55, 0]);
        assert_eq!(packed[24..36], [0xc0, 3, 1, 0, 0, 0, 0, 0, 0, 0, 0, 2]);
        let most: Vec<_> = (0..16).map(|n| Activation { rules: n, timestamp: n.into() }).collect();
        let full = ChainConfig { forks: ForkSchedule::new(&most).unwrap(), ..config() };
        assert_eq!(ChainConfig::decode(&full.encode()), Some(full));
    }

    #[test]
    fn what_no_config_packs_to_is_refused() {
        let packed = config().encode();
        for length in 0..packed.len() {
            assert_eq!(ChainConfig::decode(&packed[..length]), None, "{length}");
        }
        assert_eq!(ChainConfig::decode(&[&packed[..], &[0; 9]].concat()), None);
        for (at, byte, what) in [
            (0, 0, "version"),
            (0, 2, "version"),
            (25, 2, "fewer activations than follow"),
            (25, 4, "more activations than follow"),
            (34, 1, "first activation after the beginning"),
            (35, 1, "ids that do not ascend"),
        ] {
            let mut wrong = packed.clone();
            wrong[at] = byte;
            assert_eq!(ChainConfig::decode(&wrong), None, "{what}");
        }
        for count in [0, 17] {
            let mut other = packed[..26].to_vec();
            other[25] = count;
            for n in 0..count {
                other.extend_from_slice(&[n, 0, 0, 0, 0, 0, 0, 0, n]);
            }
            assert_eq!(ChainConfig::decode(&other), None, "{count} activations");
        }
    }

    #[test]
    fn timestamps_stay_between_force_delay_and_drift() {
        let config = config();
        let (l1, earliest, latest) = (1_000_000, 956_800, 1_000_600);
        for (spec, expected) in [
            (0, earliest),
            (earliest - 1, earliest),
            (earliest, earliest),
            (l1, l1),
            (latest, latest),
            (latest + 1, latest),
            (u64::MAX, latest),
        ] {
            assert_eq!(config.clamp_timestamp(spec, l1), expected);
        }
        assert_eq!(config.clamp_timestamp(0, 5), 0);
        assert_eq!(config.clamp_timestamp(u64::MAX, u64::MAX), u64::MAX);
    }
}
