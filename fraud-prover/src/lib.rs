//! The challenger: follows the rollup and its disputes on L1, knows the truth from an embedded replica and the
//! fraud-proof machine, and plays every dispute so that the truth wins.
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
//! - [`truth`]: what the right values are: output roots of blocks, states of the machine.
//! - [`strategy`]: one pure function from the two to the moves that are due.

pub mod game;
pub mod strategy;
pub mod truth;
