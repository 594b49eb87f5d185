//! A whole rollup under load for as long as one likes: does it stay what it was in the first minute?
//!
//! [`Parts`] are its processes, [`Traffic`] is what users do, [`Liar`] proposes a wrong root every so often, [`Sample`] is
//! what a minute's look at it shows, [`verdict`] what is wrong at the end.
//!
//! In a hostile hour there are attackers, too ([`Traffic::run_hostile`]), and a [`Storm`]: reorgs of L1, endpoints that fail,
//! ends of processes. Whoever sends a transaction sends it again until it is in a block, and then no more: what was announced
//! must come back by itself. [`table`] is what there was.

mod count;
mod hostile;
mod liar;
mod parts;
mod reorg;
mod sample;
mod sender;
mod storm;
mod table;
mod tracing;
mod traffic;
mod verdict;

pub use liar::Liar;
pub use parts::Parts;
pub use sample::{Sample, noise};
pub use storm::{Storm, Waits};
pub use table::table;
pub use traffic::{Endpoints, Traffic, TrafficKind};
pub use verdict::{agree, growth, hostile_verdict, verdict};
