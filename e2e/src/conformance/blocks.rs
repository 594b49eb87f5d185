//! State tests as blocks: chains whose genesis state is a test's, and whose one block has the test's transaction.
//!
//! What such a block leads to is not what the test names, because a rollup's block has its own number, time, fees and
//! deposits. But the node, the state transition over the block's witness, and the program on the fault proof VM must
//! all come to the same output.

use std::{
    collections::BTreeMap,
    fs,
    sync::{Arc, LazyLock},
};

use alloy::{
    consensus::{SignableTransaction, TxEnvelope, TypedTransaction},
    eips::{Decodable2718, Encodable2718},
    signers::{SignerSync, local::PrivateKeySigner},
};
use alloy_primitives::{Address, B256, Bytes};
use anyhow::{Context, Result, ensure};
use rayon::prelude::*;
use revm::primitives::hardfork::SpecId;
use rollup::{
    RollupConfig,
    config::{Contracts, Genesis, GenesisAccount},
};
use stf::{
    ChainConfig, FeeParameters, ForkSchedule, Rules,
    block::L1Attributes,
    config::{MAX_BLOCK_GAS_LIMIT, MIN_BLOCK_GAS_LIMIT},
    fees::MAX_GAS_TARGET,
    predeploys::L1_BLOCK,
};
use testnet::{DeployConfig, L1Origin, MAX_STEPS, l2_genesis};
use vm::Image;

use super::{
    Folder, Report, Suite,
    format::{Family, PreAccount, StateFile, StateTest, spec},
};
use crate::{
    bench::workload::without_l1,
    proving::{Lab, start},
};

/// The suite's chain id, which its transactions are signed for.
const CHAIN_ID: u64 = 1;
/// First byte of a transaction with authorizations.
const SET_CODE_TYPE: u8 = 4;

/// A state test as a block.
#[derive(Clone, Debug)]
pub struct BlockCase {
    name: String,
    rules: Rules,
    pre: Arc<BTreeMap<Address, GenesisAccount>>,
    base_fee: u64,
    transaction: Bytes,
    lowered: bool,
}

/// What came of state tests as blocks.
#[derive(Debug, Default)]
pub struct BlockReport {
    /// What passed, failed, and was left out.
    pub report: Report,
    /// Blocks that hold the test's transaction. In the others it is invalid and left out, which is a block, too.
    pub included: usize,
    /// Those of them whose transaction has authorizations (EIP-7702).
    pub with_authorizations: usize,
    /// Transactions that were given less gas.
    pub lowered: usize,
    /// Steps of the machine.
    pub steps: u64,
}

impl BlockReport {
    fn merge(mut self, other: Self) -> Self {
        self.report.merge(other.report);
        self.included += other.included;
        self.with_authorizations += other.with_authorizations;
        self.lowered += other.lowered;
        self.steps += other.steps;
        self
    }
}

impl Suite {
    /// All state tests as blocks, and a report of those that can be none.
    pub fn blocks(&self) -> Result<(Vec<BlockCase>, Report)> {
        let (mut cases, mut report) = (Vec::new(), Report::default());
        for file in self.files.iter().filter(|file| Folder::of(file) == Some(Folder::States)) {
            let name = file.to_string_lossy();
            let json = fs::read(self.root.join(file))?;
            let tests: StateFile = serde_json::from_slice(&json).with_context(|| name.to_string())?;
            for (test_name, test) in &tests {
                add(&name, test_name, test, &mut cases, &mut report)
                    .with_context(|| format!("{name} {test_name}"))?;
            }
        }
        Ok((cases, report))
    }
}

/// The rules that a test is for: those of its forks if a rollup has them, and all where its forks are older.
fn rules_of(test: &StateTest) -> impl Iterator<Item = Rules> {
    let has = |spec_id| test.post.keys().any(|fork| spec(fork) == Some(spec_id));
    let (prague, osaka) = (has(SpecId::PRAGUE), has(SpecId::OSAKA));
    Rules::ALL.into_iter().filter(move |rules| match rules {
        Rules::Isthmus => prague || !osaka,
        Rules::Karst => osaka || !prague,
    })
}

fn add(
    file: &str,
    name: &str,
    test: &StateTest,
    cases: &mut Vec<BlockCase>,
    report: &mut Report,
) -> Result<()> {
    // The forks of a test share their transactions.
    let newest = test.post.iter().max_by_key(|(fork, _)| spec(fork));
    let Some((_, posts)) = newest else { return Ok(()) };
    let pre = test.pre.iter().map(|(address, account)| Ok((*address, genesis_account(account)?)));
    let pre = Arc::new(pre.collect::<Result<BTreeMap<_, _>>>()?);
    let base_fee = test.env.current_base_fee.unwrap_or_default().try_into().context("base fee")?;
    for (index, post) in posts.iter().enumerate() {
        let Some(raw) = &post.txbytes else {
            report.exclude("the test has no bytes of its transaction", 1);
            continue;
        };
        for rules in rules_of(test) {
            // One that is to be refused stays as it is.
            let most = rules.transaction_gas_cap().unwrap_or(MIN_BLOCK_GAS_LIMIT);
            let lower = match post.expect_exception {
                Some(_) => None,
                None => lower(raw, &test.transaction, most)?,
            };
            cases.push(BlockCase {
                name: format!("{file} {name} {index} as a block of {}", rules.name()),
                rules,
                pre: pre.clone(),
                base_fee,
                lowered: lower.is_some(),
                transaction: lower.unwrap_or_else(|| raw.clone()),
            });
        }
    }
    Ok(())
}

fn genesis_account(account: &PreAccount) -> Result<GenesisAccount> {
    let storage = account.storage.iter().map(|(slot, value)| (B256::from(*slot), *value)).collect();
    let nonce = account.nonce.try_into().ok().context("nonce out of range")?;
    Ok(GenesisAccount { balance: account.balance, nonce, code: account.code.clone(), storage })
}

/// The transaction with less gas, if it has more than `most`: the suite gives many more than a block has room for. Not if
/// it is none, or of a type that a rollup lacks.
fn lower(raw: &Bytes, family: &Family, most: u64) -> Result<Option<Bytes>> {
    let Ok(envelope) = TxEnvelope::decode_2718_exact(raw) else { return Ok(None) };
    let Some(key) = family.secret_key else { return Ok(None) };
    let signer = PrivateKeySigner::from_bytes(&key)?;
    let mut tx = TypedTransaction::from(envelope);
    let gas = match &mut tx {
        TypedTransaction::Legacy(tx) => &mut tx.gas_limit,
        TypedTransaction::Eip2930(tx) => &mut tx.gas_limit,
        TypedTransaction::Eip1559(tx) => &mut tx.gas_limit,
        TypedTransaction::Eip7702(tx) => &mut tx.gas_limit,
        TypedTransaction::Eip4844(_) => return Ok(None),
    };
    if *gas <= most {
        return Ok(None);
    }
    *gas = most;
    let signature = signer.sign_hash_sync(&tx.signature_hash())?;
    Ok(Some(tx.into_envelope(signature).encoded_2718().into()))
}

/// A rollup's genesis under some rules without the test's accounts. Nothing but gas costs anything, as in the tests.
fn genesis(rules: Rules) -> Result<(Genesis, ChainConfig)> {
    let devnet = DeployConfig::devnet()?;
    let forks = ForkSchedule::always(rules);
    let deploy = DeployConfig {
        chain: ChainConfig { chain_id: CHAIN_ID, forks, ..devnet.chain },
        gas_limit: MAX_BLOCK_GAS_LIMIT,
        base_fee_scalar: 0,
        blob_base_fee_scalar: 0,
        operator_fee_scalar: 0,
        operator_fee_constant: 0,
        funded: Vec::new(),
        ..devnet
    };
    let origin = L1Origin { number: 1, timestamp: 1_700_000_000, base_fee: 1, blob_base_fee: 1 };
    Ok((l2_genesis(&deploy, &Contracts::default(), origin)?, deploy.chain))
}

/// [`genesis`] of all rules.
static GENESES: LazyLock<Result<Vec<(Genesis, ChainConfig)>, String>> = LazyLock::new(|| {
    let all = Rules::ALL.into_iter().map(genesis).collect::<Result<_>>();
    all.map_err(|error| format!("{error:#}"))
});

impl BlockCase {
    fn rollup(&self) -> Result<Arc<RollupConfig>> {
        let all = GENESES.as_ref().map_err(|error| anyhow::anyhow!("genesis: {error}"))?;
        let (genesis, chain) =
            all.iter().zip(Rules::ALL).find(|(_, rules)| *rules == self.rules).context("no genesis")?.0;
        let mut genesis = genesis.clone();
        let fees = FeeParameters::new(MAX_GAS_TARGET, self.base_fee).pack();
        let l1_block = genesis.alloc.entry(L1_BLOCK).or_default();
        l1_block.storage.insert(L1Attributes::BASE_FEE_PARAMETERS_SLOT.into(), fees);
        genesis.alloc.extend(self.pre.iter().map(|(address, account)| (*address, account.clone())));
        Ok(without_l1(*chain, genesis))
    }

    /// Derives the block, computes it from its witness, and runs the program over it.
    fn run(&self, program: &Image, report: &mut BlockReport) -> Result<()> {
        let mut lab = Lab::new(self.rollup()?)?;
        lab.block(vec![self.transaction.clone()])?;
        let output = lab.output(1)?;
        let transactions = lab.chain().db().read()?.transactions(1)?.context("no block")?;
        // Behind the L1-attributes deposit.
        let included = transactions.len() == 2;
        report.included += usize::from(included);
        report.with_authorizations +=
            usize::from(included && self.transaction.first() == Some(&SET_CODE_TYPE));
        report.lowered += usize::from(self.lowered);
        let witness = lab.witness(1)?;
        let native = stf::run(&witness.boot.hash(), &witness)?;
        ensure!(native == output, "the node has {output}, its witness leads to {native}");
        let mut machine = start(program, &witness)?;
        let outcome = machine.run(MAX_STEPS)?;
        report.steps += outcome.steps;
        ensure!(outcome.value == output, "the node has {output}, the machine {outcome:?}");
        Ok(())
    }

    /// Runs all of these, on all cores.
    pub fn run_all(cases: &[Self], program: &Image) -> BlockReport {
        let run = |case: &Self| {
            let mut report = BlockReport::default();
            let result = case.run(program, &mut report);
            report.report.note(Folder::States, || case.name.clone(), result);
            report
        };
        cases.par_iter().map(run).reduce(BlockReport::default, BlockReport::merge)
    }
}
