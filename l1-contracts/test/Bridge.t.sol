// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {DisputeGame} from "../src/DisputeGame.sol";
import {OptimismMintableERC20} from "../src/bridge/OptimismMintableERC20.sol";
import {Predeploys} from "../src/L2/Predeploys.sol";
import {ICrossDomainMessenger} from "../src/interfaces/ICrossDomainMessenger.sol";
import {IL1StandardBridge} from "../src/interfaces/IL1StandardBridge.sol";
import {IL2StandardBridge} from "../src/interfaces/IL2StandardBridge.sol";
import {IOptimismMintableERC20} from "../src/interfaces/IOptimismMintableERC20.sol";
import {IPortal} from "../src/interfaces/IPortal.sol";
import {IOptimismMintableERC20Factory} from "../src/interfaces/IOptimismMintableERC20Factory.sol";
import {IStandardBridge} from "../src/interfaces/IStandardBridge.sol";
import {IWETH} from "../src/interfaces/IWETH.sol";
import {AddressAlias} from "../src/lib/AddressAlias.sol";
import {TwoLayers} from "./TwoLayers.sol";
import {SampleToken} from "./samples/SampleToken.sol";

/// @notice A target of messages: refuses while it is told to, notes its gas and its sender, can call back.
contract Receiver {
    bool public refuses;
    uint256 public gas;
    address public sender;
    uint256 public calls;
    bytes public attack;
    bytes public attackAnswer;

    function refuse(bool _refuses) external {
        refuses = _refuses;
    }

    function arm(bytes calldata _attack) external {
        attack = _attack;
    }

    fallback() external payable {
        _take();
    }

    receive() external payable {
        _take();
    }

    function _take() private {
        gas = gasleft();
        require(!refuses, "refused");
        ++calls;
        sender = ICrossDomainMessenger(msg.sender).xDomainMessageSender();
        if (attack.length != 0) (, attackAnswer) = msg.sender.call(attack);
    }
}

/// @notice Fails until it is told what to call while it is called.
contract Nesting {
    address public target;
    bytes public call_;
    bool public succeeded;

    function arm(address _target, bytes calldata _call) external {
        (target, call_) = (_target, _call);
    }

    fallback() external payable {
        require(target != address(0), "not armed");
        (succeeded,) = target.call(call_);
    }
}

/// @notice Keeps a tenth of each transfer.
contract FeeToken is ERC20("Fee", "FEE") {
    constructor(address _holder) {
        _mint(_holder, 1000);
    }

    function _update(address _from, address _to, uint256 _value) internal override {
        if (_from != address(0)) {
            super._update(_from, address(1), _value / 10);
            _value -= _value / 10;
        }
        super._update(_from, _to, _value);
    }
}

/// @notice Takes no ETH.
contract Closed {}

contract BridgeTest is TwoLayers {
    address private carol = account("carol");
    Receiver private receiver;
    SampleToken private token;
    OptimismMintableERC20 private l2Token;

    function setUp() public {
        deployBoth();
        receiver = new Receiver();
        token = new SampleToken("Sample", "SMP", alice, 1000);
        l2Token = OptimismMintableERC20(tokens.createOptimismMintableERC20(address(token), "Sample", "SMP"));
        vm.recordLogs();
    }

    function asAlice() internal {
        vm.prank(alice, alice);
    }

    // Messages to L2.

    function test_l1ToL2_calls() public {
        asAlice();
        l1Messenger.sendMessage{value: 2 ether}(address(receiver), "hello", 100_000);
        vm.assertEq(address(portal).balance, 2 ether);
        vm.assertTrue(carryToL2(0));
        vm.assertEq(receiver.calls(), 1);
        vm.assertEq(receiver.sender(), alice);
        vm.assertEq(address(receiver).balance, 2 ether);
        vm.assertEq(l1Messenger.messageNonce(), (uint256(1) << 240) + 1);
        vm.expectRevert(ICrossDomainMessenger.NoMessage.selector);
        l2Messenger.xDomainMessageSender();
    }

    /// @notice The call of a message fails; the ETH waits; anyone relays it again, once.
    function test_l1ToL2_failedCall_isReplayed() public {
        receiver.refuse(true);
        asAlice();
        l1Messenger.sendMessage{value: 2 ether}(address(receiver), "hello", 100_000);
        vm.assertTrue(carryToL2(0), "the deposit itself succeeds");
        uint256 nonce = uint256(1) << 240;
        bytes memory call_ = abi.encodeCall(
            ICrossDomainMessenger.relayMessage, (nonce, alice, address(receiver), 2 ether, 100_000, bytes("hello"))
        );
        bytes32 hash = keccak256(call_);
        vm.assertTrue(l2Messenger.failedMessages(hash) && !l2Messenger.successfulMessages(hash));
        vm.assertEq(address(l2Messenger).balance, 2 ether);

        (bool success, bytes memory answer) = address(l2Messenger).call(call_);
        vm.assertFalse(success);
        vm.assertEq(answer, abi.encodeWithSelector(ICrossDomainMessenger.RelayFailed.selector, hash));
        receiver.refuse(false);
        // With too little gas nothing happens, so that an estimate finds out what it takes.
        (success,) = address(l2Messenger).call{gas: 150_000}(call_);
        vm.assertFalse(success);
        vm.assertEq(receiver.calls(), 0);
        vm.expectEmit(address(l2Messenger));
        emit ICrossDomainMessenger.RelayedMessage(hash);
        vm.prank(carol, carol);
        (success,) = address(l2Messenger).call(call_);
        vm.assertTrue(success && l2Messenger.successfulMessages(hash));
        vm.assertEq(address(receiver).balance, 2 ether);
        vm.assertEq(receiver.sender(), alice);
        vm.expectRevert(abi.encodeWithSelector(ICrossDomainMessenger.AlreadyRelayed.selector, hash));
        l2Messenger.relayMessage(nonce, alice, address(receiver), 2 ether, 100_000, "hello");
    }

    function test_relay_madeUpMessage_reverts() public {
        bytes memory call_ = abi.encodeCall(
            ICrossDomainMessenger.relayMessage,
            (uint256(1) << 240, alice, address(receiver), 0, 100_000, bytes("hello"))
        );
        bytes memory error = abi.encodeWithSelector(ICrossDomainMessenger.NotFailed.selector, keccak256(call_));
        // A stranger; the L1 messenger's own address on L2, which anyone might have; a wrong alias.
        address[3] memory senders =
            [carol, address(l1Messenger), AddressAlias.toL2(AddressAlias.toL2(address(l1Messenger)))];
        for (uint256 i = 0; i < 3; ++i) {
            vm.prank(senders[i]);
            (bool success, bytes memory answer) = address(l2Messenger).call(call_);
            vm.assertFalse(success);
            vm.assertEq(answer, error);
        }
        // On L1: directly, and by a withdrawal of somebody who is not the L2 messenger.
        (bool direct,) = address(l1Messenger).call(call_);
        vm.assertFalse(direct);
        initiate(carol, address(l1Messenger), 0, 1_000_000, call_);
        carryToL1();
        vm.assertEq(receiver.calls(), 0);
        vm.assertFalse(l1Messenger.failedMessages(keccak256(call_)));
    }

    function test_relay_replayWithValue_reverts() public {
        receiver.refuse(true);
        asAlice();
        l1Messenger.sendMessage{value: 1}(address(receiver), "", 100_000);
        carryToL2(0);
        vm.expectRevert(abi.encodeWithSelector(ICrossDomainMessenger.WrongValue.selector, 0, 1));
        l2Messenger.relayMessage{value: 1}(uint256(1) << 240, alice, address(receiver), 1, 100_000, "");
    }

    function test_relay_wrongValueOrVersionOrTarget_reverts() public {
        address alias_ = AddressAlias.toL2(address(l1Messenger));
        vm.expectRevert(abi.encodeWithSelector(ICrossDomainMessenger.WrongValue.selector, 5, 0));
        vm.prank(alias_);
        l2Messenger.relayMessage(uint256(1) << 240, alice, carol, 5, 0, "");
        vm.expectRevert(abi.encodeWithSelector(ICrossDomainMessenger.UnknownVersion.selector, 0));
        vm.prank(alias_);
        l2Messenger.relayMessage(0, alice, carol, 0, 0, "");
        address[2] memory targets = [address(l2Messenger), address(passer)];
        for (uint256 i = 0; i < 2; ++i) {
            vm.expectRevert(abi.encodeWithSelector(ICrossDomainMessenger.BadTarget.selector, targets[i]));
            vm.prank(alias_);
            l2Messenger.relayMessage(uint256(1) << 240, alice, targets[i], 0, 0, "");
        }
        vm.prank(address(l2Messenger));
        passer.initiateWithdrawal(address(l1Messenger), 1_000_000, relayCall(address(portal)));
        vm.prank(address(l2Messenger));
        passer.initiateWithdrawal(address(l1Messenger), 1_000_000, relayCall(address(l1Messenger)));
        carryToL1();
        vm.assertFalse(l1Messenger.failedMessages(keccak256(relayCall(address(portal)))));
        vm.assertFalse(l1Messenger.successfulMessages(keccak256(relayCall(address(portal)))));
        vm.assertFalse(l1Messenger.successfulMessages(keccak256(relayCall(address(l1Messenger)))));
    }

    function relayCall(address _target) internal view returns (bytes memory) {
        return
            abi.encodeCall(
                ICrossDomainMessenger.relayMessage, (uint256(1) << 240, alice, _target, 0, 0, bytes(""))
            );
    }

    /// @notice A message inside a message does not get through, and can be relayed afterwards.
    function test_relay_reentered_fails() public {
        receiver.refuse(true);
        asAlice();
        l1Messenger.sendMessage(address(receiver), "first", 1_000_000);
        carryToL2(0);
        receiver.refuse(false);
        bytes memory first = abi.encodeCall(
            ICrossDomainMessenger.relayMessage,
            (uint256(1) << 240, alice, address(receiver), 0, 1_000_000, bytes("first"))
        );
        receiver.arm(first);
        asAlice();
        l1Messenger.sendMessage(address(receiver), "second", 1_000_000);
        vm.assertTrue(carryToL2(0));
        vm.assertEq(receiver.calls(), 1);
        vm.assertFalse(l2Messenger.successfulMessages(keccak256(first)));
        receiver.arm("");
        (bool success,) = address(l2Messenger).call(first);
        vm.assertTrue(success && l2Messenger.successfulMessages(keccak256(first)));
    }

    /// @notice `baseGas` is enough for what was promised, whatever the size.
    /// forge-config: default.fuzz.runs = 64
    function testFuzz_baseGas_guarantees(uint256 _length, uint32 _minGas, uint256 _seed) public {
        uint32 minGas = uint32(bound(_minGas, 25_000, 8_000_000));
        bytes memory message = noise(bound(_length, 0, 20_000), _seed);
        vm.assertLe(l1Messenger.baseGas(message, minGas), 20_000_000);
        asAlice();
        l1Messenger.sendMessage(address(receiver), message, minGas);
        vm.assertTrue(carryToL2(0));
        vm.assertEq(receiver.calls(), 1);
        // Besides what the receiver uses before it looks.
        vm.assertGe(receiver.gas() + 500, minGas);
    }

    /// @notice With too little gas the call is not even tried.
    function testFuzz_relay_tooLittleGas_isReplayable(uint256 _gas) public {
        asAlice();
        l1Messenger.sendMessage(address(receiver), "x", 1_000_000);
        carryToL2(bound(_gas, 150_000, 1_050_000));
        bytes memory call_ = abi.encodeCall(
            ICrossDomainMessenger.relayMessage,
            (uint256(1) << 240, alice, address(receiver), 0, 1_000_000, bytes("x"))
        );
        vm.assertEq(receiver.calls(), 0);
        vm.assertTrue(l2Messenger.failedMessages(keccak256(call_)));
        (bool success,) = address(l2Messenger).call(call_);
        vm.assertTrue(success);
        vm.assertEq(receiver.calls(), 1);
    }

    function test_relay_estimation_reverts() public {
        receiver.refuse(true);
        vm.expectRevert(ICrossDomainMessenger.GasEstimation.selector);
        vm.prank(AddressAlias.toL2(address(l1Messenger)), address(1));
        l2Messenger.relayMessage(uint256(1) << 240, alice, address(receiver), 0, 0, "");
    }

    // Messages to L1.

    function test_l2ToL1_callsAndReplays() public {
        vm.prank(alice, alice);
        portal.depositTransaction{value: 3 ether}(bob, 0, 100_000, false, "");
        vm.getRecordedLogs();
        receiver.refuse(true);
        vm.deal(bob, 3 ether);
        vm.prank(bob, bob);
        l2Messenger.sendMessage{value: 3 ether}(address(receiver), "up", 100_000);
        carryToL1();
        bytes memory call_ = abi.encodeCall(
            ICrossDomainMessenger.relayMessage,
            (uint256(1) << 240, bob, address(receiver), 3 ether, 100_000, bytes("up"))
        );
        vm.assertTrue(l1Messenger.failedMessages(keccak256(call_)));
        vm.assertEq(address(l1Messenger).balance, 3 ether);
        vm.assertEq(address(portal).balance, 0);
        receiver.refuse(false);
        vm.prank(guardian);
        registry.pause();
        (bool success, bytes memory answer) = address(l1Messenger).call(call_);
        vm.assertFalse(success);
        vm.assertEq(answer, abi.encodePacked(ICrossDomainMessenger.MessengerPaused.selector));
        vm.warp(registry.pausedUntil());
        (success,) = address(l1Messenger).call(call_);
        vm.assertTrue(success);
        vm.assertEq(address(receiver).balance, 3 ether);
        vm.assertEq(receiver.sender(), bob);
    }

    /// @notice A withdrawal that is finalized inside another message's call brings its message all the same: it counts
    ///         as failed, its ETH waits, and it is relayed afterwards.
    function test_l2ToL1_insideAnother_isKept() public {
        vm.prank(alice, alice);
        portal.depositTransaction{value: 3 ether}(bob, 0, 100_000, false, "");
        vm.getRecordedLogs();
        Nesting nesting = new Nesting();
        vm.deal(bob, 3 ether);
        vm.prank(bob, bob);
        l2Messenger.sendMessage(address(nesting), "outer", 2_000_000);
        carryToL1();
        bytes memory outer = abi.encodeCall(
            ICrossDomainMessenger.relayMessage,
            (uint256(1) << 240, bob, address(nesting), 0, 2_000_000, bytes("outer"))
        );
        vm.assertTrue(l1Messenger.failedMessages(keccak256(outer)));

        vm.prank(bob, bob);
        l2Messenger.sendMessage{value: 3 ether}(address(receiver), "inner", 100_000);
        uint256 index = collect();
        DisputeGame game = proposeOutput();
        prove(index, newest());
        mature(game);
        nesting.arm(
            address(portal),
            abi.encodeCall(IPortal.finalizeWithdrawalTransactionExternalProof, (withdrawals[index], alice))
        );
        (bool success,) = address(l1Messenger).call(outer);
        vm.assertTrue(success && nesting.succeeded() && portal.finalizedWithdrawals(hashOf(index)));
        vm.assertEq(receiver.calls(), 0);
        vm.assertEq(address(l1Messenger).balance, 3 ether);
        l1Messenger.relayMessage((uint256(1) << 240) + 1, bob, address(receiver), 3 ether, 100_000, "inner");
        vm.assertEq(address(receiver).balance, 3 ether);
    }

    function test_messenger_views() public view {
        vm.assertEq(l1Messenger.otherMessenger(), address(l2Messenger));
        vm.assertEq(l2Messenger.otherMessenger(), address(l1Messenger));
        vm.assertEq(l2Messenger.l1CrossDomainMessenger(), l2Messenger.OTHER_MESSENGER());
        vm.assertEq(l1Messenger.portal(), l1Messenger.PORTAL());
        vm.assertEq(l1Messenger.MESSAGE_VERSION(), 1);
        vm.assertFalse(l1Messenger.paused() || l2Messenger.paused());
    }

    // ETH over the bridge.

    function test_eth_thereAndBack() public {
        vm.expectEmit(address(l1Bridge));
        emit IL1StandardBridge.ETHDepositInitiated(alice, carol, 5 ether, "note");
        vm.expectEmit(address(l1Bridge));
        emit IStandardBridge.ETHBridgeInitiated(alice, carol, 5 ether, "note");
        asAlice();
        l1Bridge.depositETHTo{value: 5 ether}(carol, 200_000, "note");
        vm.assertTrue(carryToL2(0));
        vm.assertEq(carol.balance, 5 ether);

        vm.prank(carol, carol);
        l2Bridge.bridgeETHTo{value: 2 ether}(bob, 200_000, "");
        vm.prank(carol, carol);
        l2Bridge.withdrawTo{value: 1 ether}(0xDeadDeAddeAddEAddeadDEaDDEAdDeaDDeAD0000, bob, 1 ether, 200_000, "");
        carryToL1();
        vm.assertEq(bob.balance, 3 ether);
        vm.assertEq(address(portal).balance, 2 ether);
    }

    function test_eth_plainTransfers() public {
        asAlice();
        (bool success,) = address(l1Bridge).call{value: 1 ether}("");
        vm.assertTrue(success && carryToL2(0));
        uint256 before = alice.balance;
        asAlice();
        (success,) = address(l2Bridge).call{value: 1 ether}("");
        vm.assertTrue(success);
        carryToL1();
        vm.assertEq(alice.balance, before);
        asAlice();
        l1Bridge.depositETH{value: 1}(200_000, "");
        asAlice();
        l1Bridge.bridgeETH{value: 1}(200_000, "");
        vm.assertTrue(carryToL2(0));
    }

    /// @notice A recipient that takes no ETH: it waits in the messenger.
    function test_eth_refused_waits() public {
        address closed = address(new Closed());
        asAlice();
        l1Bridge.bridgeETHTo{value: 1 ether}(closed, 200_000, "");
        vm.assertTrue(carryToL2(0));
        vm.assertEq(address(l2Messenger).balance, 1 ether);
        bytes memory inner = abi.encodeCall(IStandardBridge.finalizeBridgeETH, (alice, closed, 1 ether, bytes("")));
        vm.etch(closed, "");
        l2Messenger.relayMessage(uint256(1) << 240, address(l1Bridge), address(l2Bridge), 1 ether, 200_000, inner);
        vm.assertEq(closed.balance, 1 ether);
    }

    function test_bridge_byContract_reverts() public {
        bytes memory error = abi.encodeWithSelector(IStandardBridge.NotEOA.selector, address(receiver));
        vm.deal(address(receiver), 10);
        vm.prank(address(receiver), alice);
        (bool success, bytes memory answer) = address(l1Bridge).call{value: 1}("");
        vm.assertFalse(success);
        vm.assertEq(answer, error);
        vm.expectRevert(error);
        vm.prank(address(receiver), alice);
        l1Bridge.bridgeETH{value: 1}(0, "");
        vm.expectRevert(error);
        vm.prank(address(receiver), alice);
        l1Bridge.bridgeERC20(address(token), address(l2Token), 1, 0, "");
        vm.expectRevert(error);
        vm.prank(address(receiver), alice);
        l2Bridge.withdraw(address(l2Token), 1, 0, "");
        // A contract may name a recipient.
        vm.prank(address(receiver), alice);
        l1Bridge.bridgeETHTo{value: 1}(alice, 0, "");
        // An account that delegated its code has a key.
        vm.etch(carol, bytes.concat(hex"ef0100", bytes20(address(receiver))));
        vm.prank(carol, alice);
        l1Bridge.bridgeETH(0, "");
    }

    function test_finalizeBridge_byStranger_reverts() public {
        bytes memory error = abi.encodeWithSelector(IStandardBridge.NotOtherBridge.selector, alice);
        IStandardBridge[2] memory bridges =
            [IStandardBridge(payable(address(l1Bridge))), IStandardBridge(payable(address(l2Bridge)))];
        for (uint256 i = 0; i < 2; ++i) {
            vm.expectRevert(error);
            vm.prank(alice);
            bridges[i].finalizeBridgeETH{value: 1}(alice, alice, 1, "");
            vm.expectRevert(error);
            vm.prank(alice);
            bridges[i].finalizeBridgeERC20(address(token), address(l2Token), alice, alice, 1, "");
        }
        // By way of the messenger, but sent by a stranger.
        bytes memory mint = abi.encodeCall(
            IStandardBridge.finalizeBridgeERC20, (address(l2Token), address(token), alice, alice, 1000, bytes(""))
        );
        asAlice();
        l1Messenger.sendMessage(address(l2Bridge), mint, 1_000_000);
        carryToL2(0);
        vm.assertEq(l2Token.totalSupply(), 0);
    }

    function test_finalizeBridgeETH_toItself_fails() public {
        address[2] memory recipients = [address(l2Bridge), address(l2Messenger)];
        for (uint256 i = 0; i < 2; ++i) {
            asAlice();
            l1Bridge.bridgeETHTo{value: 1 ether}(recipients[i], 200_000, "");
        }
        vm.assertTrue(carryToL2(0));
        vm.assertEq(address(l2Messenger).balance, 2 ether);
        vm.assertEq(address(l2Bridge).balance, 0);
    }

    // Tokens over the bridge.

    function depositTokens(uint256 _amount) internal {
        asAlice();
        token.approve(address(l1Bridge), _amount);
        asAlice();
        l1Bridge.depositERC20(address(token), address(l2Token), _amount, 200_000, "note");
    }

    function test_erc20_thereAndBack() public {
        asAlice();
        token.approve(address(l1Bridge), 600);
        vm.expectEmit(address(l1Bridge));
        emit IL1StandardBridge.ERC20DepositInitiated(address(token), address(l2Token), alice, carol, 600, "note");
        vm.expectEmit(address(l1Bridge));
        emit IStandardBridge.ERC20BridgeInitiated(address(token), address(l2Token), alice, carol, 600, "note");
        asAlice();
        l1Bridge.depositERC20To(address(token), address(l2Token), carol, 600, 200_000, "note");
        vm.assertEq(l1Bridge.deposits(address(token), address(l2Token)), 600);
        vm.assertTrue(carryToL2(0));
        vm.assertEq(l2Token.balanceOf(carol), 600);
        vm.assertEq(l2Token.totalSupply(), 600);

        vm.expectEmit(address(l2Bridge));
        emit IL2StandardBridge.WithdrawalInitiated(address(token), address(l2Token), carol, carol, 150, "back");
        vm.prank(carol, carol);
        l2Bridge.withdraw(address(l2Token), 150, 200_000, "back");
        vm.prank(carol, carol);
        l2Bridge.bridgeERC20To(address(l2Token), address(token), bob, 50, 200_000, "");
        vm.prank(carol, carol);
        l2Bridge.bridgeERC20(address(l2Token), address(token), 100, 200_000, "");
        vm.assertEq(l2Token.totalSupply(), 300);
        carryToL1();
        vm.assertEq(token.balanceOf(carol), 250);
        vm.assertEq(token.balanceOf(bob), 50);
        vm.assertEq(l1Bridge.deposits(address(token), address(l2Token)), 300);
    }

    function test_erc20_withValue_reverts() public {
        depositTokens(10);
        carryToL2(0);
        vm.expectRevert(abi.encodeWithSelector(IStandardBridge.WrongValue.selector, 0, 1));
        asAlice();
        l2Bridge.withdraw{value: 1}(address(l2Token), 1, 0, "");
    }

    /// @notice Tokens that stand for another token: nobody gets what others sent.
    function test_erc20_wrongPair() public {
        depositTokens(500);
        carryToL2(0);
        OptimismMintableERC20 other = OptimismMintableERC20(
            tokens.createOptimismMintableERC20WithDecimals(address(token), "Other", "OTH", 6)
        );
        vm.assertEq(other.decimals(), 6);
        // Deposited for a token that does not stand for it: the mint fails, and can be relayed for ever in vain.
        SampleToken stranger = new SampleToken("Stranger", "STR", alice, 1000);
        asAlice();
        stranger.approve(address(l1Bridge), 100);
        asAlice();
        l1Bridge.depositERC20(address(stranger), address(l2Token), 100, 200_000, "");
        vm.assertTrue(carryToL2(0));
        vm.assertEq(l2Token.totalSupply(), 500);
        // Withdrawn as a token that is not its counterpart.
        vm.expectRevert(
            abi.encodeWithSelector(IStandardBridge.WrongTokenPair.selector, address(l2Token), address(stranger))
        );
        asAlice();
        l2Bridge.bridgeERC20(address(l2Token), address(stranger), 100, 200_000, "");
        // A made-up token on L2 that names the right one on L1: the bridge there holds nothing for it.
        OptimismMintableERC20 forged =
            new OptimismMintableERC20(address(this), address(token), "Sample", "SMP", 18);
        forged.mint(alice, 500);
        vm.mockCall(address(forged), abi.encodeCall(IOptimismMintableERC20.burn, (alice, 500)), "");
        asAlice();
        l2Bridge.withdraw(address(forged), 500, 200_000, "");
        carryToL1();
        vm.assertEq(token.balanceOf(address(l1Bridge)), 500);
        vm.assertEq(token.balanceOf(alice), 500);
    }

    function test_erc20_feeOnTransfer_reverts() public {
        FeeToken fee = new FeeToken(alice);
        asAlice();
        fee.approve(address(l1Bridge), 100);
        vm.expectRevert(abi.encodeWithSelector(IStandardBridge.WrongAmountReceived.selector, 100, 90));
        asAlice();
        l1Bridge.depositERC20(address(fee), address(l2Token), 100, 200_000, "");
    }

    function test_bridge_paused_arrivalsWait() public {
        depositTokens(500);
        carryToL2(0);
        asAlice();
        l2Bridge.withdraw(address(l2Token), 100, 200_000, "");
        vm.prank(guardian);
        registry.pause();
        vm.assertTrue(l1Bridge.paused() && !l2Bridge.paused());
        vm.warp(registry.pausedUntil());
        carryToL1();
        vm.assertEq(token.balanceOf(alice), 600);
    }

    function test_bridge_views() public view {
        vm.assertEq(l1Bridge.messenger(), l1Bridge.MESSENGER());
        vm.assertEq(l1Bridge.otherBridge(), address(l2Bridge));
        vm.assertEq(l1Bridge.OTHER_BRIDGE(), l1Bridge.l2TokenBridge());
        vm.assertEq(l2Bridge.messenger(), address(l2Messenger));
        vm.assertEq(l2Bridge.otherBridge(), address(l1Bridge));
        vm.assertEq(l2Bridge.l1TokenBridge(), address(l1Bridge));
    }

    // The mintable token and its factory.

    function test_mintable_onlyBridge() public {
        bytes memory error = abi.encodeWithSelector(IOptimismMintableERC20.NotBridge.selector, alice);
        vm.expectRevert(error);
        asAlice();
        l2Token.mint(alice, 1);
        vm.expectRevert(error);
        asAlice();
        l2Token.burn(alice, 1);
        vm.assertEq(l2Token.remoteToken(), address(token));
        vm.assertEq(l2Token.l1Token(), l2Token.REMOTE_TOKEN());
        vm.assertEq(l2Token.bridge(), address(l2Bridge));
        vm.assertEq(l2Token.l2Bridge(), l2Token.BRIDGE());
        vm.assertEq(l2Token.decimals(), 18);
        // ERC-165, the interface above, and its older form, as the OP Stack's tokens answer.
        bytes4[3] memory ids = [bytes4(0x01ffc9a7), bytes4(0xec4fc8e3), bytes4(0x1d1d8b63)];
        for (uint256 i = 0; i < 3; ++i) {
            vm.assertTrue(l2Token.supportsInterface(ids[i]));
        }
        vm.assertFalse(l2Token.supportsInterface(0xffffffff));
    }

    function test_factory_addressFromArguments() public {
        vm.assertEq(tokens.deployments(address(l2Token)), address(token));
        vm.assertEq(tokens.deployments(alice), address(0));
        vm.assertEq(tokens.bridge(), tokens.BRIDGE());
        vm.expectRevert();
        tokens.createOptimismMintableERC20(address(token), "Sample", "SMP");
        vm.expectRevert(IOptimismMintableERC20Factory.NoRemoteToken.selector);
        tokens.createStandardL2Token(address(0), "Sample", "SMP");
        address other = tokens.createStandardL2Token(address(token), "Sample 2", "SMP");
        vm.assertEq(tokens.deployments(other), address(token));
    }

    // WETH.

    function test_weth() public {
        vm.assertEq(weth.name(), "Wrapped Ether");
        vm.assertEq(weth.symbol(), "WETH");
        vm.assertEq(weth.decimals(), 18);
        vm.expectEmit(address(weth));
        emit IWETH.Deposit(alice, 5);
        asAlice();
        weth.deposit{value: 5}();
        asAlice();
        (bool success,) = address(weth).call{value: 5}("");
        vm.assertTrue(success);
        vm.assertEq(weth.totalSupply(), 10);
        asAlice();
        weth.transfer(bob, 4);
        asAlice();
        weth.approve(bob, 3);
        vm.prank(bob);
        weth.transferFrom(alice, carol, 2);
        vm.assertEq(weth.allowance(alice, bob), 1);
        vm.expectRevert(abi.encodeWithSelector(IWETH.InsufficientAllowance.selector, 1, 2));
        vm.prank(bob);
        weth.transferFrom(alice, carol, 2);
        asAlice();
        weth.approve(bob, type(uint256).max);
        vm.prank(bob);
        weth.transferFrom(alice, carol, 2);
        vm.assertEq(weth.allowance(alice, bob), type(uint256).max);
        vm.expectRevert(abi.encodeWithSelector(IWETH.InsufficientBalance.selector, 2, 3));
        asAlice();
        weth.transfer(bob, 3);
        vm.expectRevert(abi.encodeWithSelector(IWETH.InsufficientBalance.selector, 4, 5));
        vm.prank(carol);
        weth.withdraw(5);
        vm.prank(carol);
        weth.withdraw(4);
        vm.assertEq(carol.balance, 4);
        vm.assertEq(weth.totalSupply(), 6);
        address closed = address(new Closed());
        asAlice();
        weth.transfer(closed, 1);
        vm.expectRevert(IWETH.TransferFailed.selector);
        vm.prank(closed);
        weth.withdraw(1);
    }
}
