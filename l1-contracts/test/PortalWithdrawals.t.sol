// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {DisputeGame} from "../src/DisputeGame.sol";
import {IDisputeGame} from "../src/interfaces/IDisputeGame.sol";
import {IPortal} from "../src/interfaces/IPortal.sol";
import {TrieBuilder} from "./TrieBuilder.sol";
import {Withdrawals} from "./Withdrawals.sol";

/// @notice A target that notes how it was called, and does what it is told.
contract Target {
    IPortal private immutable _portal;
    address public sender;
    uint256 public value;
    uint256 public gas;
    bytes public data;
    bytes public attack;
    bool public attackSucceeded;
    bytes public attackAnswer;
    uint256 public calls;

    constructor(IPortal portal_) {
        _portal = portal_;
    }

    /// @notice What to call the portal with while being called.
    function arm(bytes calldata _attack) external {
        attack = _attack;
    }

    function fail() external payable {
        revert("fails");
    }

    function bomb() external payable {
        assembly {
            return(0, 1000000)
        }
    }

    function measure() external payable {
        gas = gasleft();
    }

    fallback() external payable {
        (sender, value, data) = (_portal.l2Sender(), msg.value, msg.data);
        ++calls;
        if (attack.length != 0) (attackSucceeded, attackAnswer) = address(_portal).call(attack);
    }

    receive() external payable {
        ++calls;
    }
}

contract PortalWithdrawalsTest is Withdrawals {
    Target private target;
    DisputeGame private game;

    function setUp() public {
        deploy();
        append(1000);
        pass(12);
        target = new Target(portal);
        // What L2 can withdraw was deposited.
        vm.prank(alice, alice);
        portal.depositTransaction{value: 100 ether}(bob, 100 ether, 100_000, false, "");
        for (uint256 i = 0; i < 5; ++i) {
            initiate(address(target), (i + 1) * 1 ether, 200_000, abi.encodePacked("call ", i));
        }
        game = proposeOutput();
        pass(12);
    }

    function selector(bytes4 _selector) internal pure returns (bytes memory) {
        return abi.encodePacked(_selector);
    }

    // The whole way.

    function test_withdrawal_paysAndCalls() public {
        bytes32 hash = hashOf(2);
        vm.expectEmit(address(portal));
        emit IPortal.WithdrawalProven(hash, bob, address(target));
        vm.expectEmit(address(portal));
        emit IPortal.WithdrawalProvenExtension1(hash, alice);
        prove(2, 0);
        (address proven, uint64 time) = portal.provenWithdrawals(hash, alice);
        vm.assertEq(proven, address(game));
        vm.assertEq(time, block.timestamp);
        vm.assertEq(portal.numProofSubmitters(hash), 1);
        vm.assertEq(portal.proofSubmitters(hash, 0), alice);

        mature(game);
        portal.checkWithdrawal(hash, alice);
        vm.expectEmit(address(portal));
        emit IPortal.WithdrawalFinalized(hash, true);
        finalize(2);
        vm.assertTrue(portal.finalizedWithdrawals(hash));
        vm.assertEq(address(target).balance, 3 ether);
        vm.assertEq(address(portal).balance, 97 ether);
        vm.assertEq(target.value(), 3 ether);
        vm.assertEq(target.sender(), bob);
        vm.assertEq(target.data(), abi.encodePacked("call ", uint256(2)));
        vm.assertEq(portal.l2Sender(), 0x000000000000000000000000000000000000dEaD);
    }

    function test_views() public view {
        vm.assertEq(portal.version(), "5.0.0");
        vm.assertEq(portal.anchorStateRegistry(), address(registry));
        vm.assertEq(portal.disputeGameFactory(), address(factory));
        vm.assertEq(portal.guardian(), guardian);
        vm.assertEq(portal.proofMaturityDelaySeconds(), PROOF_MATURITY);
        vm.assertEq(portal.disputeGameFinalityDelaySeconds(), FINALITY_DELAY);
        vm.assertEq(portal.respectedGameType(), 16);
        vm.assertEq(portal.respectedGameTypeUpdatedAt(), 0);
        vm.assertFalse(portal.superRootsActive() || portal.paused() || portal.disputeGameBlacklist(address(game)));
        (address proven, uint64 time) = portal.provenWithdrawals(hashOf(0), alice);
        vm.assertEq(proven, address(0));
        vm.assertEq(time, 0);
        vm.assertEq(portal.numProofSubmitters(hashOf(0)), 0);
    }

    /// @notice A withdrawal of a later block cannot be proven against an earlier output.
    function test_prove_laterWithdrawal_reverts() public {
        uint256 later = initiate(alice, 1, 0, "");
        expectProve(later, 0, IPortal.OptimismPortal_InvalidMerkleProof.selector);
        proposeOutput();
        prove(later, 1);
        prove(0, 1);
    }

    // Proving.

    function test_prove_twice_reverts() public {
        prove(0, 0);
        expectProve(0, 0, IPortal.OptimismPortal_AlreadyProven.selector);
        pass(PROOF_MATURITY);
        expectProve(0, 0, IPortal.OptimismPortal_AlreadyProven.selector);
        (, uint64 time) = portal.provenWithdrawals(hashOf(0), alice);
        vm.assertLt(time, block.timestamp - PROOF_MATURITY + 1);
    }

    function test_prove_againstAnotherGame_startsAnew() public {
        prove(0, 0);
        pass(PROOF_MATURITY / 2);
        DisputeGame other = proposeOutput();
        prove(0, 1);
        (address proven, uint64 time) = portal.provenWithdrawals(hashOf(0), alice);
        vm.assertEq(proven, address(other));
        vm.assertEq(time, block.timestamp);
        vm.assertEq(portal.numProofSubmitters(hashOf(0)), 2);
    }

    /// @notice A stranger's proof neither replaces nor delays one's own.
    function test_prove_byOther_isApart() public {
        prove(0, 0);
        DisputeGame other = proposeOutput();
        mature(game);
        tryPortal(guardian, proveCall(withdrawals[0], 1), "");
        finalize(0);
        vm.assertEq(target.calls(), 1);
        // The stranger's proof is worth nothing now.
        mature(other);
        expectFinalize(0, IPortal.OptimismPortal_AlreadyFinalized.selector);
        tryPortal(
            guardian,
            abi.encodeCall(IPortal.finalizeWithdrawalTransaction, (withdrawals[0])),
            selector(IPortal.OptimismPortal_AlreadyFinalized.selector)
        );
        vm.assertEq(target.calls(), 1);
    }

    function test_prove_lostGame_reverts() public {
        lose(game);
        expectProve(0, 0, IPortal.OptimismPortal_InvalidDisputeGame.selector);
    }

    function test_prove_blacklistedGame_reverts() public {
        vm.prank(guardian);
        registry.blacklistDisputeGame(address(game));
        expectProve(0, 0, IPortal.OptimismPortal_ImproperDisputeGame.selector);
    }

    function test_prove_otherGameType_reverts() public {
        vm.mockCall(address(game), abi.encodeCall(IDisputeGame.gameType, ()), abi.encode(uint32(17)));
        expectProve(0, 0, IPortal.OptimismPortal_ImproperDisputeGame.selector);
    }

    function test_prove_unknownGame_reverts() public {
        bytes memory call_ =
            abi.encodeCall(IPortal.proveWithdrawalTransaction, (withdrawals[0], 1, outputOf(5), new bytes[](0)));
        vm.prank(alice);
        (bool success,) = address(portal).call(call_);
        vm.assertFalse(success);
    }

    function test_prove_finalized_reverts() public {
        prove(0, 0);
        mature(game);
        finalize(0);
        proposeOutput();
        expectProve(0, 1, IPortal.OptimismPortal_AlreadyFinalized.selector);
    }

    /// @notice Another block's header, or another chain's state: none hashes to the output root.
    function testFuzz_prove_wrongOutput_reverts(uint256 _field, bytes32 _change) public {
        vm.assume(_change != 0);
        IPortal.OutputRootProof memory output = outputOf(5);
        _field = bound(_field, 0, 3);
        if (_field == 0) output.version ^= _change;
        if (_field == 1) output.stateRoot ^= _change;
        if (_field == 2) output.messagePasserStorageRoot ^= _change;
        if (_field == 3) output.latestBlockhash ^= _change;
        bytes[] memory proof = TrieBuilder.proof(storageOf(5), keyOf(hashOf(0)), false);
        tryPortal(
            alice,
            abi.encodeCall(IPortal.proveWithdrawalTransaction, (withdrawals[0], 0, output, proof)),
            selector(IPortal.OptimismPortal_InvalidOutputRootProof.selector)
        );
    }

    /// @notice A withdrawal that differs from the recorded one in anything.
    function testFuzz_prove_forgedWithdrawal_reverts(uint256 _index, uint256 _field, uint256 _change) public {
        vm.assume(_change != 0 && uint160(_change) != 0);
        _index = bound(_index, 0, 4);
        IPortal.WithdrawalTransaction memory forged = withdrawals[_index];
        _field = bound(_field, 0, 5);
        if (_field == 0) forged.nonce ^= _change;
        if (_field == 1) forged.sender = address(uint160(forged.sender) ^ uint160(_change));
        if (_field == 2) forged.target = address(uint160(forged.target) ^ uint160(_change));
        if (_field == 3) forged.value ^= _change;
        if (_field == 4) forged.gasLimit ^= _change;
        if (_field == 5) forged.data = bytes.concat(forged.data, bytes32(_change));
        vm.assume(forged.target != address(portal) && forged.target != address(inbox));
        // With the true withdrawal's proof, and with the one that leads to where the forged one would be.
        bytes[] memory proof = TrieBuilder.proof(storageOf(5), keyOf(hashOf(_index)), false);
        bytes memory error = selector(IPortal.OptimismPortal_InvalidMerkleProof.selector);
        tryPortal(
            alice, abi.encodeCall(IPortal.proveWithdrawalTransaction, (forged, 0, outputOf(5), proof)), error
        );
        tryPortal(alice, proveCall(forged, 0), error);
    }

    /// @notice Proofs that were damaged or made up.
    function testFuzz_prove_forgedProof_reverts(uint256 _seed, bytes[] memory _garbage) public {
        bytes memory error = selector(IPortal.OptimismPortal_InvalidMerkleProof.selector);
        tryPortal(
            alice,
            abi.encodeCall(IPortal.proveWithdrawalTransaction, (withdrawals[0], 0, outputOf(5), _garbage)),
            error
        );
        bytes[] memory proof = TrieBuilder.proof(storageOf(5), keyOf(hashOf(0)), false);
        bytes memory node = proof[_seed % proof.length];
        uint256 at = (_seed >> 8) % node.length;
        node[at] = bytes1(uint8(node[at]) ^ uint8(bound(_seed >> 128, 1, 255)));
        tryPortal(
            alice,
            abi.encodeCall(IPortal.proveWithdrawalTransaction, (withdrawals[0], 0, outputOf(5), proof)),
            error
        );
        // The nonce beside the marks is no withdrawal, and its proof none of one.
        proof = TrieBuilder.proof(storageOf(5), keccak256(abi.encode(uint256(1))), false);
        tryPortal(
            alice,
            abi.encodeCall(IPortal.proveWithdrawalTransaction, (withdrawals[0], 0, outputOf(5), proof)),
            error
        );
    }

    /// @notice A trie of the forger's own making, under a root that is not the game's.
    function test_prove_ownTrie_reverts() public {
        IPortal.WithdrawalTransaction memory forged = withdrawals[0];
        forged.value = 50 ether;
        TrieBuilder.Entry[] memory entries = new TrieBuilder.Entry[](1);
        entries[0] = TrieBuilder.Entry(keyOf(hashOf(forged)), hex"01");
        bytes[] memory proof = TrieBuilder.proof(entries, entries[0].key, false);
        IPortal.OutputRootProof memory output = outputOf(5);
        tryPortal(
            alice,
            abi.encodeCall(IPortal.proveWithdrawalTransaction, (forged, 0, output, proof)),
            selector(IPortal.OptimismPortal_InvalidMerkleProof.selector)
        );
        output.messagePasserStorageRoot = TrieBuilder.root(entries);
        tryPortal(
            alice,
            abi.encodeCall(IPortal.proveWithdrawalTransaction, (forged, 0, output, proof)),
            selector(IPortal.OptimismPortal_InvalidOutputRootProof.selector)
        );
    }

    // Finalizing: the right time and the right game.

    function test_finalize_unproven_reverts() public {
        expectFinalize(0, IPortal.OptimismPortal_Unproven.selector);
        prove(0, 0);
        mature(game);
        // Proven by another only.
        tryPortal(
            guardian,
            abi.encodeCall(IPortal.finalizeWithdrawalTransaction, (withdrawals[0])),
            selector(IPortal.OptimismPortal_Unproven.selector)
        );
    }

    function test_finalize_beforeProofMatures_reverts() public {
        vm.warp(game.expectedResolution());
        game.resolve();
        pass(FINALITY_DELAY + 1);
        prove(0, 0);
        uint256 provenAt = block.timestamp;
        vm.warp(provenAt + PROOF_MATURITY);
        expectFinalize(0, IPortal.OptimismPortal_ProofNotOldEnough.selector);
        vm.warp(provenAt + PROOF_MATURITY + 1);
        finalize(0);
    }

    function test_finalize_undecidedGame_reverts() public {
        prove(0, 0);
        pass(PROOF_MATURITY + 1);
        expectFinalize(0, IPortal.OptimismPortal_InvalidRootClaim.selector);
        // However late.
        pass(365 days);
        expectFinalize(0, IPortal.OptimismPortal_InvalidRootClaim.selector);
    }

    function test_finalize_inAirGap_reverts() public {
        prove(0, 0);
        vm.warp(game.expectedResolution() + PROOF_MATURITY + 1);
        game.resolve();
        uint256 resolvedAt = block.timestamp;
        expectFinalize(0, IPortal.OptimismPortal_InvalidRootClaim.selector);
        vm.warp(resolvedAt + FINALITY_DELAY);
        expectFinalize(0, IPortal.OptimismPortal_InvalidRootClaim.selector);
        vm.warp(resolvedAt + FINALITY_DELAY + 1);
        finalize(0);
    }

    /// @notice Proven while undecided; the game is lost then. The user proves again, against another.
    function test_finalize_gameLostAfterProof_reverts() public {
        prove(0, 0);
        lose(game);
        pass(PROOF_MATURITY + FINALITY_DELAY + 1);
        expectFinalize(0, IPortal.OptimismPortal_InvalidRootClaim.selector);
        DisputeGame other = proposeOutput();
        prove(0, 1);
        mature(other);
        finalize(0);
        vm.assertEq(target.calls(), 1);
    }

    function test_finalize_gameBlacklistedAfterProof_reverts() public {
        prove(0, 0);
        mature(game);
        vm.prank(guardian);
        registry.blacklistDisputeGame(address(game));
        expectFinalize(0, IPortal.OptimismPortal_InvalidRootClaim.selector);
    }

    /// @notice After an L1 reorg another game could stand at the address that was proven against.
    function test_finalize_gameYoungerThanProof_reverts() public {
        prove(0, 0);
        mature(game);
        vm.mockCall(address(game), abi.encodeCall(IDisputeGame.createdAt, ()), abi.encode(uint64(block.timestamp)));
        expectFinalize(0, IPortal.OptimismPortal_InvalidProofTimestamp.selector);
    }

    function test_paused_stopsBoth_thenExpires() public {
        prove(0, 0);
        mature(game);
        vm.prank(guardian);
        registry.pause();
        vm.assertTrue(portal.paused());
        expectProve(1, 0, IPortal.OptimismPortal_CallPaused.selector);
        expectFinalize(0, IPortal.OptimismPortal_CallPaused.selector);
        // Deposits go on.
        deposit("while paused");
        vm.warp(registry.pausedUntil());
        prove(1, 0);
        finalize(0);
    }

    // Finalizing: once, and only what was asked for.

    function test_finalize_twice_reverts() public {
        prove(0, 0);
        mature(game);
        finalize(0);
        expectFinalize(0, IPortal.OptimismPortal_AlreadyFinalized.selector);
        vm.assertEq(address(target).balance, 1 ether);
    }

    function test_finalize_byAnyone_withExternalProof() public {
        prove(0, 0);
        mature(game);
        bytes memory call_ =
            abi.encodeCall(IPortal.finalizeWithdrawalTransactionExternalProof, (withdrawals[0], alice));
        tryPortal(guardian, call_, "");
        tryPortal(guardian, call_, selector(IPortal.OptimismPortal_AlreadyFinalized.selector));
        vm.assertEq(address(target).balance, 1 ether);
    }

    function test_finalize_reentered_reverts() public {
        prove(0, 0);
        prove(1, 0);
        mature(game);
        // Itself, and another that is ready.
        for (uint256 i = 0; i < 2; ++i) {
            target.arm(
                abi.encodeCall(IPortal.finalizeWithdrawalTransactionExternalProof, (withdrawals[1 - i], alice))
            );
            finalize(i);
            vm.assertFalse(target.attackSucceeded());
            vm.assertEq(target.attackAnswer(), selector(IPortal.OptimismPortal_NoReentrancy.selector));
        }
        vm.assertEq(target.calls(), 2);
        vm.assertEq(address(target).balance, 3 ether);
    }

    /// @notice From inside a withdrawal's call deposits and proofs are as from anywhere.
    function test_finalize_targetDepositsAndProves() public {
        prove(0, 0);
        mature(game);
        target.arm(proveCall(withdrawals[1], 0));
        finalize(0);
        vm.assertTrue(target.attackSucceeded());
        (address proven,) = portal.provenWithdrawals(hashOf(1), address(target));
        vm.assertEq(proven, address(game));
    }

    function test_withdrawal_toPortalOrInbox_reverts() public {
        address[2] memory targets = [address(portal), address(inbox)];
        for (uint256 i = 0; i < 2; ++i) {
            // The Inbox would take it for a deposit of the portal's: ETH out of nothing on L2.
            bytes memory mint = abi.encodePacked(bob, uint256(1000 ether), uint256(0), uint64(21_000), uint8(0));
            bytes memory data = abi.encodeWithSignature("enqueue(uint8,address,bytes)", 1, bob, mint);
            initiate(targets[i], 0, 1_000_000, data);
        }
        DisputeGame other = proposeOutput();
        for (uint256 i = 5; i < 7; ++i) {
            expectProve(i, 1, IPortal.OptimismPortal_BadTarget.selector);
            expectFinalize(i, IPortal.OptimismPortal_BadTarget.selector);
        }
        mature(other);
        vm.assertEq(inbox.messageCount(), messages.length + 1);
    }

    /// @notice A call that fails is over; its ETH stays with the portal; nobody else notices.
    function test_finalize_failingCall_doesNotLockOthers() public {
        uint256 failing = initiate(address(target), 1 ether, 100_000, abi.encodeCall(Target.fail, ()));
        uint256 bomb = initiate(address(target), 1 ether, 2_000_000, abi.encodeCall(Target.bomb, ()));
        uint256 burner = initiate(address(inbox.systemConfig()), 1 ether, 50_000, "");
        uint256 other = initiate(bob, 2 ether, 0, "");
        DisputeGame last = proposeOutput();
        for (uint256 i = failing; i <= other; ++i) {
            prove(i, 1);
        }
        mature(last);
        vm.expectEmit(address(portal));
        emit IPortal.WithdrawalFinalized(hashOf(failing), false);
        finalize(failing);
        finalize(bomb);
        vm.expectEmit(address(portal));
        emit IPortal.WithdrawalFinalized(hashOf(burner), false);
        finalize(burner);
        finalize(other);
        vm.assertEq(bob.balance, 2 ether);
        vm.assertEq(address(portal).balance, 97 ether);
        expectFinalize(failing, IPortal.OptimismPortal_AlreadyFinalized.selector);
    }

    /// @notice What the portal cannot pay waits instead of failing.
    function test_finalize_moreThanPortalHolds_waits() public {
        uint256 large = initiate(bob, 101 ether, 0, "");
        DisputeGame other = proposeOutput();
        prove(large, 1);
        mature(other);
        expectFinalize(large, IPortal.OptimismPortal_InsufficientBalance.selector);
        vm.deal(address(portal), 101 ether);
        finalize(large);
        vm.assertEq(bob.balance, 101 ether);
    }

    /// @notice Nobody can make a withdrawal's call fail by giving it too little gas.
    function testFuzz_finalize_gasGuarantee(uint256 _gasLimit, uint256 _given) public {
        uint256 gasLimit = bound(_gasLimit, 25_000, 5_000_000);
        uint256 given = bound(_given, 100_000, 6_000_000);
        uint256 index = initiate(address(target), 0, gasLimit, abi.encodeCall(Target.measure, ()));
        DisputeGame last = proposeOutput();
        prove(index, 1);
        mature(last);
        bytes memory call_ = abi.encodeCall(IPortal.finalizeWithdrawalTransaction, (withdrawals[index]));
        vm.prank(alice);
        (bool success, bytes memory answer) = address(portal).call{gas: given}(call_);
        if (success) {
            // Besides the few instructions before the target looks.
            vm.assertGe(target.gas() + 400, gasLimit);
            vm.assertTrue(portal.finalizedWithdrawals(hashOf(index)));
        } else {
            vm.assertTrue(
                answer.length == 0
                    || keccak256(answer) == keccak256(selector(IPortal.OptimismPortal_InsufficientGas.selector))
            );
            // It can still be done, with more.
            finalize(index);
            vm.assertGe(target.gas() + 400, gasLimit);
        }
    }

    function test_finalize_impossibleGasLimit_reverts() public {
        uint256 index = initiate(bob, 1, type(uint256).max, "");
        DisputeGame last = proposeOutput();
        prove(index, 1);
        mature(last);
        expectFinalize(index, IPortal.OptimismPortal_InsufficientGas.selector);
    }

    /// @notice Tools that estimate with the address 1 are told that a failing call needs more gas.
    function test_finalize_estimation_reverts() public {
        uint256 failing = initiate(address(target), 0, 100_000, abi.encodeCall(Target.fail, ()));
        DisputeGame last = proposeOutput();
        tryPortal(address(1), proveCall(withdrawals[failing], 1), "");
        mature(last);
        tryPortal(
            address(1),
            abi.encodeCall(IPortal.finalizeWithdrawalTransaction, (withdrawals[failing])),
            selector(IPortal.OptimismPortal_GasEstimation.selector)
        );
    }

    function test_l2Sender_anyAddress() public {
        address[2] memory senders = [address(0), 0x000000000000000000000000000000000000dEaD];
        for (uint256 i = 0; i < 2; ++i) {
            initiate(senders[i], address(target), 0, 200_000, "x");
        }
        DisputeGame last = proposeOutput();
        prove(5, 1);
        prove(6, 1);
        mature(last);
        for (uint256 i = 0; i < 2; ++i) {
            target.arm(abi.encodeCall(IPortal.finalizeWithdrawalTransactionExternalProof, (withdrawals[6], alice)));
            finalize(5 + i);
            vm.assertEq(target.sender(), senders[i]);
            vm.assertFalse(target.attackSucceeded());
        }
    }
}
