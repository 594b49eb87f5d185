//! An L1 endpoint that fails as real ones do: a proxy between a node and an L1 that works.
//!
//! [`Proxy`] passes JSON-RPC on over HTTP. A [`Fault`] is one way to misbehave; it is set with [`Proxy::set`] and holds for
//! every request until another is set. [`Proxy::set_mix`] sets several at once, each for a share of the requests: a dice
//! decides, from a seed, so that a run can be repeated. [`Chaos`] changes the mix every few seconds, until every kind of
//! fault has had its turn, and again.
//!
//! ```no_run
//! # async fn example() -> anyhow::Result<()> {
//! use e2e::faults::{Chance, Fault, Proxy};
//! let proxy = Proxy::start("http://127.0.0.1:8545").await?;
//! proxy.set(Fault::Behind(3));
//! proxy.set_mix([Chance::of(Fault::Down, 0.3), Chance::of(Fault::LateReceipts(2), 1.0)]);
//! proxy.set(Fault::None);
//! # Ok(())
//! # }
//! ```

mod answer;
mod backend;
mod chaos;
mod fault;
mod http;
mod lag;
mod proxy;
mod web3signer;

pub use chaos::Chaos;
pub use fault::{BatchRefusal, Chance, Fault};
pub use proxy::Proxy;
pub use web3signer::{FakeSigner, SignerFault, blob_transaction};
