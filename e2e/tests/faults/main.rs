//! L1 endpoints that fail: what each fault is, and a rollup that lives with all of them.

mod chaos;
mod proxy;
