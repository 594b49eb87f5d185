// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {CrossDomainMessenger} from "../bridge/CrossDomainMessenger.sol";
import {IL2ToL1MessagePasser} from "../interfaces/IL2ToL1MessagePasser.sol";
import {AddressAlias} from "../lib/AddressAlias.sol";
import {PredeployPeer} from "./PredeployPeer.sol";
import {Predeploys} from "./Predeploys.sol";

/// @title L2CrossDomainMessenger
/// @notice The messenger on L2: sends by withdrawals, receives by deposits. Holds the ETH of messages whose call
///         failed.
contract L2CrossDomainMessenger is PredeployPeer, CrossDomainMessenger {
    /// @notice The messenger on L1.
    function l1CrossDomainMessenger() external view returns (address) {
        return otherMessenger();
    }

    /// @inheritdoc CrossDomainMessenger
    function otherMessenger() public view override returns (address) {
        return _peer;
    }

    /// @inheritdoc CrossDomainMessenger
    function paused() public pure override returns (bool) {
        return false;
    }

    /// @inheritdoc CrossDomainMessenger
    function _send(uint64 _gasLimit, bytes memory _call) internal override {
        IL2ToL1MessagePasser(payable(Predeploys.L2_TO_L1_MESSAGE_PASSER)).initiateWithdrawal{value: msg.value}(
            otherMessenger(), _gasLimit, _call
        );
    }

    /// @inheritdoc CrossDomainMessenger
    function _fromOtherMessenger() internal view override returns (bool) {
        return msg.sender == AddressAlias.toL2(otherMessenger());
    }

    /// @inheritdoc CrossDomainMessenger
    function _isUnsafeTarget(address _target) internal pure override returns (bool) {
        return _target == Predeploys.L2_TO_L1_MESSAGE_PASSER;
    }
}
