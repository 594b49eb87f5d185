//! Changing a rollup that runs, through its timelock: a new version of the game, or new code behind a proxy.
//!
//! - [`Governed`] is what L1 says of a rollup that can be changed.
//! - [`UpgradePlan`] is what an upgrade deploys, and what it calls when it is due.
//! - [`Operation`] is what stands in the timelock, read from its logs, with words for what it does.

mod governed;
mod operation;
mod plan;
mod proxied;

pub use governed::Governed;
pub use operation::{Operation, OperationState, PlannedCall, operations};
pub use plan::{UpgradePlan, UpgradeWish};
pub use proxied::Proxied;
