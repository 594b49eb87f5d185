//! What passes between a script and the node.

use std::cell::{Cell, RefCell};

use alloy::primitives::{Address, Bytes, U256};

use crate::{RpcError, tracers::hooks::LiveState};

/// What a script is shown.
#[derive(Debug, Default)]
pub(super) struct Shown {
    /// Program counter, gas, cost, depth, refund, operation, lengths of stack and memory, gas of the frame that begins, gas
    /// of the frame that ends.
    pub(super) numbers: [f64; 10],
    pub(super) op: u8,
    pub(super) error: Option<String>,
    pub(super) stack: Vec<U256>,
    pub(super) memory: Vec<u8>,
    pub(super) caller: Address,
    pub(super) address: Address,
    pub(super) value: U256,
    pub(super) input: Bytes,
    /// Kind and value of the frame that begins, error of the one that ends.
    pub(super) frame_texts: [Option<String>; 3],
    /// Sender, target and input of the frame that begins, output of the one that ends.
    pub(super) frame_bytes: [Bytes; 4],
}

/// What the functions of the node have at hand while a script runs.
#[derive(Default)]
pub(super) struct ScriptShared {
    pub(super) shown: RefCell<Shown>,
    /// The state, while a function of the script runs; else a stand-in.
    pub(super) state: RefCell<Option<LiveState>>,
    /// Why the trace must end, if not for the script's own reasons.
    pub(super) refused: RefCell<Option<RpcError>>,
    /// The script was stopped.
    pub(super) is_over: Cell<bool>,
}
