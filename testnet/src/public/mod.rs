//! Deploying a rollup on any L1: from a file of settings, transaction by transaction, to be gone on with after any
//! interruption.
//!
//! - [`Settings`] is `deploy.toml`.
//! - [`Record`] is what is known of a deployment that has begun: enough to make the same [`DeploymentPlan`](crate::DeploymentPlan) again.
//! - [`PublicDeployment`] plans, checks what can be checked beforehand, and sends.

mod record;
mod sending;
mod settings;

pub use record::Record;
pub use sending::{DeployProgress, PublicDeployment, SendingOptions};
pub use settings::{Preset, Settings, template};
