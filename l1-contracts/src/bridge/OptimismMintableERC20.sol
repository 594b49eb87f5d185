// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";
import {IERC165} from "@openzeppelin/contracts/utils/introspection/IERC165.sol";
import {ILegacyMintableERC20, IOptimismMintableERC20} from "../interfaces/IOptimismMintableERC20.sol";

/// @title OptimismMintableERC20
/// @notice A token that stands for one of the other layer. Its supply is what the other bridge holds.
contract OptimismMintableERC20 is ERC20Permit, IERC165, IOptimismMintableERC20 {
    /// @inheritdoc IOptimismMintableERC20
    address public immutable remoteToken;
    /// @inheritdoc IOptimismMintableERC20
    address public immutable bridge;
    /// @notice Decimals of the remote token.
    uint8 private immutable _decimals;

    /// @param _bridge The bridge of this layer.
    /// @param _remoteToken The token of the other layer.
    /// @param _name Name.
    /// @param _symbol Symbol.
    /// @param _tokenDecimals Decimals; should be the remote token's.
    constructor(
        address _bridge,
        address _remoteToken,
        string memory _name,
        string memory _symbol,
        uint8 _tokenDecimals
    ) ERC20(_name, _symbol) ERC20Permit(_name) {
        bridge = _bridge;
        remoteToken = _remoteToken;
        _decimals = _tokenDecimals;
    }

    /// @notice Lets only the bridge through.
    modifier onlyBridge() {
        if (msg.sender != bridge) revert NotBridge(msg.sender);
        _;
    }

    /// @inheritdoc IOptimismMintableERC20
    function mint(address _to, uint256 _amount) external onlyBridge {
        _mint(_to, _amount);
        emit Mint(_to, _amount);
    }

    /// @inheritdoc IOptimismMintableERC20
    function burn(address _from, uint256 _amount) external onlyBridge {
        _burn(_from, _amount);
        emit Burn(_from, _amount);
    }

    /// @notice The token of the other layer, by its older names.
    function l1Token() external view returns (address) {
        return remoteToken;
    }

    /// @notice The bridge of this layer, by its older name.
    function l2Bridge() external view returns (address) {
        return bridge;
    }

    /// @notice The token of the other layer.
    function REMOTE_TOKEN() external view returns (address) {
        return remoteToken;
    }

    /// @notice The bridge of this layer.
    function BRIDGE() external view returns (address) {
        return bridge;
    }

    /// @inheritdoc IERC165
    function supportsInterface(bytes4 _interfaceId) external pure returns (bool) {
        return _interfaceId == type(IERC165).interfaceId
            || _interfaceId == type(IOptimismMintableERC20).interfaceId
            || _interfaceId == type(ILegacyMintableERC20).interfaceId;
    }

    /// @notice Semantic version.
    function version() external pure returns (string memory) {
        return "1.4.0";
    }

    /// @inheritdoc ERC20
    function decimals() public view override returns (uint8) {
        return _decimals;
    }
}
