// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IProxyAdmin} from "../src/interfaces/IProxyAdmin.sol";
import {ITimelock} from "../src/interfaces/ITimelock.sol";
import {Withdrawals} from "./Withdrawals.sol";

/// @notice What the owner schedules and executes.
struct Operation {
    address[] targets;
    uint256[] values;
    bytes[] payloads;
    bytes32 salt;
}

/// @title Governance
/// @notice The owner's moves in the Timelock.
abstract contract Governance is Withdrawals {
    /// @notice Where a proxy keeps its admin and its implementation (ERC-1967).
    bytes32 internal constant ADMIN_SLOT = 0xb53127684a568b3173ae13b9f8a6016e243e63b6e8ee1178d6a717850b5d6103;
    bytes32 internal constant IMPLEMENTATION_SLOT =
        0x360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc;

    ITimelock internal governor;

    function deployGoverned() internal {
        deploy();
        governor = ITimelock(address(timelock));
    }

    /// @notice An operation of one call.
    function operation(address _target, bytes memory _call) internal pure returns (Operation memory op_) {
        op_.targets = new address[](1);
        op_.values = new uint256[](1);
        op_.payloads = new bytes[](1);
        (op_.targets[0], op_.payloads[0]) = (_target, _call);
    }

    /// @notice An upgrade of a proxy.
    function upgrade(address _proxy, address _implementation) internal view returns (Operation memory op_) {
        address admin = address(uint160(uint256(vm.load(_proxy, ADMIN_SLOT))));
        return operation(admin, abi.encodeCall(IProxyAdmin.upgradeAndCall, (_proxy, _implementation, "")));
    }

    function schedule(Operation memory _op) internal returns (bytes32 id_) {
        vm.prank(owner);
        governor.scheduleBatch(_op.targets, _op.values, _op.payloads, 0, _op.salt, UPGRADE_DELAY);
        id_ = governor.hashOperationBatch(_op.targets, _op.values, _op.payloads, 0, _op.salt);
    }

    /// @notice Anyone executes.
    function execute(Operation memory _op) internal {
        vm.prank(alice);
        governor.executeBatch(_op.targets, _op.values, _op.payloads, 0, _op.salt);
    }

    function tryExecute(Operation memory _op) internal returns (bool success_) {
        vm.prank(owner);
        (success_,) = address(governor)
            .call(abi.encodeCall(governor.executeBatch, (_op.targets, _op.values, _op.payloads, 0, _op.salt)));
    }

    /// @notice Schedules, waits, executes.
    function enact(address _target, bytes memory _call) internal {
        Operation memory op = operation(_target, _call);
        schedule(op);
        pass(UPGRADE_DELAY);
        execute(op);
    }
}
