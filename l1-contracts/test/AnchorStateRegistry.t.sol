// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {DisputeGame} from "../src/DisputeGame.sol";
import {IAnchorStateRegistry} from "../src/interfaces/IAnchorStateRegistry.sol";
import {IDisputeGame} from "../src/interfaces/IDisputeGame.sol";
import {System} from "./System.t.sol";

/// @notice Answers like a game that won long ago, under another game's id.
contract FakeGame {
    bytes32 public uuid;
    uint32 public constant gameType = 16;
    uint64 public constant resolvedAt = 1;
    uint8 public constant status = 2;
    uint256 public constant l2SequenceNumber = 1_000_000;
    bytes32 public constant rootClaim = keccak256("forged");

    constructor(bytes32 _uuid) {
        uuid = _uuid;
    }
}

contract AnchorStateRegistryTest is System {
    function setUp() public {
        deploy();
        append(100);
        pass(12);
    }

    /// @notice A game that is decided and final.
    function finalGame(uint64 _l2Block) internal returns (DisputeGame game_) {
        game_ = propose(_l2Block);
        finish(game_);
    }

    function finish(DisputeGame _game) internal {
        vm.warp(_game.expectedResolution());
        _game.resolve();
        pass(FINALITY_DELAY + 1);
    }

    function assertAnchor(uint256 _block, bytes32 _root) internal view {
        (bytes32 root, uint256 number) = registry.anchors();
        vm.assertEq(number, _block);
        vm.assertEq(root, _root);
    }

    function expectUnusable(address _game) internal {
        vm.assertFalse(registry.isGameRegistered(_game));
        vm.assertFalse(registry.isGameProper(_game));
        vm.assertFalse(registry.isGameRespected(_game));
        vm.assertFalse(registry.isGameFinalized(_game));
        vm.assertFalse(registry.isGameClaimValid(_game));
        vm.expectRevert(abi.encodeWithSelector(IAnchorStateRegistry.GameNotProper.selector, _game));
        registry.setAnchorState(_game);
    }

    function test_constructor_anchorIsGenesis() public view {
        assertAnchor(0, GENESIS_OUTPUT);
        vm.assertEq(registry.anchorGame(), address(0));
        vm.assertEq(registry.disputeGameFactory(), address(factory));
        vm.assertEq(registry.guardian(), guardian);
        vm.assertEq(registry.disputeGameFinalityDelaySeconds(), FINALITY_DELAY);
        vm.assertEq(registry.respectedGameType(), 16);
        vm.assertFalse(registry.paused());
    }

    function test_setAnchorState_finalGame_moves() public {
        DisputeGame game = finalGame(50);
        vm.assertTrue(registry.isGameClaimValid(address(game)));
        vm.expectEmit(address(registry));
        emit IAnchorStateRegistry.AnchorUpdated(address(game), game.rootClaim(), 50);
        vm.prank(alice);
        registry.setAnchorState(address(game));
        assertAnchor(50, game.rootClaim());
        vm.assertEq(registry.anchorGame(), address(game));
        // New claims start here.
        DisputeGame next = propose(100);
        vm.assertEq(next.anchorBlock(), 50);
        vm.assertEq(next.anchorOutput(), game.rootClaim());
    }

    function test_setAnchorState_olderOrEqual_reverts() public {
        DisputeGame older = propose(40);
        DisputeGame newer = propose(50);
        DisputeGame equal = propose(50, vectorOver(49 + 2));
        vm.warp(newer.expectedResolution());
        older.resolve();
        newer.resolve();
        equal.resolve();
        pass(FINALITY_DELAY + 1);
        registry.setAnchorState(address(newer));
        vm.expectRevert(
            abi.encodeWithSelector(IAnchorStateRegistry.AnchorNotNewer.selector, uint64(50), uint64(40))
        );
        registry.setAnchorState(address(older));
        vm.expectRevert(
            abi.encodeWithSelector(IAnchorStateRegistry.AnchorNotNewer.selector, uint64(50), uint64(50))
        );
        registry.setAnchorState(address(equal));
    }

    function test_setAnchorState_notFinal_reverts() public {
        DisputeGame game = propose(50);
        bytes memory err = abi.encodeWithSelector(IAnchorStateRegistry.GameNotFinalized.selector, address(game));
        vm.assertTrue(registry.isGameProper(address(game)));
        vm.assertTrue(registry.isGameRespected(address(game)));
        vm.expectRevert(err);
        registry.setAnchorState(address(game));
        vm.warp(game.expectedResolution());
        game.resolve();
        vm.expectRevert(err);
        registry.setAnchorState(address(game));
        vm.warp(game.resolvedAt() + FINALITY_DELAY);
        vm.assertFalse(registry.isGameFinalized(address(game)));
        vm.expectRevert(err);
        registry.setAnchorState(address(game));
        pass(1);
        registry.setAnchorState(address(game));
    }

    function test_setAnchorState_challengerWon_reverts() public {
        DisputeGame game = propose(50);
        defeat(game, vectorOver(50));
        pass(FINALITY_DELAY + 1);
        vm.assertTrue(registry.isGameFinalized(address(game)));
        vm.assertFalse(registry.isGameClaimValid(address(game)));
        vm.expectRevert(abi.encodeWithSelector(IAnchorStateRegistry.GameNotDefended.selector, address(game)));
        registry.setAnchorState(address(game));
    }

    function test_isGameRegistered_strangers_false() public {
        DisputeGame game = finalGame(50);
        expectUnusable(address(new FakeGame(game.uuid())));
        expectUnusable(address(new FakeGame(bytes32(0))));
        expectUnusable(address(implementation));
        expectUnusable(address(registry));
        expectUnusable(alice);
        expectUnusable(address(0));
    }

    function test_blacklist_excludesForever() public {
        DisputeGame game = finalGame(50);
        vm.expectEmit(address(registry));
        emit IAnchorStateRegistry.GameBlacklisted(address(game));
        vm.prank(guardian);
        registry.blacklistDisputeGame(address(game));
        vm.assertTrue(registry.isGameBlacklisted(address(game)));
        vm.assertTrue(registry.isGameRegistered(address(game)));
        vm.assertFalse(registry.isGameProper(address(game)));
        vm.assertFalse(registry.isGameClaimValid(address(game)));
        vm.expectRevert(abi.encodeWithSelector(IAnchorStateRegistry.GameNotProper.selector, address(game)));
        registry.setAnchorState(address(game));
        // The bond is beyond the guardian's reach.
        game.claimCredit(proposer);
    }

    function test_guardianFunctions_byStranger_revert() public {
        bytes memory err = abi.encodeWithSelector(IAnchorStateRegistry.NotGuardian.selector, alice);
        vm.expectRevert(err);
        vm.prank(alice);
        registry.blacklistDisputeGame(address(1));
        vm.expectRevert(err);
        vm.prank(alice);
        registry.retire();
        vm.expectRevert(err);
        vm.prank(alice);
        registry.pause();
        vm.expectRevert(err);
        vm.prank(alice);
        registry.unpause();
    }

    function test_pause_stopsAnchorAndExpires() public {
        DisputeGame game = finalGame(50);
        uint64 end = uint64(block.timestamp) + PAUSE;
        vm.expectEmit(address(registry));
        emit IAnchorStateRegistry.Paused(end);
        vm.prank(guardian);
        registry.pause();
        vm.assertTrue(registry.paused());
        vm.warp(end - 1);
        vm.expectRevert(abi.encodeWithSelector(IAnchorStateRegistry.WithdrawalsPaused.selector, end));
        registry.setAnchorState(address(game));
        vm.warp(end);
        vm.assertFalse(registry.paused());
        registry.setAnchorState(address(game));
    }

    function test_pause_againWithoutGap_reverts() public {
        vm.prank(guardian);
        registry.pause();
        uint64 allowed = uint64(block.timestamp) + 2 * PAUSE;
        bytes memory err = abi.encodeWithSelector(IAnchorStateRegistry.PauseTooSoon.selector, allowed);
        vm.expectRevert(err);
        vm.prank(guardian);
        registry.pause();
        vm.warp(allowed - 1);
        vm.expectRevert(err);
        vm.prank(guardian);
        registry.pause();
        vm.warp(allowed);
        vm.prank(guardian);
        registry.pause();
        vm.assertTrue(registry.paused());
    }

    function test_unpause_endsPauseAndStartsGap() public {
        vm.expectRevert(IAnchorStateRegistry.NotPaused.selector);
        vm.prank(guardian);
        registry.unpause();
        vm.prank(guardian);
        registry.pause();
        pass(10);
        vm.prank(guardian);
        registry.unpause();
        vm.assertFalse(registry.paused());
        uint64 allowed = uint64(block.timestamp) + PAUSE;
        vm.expectRevert(abi.encodeWithSelector(IAnchorStateRegistry.PauseTooSoon.selector, allowed));
        vm.prank(guardian);
        registry.pause();
        vm.warp(allowed);
        vm.prank(guardian);
        registry.pause();
    }
}
