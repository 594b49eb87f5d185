//! The timelock's roles.

use alloy::primitives::{Address, B256, keccak256};

/// Gives and takes all roles: OpenZeppelin's `DEFAULT_ADMIN_ROLE`.
pub(crate) const ADMIN: B256 = B256::ZERO;

/// Schedules operations.
pub(crate) fn proposer() -> B256 {
    keccak256("PROPOSER_ROLE")
}

/// Cancels them.
pub(crate) fn canceller() -> B256 {
    keccak256("CANCELLER_ROLE")
}

/// Executes them.
pub(crate) fn executor() -> B256 {
    keccak256("EXECUTOR_ROLE")
}

/// Who has which role where the constructor gave them and the owner has stayed. The zero address stands for anyone.
pub(crate) fn expected(timelock: Address, owner: Address) -> [(&'static str, B256, Address); 4] {
    [
        ("DEFAULT_ADMIN", ADMIN, timelock),
        ("PROPOSER", proposer(), owner),
        ("CANCELLER", canceller(), owner),
        ("EXECUTOR", executor(), Address::ZERO),
    ]
}
