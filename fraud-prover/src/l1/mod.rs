//! The disputes on L1: read from its events, and moved by transactions.
//!
//! - [`LogReader`] follows the factory's and the games' events up to L1's head. It keeps nothing on disk, and after an L1
//!   reorg drops what came from blocks that are gone.
//! - [`Games`] is what the events say: each game as [`Game`](crate::game::Game), in the order of proposals.
//! - [`MoveCall`] is a move as a transaction.

mod audit;
mod calls;
mod events;
mod games;
mod governance;
mod logs;
mod parameters;
mod units;

pub use calls::{MissingClaim, MoveCall, claim_of};
pub use events::{GameEvent, Logged};
pub use games::{EventError, GameEntry, Games};
pub use governance::{ScheduledVersion, VersionRole};
pub use logs::LogReader;
pub(crate) use units::ether;
