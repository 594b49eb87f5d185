// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {FeeVault} from "../src/L2/FeeVault.sol";
import {GasPriceOracle} from "../src/L2/GasPriceOracle.sol";
import {L1Block} from "../src/L2/L1Block.sol";
import {L2ToL1MessagePasser} from "../src/L2/L2ToL1MessagePasser.sol";
import {Predeploys} from "../src/L2/Predeploys.sol";
import {IFeeVault} from "../src/interfaces/IFeeVault.sol";
import {IL1Block} from "../src/interfaces/IL1Block.sol";
import {IL2ToL1MessagePasser} from "../src/interfaces/IL2ToL1MessagePasser.sol";
import {Base} from "./Base.t.sol";

contract L2Test is Base {
    /// @notice The values of an L1-attributes transaction.
    struct Attributes {
        uint32 baseFeeScalar;
        uint32 blobBaseFeeScalar;
        uint64 sequenceNumber;
        uint64 timestamp;
        uint64 number;
        uint256 basefee;
        uint256 blobBaseFee;
        bytes32 hash;
        bytes32 batcherHash;
        uint32 operatorFeeScalar;
        uint64 operatorFeeConstant;
        uint64 gasTarget;
        uint64 minBaseFee;
    }

    L1Block private constant l1Block = L1Block(Predeploys.L1_BLOCK);
    GasPriceOracle private constant oracle = GasPriceOracle(Predeploys.GAS_PRICE_ORACLE);
    L2ToL1MessagePasser private constant passer = L2ToL1MessagePasser(payable(Predeploys.L2_TO_L1_MESSAGE_PASSER));
    FeeVault private constant vault = FeeVault(payable(Predeploys.L1_FEE_VAULT));
    address private alice = account("alice");

    function setUp() public {
        // As in the genesis state: code at fixed addresses, without constructors.
        vm.etch(address(l1Block), address(new L1Block()).code);
        vm.etch(address(oracle), address(new GasPriceOracle()).code);
        vm.etch(address(passer), address(new L2ToL1MessagePasser()).code);
        vm.etch(address(vault), address(new FeeVault()).code);
        vm.store(address(vault), bytes32(0), bytes32(uint256(uint160(alice))));
    }

    function set(Attributes memory _a) internal {
        set(_a, 0x098999be, "");
    }

    /// @notice The attributes of a block of Karst.
    function setJovian(Attributes memory _a, uint16 _daFootprintGasScalar) internal {
        set(_a, 0x3db6be2b, abi.encodePacked(_daFootprintGasScalar));
    }

    function set(Attributes memory _a, bytes4 _selector, bytes memory _more) internal {
        bytes memory data = bytes.concat(
            _selector,
            bytes4(_a.baseFeeScalar),
            bytes4(_a.blobBaseFeeScalar),
            bytes8(_a.sequenceNumber),
            bytes8(_a.timestamp),
            bytes8(_a.number),
            bytes32(_a.basefee)
        );
        data = bytes.concat(
            data,
            bytes32(_a.blobBaseFee),
            _a.hash,
            _a.batcherHash,
            bytes4(_a.operatorFeeScalar),
            bytes8(_a.operatorFeeConstant)
        );
        vm.assertEq(data.length, 176);
        data = bytes.concat(data, _more, bytes8(_a.gasTarget), bytes8(_a.minBaseFee));
        vm.prank(0xDeaDDEaDDeAdDeAdDEAdDEaddeAddEAdDEAd0001);
        (bool success,) = address(l1Block).call(data);
        vm.assertTrue(success);
    }

    function slot(uint256 _slot) internal view returns (uint256) {
        return uint256(vm.load(address(l1Block), bytes32(_slot)));
    }

    // L1Block.

    function test_setL1BlockValues_selector() public pure {
        vm.assertEq(bytes32(IL1Block.setL1BlockValuesIsthmus.selector), bytes32(bytes4(0x098999be)));
        vm.assertEq(bytes32(IL1Block.setL1BlockValuesJovian.selector), bytes32(bytes4(0x3db6be2b)));
    }

    function test_setL1BlockValues_byStranger_reverts() public {
        vm.expectRevert(IL1Block.NotDepositor.selector);
        l1Block.setL1BlockValuesIsthmus();
        bytes memory data = bytes.concat(bytes4(0x3db6be2b), new bytes(190));
        (bool success, bytes memory answer) = address(l1Block).call(data);
        vm.assertFalse(success);
        vm.assertEq(answer, abi.encodeWithSelector(IL1Block.NotDepositor.selector));
    }

    function test_setL1BlockValues_short_reverts() public {
        vm.prank(l1Block.DEPOSITOR_ACCOUNT());
        (bool success,) = address(l1Block).call(bytes.concat(bytes4(0x098999be), new bytes(187)));
        vm.assertFalse(success);
        vm.prank(l1Block.DEPOSITOR_ACCOUNT());
        (success,) = address(l1Block).call(bytes.concat(bytes4(0x3db6be2b), new bytes(189)));
        vm.assertFalse(success);
    }

    /// @notice Both calls set the same values; which one it is says which rules hold in this block.
    function testFuzz_l1Block_callTellsRules(Attributes memory _a, Attributes memory _b, uint16 _da) public {
        set(_a);
        vm.assertFalse(l1Block.isJovian());
        vm.assertFalse(oracle.isJovian());
        setJovian(_b, _da);
        vm.assertTrue(l1Block.isJovian());
        vm.assertTrue(oracle.isJovian());
        // Where the execution engine reads.
        vm.assertEq(
            slot(8) & ((1 << 112) - 1),
            uint256(_b.operatorFeeConstant) | (uint256(_b.operatorFeeScalar) << 64) | (uint256(_da) << 96)
        );
        vm.assertEq(l1Block.daFootprintGasScalar(), _da);
        uint256[9] memory words;
        for (uint256 i = 0; i < 8; ++i) {
            words[i] = slot(i);
        }
        words[8] = slot(9);
        set(_b);
        for (uint256 i = 0; i < 8; ++i) {
            vm.assertEq(slot(i), words[i]);
        }
        vm.assertEq(slot(9), words[8]);
        vm.assertFalse(l1Block.isJovian());
        vm.assertEq(slot(8), uint256(_b.operatorFeeConstant) | (uint256(_b.operatorFeeScalar) << 64));
    }

    /// @notice The slots and offsets that the execution engine reads.
    function testFuzz_l1Block_storageLayout(Attributes memory _a) public {
        set(_a);
        vm.assertEq(slot(0), uint256(_a.number) | (uint256(_a.timestamp) << 64));
        vm.assertEq(slot(1), _a.basefee);
        vm.assertEq(slot(2), uint256(_a.hash));
        vm.assertEq(
            slot(3),
            uint256(_a.sequenceNumber) | (uint256(_a.blobBaseFeeScalar) << 64) | (uint256(_a.baseFeeScalar) << 96)
        );
        vm.assertEq(slot(4), uint256(_a.batcherHash));
        vm.assertEq(slot(5), 0);
        vm.assertEq(slot(6), 0);
        vm.assertEq(slot(7), _a.blobBaseFee);
        vm.assertEq(slot(8), uint256(_a.operatorFeeConstant) | (uint256(_a.operatorFeeScalar) << 64));
        vm.assertEq(slot(9), uint256(_a.minBaseFee) | (uint256(_a.gasTarget) << 64));
    }

    function testFuzz_l1Block_getters(Attributes memory _a) public {
        set(_a);
        vm.assertEq(l1Block.number(), _a.number);
        vm.assertEq(l1Block.timestamp(), _a.timestamp);
        vm.assertEq(l1Block.basefee(), _a.basefee);
        vm.assertEq(l1Block.hash(), _a.hash);
        vm.assertEq(l1Block.sequenceNumber(), _a.sequenceNumber);
        vm.assertEq(l1Block.baseFeeScalar(), _a.baseFeeScalar);
        vm.assertEq(l1Block.blobBaseFeeScalar(), _a.blobBaseFeeScalar);
        vm.assertEq(l1Block.batcherHash(), _a.batcherHash);
        vm.assertEq(l1Block.blobBaseFee(), _a.blobBaseFee);
        vm.assertEq(l1Block.operatorFeeScalar(), _a.operatorFeeScalar);
        vm.assertEq(l1Block.operatorFeeConstant(), _a.operatorFeeConstant);
        vm.assertEq(l1Block.gasTarget(), _a.gasTarget);
        vm.assertEq(l1Block.minBaseFee(), _a.minBaseFee);
        vm.assertFalse(l1Block.isJovian());
        vm.assertFalse(l1Block.isCustomGasToken());
        vm.assertFalse(oracle.isJovian());
        vm.assertTrue(oracle.isFjord() && oracle.isEcotone() && oracle.isIsthmus());
        vm.assertEq(oracle.l1BaseFee(), _a.basefee);
        vm.assertEq(oracle.blobBaseFee(), _a.blobBaseFee);
        vm.assertEq(oracle.baseFeeScalar(), _a.baseFeeScalar);
        vm.assertEq(oracle.blobBaseFeeScalar(), _a.blobBaseFeeScalar);
    }

    // GasPriceOracle.

    function fees() internal pure returns (Attributes memory a_) {
        a_.basefee = 20 gwei;
        a_.blobBaseFee = 3 gwei;
        a_.baseFeeScalar = 1_368;
        a_.blobBaseFeeScalar = 810_949;
        a_.operatorFeeScalar = 500_000;
        a_.operatorFeeConstant = 7;
    }

    /// @notice 16 × 20 gwei × 1368 + 3 gwei × 810949.
    uint256 private constant PRICE = 16 * 20 gwei * uint256(1_368) + 3 gwei * uint256(810_949);

    function test_getL1Fee_smallTransaction_paysMinimum() public {
        set(fees());
        vm.assertEq(oracle.getL1Fee(""), 100_000_000 * PRICE / 1e12);
        vm.assertEq(oracle.getL1Fee(new bytes(1000)), 100_000_000 * PRICE / 1e12);
        vm.assertEq(oracle.getL1GasUsed(""), 1600);
    }

    function test_getL1Fee_unsigned_addsSignature() public {
        set(fees());
        // Incompressible: 500 literals take 516 bytes.
        uint256 size = 836_500 * (516 + 68) - 42_585_600;
        vm.assertEq(oracle.getL1Fee(noise(500, 1)), size * PRICE / 1e12);
        vm.assertEq(oracle.getL1GasUsed(noise(500, 1)), size * 16 / 1e6);
    }

    function test_getL1Fee_signed_isExact() public {
        set(fees());
        bytes memory signature = bytes.concat(hex"01a0", keccak256("r"), hex"a0", keccak256("s"));
        bytes memory items =
            bytes.concat(hex"010203040580", hex"07", hex"b901f4", noise(500, 2), hex"c0", signature);
        bytes memory raw = bytes.concat(hex"02f9", bytes2(uint16(items.length)), items);
        // Nothing in it repeats: every byte is a literal.
        uint256 length = raw.length + (raw.length + 31) / 32;
        vm.assertEq(oracle.getL1Fee(raw), (836_500 * length - 42_585_600) * PRICE / 1e12);
    }

    function test_getL1Fee_deposit_isFree() public {
        set(fees());
        vm.assertEq(oracle.getL1Fee(hex"7e00"), 0);
    }

    function testFuzz_getL1FeeUpperBound_isOne(bytes memory _data) public {
        set(fees());
        vm.assume(_data.length == 0 || _data[0] != 0x7e);
        vm.assertGe(oracle.getL1FeeUpperBound(_data.length), oracle.getL1Fee(_data));
    }

    function test_getOperatorFee() public {
        vm.assertEq(oracle.getOperatorFee(1_000_000), 0);
        set(fees());
        vm.assertEq(oracle.getOperatorFee(21_000), 10_507);
        vm.assertEq(oracle.getOperatorFee(1), 7);
        vm.assertEq(oracle.getOperatorFee(type(uint256).max), type(uint256).max / 1e6 + 7);
    }

    /// @notice The first block of Karst has a scalar of zero, until the owner sets it in the new unit.
    function test_getOperatorFee_jovian() public {
        Attributes memory a = fees();
        set(a);
        vm.assertEq(oracle.getOperatorFee(21_000), 10_507);
        a.operatorFeeScalar = 0;
        setJovian(a, 0);
        vm.assertEq(oracle.getOperatorFee(21_000), 7);
        a.operatorFeeScalar = 3;
        setJovian(a, 0);
        vm.assertEq(oracle.getOperatorFee(21_000), 21_000 * 300 + 7);
        vm.assertEq(oracle.getOperatorFee(type(uint256).max / 301), type(uint256).max / 301 * 300 + 7);
        vm.assertEq(oracle.getOperatorFee(type(uint256).max / 300 + 1), type(uint256).max);
        vm.assertEq(oracle.getOperatorFee(type(uint256).max), type(uint256).max);
    }

    function test_gasPrice_isBaseFee() public {
        vm.fee(123);
        vm.assertEq(oracle.gasPrice(), 123);
        vm.assertEq(oracle.baseFee(), 123);
    }

    // L2ToL1MessagePasser.

    function test_initiateWithdrawal_recordsAndEmits() public {
        vm.deal(alice, 10);
        uint256 nonce = uint256(1) << 240;
        vm.assertEq(passer.messageNonce(), nonce);
        bytes32 hash = keccak256(abi.encode(nonce, alice, address(5), uint256(3), uint256(70_000), bytes("hi")));
        vm.expectEmit(address(passer));
        emit IL2ToL1MessagePasser.MessagePassed(nonce, alice, address(5), 3, 70_000, "hi", hash);
        vm.prank(alice);
        passer.initiateWithdrawal{value: 3}(address(5), 70_000, "hi");
        vm.assertTrue(passer.sentMessages(hash));
        vm.assertEq(passer.messageNonce(), nonce + 1);
        vm.assertEq(address(passer).balance, 3);
        // Proofs are made for this slot.
        bytes32 proven = vm.load(address(passer), keccak256(abi.encode(hash, uint256(0))));
        vm.assertEq(uint256(proven), 1);
    }

    function testFuzz_initiateWithdrawal_equalOnesDiffer(address _target, uint256 _gas, bytes memory _data)
        public
    {
        uint256 nonce = passer.messageNonce();
        for (uint256 i = 0; i < 2; ++i) {
            passer.initiateWithdrawal(_target, _gas, _data);
            vm.assertTrue(
                passer.sentMessages(keccak256(abi.encode(nonce + i, address(this), _target, 0, _gas, _data)))
            );
        }
    }

    function test_receive_withdrawsToSender() public {
        vm.deal(alice, 5);
        bytes32 hash =
            keccak256(abi.encode(uint256(1) << 240, alice, alice, uint256(5), uint256(100_000), bytes("")));
        vm.prank(alice);
        (bool success,) = address(passer).call{value: 5}("");
        vm.assertTrue(success && passer.sentMessages(hash));
    }

    // FeeVault.

    function test_withdraw_goesThroughPasser() public {
        vm.deal(address(vault), 1 ether);
        bytes32 hash = keccak256(
            abi.encode(uint256(1) << 240, address(vault), alice, uint256(1 ether), uint256(400_000), bytes(""))
        );
        vm.expectEmit(address(vault));
        emit IFeeVault.Withdrawal(1 ether, alice, address(this));
        vault.withdraw();
        vm.assertTrue(passer.sentMessages(hash));
        vm.assertEq(vault.totalProcessed(), 1 ether);
        vm.assertEq(address(vault).balance, 0);
        vm.assertEq(address(passer).balance, 1 ether);
    }

    function test_withdraw_belowMinimum_reverts() public {
        uint256 minimum = vault.minWithdrawalAmount();
        vm.deal(address(vault), minimum - 1);
        vm.expectRevert(abi.encodeWithSelector(IFeeVault.BalanceTooLow.selector, minimum, minimum - 1));
        vault.withdraw();
        (bool success,) = address(vault).call{value: 1}("");
        vm.assertTrue(success);
        vault.withdraw();
    }

    function test_withdraw_withoutRecipient_reverts() public {
        vm.store(address(vault), bytes32(0), bytes32(0));
        vm.deal(address(vault), 1 ether);
        vm.expectRevert(IFeeVault.NoRecipient.selector);
        vault.withdraw();
    }
}
