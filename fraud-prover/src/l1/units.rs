//! Amounts for people.

use alloy::primitives::U256;

/// Wei as ETH, for people.
pub(crate) fn ether(wei: U256) -> String {
    let text = alloy::primitives::utils::format_ether(wei);
    match text.split_once('.') {
        Some((whole, part)) => {
            let part = part.get(..6).unwrap_or(part).trim_end_matches('0');
            if part.is_empty() { whole.into() } else { format!("{whole}.{part}") }
        }
        None => text,
    }
}
