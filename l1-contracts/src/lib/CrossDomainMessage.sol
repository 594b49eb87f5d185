// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ICrossDomainMessenger} from "../interfaces/ICrossDomainMessenger.sol";

/// @title CrossDomainMessage
/// @notice How messages between the messengers are encoded: as the call that relays them.
library CrossDomainMessage {
    /// @notice The version of messages, in the two top bytes of their nonces.
    uint16 internal constant VERSION = 1;
    /// @notice Where the version stands in a nonce.
    uint256 internal constant VERSION_SHIFT = 240;

    /// @notice The call of `relayMessage` on the other layer.
    function encode(
        uint256 _nonce,
        address _sender,
        address _target,
        uint256 _value,
        uint256 _minGasLimit,
        bytes memory _message
    ) internal pure returns (bytes memory call_) {
        call_ = abi.encodeCall(
            ICrossDomainMessenger.relayMessage, (_nonce, _sender, _target, _value, _minGasLimit, _message)
        );
    }

    /// @notice The version in a nonce.
    function version(uint256 _nonce) internal pure returns (uint256 version_) {
        version_ = _nonce >> VERSION_SHIFT;
    }
}
