// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Predeploys} from "./L2/Predeploys.sol";
import {CrossDomainMessenger} from "./bridge/CrossDomainMessenger.sol";
import {IL1CrossDomainMessenger} from "./interfaces/IL1CrossDomainMessenger.sol";
import {IPortal} from "./interfaces/IPortal.sol";

/// @title L1CrossDomainMessenger
/// @notice The messenger on L1: sends by deposits, receives by withdrawals. Holds the ETH of messages whose call
///         failed.
contract L1CrossDomainMessenger is CrossDomainMessenger, IL1CrossDomainMessenger {
    /// @inheritdoc IL1CrossDomainMessenger
    address public immutable portal;

    /// @param _portal The Portal.
    constructor(address _portal) {
        portal = _portal;
    }

    /// @inheritdoc IL1CrossDomainMessenger
    function PORTAL() external view returns (address) {
        return portal;
    }

    /// @inheritdoc CrossDomainMessenger
    function otherMessenger() public pure override returns (address) {
        return Predeploys.L2_CROSS_DOMAIN_MESSENGER;
    }

    /// @inheritdoc CrossDomainMessenger
    function paused() public view override returns (bool) {
        return IPortal(payable(portal)).paused();
    }

    /// @inheritdoc CrossDomainMessenger
    function _send(uint64 _gasLimit, bytes memory _call) internal override {
        IPortal(payable(portal)).depositTransaction{value: msg.value}(
            otherMessenger(), msg.value, _gasLimit, false, _call
        );
    }

    /// @inheritdoc CrossDomainMessenger
    function _fromOtherMessenger() internal view override returns (bool) {
        return msg.sender == portal && IPortal(payable(portal)).l2Sender() == otherMessenger();
    }

    /// @inheritdoc CrossDomainMessenger
    function _isUnsafeTarget(address _target) internal view override returns (bool) {
        return _target == portal;
    }
}
