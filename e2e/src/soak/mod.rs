//! A whole rollup under load for as long as one likes: does it stay what it was in the first minute?
//!
//! [`Parts`] are its processes, [`Traffic`] is what users do, [`Liar`] proposes a wrong root every so often, [`Sample`] is
//! what a minute's look at it shows, [`verdict`] what is wrong at the end.

mod liar;
mod parts;
mod sample;
mod traffic;
mod verdict;

pub use liar::Liar;
pub use parts::Parts;
pub use sample::{Sample, noise};
pub use traffic::{Endpoints, Traffic, TrafficKind};
pub use verdict::{agree, verdict};
