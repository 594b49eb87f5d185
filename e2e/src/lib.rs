//! End-to-end tests, and what they share.

pub mod conformance;
