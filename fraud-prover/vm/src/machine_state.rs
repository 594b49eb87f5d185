//! A machine's state, and its packed encoding.

use alloy_primitives::{B256, keccak256};

/// Bytes of a packed state.
pub const STATE_LENGTH: usize = 337;

/// The register that selects an ECALL: a7.
pub(crate) const A7: usize = 17;
/// The first argument register.
pub(crate) const A0: usize = 10;

/// Everything of a machine but its memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cpu {
    /// Registers; `x[0]` is always zero.
    pub x: [u64; 32],
    /// Address of the next instruction. Any value: a bad one exits when it is fetched.
    pub pc: u64,
    /// Instructions executed so far.
    pub step: u64,
    /// Whether the machine has stopped.
    pub exited: bool,
    /// The code it stopped with; 0 while it runs.
    pub exit_code: u64,
    /// What it has computed; zero while it runs.
    pub output: B256,
}

/// A machine's whole state: what a step leads from and to, and what disputes are about.
///
/// | offset | bytes | field |
/// |---|---|---|
/// | 0 | 32 | memory root |
/// | 32 | 8 | pc |
/// | 40 | 8 | step |
/// | 48 | 1 | exited |
/// | 49 | 8 | exit code |
/// | 57 | 32 | output |
/// | 89 | 248 | x1 … x31 |
///
/// Integers are big-endian.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// Root of the memory's tree.
    pub root: B256,
    /// All else.
    pub cpu: Cpu,
}

impl Cpu {
    /// The start of every run: zero, but for the program's entry and a0..a3, which hold the boot hash.
    #[must_use]
    pub fn start(entry: u64, boot_hash: B256) -> Self {
        let mut cpu =
            Self { x: [0; 32], pc: entry, step: 0, exited: false, exit_code: 0, output: B256::ZERO };
        let (words, _) = boot_hash.as_chunks();
        for (register, word) in cpu.x[A0..].iter_mut().zip(words) {
            *register = u64::from_be_bytes(*word);
        }
        cpu
    }

    /// Writes a register; x0 stays zero.
    pub(crate) fn set(&mut self, register: u8, value: u64) {
        if register != 0 {
            self.x[usize::from(register)] = value;
        }
    }

    /// Stops the machine.
    pub(crate) fn exit(&mut self, code: u64, output: B256) {
        self.exited = true;
        self.exit_code = code;
        self.output = output;
    }

    /// The value of a run that ended here, or ran out of steps here: the output of a machine that exited with code
    /// 0, otherwise ⊥, which is zero.
    #[must_use]
    pub fn value(&self) -> B256 {
        if self.exited && self.exit_code == 0 { self.output } else { B256::ZERO }
    }
}

impl State {
    /// The packed form.
    #[must_use]
    pub fn pack(&self) -> [u8; STATE_LENGTH] {
        let cpu = &self.cpu;
        let mut packed = [0; STATE_LENGTH];
        packed[..32].copy_from_slice(&self.root[..]);
        packed[32..40].copy_from_slice(&cpu.pc.to_be_bytes());
        packed[40..48].copy_from_slice(&cpu.step.to_be_bytes());
        packed[48] = cpu.exited.into();
        packed[49..57].copy_from_slice(&cpu.exit_code.to_be_bytes());
        packed[57..89].copy_from_slice(&cpu.output[..]);
        let (words, _) = packed[89..].as_chunks_mut();
        for (word, register) in words.iter_mut().zip(&cpu.x[1..]) {
            *word = register.to_be_bytes();
        }
        packed
    }

    /// Reads a packed state. `None` if it has another length, or its exited flag is neither 0 nor 1.
    #[must_use]
    pub fn unpack(packed: &[u8]) -> Option<Self> {
        let packed: &[u8; STATE_LENGTH] = packed.try_into().ok()?;
        let number = |at: usize| packed[at..at + 8].iter().fold(0, |n, byte| n << 8 | u64::from(*byte));
        let exited = match packed[48] {
            0 => false,
            1 => true,
            _ => return None,
        };
        let mut x = [0; 32];
        for (i, register) in x.iter_mut().enumerate().skip(1) {
            *register = number(81 + 8 * i);
        }
        Some(Self {
            root: B256::from_slice(&packed[..32]),
            cpu: Cpu {
                x,
                pc: number(32),
                step: number(40),
                exited,
                exit_code: number(49),
                output: B256::from_slice(&packed[57..89]),
            },
        })
    }

    /// The state hash: keccak256 of the packed form.
    #[must_use]
    pub fn hash(&self) -> B256 {
        keccak256(self.pack())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packs_as_the_table_says() {
        let boot = B256::from(core::array::from_fn(|i| i as u8 + 1));
        let mut state = State { root: B256::repeat_byte(7), cpu: Cpu::start(0x1234, boot) };
        let packed = state.pack();
        assert_eq!(packed[..32], [7; 32]);
        assert_eq!(packed[38..40], [0x12, 0x34]);
        assert_eq!(packed[161..193], boot[..], "a0..a3");
        assert!(packed[40..161].iter().chain(&packed[193..]).all(|byte| *byte == 0));
        state.cpu.x[31] = 0x0102;
        state.cpu.step = u64::MAX;
        state.cpu.exit(5, boot);
        let packed = state.pack();
        assert_eq!((packed[335], packed[336], packed[48], packed[56]), (1, 2, 1, 5));
        assert_eq!(packed[57..89], boot[..]);
        assert_eq!(State::unpack(&packed), Some(state));
    }

    #[test]
    fn refuses_other_lengths_and_flags() {
        let mut packed = State { root: B256::ZERO, cpu: Cpu::start(0, B256::ZERO) }.pack().to_vec();
        assert!(State::unpack(&packed[..336]).is_none());
        packed[48] = 2;
        assert!(State::unpack(&packed).is_none());
        packed[48] = 1;
        assert!(State::unpack(&packed).is_some());
        packed.push(0);
        assert!(State::unpack(&packed).is_none());
    }
}
