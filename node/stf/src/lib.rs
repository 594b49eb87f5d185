//! The state-transition function of the rollup (work in progress).
#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

mod changes;

pub use changes::{StateChanges, StorageChanges};
