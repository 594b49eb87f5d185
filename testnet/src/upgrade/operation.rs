//! What stands in the timelock.

use std::collections::{BTreeMap, BTreeSet};

use alloy::{
    eips::{BlockId, BlockNumberOrTag},
    primitives::{Address, B256, Bytes, U256, keccak256},
    providers::Provider,
    rpc::types::{Filter, Log},
    sol_types::{SolCall, SolEvent},
};
use anyhow::{Result, ensure};
use bindings::{
    IDisputeGameFactory::{setImplementationCall, setStandbyCall},
    IMulticall3,
    IProxyAdmin::{transferOwnershipCall, upgradeAndCallCall},
    ITimelock::{self, CallSalt, CallScheduled, hashOperationBatchCall},
    artifacts::{Contract, runtime_code},
};
use rollup::{
    RollupConfig,
    config::Contracts,
    l1::{L1Client, L1Error, read_log_range},
};

use super::{governed::Governed, proxied::Proxied};

/// Most logs that are read. An owner pays some 4,000 gas for each, so this is 2,000,000,000, or 33 whole L1 blocks.
const MAX_LOGS: usize = 500_000;
/// Operations in one call that asks for their states.
const TOGETHER: usize = 250;
/// What the code of an account begins with that another account's code runs for (EIP-7702): its key changes that at any time.
const DELEGATION: [u8; 3] = [0xef, 0x01, 0x00];

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

/// All operations that the rollup had, and those from before it that can still be executed, in order.
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
    // What was scheduled before that has expired. It may be older than the rollup, whose timelock is deployed first.
    let oldest = governed.now.saturating_sub(governed.delay.saturating_add(governed.grace));
    let first = first_block_at(client, oldest, governed.head).await?.min(config.l1_start_block);
    let logs = read_log_range(client, &filter, (first, governed.head), MAX_LOGS).await?;
    let mut operations = collect(&logs);
    for chunk in operations.chunks_mut(TOGETHER) {
        let calls = chunk.iter().map(|operation| IMulticall3::Call3 {
            target: governed.timelock,
            allowFailure: false,
            callData: ITimelock::getTimestampCall { id: operation.id }.abi_encode().into(),
        });
        let call = IMulticall3::aggregate3Call { calls: calls.collect() };
        let answers = client.view(config.contracts.multicall3, call, BlockId::number(governed.head)).await?;
        ensure!(answers.len() == chunk.len(), "L1 gave {} answers to {} calls", answers.len(), chunk.len());
        for (operation, answer) in chunk.iter_mut().zip(answers) {
            let timestamp = ITimelock::getTimestampCall::abi_decode_returns(&answer.returnData)?;
            operation.state = OperationState::of(timestamp, governed);
            operation.due = match operation.state {
                OperationState::Done | OperationState::Cancelled => 0,
                _ => timestamp.saturating_to(),
            };
        }
    }
    Ok(operations)
}

/// The first L1 block of this time or later.
async fn first_block_at(client: &L1Client, time: u64, head: u64) -> Result<u64> {
    let (mut low, mut high) = (0, head);
    while low < high {
        let middle = low + (high - low) / 2;
        // Nodes that began later have no older ones: those do not matter then.
        let header = client.header(BlockNumberOrTag::Number(middle)).await?;
        match header.is_some_and(|header| header.timestamp() >= time) {
            true => high = middle,
            false => low = middle + 1,
        }
    }
    Ok(low)
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
    /// Whether what the logs say is what the timelock has: their hash is the id. An endpoint may leave logs out.
    pub fn is_complete(&self) -> bool {
        id_of(&self.batch()) == self.id || self.single_call().is_some()
    }

    /// What executes it.
    pub fn execute_call(&self) -> Bytes {
        if let Some(call) = self.single_call() {
            return call;
        }
        let hashOperationBatchCall { targets, values, payloads, predecessor, salt } = self.batch();
        ITimelock::executeBatchCall { targets, values, payloads, predecessor, salt }.abi_encode().into()
    }

    fn batch(&self) -> hashOperationBatchCall {
        batch(&self.calls, self.values.clone(), self.predecessor, self.salt)
    }

    /// What executes it if it was scheduled as a single call: OpenZeppelin's timelock has such operations, and lists, with ids
    /// of their own.
    fn single_call(&self) -> Option<Bytes> {
        let ([call], [value]) = (self.calls.as_slice(), self.values.as_slice()) else { return None };
        let (target, data, value) = (call.target, call.data.clone(), *value);
        let (predecessor, salt) = (self.predecessor, self.salt);
        let id = ITimelock::hashOperationCall { target, value, data: data.clone(), predecessor, salt };
        let execute = ITimelock::executeCall { target, value, payload: data, predecessor, salt };
        (id_of(&id) == self.id).then(|| execute.abi_encode().into())
    }
}

/// An operation of several calls, as the timelock hashes it.
pub(super) fn batch(
    calls: &[PlannedCall],
    values: Vec<U256>,
    predecessor: B256,
    salt: B256,
) -> hashOperationBatchCall {
    let targets = calls.iter().map(|call| call.target).collect();
    let payloads = calls.iter().map(|call| call.data.clone()).collect();
    hashOperationBatchCall { targets, values, payloads, predecessor, salt }
}

/// An operation's id, as the timelock computes it: of the arguments as they are encoded.
pub(super) fn id_of(hashed: &impl SolCall) -> B256 {
    keccak256(hashed.abi_encode().get(4..).unwrap_or_default())
}

impl PlannedCall {
    /// What it does, in words.
    pub fn what(&self, config: &RollupConfig, governed: &Governed) -> String {
        meaning(self, &config.contracts, governed).what
    }

    /// What is odd about it.
    ///
    /// # Errors
    /// L1 does not answer.
    pub async fn oddities(
        &self,
        client: &L1Client,
        config: &RollupConfig,
        governed: &Governed,
    ) -> Result<Vec<String>> {
        let CallMeaning { named, odd: known, .. } = meaning(self, &config.contracts, governed);
        let mut odd = Vec::new();
        if let Some((address, expected)) = named {
            let code = client.provider().get_code_at(address).number(governed.head).await;
            let code = code.map_err(L1Error::from)?;
            if code.is_empty() || code.starts_with(&DELEGATION) {
                odd.push(format!(
                    "there is no lasting code at {address}: what it will be is decided by whoever puts it there, at any time"
                ));
            } else if expected.is_some_and(|contract| !runtime_code(contract).is_code(&code)) {
                odd.push(format!(
                    "the code at {address} is none of this release's: read it before you trust it"
                ));
            }
        }
        odd.extend(known);
        Ok(odd)
    }
}

/// What a call is about.
struct CallMeaning {
    what: String,
    /// The contract that it names, with what that should be.
    named: Option<(Address, Option<Contract>)>,
    /// What a user must know besides.
    odd: Option<String>,
}

/// Reads a call.
fn meaning(call: &PlannedCall, contracts: &Contracts, governed: &Governed) -> CallMeaning {
    let PlannedCall { target, data } = call;
    if *target == contracts.dispute_game_factory {
        let game = |address| Some((address, Some(Contract::DisputeGame)));
        if let Ok(call) = setImplementationCall::abi_decode(data) {
            let version = call.implementation;
            let what = format!("new games are of version {version}; games that there are keep theirs");
            return CallMeaning { what, named: game(version), odd: None };
        }
        if let Ok(call) = setStandbyCall::abi_decode(data) {
            let standby = call.standby;
            return match standby.is_zero() {
                true => CallMeaning { what: "there is no standby any more".into(), named: None, odd: None },
                false => {
                    let what = format!("version {standby} takes over if the machine breaks");
                    CallMeaning { what, named: game(standby), odd: None }
                }
            };
        }
    }
    let owns = || Some("whoever owns a proxy's admin changes its code at once, without any delay".to_owned());
    let proxied = Proxied::ALL.into_iter().find(|one| one.admin(contracts) == *target);
    if let Some(proxied) = proxied {
        let name = proxied.name();
        if let Ok(call) = upgradeAndCallCall::abi_decode(data) {
            let odd = if call.proxy != proxied.proxy(contracts) {
                Some(format!("{} is not the proxy of {name}", call.proxy))
            } else if !call.data.is_empty() {
                Some(format!(
                    "it also calls the new code once, and may change all that it knows: {}",
                    call.data
                ))
            } else {
                None
            };
            let what = format!("{name} gets the code of {}", call.implementation);
            return CallMeaning { what, named: Some((call.implementation, Some(proxied.contract()))), odd };
        }
        if let Ok(call) = transferOwnershipCall::abi_decode(data) {
            let what = format!("{name} can be changed by {} from then on", call.newOwner);
            return CallMeaning { what, named: None, odd: owns() };
        }
    }
    let selector = Bytes::copy_from_slice(&data[..data.len().min(4)]);
    let (name, odd) = if *target == governed.timelock {
        ("the timelock itself".to_owned(), Some("it changes who may schedule, cancel or execute".into()))
    } else if proxied.is_some() {
        (target.to_string(), owns())
    } else {
        (target.to_string(), Some("it is none of the calls that an upgrade consists of".into()))
    };
    let what = format!("calls {selector} of {name}, {} bytes", data.len());
    CallMeaning { what, named: Some((*target, None)), odd }
}
