//! The code of every contract, and what its constructor put into it.
//!
//! Immutables are compared as a whole: the values in the code must be those that the contract's own functions tell, which
//! the other themes compare with `rollup.json`. So no value is in the code that nobody looks at.

use alloy::primitives::{Address, U256, keccak256};
use bindings::{
    IDisputeGame,
    artifacts::{Contract, RuntimeCode, runtime_code},
};

use super::{Comparison, rows::Rows};
use crate::evidence::{GameVersion, ProxiedContract};

const OTHER_CODE: &str = "This contract can do anything, whatever it is called: nothing that stands in this table protects you from it.";
const OTHER_PROXY: &str =
    "Whoever the proxy obeys can replace the contract at any moment; the timelock does not bind him.";
const OTHER_MULTICALL: &str =
    "Answers that clients get through it may be wrong; what L1 itself does is not concerned.";

pub(super) fn rows(comparison: &Comparison<'_>, rows: &mut Rows) {
    let evidence = comparison.evidence;
    for one in &evidence.proxied {
        let explained = evidence.answers.immutables(one.contract);
        code(
            rows,
            one.contract.name().into(),
            one.contract,
            &one.implementation_code,
            &explained,
            one.implementation,
            OTHER_CODE,
        );
        proxy(rows, one, evidence.timelock.is_some());
    }
    if let Some(timelock) = &evidence.timelock {
        code(rows, "Timelock".into(), Contract::Timelock, &timelock.code, &[], timelock.address, OTHER_CODE);
    }
    version(rows, "DisputeGame", "RiscV", evidence.game.as_ref());
    if evidence.standby.is_some() {
        version(rows, "standby", "standby's RiscV", evidence.standby.as_ref());
    }
    let multicall = comparison.config.contracts.multicall3;
    code(
        rows,
        "Multicall3".into(),
        Contract::Multicall3,
        &evidence.multicall_code,
        &[],
        multicall,
        OTHER_MULTICALL,
    );
}

/// A proxy, and its admin.
fn proxy(rows: &mut Rows, one: &ProxiedContract, is_governed: bool) {
    let name = one.contract.name();
    let word = |address: Address| U256::from_be_bytes(address.into_word().0);
    if !is_governed {
        let kind = Contract::ERC1967Proxy;
        code(rows, format!("{name}'s proxy"), kind, &one.proxy_code, &[], one.proxy, OTHER_PROXY);
        return;
    }
    let admin = one.own_admin();
    let kind = Contract::TransparentUpgradeableProxy;
    match one.admin_slot == admin {
        // It obeys the address in its code; the slot is what everybody looks at.
        true => code(
            rows,
            format!("{name}'s proxy"),
            kind,
            &one.proxy_code,
            &[word(admin)],
            one.proxy,
            OTHER_PROXY,
        ),
        false => rows.deviates(
            format!("{name}'s proxy"),
            format!("the admin {admin}, which the proxy made itself"),
            format!("{} in the slot of the admin", one.admin_slot),
            OTHER_PROXY,
        ),
    }
    code(
        rows,
        format!("{name}'s ProxyAdmin"),
        Contract::ProxyAdmin,
        &one.admin_code,
        &[],
        admin,
        OTHER_PROXY,
    );
}

/// A version of the game, and its machine.
fn version(rows: &mut Rows, name: &str, machine: &str, version: Option<&GameVersion>) {
    let Some(version) = version else {
        rows.deviates(name, "a version of the game", "none", OTHER_CODE);
        return;
    };
    let parameters = version.parameters.clone().unwrap_or_default();
    let mut explained = parameter_words(&parameters);
    explained.push(U256::from_be_bytes(version.address.into_word().0));
    code(rows, name.into(), Contract::DisputeGame, &version.code, &explained, version.address, OTHER_CODE);
    code(
        rows,
        machine.into(),
        Contract::RiscV,
        &version.machine_code,
        &[],
        parameters.riscV,
        "The judge of single steps is another one: it may prove wrong steps, and so wrong outputs, and take all funds.",
    );
}

/// The parameters of a version, each as the word that its constructor puts into the code.
fn parameter_words(parameters: &IDisputeGame::Parameters) -> Vec<U256> {
    vec![
        U256::from_be_bytes(parameters.riscV.into_word().0),
        parameters.programRoot.into(),
        U256::from(parameters.programEntry),
        U256::from(parameters.maxSteps),
        parameters.configHash.into(),
        U256::from(parameters.maxClockDuration),
        U256::from(parameters.clockExtension),
        U256::from(parameters.boundaryExtension),
        U256::from(parameters.rootBond),
        U256::from(parameters.leafBond),
        U256::from(parameters.bondDecay),
        U256::from(parameters.newestActivation),
    ]
}

fn code(
    rows: &mut Rows,
    name: String,
    contract: Contract,
    found: &[u8],
    explained: &[U256],
    address: Address,
    meaning: &str,
) {
    let runtime = runtime_code(contract);
    let is_same = compare_code(&runtime, found, explained);
    match is_same {
        Ok(()) => rows.ok(name, address),
        Err(other) => {
            let expected = format!("{} of this release ({})", contract.name(), keccak256(&runtime.code));
            rows.deviates(name, expected, format!("{other} at {address}"), meaning);
        }
    }
}

/// Whether this is the code, with these immutables and no others.
///
/// # Errors
/// What it is instead.
pub(super) fn compare_code(runtime: &RuntimeCode, found: &[u8], explained: &[U256]) -> Result<(), String> {
    if found.is_empty() {
        return Err("no code".into());
    }
    let mut plain = found.to_vec();
    if found.len() == runtime.code.len() {
        for place in runtime.immutables.iter().flatten() {
            plain[place.clone()].fill(0);
        }
    }
    if plain != *runtime.code {
        return Err(format!("other code ({}, immutables as zeros)", keccak256(plain)));
    }
    let mut values = Vec::with_capacity(runtime.immutables.len());
    for places in &runtime.immutables {
        let mut of_one = places.iter().map(|place| U256::try_from_be_slice(&found[place.clone()]));
        let value = of_one.next().flatten().unwrap_or_default();
        if of_one.any(|other| other != Some(value)) {
            return Err("an immutable with two values".into());
        }
        values.push(value);
    }
    let mut explained = explained.to_vec();
    values.sort_unstable();
    explained.sort_unstable();
    let alien = values.iter().find(|value| !explained.contains(value));
    match (alien, values == explained) {
        (Some(alien), _) => Err(format!("an immutable {alien:#x} that none of its functions tells")),
        (None, false) => Err("other immutables than its functions tell".into()),
        (None, true) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_is_the_same_only_with_all_its_immutables_explained() {
        let runtime = RuntimeCode {
            code: [vec![1, 2], vec![0; 32], vec![3], vec![0; 32], vec![0; 32]].concat().into(),
            immutables: vec![vec![2..34, 67..99], vec![35..67]],
        };
        let deployed = |one: u8, two: u8, again: u8| {
            let mut code = runtime.code.to_vec();
            (code[33], code[66], code[98]) = (one, two, again);
            code
        };
        let words = |values: &[u64]| values.iter().map(|value| U256::from(*value)).collect::<Vec<_>>();
        let compare = |code: &[u8], explained: &[u64]| compare_code(&runtime, code, &words(explained));
        assert_eq!(compare(&deployed(7, 8, 7), &[8, 7]), Ok(()));
        assert_eq!(compare(&deployed(7, 7, 7), &[7, 7]), Ok(()));
        for (code, explained) in [
            (deployed(7, 8, 9), &[7, 8][..]),
            (deployed(7, 9, 7), &[7, 8]),
            (deployed(7, 7, 7), &[7, 8]),
            (deployed(7, 8, 7), &[7]),
            ([deployed(7, 8, 7), vec![0]].concat(), &[7, 8]),
            (deployed(7, 8, 7)[..98].to_vec(), &[7, 8]),
            (Vec::new(), &[7, 8]),
        ] {
            assert!(compare(&code, explained).is_err(), "{code:?} {explained:?}");
        }
        let mut other = deployed(7, 8, 7);
        other[0] ^= 1;
        assert!(compare(&other, &[7, 8]).is_err());
    }
}
