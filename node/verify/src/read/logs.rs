//! What the contracts' logs say of their past: roles, operations, implementations.

use alloy::{
    primitives::{Address, B256, Bytes},
    rpc::types::{Filter, Log},
    sol_types::SolEvent,
};
use bindings::ITimelock::{CallScheduled, Cancelled};
use rollup::l1::{L1Client, L1Error, read_log_range};

use crate::evidence::RoleChange;

alloy::sol! {
    /// A role of OpenZeppelin's `AccessControl` was given.
    event RoleGranted(bytes32 indexed role, address indexed account, address indexed sender);
    /// It was taken away, or given up.
    event RoleRevoked(bytes32 indexed role, address indexed account, address indexed sender);
    /// A proxy has another implementation (ERC-1967).
    event Upgraded(address indexed implementation);
}

/// Most logs that are kept. A rollup has some dozens; an owner who schedules without end pays 50,000 gas for each.
const MAX_LOGS: usize = 50_000;

/// Bytes of an operation's call that are kept: selector and two words.
const MAX_CALL: usize = 68;

/// Reads logs of some contracts, in order.
pub(super) struct HistoryReader<'a> {
    client: &'a L1Client,
    contracts: Vec<Address>,
    /// The first block that is not read yet.
    next: u64,
    logs: Vec<Log>,
}

impl<'a> HistoryReader<'a> {
    pub(super) fn new(client: &'a L1Client, contracts: Vec<Address>, first: u64) -> Self {
        Self { client, contracts, next: first, logs: Vec::new() }
    }

    /// Reads up to this block, which is read, too.
    pub(super) async fn read_to(&mut self, last: u64) -> Result<(), L1Error> {
        let topics = vec![
            RoleGranted::SIGNATURE_HASH,
            RoleRevoked::SIGNATURE_HASH,
            Upgraded::SIGNATURE_HASH,
            CallScheduled::SIGNATURE_HASH,
            Cancelled::SIGNATURE_HASH,
        ];
        let filter = Filter::new().address(self.contracts.clone()).event_signature(topics);
        let most = MAX_LOGS.saturating_sub(self.logs.len());
        self.logs.extend(read_log_range(self.client, &filter, (self.next, last), most).await?);
        self.next = last.saturating_add(1);
        Ok(())
    }

    /// All that was read, in order.
    pub(super) fn finish(mut self) -> Vec<Log> {
        self.logs.sort_by_key(|log| (log.block_number, log.log_index));
        self.logs
    }
}

fn of(logs: &[Log], contract: Address) -> impl Iterator<Item = &Log> {
    logs.iter().filter(move |log| log.address() == contract)
}

/// All implementations that a proxy had, in order.
pub(super) fn implementations(logs: &[Log], proxy: Address) -> Vec<Address> {
    let upgrades = of(logs, proxy).filter_map(|log| Upgraded::decode_log(&log.inner).ok());
    upgrades.map(|log| log.implementation).collect()
}

/// The changes of roles, in order.
pub(super) fn role_changes(logs: &[Log], timelock: Address) -> Vec<RoleChange> {
    let change = |log: &Log| {
        if let Ok(log) = RoleGranted::decode_log(&log.inner) {
            return Some(RoleChange { role: log.role, account: log.account, is_granted: true });
        }
        let log = RoleRevoked::decode_log(&log.inner).ok()?;
        Some(RoleChange { role: log.role, account: log.account, is_granted: false })
    };
    of(logs, timelock).filter_map(change).collect()
}

/// The operations that were scheduled and not cancelled, in order, each once: what they call. Some were executed since.
pub(super) fn scheduled(logs: &[Log], timelock: Address) -> Vec<(B256, Vec<(Address, Bytes)>)> {
    let mut operations: Vec<(B256, Vec<(Address, Bytes)>)> = Vec::new();
    let mut places: std::collections::HashMap<B256, usize> = std::collections::HashMap::new();
    for log in of(logs, timelock) {
        if let Ok(log) = Cancelled::decode_log(&log.inner) {
            if let Some(place) = places.remove(&log.id) {
                operations[place].1.clear();
            }
        } else if let Ok(log) = CallScheduled::decode_log(&log.inner) {
            let place = *places.entry(log.id).or_insert_with(|| {
                operations.push((log.id, Vec::new()));
                operations.len() - 1
            });
            let data = log.data.data.slice(..log.data.data.len().min(MAX_CALL));
            operations[place].1.push((log.target, data));
        }
    }
    operations.retain(|(_, calls)| !calls.is_empty());
    operations
}

#[cfg(test)]
mod tests {
    use alloy::primitives::{LogData, U256};

    use super::*;

    fn log(address: Address, data: LogData) -> Log {
        Log { inner: alloy::primitives::Log { address, data }, ..Log::default() }
    }

    #[test]
    fn operations_are_those_that_were_scheduled_and_not_cancelled() {
        let (timelock, target) = (Address::repeat_byte(1), Address::repeat_byte(2));
        let schedule = |id: u8, index: u8| {
            let event = CallScheduled {
                id: B256::repeat_byte(id),
                index: U256::from(index),
                target,
                value: U256::ZERO,
                data: vec![id; 100].into(),
                predecessor: B256::ZERO,
                delay: U256::ZERO,
            };
            log(timelock, event.encode_log_data())
        };
        let cancel = |id: u8| log(timelock, Cancelled { id: B256::repeat_byte(id) }.encode_log_data());
        let mut logs = vec![
            schedule(1, 0),
            schedule(2, 0),
            schedule(2, 1),
            cancel(1),
            schedule(3, 0),
            cancel(3),
            schedule(3, 0),
        ];
        logs.push(log(target, logs[0].inner.data.clone()));
        let found = scheduled(&logs, timelock);
        let found: Vec<_> = found.iter().map(|(id, calls)| (id[0], calls.len(), calls[0].1.len())).collect();
        assert_eq!(found, [(2, 2, MAX_CALL), (3, 1, MAX_CALL)]);
    }

    #[test]
    fn roles_are_read_in_order_and_of_the_timelock_alone() {
        let (timelock, account) = (Address::repeat_byte(1), Address::repeat_byte(2));
        let (role, sender) = (B256::repeat_byte(3), Address::ZERO);
        let granted = RoleGranted { role, account, sender }.encode_log_data();
        let revoked = RoleRevoked { role, account, sender }.encode_log_data();
        let logs = [log(timelock, granted.clone()), log(account, granted), log(timelock, revoked)];
        let change = |is_granted| RoleChange { role, account, is_granted };
        assert_eq!(role_changes(&logs, timelock), [change(true), change(false)]);
    }
}
