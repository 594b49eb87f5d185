//! The challenger: follows the rollup and its disputes on L1, knows the truth from an embedded replica and the
//! fault proof VM, and plays every dispute so that the truth wins.
//!
//! Data flows one way:
//!
//! ```text
//! L1 events ─▶ game::Game ─┐
//!                          ├─▶ strategy::plan ─▶ moves ─▶ L1
//! replica, vm ─▶ Truth ────┘
//! ```
//!
//! - [`game`]: a dispute as plain data, and its rules as the contracts enforce them.
//! - [`truth`]: the right values: output roots of blocks, states of the VM.
//! - [`strategy`]: one pure function from the two to the moves to make.
//! - [`l1`]: games from L1's events, and moves as transactions.
//! - [`traces`]: the truth from an embedded replica and the fault proof VM.
//! - [`replica`]: the embedded replica.
//! - [`report`]: disputes as scripts and people see them.
//! - [`watch()`]: `challenger watch`, which puts all of it together.
//! - [`cli`]: the command line.

pub mod cli;
pub mod game;
pub mod l1;
mod page;
pub mod replica;
pub mod report;
pub mod strategy;
pub mod telemetry;
pub mod traces;
pub mod truth;
mod watch;

pub use page::{Names, PageOptions};
pub use watch::{Patch, WatchOptions, watch};
