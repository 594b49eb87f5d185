// SPDX-License-Identifier: MIT
pragma solidity ^0.8.25;

/// @title IRiscV
/// @notice The fault proof VM: one step of it as a pure function of calldata. The VM (state, instructions,
///         environment calls, witness) is specified in `fraud-prover/vm/README.md`.
/// @dev Constructor of the implementation: `constructor()`. It runs every precompile that the VM may call once,
///      and reverts if one does not answer as it should. The contract has no storage, no owner and no funds.
interface IRiscV {
    /// @notice The packed state has another length than every state has.
    error WrongStateLength(uint256 expected, uint256 actual);
    /// @notice The exited flag of a state is 0 or 1.
    error ImpossibleExitedFlag(uint256 actual);
    /// @notice The step needs a witness of another length.
    /// @param expected The length that it needs; if `actual` is less, the length that it needs at least.
    /// @param actual The given witness's length.
    error WrongWitnessLength(uint256 expected, uint256 actual);
    /// @notice A leaf or a page of the witness, with its branch, does not hash to the state's memory root.
    /// @param pointer Address of the leaf's or the page's first byte.
    error WrongMemoryProof(uint256 pointer, bytes32 expectedRoot, bytes32 actualRoot);
    /// @notice The witness's preimage is not that of the key.
    error WrongPreimage(bytes32 expectedHash, bytes32 actualHash);
    /// @notice The witness does not open the blob with this versioned hash at this field element.
    error WrongBlobOpening(bytes32 versionedHash, uint256 index);
    /// @notice The call came with too little gas: a precompile could have failed for lack of it. A step that calls one
    ///         must come with four times its cost by the VM's table, and 200,000, most of which is not used.
    /// @param required Gas that must be available to the precompile and around it.
    /// @param available Gas that was.
    error NotEnoughGas(uint256 required, uint256 available);
    /// @notice The chain lacks this precompile, it answers wrongly, or it costs more than the VM gives it. The machine is
    ///         broken: it would prove wrong steps. Nothing else has this error, too little gas least of all.
    error PrecompileFailed(address precompile);
    /// @notice This operation calls no precompile, so nothing can fail.
    error NotAPrecompile(uint256 op);

    /// @notice Executes one step. Anyone may call; the result depends on the arguments alone.
    /// @dev Reverts if the state cannot be one, if the witness does not verify or has another length than the step
    ///      needs, and if there is too little gas: a caller must let a revert through, it says nothing about the step.
    ///      A step that goes wrong inside the VM does not revert: it exits with code 2.
    /// @param state The packed state before the step, 337 bytes.
    /// @param witness What the step reads, with proofs.
    /// @return postStateHash Hash of the packed state after the step.
    function step(bytes calldata state, bytes calldata witness) external view returns (bytes32 postStateHash);

    /// @notice Runs known answers of an operation again, the most expensive input that the VM runs among them. Reverts with
    ///         `PrecompileFailed` if one of them is wrong: an L1 fork has changed the precompile beyond what `step`
    ///         allows for. Anyone may call, with some 4.3 million gas for the most expensive ones.
    /// @param op An operation of ACCEL that is a precompile, by its address.
    function check(uint256 op) external view;
    /// @notice All operations that `check` takes.
    function operations() external pure returns (uint256[] memory);
}
