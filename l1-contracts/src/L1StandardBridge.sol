// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Predeploys} from "./L2/Predeploys.sol";
import {StandardBridge} from "./bridge/StandardBridge.sol";
import {ICrossDomainMessenger} from "./interfaces/ICrossDomainMessenger.sol";
import {IL1StandardBridge} from "./interfaces/IL1StandardBridge.sol";

/// @title L1StandardBridge
/// @notice The bridge on L1: holds the tokens that L2's stand for. ETH only passes through; the Portal holds it.
contract L1StandardBridge is StandardBridge, IL1StandardBridge {
    /// @notice The messenger on L1.
    address private immutable _messenger;

    /// @param _l1Messenger The L1CrossDomainMessenger.
    constructor(address _l1Messenger) {
        _messenger = _l1Messenger;
    }

    /// @inheritdoc IL1StandardBridge
    function depositETH(uint32 _minGasLimit, bytes calldata _extraData) external payable onlyEOA {
        _bridgeETH(msg.sender, msg.value, _minGasLimit, _extraData);
    }

    /// @inheritdoc IL1StandardBridge
    function depositETHTo(address _to, uint32 _minGasLimit, bytes calldata _extraData) external payable {
        _bridgeETH(_to, msg.value, _minGasLimit, _extraData);
    }

    /// @inheritdoc IL1StandardBridge
    function depositERC20(
        address _l1Token,
        address _l2Token,
        uint256 _amount,
        uint32 _minGasLimit,
        bytes calldata _extraData
    ) external onlyEOA {
        _bridgeERC20(_l1Token, _l2Token, msg.sender, _amount, _minGasLimit, _extraData);
    }

    /// @inheritdoc IL1StandardBridge
    function depositERC20To(
        address _l1Token,
        address _l2Token,
        address _to,
        uint256 _amount,
        uint32 _minGasLimit,
        bytes calldata _extraData
    ) external {
        _bridgeERC20(_l1Token, _l2Token, _to, _amount, _minGasLimit, _extraData);
    }

    /// @inheritdoc IL1StandardBridge
    function l2TokenBridge() external pure returns (address) {
        return otherBridge();
    }

    /// @inheritdoc StandardBridge
    function messenger() public view override returns (address) {
        return _messenger;
    }

    /// @inheritdoc StandardBridge
    function otherBridge() public pure override returns (address) {
        return Predeploys.L2_STANDARD_BRIDGE;
    }

    /// @inheritdoc StandardBridge
    function paused() public view override returns (bool) {
        return ICrossDomainMessenger(_messenger).paused();
    }

    /// @inheritdoc StandardBridge
    function _emitETHInitiated(address _from, address _to, uint256 _amount, bytes memory _extraData)
        internal
        override
    {
        emit ETHDepositInitiated(_from, _to, _amount, _extraData);
        super._emitETHInitiated(_from, _to, _amount, _extraData);
    }

    /// @inheritdoc StandardBridge
    function _emitETHFinalized(address _from, address _to, uint256 _amount, bytes memory _extraData)
        internal
        override
    {
        emit ETHWithdrawalFinalized(_from, _to, _amount, _extraData);
        super._emitETHFinalized(_from, _to, _amount, _extraData);
    }

    /// @inheritdoc StandardBridge
    function _emitERC20Initiated(
        address _localToken,
        address _remoteToken,
        address _from,
        address _to,
        uint256 _amount,
        bytes memory _extraData
    ) internal override {
        emit ERC20DepositInitiated(_localToken, _remoteToken, _from, _to, _amount, _extraData);
        super._emitERC20Initiated(_localToken, _remoteToken, _from, _to, _amount, _extraData);
    }

    /// @inheritdoc StandardBridge
    function _emitERC20Finalized(
        address _localToken,
        address _remoteToken,
        address _from,
        address _to,
        uint256 _amount,
        bytes memory _extraData
    ) internal override {
        emit ERC20WithdrawalFinalized(_localToken, _remoteToken, _from, _to, _amount, _extraData);
        super._emitERC20Finalized(_localToken, _remoteToken, _from, _to, _amount, _extraData);
    }
}
