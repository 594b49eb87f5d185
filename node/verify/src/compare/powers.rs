//! Who can change what.

use std::collections::BTreeSet;

use alloy::primitives::{Address, B256, Bytes};
use bindings::artifacts::Contract;

use super::{
    Comparison,
    rows::{Rows, shown, time},
};
use crate::{
    evidence::{PendingOperation, RoleChange, TimelockEvidence},
    roles,
};

/// Most operations that are listed one by one.
const MAX_LISTED: usize = 20;

pub(super) fn rows(comparison: &Comparison<'_>, rows: &mut Rows) {
    let evidence = comparison.evidence;
    let timelock = evidence.timelock.as_ref().map(|timelock| timelock.address);
    for one in &evidence.proxied {
        let name = format!("upgrades of {}", one.contract.name());
        match timelock {
            Some(timelock) => rows.equal(
                name,
                timelock,
                one.admin_owner,
                "Whoever that is can replace the contract at once, and take what it holds: no delay protects you.",
            ),
            None => rows.equal(
                name,
                Address::ZERO,
                Some(one.admin_slot),
                "The deployment is said to be one that nobody can change, and names somebody who could.",
            ),
        }
    }
    let governor = evidence.answers.address(Contract::DisputeGameFactory, "governor()");
    let name = "versions of the game";
    let meaning =
        "Whoever that is can put a game in force at once by which any output wins, and so take all funds.";
    rows.equal(name, timelock.unwrap_or_default(), governor, meaning);
    match &evidence.timelock {
        Some(timelock) => {
            timelock_roles(comparison, timelock, rows);
            operations(comparison, timelock, rows);
        }
        None => rows.ok("timelock", "none: nobody can ever change these contracts"),
    }
}

fn timelock_roles(comparison: &Comparison<'_>, timelock: &TimelockEvidence, rows: &mut Rows) {
    let owner = comparison.evidence.answers.address(Contract::SystemConfig, "owner()").unwrap_or_default();
    for (name, role, account) in roles::expected(timelock.address, owner) {
        let mut found = holders(&timelock.roles, role);
        // What the state says counts more than logs, which an endpoint may lack.
        let has = |account: Address| timelock.has_role.get(&(role, account)).copied().unwrap_or_default();
        found.retain(|account| has(*account));
        if has(account) {
            found.insert(account);
        }
        let meaning = match name {
            "DEFAULT_ADMIN" => "Whoever that is can give himself every role of the timelock.",
            "PROPOSER" => "Others than the owner can schedule upgrades, or the owner cannot.",
            "CANCELLER" => {
                "Others than the owner can stop upgrades, also those that mend something, or the owner cannot."
            }
            _ => "Not everybody can execute what has waited: who can chooses the moment.",
        };
        // Who executes what anyone may is no matter.
        let is_right = match name {
            "EXECUTOR" => found.contains(&account),
            _ => found == BTreeSet::from([account]),
        };
        let is_known = timelock.roles.iter().any(|change| change.role == role);
        let found: Vec<String> = found.iter().map(ToString::to_string).collect();
        let found = match (found.is_empty(), is_known) {
            (_, false) => "no log of it".into(),
            (true, _) => "nobody".into(),
            (false, _) => found.join(", "),
        };
        rows.check(format!("role {name}"), is_right && is_known, account, found, meaning);
    }
}

/// Who has a role, by the changes in order.
fn holders(changes: &[RoleChange], role: B256) -> BTreeSet<Address> {
    let mut holders = BTreeSet::new();
    for change in changes.iter().filter(|change| change.role == role) {
        match change.is_granted {
            true => holders.insert(change.account),
            false => holders.remove(&change.account),
        };
    }
    holders
}

/// What waits in the timelock, and has not expired.
fn operations(comparison: &Comparison<'_>, timelock: &TimelockEvidence, rows: &mut Rows) {
    let now = comparison.evidence.timestamp;
    let grace = timelock.grace.map_or(u64::MAX, |grace| grace.saturating_to());
    let alive = |operation: &&PendingOperation| operation.due.saturating_add(grace) >= now;
    let pending: Vec<_> = timelock.operations.iter().filter(alive).collect();
    if pending.is_empty() && !timelock.has_more_operations {
        rows.ok("pending operations", "none");
    }
    for operation in pending.iter().take(MAX_LISTED) {
        let when = match operation.due.checked_sub(now) {
            Some(0) | None => "now".into(),
            Some(left) => format!("in {}", time(left)),
        };
        let calls: Vec<_> = operation.calls.iter().map(|call| called(comparison, call)).collect();
        let id = operation.id;
        rows.note(
            format!("operation {}", shown(Some(id)).chars().take(10).collect::<String>()),
            format!("can be executed {when}: {}", calls.join("; ")),
        );
    }
    let left = pending.len().saturating_sub(MAX_LISTED);
    if left > 0 || timelock.has_more_operations {
        rows.note(
            "more operations",
            format!("{left} more, and perhaps older ones: something is hidden in a crowd"),
        );
    }
}

/// What an operation calls, by the names that are known.
fn called(comparison: &Comparison<'_>, (target, data): &(Address, Bytes)) -> String {
    let evidence = comparison.evidence;
    let admin = evidence.proxied.iter().find(|one| one.own_admin() == *target);
    let proxy = evidence.proxied.iter().find(|one| one.proxy == *target);
    let name = match (admin, proxy) {
        (Some(one), _) => format!("the ProxyAdmin of {}", one.contract.name()),
        (None, Some(one)) => one.contract.name().to_owned(),
        (None, None) if evidence.timelock.as_ref().is_some_and(|timelock| timelock.address == *target) => {
            "the Timelock itself".into()
        }
        (None, None) => target.to_string(),
    };
    let selector = data
        .get(..4)
        .map_or_else(String::new, |selector| format!(" 0x{}", alloy::primitives::hex::encode(selector)));
    // `upgradeAndCall` names the new implementation in its second word.
    let second = data.get(48..68).filter(|_| admin.is_some()).map(Address::from_slice);
    let more = second.map_or_else(String::new, |implementation| format!(" (to {implementation})"));
    format!("{name}{selector}{more}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_a_role_follows_from_all_its_changes() {
        let (role, other) = (B256::repeat_byte(1), B256::repeat_byte(2));
        let account = Address::repeat_byte;
        let change = |role, who: u8, is_granted| RoleChange { role, account: account(who), is_granted };
        let changes = [
            change(role, 1, true),
            change(other, 2, true),
            change(role, 3, true),
            change(role, 1, false),
            change(role, 4, true),
            change(role, 3, false),
            change(role, 3, true),
        ];
        assert_eq!(holders(&changes, role), BTreeSet::from([account(3), account(4)]));
        assert_eq!(holders(&changes, other), BTreeSet::from([account(2)]));
    }
}
