//! State tests.

use std::collections::BTreeMap;

use alloy::{consensus::TxEnvelope, eips::eip2718::Decodable2718};
use alloy_primitives::{Address, B256, Bytes, Log, TxKind, U256, keccak256};
use anyhow::{Context as _, Result, bail, ensure};
use db::NodeBuffer;
use revm::{
    Context, Database, DatabaseCommit, ExecuteEvm, MainBuilder, MainContext,
    context::{BlockEnv, CfgEnv, TransactionType, TxEnv, result::EVMError},
    context_interface::{block::BlobExcessGasAndPrice, either::Either},
    primitives::{
        eip4844::{BLOB_BASE_FEE_UPDATE_FRACTION_CANCUN, BLOB_BASE_FEE_UPDATE_FRACTION_PRAGUE},
        hardfork::SpecId,
    },
};
use stf::{
    InvalidTransaction, Overlay, StateChanges, StateTrie, StorageChanges, Transaction, TrieState,
    state::{CodeSource, StateError},
};
use trie::{Account, NodeSource};

use super::{
    Folder,
    exceptions::fits,
    exclude::{Exclusions, Place},
    format::{Env, Family, Post, PreAccount, StateFile, StateTest, spec},
    report::Report,
    store::{Recording, Store, Stored, TestChain},
};

const BLOB_TYPE: u8 = 3;

/// Most blobs of a block under Cancun and under Prague, and so of a transaction.
const MAX_BLOBS_CANCUN: u64 = 6;
const MAX_BLOBS_PRAGUE: u64 = 9;
/// Most blobs of a transaction since Osaka, whatever a block's limit is (EIP-7594).
const MAX_BLOBS_OSAKA: u64 = 6;

/// Why tests of the oldest forks are left out.
const KEEPS_EMPTY_ACCOUNTS: &str =
    "forks before EIP-161 keep touched empty accounts, the state here deletes them";

/// Runs a file's tests.
pub(super) fn run_file(
    file: &str,
    json: &[u8],
    store: &Store,
    exclusions: &Exclusions,
    report: &mut Report,
) -> Result<()> {
    let tests: StateFile = serde_json::from_slice(json)?;
    for (name, test) in &tests {
        let mut chain = store.begin(pre_state(&test.pre)?).with_context(|| format!("test {name}"))?;
        for (fork, posts) in &test.post {
            let spec = spec(fork).with_context(|| format!("test {name}: unknown fork {fork}"))?;
            if spec < SpecId::SPURIOUS_DRAGON {
                report.exclude(KEEPS_EMPTY_ACCOUNTS, posts.len());
                continue;
            }
            for (index, post) in posts.iter().enumerate() {
                let place = Place { file, test: name, fork: Some(fork), index: Some(index) };
                let result = prepare(fork, spec, test, post)
                    .and_then(|prepared| run_case(&prepared, post, &mut chain));
                exclusions.note(Folder::States, &place, result, report);
            }
        }
    }
    Ok(())
}

/// What is executed.
struct Case {
    config: CfgEnv,
    block: BlockEnv,
    /// Or why the bytes are no transaction, which the test expects.
    tx: Result<TxEnv, InvalidTransaction>,
}

/// What an execution leads to.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    root: B256,
    logs: B256,
    refused: Option<InvalidTransaction>,
}

fn run_case(case: &Case, post: &Post, chain: &mut TestChain) -> Result<()> {
    let before = chain.before()?;
    let mut nodes = NodeBuffer::new();
    let (mut changes, logs, refused, _) = execute(case, Stored(before))?;
    let root = StateTrie::new(chain.root()).update(&mut changes, &before, &mut nodes)?;
    let stored = Outcome { root, logs, refused };

    match (&post.expect_exception, &stored.refused) {
        (Some(expected), None) => bail!("executed, expected {expected}"),
        (None, Some(found)) => bail!("refused: {found}"),
        (Some(expected), Some(found)) => {
            ensure!(fits(expected, found), "refused: {found}, expected {expected}");
            ensure!(root == chain.root(), "a refused transaction left a trace");
        }
        (None, None) => {}
    }
    ensure!(root == post.hash, "state root {root}, expected {}", post.hash);
    ensure!(logs == post.logs, "logs hash {logs}, expected {}", post.logs);

    let (recorded, source) = execute_on_trie(case, chain.root(), Recording::new(before))?;
    ensure!(recorded == stored, "over the database's nodes: {recorded:?}, expected {stored:?}");
    let (proven, _) =
        execute_on_trie(case, chain.root(), source.into_recorded()).context("over the witness")?;
    ensure!(proven == stored, "over the witness: {proven:?}, expected {stored:?}");
    chain.check_block(root, &changes, &nodes)
}

/// Executes with nothing but trie nodes and codes, and computes the root with no more.
fn execute_on_trie<S: NodeSource + CodeSource>(case: &Case, root: B256, source: S) -> Result<(Outcome, S)> {
    let (mut changes, logs, refused, mut state) = execute(case, TrieState::new(root, source))?;
    let root = state.trie.update(&mut changes, &state.source, &mut ())?;
    Ok((Outcome { root, logs, refused }, state.source))
}

/// Executes by Ethereum's rules; gives the changes, the hash of the logs, why the transaction was refused if it was, and
/// the state underneath.
fn execute<DB: Database<Error = StateError>>(
    case: &Case,
    state: DB,
) -> Result<(StateChanges, B256, Option<InvalidTransaction>, DB)> {
    let mut overlay = Overlay::new(state);
    let no_logs = logs_hash(&[]);
    let tx = match &case.tx {
        Ok(tx) => tx,
        Err(invalid) => {
            let (changes, state) = overlay.into_changes(|_, _| {});
            return Ok((changes, no_logs, Some(invalid.clone()), state));
        }
    };
    let mut evm = Context::mainnet()
        .with_db(&mut overlay)
        .with_cfg(case.config.clone())
        .with_block(case.block.clone())
        .build_mainnet();
    let result = evm.transact_one(tx.clone());
    let touched = evm.finalize();
    let (logs, refused) = match result {
        Ok(result) => {
            overlay.commit(touched);
            let logs = if result.is_success() { result.into_logs() } else { Vec::new() };
            (logs_hash(&logs), None)
        }
        Err(EVMError::Transaction(error)) => (no_logs, Some(error.into())),
        Err(error) => bail!("evm: {error}"),
    };
    let (changes, state) = overlay.into_changes(|_, _| {});
    Ok((changes, logs, refused, state))
}

fn logs_hash(logs: &[Log]) -> B256 {
    let mut rlp = Vec::new();
    alloy_rlp::encode_list(logs, &mut rlp);
    keccak256(rlp)
}

/// The state before, as changes to the empty state.
fn pre_state(pre: &BTreeMap<Address, PreAccount>) -> Result<StateChanges> {
    let mut changes = StateChanges::default();
    for (address, account) in pre {
        let address = keccak256(address);
        let code_hash = keccak256(&account.code);
        let nonce = u64::try_from(account.nonce).context("nonce out of range")?;
        let state = Account { nonce, balance: account.balance, code_hash, ..Account::EMPTY };
        changes.accounts.push((address, Some(state)));
        if !account.code.is_empty() {
            changes.codes.push((code_hash, account.code.clone()));
        }
        let nonzero = account.storage.iter().filter(|(_, value)| !value.is_zero());
        let mut slots: Vec<_> =
            nonzero.map(|(key, value)| (keccak256(key.to_be_bytes::<32>()), *value)).collect();
        slots.sort_unstable();
        if !slots.is_empty() {
            changes.storage.push(StorageChanges { address, wiped: false, slots });
        }
    }
    changes.accounts.sort_unstable_by_key(|(address, _)| *address);
    changes.storage.sort_unstable_by_key(|storage| storage.address);
    changes.codes.sort_unstable();
    changes.codes.dedup();
    Ok(changes)
}

fn prepare(fork: &str, spec: SpecId, test: &StateTest, post: &Post) -> Result<Case> {
    let schedule = test.config.blob_schedule.get(fork);
    let mut config = CfgEnv::new_with_spec(spec);
    config.set_max_blobs_per_tx(match schedule {
        _ if spec >= SpecId::OSAKA => MAX_BLOBS_OSAKA,
        Some(limits) => limits.max.parse()?,
        None if spec >= SpecId::PRAGUE => MAX_BLOBS_PRAGUE,
        None => MAX_BLOBS_CANCUN,
    });
    let fraction = match schedule {
        Some(limits) => limits.base_fee_update_fraction.parse()?,
        None if spec >= SpecId::PRAGUE => BLOB_BASE_FEE_UPDATE_FRACTION_PRAGUE,
        None => BLOB_BASE_FEE_UPDATE_FRACTION_CANCUN,
    };
    let block = block_env(&test.env, spec, fraction)?;
    Ok(Case { config, block, tx: transaction(&test.transaction, post)? })
}

fn block_env(env: &Env, spec: SpecId, blob_fee_fraction: u64) -> Result<BlockEnv> {
    let excess = env.current_excess_blob_gas.unwrap_or_default().try_into().context("excess blob gas")?;
    let base_fee = env.current_base_fee.filter(|_| spec >= SpecId::LONDON).unwrap_or_default();
    Ok(BlockEnv {
        number: env.current_number,
        beneficiary: env.current_coinbase,
        timestamp: env.current_timestamp,
        gas_limit: env.current_gas_limit.saturating_to(),
        basefee: base_fee.try_into().context("base fee")?,
        difficulty: env.current_difficulty.unwrap_or_default(),
        prevrandao: (spec >= SpecId::MERGE).then(|| env.current_random.unwrap_or_default()),
        blob_excess_gas_and_price: Some(BlobExcessGasAndPrice::new(excess, blob_fee_fraction)),
        ..BlockEnv::default()
    })
}

/// The transaction as this project decodes it from its bytes, which must agree with how the test describes it. Blob
/// transactions, which do not exist on L2, are decoded as on L1 and taken from the description.
fn transaction(family: &Family, post: &Post) -> Result<Result<TxEnv, InvalidTransaction>> {
    let described = described(family, post);
    let Some(bytes) = &post.txbytes else {
        return described.map(Ok);
    };
    match Transaction::recover(bytes.clone()) {
        Ok(tx) => {
            let decoded = tx.to_evm().base;
            let mut described = described?;
            described.chain_id = decoded.chain_id;
            ensure!(decoded == described, "decoded {decoded:?}, described {described:?}");
            Ok(Ok(decoded))
        }
        Err(InvalidTransaction::ForbiddenType(BLOB_TYPE)) if TxEnvelope::decode_2718_exact(bytes).is_ok() => {
            described.map(Ok)
        }
        Err(InvalidTransaction::ForbiddenType(BLOB_TYPE)) => Ok(Err(InvalidTransaction::Malformed)),
        Err(invalid) if post.expect_exception.is_some() => Ok(Err(invalid)),
        Err(invalid) => bail!("bytes of the transaction: {invalid}"),
    }
}

fn described(family: &Family, post: &Post) -> Result<TxEnv> {
    let at = post.indexes;
    let access_list = family.access_lists.get(at.data).cloned().flatten();
    let tx_type = if family.authorization_list.is_some() {
        TransactionType::Eip7702
    } else if family.max_fee_per_blob_gas.is_some() {
        TransactionType::Eip4844
    } else if family.max_fee_per_gas.is_some() {
        TransactionType::Eip1559
    } else if access_list.is_some() {
        TransactionType::Eip2930
    } else {
        TransactionType::Legacy
    };
    let fee = family.max_fee_per_gas.as_ref().or(family.gas_price.as_ref()).context("no gas price")?;
    let data: &Bytes = family.data.get(at.data).context("no such data")?;
    let gas_limit = family.gas_limit.get(at.gas).context("no such gas limit")?;
    let value = family.value.get(at.value).context("no such value")?;
    // Recovered by code that is not ours, so that the two are compared.
    let authorizations = family.authorization_list.iter().flatten();
    let authorizations = authorizations.map(|signed| Ok(Either::Right(signed.parse()?.into_recovered())));
    Ok(TxEnv {
        tx_type: tx_type as u8,
        caller: family.sender.context("no sender")?,
        gas_limit: gas_limit.parse()?,
        gas_price: fee.parse()?,
        kind: family.to.map_or(TxKind::Create, TxKind::Call),
        value: value.parse::<U256>()?,
        data: data.clone(),
        nonce: family.nonce.parse()?,
        chain_id: Some(1),
        access_list: access_list.unwrap_or_default(),
        gas_priority_fee: family.max_priority_fee_per_gas.as_ref().map(|tip| tip.parse()).transpose()?,
        blob_hashes: family.blob_versioned_hashes.clone(),
        max_fee_per_blob_gas: family.max_fee_per_blob_gas.as_ref().map_or(Ok(0), |fee| fee.parse())?,
        authorization_list: authorizations.collect::<Result<_>>()?,
    })
}
