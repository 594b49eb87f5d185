// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IRiscV} from "../../interfaces/IRiscV.sol";
import {Accelerator} from "./Accelerator.sol";

/// @title KnownAnswers
/// @notice Runs the precompiles that the VM may call in the same way and with the same gas as the VM, on inputs whose
///         answers are known: a usual one, and the most expensive that the VM runs.
///         Usual inputs and answers are those of go-ethereum's precompile tests (core/vm/testdata/precompiles), and of the
///         standards for SHA-256, RIPEMD-160 and identity. Answers to expensive inputs follow from the definitions.
library KnownAnswers {
    /// @notice Number of operations that are precompiles.
    uint256 internal constant COUNT = 18;

    /// @notice The operation at an index below `COUNT`.
    function operation(uint256 _index) internal pure returns (uint256 op_) {
        op_ = _index < Accelerator.BLS_MAP_G2 ? _index + 1 : Accelerator.P256VERIFY;
    }

    /// @notice Reverts if the chain lacks an operation's precompile, if it answers wrongly, or if it costs more than the
    ///         VM gives it; with `PrecompileFailed` only in these cases. Too little gas reverts otherwise.
    function check(uint256 _op) internal view {
        // INVARIANT: only what can fail is checked, so that nobody takes silence for a check.
        if (!Accelerator.isKnown(_op) || _op == Accelerator.KECCAK256) revert IRiscV.NotAPrecompile(_op);
        (bytes memory input, bytes32 answerHash) = _usual(_op);
        _check(_op, input, answerHash);
        (input, answerHash) = _expensive(_op);
        if (input.length != 0) _check(_op, input, answerHash);
    }

    /// @notice A usual input, and the hash of its answer.
    function _usual(uint256 _op) private pure returns (bytes memory input_, bytes32 answerHash_) {
        if (_op < Accelerator.MODEXP || _op == Accelerator.BLAKE2F) return _hashes(_op);
        if (_op < Accelerator.BLS_G1_ADD || _op == Accelerator.P256VERIFY) return _numbers(_op);
        return _bls(_op);
    }

    /// @notice The most expensive input that the VM runs, where one costs more than another, and the hash of its answer.
    function _expensive(uint256 _op) private pure returns (bytes memory input_, bytes32 answerHash_) {
        if (_op == Accelerator.SHA256) {
            return (new bytes(1024), 0xdb5ed9078140efc3b29d7b693e593086f1dfb7ee0f6243339029af887bbfc92d);
        }
        if (_op == Accelerator.RIPEMD160) {
            return (new bytes(1024), 0x90c9121ec9be5d2ee84e2bc2a1c616e685560518171f696850348b0a6d9a427d);
        }
        if (_op == Accelerator.IDENTITY) {
            return (new bytes(1024), 0xb5d4d1df10388bbc208778ff02310db98fdaa68efed0b2068a9bef78bd3bfd74);
        }
        if (_op == Accelerator.BLAKE2F) {
            // A million rounds.
            return (
                bytes.concat(bytes4(uint32(Accelerator.MAX_GAS)), new bytes(208), hex"01"),
                0xf75eaeda90a89356852a632db3a3cfd54e22cb999fae13267e030603b34ddc5d
            );
        }
        if (_op == Accelerator.MODEXP) {
            // 0x0303…^(2^256 - 1) modulo 2^2816 - 1: 987,360 gas.
            bytes memory lengths = abi.encode(352, 32, 352);
            return (
                bytes.concat(lengths, _repeat(0x03, 352), bytes32(type(uint256).max), _repeat(0xff, 352)),
                0x5e2172d7c36ee02e1188f549c12ba00c25d49ff8e6a53997a5577e28e9d3f127
            );
        }
        // As many points at infinity as there is room for.
        if (_op == Accelerator.BN254_PAIRING) {
            return (new bytes(5 * 192), 0xb10e2d527612073b26eecdfd717e6a320cf44b4afac2b0732d9fcbe2b7fa0cf6);
        }
        if (_op == Accelerator.BLS_G1_MSM) {
            return (new bytes(6 * 160), 0x012893657d8eb2efad4de0a91bcd0e39ad9837745dec3ea923737ea803fc8e3d);
        }
        if (_op == Accelerator.BLS_G2_MSM) {
            return (new bytes(3 * 288), 0xd397b3b043d87fcd6fad1291ff0bfd16401c274896d8c63a923727f077b8e0b5);
        }
    }

    /// @notice Signatures of secp256k1, and hashes.
    function _hashes(uint256 _op) private pure returns (bytes memory input_, bytes32 answerHash_) {
        if (_op == Accelerator.ECRECOVER) {
            // A valid signature.
            return (
                hex"18c547e4f7b0f325ad1e56f57e26c745b09a3e503d86e00e5255ff7f715d3d1c"
                hex"000000000000000000000000000000000000000000000000000000000000001c"
                hex"73b1693892219d736caba55bdb67216e485557ea6b6af75f37096c9aa6a5a75f"
                hex"eeb940b1d03b21e36b0e47e79769f095fe2ab855bd91e3a38756b7d75a9c4549",
                0xfdd74fa3d345d4028b5e3a80e42fd6abd1df2b197c668474edb274e1e660f90c
            );
        }
        if (_op == Accelerator.SHA256) {
            // "abc".
            return (hex"616263", 0x6b273558f4f016a3b91f5cf0212643032119bfd15a1916c9cac11687abc63406);
        }
        if (_op == Accelerator.RIPEMD160) {
            // "abc".
            return (hex"616263", 0x592a51638107489045cfa238beadd9f3d5cb8c97da92d72d854fd683783f08f2);
        }
        if (_op == Accelerator.IDENTITY) {
            // "abc".
            return (hex"616263", 0x4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45);
        }
        // Accelerator.BLAKE2F.
        // Twelve rounds, as BLAKE2b("abc") has them.
        return (
            hex"0000000c48c9bdf267e6096a3ba7ca8485ae67bb2bf894fe72f36e3cf1361d5f"
            hex"3af54fa5d182e6ad7f520e511f6c3e2b8c68059b6bbd41fbabd9831f79217e13"
            hex"19cde05b61626300000000000000000000000000000000000000000000000000"
            hex"0000000000000000000000000000000000000000000000000000000000000000"
            hex"0000000000000000000000000000000000000000000000000000000000000000"
            hex"0000000000000000000000000000000000000000000000000000000000000000"
            hex"000000000300000000000000000000000000000001",
            0xd4c8e8eb15f89aad8b378137af3e5bb15c058352bbb40e7579e4ca376f8ffceb
        );
    }

    /// @notice Modular arithmetic, bn254, KZG, signatures of secp256r1.
    function _numbers(uint256 _op) private pure returns (bytes memory input_, bytes32 answerHash_) {
        if (_op == Accelerator.MODEXP) {
            // 3^(p - 1) mod p = 1, p = 2^256 - 2^32 - 977.
            return (
                hex"0000000000000000000000000000000000000000000000000000000000000001"
                hex"0000000000000000000000000000000000000000000000000000000000000020"
                hex"0000000000000000000000000000000000000000000000000000000000000020"
                hex"03fffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc"
                hex"2efffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc" hex"2f",
                0xb10e2d527612073b26eecdfd717e6a320cf44b4afac2b0732d9fcbe2b7fa0cf6
            );
        }
        if (_op == Accelerator.BN254_ADD) {
            // Two points.
            return (
                hex"18b18acfb4c2c30276db5411368e7185b311dd124691610c5d3b74034e093dc9"
                hex"063c909c4720840cb5134cb9f59fa749755796819658d32efc0d288198f37266"
                hex"07c2b7f58a84bd6145f00c9c2bc0bb1a187f20ff2c92963a88019e7c6a014eed"
                hex"06614e20c147e940f2d70da3f74c9a17df361706a4485c742bd6788478fa17d7",
                0xe3630f24ea42ab9a2526cb2d035468390fed1f34d7924f0d92cafdd0dc666a5a
            );
        }
        if (_op == Accelerator.BN254_MUL) {
            // A point and a scalar.
            return (
                hex"2bd3e6d0f3b142924f5ca7b49ce5b9d54c4703d7ae5648e61d02268b1a0a9fb7"
                hex"21611ce0a6af85915e2f1d70300909ce2e49dfad4a4619c8390cae66cefdb204"
                hex"00000000000000000000000000000000000000000000000011138ce750fa15c2",
                0x982857baff9860f64daceb2d1ee8e1ca532e8c4942ae37ede1a4c043e80a67e5
            );
        }
        if (_op == Accelerator.BN254_PAIRING) {
            // Two pairs whose product is one.
            return (
                hex"1c76476f4def4bb94541d57ebba1193381ffa7aa76ada664dd31c16024c43f59"
                hex"3034dd2920f673e204fee2811c678745fc819b55d3e9d294e45c9b03a76aef41"
                hex"209dd15ebff5d46c4bd888e51a93cf99a7329636c63514396b4a452003a35bf7"
                hex"04bf11ca01483bfa8b34b43561848d28905960114c8ac04049af4b6315a41678"
                hex"2bb8324af6cfc93537a2ad1a445cfd0ca2a71acd7ac41fadbf933c2a51be344d"
                hex"120a2a4cf30c1bf9845f20c6fe39e07ea2cce61f0c9bb048165fe5e4de877550"
                hex"111e129f1cf1097710d41c4ac70fcdfa5ba2023c6ff1cbeac322de49d1b6df7c"
                hex"2032c61a830e3c17286de9462bf242fca2883585b93870a73853face6a6bf411"
                hex"198e9393920d483a7260bfb731fb5d25f1aa493335a9e71297e485b7aef312c2"
                hex"1800deef121f1e76426a00665e5c4479674322d4f75edadd46debd5cd992f6ed"
                hex"090689d0585ff075ec9e99ad690c3395bc4b313370b38ef355acdadcd122975b"
                hex"12c85ea5db8c6deb4aab71808dcb408fe3d1e7690c43d37b4ce6cc0166fa7daa",
                0xb10e2d527612073b26eecdfd717e6a320cf44b4afac2b0732d9fcbe2b7fa0cf6
            );
        }
        if (_op == Accelerator.POINT_EVALUATION) {
            // An opening of a blob.
            return (
                hex"01e798154708fe7789429634053cbf9f99b619f9f084048927333fce637f549b"
                hex"564c0a11a0f704f4fc3e8acfe0f8245f0ad1347b378fbf96e206da11a5d36306"
                hex"24d25032e67a7e6a4910df5834b8fe70e6bcfeeac0352434196bdf4b2485d5a1"
                hex"8f59a8d2a1a625a17f3fea0fe5eb8c896db3764f3185481bc22f91b4aaffcca2"
                hex"5f26936857bc3a7c2539ea8ec3a952b7873033e038326e87ed3e1276fd140253"
                hex"fa08e9fc25fb2d9a98527fc22a2c9612fbeafdad446cbc7bcdbdcd780af2c16a",
                0xb2157d3a40131b14c4c675335465dffde802f0ce5218ad012284d7f275d1b37c
            );
        }
        // Accelerator.P256VERIFY.
        // A valid signature.
        return (
            hex"4cee90eb86eaa050036147a12d49004b6b9c72bd725d39d4785011fe190f0b4d"
            hex"a73bd4903f0ce3b639bbbf6e8e80d16931ff4bcf5993d58468e8fb19086e8cac"
            hex"36dbcd03009df8c59286b162af3bd7fcc0450c9aa81be5d10d312af6c66b1d60"
            hex"4aebd3099c618202fcfe16ae7770b0c49ab5eadf74b754204a3bb6060e44eff3"
            hex"7618b065f9832de4ca6ca971a7a1adc826d0f7c00181a5fb2ddf79ae00b4e10e",
            0xb10e2d527612073b26eecdfd717e6a320cf44b4afac2b0732d9fcbe2b7fa0cf6
        );
    }

    /// @notice BLS12-381.
    function _bls(uint256 _op) private pure returns (bytes memory input_, bytes32 answerHash_) {
        if (_op == Accelerator.BLS_G1_ADD) {
            // 2 g + 3 g.
            return (
                hex"000000000000000000000000000000000572cbea904d67468808c8eb50a9450c"
                hex"9721db309128012543902d0ac358a62ae28f75bb8f1c7c42c39a8c5529bf0f4e"
                hex"00000000000000000000000000000000166a9d8cabc673a322fda673779d8e38"
                hex"22ba3ecb8670e461f73bb9021d5fd76a4c56d9d4cd16bd1bba86881979749d28"
                hex"0000000000000000000000000000000009ece308f9d1f0131765212deca99697"
                hex"b112d61f9be9a5f1f3780a51335b3ff981747a0b2ca2179b96d2c0c9024e5224"
                hex"00000000000000000000000000000000032b80d3a6f5b09f8a84623389c5f80c"
                hex"a69a0cddabc3097f9d9c27310fd43be6e745256c634af45ca3473b0590ae30d1",
                0x9709e151a0da3df4f5a4eb9ef53054377d48d783b90a800fc0e65c80467dfa13
            );
        }
        if (_op == Accelerator.BLS_G1_MSM) {
            // 2 g.
            return (
                hex"0000000000000000000000000000000017f1d3a73197d7942695638c4fa9ac0f"
                hex"c3688c4f9774b905a14e3a3f171bac586c55e83ff97a1aeffb3af00adb22c6bb"
                hex"0000000000000000000000000000000008b3f481e3aaa0f1a09e30ed741d8ae4"
                hex"fcf5e095d5d00af600db18cb2c04b3edd03cc744a2888ae40caa232946c5e7e1"
                hex"0000000000000000000000000000000000000000000000000000000000000002",
                0xd2b0d7b43ce993a817a069205ed3d7a139117befb9c0865d520f91ba88ac133b
            );
        }
        if (_op == Accelerator.BLS_G2_ADD) {
            // 2 g + 3 g.
            return (
                hex"000000000000000000000000000000001638533957d540a9d2370f17cc7ed586"
                hex"3bc0b995b8825e0ee1ea1e1e4d00dbae81f14b0bf3611b78c952aacab827a053"
                hex"000000000000000000000000000000000a4edef9c1ed7f729f520e47730a124f"
                hex"d70662a904ba1074728114d1031e1572c6c886f6b57ec72a6178288c47c33577"
                hex"000000000000000000000000000000000468fb440d82b0630aeb8dca2b525678"
                hex"9a66da69bf91009cbfe6bd221e47aa8ae88dece9764bf3bd999d95d71e4c9899"
                hex"000000000000000000000000000000000f6d4552fa65dd2638b361543f887136"
                hex"a43253d9c66c411697003f7a13c308f5422e1aa0a59c8967acdefd8b6e36ccf3"
                hex"00000000000000000000000000000000122915c824a0857e2ee414a3dccb23ae"
                hex"691ae54329781315a0c75df1c04d6d7a50a030fc866f09d516020ef82324afae"
                hex"0000000000000000000000000000000009380275bbc8e5dcea7dc4dd7e0550ff"
                hex"2ac480905396eda55062650f8d251c96eb480673937cc6d9d6a44aaa56ca66dc"
                hex"000000000000000000000000000000000b21da7955969e61010c7a1abc1a6f01"
                hex"36961d1e3b20b1a7326ac738fef5c721479dfd948b52fdf2455e44813ecfd892"
                hex"0000000000000000000000000000000008f239ba329b3967fe48d718a36cfe5f"
                hex"62a7e42e0bf1c1ed714150a166bfbd6bcf6b3b58b975b9edea56d53f23a0e849",
                0x3411c94ac23143e77aeeebce89382af926f916374e9c3006c305717b8087b726
            );
        }
        if (_op == Accelerator.BLS_G2_MSM) {
            // 2 g.
            return (
                hex"00000000000000000000000000000000024aa2b2f08f0a91260805272dc51051"
                hex"c6e47ad4fa403b02b4510b647ae3d1770bac0326a805bbefd48056c8c121bdb8"
                hex"0000000000000000000000000000000013e02b6052719f607dacd3a088274f65"
                hex"596bd0d09920b61ab5da61bbdc7f5049334cf11213945d57e5ac7d055d042b7e"
                hex"000000000000000000000000000000000ce5d527727d6e118cc9cdc6da2e351a"
                hex"adfd9baa8cbdd3a76d429a695160d12c923ac9cc3baca289e193548608b82801"
                hex"000000000000000000000000000000000606c4a02ea734cc32acd2b02bc28b99"
                hex"cb3e287e85a763af267492ab572e99ab3f370d275cec1da1aaa9075ff05f79be"
                hex"0000000000000000000000000000000000000000000000000000000000000002",
                0xca1308ad7babea380be417af0920e37dad333649603f01c9f44687ede587e7f9
            );
        }
        if (_op == Accelerator.BLS_PAIRING) {
            // e(2 g₁, 3 g₂) = e(6 g₁, g₂).
            return (
                hex"000000000000000000000000000000000572cbea904d67468808c8eb50a9450c"
                hex"9721db309128012543902d0ac358a62ae28f75bb8f1c7c42c39a8c5529bf0f4e"
                hex"00000000000000000000000000000000166a9d8cabc673a322fda673779d8e38"
                hex"22ba3ecb8670e461f73bb9021d5fd76a4c56d9d4cd16bd1bba86881979749d28"
                hex"00000000000000000000000000000000122915c824a0857e2ee414a3dccb23ae"
                hex"691ae54329781315a0c75df1c04d6d7a50a030fc866f09d516020ef82324afae"
                hex"0000000000000000000000000000000009380275bbc8e5dcea7dc4dd7e0550ff"
                hex"2ac480905396eda55062650f8d251c96eb480673937cc6d9d6a44aaa56ca66dc"
                hex"000000000000000000000000000000000b21da7955969e61010c7a1abc1a6f01"
                hex"36961d1e3b20b1a7326ac738fef5c721479dfd948b52fdf2455e44813ecfd892"
                hex"0000000000000000000000000000000008f239ba329b3967fe48d718a36cfe5f"
                hex"62a7e42e0bf1c1ed714150a166bfbd6bcf6b3b58b975b9edea56d53f23a0e849"
                hex"0000000000000000000000000000000006e82f6da4520f85c5d27d8f329eccfa"
                hex"05944fd1096b20734c894966d12a9e2a9a9744529d7212d33883113a0cadb909"
                hex"0000000000000000000000000000000017d81038f7d60bee9110d9c0d6d1102f"
                hex"e2d998c957f28e31ec284cc04134df8e47e8f82ff3af2e60a6d9688a4563477c"
                hex"00000000000000000000000000000000024aa2b2f08f0a91260805272dc51051"
                hex"c6e47ad4fa403b02b4510b647ae3d1770bac0326a805bbefd48056c8c121bdb8"
                hex"0000000000000000000000000000000013e02b6052719f607dacd3a088274f65"
                hex"596bd0d09920b61ab5da61bbdc7f5049334cf11213945d57e5ac7d055d042b7e"
                hex"000000000000000000000000000000000d1b3cc2c7027888be51d9ef691d77bc"
                hex"b679afda66c73f17f9ee3837a55024f78c71363275a75d75d86bab79f74782aa"
                hex"0000000000000000000000000000000013fa4d4a0ad8b1ce186ed5061789213d"
                hex"993923066dddaf1040bc3ff59f825c78df74f2d75467e25e0f55f8a00fa030ed",
                0xb10e2d527612073b26eecdfd717e6a320cf44b4afac2b0732d9fcbe2b7fa0cf6
            );
        }
        if (_op == Accelerator.BLS_MAP_G1) {
            // A field element.
            return (
                hex"0000000000000000000000000000000014406e5bfb9209256a3820879a29ac2f"
                hex"62d6aca82324bf3ae2aa7d3c54792043bd8c791fccdb080c1a52dc68b8b69350",
                0xe249c359eaaed08fd4d293922d5b086c61214bd5759e805a3179a4c4aaa62473
            );
        }
        // Accelerator.BLS_MAP_G2.
        // A field element.
        return (
            hex"0000000000000000000000000000000014406e5bfb9209256a3820879a29ac2f"
            hex"62d6aca82324bf3ae2aa7d3c54792043bd8c791fccdb080c1a52dc68b8b69350"
            hex"000000000000000000000000000000000e885bb33996e12f07da69073e2c0cc8"
            hex"80bc8eff26d2a724299eb12d54f4bcf26f4748bb020e80a7e3794a7b0e47a641",
            0x49cf10aecd3b9fe12b9b941b0565ba4ae0147db013d80220725a52bcbc6ef037
        );
    }

    /// @notice So many times the same byte.
    function _repeat(bytes1 _value, uint256 _length) private pure returns (bytes memory filled_) {
        filled_ = new bytes(_length);
        for (uint256 i = 0; i < _length; ++i) {
            filled_[i] = _value;
        }
    }

    /// @notice Reverts unless a precompile gives an answer, told by its hash.
    function _check(uint256 _op, bytes memory _input, bytes32 _answerHash) private view {
        uint256 page;
        assembly ("memory-safe") {
            page := mload(0x40)
            mstore(0x40, add(page, 1024)) // a page
            mcopy(page, add(_input, 32), mload(_input))
        }
        uint256 cost = Accelerator.cost(_op, page, _input.length);
        (bool success, uint256 length) = Accelerator.run(_op, page, _input.length, cost);
        bytes32 actual;
        assembly ("memory-safe") {
            actual := keccak256(page, length)
        }
        // INVARIANT: where a precompile is missing, calls to its address succeed with an empty answer. A step that
        // relied on such a call would prove whatever the caller likes.
        if (!success || actual != _answerHash) revert IRiscV.PrecompileFailed(address(uint160(_op)));
    }
}
