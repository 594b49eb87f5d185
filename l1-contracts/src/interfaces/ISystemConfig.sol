// SPDX-License-Identifier: MIT
pragma solidity ^0.8.25;

/// @title ISystemConfig
/// @notice Roles and L2 parameters. A change of a parameter that L2 execution depends on is enqueued in the Inbox,
///         so that every node sees it at the same place. The initial values are part of the L2 genesis.
///         Ownership's events and errors are those of OpenZeppelin's Ownable2Step.
/// @dev Constructor of the implementation: `constructor(address inbox)`; behind its proxy `initialize` is called at once.
interface ISystemConfig {
    /// @notice An L2 parameter changed; the Inbox carries the same content in a message of kind 2.
    /// @param updateType 0 gas limit, 1 fee scalars, 2 operator fee, 3 gas target, 4 least base fee.
    /// @param value The new value, packed as in the message data.
    event ConfigUpdated(uint8 indexed updateType, bytes32 value);
    /// @notice The batcher changed.
    event BatcherUpdated(address indexed batcher);
    /// @notice The signer of the feed of unsafe blocks changed.
    event UnsafeBlockSignerUpdated(address indexed signer);

    /// @notice The gas limit is outside `MIN_GAS_LIMIT` to `MAX_GAS_LIMIT`.
    error GasLimitOutOfBounds(uint64 gasLimit);
    /// @notice The gas target is outside `MIN_GAS_TARGET` to `MAX_GAS_TARGET`.
    error GasTargetOutOfBounds(uint64 gasTarget);
    /// @notice The least base fee is outside `MIN_MIN_BASE_FEE` to `MAX_MIN_BASE_FEE`.
    error MinBaseFeeOutOfBounds(uint64 minBaseFee);
    /// @notice The batcher cannot be the zero address.
    error ZeroBatcher();

    /// @notice Sets owner, roles and L2 parameters; these must equal the L2 genesis. Called once, with the deployment.
    /// @param operatorFeeScalar Operator fee per gas, in hundreds of wei (Karst; in millionths of a wei before).
    /// @param operatorFeeConstant Operator fee per transaction, in wei.
    /// @param gasTarget Gas per second at which the base fee stays.
    /// @param minBaseFee The least base fee, in wei.
    function initialize(
        address owner,
        address batcher,
        address unsafeBlockSigner,
        uint64 gasLimit,
        uint32 baseFeeScalar,
        uint32 blobBaseFeeScalar,
        uint32 operatorFeeScalar,
        uint64 operatorFeeConstant,
        uint64 gasTarget,
        uint64 minBaseFee
    ) external;
    /// @notice Sets the account that may append batches. Only the owner.
    function setBatcher(address batcher) external;
    /// @notice Sets the signer of the feed of unsafe blocks. Only the owner.
    function setUnsafeBlockSigner(address signer) external;
    /// @notice Sets the L2 block gas limit, within its bounds. Only the owner.
    function setGasLimit(uint64 gasLimit) external;
    /// @notice Sets the scalars of the L1 data fee, in millionths. Only the owner.
    function setFeeScalars(uint32 baseFeeScalar, uint32 blobBaseFeeScalar) external;
    /// @notice Sets the operator fee: scalar in hundreds of wei per gas (under the rules of Karst; before, in millionths
    ///         of a wei), constant in wei. The first block of Karst sets the scalar on L2 to zero, until it is set here
    ///         again. Only the owner.
    function setOperatorFee(uint32 operatorFeeScalar, uint64 operatorFeeConstant) external;
    /// @notice Sets the gas per second at which L2's base fee stays, within its bounds. Only the owner.
    function setGasTarget(uint64 gasTarget) external;
    /// @notice Sets L2's least base fee, in wei, within its bounds. Only the owner.
    function setMinBaseFee(uint64 minBaseFee) external;
    /// @notice Offers the ownership to `newOwner`, who must accept it. Only the owner.
    function transferOwnership(address newOwner) external;
    /// @notice Accepts an offered ownership. Only the pending owner.
    function acceptOwnership() external;

    /// @notice The queue that parameter changes go to.
    function inbox() external view returns (address);
    /// @notice The owner.
    function owner() external view returns (address);
    /// @notice The account to which the ownership is offered.
    function pendingOwner() external view returns (address);
    /// @notice The account that may append batches.
    function batcher() external view returns (address);
    /// @notice The signer of the feed of unsafe blocks.
    function unsafeBlockSigner() external view returns (address);
    /// @notice The L2 block gas limit.
    function gasLimit() external view returns (uint64);
    /// @notice Scalar of the L1 base fee in the L1 data fee, in millionths.
    function baseFeeScalar() external view returns (uint32);
    /// @notice Scalar of the L1 blob base fee in the L1 data fee, in millionths.
    function blobBaseFeeScalar() external view returns (uint32);
    /// @notice Operator fee per gas, in hundreds of wei (before Karst, in millionths of a wei).
    function operatorFeeScalar() external view returns (uint32);
    /// @notice Operator fee per transaction, in wei.
    function operatorFeeConstant() external view returns (uint64);
    /// @notice Gas per second at which L2's base fee stays.
    function gasTarget() external view returns (uint64);
    /// @notice L2's least base fee, in wei.
    function minBaseFee() external view returns (uint64);
    /// @notice Least L2 block gas limit.
    function MIN_GAS_LIMIT() external view returns (uint64);
    /// @notice Largest L2 block gas limit.
    function MAX_GAS_LIMIT() external view returns (uint64);
    /// @notice Least gas target, in gas per second.
    function MIN_GAS_TARGET() external view returns (uint64);
    /// @notice Largest gas target, in gas per second.
    function MAX_GAS_TARGET() external view returns (uint64);
    /// @notice Smallest value of the least base fee, in wei.
    function MIN_MIN_BASE_FEE() external view returns (uint64);
    /// @notice Largest value of the least base fee, in wei.
    function MAX_MIN_BASE_FEE() external view returns (uint64);
}
