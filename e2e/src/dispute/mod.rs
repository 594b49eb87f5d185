//! Disputes under test: liars, and an arena in which they meet honest challengers.
//!
//! A liar is the honest program with a patched truth: the real challenger, whose output roots differ from a block on, and
//! whose VM differs from a step on. So it plays as well as the honest one does, by the same code.

mod arena;
mod ending;
mod lie;
mod other;
mod plot;
mod progress;
mod upgrade;

pub use arena::{Arena, Costs, Rival, Setting};
pub use ending::ends_in_a_step;
pub use lie::{Lying, calls_of, last_depth};
pub use plot::{Divergence, Lie, Plot};
pub use progress::{is_over, machine_seconds, metric, narrowed, step_proven};
pub use upgrade::{Upgrade, another_program};
