//! What matters to a user now: who has a role, and whether anything stands still.

use alloy::primitives::Address;
use bindings::artifacts::Contract;

use super::{
    Comparison,
    rows::{Rows, time},
};

/// What the code of an account begins with that has delegated to a contract (EIP-7702), whose key keeps all power.
const DELEGATION: [u8; 3] = [0xef, 0x01, 0x00];

pub(super) fn rows(comparison: &Comparison<'_>, rows: &mut Rows) {
    let evidence = comparison.evidence;
    let answers = &evidence.answers;
    let paused_until = answers.number(Contract::AnchorStateRegistry, "pausedUntil()").unwrap_or_default();
    match paused_until.checked_sub(evidence.timestamp) {
        Some(left) if left > 0 => {
            rows.note("withdrawals", format!("paused by the guardian for {} more", time(left)))
        }
        _ => rows.ok("withdrawals", "not paused"),
    }
    for (name, contract, view) in [
        ("owner", Contract::SystemConfig, "owner()"),
        ("next owner", Contract::SystemConfig, "pendingOwner()"),
        ("guardian", Contract::AnchorStateRegistry, "guardian()"),
        ("batcher", Contract::SystemConfig, "batcher()"),
        ("signer of the feed", Contract::SystemConfig, "unsafeBlockSigner()"),
    ] {
        let account = answers.address(contract, view);
        if let Some(account) = account.filter(|account| name != "next owner" || !account.is_zero()) {
            rows.note(name, described(comparison, account));
        }
    }
    let mut recipients: Vec<Address> = crate::vaults::recipients(&comparison.config.genesis)
        .into_iter()
        .map(|(_, account)| account)
        .collect();
    recipients.dedup();
    for (index, recipient) in recipients.into_iter().enumerate() {
        let name = if index == 0 { "fees go to".to_owned() } else { format!("fees go to ({})", index + 1) };
        rows.note(name, described(comparison, recipient));
    }
}

/// An account, and what it is.
fn described(comparison: &Comparison<'_>, account: Address) -> String {
    let code = comparison.evidence.account_codes.get(&account);
    let kind = match code {
        _ if account.is_zero() => "nobody",
        None => "unknown",
        Some(code) if code.is_empty() => "a plain key",
        Some(code) if code.starts_with(&DELEGATION) => "a plain key that has delegated to a contract",
        Some(_) => "a contract",
    };
    format!("{account}, {kind}")
}
