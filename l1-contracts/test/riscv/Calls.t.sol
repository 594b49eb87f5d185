// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IRiscV} from "../../src/interfaces/IRiscV.sol";
import {Kzg} from "../../src/lib/riscv/Kzg.sol";
import {Assembler} from "./Assembler.sol";
import {Machine, MachineTest} from "./MachineTest.sol";

/// @title CallsTest
/// @notice HALT, PREIMAGE, BLOB, and calls that do not exist.
contract CallsTest is MachineTest {
    uint64 internal constant HALT = 0;
    uint64 internal constant PREIMAGE = 1;
    uint64 internal constant BLOB = 2;

    uint64 internal constant SOURCE = 0x2000;
    uint64 internal constant DESTINATION = 0x4020;
    uint64 internal constant LAST_LEAF = 0xffff_ffe0;

    /// @notice Order of the field of blob elements.
    uint256 internal constant R = 0x73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001;
    /// @notice [τ]₁ and [1]₁ of the KZG ceremony: commitment to the polynomial X, and proof of each of its values.
    bytes internal constant TAU =
        hex"ad3eb50121139aa34db1d545093ac9374ab7bca2c0f3bf28e27c8dcd8fc7cb42d25926fc0c97b336e9f0fb35e5a04c81";
    bytes internal constant GENERATOR =
        hex"97f1d3a73197d7942695638c4fa9ac0fc3688c4f9774b905a14e3a3f171bac586c55e83ff97a1aeffb3af00adb22c6bb";

    /// @notice Pointers that are not those of a leaf.
    uint64[8] internal badLeaves = [uint64(1), 31, 33, 0x2008, 1 << 32, (1 << 32) + 0x2000, MAX, MAX - 31];

    /// @notice A machine about to make a call.
    function caller(uint64 _number, uint64 _a0, uint64 _a1, uint64 _a2)
        internal
        pure
        returns (Machine memory machine_)
    {
        machine_ = machine(Assembler.ECALL);
        machine_.x[A7] = _number;
        (machine_.x[A0], machine_.x[A1], machine_.x[A2]) = (_a0, _a1, _a2);
    }

    function test_unknownCalls_exit() public view {
        uint64[5] memory numbers = [uint64(4), 5, 93, 1 << 32, MAX];
        for (uint256 i = 0; i < numbers.length; ++i) {
            Machine memory pre = caller(numbers[i], 0, 0, 0);
            checkIllegal(pre, code(pre), "unknown call");
        }
    }

    // HALT.

    function test_halt_everyCode() public view {
        uint64[5] memory codes = [uint64(0), 1, 2, 1 << 63, MAX];
        for (uint256 i = 0; i < codes.length; ++i) {
            Machine memory pre = caller(HALT, codes[i], SOURCE, 7);
            pre.ram.setLeaf(SOURCE, keccak256("output"));
            check(pre, code(pre, SOURCE), exit(pre, codes[i], keccak256("output")), "halt");
            pre.x[A1] = 0;
            check(pre, code(pre), exit(pre, codes[i], 0), "halt without output");
        }
    }

    function test_halt_edgesOfMemory() public view {
        Machine memory pre = caller(HALT, 0, LAST_LEAF, 0);
        check(pre, code(pre, LAST_LEAF), exit(pre, 0, keccak256("last leaf")), "last leaf");
        pre.x[A1] = 32;
        check(pre, code(pre, 32), exit(pre, 0, 0), "second leaf, zero");
    }

    function test_halt_replacesWhatIsCarriedAlong() public view {
        Machine memory pre = caller(HALT, 0, 0, 0);
        pre.output = keccak256("carried along");
        pre.exitCode = 9;
        check(pre, code(pre), exit(pre, 0, 0), "halt");
    }

    function test_halt_badPointer_exits() public view {
        for (uint256 i = 0; i < badLeaves.length; ++i) {
            Machine memory pre = caller(HALT, 0, badLeaves[i], 0);
            checkIllegal(pre, code(pre), "bad pointer");
        }
    }

    // PREIMAGE.

    function test_preimage_everyOffset() public view {
        uint64[9] memory offsets = [uint64(0), 1, 31, 32, 68, 69, 99, 100, 101];
        for (uint256 i = 0; i < offsets.length; ++i) {
            checkPreimage(SOURCE, DESTINATION, noise(100, 1), offsets[i]);
        }
        checkPreimage(SOURCE, DESTINATION, noise(100, 1), MAX);
        checkPreimage(SOURCE, DESTINATION, noise(100, 1), MAX - 31);
        checkPreimage(SOURCE, DESTINATION, noise(100, 1), 1 << 32);
    }

    function test_preimage_everyLength() public view {
        uint256[11] memory lengths = [uint256(0), 1, 31, 32, 33, 64, 135, 136, 137, 4096, 24_576];
        for (uint256 i = 0; i < lengths.length; ++i) {
            uint256 length = lengths[i];
            checkPreimage(SOURCE, DESTINATION, noise(length, 2), 0);
            checkPreimage(SOURCE, DESTINATION, noise(length, 2), uint64(length));
            if (length > 5) checkPreimage(SOURCE, DESTINATION, noise(length, 2), uint64(length - 5));
        }
    }

    function testFuzz_preimage(uint16 _length, uint64 _offset, uint256 _seed) public view {
        uint256 length = _length % 2048;
        checkPreimage(SOURCE, DESTINATION, noise(length, _seed), _offset % uint64(length + 40));
    }

    function test_preimage_places() public view {
        checkPreimage(LAST_LEAF, 0, noise(40, 3), 8);
        checkPreimage(0, LAST_LEAF, noise(40, 3), 8);
        // Siblings; the key's own leaf; the code's.
        checkPreimage(SOURCE, SOURCE + 32, noise(40, 3), 8);
        checkPreimage(SOURCE, SOURCE, noise(40, 3), 8);
        checkPreimage(SOURCE, PC, noise(40, 3), 8);
    }

    function test_preimage_badPointer_exits() public view {
        for (uint256 i = 0; i < badLeaves.length; ++i) {
            Machine memory pre = caller(PREIMAGE, badLeaves[i], DESTINATION, 0);
            checkIllegal(pre, code(pre), "key");
            pre = caller(PREIMAGE, SOURCE, badLeaves[i], 0);
            checkIllegal(pre, code(pre), "destination");
        }
    }

    function test_preimage_wrong_reverts() public {
        Machine memory pre = caller(PREIMAGE, SOURCE, DESTINATION, 0);
        pre.ram.setLeaf(SOURCE, keccak256("right"));
        bytes memory proofs = bytes.concat(code(pre, SOURCE), pre.ram.proof(DESTINATION));
        checkRefused(
            pack(pre),
            bytes.concat(proofs, "wrong"),
            abi.encodeWithSelector(IRiscV.WrongPreimage.selector, keccak256("right"), keccak256("wrong"))
        );
        checkRefused(
            pack(pre),
            proofs,
            abi.encodeWithSelector(IRiscV.WrongPreimage.selector, keccak256("right"), keccak256(""))
        );
        checkAnyRefusal(pack(pre), bytes.concat(proofs, "right", hex"00"), "a byte too many");
    }

    /// @notice Calldata may go on behind the witness, not only with the zeroes that the ABI asks for.
    function test_preimage_dirtyCalldataBehindIt_isNotRead() public view {
        Machine memory pre = caller(PREIMAGE, SOURCE, DESTINATION, 3);
        pre.ram.setLeaf(SOURCE, keccak256("short"));
        Machine memory post = next(pre);
        post.ram.setLeaf(DESTINATION, bytes32("rt"));
        post.x[A0] = 5;
        bytes memory witness = bytes.concat(code(pre, SOURCE), pre.ram.proof(DESTINATION), "short");
        check(pre, witness, post, "clean");

        bytes memory call = abi.encodeCall(IRiscV.step, (pack(pre), witness));
        // Padding of the witness is the call's end.
        for (uint256 i = 1; i <= (32 - witness.length % 32) % 32; ++i) {
            call[call.length - i] = 0xff;
        }
        (bool success, bytes memory answer) = address(riscv).staticcall(bytes.concat(call, noise(64, 4)));
        vm.assertTrue(success);
        vm.assertEq(abi.decode(answer, (bytes32)), keccak256(pack(post)), "dirty");
    }

    // BLOB.

    function test_blob_publishedOpenings() public view {
        string memory vectors = vm.readFile("test/vectors/kzg.json");
        string[] memory names = vm.parseJsonStringArray(vectors, ".names");
        uint256[] memory indices = vm.parseJsonUintArray(vectors, ".indices");
        uint256[] memory elements = vm.parseJsonUintArray(vectors, ".elements");
        bytes[] memory commitments = vm.parseJsonBytesArray(vectors, ".commitments");
        bytes[] memory proofs = vm.parseJsonBytesArray(vectors, ".proofs");
        vm.assertEq(names.length, 12);
        for (uint256 i = 0; i < names.length; ++i) {
            checkBlob(SOURCE, DESTINATION, uint64(indices[i]), elements[i], commitments[i], proofs[i]);
            // Of another index, it is refused.
            checkWrongBlob(uint64(indices[i]) ^ 1, elements[i], commitments[i], proofs[i]);
        }
    }

    /// @notice The blob of the polynomial X: each element is its root of unity, here by the modexp precompile.
    function test_blob_everyBitOfTheIndex() public view {
        uint64[18] memory indices =
            [uint64(0), 1, 2, 3, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4095, 1365, 2730, 0x9a7];
        for (uint256 i = 0; i < indices.length; ++i) {
            checkBlob(SOURCE, DESTINATION, indices[i], rootOfUnity(indices[i]), TAU, GENERATOR);
        }
    }

    function test_blob_rootsOfUnity() public view {
        for (uint256 i = 0; i < 4096; ++i) {
            this.checkRoot(i);
        }
    }

    function test_blob_places() public view {
        checkBlob(LAST_LEAF, 0, 5, rootOfUnity(5), TAU, GENERATOR);
        checkBlob(0, LAST_LEAF, 5, rootOfUnity(5), TAU, GENERATOR);
        checkBlob(SOURCE, SOURCE, 5, rootOfUnity(5), TAU, GENERATOR);
        checkBlob(SOURCE, PC, 5, rootOfUnity(5), TAU, GENERATOR);
    }

    function test_blob_badArguments_exit() public view {
        for (uint256 i = 0; i < badLeaves.length; ++i) {
            Machine memory pre = caller(BLOB, badLeaves[i], DESTINATION, 0);
            checkIllegal(pre, code(pre), "hash");
            pre = caller(BLOB, SOURCE, badLeaves[i], 0);
            checkIllegal(pre, code(pre), "destination");
        }
        uint64[4] memory indices = [uint64(4096), 1 << 32, 1 << 63, MAX];
        for (uint256 i = 0; i < indices.length; ++i) {
            Machine memory pre = caller(BLOB, SOURCE, DESTINATION, indices[i]);
            checkIllegal(pre, code(pre), "index");
        }
    }

    function test_blob_wrongOpening_reverts() public view {
        uint256 element = rootOfUnity(5);
        checkWrongBlob(5, element + 1, TAU, GENERATOR);
        // The same residue, written in another way.
        checkWrongBlob(5, element + R, TAU, GENERATOR);
        checkWrongBlob(5, element, TAU, TAU);
        checkWrongBlob(5, element, TAU, new bytes(48));
        // A commitment to something else has another hash, whose blob it is then.
        checkWrongBlob(5, element, GENERATOR, GENERATOR);
    }

    function test_blob_wrongHash_reverts() public {
        bytes32 hash = versionedHash(TAU);
        bytes32[3] memory wrong = [hash ^ bytes32(uint256(1)), hash ^ bytes32(uint256(3) << 248), bytes32(0)];
        for (uint256 i = 0; i < wrong.length; ++i) {
            Machine memory pre = caller(BLOB, SOURCE, DESTINATION, 5);
            pre.ram.setLeaf(SOURCE, wrong[i]);
            checkRefused(
                pack(pre),
                blobWitness(pre, SOURCE, DESTINATION, rootOfUnity(5), TAU, GENERATOR),
                abi.encodeWithSelector(IRiscV.WrongBlobOpening.selector, wrong[i], 5)
            );
        }
    }

    /// @notice Checks the root of unity of an index.
    function checkRoot(uint256 _index) external view {
        vm.assertEq(Kzg.root(_index), rootOfUnity(_index));
    }

    /// @notice Checks a PREIMAGE.
    function checkPreimage(uint64 _source, uint64 _destination, bytes memory _preimage, uint64 _offset)
        internal
        view
    {
        Machine memory pre = caller(PREIMAGE, _source, _destination, _offset);
        pre.ram.setLeaf(_destination, keccak256("overwritten"));
        if (_destination == PC) pre.ram.writeNumber(PC, 4, Assembler.ECALL);
        pre.ram.setLeaf(_source, keccak256(_preimage));
        bytes memory part = new bytes(32);
        for (uint256 i = 0; i < 32; ++i) {
            if (uint256(_offset) + i < _preimage.length) part[i] = _preimage[_offset + i];
        }
        Machine memory post = next(pre);
        post.ram.setLeaf(_destination, bytes32(part));
        post.x[A0] = uint64(_preimage.length);
        bytes memory witness = bytes.concat(code(pre, _source), pre.ram.proof(_destination), _preimage);
        check(pre, witness, post, "preimage");
    }

    /// @notice Checks a BLOB.
    function checkBlob(
        uint64 _source,
        uint64 _destination,
        uint64 _index,
        uint256 _element,
        bytes memory _commitment,
        bytes memory _proof
    ) internal view {
        Machine memory pre = caller(BLOB, _source, _destination, _index);
        pre.ram.setLeaf(_source, versionedHash(_commitment));
        Machine memory post = next(pre);
        post.ram.setLeaf(_destination, bytes32(_element));
        check(pre, blobWitness(pre, _source, _destination, _element, _commitment, _proof), post, "blob");
    }

    /// @notice Checks that the opening of a blob is refused.
    function checkWrongBlob(uint64 _index, uint256 _element, bytes memory _commitment, bytes memory _proof)
        internal
        view
    {
        Machine memory pre = caller(BLOB, SOURCE, DESTINATION, _index);
        bytes32 hash = versionedHash(_commitment);
        pre.ram.setLeaf(SOURCE, hash);
        bytes memory witness = blobWitness(pre, SOURCE, DESTINATION, _element, _commitment, _proof);
        try riscv.step(pack(pre), witness) {
            vm.assertTrue(false, "wrong opening");
        } catch (bytes memory error) {
            vm.assertEq(error, abi.encodeWithSelector(IRiscV.WrongBlobOpening.selector, hash, uint256(_index)));
        }
    }

    /// @notice Witness of a BLOB.
    function blobWitness(
        Machine memory _machine,
        uint64 _source,
        uint64 _destination,
        uint256 _element,
        bytes memory _commitment,
        bytes memory _proof
    ) internal pure returns (bytes memory witness_) {
        witness_ = bytes.concat(
            code(_machine, _source), _machine.ram.proof(_destination), bytes32(_element), _commitment, _proof
        );
    }

    /// @notice A blob's versioned hash.
    function versionedHash(bytes memory _commitment) internal pure returns (bytes32 hash_) {
        hash_ = bytes32(uint256(sha256(_commitment)) & (type(uint256).max >> 8) | 1 << 248);
    }

    /// @notice 7^((R - 1) / 4096 · reversed index) mod R.
    function rootOfUnity(uint256 _index) internal view returns (uint256 root_) {
        uint256 reversed = 0;
        for (uint256 i = 0; i < 12; ++i) {
            if (_index & (1 << i) != 0) reversed += 1 << (11 - i);
        }
        bytes memory input = abi.encode(32, 32, 32, 7, (R - 1) / 4096 * reversed, R);
        (bool success, bytes memory output) = address(5).staticcall(input);
        require(success, "modexp");
        root_ = abi.decode(output, (uint256));
    }
}
