// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {Initializable} from "@openzeppelin/contracts/proxy/utils/Initializable.sol";
import {IInbox} from "./interfaces/IInbox.sol";
import {ISystemConfig} from "./interfaces/ISystemConfig.sol";
import {MessageKinds} from "./lib/Headers.sol";
import {MessageGas} from "./lib/MessageGas.sol";

/// @title ConfigUpdates
/// @notice Types of configuration changes, the first byte of the message data.
library ConfigUpdates {
    /// @notice Value: the gas limit.
    uint8 internal constant GAS_LIMIT = 0;
    /// @notice Value: `baseFeeScalar << 32 | blobBaseFeeScalar`.
    uint8 internal constant FEE_SCALARS = 1;
    /// @notice Value: `operatorFeeScalar << 64 | operatorFeeConstant`.
    uint8 internal constant OPERATOR_FEE = 2;
    /// @notice Value: the gas target, in gas per second.
    uint8 internal constant GAS_TARGET = 3;
    /// @notice Value: the least base fee, in wei.
    uint8 internal constant MIN_BASE_FEE = 4;
}

/// @title SystemConfig
/// @notice Roles and L2 parameters, set by an owner whose transfer takes two steps.
contract SystemConfig is ISystemConfig, Ownable2Step, Initializable {
    /// @inheritdoc ISystemConfig
    uint64 public constant MIN_GAS_LIMIT = 30_000_000;
    /// @inheritdoc ISystemConfig
    uint64 public constant MAX_GAS_LIMIT = 60_000_000;
    /// @inheritdoc ISystemConfig
    uint64 public constant MIN_GAS_TARGET = 1_000_000;
    /// @inheritdoc ISystemConfig
    uint64 public constant MAX_GAS_TARGET = 60_000_000;
    /// @inheritdoc ISystemConfig
    uint64 public constant MIN_MIN_BASE_FEE = 1;
    /// @inheritdoc ISystemConfig
    uint64 public constant MAX_MIN_BASE_FEE = 1 << 40;

    /// @notice Owner of the implementation, which nobody uses: its proxy has its own.
    address private constant UNUSED_OWNER = address(1);

    /// @inheritdoc ISystemConfig
    address public immutable inbox;

    /// @inheritdoc ISystemConfig
    address public batcher;
    /// @inheritdoc ISystemConfig
    address public unsafeBlockSigner;
    /// @inheritdoc ISystemConfig
    uint64 public gasLimit;
    /// @inheritdoc ISystemConfig
    uint32 public baseFeeScalar;
    /// @inheritdoc ISystemConfig
    uint32 public blobBaseFeeScalar;
    /// @inheritdoc ISystemConfig
    uint32 public operatorFeeScalar;
    /// @inheritdoc ISystemConfig
    uint64 public operatorFeeConstant;
    /// @inheritdoc ISystemConfig
    uint64 public gasTarget;
    /// @inheritdoc ISystemConfig
    uint64 public minBaseFee;

    /// @param _inbox The queue that parameter changes go to; it must know this contract as its system config.
    constructor(address _inbox) Ownable(UNUSED_OWNER) {
        inbox = _inbox;
        _disableInitializers();
    }

    /// @inheritdoc ISystemConfig
    function initialize(
        address _owner,
        address _batcher,
        address _unsafeBlockSigner,
        uint64 _gasLimit,
        uint32 _baseFeeScalar,
        uint32 _blobBaseFeeScalar,
        uint32 _operatorFeeScalar,
        uint64 _operatorFeeConstant,
        uint64 _gasTarget,
        uint64 _minBaseFee
    ) external initializer {
        // INVARIANT: the owner can only go away by handing over.
        if (_owner == address(0)) revert OwnableInvalidOwner(_owner);
        _transferOwnership(_owner);
        _setBatcher(_batcher);
        unsafeBlockSigner = _unsafeBlockSigner;
        _checkGasLimit(_gasLimit);
        gasLimit = _gasLimit;
        baseFeeScalar = _baseFeeScalar;
        blobBaseFeeScalar = _blobBaseFeeScalar;
        operatorFeeScalar = _operatorFeeScalar;
        operatorFeeConstant = _operatorFeeConstant;
        _checkGasTarget(_gasTarget);
        gasTarget = _gasTarget;
        _checkMinBaseFee(_minBaseFee);
        minBaseFee = _minBaseFee;
    }

    /// @inheritdoc ISystemConfig
    function setBatcher(address _batcher) external onlyOwner {
        _setBatcher(_batcher);
    }

    /// @inheritdoc ISystemConfig
    function setUnsafeBlockSigner(address _signer) external onlyOwner {
        unsafeBlockSigner = _signer;
        emit UnsafeBlockSignerUpdated(_signer);
    }

    /// @inheritdoc ISystemConfig
    function setGasLimit(uint64 _gasLimit) external onlyOwner {
        _checkGasLimit(_gasLimit);
        gasLimit = _gasLimit;
        _enqueue(ConfigUpdates.GAS_LIMIT, _gasLimit);
    }

    /// @inheritdoc ISystemConfig
    function setFeeScalars(uint32 _baseFeeScalar, uint32 _blobBaseFeeScalar) external onlyOwner {
        baseFeeScalar = _baseFeeScalar;
        blobBaseFeeScalar = _blobBaseFeeScalar;
        _enqueue(ConfigUpdates.FEE_SCALARS, (uint256(_baseFeeScalar) << 32) | _blobBaseFeeScalar);
    }

    /// @inheritdoc ISystemConfig
    function setOperatorFee(uint32 _operatorFeeScalar, uint64 _operatorFeeConstant) external onlyOwner {
        operatorFeeScalar = _operatorFeeScalar;
        operatorFeeConstant = _operatorFeeConstant;
        _enqueue(ConfigUpdates.OPERATOR_FEE, (uint256(_operatorFeeScalar) << 64) | _operatorFeeConstant);
    }

    /// @inheritdoc ISystemConfig
    function setGasTarget(uint64 _gasTarget) external onlyOwner {
        _checkGasTarget(_gasTarget);
        gasTarget = _gasTarget;
        _enqueue(ConfigUpdates.GAS_TARGET, _gasTarget);
    }

    /// @inheritdoc ISystemConfig
    function setMinBaseFee(uint64 _minBaseFee) external onlyOwner {
        _checkMinBaseFee(_minBaseFee);
        minBaseFee = _minBaseFee;
        _enqueue(ConfigUpdates.MIN_BASE_FEE, _minBaseFee);
    }

    /// @inheritdoc ISystemConfig
    function transferOwnership(address _newOwner) public override(ISystemConfig, Ownable2Step) {
        super.transferOwnership(_newOwner);
    }

    /// @inheritdoc ISystemConfig
    function acceptOwnership() public override(ISystemConfig, Ownable2Step) {
        super.acceptOwnership();
    }

    /// @inheritdoc ISystemConfig
    function owner() public view override(ISystemConfig, Ownable) returns (address) {
        return super.owner();
    }

    /// @inheritdoc ISystemConfig
    function pendingOwner() public view override(ISystemConfig, Ownable2Step) returns (address) {
        return super.pendingOwner();
    }

    /// @notice Sets the batcher.
    function _setBatcher(address _batcher) private {
        // INVARIANT: there is a batcher. Without one only forced batches would be left.
        if (_batcher == address(0)) revert ZeroBatcher();
        batcher = _batcher;
        emit BatcherUpdated(_batcher);
    }

    /// @notice Reverts unless the gas limit is within its bounds.
    function _checkGasLimit(uint64 _gasLimit) private pure {
        // INVARIANT: a block holds the deposit gas cap with room to spare, and the largest one can be proven within
        // the step limit of the fault proof VM.
        if (_gasLimit < MIN_GAS_LIMIT || _gasLimit > MAX_GAS_LIMIT) revert GasLimitOutOfBounds(_gasLimit);
    }

    /// @notice Reverts unless the gas target is within its bounds.
    function _checkGasTarget(uint64 _gasTarget) private pure {
        // INVARIANT: below, a single deposit of the most gas (10,000,000), which pays no fee on L2, would raise the
        // fee of all others by more than an eighth: twice the target for 60 seconds doubles it, and 2^(10 / 60) is
        // 1.12. Above, those that execute the chain again would not keep up with it.
        if (_gasTarget < MIN_GAS_TARGET || _gasTarget > MAX_GAS_TARGET) revert GasTargetOutOfBounds(_gasTarget);
    }

    /// @notice Reverts unless the least base fee is within its bounds.
    function _checkMinBaseFee(uint64 _minBaseFee) private pure {
        // INVARIANT: a fee of zero can never rise, since it rises by a factor. At 2^40 wei, some 1,100 gwei, it still
        // has a factor of 2^24 left within its 64 bits.
        if (_minBaseFee < MIN_MIN_BASE_FEE || _minBaseFee > MAX_MIN_BASE_FEE) {
            revert MinBaseFeeOutOfBounds(_minBaseFee);
        }
    }

    /// @notice Tells L2 of a change.
    function _enqueue(uint8 _updateType, uint256 _value) private {
        IInbox(inbox)
            .enqueue(
                MessageKinds.CONFIG_UPDATE,
                address(this),
                MessageGas.MINIMUM,
                abi.encodePacked(_updateType, _value)
            );
        emit ConfigUpdated(_updateType, bytes32(_value));
    }
}
