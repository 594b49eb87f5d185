use alloy_primitives::{Address, B256};

/// Bits of a key.
const KEY_BITS: u32 = 48;

/// Bytes of a key.
pub(super) const KEY_SIZE: usize = KEY_BITS as usize / 8;

/// What is hashed before an address; before a topic it is its position, from 1 on.
const ADDRESS: u64 = 5;

/// What is hashed before an address that sent or received a transaction.
const PARTY: u64 = 6;

/// Stands for any log. That the key of an address or topic is the same is as likely as with any other.
pub(super) const ANY: LogKey = LogKey(0);

/// Odd, its bits without a pattern: two to the 64 over the golden ratio.
const MIX: u64 = 0x9e37_79b9_7f4a_7c15;

/// Stands for an address of logs, for a topic at its position, or for a party of transactions. Its hash need not withstand anybody: who makes another key that
/// shares it lets others look at blocks in vain, and could as well emit logs with the topic itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct LogKey(pub(super) u64);

impl LogKey {
    pub(super) fn address(address: &Address) -> Self {
        Self::hash(ADDRESS, address.as_slice())
    }

    pub(super) fn topic(position: usize, topic: &B256) -> Self {
        Self::hash(position as u64 + 1, topic.as_slice())
    }

    pub(super) fn party(address: &Address) -> Self {
        Self::hash(PARTY, address.as_slice())
    }

    fn hash(kind: u64, bytes: &[u8]) -> Self {
        let mut hash = kind;
        for part in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..part.len()].copy_from_slice(part);
            hash = (hash.rotate_left(25) ^ u64::from_be_bytes(word)).wrapping_mul(MIX);
        }
        Self(hash >> (u64::BITS - KEY_BITS))
    }

    pub(super) fn to_bytes(self) -> [u8; KEY_SIZE] {
        let [_, _, bytes @ ..] = self.0.to_be_bytes();
        bytes
    }

    pub(super) fn from_bytes(bytes: [u8; KEY_SIZE]) -> Self {
        let [a, b, c, d, e, f] = bytes;
        Self(u64::from_be_bytes([0, 0, a, b, c, d, e, f]))
    }
}

/// Which logs are searched for: those with one of the addresses and, at each position, one of the topics. Where none are
/// named, all fit.
#[derive(Clone, Debug, Default)]
pub struct LogQuery {
    /// A block must have one key of each part. The parts that few blocks have come first, as far as that can be guessed.
    pub(super) parts: Vec<Vec<LogKey>>,
    /// It is about parties of transactions, which not all runs have.
    pub(super) is_of_parties: bool,
}

impl LogQuery {
    /// A query by addresses and by topics at each position.
    pub fn new<'a, T: IntoIterator<Item = &'a B256>>(
        addresses: impl IntoIterator<Item = &'a Address>,
        topics: impl IntoIterator<Item = T>,
    ) -> Self {
        let topics = topics.into_iter().enumerate();
        let topics = topics.map(|(position, topics)| -> Vec<LogKey> {
            topics.into_iter().map(|topic| LogKey::topic(position, topic)).collect()
        });
        let mut parts: Vec<Vec<LogKey>> = topics.collect();
        // The first topic is the kind of event, which most blocks may have; the address rules out more.
        parts.insert(parts.len().min(1), addresses.into_iter().map(LogKey::address).collect());
        parts.reverse();
        parts.retain(|part| !part.is_empty());
        if parts.is_empty() {
            parts.push(vec![ANY]);
        }
        // In the order in which they lie.
        parts.iter_mut().for_each(|part| part.sort_unstable());
        Self { parts, is_of_parties: false }
    }

    /// A query for the blocks with a transaction that an address sent, that was sent to it, or that created it.
    pub fn party(address: &Address) -> Self {
        Self { parts: vec![vec![LogKey::party(address)]], is_of_parties: true }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_differ_by_kind_position_and_value() {
        let address = Address::repeat_byte(7);
        let topic = B256::left_padding_from(&[7; 20]);
        let mut keys = vec![LogKey::address(&address), LogKey::topic(0, &topic), LogKey::topic(1, &topic)];
        keys.push(LogKey::party(&address));
        keys.extend((0..1000u64).map(|n| LogKey::topic(2, &B256::from(alloy_primitives::U256::from(n)))));
        keys.extend((0..1000u64).map(|n| LogKey::topic(2, &B256::right_padding_from(&n.to_be_bytes()))));
        let count = keys.len();
        keys.sort_unstable();
        keys.dedup();
        // Zero stands there twice.
        assert_eq!(keys.len(), count - 1);
        for key in keys {
            assert_eq!(LogKey::from_bytes(key.to_bytes()), key);
        }
    }

    #[test]
    fn the_first_topic_is_the_last_part_and_the_address_the_one_before() {
        let (address, topics) = (Address::repeat_byte(1), [1u8, 2, 3].map(B256::repeat_byte));
        let query = LogQuery::new([&address], topics.iter().map(|topic| [topic]));
        let keys = [
            LogKey::topic(2, &topics[2]),
            LogKey::topic(1, &topics[1]),
            LogKey::address(&address),
            LogKey::topic(0, &topics[0]),
        ];
        assert_eq!(query.parts, keys.map(|key| vec![key]));
        let none: [[&B256; 0]; 4] = [[]; 4];
        assert_eq!(LogQuery::new([], none).parts, [[ANY]]);
        assert_eq!(LogQuery::new([&address], none).parts, [[LogKey::address(&address)]]);
    }
}
