//! L2's first block: nothing in it but what this release puts there.

use std::collections::{BTreeMap, BTreeSet};

use alloy::primitives::{Address, B256, U256, keccak256, utils::format_ether};
use bindings::{
    genesis::{genesis_contracts, own_contracts},
    predeploys,
    preinstalls::{GenesisContract, preinstalls},
};
use rollup::config::GenesisAccount;

use super::{
    Comparison,
    links::{is_genesis, mismatches},
    rows::Rows,
};

/// Most accounts that are named.
const MAX_NAMED: usize = 5;

const OTHER_CODE: &str =
    "A contract on L2 that everybody relies on is another one: it may do anything with what is on L2.";

pub(super) fn rows(comparison: &Comparison<'_>, rows: &mut Rows) {
    let config = comparison.config;
    let computed = config.genesis.block(&mut ());
    let meaning =
        "rollup.json contradicts itself: who computes the genesis from it gets another chain than it names.";
    rows.equal("hash", config.genesis_hash, Some(computed.hash), meaning);
    rows.equal("output root", config.genesis_output_root, Some(computed.output_root), meaning);
    for one in mismatches(comparison).into_iter().filter(is_genesis) {
        let meaning = "Disputes start from another first block than rollup.json has: what you see on L2 is not what L1 pays out.";
        // The former two rows are about the file, this one is about L1.
        rows.deviates(format!("{} on L1", one.field), one.expected, one.found, meaning);
    }
    codes(comparison, rows);
    others_contracts(comparison, rows);
    storage(comparison, rows);
    others(comparison, rows);
    funds(comparison, rows);
}

/// What is at a contract's address is another account: `Some` with what it is.
fn difference(account: &GenesisAccount, contract: &GenesisContract) -> Option<String> {
    let is_same = account.code == contract.code && account.nonce == 1;
    (!is_same)
        .then(|| format!("{} at {} (code {})", contract.name, contract.address, keccak256(&account.code)))
}

fn codes(comparison: &Comparison<'_>, rows: &mut Rows) {
    let alloc = &comparison.config.genesis.alloc;
    let expected = own_contracts();
    let wrong: Vec<String> = expected
        .iter()
        .filter_map(|contract| match alloc.get(&contract.address) {
            Some(account) => difference(account, contract),
            None => Some(format!("{} at {} (missing)", contract.name, contract.address)),
        })
        .collect();
    let found = if wrong.is_empty() { "the same".to_owned() } else { wrong.join(", ") };
    let text = format!("{} contracts of this release", expected.len());
    rows.check("contracts", wrong.is_empty(), text, found, OTHER_CODE);
}

/// Contracts of others. A chain may lack them: the release that it was made with had fewer, and what is not there is seen
/// not to be there.
fn others_contracts(comparison: &Comparison<'_>, rows: &mut Rows) {
    let alloc = &comparison.config.genesis.alloc;
    let expected = preinstalls(comparison.config.chain.chain_id);
    let (mut missing, mut wrong) = (Vec::new(), Vec::new());
    for contract in &expected {
        match alloc.get(&contract.address) {
            Some(account) => wrong.extend(difference(account, contract)),
            None => missing.push(contract.name),
        }
    }
    if !wrong.is_empty() {
        let text = format!("the code that {} contracts have elsewhere", expected.len());
        rows.deviates("preinstalls", text, wrong.join(", "), OTHER_CODE);
    } else if missing.is_empty() {
        let names: Vec<&str> = expected.iter().map(|contract| contract.name).collect();
        rows.ok("preinstalls", names.join(", "));
    } else {
        rows.note("preinstalls", format!("L2 began without {}", missing.join(", ")));
    }
}

/// The storage that this release would put into the genesis, by account; recipients of fees are the deployer's to choose.
fn expected_storage(comparison: &Comparison<'_>) -> BTreeMap<Address, BTreeMap<B256, U256>> {
    let (genesis, contracts) = (&comparison.config.genesis, &comparison.config.contracts);
    let word = |address: Address| U256::from_be_bytes(address.into_word().0);
    let mut expected = BTreeMap::new();
    for contract in genesis_contracts(comparison.config.chain.chain_id) {
        let slots = contract.storage.into_iter().map(|(slot, value)| (B256::from(slot), value)).collect();
        expected.insert(contract.address, slots);
    }
    if let Ok(rules) = comparison.config.chain.rules_at(genesis.timestamp) {
        let slots = genesis.attributes().storage(rules);
        let slots = slots.into_iter().map(|(slot, value)| (B256::from(slot), value)).collect();
        expected.insert(predeploys::L1_BLOCK, slots);
    }
    let mut peer = |predeploy: Address, peer: Address| {
        expected.insert(predeploy, BTreeMap::from([(B256::ZERO, word(peer))]));
    };
    peer(predeploys::L2_CROSS_DOMAIN_MESSENGER, contracts.l1_cross_domain_messenger);
    peer(predeploys::L2_STANDARD_BRIDGE, contracts.l1_standard_bridge);
    for (vault, recipient) in crate::vaults::recipients(genesis) {
        peer(vault, recipient);
    }
    expected
}

fn our_addresses(comparison: &Comparison<'_>) -> BTreeSet<Address> {
    let contracts = genesis_contracts(comparison.config.chain.chain_id);
    contracts.into_iter().map(|contract| contract.address).collect()
}

fn storage(comparison: &Comparison<'_>, rows: &mut Rows) {
    let expected = expected_storage(comparison);
    let ours = our_addresses(comparison);
    let nothing = BTreeMap::new();
    let is_other = |address: &Address, account: &GenesisAccount| {
        let found: BTreeMap<B256, U256> = account
            .storage
            .iter()
            .filter(|(_, value)| !value.is_zero())
            .map(|(slot, value)| (*slot, *value))
            .collect();
        let expected = expected.get(address).unwrap_or(&nothing);
        let expected: BTreeMap<B256, U256> = expected
            .iter()
            .filter(|(_, value)| !value.is_zero())
            .map(|(slot, value)| (*slot, *value))
            .collect();
        found != expected
    };
    let alloc = comparison.config.genesis.alloc.iter();
    let wrong: Vec<Address> = alloc
        .filter(|(address, account)| ours.contains(*address) && is_other(address, account))
        .map(|(address, _)| *address)
        .collect();
    rows.check(
        "storage",
        wrong.is_empty(),
        "of L1Block, messenger, bridge, fee vaults, Safes and EntryPoints alone",
        if wrong.is_empty() { "the same".into() } else { named(&wrong) },
        "A contract on L2 begins with something in its storage that nobody did: sent messages, tokens, another counterpart on L1.",
    );
}

fn named(accounts: &[Address]) -> String {
    let names: Vec<String> = accounts.iter().take(MAX_NAMED).map(ToString::to_string).collect();
    let left = accounts.len().saturating_sub(MAX_NAMED);
    let more = if left == 0 { String::new() } else { format!(" and {left} more") };
    format!("{}{more}", names.join(", "))
}

/// Accounts that no deployment of this release has. Those with ether alone are about funds.
fn others(comparison: &Comparison<'_>, rows: &mut Rows) {
    let ours = our_addresses(comparison);
    let is_plain = |account: &GenesisAccount| {
        account.code.is_empty()
            && account.storage.is_empty()
            && account.nonce == 0
            && !account.balance.is_zero()
    };
    let alloc = comparison.config.genesis.alloc.iter();
    let others: Vec<Address> = alloc
        .filter(|(address, account)| !ours.contains(*address) && !is_plain(account))
        .map(|(address, _)| *address)
        .collect();
    rows.check(
        "other accounts",
        others.is_empty(),
        "none",
        if others.is_empty() { "none".into() } else { named(&others) },
        "L2 begins with an account that this release does not have: a contract that was never deployed in public.",
    );
}

/// Ether on L2 that nobody has deposited.
fn funds(comparison: &Comparison<'_>, rows: &mut Rows) {
    let alloc = &comparison.config.genesis.alloc;
    let funded: Vec<Address> =
        alloc.iter().filter(|(_, account)| !account.balance.is_zero()).map(|(address, _)| *address).collect();
    let total = alloc.values().fold(U256::ZERO, |sum, account| sum.saturating_add(account.balance));
    if funded.is_empty() {
        rows.ok("funds", "none that were not deposited");
        return;
    }
    let held = comparison.evidence.portal_balance;
    let found = format!(
        "{} ETH of {}; the portal holds {} ETH",
        format_ether(total),
        named(&funded),
        format_ether(held)
    );
    match held >= total {
        true => rows.note("funds", format!("as on a devnet: {found}")),
        false => rows.deviates(
            "funds",
            "none that were not deposited",
            found,
            "There is more ether on L2 than L1 can pay out: who withdraws first takes what others have deposited.",
        ),
    }
}
