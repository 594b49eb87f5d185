//! What L1's logs say of games.

use alloy::{
    primitives::{B256, Log as RawLog},
    sol_types::SolEvent,
};
use bindings::IDisputeGame::{Attacked, CreditClaimed, Decided, Reclaimed, Settled, Stepped};
use rollup::l1::L1Error;

/// An event of a game.
#[derive(Clone, Debug)]
pub enum GameEvent {
    /// A claim was made.
    Attacked(Box<Attacked>),
    /// A step was proven.
    Stepped(Stepped),
    /// A claim was resolved.
    Decided(Decided),
    /// A bond was distributed.
    Settled(Settled),
    /// A bond was given back, because the machine is broken.
    Reclaimed(Reclaimed),
    /// A credit was paid out.
    CreditClaimed(CreditClaimed),
}

/// An event with where it stands on L1.
#[derive(Clone, Debug)]
pub struct Logged<E> {
    /// L1 block.
    pub block: u64,
    /// Time of that block, in seconds.
    pub timestamp: u64,
    /// Transaction.
    pub transaction: B256,
    /// The event.
    pub event: E,
}

impl Logged<()> {
    pub(super) fn with<E>(&self, event: E) -> Logged<E> {
        Logged { block: self.block, timestamp: self.timestamp, transaction: self.transaction, event }
    }
}

/// The event of a log that a game emitted.
pub(super) fn decode(log: &RawLog) -> Result<GameEvent, L1Error> {
    let topic = log.topics().first().copied().unwrap_or_default();
    Ok(match topic {
        Attacked::SIGNATURE_HASH => {
            GameEvent::Attacked(Box::new(Attacked::decode_log(log).map_err(invalid_response)?.data))
        }
        Stepped::SIGNATURE_HASH => {
            GameEvent::Stepped(Stepped::decode_log(log).map_err(invalid_response)?.data)
        }
        Decided::SIGNATURE_HASH => {
            GameEvent::Decided(Decided::decode_log(log).map_err(invalid_response)?.data)
        }
        Settled::SIGNATURE_HASH => {
            GameEvent::Settled(Settled::decode_log(log).map_err(invalid_response)?.data)
        }
        Reclaimed::SIGNATURE_HASH => {
            GameEvent::Reclaimed(Reclaimed::decode_log(log).map_err(invalid_response)?.data)
        }
        CreditClaimed::SIGNATURE_HASH => {
            GameEvent::CreditClaimed(CreditClaimed::decode_log(log).map_err(invalid_response)?.data)
        }
        other => {
            return Err(L1Error::InvalidResponse(format!("a log with topic {other} that was not asked for")));
        }
    })
}

pub(super) fn invalid_response(error: impl std::fmt::Display) -> L1Error {
    L1Error::InvalidResponse(error.to_string())
}
