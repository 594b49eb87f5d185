//! Disputes on a real L1: liars, griefers and honest challengers, all real processes or the real program's code.

mod commands;
mod common;
mod crowd;
mod griefer;
mod liars;
#[path = "../l1/proxy.rs"]
#[allow(dead_code, clippy::unwrap_used)]
mod proxy;
mod steps;
mod survival;
