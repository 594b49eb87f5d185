// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IInbox} from "../src/interfaces/IInbox.sol";
import {IPortal} from "../src/interfaces/IPortal.sol";
import {DepositPrice} from "../src/lib/DepositPrice.sol";
import {Vm} from "./Base.t.sol";
import {System} from "./System.t.sol";

/// @notice Deposits through a contract.
contract Depositor {
    function run(IPortal _portal) external payable {
        _portal.depositTransaction{value: msg.value}(address(1), 2, 30_000, false, "x");
    }
}

contract PortalTest is System {
    function setUp() public {
        deploy();
    }

    function packed(address _to, uint256 _mint, uint256 _value, uint64 _gas, bool _creation, bytes memory _data)
        internal
        pure
        returns (bytes memory)
    {
        return bytes.concat(
            bytes20(_to), bytes32(_mint), bytes32(_value), bytes8(_gas), bytes1(_creation ? 0x01 : 0x00), _data
        );
    }

    function send(address _to, uint256 _mint, uint256 _value, uint64 _gas, bool _creation, bytes memory _data)
        internal
    {
        vm.prank(alice, alice);
        portal.depositTransaction{value: _mint}(_to, _value, _gas, _creation, _data);
    }

    /// @notice Expects the two logs of a deposit, one directly after the other.
    function expectDeposit(address _from, address _to, bytes memory _message) internal {
        messages.push(messageHeader(1, _from, uint64(bytes8(slice(_message, 84, 92))), _message));
        vm.expectEmit(address(inbox));
        emit IInbox.MessageEnqueued(
            uint64(messages.length - 1),
            messageAccumulator(messages.length),
            messages[messages.length - 1],
            _message
        );
        vm.expectEmit(address(portal));
        emit IPortal.TransactionDeposited(_from, _to, 0, slice(_message, 20, _message.length));
    }

    function test_constants() public view {
        vm.assertEq(portal.version(), "5.0.0");
        vm.assertEq(portal.inbox(), address(inbox));
        vm.assertEq(portal.minimumGasLimit(0), 21_000);
        vm.assertEq(portal.minimumGasLimit(100), 25_000);
        vm.assertEq(portal.MAX_DEPOSIT_GAS(), 10_000_000);
        vm.assertEq(portal.MAX_DEPOSIT_GAS(), inbox.GUARANTEE());
        vm.assertEq(portal.minimumGasLimit(0), inbox.MIN_MESSAGE_GAS());
    }

    function test_depositTransaction_enqueuesAndEmits() public {
        bytes memory data = noise(300, 1);
        expectDeposit(alice, guardian, packed(guardian, 3 ether, 1 ether, 100_000, false, data));
        send(guardian, 3 ether, 1 ether, 100_000, false, data);
        vm.assertEq(address(portal).balance, 3 ether);
        assertSynced();
    }

    function test_depositTransaction_logsAreAdjacent() public {
        vm.recordLogs();
        send(alice, 0, 0, 21_000, false, "");
        Vm.Log[] memory logs = vm.getRecordedLogs();
        vm.assertEq(logs.length, 2);
        vm.assertEq(logs[0].emitter, address(inbox));
        vm.assertEq(logs[1].emitter, address(portal));
        vm.assertEq(logs[1].topics[0], keccak256("TransactionDeposited(address,address,uint256,bytes)"));
    }

    function testFuzz_depositTransaction_format(
        address _to,
        uint96 _mint,
        uint256 _value,
        uint64 _gas,
        bool _creation,
        bytes memory _data
    ) public {
        if (_creation) _to = address(0);
        _gas = uint64(bound(_gas, 21_000 + 40 * _data.length, 10_000_000));
        vm.deal(alice, _mint);
        expectDeposit(alice, _to, packed(_to, _mint, _value, _gas, _creation, _data));
        send(_to, _mint, _value, _gas, _creation, _data);
        assertSynced();
    }

    function test_depositTransaction_fromContract_aliases() public {
        Depositor depositor = new Depositor();
        address from = address(uint160(address(depositor)) + uint160(0x1111000000000000000000000000000000001111));
        expectDeposit(from, address(1), packed(address(1), 5, 2, 30_000, false, "x"));
        vm.prank(alice, alice);
        depositor.run{value: 5}(IPortal(payable(address(portal))));
        assertSynced();
    }

    function test_depositTransaction_aliasWrapsAround() public {
        address high = address(type(uint160).max);
        vm.deal(high, 1);
        address from = address(uint160(0x1111000000000000000000000000000000001110));
        expectDeposit(from, high, packed(high, 0, 0, 21_000, false, ""));
        vm.prank(high, alice);
        portal.depositTransaction(high, 0, 21_000, false, "");
    }

    function test_depositTransaction_fromDelegatedAccount_doesNotAlias() public {
        vm.etch(guardian, bytes.concat(hex"ef0100", bytes20(address(portal))));
        expectDeposit(guardian, alice, packed(alice, 0, 0, 21_000, false, ""));
        vm.prank(guardian, alice);
        portal.depositTransaction(alice, 0, 21_000, false, "");
    }

    function test_depositTransaction_fromCodeOfSameLength_aliases() public {
        vm.etch(guardian, bytes.concat(hex"ef0001", bytes20(address(portal))));
        address from = address(uint160(guardian) + uint160(0x1111000000000000000000000000000000001111));
        expectDeposit(from, alice, packed(alice, 0, 0, 21_000, false, ""));
        vm.prank(guardian, alice);
        portal.depositTransaction(alice, 0, 21_000, false, "");
    }

    function test_depositTransaction_creationWithTarget_reverts() public {
        vm.expectRevert(IPortal.OptimismPortal_BadTarget.selector);
        send(alice, 0, 0, 100_000, true, "");
        send(address(0), 0, 0, 100_000, true, "");
        // The zero address is a valid target of a call.
        send(address(0), 0, 0, 100_000, false, "");
    }

    function test_depositTransaction_gasLimitOutOfBounds_reverts() public {
        vm.expectRevert(IPortal.OptimismPortal_GasLimitTooLow.selector);
        send(alice, 0, 0, 20_999, false, "");
        vm.expectRevert(IPortal.OptimismPortal_GasLimitTooLow.selector);
        send(alice, 0, 0, 21_399, false, "0123456789");
        send(alice, 0, 0, 21_400, false, "0123456789");
        vm.expectRevert(IPortal.OptimismPortal_GasLimitTooHigh.selector);
        send(alice, 0, 0, 10_000_001, false, "");
        send(alice, 0, 0, 10_000_000, false, "");
    }

    function test_depositTransaction_dataTooLarge_reverts() public {
        vm.expectRevert(IPortal.OptimismPortal_CalldataTooLarge.selector);
        send(alice, 0, 0, 10_000_000, false, new bytes(120_001));
        send(alice, 0, 0, 10_000_000, false, new bytes(120_000));
        vm.assertEq(inbox.messageCount(), 1);
    }

    struct Shape {
        address to;
        uint256 mint;
        uint256 value;
        uint64 gas;
        bool creation;
    }

    /// @notice Deposits of every shape, on both sides of every bound: accepted exactly if they are valid, and then they
    ///         say what was asked for.
    function testFuzz_depositTransaction_everyShape(Shape memory _d, uint256 _length, bytes32 _seed) public {
        uint256 length = _seed[0] < 0x20 ? bound(_length, 119_999, 120_001) : bound(_length, 0, 300);
        bytes memory data = noise(length, 1);
        uint256 least = 21_000 + 40 * length;
        if (_seed[1] < 0xc0) {
            _d.gas = uint64(_seed[1] < 0x60 ? bound(_d.gas, least - 1, least + 1) : bound(_d.gas, 0, 10_000_001));
        }
        if (_seed[2] < 0x80) _d.to = address(0);
        _d.mint = bound(_d.mint, 0, 1000 ether);
        bool valid =
            (!_d.creation || _d.to == address(0)) && length <= 120_000 && _d.gas >= least && _d.gas <= 10_000_000;
        if (valid) expectDeposit(alice, _d.to, packed(_d.to, _d.mint, _d.value, _d.gas, _d.creation, data));
        vm.prank(alice, alice);
        (bool success,) = address(portal).call{value: _d.mint}(
            abi.encodeCall(IPortal.depositTransaction, (_d.to, _d.value, _d.gas, _d.creation, data))
        );
        vm.assertEq(success, valid);
        vm.assertEq(address(portal).balance, valid ? _d.mint : 0);
        assertSynced();
    }

    function test_depositTransaction_burnsGas() public {
        send(alice, 0, 0, 21_000, false, "");
        uint256 cheap = gasOf(alice, 21_000);
        vm.assertGe(gasOf(alice, 5_021_000), cheap + 100_000);
        vm.assertLt(gasOf(alice, 5_021_000), cheap + 100_500);
    }

    /// @notice What the price is multiplied by: unserved gas, factor.
    function test_depositPrice_table() public pure {
        uint64[2][12] memory table = [
            [uint64(0), 1],
            [uint64(40_000_000), 1],
            [uint64(139_999_999), 1],
            [uint64(140_000_000), 2],
            [uint64(239_999_999), 2],
            [uint64(240_000_000), 4],
            [uint64(340_000_000), 8],
            [uint64(440_000_000), 16],
            [uint64(540_000_000), 32],
            [uint64(639_999_999), 32],
            [uint64(640_000_000), 64],
            [type(uint64).max, 64]
        ];
        for (uint256 i = 0; i < table.length; ++i) {
            vm.assertEq(DepositPrice.factor(table[i][0]), table[i][1]);
        }
    }

    /// @notice Attack: a flood of prepaid deposits. It pays for what stands before it, itself not counted; when it is
    ///         served, the price is the usual one again.
    function test_depositTransaction_floodedQueue_burnsMore() public {
        send(alice, 0, 0, 21_000, false, "");
        uint256 usual = gasOf(alice, 1_000_000);
        flood(10_000_000, 13);
        flood(139_999_999 - inbox.queueGas(), 1);
        uint256 snapshot = vm.snapshotState();
        vm.assertEq(gasOf(alice, 1_000_000), usual);
        vm.revertToState(snapshot);
        flood(21_000, 1);
        uint256 twice = gasOf(alice, 1_000_000);
        vm.assertGe(twice, usual + 19_800);
        vm.assertLe(twice, usual + 20_200);
        flood(10_000_000, 60);
        uint256 mostExpensive = gasOf(alice, 1_000_000);
        vm.assertGe(mostExpensive, usual + 63 * 20_000 - 200);
        vm.assertLe(mostExpensive, usual + 63 * 20_000 + 200);
        uint64 count = inbox.messageCount();
        vm.prank(batcher, batcher);
        inbox.appendBatch("", 1, 100, count, 0, "");
        vm.assertEq(gasOf(alice, 1_000_000), usual);
    }

    /// @notice Wallets add no buffer to the estimate: an estimate must hold in any later block.
    function testFuzz_depositTransaction_costIndependentOfBlock(uint32 _number, uint32 _time, uint32 _fee) public {
        send(alice, 0, 0, 21_000, false, "");
        uint256 gas = gasOf(alice, 1_000_000);
        vm.roll(uint256(_number) + 1);
        vm.warp(uint256(_time) + 1);
        vm.fee(_fee);
        vm.blobBaseFee(_fee / 2);
        vm.assertEq(gasOf(alice, 1_000_000), gas);
    }

    /// @notice Gas of a deposit, whatever memory the test has in use.
    function gasOf(address _to, uint64 _gasLimit) internal returns (uint256 gas_) {
        return this.measure(_to, _gasLimit);
    }

    function measure(address _to, uint64 _gasLimit) external returns (uint256 gas_) {
        vm.prank(alice, alice);
        gas_ = gasleft();
        portal.depositTransaction(_to, 0, _gasLimit, false, "");
        gas_ -= gasleft();
    }

    function test_receive_depositsToSender() public {
        expectDeposit(alice, alice, packed(alice, 7, 7, 100_000, false, ""));
        vm.prank(alice, alice);
        (bool success,) = address(portal).call{value: 7}("");
        vm.assertTrue(success);
        assertSynced();
    }
}
