//! The fork schedule: which rules are in force from when on.

use crate::rules::{Rules, UnknownRules};

/// From this timestamp on, these rules are in force.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Activation {
    /// Id of the rules ([`Rules::id`]); it may be one that this code does not know.
    pub rules: u8,
    /// The first timestamp of L2 at which they hold, in seconds.
    pub timestamp: u64,
}

/// A list of activations: 1 to [`MAX`](Self::MAX) of them, the first at timestamp 0, timestamps and ids each greater
/// than the one before.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ForkSchedule {
    /// Unused ones are zero, so that equal schedules are equal.
    activations: [Activation; Self::MAX],
    count: usize,
}

/// Why a list of activations is no fork schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// None, or too many.
    #[error("{0} activations, expected 1 to {max}", max = ForkSchedule::MAX)]
    Count(usize),
    /// Timestamps before the first activation would have no rules.
    #[error("the first activation is at timestamp {0}, expected 0")]
    First(u64),
    /// An activation is not later than the one before it, or its rules are not.
    #[error("activation {index} (rules {}, timestamp {}) does not follow on the one before it", found.rules, found.timestamp)]
    Order {
        /// Its position, from 0 on.
        index: usize,
        /// The activation.
        found: Activation,
    },
}

impl ForkSchedule {
    /// Most activations.
    pub const MAX: usize = 16;

    /// The schedule with these activations.
    pub const fn new(activations: &[Activation]) -> Result<Self, ScheduleError> {
        let count = activations.len();
        if count == 0 || count > Self::MAX {
            return Err(ScheduleError::Count(count));
        }
        if activations[0].timestamp != 0 {
            return Err(ScheduleError::First(activations[0].timestamp));
        }
        let mut all = [Activation { rules: 0, timestamp: 0 }; Self::MAX];
        let mut index = 0;
        while index < count {
            let found = activations[index];
            if index > 0 {
                let before = activations[index - 1];
                if found.timestamp <= before.timestamp || found.rules <= before.rules {
                    return Err(ScheduleError::Order { index, found });
                }
            }
            all[index] = found;
            index += 1;
        }
        Ok(Self { activations: all, count })
    }

    /// These rules from the beginning, and none after them.
    pub const fn always(rules: Rules) -> Self {
        let mut activations = [Activation { rules: 0, timestamp: 0 }; Self::MAX];
        activations[0].rules = rules.id();
        Self { activations, count: 1 }
    }

    /// The activations, in order.
    pub fn activations(&self) -> &[Activation] {
        &self.activations[..self.count]
    }

    /// The schedule without its newest activation; `None` if nothing would be left.
    pub fn before_newest(&self) -> Option<Self> {
        let (_, earlier) = self.activations().split_last()?;
        Self::new(earlier).ok()
    }

    /// When the rules change for the last time, 0 if they never do.
    pub fn newest_activation(&self) -> u64 {
        self.activations().last().map_or(0, |activation| activation.timestamp)
    }

    /// The rules in force at a timestamp.
    pub fn rules_at(&self, timestamp: u64) -> Result<Rules, UnknownRules> {
        let past = self.activations().iter().take_while(|activation| activation.timestamp <= timestamp);
        // There is one at least: the first is at 0.
        let Activation { rules: id, timestamp: activation } = past.last().copied().unwrap_or_default();
        Rules::from_id(id).ok_or(UnknownRules { id, activation })
    }
}

impl core::fmt::Debug for ForkSchedule {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_list().entries(self.activations()).finish()
    }
}

/// In `rollup.json`: a list of `{"rules": "karst", "timestamp": 0}`; rules that this code does not know are numbers.
#[cfg(feature = "std")]
mod json {
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    use super::{Activation, ForkSchedule, Rules};

    #[derive(Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Entry {
        rules: Name,
        timestamp: u64,
    }

    #[derive(Serialize, Deserialize)]
    #[serde(untagged)]
    enum Name {
        Id(u8),
        Text(String),
    }

    impl Serialize for ForkSchedule {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.collect_seq(self.activations().iter().map(|activation| {
                let name = Rules::from_id(activation.rules).map(|rules| Name::Text(rules.name().into()));
                Entry { rules: name.unwrap_or(Name::Id(activation.rules)), timestamp: activation.timestamp }
            }))
        }
    }

    impl<'de> Deserialize<'de> for ForkSchedule {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            let entries = Vec::<Entry>::deserialize(deserializer)?;
            let activations = entries.into_iter().map(|entry| {
                let rules = match entry.rules {
                    Name::Id(id) => id,
                    Name::Text(name) => {
                        let known = Rules::ALL.into_iter().find(|rules| rules.name() == name);
                        known.ok_or_else(|| D::Error::custom(format_args!("unknown rules {name:?}")))?.id()
                    }
                };
                Ok(Activation { rules, timestamp: entry.timestamp })
            });
            Self::new(&activations.collect::<Result<Vec<_>, D::Error>>()?).map_err(D::Error::custom)
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn activations<const N: usize>(list: [(u8, u64); N]) -> [Activation; N] {
        list.map(|(rules, timestamp)| Activation { rules, timestamp })
    }

    #[test]
    fn rules_change_at_the_activation_and_unknown_ones_are_told() {
        let schedule = ForkSchedule::new(&activations([(1, 0), (2, 100), (7, 200)])).unwrap();
        assert_eq!(schedule.rules_at(0), Ok(Rules::Isthmus));
        assert_eq!(schedule.rules_at(99), Ok(Rules::Isthmus));
        assert_eq!(schedule.rules_at(100), Ok(Rules::Karst));
        assert_eq!(schedule.rules_at(199), Ok(Rules::Karst));
        let unknown = UnknownRules { id: 7, activation: 200 };
        assert_eq!(schedule.rules_at(200), Err(unknown));
        assert_eq!(schedule.rules_at(u64::MAX), Err(unknown));
        let line = unknown.to_string();
        assert!(line.contains("rules 7") && line.contains("200") && line.contains("2 (karst)"), "{line}");
        assert_eq!(ForkSchedule::always(Rules::Karst).rules_at(0), Ok(Rules::Karst));
    }

    #[test]
    fn only_ascending_lists_from_zero_on_are_schedules() {
        assert_eq!(ForkSchedule::new(&[]), Err(ScheduleError::Count(0)));
        assert_eq!(ForkSchedule::new(&activations([(1, 1)])), Err(ScheduleError::First(1)));
        for second in [(2, 0), (1, 5), (0, 5)] {
            let list = activations([(1, 0), second]);
            let expected = ScheduleError::Order { index: 1, found: list[1] };
            assert_eq!(ForkSchedule::new(&list), Err(expected));
        }
        let most: Vec<_> = (0..=16).map(|n| Activation { rules: n, timestamp: n.into() }).collect();
        assert_eq!(ForkSchedule::new(&most), Err(ScheduleError::Count(17)));
        assert_eq!(ForkSchedule::new(&most[..16]).unwrap().activations(), &most[..16]);
    }

    #[test]
    fn ids_are_those_of_the_rules() {
        for id in 0..=u8::MAX {
            assert_eq!(
                Rules::from_id(id).map(Rules::id),
                Rules::ALL.into_iter().map(Rules::id).find(|known| *known == id)
            );
        }
        assert!(Rules::ALL.is_sorted());
    }

    #[cfg(feature = "std")]
    #[test]
    fn rollup_json_names_known_rules_and_numbers_others() {
        let schedule = ForkSchedule::new(&activations([(1, 0), (2, 100), (7, 200)])).unwrap();
        let json = r#"[{"rules":"isthmus","timestamp":0},{"rules":"karst","timestamp":100},{"rules":7,"timestamp":200}]"#;
        assert_eq!(serde_json::to_string(&schedule).unwrap(), json);
        assert_eq!(serde_json::from_str::<ForkSchedule>(json).unwrap(), schedule);
        for (wrong, why) in [
            (r#"[]"#, "0 activations"),
            (r#"[{"rules":"karst","timestamp":1}]"#, "timestamp 1, expected 0"),
            (r#"[{"rules":"canyon","timestamp":0}]"#, "unknown rules \"canyon\""),
            (
                r#"[{"rules":2,"timestamp":0},{"rules":"isthmus","timestamp":9}]"#,
                "activation 1 (rules 1, timestamp 9)",
            ),
            (r#"[{"rules":2,"timestamp":0,"more":1}]"#, "unknown field"),
        ] {
            let error = serde_json::from_str::<ForkSchedule>(wrong).unwrap_err().to_string();
            assert!(error.contains(why), "{wrong}: {error}");
        }
    }
}
