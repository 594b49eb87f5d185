//! `rollup.json`: all that a node must be told about one rollup. The deployment writes it.

use std::{collections::BTreeMap, path::Path};

use alloy::primitives::{Address, B256, Bytes, U256, keccak256};
use serde::{Deserialize, Serialize};
use stf::{
    ChainConfig, FeeParameters, ForkSchedule, Rules, StateChanges, StateTrie, StorageChanges,
    block::{L1Attributes, genesis_header},
    output_root,
    predeploys::L1_BLOCK,
};
use trie::{Account, EMPTY_ROOT, NodeSink, Witness};

use crate::files;

mod check;
mod genesis;

pub use check::{
    ConfigMismatch, ConfigMismatches, ContractField, ContractLink, Deployment, InboxConstants, L2Parameters,
};
pub use genesis::GenesisError;

/// Most bytes of a `rollup.json`: a devnet's has some 300,000, nearly all of them its genesis contracts' code.
const MAX_CONFIG_FILE: u64 = 64 << 20;

/// One rollup: its constants, contracts and genesis.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RollupConfig {
    /// Chain id of the L1 that holds the contracts.
    pub l1_chain_id: u64,
    /// L1 block from which on the contracts exist: nothing before it matters.
    pub l1_start_block: u64,
    /// The constants that the state transition depends on.
    pub chain: ChainConfig,
    /// Seconds without a batch of the sequencer after which anyone may force batches: the inbox's sequencer timeout.
    pub sequencer_timeout: u64,
    /// The contracts on L1.
    pub contracts: Contracts,
    /// L2 block 0.
    pub genesis: Genesis,
    /// Its hash, which a node checks against what it computes.
    pub genesis_hash: B256,
    /// Its output root: the first anchor of disputes.
    pub genesis_output_root: B256,
}

/// Addresses of the contracts on L1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Contracts {
    /// Orders messages and batches.
    pub inbox: Address,
    /// Takes deposits and pays withdrawals.
    pub portal: Address,
    /// Names the batcher and holds the parameters.
    pub system_config: Address,
    /// Creates games from proposals.
    pub dispute_game_factory: Address,
    /// Keeps the anchor.
    pub anchor_state_registry: Address,
    /// Multicall3, which client libraries query games with.
    pub multicall3: Address,
    /// Sends messages to L2 and relays those from there.
    pub l1_cross_domain_messenger: Address,
    /// Holds the tokens that L2's stand for.
    pub l1_standard_bridge: Address,
}

/// The state of L2 block 0.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Genesis {
    /// Seconds since 1970.
    pub timestamp: u64,
    /// Block gas limit.
    pub gas_limit: u64,
    /// Accounts. The `L1Block` predeploy's storage among them has the parameters of the base fee.
    pub alloc: BTreeMap<Address, GenesisAccount>,
}

/// An account of the genesis state.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GenesisAccount {
    /// Wei.
    #[serde(default)]
    pub balance: U256,
    /// Transactions sent; contracts start with 1.
    #[serde(default)]
    pub nonce: u64,
    /// Runtime code.
    #[serde(default, skip_serializing_if = "no_code")]
    pub code: Bytes,
    /// Storage by slot.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub storage: BTreeMap<B256, U256>,
}

fn no_code(code: &Bytes) -> bool {
    code.is_empty()
}

/// The genesis block, computed.
#[derive(Debug)]
pub struct GenesisBlock {
    /// Its header.
    pub header: alloy::consensus::Header,
    /// Its hash.
    pub hash: B256,
    /// Its output root.
    pub output_root: B256,
    /// Its state as changes to the empty state.
    pub changes: StateChanges,
}

/// Why a `rollup.json` is not usable.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file can't be read.
    #[error("cannot read {path}: {error}")]
    Read {
        /// The file's path.
        path: String,
        /// The system's reason.
        error: std::io::Error,
    },
    /// Not JSON, or a field is missing, unknown or of the wrong kind.
    #[error("{path} is not a rollup configuration: {error}")]
    Parse {
        /// The file's path.
        path: String,
        /// Where and what.
        error: serde_json::Error,
    },
    /// No rollup can begin with the genesis.
    #[error("{path}: {error}")]
    Genesis {
        /// The file's path.
        path: String,
        /// Which field, and why.
        error: GenesisError,
    },
    /// The genesis does not hash to what the file says.
    #[error("{path}: genesis hashes to {found}, but genesisHash is {expected}")]
    GenesisHash {
        /// The file's path.
        path: String,
        /// As the file says.
        expected: B256,
        /// As computed.
        found: B256,
    },
    /// The genesis has another output root than the file says.
    #[error("{path}: the output root of genesis is {found}, but genesisOutputRoot is {expected}")]
    GenesisOutputRoot {
        /// The file's path.
        path: String,
        /// As the file says.
        expected: B256,
        /// As computed.
        found: B256,
    },
}

impl RollupConfig {
    /// Reads a `rollup.json`, and checks what can be checked without L1. [`check`](Self::check) does the rest.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let config = Self::read(path)?;
        let name = path.display().to_string();
        let genesis = config.genesis.block(&mut ());
        if genesis.hash != config.genesis_hash {
            return Err(ConfigError::GenesisHash {
                path: name,
                expected: config.genesis_hash,
                found: genesis.hash,
            });
        }
        if genesis.output_root != config.genesis_output_root {
            return Err(ConfigError::GenesisOutputRoot {
                path: name,
                expected: config.genesis_output_root,
                found: genesis.output_root,
            });
        }
        Ok(config)
    }

    /// Reads a `rollup.json` in which hash and output root of the genesis may be others than those of its state.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let name = path.display().to_string();
        let text = files::read_text(path, MAX_CONFIG_FILE)
            .map_err(|error| ConfigError::Read { path: name.clone(), error })?;
        let config: Self =
            serde_json::from_str(&text).map_err(|error| ConfigError::Parse { path: name.clone(), error })?;
        config.genesis.check().map_err(|error| ConfigError::Genesis { path: name, error })?;
        Ok(config)
    }

    /// keccak256 of the whole configuration: a database belongs to one. It does not depend on which rules this version
    /// knows by name, so a later version goes on with the same database.
    pub fn hash(&self) -> B256 {
        // The schedule's own packing has numbers only.
        let mut rest = self.clone();
        rest.chain.forks = ForkSchedule::always(Rules::Isthmus);
        let rest = serde_json::to_vec(&rest).unwrap_or_default();
        keccak256([rest, self.chain.encode()].concat())
    }
}

impl Genesis {
    /// Computes block 0; its trie nodes go to `sink`.
    pub fn block(&self, sink: &mut impl NodeSink) -> GenesisBlock {
        let mut changes = self.changes();
        let mut trie = StateTrie::new(EMPTY_ROOT);
        let nothing = Witness::default();
        let mut header =
            genesis_header(EMPTY_ROOT, EMPTY_ROOT, self.timestamp, self.gas_limit, self.fee_parameters());
        // Growing a trie from nothing reads no nodes, so this can't fail; a wrong hash would be noticed by the caller.
        if let Ok(root) = trie.update(&mut changes, &nothing, sink) {
            header.state_root = root;
        }
        if let Ok(root) = trie.message_passer_root(&nothing) {
            header.withdrawals_root = Some(root);
        }
        let hash = header.hash_slow();
        GenesisBlock { output_root: output_root(&header, hash), header, hash, changes }
    }

    /// The parameters of the base fee, as the state says.
    pub fn fee_parameters(&self) -> FeeParameters {
        FeeParameters::unpack(self.storage(L1_BLOCK, L1Attributes::BASE_FEE_PARAMETERS_SLOT))
    }

    fn changes(&self) -> StateChanges {
        let mut changes = StateChanges::default();
        for (address, entry) in &self.alloc {
            let address = keccak256(address);
            let code_hash = keccak256(&entry.code);
            let account =
                Account { nonce: entry.nonce, balance: entry.balance, storage_root: EMPTY_ROOT, code_hash };
            changes.accounts.push((address, Some(account)));
            if !entry.code.is_empty() {
                changes.codes.push((code_hash, entry.code.clone()));
            }
            let mut slots: Vec<_> = entry
                .storage
                .iter()
                .filter(|(_, value)| !value.is_zero())
                .map(|(slot, value)| (keccak256(slot), *value))
                .collect();
            if !slots.is_empty() {
                slots.sort_unstable();
                changes.storage.push(StorageChanges { address, wiped: false, slots });
            }
        }
        changes.accounts.sort_unstable_by_key(|(address, _)| *address);
        changes.storage.sort_unstable_by_key(|storage| storage.address);
        changes.codes.sort_unstable_by_key(|(hash, _)| *hash);
        changes.codes.dedup_by_key(|(hash, _)| *hash);
        changes
    }
}
