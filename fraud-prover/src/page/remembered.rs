//! Answers that are remembered, a bounded number of them.

use std::{collections::HashMap, hash::Hash, mem};

use parking_lot::Mutex;

/// Answers by what was asked. Of those that nobody asks for any more, the older ones are forgotten when there are too many.
#[derive(Debug)]
pub(super) struct Remembered<K, V> {
    most: usize,
    /// What was asked lately, and what was before.
    answers: Mutex<(HashMap<K, V>, HashMap<K, V>)>,
}

impl<K: Hash + Eq, V: Clone> Remembered<K, V> {
    /// At most so many answers.
    pub(super) fn new(most: usize) -> Self {
        Self { most, answers: Mutex::default() }
    }

    pub(super) fn get(&self, key: &K) -> Option<V> {
        let mut answers = self.answers.lock();
        if let Some(answer) = answers.0.get(key) {
            return Some(answer.clone());
        }
        let (key, answer) = answers.1.remove_entry(key)?;
        self.put(&mut answers, key, answer.clone());
        Some(answer)
    }

    pub(super) fn insert(&self, key: K, value: V) {
        self.put(&mut self.answers.lock(), key, value);
    }

    fn put(&self, answers: &mut (HashMap<K, V>, HashMap<K, V>), key: K, value: V) {
        if answers.0.len() >= self.most / 2 {
            answers.1 = mem::take(&mut answers.0);
        }
        answers.0.insert(key, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_remembered_than_allowed_and_what_is_asked_for_stays() {
        let remembered = Remembered::new(10);
        remembered.insert(0, 0);
        for key in 1..100 {
            remembered.insert(key, key);
            assert_eq!(remembered.get(&key), Some(key));
            assert_eq!(remembered.get(&0), Some(0), "asked for each time");
            let answers = remembered.answers.lock();
            assert!(answers.0.len() + answers.1.len() <= 10);
        }
        assert_eq!(remembered.get(&1), None);
    }
}
