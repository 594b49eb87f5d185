//! Cases of the suite that do not apply here, and why.
//!
//! Each is named by itself, is run all the same, and must fail: an exclusion of a case that passes, or that is not there,
//! is a failure. So the list never holds more than it has to.

use std::{
    collections::BTreeSet,
    fmt,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use anyhow::{Result, anyhow};

use super::{Folder, Report};

/// Cases of a test that are left out.
#[derive(Debug)]
struct Exclusion {
    /// Path from the suite's folder on.
    file: &'static str,
    test: &'static str,
    /// None where a test has no forks.
    forks: &'static [&'static str],
    /// Which of a fork's; none where a fork has one.
    indexes: &'static [usize],
    reason: &'static str,
}

const EIP_7610: &str = "EIP-7610: creates where storage is but neither nonce nor code, which no block leads to and no \
                        genesis of ours has; revm lacks the rule";
const FEE_OF_128_BITS: &str = "a fee above 2^128 wei for a unit of gas, which all ether could not pay; here a \
                               transaction with one does not decode, as in reth";
const EIP_2: &str = "a signature's high s, which Frontier took and every later fork refuses (EIP-2)";
const NEIGHBOURS: &str = "asks a trie for the keys next to a key, which nothing here needs";

/// Forks since which there is a base fee.
const SINCE_LONDON: &[&str] = &["London", "Paris", "Shanghai", "Cancun"];
/// Forks since which a signature may name a chain.
const SINCE_EIP158: &[&str] = &[
    "EIP158",
    "Byzantium",
    "Constantinople",
    "ConstantinopleFix",
    "Istanbul",
    "Berlin",
    "London",
    "Paris",
    "Shanghai",
    "Cancun",
];
const ALL_FORKS: &[&str] = &[
    "Frontier",
    "Homestead",
    "EIP150",
    "EIP158",
    "Byzantium",
    "Constantinople",
    "ConstantinopleFix",
    "Istanbul",
    "Berlin",
    "London",
    "Paris",
    "Shanghai",
    "Cancun",
];

const LIST: &[Exclusion] = &[
    Exclusion {
        file: "GeneralStateTests/stCreate2/RevertInCreateInInitCreate2Paris.json",
        test: "RevertInCreateInInitCreate2Paris",
        forks: &["Cancun"],
        indexes: &[0],
        reason: EIP_7610,
    },
    Exclusion {
        file: "GeneralStateTests/stCreate2/create2collisionStorageParis.json",
        test: "create2collisionStorageParis",
        forks: &["Cancun"],
        indexes: &[0, 1, 2],
        reason: EIP_7610,
    },
    Exclusion {
        file: "GeneralStateTests/stExtCodeHash/dynamicAccountOverwriteEmpty_Paris.json",
        test: "dynamicAccountOverwriteEmpty_Paris",
        forks: &["Cancun"],
        indexes: &[0],
        reason: EIP_7610,
    },
    Exclusion {
        file: "GeneralStateTests/stRevertTest/RevertInCreateInInit_Paris.json",
        test: "RevertInCreateInInit_Paris",
        forks: &["Cancun"],
        indexes: &[0],
        reason: EIP_7610,
    },
    Exclusion {
        file: "GeneralStateTests/stSStoreTest/InitCollisionParis.json",
        test: "InitCollisionParis",
        forks: &["Cancun"],
        indexes: &[0, 1, 2, 3],
        reason: EIP_7610,
    },
    Exclusion {
        file: "TransactionTests/ttEIP1559/GasLimitPriceProductOverflowtMinusOne.json",
        test: "GasLimitPriceProductOverflowtMinusOne",
        forks: SINCE_LONDON,
        indexes: &[],
        reason: FEE_OF_128_BITS,
    },
    // Refused as it should be, but for its bytes before its fees are compared.
    Exclusion {
        file: "TransactionTests/ttEIP1559/maxPriorityFeePerGass32BytesValue.json",
        test: "maxPriorityFeePerGass32BytesValue",
        forks: SINCE_LONDON,
        indexes: &[],
        reason: FEE_OF_128_BITS,
    },
    Exclusion {
        file: "TransactionTests/ttGasPrice/TransactionWithHighGasPrice.json",
        test: "TransactionWithHighGasPrice",
        forks: ALL_FORKS,
        indexes: &[],
        reason: FEE_OF_128_BITS,
    },
    Exclusion {
        file: "TransactionTests/ttRSValue/TransactionWithSvalueHigh.json",
        test: "TransactionWithSvalueHigh",
        forks: &["Frontier"],
        indexes: &[],
        reason: EIP_2,
    },
    Exclusion {
        file: "TransactionTests/ttRSValue/TransactionWithSvalueLargerThan_c_secp256k1n_x05.json",
        test: "TransactionWithSvalueLargerThan_c_secp256k1n_x05",
        forks: &["Frontier"],
        indexes: &[],
        reason: EIP_2,
    },
    Exclusion {
        file: "TransactionTests/ttVValue/V_equals38.json",
        test: "V_equals38",
        forks: SINCE_EIP158,
        indexes: &[],
        reason: FEE_OF_128_BITS,
    },
    Exclusion {
        file: "TrieTests/trietestnextprev.json",
        test: "basic",
        forks: &[],
        indexes: &[],
        reason: NEIGHBOURS,
    },
];

/// A case of the suite.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Place<'a> {
    pub(super) file: &'a str,
    pub(super) test: &'a str,
    pub(super) fork: Option<&'a str>,
    /// Which of a fork's.
    pub(super) index: Option<usize>,
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.file, self.test)?;
        self.fork.map_or(Ok(()), |fork| write!(f, " {fork}"))?;
        self.index.map_or(Ok(()), |index| write!(f, " {index}"))
    }
}

impl Exclusion {
    /// All its cases.
    fn places(&self) -> Vec<Place<'static>> {
        let forks = self.forks.iter().copied().map(Some).chain(self.forks.is_empty().then_some(None));
        let indexes = self.indexes.iter().copied().map(Some).chain(self.indexes.is_empty().then_some(None));
        let place =
            |fork| indexes.clone().map(move |index| Place { file: self.file, test: self.test, fork, index });
        forks.flat_map(place).collect()
    }
}

/// Why a case is left out, if it is.
fn reason(place: &Place<'_>) -> Option<&'static str> {
    let mut of_test = LIST.iter().filter(|all| all.file == place.file && all.test == place.test);
    Some(of_test.find(|all| all.places().contains(place))?.reason)
}

/// What of the list a run has met.
#[derive(Debug, Default)]
pub(super) struct Exclusions {
    met: Mutex<BTreeSet<String>>,
}

impl Exclusions {
    /// Notes how a case went, which may be left out.
    pub(super) fn note(&self, folder: Folder, place: &Place<'_>, result: Result<()>, report: &mut Report) {
        let Some(reason) = reason(place) else {
            return report.note(folder, || place.to_string(), result);
        };
        self.met.lock().unwrap_or_else(PoisonError::into_inner).insert(place.to_string());
        match result {
            Err(_) => report.exclude(reason, 1),
            Ok(()) => {
                let passes = Err(anyhow!("passes, and is on the list of exclusions: {reason}"));
                report.note(folder, || place.to_string(), passes);
            }
        }
    }

    /// Notes the exclusions that left nothing out: those of files that were run, and if `all` of the suite was to be run,
    /// those of files that are missing from a folder that is there.
    pub(super) fn note_idle(&self, files: &[PathBuf], all: bool, report: &mut Report) {
        let met = self.met.lock().unwrap_or_else(PoisonError::into_inner);
        for exclusion in LIST {
            let path = Path::new(exclusion.file);
            let beside = |file: &PathBuf| file.parent() == path.parent();
            if !files.iter().any(|file| file == path || all && beside(file)) {
                continue;
            }
            for place in exclusion.places() {
                let case = place.to_string();
                if !met.contains(&case) {
                    let folder = Folder::of(path).unwrap_or(Folder::States);
                    report.note(
                        folder,
                        || case,
                        Err(anyhow!("is on the list of exclusions, and is not there")),
                    );
                }
            }
        }
    }
}
