//! Logs of a call, with transfers of ether among them as if they were some (`traceTransfers` of `eth_simulateV1`).

use alloy::primitives::{Address, B256, Log, LogData, U256, address, b256};
use revm::{
    Inspector,
    interpreter::{
        CallInputs, CallOutcome, CallScheme, CreateInputs, CreateOutcome, InstructionResult,
        interpreter::EthInterpreter,
    },
};

/// Who seems to have logged a transfer of ether (ERC-7528).
const ETHER: Address = address!("0xEeeeeEeeeEeEeeEeEeEeeEEEeeeeEeeeeeeeEEeE");

/// `Transfer(address,address,uint256)` (ERC-20).
const TRANSFER: B256 = b256!("0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef");

/// Notes logs and transfers of a call, in their order. What a frame that fails did is forgotten.
#[derive(Debug, Default)]
pub(crate) struct Transfers {
    /// What the frames that are open have logged.
    frames: Vec<Vec<Log>>,
    logs: Vec<Log>,
    /// Transfers of ether count, too.
    with_ether: bool,
}

impl Transfers {
    /// For one call.
    pub(crate) fn new(with_ether: bool) -> Self {
        Self { with_ether, ..Self::default() }
    }

    /// The logs of the call.
    pub(crate) fn take(&mut self) -> Vec<Log> {
        std::mem::take(&mut self.logs)
    }

    fn push(&mut self, log: Log) {
        if let Some(frame) = self.frames.last_mut() {
            frame.push(log);
        }
    }

    fn transfer(&mut self, from: Address, to: Address, value: U256) {
        if self.with_ether && !value.is_zero() {
            self.push(transfer(from, to, value));
        }
    }

    fn leave(&mut self, result: InstructionResult) {
        let Some(logs) = self.frames.pop() else { return };
        if !result.is_ok() {
            return;
        }
        match self.frames.last_mut() {
            Some(parent) => parent.extend(logs),
            None => self.logs = logs,
        }
    }
}

fn transfer(from: Address, to: Address, value: U256) -> Log {
    let topics = vec![TRANSFER, from.into_word(), to.into_word()];
    let data = LogData::new_unchecked(topics, value.to_be_bytes::<32>().into());
    Log { address: ETHER, data }
}

impl<CTX> Inspector<CTX, EthInterpreter> for Transfers {
    fn log(&mut self, _: &mut CTX, log: Log) {
        self.push(log);
    }

    fn call(&mut self, _: &mut CTX, inputs: &mut CallInputs) -> Option<CallOutcome> {
        self.frames.push(Vec::new());
        if inputs.scheme == CallScheme::Call
            && let Some(value) = inputs.transfer_value()
        {
            self.transfer(inputs.caller, inputs.target_address, value);
        }
        None
    }

    fn call_end(&mut self, _: &mut CTX, _: &CallInputs, outcome: &mut CallOutcome) {
        self.leave(outcome.result.result);
    }

    fn create(&mut self, _: &mut CTX, _: &mut CreateInputs) -> Option<CreateOutcome> {
        self.frames.push(Vec::new());
        None
    }

    fn create_end(&mut self, _: &mut CTX, inputs: &CreateInputs, outcome: &mut CreateOutcome) {
        // Only now is known where the ether went; it went there first.
        let value = inputs.value();
        if self.with_ether
            && !value.is_zero()
            && let (Some(to), Some(frame)) = (outcome.address, self.frames.last_mut())
        {
            frame.insert(0, transfer(inputs.caller(), to, value));
        }
        self.leave(outcome.result.result);
    }

    fn selfdestruct(&mut self, contract: Address, target: Address, value: U256) {
        self.transfer(contract, target, value);
    }
}
