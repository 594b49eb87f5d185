// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {DisputeGame} from "../src/DisputeGame.sol";
import {IPortal} from "../src/interfaces/IPortal.sol";
import {TrieBuilder} from "./TrieBuilder.sol";
import {Vm} from "./Base.t.sol";
import {TwoLayers} from "./TwoLayers.sol";

/// @notice Moves ETH in and out at random, keeps L2's balances, and holds every outcome against what must happen.
///         Withdrawals are the real message passer's, proofs real tries'.
contract BridgeHandler is TwoLayers {
    address[4] internal actors;
    /// @notice L2's ledger: what each account has there.
    mapping(address => uint256) internal l2Balance;
    /// @notice All of it.
    uint256 public l2Supply;
    /// @notice Worth of the withdrawals that were initiated and not finalized.
    uint256 public pending;
    /// @notice Worth of the withdrawals whose call failed: the portal keeps it.
    uint256 public stuck;
    mapping(address game => bool) internal lost;
    mapping(address game => bool) internal excluded;
    /// @notice When the guardian's period began, and how many games it excluded in it.
    uint256 private periodStart;
    uint256 private inPeriod;
    mapping(string => uint256) public calls;

    constructor() {
        deployBoth();
        actors = [account("actor 0"), account("actor 1"), account("actor 2"), address(this)];
        for (uint256 i = 0; i < actors.length; ++i) {
            vm.deal(actors[i], 1000 ether);
        }
    }

    /// @notice One of the accounts. The last one is this contract, which takes no ETH: withdrawals to it fail.
    function actor(uint256 _seed) private view returns (address) {
        return actors[_seed % actors.length];
    }

    function wait(uint256 _seconds) external {
        pass(bound(_seconds, 0, 1 days));
    }

    /// @notice Mint and value are apart: more value than balance makes the L2 call fail, which keeps the mint.
    function depositSome(uint256 _from, uint256 _to, uint256 _mint, uint256 _value) external {
        address from = actor(_from);
        address to = actor(_to);
        uint256 mint = bound(_mint, 0, from.balance / 10);
        uint256 value = bound(_value, 0, 2 * mint + 1);
        vm.recordLogs();
        vm.prank(from, from);
        portal.depositTransaction{value: mint}(to, value, 100_000, false, "");
        // L2 does what the event says.
        (mint, value) = deposited();
        l2Balance[from] += mint;
        l2Supply += mint;
        if (l2Balance[from] >= value) {
            l2Balance[from] -= value;
            l2Balance[to] += value;
        } else {
            ++calls["deposit call failed"];
        }
        ++calls["deposit"];
    }

    /// @notice Mint and value of the deposit in the recorded logs.
    function deposited() private returns (uint256 mint_, uint256 value_) {
        Vm.Log[] memory logs = vm.getRecordedLogs();
        for (uint256 i = 0; i < logs.length; ++i) {
            if (logs[i].topics[0] != IPortal.TransactionDeposited.selector) continue;
            bytes memory opaque = abi.decode(logs[i].data, (bytes));
            (mint_, value_) = (uint256(bytes32(slice(opaque, 0, 32))), uint256(bytes32(slice(opaque, 32, 64))));
        }
    }

    function transferSome(uint256 _from, uint256 _to, uint256 _value) external {
        uint256 value = bound(_value, 0, l2Balance[actor(_from)]);
        l2Balance[actor(_from)] -= value;
        l2Balance[actor(_to)] += value;
    }

    function withdrawSome(uint256 _from, uint256 _to, uint256 _value) external {
        address from = actor(_from);
        uint256 value = bound(_value, 0, l2Balance[from]);
        l2Balance[from] -= value;
        l2Supply -= value;
        pending += value;
        vm.recordLogs();
        // The passer is on L2: what it is sent is that layer's ETH.
        vm.deal(from, from.balance + value);
        vm.prank(from, from);
        passer.initiateWithdrawal{value: value}(actor(_to), 30_000, "");
        collect();
        ++calls["withdrawal"];
    }

    function proposeSome() external {
        proposeOutput();
    }

    /// @notice The game is decided, if its time has come.
    function resolveSome(uint256 _game) external {
        if (factory.gameCount() == 0) return;
        (,, address game) = factory.gameAtIndex(_game % factory.gameCount());
        if (DisputeGame(game).resolvable()) DisputeGame(game).resolve();
    }

    /// @notice The game is decided against its claim, if it can be attacked still.
    function loseSome(uint256 _game) external {
        if (factory.gameCount() == 0) return;
        (,, address game) = factory.gameAtIndex(_game % factory.gameCount());
        if (block.timestamp >= DisputeGame(game).createdAt() + CLOCK) return;
        if (DisputeGame(game).resolvedAt() != 0) return;
        lose(DisputeGame(game));
        lost[game] = true;
    }

    /// @notice The guardian excludes a game.
    function excludeSome(uint256 _game) external {
        // Seldom, so that most withdrawals come to an end.
        if (factory.gameCount() == 0 || _game % 4 != 0) return;
        (,, address game) = factory.gameAtIndex((_game / 4) % factory.gameCount());
        // Five in seven days from the first on.
        if (block.timestamp >= periodStart + 7 days) (periodStart, inPeriod) = (block.timestamp, 0);
        bool valid = excluded[game] || inPeriod < 5;
        vm.prank(guardian);
        (bool success,) = address(registry).call(abi.encodeCall(registry.blacklistDisputeGame, (game)));
        vm.assertEq(success, valid);
        if (!valid || excluded[game]) return;
        ++inPeriod;
        excluded[game] = true;
    }

    /// @notice The guardian pauses, seldom, if he may again.
    function pauseSome(uint256 _seed) external {
        uint256 last = registry.pausedUntil();
        if (_seed % 4 != 0 || (last != 0 && block.timestamp < last + PAUSE)) return;
        vm.prank(guardian);
        registry.pause();
    }

    /// @notice Whether the guardian's pause lasts.
    function isPaused() private view returns (bool) {
        return block.timestamp < registry.pausedUntil();
    }

    function proveSome(uint256 _withdrawal, uint256 _game) external {
        if (withdrawals.length == 0 || factory.gameCount() == 0) return;
        uint256 index = _withdrawal % withdrawals.length;
        uint256 game = _game % factory.gameCount();
        (,, address at) = factory.gameAtIndex(game);
        (address before,) = portal.provenWithdrawals(hashOf(index), alice);
        bool valid = index < known[at] && before != at && !portal.finalizedWithdrawals(hashOf(index));
        valid = valid && !lost[at] && !excluded[at] && !isPaused();
        bytes memory call_ = proveCall(withdrawals[index], game);
        vm.prank(alice, alice);
        (bool success,) = address(portal).call(call_);
        vm.assertEq(success, valid);
        ++calls[success ? "proven" : "proof refused"];
    }

    /// @notice A withdrawal of another value, with the true one's proof and with what leads to its own place.
    function forgeSome(uint256 _withdrawal, uint256 _game, uint256 _value) external {
        if (withdrawals.length == 0 || factory.gameCount() == 0) return;
        IPortal.WithdrawalTransaction memory forged = withdrawals[_withdrawal % withdrawals.length];
        if (forged.value == _value) return;
        uint256 game = _game % factory.gameCount();
        (,, address at) = factory.gameAtIndex(game);
        bytes[] memory proof = TrieBuilder.proof(storageOf(known[at]), keyOf(hashOf(forged)), false);
        forged.value = _value;
        bytes memory borrowed =
            abi.encodeCall(IPortal.proveWithdrawalTransaction, (forged, game, outputOf(known[at]), proof));
        (bool success,) = address(portal).call(borrowed);
        vm.assertFalse(success, "forged withdrawal proven");
        (success,) = address(portal).call(proveCall(forged, game));
        vm.assertFalse(success, "forged withdrawal proven");
        ++calls["forgery refused"];
    }

    function finalizeSome(uint256 _withdrawal, bool _wait) external {
        if (withdrawals.length == 0) return;
        uint256 index = _withdrawal % withdrawals.length;
        IPortal.WithdrawalTransaction memory w = withdrawals[index];
        bytes32 hash = hashOf(index);
        (address game, uint64 time) = portal.provenWithdrawals(hash, alice);
        if (_wait && game != address(0)) {
            if (DisputeGame(game).resolvedAt() == 0) {
                vm.warp(block.timestamp + CLOCK);
                DisputeGame(game).resolve();
            }
            pass(FINALITY_DELAY + PROOF_MATURITY + 1);
        }
        bool valid = game != address(0) && !lost[game] && !excluded[game] && !isPaused()
            && !portal.finalizedWithdrawals(hash) && block.timestamp > time + PROOF_MATURITY
            && DisputeGame(game).resolvedAt() != 0
            && block.timestamp > DisputeGame(game).resolvedAt() + FINALITY_DELAY;
        uint256 before = w.target.balance;
        vm.prank(alice, alice);
        (bool success,) = address(portal).call(abi.encodeCall(IPortal.finalizeWithdrawalTransaction, (w)));
        vm.assertEq(success, valid);
        if (!success) {
            ++calls["finalization refused"];
            return;
        }
        // Once more, as everybody would like to.
        vm.prank(alice, alice);
        (success,) = address(portal).call(abi.encodeCall(IPortal.finalizeWithdrawalTransaction, (w)));
        vm.assertFalse(success, "paid twice");
        pending -= w.value;
        if (w.target == address(this)) {
            stuck += w.value;
            ++calls["call failed"];
        } else {
            vm.assertEq(w.target.balance, before + w.value);
            ++calls["paid"];
        }
    }

    /// @notice Takes a withdrawal the whole way, which chance seldom does.
    function completeSome(uint256 _withdrawal) external {
        if (withdrawals.length == 0) return;
        if (isPaused()) vm.warp(registry.pausedUntil());
        proposeOutput();
        this.proveSome(_withdrawal, newest());
        this.finalizeSome(_withdrawal, true);
    }

    /// @notice What the portal holds is what L2 has or is on its way, and what failed.
    function check() external view {
        vm.assertEq(address(portal).balance, l2Supply + pending + stuck);
        // What can be withdrawn is covered, whatever happened.
        vm.assertGe(address(portal).balance, l2Supply + pending);
        uint256 sum;
        for (uint256 i = 0; i < actors.length; ++i) {
            sum += l2Balance[actors[i]];
        }
        vm.assertEq(sum, l2Supply);
    }
}

contract BridgeInvariants is TwoLayers {
    BridgeHandler private handler;

    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    function setUp() public {
        handler = new BridgeHandler();
    }

    function targetContracts() external view returns (address[] memory targets_) {
        targets_ = new address[](1);
        targets_[0] = address(handler);
    }

    function targetSelectors() external view returns (FuzzSelector[] memory selectors_) {
        selectors_ = new FuzzSelector[](1);
        bytes4[] memory actions = new bytes4[](14);
        actions[0] = handler.wait.selector;
        actions[1] = handler.depositSome.selector;
        actions[2] = handler.transferSome.selector;
        actions[3] = handler.withdrawSome.selector;
        actions[4] = handler.proposeSome.selector;
        actions[5] = handler.resolveSome.selector;
        actions[6] = handler.proveSome.selector;
        actions[7] = handler.forgeSome.selector;
        actions[8] = handler.finalizeSome.selector;
        actions[9] = handler.depositSome.selector;
        actions[10] = handler.loseSome.selector;
        actions[11] = handler.excludeSome.selector;
        actions[12] = handler.pauseSome.selector;
        actions[13] = handler.completeSome.selector;
        selectors_[0] = FuzzSelector(address(handler), actions);
    }

    /// forge-config: default.invariant.runs = 16
    function invariant_portalCoversL2() public view {
        handler.check();
    }

    /// @notice A run of the handler that meets every case, so that the invariant cannot hold vacuously.
    function test_handler_reachesEveryCase() public {
        handler.depositSome(0, 1, 10 ether, 4 ether);
        handler.depositSome(2, 1, 1 ether, 2 ether + 1);
        handler.transferSome(0, 2, 1 ether);
        handler.withdrawSome(0, 1, 2 ether);
        handler.withdrawSome(0, 3, 1 ether);
        handler.proveSome(0, 0);
        handler.proposeSome();
        handler.withdrawSome(0, 1, 1);
        handler.proveSome(0, 0);
        handler.proveSome(0, 0);
        handler.proveSome(1, 0);
        handler.proveSome(2, 0);
        handler.forgeSome(0, 0, 500 ether);
        handler.finalizeSome(0, false);
        handler.wait(1 days);
        handler.resolveSome(0);
        handler.finalizeSome(0, true);
        handler.finalizeSome(1, true);
        handler.finalizeSome(0, true);
        handler.check();
        // Games that never count, and a pause.
        uint256 refused = handler.calls("finalization refused");
        handler.proposeSome();
        handler.proveSome(2, 1);
        handler.loseSome(1);
        handler.finalizeSome(2, true);
        handler.proposeSome();
        handler.proveSome(2, 2);
        handler.excludeSome(4 * 2);
        handler.finalizeSome(2, true);
        handler.proposeSome();
        handler.proveSome(2, 3);
        vm.assertEq(handler.calls("proven"), 5);
        handler.resolveSome(3);
        handler.finalizeSome(2, true);
        vm.assertEq(handler.calls("finalization refused"), refused + 2);
        handler.pauseSome(0);
        handler.withdrawSome(0, 1, 1);
        handler.proposeSome();
        handler.proveSome(3, 4);
        vm.assertEq(handler.calls("proven"), 5);
        uint256 paid = handler.calls("paid");
        handler.completeSome(3);
        vm.assertEq(handler.calls("paid"), paid + 1);
        handler.check();
        string[9] memory cases = [
            "deposit",
            "deposit call failed",
            "withdrawal",
            "proven",
            "proof refused",
            "forgery refused",
            "paid",
            "call failed",
            "finalization refused"
        ];
        for (uint256 i = 0; i < cases.length; ++i) {
            vm.assertGt(handler.calls(cases[i]), 0);
        }
    }
}
