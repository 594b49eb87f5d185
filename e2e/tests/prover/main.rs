//! The fault proof program and the VM that runs it, without a rollup around them.

mod blocks;
mod challenger_vm;
mod machine;
mod program;
mod proving;
mod steps;
