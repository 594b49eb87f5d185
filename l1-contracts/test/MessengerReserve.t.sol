// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {DisputeGame} from "../src/DisputeGame.sol";
import {ICrossDomainMessenger} from "../src/interfaces/ICrossDomainMessenger.sol";
import {IPortal} from "../src/interfaces/IPortal.sol";
import {AddressAlias} from "../src/lib/AddressAlias.sol";
import {TwoLayers} from "./TwoLayers.sol";

/// @notice Uses up all gas that it is given.
contract Guzzler {
    fallback() external payable {
        while (true) {}
    }
}

/// @title MessengerReserveTest
/// @notice Attack: a fork makes a new slot cost some 9,000 gas more. A message whose call used up what it was given then
///         runs out of gas before it is recorded as failed, and its value is lost. So whatever gas it is relayed with,
///         enough must be left over behind it to pay for the state four times more.
contract MessengerReserveTest is TwoLayers {
    uint256 private constant SLOT = 22_100;
    uint256 private constant WARM_SLOT = 20_000;
    uint256 private constant ACCOUNT = 2_600;
    uint256 private constant VALUE = 9_000;
    uint256 private constant NEW_ACCOUNT = 25_000;

    function setUp() public {
        deployBoth();
        vm.recordLogs();
    }

    function test_l1_reserve() public {
        vm.mockCall(address(portal), abi.encodeCall(IPortal.l2Sender, ()), abi.encode(address(l2Messenger)));
        sweep(l1Messenger, address(portal));
    }

    function test_l2_reserve() public {
        sweep(l2Messenger, AddressAlias.toL2(address(l1Messenger)));
    }

    /// @notice Relays with every amount of gas from little to plenty, to a target that uses all, and to an account that
    ///         does not exist yet.
    function sweep(ICrossDomainMessenger _messenger, address _from) private {
        uint256 tried = 0;
        address guzzler = address(new Guzzler());
        for (uint256 gas = 200_000; gas < 1_200_000; gas += 2_500) {
            (bool success, uint256 left) = relay(_messenger, _from, guzzler, gas);
            vm.assertFalse(success);
            vm.assertGe(left, 4 * (SLOT + ACCOUNT + VALUE), "guzzler");
            (success, left) = relay(_messenger, _from, address(0xabcdef), gas);
            if (success) {
                vm.assertGe(left, 4 * (WARM_SLOT + ACCOUNT + VALUE + NEW_ACCOUNT), "new account");
                ++tried;
            } else {
                vm.assertGe(left, 4 * SLOT, "not tried");
            }
        }
        vm.assertGt(tried, 300);
        vm.assertLt(tried, 400);
    }

    /// @notice Relays a message with this much gas, and undoes it.
    /// @return success_ Whether its call succeeded; otherwise it was recorded as failed.
    /// @return left_ Gas that was left over.
    function relay(ICrossDomainMessenger _messenger, address _from, address _target, uint256 _gas)
        private
        returns (bool success_, uint256 left_)
    {
        uint256 snapshot = vm.snapshotState();
        bytes memory call_ = abi.encodeCall(
            ICrossDomainMessenger.relayMessage, (uint256(1) << 240, bob, _target, 1 ether, 0, bytes("message"))
        );
        vm.deal(_from, _from.balance + 1 ether);
        vm.prank(_from);
        uint256 used = gasleft();
        (bool done,) = address(_messenger).call{gas: _gas, value: 1 ether}(call_);
        // Some 9,000 of it are this contract's own: what is left over is a little more than this.
        used -= gasleft();
        left_ = used < _gas ? _gas - used : 0;
        vm.assertTrue(done, "lost");
        success_ = _messenger.successfulMessages(keccak256(call_));
        vm.assertEq(_messenger.failedMessages(keccak256(call_)), !success_);
        vm.revertToState(snapshot);
    }

    /// @notice The whole way: somebody finalizes with the least gas that the Portal takes, and the message is kept.
    function test_leastGas_keepsMessage() public {
        vm.deal(bob, 3 ether);
        vm.deal(address(portal), 3 ether);
        address guzzler = address(new Guzzler());
        vm.prank(bob, bob);
        l2Messenger.sendMessage{value: 3 ether}(guzzler, "up", 100_000);
        uint256 i = collect();
        proposeOutput();
        prove(i, newest());
        (,, address game) = factory.gameAtIndex(newest());
        mature(DisputeGame(game));
        bytes memory call_ =
            abi.encodeCall(IPortal.finalizeWithdrawalTransactionExternalProof, (withdrawals[i], alice));
        uint256 gas = 400_000;
        bool success;
        while (!success) {
            gas += 2_000;
            (success,) = address(portal).call{gas: gas}(call_);
        }
        vm.assertTrue(portal.finalizedWithdrawals(hashOf(i)));
        bytes memory relay_ = abi.encodeCall(
            ICrossDomainMessenger.relayMessage, (uint256(1) << 240, bob, guzzler, 3 ether, 100_000, bytes("up"))
        );
        vm.assertTrue(l1Messenger.failedMessages(keccak256(relay_)));
        vm.assertEq(address(l1Messenger).balance, 3 ether);
    }
}
