//! Amounts as decimal text: JSON's numbers are too small for them.

use alloy::primitives::U256;
use serde::Serializer;

pub(crate) fn serialize<S: Serializer>(amount: &U256, out: S) -> Result<S::Ok, S::Error> {
    out.collect_str(amount)
}
