//! A filter of logs as clients give it.

use std::ops::Deref;

use alloy::{
    primitives::{Address, B256, BLOOM_SIZE_BYTES, Bloom, BloomInput},
    rpc::types::{Filter, Log},
};
use serde::{
    Deserialize, Deserializer,
    de::{Error, IgnoredAny},
};
use serde_json::value::RawValue;

/// Most topics of a log.
const MAX_TOPICS: usize = 4;

/// Which logs are asked for. As in geth, a log must have as many topics as the filter has places for them, also where a
/// place takes any topic.
#[derive(Clone, Debug, Default)]
pub(crate) struct LogFilter {
    filter: Filter,
    least_topics: usize,
}

impl Deref for LogFilter {
    type Target = Filter;

    fn deref(&self) -> &Filter {
        &self.filter
    }
}

impl From<Filter> for LogFilter {
    fn from(filter: Filter) -> Self {
        Self { filter, least_topics: 0 }
    }
}

impl LogFilter {
    /// Whether a log with this address and these topics is asked for.
    pub(crate) fn takes(&self, address: &Address, topics: &[B256]) -> bool {
        topics.len() >= self.least_topics
            && self.filter.matches_address(*address)
            && self.filter.matches_topics(topics)
    }

    /// Whether a log is asked for, whatever blocks the filter names.
    pub(crate) fn takes_log(&self, log: &Log) -> bool {
        self.takes(&log.address(), log.topics())
    }
}

/// A bit of a bloom: its byte, and which one of that.
type Bit = (usize, u8);

/// The bits that blooms have where there is a log that a filter asks for: for each part of the filter that is not left open, those
/// of each alternative.
#[derive(Debug)]
pub(crate) struct FilterBits {
    parts: Vec<Vec<Vec<Bit>>>,
}

impl FilterBits {
    /// Those of a filter.
    pub(crate) fn of(filter: &Filter) -> Self {
        let bits = |value: &[u8]| -> Vec<Bit> {
            let bloom = Bloom::from(BloomInput::Raw(value));
            bloom
                .iter()
                .enumerate()
                .filter(|(_, byte)| **byte != 0)
                .map(|(place, byte)| (place, *byte))
                .collect()
        };
        let addresses = filter.address.iter().map(|address| bits(address.as_slice())).collect();
        let topics =
            filter.topics.iter().map(|topics| topics.iter().map(|topic| bits(topic.as_slice())).collect());
        let parts = std::iter::once(addresses).chain(topics);
        Self { parts: parts.filter(|part: &Vec<_>| !part.is_empty()).collect() }
    }

    /// Whether a block with this bloom can have such a log.
    pub(crate) fn may_match(&self, bloom: &[u8; BLOOM_SIZE_BYTES]) -> bool {
        let has = |bits: &Vec<Bit>| bits.iter().all(|(place, bits)| bloom[*place] & bits == *bits);
        match self.parts.is_empty() {
            // Any log will do.
            true => bloom.iter().any(|byte| *byte != 0),
            false => self.parts.iter().all(|part| part.iter().any(has)),
        }
    }
}

/// How many places a filter has for topics.
#[derive(Deserialize)]
struct TopicPlaces {
    topics: Option<Vec<IgnoredAny>>,
}

impl<'de> Deserialize<'de> for LogFilter {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Box::<RawValue>::deserialize(deserializer)?;
        let filter = serde_json::from_str(text.get()).map_err(D::Error::custom)?;
        // What the filter's own form does not keep.
        let places: TopicPlaces = serde_json::from_str(text.get()).map_err(D::Error::custom)?;
        let least_topics = places.topics.map_or(0, |topics| topics.len());
        if least_topics > MAX_TOPICS {
            return Err(D::Error::custom("exceed max topics"));
        }
        Ok(Self { filter, least_topics })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_log_has_at_least_the_topics_that_are_asked_for() {
        let filter = |text: &str| serde_json::from_str::<LogFilter>(text).unwrap();
        let topics = [1u8, 2].map(B256::repeat_byte);
        let takes = |text: &str| filter(text).takes(&Address::ZERO, &topics);
        // As geth 1.17 has them.
        for fitting in ["{}", r#"{"topics":[]}"#, r#"{"topics":[null]}"#, r#"{"topics":[null,null]}"#] {
            assert!(takes(fitting), "{fitting}");
        }
        for other in [r#"{"topics":[null,null,null]}"#, r#"{"topics":[[],[],[]]}"#] {
            assert!(!takes(other), "{other}");
        }
        assert!(serde_json::from_str::<LogFilter>(r#"{"topics":[null,null,null,null,null]}"#).is_err());
    }

    #[test]
    fn bits_say_of_blooms_what_the_filter_says() {
        let values = |from: u8| (from..from + 3).map(B256::repeat_byte);
        let mut bloom = Bloom::ZERO;
        let address = Address::repeat_byte(9);
        let topics = vec![B256::repeat_byte(1), B256::repeat_byte(5)];
        bloom.accrue_log(&alloy::primitives::Log {
            address,
            data: alloy::primitives::LogData::new_unchecked(topics, Default::default()),
        });
        let other = Address::repeat_byte(8);
        let filters = [
            Filter::new(),
            Filter::new().address(address),
            Filter::new().address(vec![other, address]),
            Filter::new().address(other),
            Filter::new().event_signature(values(1).collect::<Vec<_>>()),
            Filter::new().address(address).event_signature(values(2).collect::<Vec<_>>()),
            Filter::new().topic1(values(4).collect::<Vec<_>>()),
            Filter::new()
                .address(address)
                .event_signature(values(1).collect::<Vec<_>>())
                .topic1(values(6).collect::<Vec<_>>()),
        ];
        for filter in filters {
            let bits = FilterBits::of(&filter);
            assert_eq!(bits.may_match(&bloom), filter.matches_bloom(bloom), "{filter:?}");
            assert!(!bits.may_match(&Bloom::ZERO), "{filter:?}");
        }
    }
}
