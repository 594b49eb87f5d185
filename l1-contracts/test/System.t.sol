// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {AnchorStateRegistry} from "../src/AnchorStateRegistry.sol";
import {DisputeGame} from "../src/DisputeGame.sol";
import {DisputeGameFactory} from "../src/DisputeGameFactory.sol";
import {Inbox} from "../src/Inbox.sol";
import {Portal} from "../src/Portal.sol";
import {RiscV} from "../src/RiscV.sol";
import {TransparentUpgradeableProxy} from "../src/Proxies.sol";
import {SystemConfig} from "../src/SystemConfig.sol";
import {Timelock} from "../src/Timelock.sol";
import {IDisputeGame} from "../src/interfaces/IDisputeGame.sol";
import {IInbox} from "../src/interfaces/IInbox.sol";
import {Base} from "./Base.t.sol";

/// @title System
/// @notice Deploys all L1 contracts, acts on them, and keeps what a node would know: every header. Accumulators and
///         encodings are written here a second time, the obvious way, as a reference.
abstract contract System is Base {
    uint64 internal constant FORCE_DELAY = 1 hours;
    uint64 internal constant SEQUENCER_TIMEOUT = 30 minutes;
    uint64 internal constant FORCED_INTERVAL = 60;
    uint64 internal constant CLOCK = 3 days;
    uint64 internal constant EXTENSION = 3 hours;
    uint64 internal constant BOUNDARY_EXTENSION = 6 hours;
    uint64 internal constant FINALITY_DELAY = 1 days;
    uint64 internal constant PROOF_MATURITY = 2 days;
    uint64 internal constant PAUSE = 7 days;
    uint64 internal constant MAX_DRIFT = 600;
    uint256 internal constant UPGRADE_DELAY = 45 days;
    uint256 internal constant BOND = 1 ether;
    uint256 internal constant LEAF_BOND = 0.2 ether;
    uint16 internal constant BOND_DECAY = 224;
    uint64 internal constant START = 1_700_000_000;
    bytes32 internal constant GENESIS_OUTPUT = keccak256("genesis output");

    /// @notice What a deployment chooses, in seconds.
    struct Delays {
        uint64 force;
        uint64 sequencerTimeout;
        uint64 finality;
        uint64 proofMaturity;
        uint64 pause;
    }

    address internal owner = account("owner");
    address internal batcher = account("batcher");
    address internal signer = account("unsafe block signer");
    address internal guardian = account("guardian");
    address internal alice = account("alice");
    address internal proposer = account("proposer");
    address internal attacker = account("attacker");

    Inbox internal inbox;
    Portal internal portal;
    SystemConfig internal config;
    RiscV internal riscV;
    DisputeGame internal implementation;
    DisputeGameFactory internal factory;
    AnchorStateRegistry internal registry;
    Timelock internal timelock;

    /// @notice Headers of all messages, in order.
    bytes[] internal messages;
    /// @notice Headers of all batches, in order.
    bytes[] internal batches;

    /// @notice The delays of the deployment.
    function delays() internal virtual returns (Delays memory) {
        return Delays(FORCE_DELAY, SEQUENCER_TIMEOUT, FINALITY_DELAY, uint64(PROOF_MATURITY), PAUSE);
    }

    function deploy() internal {
        vm.warp(START);
        vm.roll(20_000_000);
        vm.fee(7 gwei);
        vm.blobBaseFee(3);
        vm.prevrandao(keccak256("randao"));
        vm.deal(alice, 1000 ether);
        vm.deal(proposer, 1000 ether);

        // Whoever deploys knows the addresses beforehand: the contracts know each other's proxies.
        uint64 nonce = vm.getNonce(address(this));
        inbox = Inbox(vm.computeCreateAddress(address(this), nonce + 8));
        portal = Portal(payable(vm.computeCreateAddress(address(this), nonce + 9)));
        config = SystemConfig(vm.computeCreateAddress(address(this), nonce + 10));
        registry = AnchorStateRegistry(vm.computeCreateAddress(address(this), nonce + 11));
        factory = DisputeGameFactory(vm.computeCreateAddress(address(this), nonce + 12));
        timelock = new Timelock(UPGRADE_DELAY, owner);
        riscV = new RiscV();
        implementation = new DisputeGame(gameParameters());
        Delays memory d = delays();
        address[5] memory implementations = [
            address(new Inbox(address(portal), address(config), d.force, d.sequencerTimeout)),
            address(new Portal(address(inbox), address(registry), d.proofMaturity)),
            address(new SystemConfig(address(inbox))),
            address(new AnchorStateRegistry(address(factory), guardian, d.finality, d.pause)),
            address(new DisputeGameFactory(address(registry), address(inbox), address(timelock), MAX_DRIFT))
        ];
        proxy(implementations[0], address(inbox), abi.encodeCall(Inbox.initialize, ()));
        proxy(implementations[1], address(portal), "");
        proxy(implementations[2], address(config), systemConfigCall());
        proxy(
            implementations[3],
            address(registry),
            abi.encodeCall(AnchorStateRegistry.initialize, (GENESIS_OUTPUT, 0))
        );
        proxy(
            implementations[4],
            address(factory),
            abi.encodeCall(DisputeGameFactory.initialize, (address(implementation), address(0)))
        );
    }

    /// @notice Puts a proxy in front of an implementation, at the expected address.
    function proxy(address _implementation, address _expected, bytes memory _call) internal {
        address actual = address(new TransparentUpgradeableProxy(_implementation, address(timelock), _call));
        vm.assertEq(actual, _expected);
    }

    /// @notice What the SystemConfig begins with.
    function systemConfigCall() internal view returns (bytes memory) {
        return abi.encodeCall(
            SystemConfig.initialize, (owner, batcher, signer, 30_000_000, 1000, 2000, 3, 4, 10_000_000, 100)
        );
    }

    /// @notice The constants of all games.
    function gameParameters() internal virtual returns (IDisputeGame.Parameters memory) {
        return IDisputeGame.Parameters({
            riscV: address(riscV),
            programRoot: keccak256("program"),
            programEntry: 0x1000,
            maxSteps: 1 << 40,
            configHash: keccak256("chain config"),
            maxClockDuration: CLOCK,
            clockExtension: EXTENSION,
            boundaryExtension: BOUNDARY_EXTENSION,
            rootBond: uint128(BOND),
            leafBond: uint128(LEAF_BOND),
            bondDecay: BOND_DECAY,
            newestActivation: 0
        });
    }

    // Reference encodings.

    /// @notice The header of the next message, in the current block.
    function messageHeader(uint8 _kind, address _sender, uint64 _gas, bytes memory _data)
        internal
        view
        returns (bytes memory)
    {
        bytes memory place = abi.encodePacked(uint64(block.number), uint64(block.timestamp));
        bytes memory gas = abi.encodePacked(_gas, gasBefore(messages.length) + _gas);
        bytes memory fees = abi.encodePacked(uint256(block.basefee), uint256(block.blobbasefee));
        bytes memory start = bytes.concat(hex"01", bytes1(_kind), bytes20(_sender), place, gas);
        return bytes.concat(start, fees, bytes32(block.prevrandao), chunkHash(_data));
    }

    /// @notice The L1-info header in the current block.
    function infoHeader() internal view returns (bytes memory) {
        return messageHeader(0, address(inbox), 21_000, "");
    }

    /// @notice Gas of the first `_count` known messages.
    function gasBefore(uint256 _count) internal view returns (uint64 gas_) {
        if (_count != 0) gas_ = uint64(bytes8(bytes32(slice(messages[_count - 1], 46, 54))));
    }

    /// @notice Gas of all known messages that no batch has covered.
    function unserved() internal view returns (uint64) {
        return gasBefore(messages.length) - gasBefore(inbox.messageEnd());
    }

    /// @notice A batch header in the current block, over the messages known so far.
    function batchHeader(bytes memory _payload, bool _forced, uint64 _first, uint64 _blocks, uint64 _end)
        internal
        view
        returns (bytes memory)
    {
        bytes memory range = abi.encodePacked(_first, _blocks, _end, messageAccumulator(_end), gasBefore(_end));
        bytes memory place = abi.encodePacked(uint64(block.number), uint64(block.timestamp));
        bytes memory data = bytes.concat(chunkHash(_payload), bytes8(uint64(_payload.length)));
        return bytes.concat(hex"01", bytes1(uint8(_forced ? 0 : 1)), data, range, place);
    }

    /// @notice Hash by chunks.
    function chunkHash(bytes memory _data) internal pure returns (bytes32) {
        bytes memory digests;
        for (uint256 start = 0; start < _data.length; start += 4096) {
            uint256 end = start + 4096 < _data.length ? start + 4096 : _data.length;
            digests = bytes.concat(digests, keccak256(slice(_data, start, end)));
        }
        return keccak256(digests);
    }

    /// @notice Accumulator over the first `_count` known messages.
    function messageAccumulator(uint256 _count) internal view returns (bytes32) {
        return accumulate(messages, _count);
    }

    /// @notice Accumulator over the first `_count` known batches.
    function batchAccumulator(uint256 _count) internal view returns (bytes32) {
        return accumulate(batches, _count);
    }

    function accumulate(bytes[] storage _headers, uint256 _count) private view returns (bytes32 acc_) {
        for (uint256 i = 0; i < _count; ++i) {
            acc_ = keccak256(bytes.concat(acc_, keccak256(_headers[i])));
        }
    }

    // Actions.

    /// @notice Lets L1 go on.
    function pass(uint256 _seconds) internal {
        vm.warp(block.timestamp + _seconds);
        vm.roll(block.number + 1 + _seconds / 12);
    }

    /// @notice Alice deposits a call with `_data`.
    function deposit(bytes memory _data) internal {
        deposit(1_000_000, _data);
    }

    /// @notice Alice deposits a call with this gas limit.
    function deposit(uint64 _gas, bytes memory _data) internal {
        bytes memory packed = abi.encodePacked(alice, uint256(0), uint256(0), _gas, uint8(0), _data);
        messages.push(messageHeader(1, alice, _gas, packed));
        vm.prank(alice, alice);
        portal.depositTransaction(alice, 0, _gas, false, _data);
    }

    /// @notice Many deposits of one gas limit, without what the Portal burns for them.
    function flood(uint64 _gas, uint256 _count) internal {
        for (uint256 i = 0; i < _count; ++i) {
            messages.push(messageHeader(1, attacker, _gas, ""));
            vm.prank(address(portal));
            inbox.enqueue(1, attacker, _gas, "");
        }
    }

    /// @notice The batcher appends `_blocks` blocks that may consume all messages.
    function append(uint64 _blocks) internal {
        append("payload", _blocks, uint64(messages.length), "");
    }

    /// @notice The batcher appends a batch after the last one.
    function append(bytes memory _payload, uint64 _blocks, uint64 _end, bytes memory _header) internal {
        uint64 first = inbox.lastBlock() + 1;
        vm.prank(batcher, batcher);
        inbox.appendBatch(_payload, first, _blocks, _end, bytes32(0), _header);
        messages.push(infoHeader());
        batches.push(batchHeader(_payload, false, first, _blocks, _end));
    }

    /// @notice Alice forces a batch.
    function force(bytes memory _old) internal {
        uint64 first = inbox.lastBlock() + 1;
        (uint64 blocks, uint64 end) = forcedRange();
        bytes memory header = end < messages.length ? messages[end] : bytes("");
        vm.prank(alice);
        inbox.forceBatch(_old, end, header);
        messages.push(infoHeader());
        batches.push(batchHeader("", true, first, blocks, end));
    }

    /// @notice Blocks and message end of a forced batch, counted out.
    function forcedRange() internal view returns (uint64 blocks_, uint64 end_) {
        blocks_ = 1;
        while (blocks_ < 16 && blocks_ * 10_000_000 < unserved()) ++blocks_;
        end_ = inbox.messageEnd();
        uint64 served = gasBefore(end_);
        while (end_ < messages.length && gasBefore(end_ + 1) - served <= blocks_ * 10_000_000) ++end_;
    }

    /// @notice Reverts unless the Inbox's counters and newest accumulators are what a node would compute.
    function assertSynced() internal view {
        vm.assertEq(inbox.messageCount(), messages.length);
        vm.assertEq(inbox.batchCount(), batches.length);
        vm.assertEq(inbox.messageAcc(messages.length), messageAccumulator(messages.length), "messageAcc");
        vm.assertEq(inbox.batchAcc(batches.length), batchAccumulator(batches.length), "batchAcc");
        vm.assertEq(inbox.messageAcc(messages.length + 1), bytes32(0));
        vm.assertEq(inbox.batchAcc(batches.length + 1), bytes32(0));
    }

    /// @notice A vector of the right length for a claim over `_n` blocks.
    function vectorOver(uint64 _n) internal view returns (bytes32[] memory vector_) {
        vector_ = new bytes32[](factory.parts(_n));
        for (uint256 i = 0; i < vector_.length; ++i) {
            vector_[i] = keccak256(abi.encode("output", _n, i));
        }
    }

    /// @notice The proposer proposes `_l2Block`, pinning all batches.
    function propose(uint64 _l2Block) internal returns (DisputeGame) {
        (, uint256 anchor) = registry.anchors();
        return propose(_l2Block, vectorOver(_l2Block - uint64(anchor)));
    }

    /// @notice The proposer proposes `_vector` for `_l2Block`, pinning all batches.
    function propose(uint64 _l2Block, bytes32[] memory _vector) internal returns (DisputeGame) {
        uint64 count = uint64(batches.length);
        bytes32 acc = inbox.batchAcc(count);
        bytes memory last = batches[count - 1];
        (, uint256 anchor) = registry.anchors();
        vm.prank(proposer);
        return DisputeGame(
            factory.propose{value: BOND}(
                address(implementation), uint64(anchor), _l2Block, _vector, count, acc, last
            )
        );
    }

    /// @notice The game is decided against its claim: somebody attacks the last part of it, and nobody answers.
    function defeat(DisputeGame _game, bytes32[] memory _vector) internal {
        uint8 part = uint8(_vector.length - 1);
        IDisputeGame.Claim memory root;
        (root.start, root.agreed) = (_game.anchorBlock(), _game.anchorOutput());
        root.length = uint64(_game.l2SequenceNumber()) - root.start;
        bytes32 agreed = part == 0 ? root.agreed : _vector[part - 1];
        uint64 stride = 1;
        while (stride * 16 < root.length) stride *= 16;
        uint64 length = root.length - part * stride;
        uint256 bond = _game.bondAt(1);
        vm.deal(attacker, attacker.balance + bond);
        bytes32[] memory attack;
        IDisputeGame.Claim memory child;
        if (length == 1) {
            // A run of one step that ends with another output. Nobody tries it.
            bytes memory place = abi.encodePacked(keccak256("memory"), uint64(44), uint64(1), uint8(1), uint64(0));
            bytes memory end = bytes.concat(place, keccak256("another output"), new bytes(248));
            attack = new bytes32[](1);
            attack[0] = keccak256(end);
            vm.prank(attacker);
            _game.attackBlock{value: bond}(root, _vector, part, 1, attack, end);
            bytes32 boot = _game.bootHash(agreed, root.start + root.length);
            child = IDisputeGame.Claim(_game.rootClaimId(), part, 1, boot, 0, 1, _game.startState(boot));
        } else {
            attack = vectorOver(length);
            vm.prank(attacker);
            _game.attack{value: bond}(root, _vector, part, attack);
            uint64 start = root.start + root.length - length;
            child = IDisputeGame.Claim(_game.rootClaimId(), part, 0, 0, start, length, agreed);
        }
        vm.warp(_game.expectedResolution());
        _game.decide(child, keccak256(abi.encodePacked(attack)));
        _game.resolve();
        vm.assertEq(uint8(_game.status()), uint8(IDisputeGame.GameStatus.CHALLENGER_WINS));
    }
}
