//! The fault proof program and the VM that runs it, without a rollup around them.

mod blobs;
mod blocks;
mod challenger_vm;
/// Chains of blocks, as the state transition function's own tests make them.
#[path = "../../../node/stf/tests/common/mod.rs"]
mod common;
mod machine;
mod program;
mod proving;
mod steps;
