// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {DisputeGame} from "../src/DisputeGame.sol";
import {IPortal} from "../src/interfaces/IPortal.sol";
import {TwoLayers} from "./TwoLayers.sol";
import {SampleToken} from "./samples/SampleToken.sol";

/// @title BridgeGasTest
/// @notice Measures the bridge's L1 transactions, calldata included, and holds them against
///         `gas/transactions.json`. Withdrawals are proven among 64: three nodes deep.
/// forge-config: default.isolate = true
contract BridgeGasTest is TwoLayers {
    DisputeGame private game;
    SampleToken private token;

    function setUp() public {
        deployBoth();
        // Forge runs isolated transactions at a base fee of zero.
        vm.fee(0);
        deposit("first");
        vm.deal(address(portal), 100 ether);
        vm.deal(bob, 1 ether);
        for (uint256 i = 0; i < 64; ++i) {
            initiate(bob, 1 ether, 0, "");
        }
        game = proposeOutput();
        token = new SampleToken("Sample", "SMP", alice, 1000);
        vm.prank(alice, alice);
        token.approve(address(l1Bridge), 1000);
        pass(12);
    }

    function measured(string memory _name) internal {
        vm.snapshotGasLastCall("transactions", _name);
    }

    function test_gas_proveAndFinalize() public {
        bytes memory call_ = proveCall(withdrawals[17], 0);
        vm.prank(alice, alice);
        (bool success,) = address(portal).call(call_);
        measured("proveWithdrawalTransaction, ETH");
        vm.assertTrue(success);
        mature(game);
        call_ = abi.encodeCall(IPortal.finalizeWithdrawalTransaction, (withdrawals[17]));
        vm.prank(alice, alice);
        (success,) = address(portal).call(call_);
        measured("finalizeWithdrawalTransaction, ETH");
        vm.assertTrue(success && portal.finalizedWithdrawals(hashOf(17)));
    }

    function test_gas_bridge() public {
        vm.prank(alice, alice);
        l1Bridge.depositETH{value: 1 ether}(200_000, "");
        measured("depositETH, standard bridge");
        vm.prank(alice, alice);
        l1Bridge.depositERC20(address(token), address(1), 10, 200_000, "");
        measured("depositERC20, standard bridge");
    }
}
