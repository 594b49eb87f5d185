// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {ERC1967Proxy} from "../src/Proxies.sol";
import {SystemConfig} from "../src/SystemConfig.sol";
import {IInbox} from "../src/interfaces/IInbox.sol";
import {ISystemConfig} from "../src/interfaces/ISystemConfig.sol";
import {System} from "./System.t.sol";

contract SystemConfigTest is System {
    /// @notice An implementation without a proxy yet.
    SystemConfig private fresh;

    function setUp() public {
        deploy();
        fresh = new SystemConfig(address(inbox));
    }

    function expectUpdate(uint8 _type, uint256 _value) internal {
        bytes memory data = bytes.concat(bytes1(_type), bytes32(_value));
        vm.assertEq(data.length, 33);
        messages.push(messageHeader(2, address(config), 21_000, data));
        vm.expectEmit(address(inbox));
        emit IInbox.MessageEnqueued(
            uint64(messages.length - 1), messageAccumulator(messages.length), messages[messages.length - 1], data
        );
        vm.expectEmit(address(config));
        emit ISystemConfig.ConfigUpdated(_type, bytes32(_value));
        vm.prank(owner);
    }

    function test_constructor_setsValuesWithoutMessages() public view {
        vm.assertEq(config.owner(), owner);
        vm.assertEq(config.batcher(), batcher);
        vm.assertEq(config.unsafeBlockSigner(), signer);
        vm.assertEq(config.gasLimit(), 30_000_000);
        vm.assertEq(config.baseFeeScalar(), 1000);
        vm.assertEq(config.blobBaseFeeScalar(), 2000);
        vm.assertEq(config.operatorFeeScalar(), 3);
        vm.assertEq(config.operatorFeeConstant(), 4);
        vm.assertEq(config.gasTarget(), 10_000_000);
        vm.assertEq(config.minBaseFee(), 100);
        vm.assertEq(inbox.messageCount(), 0);
    }

    /// @notice A new SystemConfig behind a proxy that nobody can change.
    function initialized(address _owner, address _batcher, uint64 _gasLimit, uint64 _gasTarget, uint64 _minBaseFee)
        internal
    {
        bytes memory call_ = abi.encodeCall(
            SystemConfig.initialize, (_owner, _batcher, signer, _gasLimit, 0, 0, 0, 0, _gasTarget, _minBaseFee)
        );
        new ERC1967Proxy(address(fresh), call_);
    }

    function test_initialize_badValues_reverts() public {
        vm.expectRevert(abi.encodeWithSelector(ISystemConfig.GasLimitOutOfBounds.selector, uint64(29_999_999)));
        initialized(owner, batcher, 29_999_999, 1_000_000, 1);
        vm.expectRevert(ISystemConfig.ZeroBatcher.selector);
        initialized(owner, address(0), 30_000_000, 1_000_000, 1);
        vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableInvalidOwner.selector, address(0)));
        initialized(address(0), batcher, 30_000_000, 1_000_000, 1);
    }

    function test_initialize_badFeeParameters_reverts() public {
        vm.expectRevert(abi.encodeWithSelector(ISystemConfig.GasTargetOutOfBounds.selector, uint64(999_999)));
        initialized(owner, batcher, 30_000_000, 999_999, 1);
        vm.expectRevert(abi.encodeWithSelector(ISystemConfig.MinBaseFeeOutOfBounds.selector, uint64(0)));
        initialized(owner, batcher, 30_000_000, 1_000_000, 0);
    }

    function test_setGasLimit_enqueues() public {
        expectUpdate(0, 45_000_000);
        config.setGasLimit(45_000_000);
        vm.assertEq(config.gasLimit(), 45_000_000);
        assertSynced();
    }

    function testFuzz_setGasLimit_bounds(uint64 _gasLimit) public {
        bool allowed = _gasLimit >= 30_000_000 && _gasLimit <= 60_000_000;
        if (!allowed) {
            vm.expectRevert(abi.encodeWithSelector(ISystemConfig.GasLimitOutOfBounds.selector, _gasLimit));
        }
        vm.prank(owner);
        config.setGasLimit(_gasLimit);
        vm.assertEq(inbox.messageCount(), allowed ? 1 : 0);
    }

    function test_setGasLimit_atBounds_succeeds() public {
        expectUpdate(0, 60_000_000);
        config.setGasLimit(60_000_000);
        expectUpdate(0, 30_000_000);
        config.setGasLimit(30_000_000);
    }

    function testFuzz_setFeeScalars_enqueues(uint32 _base, uint32 _blob) public {
        expectUpdate(1, (uint256(_base) << 32) + _blob);
        config.setFeeScalars(_base, _blob);
        vm.assertEq(config.baseFeeScalar(), _base);
        vm.assertEq(config.blobBaseFeeScalar(), _blob);
        assertSynced();
    }

    function testFuzz_setOperatorFee_enqueues(uint32 _scalar, uint64 _constant) public {
        expectUpdate(2, (uint256(_scalar) << 64) + _constant);
        config.setOperatorFee(_scalar, _constant);
        vm.assertEq(config.operatorFeeScalar(), _scalar);
        vm.assertEq(config.operatorFeeConstant(), _constant);
        assertSynced();
    }

    function testFuzz_setGasTarget_enqueuesInBounds(uint64 _target) public {
        if (_target % 2 == 0) _target = uint64(bound(_target, 999_990, 60_000_010));
        if (_target < 1_000_000 || _target > 60_000_000) {
            vm.expectRevert(abi.encodeWithSelector(ISystemConfig.GasTargetOutOfBounds.selector, _target));
            vm.prank(owner);
            config.setGasTarget(_target);
            vm.assertEq(config.gasTarget(), 10_000_000);
            return;
        }
        expectUpdate(3, _target);
        config.setGasTarget(_target);
        vm.assertEq(config.gasTarget(), _target);
        assertSynced();
    }

    function test_setGasTarget_atBounds_succeeds() public {
        uint64 least = config.MIN_GAS_TARGET();
        uint64 most = config.MAX_GAS_TARGET();
        expectUpdate(3, 1_000_000);
        config.setGasTarget(least);
        expectUpdate(3, 60_000_000);
        config.setGasTarget(most);
    }

    function testFuzz_setMinBaseFee_enqueuesInBounds(uint64 _fee) public {
        if (_fee % 2 == 0) _fee >>= 24;
        if (_fee < 1 || _fee > 1 << 40) {
            vm.expectRevert(abi.encodeWithSelector(ISystemConfig.MinBaseFeeOutOfBounds.selector, _fee));
            vm.prank(owner);
            config.setMinBaseFee(_fee);
            vm.assertEq(config.minBaseFee(), 100);
            return;
        }
        expectUpdate(4, _fee);
        config.setMinBaseFee(_fee);
        vm.assertEq(config.minBaseFee(), _fee);
        assertSynced();
    }

    function test_setMinBaseFee_atBounds_succeeds() public {
        uint64 least = config.MIN_MIN_BASE_FEE();
        uint64 most = config.MAX_MIN_BASE_FEE();
        expectUpdate(4, 1);
        config.setMinBaseFee(least);
        expectUpdate(4, 1 << 40);
        config.setMinBaseFee(most);
    }

    function test_setBatcher_doesNotEnqueue() public {
        vm.expectEmit(address(config));
        emit ISystemConfig.BatcherUpdated(alice);
        vm.prank(owner);
        config.setBatcher(alice);
        vm.assertEq(config.batcher(), alice);
        vm.assertEq(inbox.messageCount(), 0);
    }

    function test_setBatcher_zero_reverts() public {
        vm.expectRevert(ISystemConfig.ZeroBatcher.selector);
        vm.prank(owner);
        config.setBatcher(address(0));
    }

    function test_setUnsafeBlockSigner_doesNotEnqueue() public {
        vm.expectEmit(address(config));
        emit ISystemConfig.UnsafeBlockSignerUpdated(alice);
        vm.prank(owner);
        config.setUnsafeBlockSigner(alice);
        vm.assertEq(config.unsafeBlockSigner(), alice);
        vm.assertEq(inbox.messageCount(), 0);
    }

    function test_setters_byStranger_revert() public {
        bytes[] memory calls = new bytes[](8);
        calls[0] = abi.encodeCall(config.setBatcher, (alice));
        calls[1] = abi.encodeCall(config.setUnsafeBlockSigner, (alice));
        calls[2] = abi.encodeCall(config.setGasLimit, (30_000_000));
        calls[3] = abi.encodeCall(config.setFeeScalars, (1, 1));
        calls[4] = abi.encodeCall(config.setOperatorFee, (1, 1));
        calls[5] = abi.encodeCall(config.transferOwnership, (alice));
        calls[6] = abi.encodeCall(config.setGasTarget, (1_000_000));
        calls[7] = abi.encodeCall(config.setMinBaseFee, (1));
        for (uint256 i = 0; i < calls.length; ++i) {
            vm.prank(alice);
            (bool success, bytes memory answer) = address(config).call(calls[i]);
            vm.assertFalse(success);
            vm.assertEq(answer, abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, alice));
        }
    }

    function test_transferOwnership_takesTwoSteps() public {
        vm.prank(owner);
        config.transferOwnership(alice);
        vm.assertEq(config.owner(), owner);
        vm.assertEq(config.pendingOwner(), alice);
        vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, guardian));
        vm.prank(guardian);
        config.acceptOwnership();
        vm.prank(alice);
        config.acceptOwnership();
        vm.assertEq(config.owner(), alice);
        vm.assertEq(config.pendingOwner(), address(0));
    }
}
