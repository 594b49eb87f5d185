//! Transaction tests: what bytes are by the rules of each fork.

use alloy::eips::Encodable2718;
use alloy_primitives::{Address, B256, Bytes};
use anyhow::{Context as _, Result, bail, ensure};
use revm::{
    Context, MainContext,
    context::{BlockEnv, Cfg, CfgEnv},
    context_interface::result::InvalidTransaction as Evm,
    handler::validation::{validate_initial_tx_gas, validate_tx_env},
    primitives::hardfork::SpecId,
};
use stf::{InvalidTransaction, Rules, Transaction};

use super::{
    Folder, Report,
    exceptions::fits,
    exclude::{Exclusions, Place},
    format::{TransactionFile, TransactionResult, spec},
};

/// A transaction without a type byte.
const LEGACY_TYPE: u8 = 0;

/// What a transaction is by some rules.
#[derive(Debug, PartialEq, Eq)]
struct Accepted {
    hash: B256,
    sender: Address,
    intrinsic_gas: u64,
    /// Its one encoding.
    encoded: Bytes,
}

/// Runs a file's tests.
pub(super) fn run_file(file: &str, json: &[u8], exclusions: &Exclusions, report: &mut Report) -> Result<()> {
    let tests: TransactionFile = serde_json::from_slice(json)?;
    for (name, test) in &tests {
        let newest = test.result.keys().max_by_key(|fork| spec(fork));
        for (fork, expected) in &test.result {
            let place = Place { file, test: name, fork: Some(fork), index: None };
            let mut result = run_case(&test.txbytes, fork, expected);
            if Some(fork) == newest {
                result = result.and_then(|()| run_rules(&test.txbytes, fork, expected));
            }
            exclusions.note(Folder::Transactions, &place, result, report);
        }
    }
    Ok(())
}

fn run_case(bytes: &Bytes, fork: &str, expected: &TransactionResult) -> Result<()> {
    let spec = spec(fork).with_context(|| format!("unknown fork {fork}"))?;
    compare(bytes, check(bytes, spec), expected)
}

/// A rollup's rules are not older than the suite's newest: what holds for those holds here, but for the new bounds of a
/// transaction's gas (EIP-7623, EIP-7825).
fn run_rules(bytes: &Bytes, fork: &str, expected: &TransactionResult) -> Result<()> {
    for rules in Rules::ALL.into_iter().map(|rules| rules.spec().into_eth_spec()) {
        match check(bytes, rules) {
            Err(InvalidTransaction::Evm(
                Evm::GasFloorMoreThanGasLimit { .. } | Evm::TxGasLimitGreaterThanCap { .. },
            )) => {}
            // Types that are newer than the fork.
            _ if expected.exception.as_ref().is_some_and(|name| name.contains("TYPE_NOT_SUPPORTED")) => {}
            found => compare(bytes, found, expected).with_context(|| format!("{fork}, by {rules:?}"))?,
        }
    }
    Ok(())
}

fn compare(
    bytes: &Bytes,
    found: Result<Accepted, InvalidTransaction>,
    expected: &TransactionResult,
) -> Result<()> {
    match (found, &expected.exception) {
        (Err(found), Some(exception)) => {
            ensure!(fits(exception, &found), "refused: {found}, expected {exception}");
        }
        (Err(found), None) => bail!("refused: {found}"),
        (Ok(found), Some(exception)) => bail!("{found:?}, expected {exception}"),
        (Ok(found), None) => {
            let expected = Accepted {
                hash: expected.hash.context("no hash")?,
                sender: expected.sender.context("no sender")?,
                intrinsic_gas: expected.intrinsic_gas.as_ref().context("no intrinsic gas")?.parse()?,
                encoded: bytes.clone(),
            };
            ensure!(found == expected, "{found:?}, expected {expected:?}");
        }
    }
    Ok(())
}

/// What of a transaction can be judged without a state: its bytes and signature as in every block of a rollup, the rest
/// by the fork's rules.
fn check(bytes: &Bytes, spec: SpecId) -> Result<Accepted, InvalidTransaction> {
    let tx = Transaction::recover(bytes.clone())?;
    let evm = tx.to_evm().base;
    // Older forks do not know that a signature may name a chain (EIP-155).
    if spec < SpecId::SPURIOUS_DRAGON && evm.tx_type == LEGACY_TYPE && evm.chain_id.is_some() {
        return Err(InvalidTransaction::Signature);
    }
    let config = CfgEnv::new_with_spec(spec);
    // A block in which nothing is too expensive, and everything has room.
    let block = BlockEnv { gas_limit: u64::MAX, basefee: 0, ..BlockEnv::default() };
    let mut context = Context::mainnet().with_cfg(config).with_block(block).with_tx(evm);
    validate_tx_env(&mut context, spec)?;
    let cap = context.cfg.tx_gas_limit_cap();
    let gas = validate_initial_tx_gas(&context.tx, spec, false, false, cap)?;
    Ok(Accepted {
        hash: tx.hash(),
        sender: tx.sender(),
        intrinsic_gas: gas.initial_total_gas,
        encoded: tx.envelope().encoded_2718().into(),
    })
}
