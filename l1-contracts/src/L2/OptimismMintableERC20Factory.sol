// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {OptimismMintableERC20} from "../bridge/OptimismMintableERC20.sol";
import {IOptimismMintableERC20Factory} from "../interfaces/IOptimismMintableERC20Factory.sol";
import {Predeploys} from "./Predeploys.sol";

/// @title OptimismMintableERC20Factory
/// @notice Creates tokens for the bridge on L2.
contract OptimismMintableERC20Factory is IOptimismMintableERC20Factory {
    /// @notice Decimals of a token if not given.
    uint8 private constant DEFAULT_DECIMALS = 18;

    /// @inheritdoc IOptimismMintableERC20Factory
    mapping(address localToken => address) public deployments;

    /// @inheritdoc IOptimismMintableERC20Factory
    function createOptimismMintableERC20(address _remoteToken, string memory _name, string memory _symbol)
        external
        returns (address)
    {
        return createOptimismMintableERC20WithDecimals(_remoteToken, _name, _symbol, DEFAULT_DECIMALS);
    }

    /// @inheritdoc IOptimismMintableERC20Factory
    function createStandardL2Token(address _remoteToken, string memory _name, string memory _symbol)
        external
        returns (address)
    {
        return createOptimismMintableERC20WithDecimals(_remoteToken, _name, _symbol, DEFAULT_DECIMALS);
    }

    /// @inheritdoc IOptimismMintableERC20Factory
    function BRIDGE() external pure returns (address) {
        return bridge();
    }

    /// @inheritdoc IOptimismMintableERC20Factory
    function version() external pure returns (string memory) {
        return "1.10.0";
    }

    /// @inheritdoc IOptimismMintableERC20Factory
    function createOptimismMintableERC20WithDecimals(
        address _remoteToken,
        string memory _name,
        string memory _symbol,
        uint8 _decimals
    ) public returns (address token_) {
        if (_remoteToken == address(0)) revert NoRemoteToken();
        bytes32 salt = keccak256(abi.encode(_remoteToken, _name, _symbol, _decimals));
        token_ = address(new OptimismMintableERC20{salt: salt}(bridge(), _remoteToken, _name, _symbol, _decimals));
        deployments[token_] = _remoteToken;
        emit StandardL2TokenCreated(_remoteToken, token_);
        emit OptimismMintableERC20Created(token_, _remoteToken, msg.sender);
    }

    /// @inheritdoc IOptimismMintableERC20Factory
    function bridge() public pure returns (address) {
        return Predeploys.L2_STANDARD_BRIDGE;
    }
}
