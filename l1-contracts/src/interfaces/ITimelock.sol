// SPDX-License-Identifier: MIT
pragma solidity ^0.8.25;

/// @title ITimelock
/// @notice Governs the contracts on L1. What the owner schedules can be executed, by anyone, after a delay that nobody can
///         shorten, and until the grace period behind it is over. OpenZeppelin's TimelockController otherwise; here are
///         the functions that tools use.
/// @dev Constructor: `constructor(uint256 delay, address owner)`.
interface ITimelock {
    /// @notice A call of an operation was scheduled.
    event CallScheduled(
        bytes32 indexed id,
        uint256 indexed index,
        address target,
        uint256 value,
        bytes data,
        bytes32 predecessor,
        uint256 delay
    );
    /// @notice The salt of an operation that was scheduled, unless it is zero.
    event CallSalt(bytes32 indexed id, bytes32 salt);
    /// @notice A call of an operation was executed.
    event CallExecuted(bytes32 indexed id, uint256 indexed index, address target, uint256 value, bytes data);
    /// @notice An operation was cancelled.
    event Cancelled(bytes32 indexed id);

    /// @notice The delay is what it was at deployment.
    error DelayIsFixed();
    /// @notice The operation was due too long ago: it must be scheduled again.
    error OperationExpired(bytes32 id, uint256 expiredAt);
    /// @notice The operation is in none of the expected states (a bit for each of OpenZeppelin's `OperationState`).
    error TimelockUnexpectedOperationState(bytes32 operationId, bytes32 expectedStates);
    /// @notice An operation waits for the delay, no less and no more.
    error NotTheDelay(uint256 expected, uint256 actual);
    /// @notice The account lacks this role.
    error AccessControlUnauthorizedAccount(address account, bytes32 neededRole);

    /// @notice Schedules an operation of a single call; `delay` must be `getMinDelay()`. Only the owner.
    function schedule(
        address target,
        uint256 value,
        bytes calldata data,
        bytes32 predecessor,
        bytes32 salt,
        uint256 delay
    ) external;
    /// @notice Schedules an operation of several calls; `delay` must be `getMinDelay()`. Only the owner.
    function scheduleBatch(
        address[] calldata targets,
        uint256[] calldata values,
        bytes[] calldata payloads,
        bytes32 predecessor,
        bytes32 salt,
        uint256 delay
    ) external;
    /// @notice Cancels an operation that was not executed. Only the owner.
    function cancel(bytes32 id) external;
    /// @notice Executes an operation that is due. Anyone may call.
    function executeBatch(
        address[] calldata targets,
        uint256[] calldata values,
        bytes[] calldata payloads,
        bytes32 predecessor,
        bytes32 salt
    ) external payable;

    /// @notice The same for an operation that was scheduled by `schedule`, as a single call.
    function execute(address target, uint256 value, bytes calldata payload, bytes32 predecessor, bytes32 salt)
        external
        payable;

    /// @notice Id of an operation that was scheduled by `schedule`, as a single call.
    function hashOperation(address target, uint256 value, bytes calldata data, bytes32 predecessor, bytes32 salt)
        external
        pure
        returns (bytes32);
    /// @notice Id of an operation.
    function hashOperationBatch(
        address[] calldata targets,
        uint256[] calldata values,
        bytes[] calldata payloads,
        bytes32 predecessor,
        bytes32 salt
    ) external pure returns (bytes32);
    /// @notice Seconds between scheduling and execution.
    function getMinDelay() external view returns (uint256);
    /// @notice When an operation is due; 0 if it was never scheduled, or was cancelled; 1 if it was executed.
    function getTimestamp(bytes32 id) external view returns (uint256);
    /// @notice Whether an account has a role.
    function hasRole(bytes32 role, address account) external view returns (bool);
    /// @notice The role of who may schedule.
    function PROPOSER_ROLE() external view returns (bytes32);
    /// @notice The role of who may cancel.
    function CANCELLER_ROLE() external view returns (bytes32);
    /// @notice The role of who may execute; the zero address has it, which stands for anyone.
    function EXECUTOR_ROLE() external view returns (bytes32);
    /// @notice The role that grants roles; only the timelock itself has it.
    function DEFAULT_ADMIN_ROLE() external view returns (bytes32);
    /// @notice How long an operation that has waited can still be executed, in seconds.
    function GRACE_PERIOD() external view returns (uint256);
}
