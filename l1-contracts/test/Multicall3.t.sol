// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IMulticall3} from "../src/interfaces/IMulticall3.sol";
import {Multicall3} from "../src/periphery/Multicall3.sol";
import {Base} from "./Base.t.sol";
import {Counter} from "./samples/Counter.sol";

contract Multicall3Test is Base {
    Multicall3 private multicall = new Multicall3();
    Counter private counter = new Counter();

    function twoCalls(bool _fail) internal view returns (IMulticall3.Call[] memory calls_) {
        calls_ = new IMulticall3.Call[](2);
        calls_[0] = IMulticall3.Call(address(counter), abi.encodeCall(counter.setNumber, (5)));
        calls_[1] = IMulticall3.Call(address(counter), abi.encodeCall(counter.check, (_fail ? 4 : 5)));
    }

    function test_selectors_areThoseOfClients() public pure {
        vm.assertEq(bytes32(IMulticall3.aggregate3.selector), bytes32(bytes4(0x82ad56cb)));
        vm.assertEq(bytes32(IMulticall3.aggregate.selector), bytes32(bytes4(0x252dba42)));
        vm.assertEq(bytes32(IMulticall3.tryAggregate.selector), bytes32(bytes4(0xbce38bd7)));
        vm.assertEq(bytes32(IMulticall3.getEthBalance.selector), bytes32(bytes4(0x4d2301cc)));
    }

    function test_aggregate_allSucceed() public {
        (uint256 number, bytes[] memory data) = multicall.aggregate(twoCalls(false));
        vm.assertEq(number, block.number);
        vm.assertEq(data.length, 2);
        vm.assertEq(counter.number(), 5);
        vm.expectRevert("Multicall3: call failed");
        multicall.aggregate(twoCalls(true));
    }

    function test_tryAggregate_mayFail() public {
        IMulticall3.Result[] memory results = multicall.tryAggregate(false, twoCalls(true));
        vm.assertTrue(results[0].success);
        vm.assertFalse(results[1].success);
        vm.assertEq(results[1].returnData, abi.encodeWithSelector(Counter.TooLarge.selector, 4, 5));
        vm.expectRevert("Multicall3: call failed");
        multicall.tryAggregate(true, twoCalls(true));
        (uint256 number, bytes32 hash,) = multicall.tryBlockAndAggregate(false, twoCalls(true));
        vm.assertEq(number, block.number);
        vm.assertEq(hash, blockhash(block.number));
        vm.expectRevert("Multicall3: call failed");
        multicall.blockAndAggregate(twoCalls(true));
    }

    function test_aggregate3_failureIsPerCall() public {
        IMulticall3.Call3[] memory calls = new IMulticall3.Call3[](2);
        calls[0] = IMulticall3.Call3(address(counter), true, abi.encodeCall(counter.check, (0)));
        calls[1] = IMulticall3.Call3(address(counter), false, abi.encodeCall(counter.number, ()));
        IMulticall3.Result[] memory results = multicall.aggregate3(calls);
        vm.assertFalse(results[0].success);
        vm.assertEq(results[1].returnData, abi.encode(uint256(0)));
        calls[0].allowFailure = false;
        vm.expectRevert("Multicall3: call failed");
        multicall.aggregate3(calls);
    }

    function test_aggregate3Value_sumsUp() public {
        IMulticall3.Call3Value[] memory calls = new IMulticall3.Call3Value[](2);
        calls[0] = IMulticall3.Call3Value(address(counter), false, 2, abi.encodeCall(counter.setNumber, (1)));
        calls[1] = IMulticall3.Call3Value(address(counter), false, 3, abi.encodeCall(counter.setNumber, (2)));
        multicall.aggregate3Value{value: 5}(calls);
        vm.assertEq(address(counter).balance, 5);
        vm.expectRevert(abi.encodeWithSelector(Multicall3.ValueMismatch.selector, 5, 6));
        multicall.aggregate3Value{value: 6}(calls);
    }

    function test_getters() public {
        vm.roll(100);
        vm.warp(1000);
        vm.fee(9);
        vm.coinbase(address(counter));
        vm.prevrandao(bytes32(uint256(77)));
        vm.deal(address(this), 3 ether);
        vm.assertEq(multicall.getBlockNumber(), 100);
        vm.assertEq(multicall.getCurrentBlockTimestamp(), 1000);
        vm.assertEq(multicall.getBasefee(), 9);
        vm.assertEq(multicall.getCurrentBlockCoinbase(), address(counter));
        vm.assertEq(multicall.getCurrentBlockDifficulty(), 77);
        vm.assertEq(multicall.getCurrentBlockGasLimit(), block.gaslimit);
        vm.assertEq(multicall.getEthBalance(address(this)), 3 ether);
        vm.assertEq(multicall.getChainId(), block.chainid);
        vm.assertEq(multicall.getLastBlockHash(), blockhash(99));
        vm.assertEq(multicall.getBlockHash(98), blockhash(98));
    }
}
