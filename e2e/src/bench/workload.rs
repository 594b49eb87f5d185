//! Accounts, contracts and signed transactions that the benchmarks share.

use std::{collections::BTreeMap, sync::Arc};

use alloy::{
    consensus::{SignableTransaction, TxEip1559},
    eips::eip2718::Encodable2718,
    primitives::{Address, B256, Bytes, TxKind, U256, address, keccak256},
    signers::{SignerSync, local::PrivateKeySigner},
    sol_types::SolCall,
};
use anyhow::Result;
use bindings::{
    artifacts::{Contract, deployed_code},
    samples::{ISampleToken, StorageHeavy},
};
use rand::{Rng, rngs::StdRng};
use rayon::prelude::*;
use rollup::{
    RollupConfig,
    config::{Contracts, Genesis, GenesisAccount},
};
use stf::{ChainConfig, FeeParameters, fees::MAX_GAS_TARGET};
use testnet::{DeployConfig, L1Origin, l2_genesis};

/// The ERC-20 of the benchmarks' genesis.
pub(crate) const TOKEN: Address = address!("0x00000000000000000000000000000000000e2e01");
/// Their contract with many slots.
pub(crate) const STORAGE: Address = address!("0x00000000000000000000000000000000000e2e02");

/// Slots that the storage contract starts with.
const SLOTS: u64 = 20_000;

/// Accounts with keys, ether and tokens.
pub struct Population {
    pub(super) signers: Vec<PrivateKeySigner>,
    nonces: Vec<u64>,
    chain_id: u64,
}

/// What transactions do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Workload {
    /// Plain transfers.
    Transfers,
    /// Transfers of a token.
    Erc20,
    /// A hundred slots updated.
    Storage,
}

impl Workload {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Transfers, Self::Erc20, Self::Storage];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Transfers => "transfers",
            Self::Erc20 => "ERC-20",
            Self::Storage => "storage-heavy",
        }
    }

    /// Transactions that fill most of a block.
    pub(super) const fn per_block(self) -> usize {
        match self {
            Self::Transfers => 1_400,
            Self::Erc20 => 900,
            Self::Storage => 20,
        }
    }
}

impl Population {
    /// So many accounts; their keys are hashes of their numbers.
    pub fn new(size: usize, chain_id: u64) -> Self {
        let key = |index: usize| {
            let seed = keccak256((index as u64).to_be_bytes());
            PrivateKeySigner::from_bytes(&seed).expect("a hash is a valid key but for one in 2^127")
        };
        Self { signers: (0..size).into_par_iter().map(key).collect(), nonces: vec![0; size], chain_id }
    }

    /// Signed transactions, as many as asked for, from and to random members.
    pub fn transactions(&mut self, workload: Workload, count: usize, rng: &mut StdRng) -> Vec<Bytes> {
        let members = self.signers.len();
        let unsigned: Vec<(usize, TxEip1559)> = (0..count)
            .map(|_| {
                let from = rng.random_range(0..members);
                let tx = self.unsigned(workload, from, rng);
                (from, tx)
            })
            .collect();
        unsigned.into_par_iter().map(|(from, tx)| sign(&self.signers[from], tx)).collect()
    }

    fn unsigned(&mut self, workload: Workload, from: usize, rng: &mut StdRng) -> TxEip1559 {
        let nonce = self.nonces[from];
        self.nonces[from] += 1;
        let peer = self.signers[rng.random_range(0..self.signers.len())].address();
        let (to, gas_limit, value, input) = match workload {
            Workload::Transfers => {
                // Amounts as people send them: a few digits.
                let value = U256::from(rng.random_range(1..10_000u64)) * U256::from(10).pow(U256::from(12));
                (peer, 21_000, value, Bytes::new())
            }
            Workload::Erc20 => {
                let value = U256::from(rng.random_range(1..1_000u64));
                let call = ISampleToken::transferCall { to: peer, value };
                (TOKEN, 60_000, U256::ZERO, call.abi_encode().into())
            }
            Workload::Storage => {
                let start = U256::from(rng.random_range(0..SLOTS - 100));
                let call = StorageHeavy::updateCall { start, count: U256::from(100) };
                (STORAGE, 1_200_000, U256::ZERO, call.abi_encode().into())
            }
        };
        TxEip1559 {
            chain_id: self.chain_id,
            nonce,
            gas_limit,
            max_fee_per_gas: 2_000_000_000,
            max_priority_fee_per_gas: 1_000_000,
            to: TxKind::Call(to),
            value,
            input,
            ..TxEip1559::default()
        }
    }
}

fn sign(signer: &PrivateKeySigner, tx: TxEip1559) -> Bytes {
    let signature = signer.sign_hash_sync(&tx.signature_hash()).expect("a local key signs");
    tx.into_signed(signature).encoded_2718().into()
}

/// A rollup whose genesis holds a population, with tokens, and a contract with many slots. It has no L1.
pub(crate) fn rollup(population: &Population) -> Result<Arc<RollupConfig>> {
    rollup_with(population, [])
}

/// As [`rollup`], with further accounts.
pub(crate) fn rollup_with(
    population: &Population,
    further: impl IntoIterator<Item = (Address, GenesisAccount)>,
) -> Result<Arc<RollupConfig>> {
    let deploy = DeployConfig {
        funded: population.signers.iter().map(PrivateKeySigner::address).collect(),
        // Full blocks, one a second, leave the fee where it is.
        base_fee: FeeParameters::new(MAX_GAS_TARGET, 1_000_000),
        ..DeployConfig::devnet()?
    };
    let origin = L1Origin { number: 1, timestamp: 1_700_000_000, base_fee: 1_000_000_000, blob_base_fee: 1 };
    let mut genesis = l2_genesis(&deploy, &Contracts::default(), origin)?;
    let balances = population.signers.iter().map(|signer| {
        let key = keccak256([signer.address().into_word().as_slice(), &[0; 32]].concat());
        (key, U256::from(1_000_000_000u64))
    });
    let token = deployed_code(Contract::SampleToken);
    genesis.alloc.insert(TOKEN, contract(token, balances.collect()));
    let slots = (0..SLOTS).map(|slot| {
        let key = keccak256([B256::from(U256::from(slot)).as_slice(), &[0; 32]].concat());
        (key, U256::from(slot + 1))
    });
    genesis.alloc.insert(STORAGE, contract(deployed_code(Contract::StorageHeavy), slots.collect()));
    genesis.alloc.extend(further);
    Ok(without_l1(deploy.chain, genesis))
}

/// A rollup of this genesis, without an L1.
pub(crate) fn without_l1(chain: ChainConfig, genesis: Genesis) -> Arc<RollupConfig> {
    let block = genesis.block(&mut ());
    Arc::new(RollupConfig {
        l1_chain_id: 31_337,
        l1_start_block: 1,
        chain,
        sequencer_timeout: chain.force_delay,
        contracts: Contracts {
            inbox: Address::ZERO,
            portal: Address::ZERO,
            system_config: Address::ZERO,
            dispute_game_factory: Address::ZERO,
            anchor_state_registry: Address::ZERO,
            multicall3: Address::ZERO,
            ..Contracts::default()
        },
        genesis,
        genesis_hash: block.hash,
        genesis_output_root: block.output_root,
    })
}

fn contract(code: Bytes, storage: BTreeMap<B256, U256>) -> GenesisAccount {
    GenesisAccount { balance: U256::ZERO, nonce: 1, code, storage }
}
