// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {StandardBridge} from "../bridge/StandardBridge.sol";
import {IL2StandardBridge} from "../interfaces/IL2StandardBridge.sol";
import {ILegacyMintableERC20} from "../interfaces/IOptimismMintableERC20.sol";
import {PredeployPeer} from "./PredeployPeer.sol";
import {Predeploys} from "./Predeploys.sol";

/// @title L2StandardBridge
/// @notice The bridge on L2: mints and burns the tokens that stand for L1's. ETH only passes through.
contract L2StandardBridge is PredeployPeer, StandardBridge, IL2StandardBridge {
    /// @notice What stands for ETH as L2 token.
    address private constant LEGACY_ETH = 0xDeadDeAddeAddEAddeadDEaDDEAdDeaDDeAD0000;

    /// @inheritdoc IL2StandardBridge
    function withdraw(address _l2Token, uint256 _amount, uint32 _minGasLimit, bytes calldata _extraData)
        external
        payable
        onlyEOA
    {
        _withdraw(_l2Token, msg.sender, _amount, _minGasLimit, _extraData);
    }

    /// @inheritdoc IL2StandardBridge
    function withdrawTo(
        address _l2Token,
        address _to,
        uint256 _amount,
        uint32 _minGasLimit,
        bytes calldata _extraData
    ) external payable {
        _withdraw(_l2Token, _to, _amount, _minGasLimit, _extraData);
    }

    /// @inheritdoc IL2StandardBridge
    function l1TokenBridge() external view returns (address) {
        return otherBridge();
    }

    /// @inheritdoc StandardBridge
    function messenger() public pure override returns (address) {
        return Predeploys.L2_CROSS_DOMAIN_MESSENGER;
    }

    /// @inheritdoc StandardBridge
    function otherBridge() public view override returns (address) {
        return _peer;
    }

    /// @inheritdoc StandardBridge
    function paused() public pure override returns (bool) {
        return false;
    }

    /// @inheritdoc StandardBridge
    function _emitETHInitiated(address _from, address _to, uint256 _amount, bytes memory _extraData)
        internal
        override
    {
        emit WithdrawalInitiated(address(0), LEGACY_ETH, _from, _to, _amount, _extraData);
        super._emitETHInitiated(_from, _to, _amount, _extraData);
    }

    /// @inheritdoc StandardBridge
    function _emitETHFinalized(address _from, address _to, uint256 _amount, bytes memory _extraData)
        internal
        override
    {
        emit DepositFinalized(address(0), LEGACY_ETH, _from, _to, _amount, _extraData);
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
        emit WithdrawalInitiated(_remoteToken, _localToken, _from, _to, _amount, _extraData);
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
        emit DepositFinalized(_remoteToken, _localToken, _from, _to, _amount, _extraData);
        super._emitERC20Finalized(_localToken, _remoteToken, _from, _to, _amount, _extraData);
    }

    /// @notice Withdraws ETH or tokens.
    function _withdraw(
        address _l2Token,
        address _to,
        uint256 _amount,
        uint32 _minGasLimit,
        bytes calldata _extraData
    ) private {
        if (_l2Token == LEGACY_ETH) {
            _bridgeETH(_to, _amount, _minGasLimit, _extraData);
        } else {
            // SAFETY: ETH that comes along with a token would stay here for ever.
            if (msg.value != 0) revert WrongValue(0, msg.value);
            address l1Token = ILegacyMintableERC20(_l2Token).l1Token();
            _bridgeERC20(_l2Token, l1Token, _to, _amount, _minGasLimit, _extraData);
        }
    }
}
