//! What stands in the timelock.

use std::collections::{BTreeMap, BTreeSet};

use alloy::{
    eips::BlockId,
    primitives::{Address, B256, Bytes, U256, keccak256},
    providers::Provider,
    rpc::types::{Filter, Log},
    sol_types::{SolCall, SolEvent},
};
use anyhow::Result;
use bindings::{
    IDisputeGameFactory::{setImplementationCall, setStandbyCall},
    IProxyAdmin::{transferOwnershipCall, upgradeAndCallCall},
    ITimelock::{self, CallSalt, CallScheduled},
};
use rollup::{
    RollupConfig,
    config::Contracts,
    l1::{L1Client, read_log_range},
};

use super::{Governed, Proxied};

/// How long before the rollup's first L1 block logs are looked for, in blocks: a week. The timelock is deployed before the
/// inbox, and an interrupted deployment may take a while.
const BEFORE: u64 = 50_400;
/// Most logs that are read: an owner pays 50,000 gas for each.
const MAX_LOGS: usize = 20_000;

/// A call that an operation makes, without ETH.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedCall {
    /// The contract.
    pub target: Address,
    /// Calldata.
    pub data: Bytes,
}

/// Where an operation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum OperationState {
    /// It waits for the delay to pass.
    Waiting,
    /// Anyone can execute it.
    Ready,
    /// It was not executed in time, and never can be.
    Expired,
    /// It was executed.
    Done,
    /// The owner took it back.
    Cancelled,
}

impl OperationState {
    /// For people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waits",
            Self::Ready => "can be executed now, by anyone",
            Self::Expired => "expired",
            Self::Done => "was executed",
            Self::Cancelled => "was cancelled",
        }
    }

    /// From what the timelock says of it.
    fn of(timestamp: U256, governed: &Governed) -> Self {
        let now = U256::from(governed.now);
        match timestamp {
            none if none.is_zero() => Self::Cancelled,
            done if done == U256::from(1) => Self::Done,
            due if due > now => Self::Waiting,
            due if now <= due.saturating_add(U256::from(governed.grace)) => Self::Ready,
            _ => Self::Expired,
        }
    }
}

/// An operation of the timelock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// Its id.
    pub id: B256,
    /// Its calls, in order.
    pub calls: Vec<PlannedCall>,
    /// ETH that goes with each, in wei.
    pub values: Vec<U256>,
    /// The operation that must be executed before; zero: none.
    pub predecessor: B256,
    /// What tells it from an equal one.
    pub salt: B256,
    /// From when on it can be executed, in seconds; zero once it is done or cancelled.
    pub due: u64,
    /// Where it stands.
    pub state: OperationState,
}

/// All operations that were ever scheduled, in order.
///
/// # Errors
/// L1 does not answer.
pub async fn operations(
    client: &L1Client,
    config: &RollupConfig,
    governed: &Governed,
) -> Result<Vec<Operation>> {
    let filter = Filter::new()
        .address(governed.timelock)
        .event_signature(vec![CallScheduled::SIGNATURE_HASH, CallSalt::SIGNATURE_HASH]);
    let range = (config.l1_start_block.saturating_sub(BEFORE), governed.head);
    let logs = read_log_range(client, &filter, range, MAX_LOGS).await?;
    let mut operations = collect(&logs);
    for operation in &mut operations {
        let call = ITimelock::getTimestampCall { id: operation.id };
        let timestamp = client.view(governed.timelock, call, BlockId::number(governed.head)).await?;
        operation.state = OperationState::of(timestamp, governed);
        operation.due = match operation.state {
            OperationState::Done | OperationState::Cancelled => 0,
            _ => timestamp.saturating_to(),
        };
    }
    Ok(operations)
}

/// What the logs say was scheduled.
fn collect(logs: &[Log]) -> Vec<Operation> {
    let mut order = Vec::new();
    let mut operations: BTreeMap<B256, (Operation, BTreeSet<U256>)> = BTreeMap::new();
    for log in logs {
        if let Ok(event) = CallScheduled::decode_log(&log.inner) {
            let (operation, seen) = operations.entry(event.id).or_insert_with(|| {
                order.push(event.id);
                let operation = Operation {
                    id: event.id,
                    calls: Vec::new(),
                    values: Vec::new(),
                    predecessor: event.predecessor,
                    salt: B256::ZERO,
                    due: 0,
                    state: OperationState::Waiting,
                };
                (operation, BTreeSet::new())
            });
            // One that was cancelled and scheduled again has the same calls.
            if seen.insert(event.index) {
                operation.calls.push(PlannedCall { target: event.target, data: event.data.data.clone() });
                operation.values.push(event.value);
            }
        } else if let Ok(event) = CallSalt::decode_log(&log.inner)
            && let Some((operation, _)) = operations.get_mut(&event.id)
        {
            operation.salt = event.salt;
        }
    }
    order.iter().filter_map(|id| operations.remove(id)).map(|(operation, _)| operation).collect()
}

impl Operation {
    /// What executes it.
    pub fn execute_call(&self) -> Bytes {
        // OpenZeppelin's timelock has two kinds, with ids of their own: single calls, and lists.
        if let ([call], [value]) = (self.calls.as_slice(), self.values.as_slice()) {
            let (target, data) = (call.target, call.data.clone());
            let (predecessor, salt, value) = (self.predecessor, self.salt, *value);
            let id = ITimelock::hashOperationCall { target, value, data: data.clone(), predecessor, salt };
            if id_of(&id) == self.id {
                return ITimelock::executeCall { target, value, payload: data, predecessor, salt }
                    .abi_encode()
                    .into();
            }
        }
        ITimelock::executeBatchCall {
            targets: self.calls.iter().map(|call| call.target).collect(),
            values: self.values.clone(),
            payloads: self.calls.iter().map(|call| call.data.clone()).collect(),
            predecessor: self.predecessor,
            salt: self.salt,
        }
        .abi_encode()
        .into()
    }
}

/// An operation's id, as the timelock computes it: of the arguments as they are encoded.
pub(super) fn id_of(hashed: &impl SolCall) -> B256 {
    keccak256(hashed.abi_encode().get(4..).unwrap_or_default())
}

impl PlannedCall {
    /// What it does, in words, and what is odd about it.
    ///
    /// # Errors
    /// L1 does not answer.
    pub async fn describe(
        &self,
        client: &L1Client,
        config: &RollupConfig,
        governed: &Governed,
    ) -> Result<(String, Vec<String>)> {
        let (what, named) = words(self, &config.contracts, governed);
        let mut odd = Vec::new();
        for address in named {
            let code = client.provider().get_code_at(address).number(governed.head).await;
            if code.map_err(rollup::l1::L1Error::from)?.is_empty() {
                odd.push(format!(
                    "there is no code at {address}: what it will be is decided by whoever puts it there, at any time"
                ));
            }
        }
        odd.extend(oddity(self, &config.contracts, governed));
        Ok((what, odd))
    }
}

/// What a call does, and the contracts that it names.
fn words(call: &PlannedCall, contracts: &Contracts, governed: &Governed) -> (String, Vec<Address>) {
    let PlannedCall { target, data } = call;
    let proxied = Proxied::ALL.into_iter().find(|one| one.admin(contracts) == *target);
    if *target == contracts.dispute_game_factory {
        if let Ok(call) = setImplementationCall::abi_decode(data) {
            let version = call.implementation;
            return (
                format!("new games are of version {version}; games that there are keep theirs"),
                vec![version],
            );
        }
        if let Ok(call) = setStandbyCall::abi_decode(data) {
            return match call.standby.is_zero() {
                true => ("there is no standby any more".into(), Vec::new()),
                false => {
                    (format!("version {} takes over if the machine breaks", call.standby), vec![call.standby])
                }
            };
        }
    }
    if let Some(proxied) = proxied
        && let Ok(call) = upgradeAndCallCall::abi_decode(data)
    {
        let then = if call.data.is_empty() { "" } else { ", and is called once" };
        return (
            format!("{} gets the code of {}{then}", proxied.name(), call.implementation),
            vec![call.implementation],
        );
    }
    if let Some(proxied) = proxied
        && let Ok(call) = transferOwnershipCall::abi_decode(data)
    {
        return (format!("{} can be changed by {} from then on", proxied.name(), call.newOwner), Vec::new());
    }
    let selector = Bytes::copy_from_slice(&data[..data.len().min(4)]);
    let name = match *target == governed.timelock {
        true => "the timelock itself".to_owned(),
        false => target.to_string(),
    };
    (format!("calls {selector} of {name}, {} bytes", data.len()), vec![*target])
}

/// What a user must know of a call besides what it does.
fn oddity(call: &PlannedCall, contracts: &Contracts, governed: &Governed) -> Option<String> {
    let PlannedCall { target, data } = call;
    let proxied = Proxied::ALL.into_iter().find(|one| one.admin(contracts) == *target);
    if *target == governed.timelock {
        return Some("it changes who may schedule, cancel or execute".into());
    }
    let Some(proxied) = proxied else {
        let is_known = *target == contracts.dispute_game_factory
            && (setImplementationCall::abi_decode(data).is_ok() || setStandbyCall::abi_decode(data).is_ok());
        return (!is_known).then(|| "it is none of the calls that an upgrade consists of".into());
    };
    match upgradeAndCallCall::abi_decode(data) {
        Ok(call) if call.proxy != proxied.proxy(contracts) => {
            Some(format!("{} is not the proxy of {}: it will fail", call.proxy, proxied.name()))
        }
        Ok(_) => None,
        Err(_) => Some("whoever owns a proxy's admin changes its code at once, without any delay".into()),
    }
}
