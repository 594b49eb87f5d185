// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {DisputeGame} from "../src/DisputeGame.sol";
import {DisputeGameFactory} from "../src/DisputeGameFactory.sol";
import {IDisputeGame} from "../src/interfaces/IDisputeGame.sol";
import {IDisputeGameFactory} from "../src/interfaces/IDisputeGameFactory.sol";
import {System} from "./System.t.sol";

/// @notice Refuses ETH, or takes it and claims again.
contract Taker {
    DisputeGame public game;
    bool public refuse = true;

    function propose(
        DisputeGameFactory _factory,
        uint64 _l2Block,
        bytes32[] calldata _vector,
        bytes calldata _last
    ) external payable {
        bytes32 acc = keccak256(bytes.concat(bytes32(0), keccak256(_last)));
        address version = _factory.gameImplementation();
        game = DisputeGame(_factory.propose{value: msg.value}(version, 0, _l2Block, _vector, 1, acc, _last));
    }

    function accept() external {
        refuse = false;
    }

    receive() external payable {
        require(!refuse, "refused");
        (bool success,) = address(game).call(abi.encodeCall(game.claimCredit, (address(this))));
        require(!success, "claimed twice");
    }
}

contract DisputeGameTest is System {
    function setUp() public {
        deploy();
        deposit("");
        append(100);
        pass(12);
    }

    /// @notice Proposes from the genesis anchor.
    function proposeRaw(uint256 _bond, uint64 _block, bytes32[] memory _vector, uint64 _count, bytes32 _acc)
        internal
        returns (address)
    {
        bytes memory last = batches[batches.length - 1];
        vm.prank(proposer);
        return factory.propose{value: _bond}(address(implementation), 0, _block, _vector, _count, _acc, last);
    }

    // Proposing.

    function test_propose_emitsAndCreates() public {
        bytes32[] memory vector = vectorOver(100);
        vm.assertEq(vector.length, 7); // parts of 16 blocks, the last of 4
        bytes32 acc = inbox.batchAcc(1);
        vm.recordLogs();
        address game = proposeRaw(BOND, 100, vector, 1, acc);

        bytes32 uuid = keccak256(
            abi.encode(
                16, implementation, 100, vector[6], acc, 0, GENESIS_OUTPUT, keccak256(abi.encodePacked(vector))
            )
        );
        vm.assertEq(factory.gameByUuid(uuid), game);
        vm.assertEq(DisputeGame(game).uuid(), uuid);
        vm.assertEq(game.balance, BOND);
        vm.assertEq(factory.gameCount(), 1);

        // The event as a client decodes it.
        (
            uint64 l2Block,
            bytes32 root,
            uint64 anchor,
            bytes32 output,
            bytes32[] memory logged,
            uint64 count,
            bytes32 pin
        ) = abi.decode(
            vm.getRecordedLogs()[0].data, (uint64, bytes32, uint64, bytes32, bytes32[], uint64, bytes32)
        );
        vm.assertEq(l2Block, 100);
        vm.assertEq(root, vector[6]);
        vm.assertEq(anchor, 0);
        vm.assertEq(output, GENESIS_OUTPUT);
        vm.assertEq(keccak256(abi.encodePacked(logged)), keccak256(abi.encodePacked(vector)));
        vm.assertEq(count, 1);
        vm.assertEq(pin, acc);
    }

    function test_propose_emitsIndexedFields() public {
        vm.recordLogs();
        DisputeGame game = propose(50);
        bytes32[] memory topics = vm.getRecordedLogs()[0].topics;
        vm.assertEq(topics[0], IDisputeGameFactory.Proposed.selector);
        vm.assertEq(uint256(topics[1]), 0);
        vm.assertEq(address(uint160(uint256(topics[2]))), address(game));
        vm.assertEq(address(uint160(uint256(topics[3]))), proposer);
    }

    function test_propose_viewsAsClientsExpect() public {
        DisputeGame game = propose(100);
        bytes32[] memory vector = vectorOver(100);
        vm.assertEq(game.gameType(), 16);
        vm.assertEq(game.l2SequenceNumber(), 100);
        vm.assertEq(game.l2BlockNumber(), 100);
        vm.assertEq(game.rootClaim(), vector[6]);
        vm.assertEq(game.extraData(), abi.encode(uint256(100)));
        vm.assertEq(game.createdAt(), block.timestamp);
        vm.assertEq(game.resolvedAt(), 0);
        vm.assertEq(game.expectedResolution(), block.timestamp + CLOCK);
        vm.assertEq(game.maxClockDuration(), CLOCK);
        vm.assertEq(uint8(game.status()), 0);
        vm.assertEq(game.factory(), address(factory));
        vm.assertEq(game.proposer(), proposer);
        vm.assertEq(game.bond(), BOND);
        vm.assertEq(game.anchorBlock(), 0);
        vm.assertEq(game.anchorOutput(), GENESIS_OUTPUT);
        vm.assertEq(game.batchCount(), 1);
        vm.assertEq(game.batchAcc(), inbox.batchAcc(1));
        vm.assertEq(game.vectorHash(), keccak256(abi.encodePacked(vector)));
        vm.assertEq(
            game.rootClaimId(),
            keccak256(abi.encode(address(game), 0, 0, 0, 0, 0, 100, GENESIS_OUTPUT, game.vectorHash()))
        );
        vm.assertEq(game.credit(proposer), 0);
    }

    function test_propose_oneBlock_hasOnePart() public {
        vm.assertEq(vectorOver(1).length, 1);
        vm.assertEq(propose(1).l2BlockNumber(), 1);
    }

    function test_propose_notAfterAnchor_reverts() public {
        bytes32 acc = inbox.batchAcc(1);
        vm.expectRevert(
            abi.encodeWithSelector(IDisputeGameFactory.BlockNotAfterAnchor.selector, uint64(0), uint64(0))
        );
        proposeRaw(BOND, 0, new bytes32[](1), 1, acc);
    }

    function test_propose_afterAnchorMoved_reverts() public {
        bytes32[] memory vector = vectorOver(100);
        bytes32 acc = inbox.batchAcc(1);
        bytes memory last = batches[0];
        DisputeGame first = propose(3);
        vm.warp(first.expectedResolution());
        first.resolve();
        pass(FINALITY_DELAY + 1);
        vm.prank(alice);
        registry.setAnchorState(address(first));

        // Nothing else gives the old proposal away: the new interval has as many parts.
        vm.assertEq(factory.parts(97), vector.length);
        vm.expectRevert(abi.encodeWithSelector(IDisputeGameFactory.AnchorMoved.selector, uint64(3), uint64(0)));
        proposeRaw(BOND, 100, vector, 1, acc);
        // Nor can a claim run ahead of the anchor.
        vm.expectRevert(abi.encodeWithSelector(IDisputeGameFactory.AnchorMoved.selector, uint64(3), uint64(4)));
        vm.prank(proposer);
        factory.propose{value: BOND}(address(implementation), 4, 100, vector, 1, acc, last);

        vm.prank(proposer);
        DisputeGame game =
            DisputeGame(factory.propose{value: BOND}(address(implementation), 3, 100, vector, 1, acc, last));
        vm.assertEq(game.anchorBlock(), 3);
        vm.assertEq(game.anchorOutput(), first.rootClaim());
    }

    function test_propose_wrongVectorLength_reverts() public {
        bytes32 acc = inbox.batchAcc(1);
        bytes32[] memory vector = vectorOver(17);
        vm.assertEq(vector.length, 2);
        vm.expectRevert(abi.encodeWithSelector(IDisputeGameFactory.WrongVectorLength.selector, 16, 2));
        proposeRaw(BOND, 16, vector, 1, acc);
        vm.expectRevert(abi.encodeWithSelector(IDisputeGameFactory.WrongVectorLength.selector, 16, 0));
        proposeRaw(BOND, 16, new bytes32[](0), 1, acc);
    }

    function test_propose_zeroValue_reverts() public {
        bytes32 acc = inbox.batchAcc(1);
        for (uint256 i = 0; i < 16; ++i) {
            bytes32[] memory vector = vectorOver(16);
            vector[i] = 0;
            vm.expectRevert(abi.encodeWithSelector(IDisputeGameFactory.ZeroValue.selector, i));
            proposeRaw(BOND, 16, vector, 1, acc);
        }
    }

    function test_propose_wrongBond_reverts() public {
        bytes32 acc = inbox.batchAcc(1);
        bytes32[] memory vector = vectorOver(16);
        vm.expectRevert(abi.encodeWithSelector(IDisputeGameFactory.WrongBond.selector, BOND, BOND - 1));
        proposeRaw(BOND - 1, 16, vector, 1, acc);
        vm.expectRevert(abi.encodeWithSelector(IDisputeGameFactory.WrongBond.selector, BOND, BOND + 1));
        proposeRaw(BOND + 1, 16, vector, 1, acc);
        vm.expectRevert(abi.encodeWithSelector(IDisputeGameFactory.WrongBond.selector, BOND, 0));
        proposeRaw(0, 16, vector, 1, acc);
    }

    function test_propose_wrongPin_reverts() public {
        bytes32[] memory vector = vectorOver(16);
        bytes32 acc = inbox.batchAcc(1);
        bytes32 other = keccak256("other L1");
        vm.expectRevert(abi.encodeWithSelector(IDisputeGameFactory.WrongBatchAcc.selector, acc, other));
        proposeRaw(BOND, 16, vector, 1, other);
        // No batch, and one that does not exist yet, whose accumulator is zero.
        vm.expectRevert(IDisputeGameFactory.WrongBatchHeader.selector);
        proposeRaw(BOND, 16, vector, 0, bytes32(0));
        vm.expectRevert(IDisputeGameFactory.WrongBatchHeader.selector);
        proposeRaw(BOND, 16, vector, 2, bytes32(0));
    }

    function test_propose_otherBatchHeader_reverts() public {
        append(50);
        bytes32[] memory vector = vectorOver(16);
        bytes32 acc = inbox.batchAcc(1);
        vm.expectRevert(IDisputeGameFactory.WrongBatchHeader.selector);
        proposeRaw(BOND, 16, vector, 1, acc); // with the header of batch 1
    }

    function test_propose_blockNotCovered_reverts() public {
        bytes32 acc = inbox.batchAcc(1);
        bytes32[] memory vector = vectorOver(101);
        vm.expectRevert(
            abi.encodeWithSelector(IDisputeGameFactory.BlockNotCovered.selector, uint64(100), uint64(101))
        );
        proposeRaw(BOND, 101, vector, 1, acc);
        append(1);
        propose(101);
    }

    function test_propose_duplicate_reverts() public {
        DisputeGame game = propose(16);
        pass(100);
        bytes32[] memory vector = vectorOver(16);
        bytes memory last = batches[0];
        bytes32 acc = inbox.batchAcc(1);
        // By anyone, at any time.
        vm.deal(alice, BOND);
        vm.expectRevert(abi.encodeWithSelector(IDisputeGameFactory.DuplicateGame.selector, address(game)));
        vm.prank(alice);
        factory.propose{value: BOND}(address(implementation), 0, 16, vector, 1, acc, last);
        // A claim that differs in any part is another one.
        vector[3] = keccak256("another value inside");
        propose(16, vector);
        propose(15);
        append(1);
        propose(16);
        vm.assertEq(factory.gameCount(), 4);
    }

    function testFuzz_propose_anyInterval(uint16 _l2Block, uint256 _seed) public {
        append(4096);
        append(4096);
        uint64 l2Block = uint64(bound(_l2Block, 1, inbox.lastBlock()));
        bytes32[] memory vector = vectorOver(l2Block);
        vector[_seed % vector.length] = keccak256(abi.encode(_seed));
        DisputeGame game = propose(l2Block, vector);
        vm.assertEq(game.rootClaim(), vector[vector.length - 1]);
        vm.assertEq(game.l2BlockNumber(), l2Block);
    }

    // Finding games.

    function test_gameAtIndex_outOfRange_reverts() public {
        vm.expectRevert();
        factory.gameAtIndex(0);
    }

    function test_findLatestGames_empty() public view {
        vm.assertEq(factory.findLatestGames(16, 0, 0).length, 0);
        vm.assertEq(factory.findLatestGames(16, 0, 5).length, 0);
    }

    function test_findLatestGames_newestFirst() public {
        DisputeGame[] memory games = new DisputeGame[](5);
        for (uint64 i = 0; i < 5; ++i) {
            games[i] = propose(i + 1);
            pass(12);
        }
        IDisputeGameFactory.GameSearchResult[] memory found = factory.findLatestGames(16, 4, 3);
        vm.assertEq(found.length, 3);
        for (uint256 i = 0; i < 3; ++i) {
            DisputeGame game = games[4 - i];
            vm.assertEq(found[i].index, 4 - i);
            vm.assertEq(address(uint160(uint256(found[i].metadata))), address(game));
            vm.assertEq(uint256(found[i].metadata) >> 224, 16);
            vm.assertEq(found[i].timestamp, game.createdAt());
            vm.assertEq(found[i].rootClaim, game.rootClaim());
            vm.assertEq(abi.decode(found[i].extraData, (uint256)), 5 - i);
            (uint32 gameType, uint64 timestamp, address at) = factory.gameAtIndex(4 - i);
            vm.assertEq(gameType, 16);
            vm.assertEq(timestamp, game.createdAt());
            vm.assertEq(at, address(game));
        }
        vm.assertEq(factory.findLatestGames(16, 1, type(uint256).max).length, 2);
        vm.assertEq(factory.findLatestGames(16, 4, 0).length, 0);
        vm.assertEq(factory.findLatestGames(16, 5, 3).length, 0);
        vm.assertEq(factory.findLatestGames(16, type(uint256).max, 3).length, 0);
        vm.assertEq(factory.findLatestGames(0, 4, 3).length, 0);
    }

    // Resolving.

    function test_resolve_beforeClockExpires_reverts() public {
        DisputeGame game = propose(16);
        uint64 expiry = game.expectedResolution();
        vm.warp(expiry - 1);
        vm.expectRevert(abi.encodeWithSelector(IDisputeGame.ClockNotExpired.selector, expiry));
        game.resolve();
    }

    function test_resolve_atExpiredClock_defenderWins() public {
        DisputeGame game = propose(16);
        vm.warp(game.expectedResolution());
        vm.expectEmit(address(game));
        emit IDisputeGame.Resolved(IDisputeGame.GameStatus.DEFENDER_WINS);
        vm.prank(alice);
        vm.assertEq(uint8(game.resolve()), 2);
        vm.assertEq(uint8(game.status()), 2);
        vm.assertEq(game.resolvedAt(), block.timestamp);
        pass(100);
        vm.assertEq(game.expectedResolution(), block.timestamp - 100);
        vm.assertEq(game.credit(proposer), BOND);
    }

    function test_resolve_twice_reverts() public {
        DisputeGame game = propose(16);
        vm.warp(game.expectedResolution());
        game.resolve();
        vm.expectRevert(IDisputeGame.AlreadyResolved.selector);
        game.resolve();
    }

    function test_claimCredit_paysProposerOnce() public {
        DisputeGame game = propose(16);
        vm.expectRevert(abi.encodeWithSelector(IDisputeGame.NoCredit.selector, proposer));
        game.claimCredit(proposer);
        vm.warp(game.expectedResolution());
        game.resolve();
        uint256 before = proposer.balance;
        vm.expectEmit(address(game));
        emit IDisputeGame.CreditClaimed(proposer, BOND);
        game.claimCredit(proposer);
        vm.assertEq(proposer.balance, before + BOND);
        vm.assertEq(address(game).balance, 0);
        vm.expectRevert(abi.encodeWithSelector(IDisputeGame.NoCredit.selector, proposer));
        game.claimCredit(proposer);
    }

    function test_claimCredit_refusedOrReentered_isSafe() public {
        Taker taker = new Taker();
        taker.propose{value: BOND}(factory, 16, vectorOver(16), batches[0]);
        DisputeGame game = taker.game();
        DisputeGame other = propose(15);
        vm.warp(other.expectedResolution());
        game.resolve();
        vm.expectRevert(abi.encodeWithSelector(IDisputeGame.TransferFailed.selector, address(taker)));
        game.claimCredit(address(taker));
        vm.assertEq(game.credit(address(taker)), BOND);
        taker.accept();
        game.claimCredit(address(taker));
        vm.assertEq(address(taker).balance, BOND);
    }
}
