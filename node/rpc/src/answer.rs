//! The text of an answer, made within a request's budget, and off the network's threads.

use std::io;

use hyper::body::Bytes;
use serde::{Serialize, Serializer, ser::Error as _};
use serde_json::value::RawValue;

use super::{RpcError, budget::Budget};

/// Most bytes of a response. The logs and the receipts of the largest block fit: a block that cannot be read would stop
/// every indexer.
pub(crate) const MAX_RESPONSE_SIZE: usize = 80 << 20;

/// An answer longer than this, in bytes, is put together where no other request waits behind it.
pub(crate) const LONG: usize = 64 << 10;

/// Bytes that are added to a text at a time. A text in pieces never needs room for twice itself to grow.
const PIECE: usize = 64 << 10;

/// How often the text is held while the answer is made: in pieces and as a whole, or as a whole and in its response.
const COPIES: usize = 2;

/// An answer as text, in pieces. Over HTTP they are sent as they are.
#[derive(Clone, Debug)]
pub(crate) struct AnswerText {
    pieces: Vec<Bytes>,
    length: usize,
}

impl AnswerText {
    /// Writes an answer down.
    ///
    /// # Errors
    /// It is longer than a response, or takes more than the budget has.
    pub(crate) fn new(value: &impl Serialize, budget: &Budget) -> Result<Self, RpcError> {
        Self::write(budget, |text| Ok(serde_json::to_writer(text, value)?))
    }

    /// The same of what writes itself, as JSON.
    ///
    /// # Errors
    /// The same.
    pub(crate) fn write(
        budget: &Budget,
        write: impl FnOnce(&mut TextWriter<'_>) -> io::Result<()>,
    ) -> Result<Self, RpcError> {
        let mut text = TextWriter { pieces: Vec::new(), length: 0, budget, refused: None };
        if let Err(error) = write(&mut text) {
            return Err(text.refused.unwrap_or_else(|| RpcError::internal(error)));
        }
        Ok(Self { pieces: text.pieces.into_iter().map(Bytes::from).collect(), length: text.length })
    }

    /// An answer that is JSON already.
    ///
    /// # Errors
    /// It is not.
    pub(crate) fn of_json(text: String) -> Result<Self, RpcError> {
        serde_json::from_str::<&RawValue>(&text).map_err(RpcError::internal)?;
        Ok(Self { length: text.len(), pieces: vec![text.into()] })
    }

    /// Whether it is long.
    pub(crate) const fn is_long(&self) -> bool {
        self.length > LONG
    }

    /// Its bytes.
    pub(crate) const fn len(&self) -> usize {
        self.length
    }

    /// Its pieces, in their order.
    pub(crate) fn into_pieces(self) -> Vec<Bytes> {
        self.pieces
    }
}

impl Serialize for AnswerText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let whole = String::from_utf8(self.pieces.concat()).map_err(S::Error::custom)?;
        RawValue::from_string(whole).map_err(S::Error::custom)?.serialize(serializer)
    }
}

/// What a method returns, to be made a text: an answer that is one already, or a value.
pub(crate) struct Returned<T>(pub(crate) T);

impl Returned<AnswerText> {
    /// It is one. This comes before the trait's method, which is for all other types.
    pub(crate) fn into_text(self) -> Result<AnswerText, RpcError> {
        Ok(self.0)
    }
}

impl Returned<Option<AnswerText>> {
    /// It may be one.
    pub(crate) fn into_text(self) -> Result<AnswerText, RpcError> {
        match self.0 {
            Some(text) => Ok(text),
            None => AnswerText::of_json("null".into()),
        }
    }
}

/// Values that are no text yet.
pub(crate) trait IntoText {
    /// The text.
    fn into_text(self) -> Result<AnswerText, RpcError>;
}

impl<T: Serialize> IntoText for Returned<T> {
    fn into_text(self) -> Result<AnswerText, RpcError> {
        let text = serde_json::to_vec(&self.0).map_err(RpcError::internal)?;
        Ok(AnswerText { length: text.len(), pieces: vec![text.into()] })
    }
}

/// A text that grows by pieces, as far as the budget goes.
pub(crate) struct TextWriter<'a> {
    pieces: Vec<Vec<u8>>,
    length: usize,
    budget: &'a Budget,
    /// Why it grows no further.
    refused: Option<RpcError>,
}

impl TextWriter<'_> {
    fn grow(&mut self) -> Result<(), RpcError> {
        if self.length + PIECE > MAX_RESPONSE_SIZE {
            return Err(RpcError::TooLarge(format!(
                "response too large: an answer may have {MAX_RESPONSE_SIZE} bytes"
            )));
        }
        // The first piece grows by itself: most answers are small.
        if !self.pieces.is_empty() {
            self.budget.check_time()?;
            self.budget.take(COPIES * PIECE)?;
        }
        let size = if self.pieces.is_empty() { 0 } else { PIECE };
        self.pieces.push(Vec::with_capacity(size));
        Ok(())
    }
}

impl io::Write for TextWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.pieces.last().is_none_or(|piece| piece.len() >= PIECE)
            && let Err(error) = self.grow()
        {
            self.refused = Some(error);
            return Err(io::ErrorKind::StorageFull.into());
        }
        let Some(piece) = self.pieces.last_mut() else { return Ok(0) };
        let part = bytes.len().min(PIECE - piece.len());
        piece.extend_from_slice(&bytes[..part]);
        self.length += part;
        Ok(part)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::budget::Scope;

    #[test]
    fn a_text_is_the_same_in_pieces_and_ends_with_the_budget() {
        let value: Vec<String> = (0..40_000).map(|number| format!("number {number}")).collect();
        let budget = Budget::new(Scope::Request, 4 << 20);
        let answer = AnswerText::new(&value, &budget).unwrap();
        assert_eq!(serde_json::to_string(&answer).unwrap(), serde_json::to_string(&value).unwrap());
        assert!(answer.is_long() && budget.held() >= answer.len());
        let small = Budget::new(Scope::Request, 256 << 10);
        let refused = AnswerText::new(&value, &small).unwrap_err().to_string();
        assert_eq!(refused, "request takes more than 262144 bytes of memory: ask for less");
        // What is small takes nothing.
        AnswerText::new(&"small", &Budget::new(Scope::Request, 0)).unwrap();
    }
}
