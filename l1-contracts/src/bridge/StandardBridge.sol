// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ERC165Checker} from "@openzeppelin/contracts/utils/introspection/ERC165Checker.sol";
import {ICrossDomainMessenger} from "../interfaces/ICrossDomainMessenger.sol";
import {ILegacyMintableERC20, IOptimismMintableERC20} from "../interfaces/IOptimismMintableERC20.sol";
import {IStandardBridge} from "../interfaces/IStandardBridge.sol";
import {Accounts} from "../lib/Accounts.sol";

/// @title StandardBridge
/// @notice What both bridges have in common.
abstract contract StandardBridge is IStandardBridge {
    using SafeERC20 for IERC20;

    /// @notice Gas limit on the other layer of a plain ETH transfer to the bridge.
    uint32 internal constant RECEIVE_GAS_LIMIT = 200_000;

    /// @inheritdoc IStandardBridge
    mapping(address localToken => mapping(address remoteToken => uint256)) public deposits;

    /// @notice Lets only accounts with a key through.
    modifier onlyEOA() {
        // SAFETY: a contract's address on the other layer may be nobody's, and what goes there is lost.
        if (!Accounts.senderHasKey() && msg.sender.code.length != 0) revert NotEOA(msg.sender);
        _;
    }

    /// @notice Lets only the other bridge through, by way of the messengers.
    modifier onlyOtherBridge() {
        // SAFETY: the messenger makes anyone's calls; who sent one, it says itself.
        if (
            msg.sender != messenger() || ICrossDomainMessenger(messenger()).xDomainMessageSender() != otherBridge()
        ) {
            revert NotOtherBridge(msg.sender);
        }
        _;
    }

    /// @inheritdoc IStandardBridge
    receive() external payable onlyEOA {
        _bridgeETH(msg.sender, msg.value, RECEIVE_GAS_LIMIT, "");
    }

    /// @inheritdoc IStandardBridge
    function bridgeETH(uint32 _minGasLimit, bytes calldata _extraData) external payable onlyEOA {
        _bridgeETH(msg.sender, msg.value, _minGasLimit, _extraData);
    }

    /// @inheritdoc IStandardBridge
    function bridgeETHTo(address _to, uint32 _minGasLimit, bytes calldata _extraData) external payable {
        _bridgeETH(_to, msg.value, _minGasLimit, _extraData);
    }

    /// @inheritdoc IStandardBridge
    function bridgeERC20(
        address _localToken,
        address _remoteToken,
        uint256 _amount,
        uint32 _minGasLimit,
        bytes calldata _extraData
    ) external onlyEOA {
        _bridgeERC20(_localToken, _remoteToken, msg.sender, _amount, _minGasLimit, _extraData);
    }

    /// @inheritdoc IStandardBridge
    function bridgeERC20To(
        address _localToken,
        address _remoteToken,
        address _to,
        uint256 _amount,
        uint32 _minGasLimit,
        bytes calldata _extraData
    ) external {
        _bridgeERC20(_localToken, _remoteToken, _to, _amount, _minGasLimit, _extraData);
    }

    /// @inheritdoc IStandardBridge
    function finalizeBridgeETH(address _from, address _to, uint256 _amount, bytes calldata _extraData)
        external
        payable
        onlyOtherBridge
    {
        if (paused()) revert BridgePaused();
        if (msg.value != _amount) revert WrongValue(_amount, msg.value);
        // SAFETY: either would send the ETH back or keep it.
        if (_to == address(this) || _to == messenger()) revert BadRecipient(_to);
        _emitETHFinalized(_from, _to, _amount, _extraData);
        (bool success,) = _to.call{value: _amount}("");
        // The messenger keeps the ETH then, and anyone can try again.
        if (!success) revert TransferFailed(_to);
    }

    /// @inheritdoc IStandardBridge
    function finalizeBridgeERC20(
        address _localToken,
        address _remoteToken,
        address _from,
        address _to,
        uint256 _amount,
        bytes calldata _extraData
    ) external onlyOtherBridge {
        if (paused()) revert BridgePaused();
        if (_isMintable(_localToken)) {
            _checkPair(_localToken, _remoteToken);
            IOptimismMintableERC20(_localToken).mint(_to, _amount);
        } else {
            // INVARIANT: what is paid out was held for exactly this token of the other layer. A token there that
            // anyone made up only gets what was sent to it.
            uint256 held = deposits[_localToken][_remoteToken];
            if (held < _amount) revert NotEnoughHeld(held, _amount);
            deposits[_localToken][_remoteToken] = held - _amount;
            IERC20(_localToken).safeTransfer(_to, _amount);
        }
        _emitERC20Finalized(_localToken, _remoteToken, _from, _to, _amount, _extraData);
    }

    /// @inheritdoc IStandardBridge
    function MESSENGER() external view returns (address) {
        return messenger();
    }

    /// @inheritdoc IStandardBridge
    function OTHER_BRIDGE() external view returns (address) {
        return otherBridge();
    }

    /// @inheritdoc IStandardBridge
    function version() external pure returns (string memory) {
        return "2.3.0";
    }

    /// @inheritdoc IStandardBridge
    function messenger() public view virtual returns (address);

    /// @inheritdoc IStandardBridge
    function otherBridge() public view virtual returns (address);

    /// @inheritdoc IStandardBridge
    function paused() public view virtual returns (bool);

    /// @notice Sends ETH to the other bridge.
    function _bridgeETH(address _to, uint256 _amount, uint32 _minGasLimit, bytes memory _extraData) internal {
        if (msg.value != _amount) revert WrongValue(_amount, msg.value);
        _emitETHInitiated(msg.sender, _to, _amount, _extraData);
        ICrossDomainMessenger(messenger()).sendMessage{value: _amount}(
            otherBridge(),
            abi.encodeCall(IStandardBridge.finalizeBridgeETH, (msg.sender, _to, _amount, _extraData)),
            _minGasLimit
        );
    }

    /// @notice Sends tokens to the other bridge.
    function _bridgeERC20(
        address _localToken,
        address _remoteToken,
        address _to,
        uint256 _amount,
        uint32 _minGasLimit,
        bytes memory _extraData
    ) internal {
        if (_isMintable(_localToken)) {
            _checkPair(_localToken, _remoteToken);
            IOptimismMintableERC20(_localToken).burn(msg.sender, _amount);
        } else {
            // INVARIANT: what the other layer mints is here. A token that calls back can only fail this check: what
            // it sends from inside raises the balance, too.
            uint256 before = IERC20(_localToken).balanceOf(address(this));
            IERC20(_localToken).safeTransferFrom(msg.sender, address(this), _amount);
            uint256 received = IERC20(_localToken).balanceOf(address(this)) - before;
            if (received != _amount) revert WrongAmountReceived(_amount, received);
            deposits[_localToken][_remoteToken] += _amount;
        }
        _emitERC20Initiated(_localToken, _remoteToken, msg.sender, _to, _amount, _extraData);
        // For the other bridge, local and remote change places.
        bytes memory call_ = abi.encodeCall(
            IStandardBridge.finalizeBridgeERC20, (_remoteToken, _localToken, msg.sender, _to, _amount, _extraData)
        );
        ICrossDomainMessenger(messenger()).sendMessage(otherBridge(), call_, _minGasLimit);
    }

    /// @notice Emits the event for ETH that leaves.
    function _emitETHInitiated(address _from, address _to, uint256 _amount, bytes memory _extraData)
        internal
        virtual
    {
        emit ETHBridgeInitiated(_from, _to, _amount, _extraData);
    }

    /// @notice Emits the event for ETH that arrived.
    function _emitETHFinalized(address _from, address _to, uint256 _amount, bytes memory _extraData)
        internal
        virtual
    {
        emit ETHBridgeFinalized(_from, _to, _amount, _extraData);
    }

    /// @notice Emits the event for tokens that leave.
    function _emitERC20Initiated(
        address _localToken,
        address _remoteToken,
        address _from,
        address _to,
        uint256 _amount,
        bytes memory _extraData
    ) internal virtual {
        emit ERC20BridgeInitiated(_localToken, _remoteToken, _from, _to, _amount, _extraData);
    }

    /// @notice Emits the event for tokens that arrived.
    function _emitERC20Finalized(
        address _localToken,
        address _remoteToken,
        address _from,
        address _to,
        uint256 _amount,
        bytes memory _extraData
    ) internal virtual {
        emit ERC20BridgeFinalized(_localToken, _remoteToken, _from, _to, _amount, _extraData);
    }

    /// @notice Whether a token says that it stands for one of the other layer.
    function _isMintable(address _token) private view returns (bool) {
        return ERC165Checker.supportsInterface(_token, type(IOptimismMintableERC20).interfaceId)
            || ERC165Checker.supportsInterface(_token, type(ILegacyMintableERC20).interfaceId);
    }

    /// @notice Reverts unless the mintable token stands for the remote one.
    function _checkPair(address _localToken, address _remoteToken) private view {
        bool modern = ERC165Checker.supportsInterface(_localToken, type(IOptimismMintableERC20).interfaceId);
        address named = modern
            ? IOptimismMintableERC20(_localToken).remoteToken()
            : ILegacyMintableERC20(_localToken).l1Token();
        if (named != _remoteToken) revert WrongTokenPair(_localToken, _remoteToken);
    }
}
