//! Deploying a rollup on any L1: from a file of settings, transaction by transaction, to be gone on with after any
//! interruption.
//!
//! - [`Settings`] is `deploy.toml`.
//! - [`Record`] is what is known of a deployment that has begun: enough to make the same [`DeploymentPlan`](crate::DeploymentPlan) again.
//! - [`PublicDeployment`] plans, and checks what can be checked beforehand.
//! - [`ContractSender`] sends, also for [`upgrade`](crate::upgrade).

mod deployment;
mod record;
mod sending;
mod settings;

pub use deployment::PublicDeployment;
pub use record::Record;
pub use sending::{ContractSender, DeployProgress, SendingOptions};
pub use settings::{Preset, Settings, template};
