//! A whole rollup on one machine: Anvil as L1, the contracts deployed on it, and the nodes.
//!
//! What is here runs real parts as processes of their own. The `testnet` binary is made of it (`testnet devnet`), and
//! so are the end-to-end tests. From the bottom up:
//!
//! - [`tools`] finds the binaries, [`ports`] free ports, [`Process`] starts one and ends it by its own id,
//!   also when a test panics.
//! - [`Anvil`] is an L1 that can mine by the clock or on demand, and reorganise itself.
//! - [`DeploymentPlan`] is what a deployment consists of. [`public`] brings it to any L1; [`deploy()`] puts the contracts on it, computes the L2 genesis and returns the `RollupConfig` that all nodes read.
//! - [`upgrade`] changes a rollup that runs.
//! - [`Node`] is a `recourse-node` process: [`NodeOptions`] are its command line.
//! - [`ChallengerProcess`] is a `challenger watch`, with its page.
//! - [`Devnet`] puts it all together.
//! - [`CompiledContract`] is a contract as Forge compiled it: for packages.
//!
//! ```no_run
//! # async fn example() -> anyhow::Result<()> {
//! let dir = std::path::Path::new("/tmp/devnet");
//! let mut devnet = testnet::Devnet::start(testnet::DevnetOptions::new(dir)?, |_| {}).await?;
//! println!("L2 at {}", devnet.sequencer()?.http_url());
//! devnet.stop().await?;
//! # Ok(())
//! # }
//! ```
//!
//! Errors are `anyhow`'s: whoever runs a devnet reads them.

pub mod accounts;
mod anvil;
mod challenger;
mod compiled;
mod config;
mod deploy;
mod devnet;
mod genesis;
mod node;
pub mod ports;
mod process;
pub mod public;
mod summary;
mod token;
pub mod tools;
pub mod upgrade;

pub use accounts::{RoleAccounts, Roles};
pub use anvil::{Anvil, AnvilOptions, Mining};
pub use challenger::{ChallengerOptions, ChallengerProcess};
pub use compiled::CompiledContract;
pub use config::{DataWeights, DeployConfig, UPGRADE_DELAY};
pub use deploy::{DeployStep, Deployer, DeploymentPlan, deploy};
pub use devnet::{Devnet, DevnetOptions, Stage};
pub use genesis::{L1Origin, l2_genesis};
pub use node::{Key, Node, NodeOptions, Role};
pub use process::{Process, ProcessExit};
pub use rollup::program::{MAX_STEPS, MAX_STEPS_BEFORE_KARST};
pub use summary::Summary;
pub use token::SampleToken;
pub use verify::Program;
