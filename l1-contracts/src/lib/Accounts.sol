// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title Accounts
/// @notice Tells accounts with a key from contracts.
library Accounts {
    /// @notice An account without a known key that tools use as sender when they estimate gas. No signed transaction
    ///         comes from it: what reverts for it only raises an estimate.
    address internal constant ESTIMATION_ADDRESS = address(1);

    /// @notice Whether an account's code is only a delegation (EIP-7702).
    function isDelegated(address _account) internal view returns (bool) {
        // The length first: copying a large contract's code would cost the caller gas.
        return _account.code.length == 23 && bytes3(_account.code) == 0xef0100;
    }

    /// @notice Whether the caller's address belongs to the same key on both layers: it is the transaction's origin, or
    ///         has only delegated its code.
    function senderHasKey() internal view returns (bool) {
        return msg.sender == tx.origin || isDelegated(msg.sender);
    }
}
