// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";

/// @title Timelock
/// @notice Governs the contracts on L1: what the owner wants to change stands here in public for a delay that nobody can
///         shorten, so that users can leave before it happens. Anyone may execute an operation that has waited.
contract Timelock is TimelockController {
    /// @notice How long an operation that has waited can still be executed, in seconds. Otherwise an owner would schedule everything on the
    ///         first day, and hold it over those who come later.
    uint256 public constant GRACE_PERIOD = 14 days;

    /// @notice The delay is what it was at deployment.
    error DelayIsFixed();
    /// @notice An operation waits for the delay, no less and no more.
    error NotTheDelay(uint256 expected, uint256 actual);
    /// @notice The operation was due too long ago: it must be scheduled again.
    error OperationExpired(bytes32 id, uint256 expiredAt);

    /// @param _delay Seconds between scheduling and execution.
    /// @param _owner Who may schedule and cancel.
    constructor(uint256 _delay, address _owner)
        TimelockController(_delay, _only(_owner), _only(address(0)), address(0))
    {}

    /// @inheritdoc TimelockController
    function schedule(
        address _target,
        uint256 _value,
        bytes calldata _data,
        bytes32 _predecessor,
        bytes32 _salt,
        uint256 _delay
    ) public override {
        _checkDelay(_delay);
        super.schedule(_target, _value, _data, _predecessor, _salt, _delay);
    }

    /// @inheritdoc TimelockController
    function scheduleBatch(
        address[] calldata _targets,
        uint256[] calldata _values,
        bytes[] calldata _payloads,
        bytes32 _predecessor,
        bytes32 _salt,
        uint256 _delay
    ) public override {
        _checkDelay(_delay);
        super.scheduleBatch(_targets, _values, _payloads, _predecessor, _salt, _delay);
    }

    /// @inheritdoc TimelockController
    function execute(address _target, uint256 _value, bytes calldata _payload, bytes32 _predecessor, bytes32 _salt)
        public
        payable
        override
    {
        _checkNotExpired(hashOperation(_target, _value, _payload, _predecessor, _salt));
        super.execute(_target, _value, _payload, _predecessor, _salt);
    }

    /// @inheritdoc TimelockController
    function executeBatch(
        address[] calldata _targets,
        uint256[] calldata _values,
        bytes[] calldata _payloads,
        bytes32 _predecessor,
        bytes32 _salt
    ) public payable override {
        _checkNotExpired(hashOperationBatch(_targets, _values, _payloads, _predecessor, _salt));
        super.executeBatch(_targets, _values, _payloads, _predecessor, _salt);
    }

    /// @inheritdoc TimelockController
    function updateDelay(uint256) external pure override {
        // INVARIANT: nobody shortens the delay, not even after it: who comes later relies on it as well.
        revert DelayIsFixed();
    }

    /// @notice Reverts unless an operation waits for just the delay.
    function _checkDelay(uint256 _delay) private view {
        // INVARIANT: what is executed was announced at most the delay and the grace period ago. With longer delays an owner
        // would schedule the same operation for every fortnight to come, on the first day.
        if (_delay != getMinDelay()) revert NotTheDelay(getMinDelay(), _delay);
    }

    /// @notice Reverts if an operation was due too long ago. One that does not exist is refused elsewhere.
    function _checkNotExpired(bytes32 _id) private view {
        uint256 dueAt = getTimestamp(_id);
        // INVARIANT: an operation was announced at most the delay and the grace period ago.
        if (dueAt > _DONE_TIMESTAMP && block.timestamp > dueAt + GRACE_PERIOD) {
            revert OperationExpired(_id, dueAt + GRACE_PERIOD);
        }
    }

    /// @notice A list of one.
    function _only(address _account) private pure returns (address[] memory accounts_) {
        accounts_ = new address[](1);
        accounts_[0] = _account;
    }
}
