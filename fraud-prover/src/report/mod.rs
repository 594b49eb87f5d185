//! A dispute as it is reported: to scripts (`challenger report`), and to the page.
//!
//! A value is called right only if it was computed here and is the same; what is not computed yet is unknown.

mod claim;
pub(crate) mod decimal;
mod game;
mod next;
mod summary;
mod verity;

pub use claim::ClaimReport;
pub use game::GameReport;
pub use next::{NextMove, Side};
pub use summary::{GameStatus, GameSummary, Leader};
pub use verity::{ClaimVerdict, ClaimVerity, Verity};
