//! End-to-end tests, and what they share: [`net`] is a rollup under test, made of real processes, [`attacks`] are requests of
//! strangers that want a node's memory or time, [`conformance`] runs
//! Ethereum's public tests, [`proving`] makes blocks and their witnesses, [`machine`] is the fault proof VM as L1
//! has it, [`memory`] is what processes take, [`faults`] is an L1 endpoint that fails, [`soak`] runs a rollup for long, [`fuzz`] feeds decoders with hostile
//! bytes, [`powercut`] is a disk that forgets what was not flushed, [`sources`] are the repository's files.

pub mod attacks;
pub mod bench;
pub mod conformance;
pub mod dispute;
pub mod faults;
pub mod fuzz;
pub mod machine;
pub mod memory;
pub mod net;
pub mod powercut;
pub mod proving;
pub mod soak;
pub mod sources;
