//! One step of the machine, explained.

use alloy::{
    primitives::{B256, Bytes, hex},
    sol_types::SolCall,
};
use bindings::IRiscV;
use serde::Serialize;
use stf::run::RunPhase;
use vm::{Form, Instruction};

use super::{bridged::L1Call, error::PageError, symbols::SourcePlace};
use crate::{
    game::{Claim, ClaimId, Game},
    truth::Proof,
};

/// Bytes of a leaf of the machine's memory: a witness begins with that of the instruction.
const LEAF: usize = 32;

/// The register in which the program says what it is doing: `tp`.
const PHASE: usize = 4;

/// Names of the registers, as people write them (RISC-V calling convention).
const NAMES: [&str; 32] = [
    "zero", "ra", "sp", "gp", "tp", "t0", "t1", "t2", "s0", "s1", "a0", "a1", "a2", "a3", "a4", "a5", "a6",
    "a7", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11", "t3", "t4", "t5", "t6",
];

/// A step.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct StepExplanation {
    block: u64,
    /// Its number, from 1.
    step: u64,
    claimed_before: B256,
    computed_before: B256,
    claimed: B256,
    computed: B256,
    before: Registers,
    after: Registers,
    pc: String,
    instruction: String,
    word: String,
    reads: Vec<Read>,
    phase: Option<Phase>,
    source: Option<SourcePlace>,
    witness: Witness,
    verifier: L1Call,
}

/// What the program is doing.
#[derive(Clone, Debug, Serialize)]
struct Phase {
    kind: PhaseKind,
    /// The transaction of the block that it executes, and its place.
    transaction: Option<B256>,
    place: Option<u64>,
}

#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
enum PhaseKind {
    Inputs,
    Deposits,
    Transaction,
    Seal,
}

impl Phase {
    fn of(phase: RunPhase, hash_of: impl FnOnce(u64) -> Option<B256>) -> Self {
        let (kind, place) = match phase {
            RunPhase::Inputs => (PhaseKind::Inputs, None),
            RunPhase::Deposits => (PhaseKind::Deposits, None),
            RunPhase::Transaction(place) => (PhaseKind::Transaction, Some(place)),
            RunPhase::Seal => (PhaseKind::Seal, None),
        };
        Self { kind, transaction: place.and_then(hash_of), place }
    }
}

#[derive(Clone, Debug, Serialize)]
struct Registers {
    pc: String,
    x: Vec<String>,
}

#[derive(Clone, Debug, Serialize)]
struct Read {
    address: String,
    value: String,
    register: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
struct Witness {
    state: Bytes,
    bytes: Bytes,
    size: usize,
}

/// Which step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct StepName {
    /// It commits to all that the claim says.
    pub(super) claim: ClaimId,
    pub(super) segment: u8,
    /// The batches that the game is about.
    pub(super) batch_acc: B256,
}

/// The value that a claim has before a segment.
fn before_of(claim: &Claim, segment: u8) -> B256 {
    let value = segment.checked_sub(1).map_or(Some(claim.agreed), |before| claim.value_after(before));
    value.unwrap_or_default()
}

/// Explains a step of a claim by its proof. `source_of` knows the program, `hash_of` the block's transactions by their places.
pub(super) fn explain(
    game: &Game,
    claim: &Claim,
    name: StepName,
    (block, step): (u64, u64),
    proof: &Proof,
    source_of: impl FnOnce(u64) -> Option<SourcePlace>,
    hash_of: impl FnOnce(u64) -> Option<B256>,
) -> Result<StepExplanation, PageError> {
    let before =
        vm::State::unpack(&proof.state).ok_or_else(|| PageError::internal("the machine's state is none"))?;
    let after = vm::successor(&proof.state, &proof.witness).map_err(PageError::internal)?;
    let at = (before.cpu.pc % LEAF as u64) as usize;
    let word =
        proof.witness.get(at..at + 4).and_then(|bytes| Some(u32::from_le_bytes(bytes.try_into().ok()?)));
    let instruction = word.and_then(Instruction::decode);
    let call = IRiscV::stepCall { state: proof.state.clone(), witness: proof.witness.clone() };
    Ok(StepExplanation {
        block,
        step: step + 1,
        claimed_before: before_of(claim, name.segment),
        computed_before: before.hash(),
        claimed: claim.value_after(name.segment).unwrap_or_default(),
        computed: after.hash(),
        pc: word_of(before.cpu.pc),
        instruction: instruction.map_or_else(|| "not an instruction".to_owned(), |of| text(&of)),
        word: word.map(|word| format!("{word:#010x}")).unwrap_or_default(),
        reads: instruction.map(|of| reads(&of, &before, &after)).unwrap_or_default(),
        before: registers(&before),
        after: registers(&after),
        phase: RunPhase::from_word(before.cpu.x[PHASE]).map(|phase| Phase::of(phase, hash_of)),
        source: source_of(before.cpu.pc),
        witness: Witness {
            state: proof.state.clone(),
            bytes: proof.witness.clone(),
            size: proof.witness.len(),
        },
        verifier: L1Call { to: game.parameters.verifier, data: call.abi_encode().into() },
    })
}

fn word_of(value: u64) -> String {
    format!("0x{}", hex::encode(value.to_be_bytes()))
}

fn registers(state: &vm::State) -> Registers {
    Registers { pc: word_of(state.cpu.pc), x: state.cpu.x.iter().map(|value| word_of(*value)).collect() }
}

/// What an instruction reads: registers, then memory, as a load has put it into its register.
fn reads(instruction: &Instruction, before: &vm::State, after: &vm::State) -> Vec<Read> {
    let form = instruction.op.form();
    let used = match form {
        Form::Register | Form::Store | Form::Branch => vec![instruction.rs1, instruction.rs2],
        Form::Load | Form::Immediate | Form::Shift | Form::ShiftWord | Form::Unary => vec![instruction.rs1],
        Form::Upper | Form::Jump | Form::Bare => Vec::new(),
    };
    let of = |state: &vm::State, register: u8| state.cpu.x[usize::from(register) % 32];
    let read = |register: u8| Read {
        address: format!("x{register}"),
        value: word_of(of(before, register)),
        register: Some(NAMES[usize::from(register) % 32].to_owned()),
    };
    let mut reads: Vec<Read> = used.into_iter().map(read).collect();
    // What is loaded into the register that is always zero is gone.
    if form == Form::Load && instruction.rd != 0 {
        let address = of(before, instruction.rs1).wrapping_add_signed(i64::from(instruction.imm));
        let value = word_of(of(after, instruction.rd));
        reads.push(Read { address: word_of(address), value, register: None });
    }
    reads
}

/// An instruction as people write it.
fn text(instruction: &Instruction) -> String {
    let Instruction { op, rd, rs1, rs2, imm } = *instruction;
    let name = mnemonic(&format!("{op:?}"));
    let of = |register: u8| NAMES[usize::from(register) % 32];
    match op.form() {
        Form::Register => format!("{name} {}, {}, {}", of(rd), of(rs1), of(rs2)),
        Form::Load => format!("{name} {}, {imm}({})", of(rd), of(rs1)),
        Form::Store => format!("{name} {}, {imm}({})", of(rs2), of(rs1)),
        Form::Branch => format!("{name} {}, {}, {imm:+}", of(rs1), of(rs2)),
        Form::Upper => format!("{name} {}, {:#x}", of(rd), imm as u32 >> 12),
        Form::Jump => format!("{name} {}, {imm:+}", of(rd)),
        Form::Immediate | Form::Shift | Form::ShiftWord => format!("{name} {}, {}, {imm}", of(rd), of(rs1)),
        Form::Unary => format!("{name} {}, {}", of(rd), of(rs1)),
        Form::Bare => name,
    }
}

/// The assembler's name of an operation: `sext.b` of `SextB`.
fn mnemonic(name: &str) -> String {
    let mut text = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !text.is_empty() {
            text.push('.');
        }
        text.extend(letter.to_lowercase());
    }
    text
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn instructions_are_written_as_an_assembler_takes_them() {
        for (word, expected) in [
            (0x0015_0593, "addi a1, a0, 1"),
            (0x00b5_0633, "add a2, a0, a1"),
            (0x0085_3283, "ld t0, 8(a0)"),
            (0xfe55_3c23, "sd t0, -8(a0)"),
            (0xfeb5_08e3, "beq a0, a1, -16"),
            (0x1234_52b7, "lui t0, 0x12345"),
            (0x6045_1513, "sext.b a0, a0"),
            (0x0000_0073, "ecall"),
        ] {
            assert_eq!(text(&Instruction::decode(word).unwrap()), expected);
        }
    }
}
