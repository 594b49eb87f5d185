#![allow(clippy::unwrap_used)]

mod open;
