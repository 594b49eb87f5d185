//! One scenario for each attack that the strategy answers, with the expected moves beside it.

mod answers;
mod closing;
mod money;
pub(crate) mod story;
