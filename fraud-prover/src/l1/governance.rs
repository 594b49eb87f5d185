//! What is scheduled in the Timelock for the versions of the game.

use alloy::{
    primitives::{Address, B256},
    sol_types::{SolCall, SolEvent},
};
use bindings::{
    IDisputeGameFactory::{setImplementationCall, setStandbyCall},
    ITimelock::{CallExecuted, CallScheduled, Cancelled},
};
use rollup::l1::L1Error;

use super::events::{Logged, invalid_response};

/// What will become of a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VersionRole {
    /// New games will be of it.
    InForce,
    /// It takes over if the machine of the one in force breaks.
    Standby,
}

/// A version that is scheduled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScheduledVersion {
    /// The version's contract.
    pub version: Address,
    /// What it becomes.
    pub role: VersionRole,
    /// From when on, in seconds; anyone may put it in force then.
    pub due: u64,
}

/// An event of the Timelock.
#[derive(Clone, Debug)]
pub(super) enum GovernanceEvent {
    Scheduled {
        id: B256,
        call: ScheduledVersion,
    },
    /// Executed or cancelled.
    Over {
        id: B256,
    },
}

/// Topics of the events that matter.
pub(super) fn signatures() -> Vec<B256> {
    vec![CallScheduled::SIGNATURE_HASH, CallExecuted::SIGNATURE_HASH, Cancelled::SIGNATURE_HASH]
}

/// What an event says; none if it is about something else than versions.
pub(super) fn decode(
    log: &alloy::primitives::Log,
    factory: Address,
    timestamp: u64,
) -> Result<Option<GovernanceEvent>, L1Error> {
    Ok(match log.topics().first().copied().unwrap_or_default() {
        CallScheduled::SIGNATURE_HASH => {
            let event = CallScheduled::decode_log(log).map_err(invalid_response)?.data;
            let due = timestamp.saturating_add(event.delay.saturating_to());
            let version = match event.target == factory {
                true => version_of(&event.data),
                false => None,
            };
            version.map(|(version, role)| GovernanceEvent::Scheduled {
                id: event.id,
                call: ScheduledVersion { version, role, due },
            })
        }
        CallExecuted::SIGNATURE_HASH => {
            let event = CallExecuted::decode_log(log).map_err(invalid_response)?.data;
            Some(GovernanceEvent::Over { id: event.id })
        }
        Cancelled::SIGNATURE_HASH => {
            let event = Cancelled::decode_log(log).map_err(invalid_response)?.data;
            Some(GovernanceEvent::Over { id: event.id })
        }
        other => {
            return Err(L1Error::InvalidResponse(format!("a log with topic {other} that was not asked for")));
        }
    })
}

/// Which version a call to the factory is about. Without one it takes the standby away.
fn version_of(call: &[u8]) -> Option<(Address, VersionRole)> {
    let (version, role) = match setImplementationCall::abi_decode(call) {
        Ok(call) => (call.implementation, VersionRole::InForce),
        Err(_) => (setStandbyCall::abi_decode(call).ok()?.standby, VersionRole::Standby),
    };
    (!version.is_zero()).then_some((version, role))
}

/// What is still to come.
pub(super) fn pending(events: &[Logged<GovernanceEvent>]) -> Vec<ScheduledVersion> {
    let mut pending: Vec<(B256, ScheduledVersion)> = Vec::new();
    for logged in events {
        match &logged.event {
            GovernanceEvent::Scheduled { id, call } => pending.push((*id, *call)),
            GovernanceEvent::Over { id } => pending.retain(|(scheduled, _)| scheduled != id),
        }
    }
    pending.into_iter().map(|(_, call)| call).collect()
}

#[cfg(test)]
mod tests {
    use alloy::primitives::{Bytes, LogData, U256};

    use super::*;

    const FACTORY: Address = Address::repeat_byte(1);

    fn logged(event: impl SolEvent) -> Option<Logged<GovernanceEvent>> {
        let data: LogData = event.encode_log_data();
        let log = alloy::primitives::Log { address: Address::repeat_byte(9), data };
        let event = decode(&log, FACTORY, 1000).expect("an event that was asked for")?;
        Some(Logged { block: 1, timestamp: 1000, transaction: B256::ZERO, event })
    }

    fn scheduled(id: u8, target: Address, data: Vec<u8>) -> CallScheduled {
        CallScheduled {
            id: B256::repeat_byte(id),
            index: U256::ZERO,
            target,
            value: U256::ZERO,
            data: Bytes::from(data),
            predecessor: B256::ZERO,
            delay: U256::from(50),
        }
    }

    #[test]
    fn what_is_scheduled_is_pending_until_it_is_executed_or_cancelled() {
        let [next, standby] = [Address::repeat_byte(2), Address::repeat_byte(3)];
        let set = setImplementationCall { implementation: next }.abi_encode();
        let stand_by = setStandbyCall { standby }.abi_encode();
        let mut events: Vec<_> = [
            scheduled(1, FACTORY, set.clone()),
            scheduled(2, FACTORY, stand_by),
            // Of another contract, of no version, and none of the factory's functions.
            scheduled(3, Address::repeat_byte(8), set),
            scheduled(4, FACTORY, setStandbyCall { standby: Address::ZERO }.abi_encode()),
            scheduled(5, FACTORY, vec![1, 2, 3]),
        ]
        .into_iter()
        .filter_map(logged)
        .collect();
        let version = |version, role| ScheduledVersion { version, role, due: 1050 };
        let both = [version(next, VersionRole::InForce), version(standby, VersionRole::Standby)];
        assert_eq!(pending(&events), both);
        events.extend(logged(Cancelled { id: B256::repeat_byte(1) }));
        assert_eq!(pending(&events), both[1..]);
        events.extend(logged(CallExecuted {
            id: B256::repeat_byte(2),
            index: U256::ZERO,
            target: FACTORY,
            value: U256::ZERO,
            data: Bytes::new(),
        }));
        assert_eq!(pending(&events), []);
    }
}
