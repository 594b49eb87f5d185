#![allow(clippy::unwrap_used)]

mod open;
mod speed;
