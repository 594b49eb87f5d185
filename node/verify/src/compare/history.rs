//! How the contracts came to be. Code says nothing of what stood in a contract's storage when it began: hidden roles,
//! registered games, proven withdrawals. So each proxy, and the timelock, must come from a transaction with this release's
//! creation code and arguments that anyone can read, and have had no other code since that is not in its logs.

use alloy::{
    primitives::{Address, Bytes, U256},
    sol_types::{SolCall, SolValue},
};
use bindings::{
    IAnchorStateRegistry, IDisputeGameFactory, IInbox, ISystemConfig,
    artifacts::{Contract, creation_code, runtime_code},
};

use super::{Comparison, code::compare_code, rows::Rows};
use crate::evidence::{Creation, ProxiedContract, TimelockEvidence};

const HIDDEN: &str = "Its storage may hold what nobody can see: games, roles or withdrawals that count although they never were.";

pub(super) fn rows(comparison: &Comparison<'_>, rows: &mut Rows) {
    for one in &comparison.evidence.proxied {
        proxy(comparison, one, rows);
    }
    if let Some(timelock) = &comparison.evidence.timelock {
        creation_of_timelock(timelock, rows);
    }
}

/// The arguments behind a contract's creation code, in the transaction that made it.
///
/// # Errors
/// There are none, as far as is known: why, and whether that is a deviation.
fn arguments(
    creation: Option<&Creation>,
    contract: Contract,
    address: Address,
) -> Result<Bytes, (bool, String)> {
    let creation = creation.ok_or((true, "no log of its creation".to_owned()))?;
    let Some(transaction) = &creation.transaction else {
        let text = format!("the endpoint has no transactions of block {}: ask another one", creation.block);
        return Err((false, text));
    };
    if transaction.creates != Some(address) {
        return Err((true, "created by another contract, not by a transaction of its own".into()));
    }
    let code = creation_code(contract);
    match transaction.input.strip_prefix(code.as_ref()) {
        Some(arguments) => Ok(Bytes::copy_from_slice(arguments)),
        None => Err((true, "created with other code than this release's".into())),
    }
}

fn missing(rows: &mut Rows, name: &str, expected: &str, (deviates, found): (bool, String)) {
    match deviates {
        true => rows.deviates(name, expected, found, HIDDEN),
        false => rows.note(name, found),
    }
}

fn proxy(comparison: &Comparison<'_>, one: &ProxiedContract, rows: &mut Rows) {
    let name = one.contract.name();
    let timelock = comparison.evidence.timelock.as_ref();
    let kind = match timelock {
        Some(_) => Contract::TransparentUpgradeableProxy,
        None => Contract::ERC1967Proxy,
    };
    let expected =
        "this release's proxy, initialized as rollup.json says, and no change that is not in its logs";
    let arguments = match arguments(one.creation.as_ref(), kind, one.proxy) {
        Ok(arguments) => arguments,
        Err(why) => return missing(rows, name, expected, why),
    };
    let decoded = match timelock {
        Some(timelock) => <(Address, Address, Bytes)>::abi_decode_params(&arguments)
            .ok()
            .filter(|(_, owner, _)| *owner == timelock.address)
            .map(|(implementation, _, data)| (implementation, data)),
        None => <(Address, Bytes)>::abi_decode_params(&arguments).ok(),
    };
    let Some((first, data)) = decoded else {
        rows.deviates(name, expected, "made for another owner of its admin than the timelock", HIDDEN);
        return;
    };
    if !is_initialization(comparison, one.contract, &data) {
        rows.deviates(name, expected, "initialized with another call than this release's", HIDDEN);
        return;
    }
    let started = one.contract == Contract::Inbox
        && one.creation.as_ref().is_some_and(|creation| creation.block != comparison.config.l1_start_block);
    if started {
        let block = one.creation.as_ref().map(|creation| creation.block).unwrap_or_default();
        let expected = format!("the block l1StartBlock, {}", comparison.config.l1_start_block);
        rows.deviates(
            name,
            expected,
            format!("block {block}"),
            "A node would miss what came before, or look in vain.",
        );
        return;
    }
    // The first one stands in the logs, too; the last one must be what the slot says.
    let changes = one.implementations.len().saturating_sub(1);
    if one.implementations.first() != Some(&first) || one.implementations.last() != Some(&one.implementation)
    {
        let found = format!("{} stands behind it, which its logs do not say", one.implementation);
        rows.deviates(name, expected, found, HIDDEN);
        return;
    }
    match changes {
        0 => rows.ok(
            name,
            format!("as it was made in block {}", one.creation.as_ref().map_or(0, |creation| creation.block)),
        ),
        _ => rows.note(
            name,
            format!(
                "replaced {changes} times since, each time after the delay: earlier releases say by what"
            ),
        ),
    }
}

/// Whether a proxy began with the call that this release makes.
fn is_initialization(comparison: &Comparison<'_>, contract: Contract, data: &[u8]) -> bool {
    match contract {
        Contract::Inbox => data == IInbox::initializeCall {}.abi_encode(),
        Contract::AnchorStateRegistry => {
            let genesis = comparison.config.genesis.block(&mut ());
            data == IAnchorStateRegistry::initializeCall {
                genesisOutput: genesis.output_root,
                genesisBlock: 0,
            }
            .abi_encode()
        }
        // Their arguments are state, which is compared as it is now.
        Contract::SystemConfig => ISystemConfig::initializeCall::abi_decode(data).is_ok(),
        Contract::DisputeGameFactory => IDisputeGameFactory::initializeCall::abi_decode(data).is_ok(),
        _ => data.is_empty(),
    }
}

fn creation_of_timelock(timelock: &TimelockEvidence, rows: &mut Rows) {
    let expected = "made by its own constructor";
    // Another contract has a row for that.
    if compare_code(&runtime_code(Contract::Timelock), &timelock.code, &[]).is_err() {
        return;
    }
    let arguments = match arguments(timelock.creation.as_ref(), Contract::Timelock, timelock.address) {
        Ok(arguments) => arguments,
        Err(why) => return missing(rows, "Timelock", expected, why),
    };
    match <(U256, Address)>::abi_decode_params(&arguments) {
        Ok((delay, owner)) if Some(delay) == timelock.delay => {
            rows.ok("Timelock", format!("made for the owner {owner}"));
        }
        Ok((delay, _)) => {
            let found = format!("{} seconds now", super::rows::shown(timelock.delay));
            let expected = format!("the delay that it was made with, {delay} seconds");
            rows.deviates("Timelock", expected, found, HIDDEN);
        }
        Err(_) => rows.deviates("Timelock", expected, "made with other arguments", HIDDEN),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::CreationTransaction;

    #[test]
    fn a_contract_that_was_made_in_another_way_is_told_from_one_that_is_not_known() {
        let (address, other) = (Address::repeat_byte(1), Address::repeat_byte(2));
        let code = creation_code(Contract::Timelock);
        let made = |creates, input: Vec<u8>| Creation {
            block: 7,
            transaction: Some(CreationTransaction { creates, input: input.into() }),
        };
        let with = |rest: &[u8]| [code.as_ref(), rest].concat();
        let look = |creation: Option<Creation>| arguments(creation.as_ref(), Contract::Timelock, address);
        assert_eq!(look(Some(made(Some(address), with(&[1, 2])))), Ok(Bytes::from_static(&[1, 2])));
        // A constructor of somebody's own that leaves the same code, and more in the storage.
        let mut foreign = with(&[1, 2]);
        foreign[100] ^= 1;
        for wrong in [
            None,
            Some(made(None, with(&[]))),
            Some(made(Some(other), with(&[]))),
            Some(made(Some(address), foreign)),
            Some(made(Some(address), Vec::new())),
        ] {
            assert!(matches!(look(wrong.clone()), Err((true, _))), "{wrong:?}");
        }
        assert!(matches!(look(Some(Creation { block: 7, transaction: None })), Err((false, _))));
    }
}
