//! Checks a step from its witness alone: what the contract does, in Rust.
//!
//! Written from the table, apart from the interpreters: it shares with them the state's encoding, and the
//! accelerator's costs and precompiles, nothing else. It is total: any bytes give a hash or an error.

use crate::{
    accel,
    machine_state::{STATE_LENGTH, State},
};
use alloy_primitives::{B256, Bytes, U256, keccak256, uint};

/// Why a step is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WitnessError {
    /// The state has another length, or an exited flag that is neither 0 nor 1.
    #[error("not a packed state of {STATE_LENGTH} bytes")]
    State,
    /// The witness ends too early.
    #[error("the witness ends within its {0}")]
    Short(&'static str),
    /// The witness goes on behind what the step needs.
    #[error("{0} bytes too many")]
    Long(usize),
    /// A branch doesn't lead to the memory root.
    #[error("the branch of the {0} doesn't lead to the memory root")]
    Branch(&'static str),
    /// The preimage has another hash than its key.
    #[error("the preimage doesn't hash to its key")]
    Preimage,
    /// L1's point evaluation refuses the opening.
    #[error("the blob doesn't open to the element")]
    Opening,
}

/// Modulus of the scalar field of BLS12-381, from EIP-4844.
const BLS_MODULUS: U256 = uint!(0x73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001_U256);
/// A generator of the field's multiplicative group, from EIP-4844.
const PRIMITIVE_ROOT: U256 = uint!(7_U256);

/// Where a blob's polynomial has its element at an index below 4,096: ω to the bit-reversed index (EIP-4844).
pub(crate) fn evaluation_point(index: u16) -> U256 {
    let root = PRIMITIVE_ROOT.pow_mod((BLS_MODULUS - U256::ONE) / uint!(4096_U256), BLS_MODULUS);
    root.pow_mod(U256::from(index.reverse_bits() >> 4), BLS_MODULUS)
}

/// The hash of the state that follows a packed state, given the step's witness.
///
/// # Errors
/// If the witness isn't exactly what the step needs.
pub fn verify(state: &[u8], witness: &[u8]) -> Result<B256, WitnessError> {
    Ok(successor(state, witness)?.hash())
}

/// The state that follows a packed state, given the step's witness.
///
/// # Errors
/// If the witness isn't exactly what the step needs.
pub fn successor(state: &[u8], witness: &[u8]) -> Result<State, WitnessError> {
    let mut step =
        Step { state: State::unpack(state).ok_or(WitnessError::State)?, rest: witness, write: None };
    if !step.state.cpu.exited {
        step.execute()?;
    }
    match step.rest.len() {
        0 => Ok(step.state),
        more => Err(WitnessError::Long(more)),
    }
}

/// A step in progress.
struct Step<'a> {
    state: State,
    /// What of the witness has not been read.
    rest: &'a [u8],
    write: Option<Write>,
}

/// A part of the witness that may be written back.
struct Write {
    index: u32,
    siblings: Vec<B256>,
}

/// What an instruction does with pc.
enum Flow {
    Next,
    To(u64),
    Stop,
}

impl<'a> Step<'a> {
    fn execute(&mut self) -> Result<(), WitnessError> {
        let pc = self.state.cpu.pc;
        let flow = if pc >> 32 != 0 || pc & 3 != 0 {
            self.fail()
        } else {
            let leaf = self.leaf("instruction", pc)?;
            self.instruction(u32::from_le_bytes(part(&leaf, pc % 32)))?
        };
        let cpu = &mut self.state.cpu;
        match flow {
            Flow::Next => cpu.pc = pc.wrapping_add(4),
            Flow::To(target) => cpu.pc = target,
            Flow::Stop => {}
        }
        cpu.step = cpu.step.wrapping_add(1);
        Ok(())
    }

    /// Exit with code 2.
    fn fail(&mut self) -> Flow {
        self.stop(2, B256::ZERO)
    }

    fn stop(&mut self, code: u64, output: B256) -> Flow {
        let cpu = &mut self.state.cpu;
        (cpu.exited, cpu.exit_code, cpu.output) = (true, code, output);
        Flow::Stop
    }

    fn get(&self, register: u32) -> u64 {
        self.state.cpu.x[register as usize % 32]
    }

    fn put(&mut self, register: u32, value: u64) {
        if register & 31 != 0 {
            self.state.cpu.x[register as usize % 32] = value;
        }
    }

    fn instruction(&mut self, word: u32) -> Result<Flow, WitnessError> {
        let bits = |from: u32, count: u32| word >> from & ((1 << count) - 1);
        let signed = |value: u32, bits: u32| (i64::from(value) << (64 - bits) >> (64 - bits)) as u64;
        let (rd, funct3, rs1, rs2, funct7) = (bits(7, 5), bits(12, 3), bits(15, 5), bits(20, 5), bits(25, 7));
        let (a, b, pc) = (self.get(rs1), self.get(rs2), self.state.cpu.pc);
        let immediate = signed(bits(20, 12), 12);
        let result = match bits(0, 7) {
            0x37 => Some(signed(bits(12, 20) << 12, 32)),
            0x17 => Some(pc.wrapping_add(signed(bits(12, 20) << 12, 32))),
            0x6f => {
                let offset = bits(31, 1) << 20 | bits(12, 8) << 12 | bits(20, 1) << 11 | bits(21, 10) << 1;
                self.put(rd, pc.wrapping_add(4));
                return Ok(Flow::To(pc.wrapping_add(signed(offset, 21))));
            }
            0x67 if funct3 == 0 => {
                self.put(rd, pc.wrapping_add(4));
                return Ok(Flow::To(a.wrapping_add(immediate) & !1));
            }
            0x63 => {
                let taken = match funct3 {
                    0 => a == b,
                    1 => a != b,
                    4 => (a as i64) < (b as i64),
                    5 => (a as i64) >= (b as i64),
                    6 => a < b,
                    7 => a >= b,
                    _ => return Ok(self.fail()),
                };
                let offset = bits(31, 1) << 12 | bits(7, 1) << 11 | bits(25, 6) << 5 | bits(8, 4) << 1;
                return Ok(if taken { Flow::To(pc.wrapping_add(signed(offset, 13))) } else { Flow::Next });
            }
            0x03 if funct3 < 7 => return self.load(rd, funct3, a.wrapping_add(immediate)),
            0x23 if funct3 < 4 => {
                return self.store(funct3, a.wrapping_add(signed(funct7 << 5 | rd, 12)), b);
            }
            0x13 => immediate_64(funct3, bits(20, 12), a, immediate),
            0x1b => immediate_32(funct3, bits(20, 12), a, immediate),
            0x33 => register_64(funct7, funct3, a, b),
            0x3b => register_32(funct7, funct3, rs2, a, b),
            0x0f if funct3 == 0 => return Ok(Flow::Next),
            _ if word == 0x0000_0073 => return self.ecall(),
            _ => None,
        };
        let Some(result) = result else { return Ok(self.fail()) };
        self.put(rd, result);
        Ok(Flow::Next)
    }

    fn load(&mut self, rd: u32, funct3: u32, address: u64) -> Result<Flow, WitnessError> {
        let width = 1 << (funct3 & 3);
        if address >> 32 != 0 || !address.is_multiple_of(width) {
            return Ok(self.fail());
        }
        let leaf = self.leaf("loaded leaf", address)?;
        let at = address % 32;
        let value = match funct3 {
            0 => i64::from(i8::from_le_bytes(part(&leaf, at))) as u64,
            1 => i64::from(i16::from_le_bytes(part(&leaf, at))) as u64,
            2 => i64::from(i32::from_le_bytes(part(&leaf, at))) as u64,
            3 => u64::from_le_bytes(part(&leaf, at)),
            4 => u64::from(part::<1>(&leaf, at)[0]),
            5 => u64::from(u16::from_le_bytes(part(&leaf, at))),
            _ => u64::from(u32::from_le_bytes(part(&leaf, at))),
        };
        self.put(rd, value);
        Ok(Flow::Next)
    }

    fn store(&mut self, funct3: u32, address: u64, value: u64) -> Result<Flow, WitnessError> {
        let width = 1usize << funct3;
        if address >> 32 != 0 || !address.is_multiple_of(width as u64) {
            return Ok(self.fail());
        }
        let mut leaf = self.leaf("stored leaf", address)?;
        leaf[address as usize % 32..][..width].copy_from_slice(&value.to_le_bytes()[..width]);
        self.write_back(leaf);
        Ok(Flow::Next)
    }

    fn ecall(&mut self) -> Result<Flow, WitnessError> {
        let [a0, a1, a2, a7] = [10, 11, 12, 17].map(|register| self.get(register));
        let leaf = |pointer: u64| pointer >> 32 == 0 && pointer.is_multiple_of(32);
        match a7 {
            0 if leaf(a1) => {
                let output = if a1 == 0 { B256::ZERO } else { self.leaf("output", a1)? };
                Ok(self.stop(a0, output))
            }
            1 if leaf(a0) && leaf(a1) => {
                let key = self.leaf("key", a0)?;
                self.leaf("destination", a1)?;
                // The last part of the witness: all that is left.
                let preimage = std::mem::take(&mut self.rest);
                if keccak256(preimage) != key {
                    return Err(WitnessError::Preimage);
                }
                let mut bytes = B256::ZERO;
                for (i, byte) in bytes.iter_mut().enumerate() {
                    let at = u128::from(a2) + i as u128;
                    *byte = usize::try_from(at).ok().and_then(|at| preimage.get(at)).copied().unwrap_or(0);
                }
                self.write_back(bytes);
                self.put(10, preimage.len() as u64);
                Ok(Flow::Next)
            }
            2 if leaf(a0) && leaf(a1) && a2 < 4096 => {
                let hash = self.leaf("hash", a0)?;
                self.leaf("destination", a1)?;
                let element = self.take("element", 32)?;
                let opening = self.take("opening", 96)?;
                let z = evaluation_point(a2 as u16).to_be_bytes::<32>();
                let input = [&hash[..], &z, element, opening].concat();
                accel::run(accel::op::POINT_EVALUATION, &input).ok_or(WitnessError::Opening)?;
                self.write_back(B256::from_slice(element));
                Ok(Flow::Next)
            }
            3 if accel::exists(a0) && a1 >> 32 == 0 && a1.is_multiple_of(1024) && a2 <= 1024 => {
                let mut page = self.take("page", 1024)?.to_vec();
                self.branch("page", a1, page_root(&page), 22)?;
                let input = &page[..a2 as usize];
                if accel::cost(a0, input).is_none() {
                    return Ok(self.fail());
                }
                let output: Option<Bytes> = accel::run(a0, input);
                if let Some(output) = &output {
                    page[..output.len()].copy_from_slice(output);
                    self.write_back(page_root(&page));
                }
                self.put(10, output.is_some().into());
                self.put(11, output.map_or(0, |output| output.len() as u64));
                Ok(Flow::Next)
            }
            _ => Ok(self.fail()),
        }
    }

    /// The next bytes of the witness.
    fn take(&mut self, what: &'static str, length: usize) -> Result<&'a [u8], WitnessError> {
        let (part, rest) = self.rest.split_at_checked(length).ok_or(WitnessError::Short(what))?;
        self.rest = rest;
        Ok(part)
    }

    /// The leaf that holds an address, from the witness, checked by its branch.
    fn leaf(&mut self, what: &'static str, address: u64) -> Result<B256, WitnessError> {
        let leaf = B256::from_slice(self.take(what, 32)?);
        self.branch(what, address, leaf, 27)?;
        Ok(leaf)
    }

    /// Reads a branch of the node that holds an address, and checks that it leads to the memory root.
    fn branch(
        &mut self,
        what: &'static str,
        address: u64,
        node: B256,
        length: u32,
    ) -> Result<(), WitnessError> {
        let bytes = self.take(what, 32 * length as usize)?;
        let siblings = bytes.chunks_exact(32).map(B256::from_slice).collect();
        let write = Write { index: (address >> (32 - length)) as u32, siblings };
        if write.root(node) != self.state.root {
            return Err(WitnessError::Branch(what));
        }
        self.write = Some(write);
        Ok(())
    }

    /// Replaces the node whose branch was read last.
    fn write_back(&mut self, node: B256) {
        if let Some(write) = &self.write {
            self.state.root = write.root(node);
        }
    }
}

impl Write {
    /// The memory root with `node` in place.
    fn root(&self, node: B256) -> B256 {
        let levels = self.siblings.iter().enumerate();
        levels.fold(node, |node, (level, sibling)| {
            let (left, right) =
                if self.index >> level & 1 == 0 { (&node, sibling) } else { (sibling, &node) };
            keccak256([left.0, right.0].concat())
        })
    }
}

/// The root over a page's 32 leaves.
fn page_root(page: &[u8]) -> B256 {
    let mut nodes: Vec<B256> = page.chunks_exact(32).map(B256::from_slice).collect();
    while nodes.len() > 1 {
        nodes = nodes.chunks_exact(2).map(|pair| keccak256([pair[0].0, pair[1].0].concat())).collect();
    }
    nodes.first().copied().unwrap_or_default()
}

/// `N` bytes of a leaf; the callers' addresses are multiples of `N`.
fn part<const N: usize>(leaf: &B256, at: u64) -> [u8; N] {
    std::array::from_fn(|i| leaf[(at as usize + i) % 32])
}

fn word(value: u32) -> u64 {
    i64::from(value as i32) as u64
}

/// Opcode 0x13. `field` is the immediate as it stands in the instruction.
fn immediate_64(funct3: u32, field: u32, a: u64, immediate: u64) -> Option<u64> {
    let shift = field & 63;
    Some(match (funct3, field >> 6, field) {
        (0, ..) => a.wrapping_add(immediate),
        (2, ..) => u64::from((a as i64) < immediate as i64),
        (3, ..) => u64::from(a < immediate),
        (4, ..) => a ^ immediate,
        (6, ..) => a | immediate,
        (7, ..) => a & immediate,
        (1, 0b000000, _) => a << shift,
        (5, 0b000000, _) => a >> shift,
        (5, 0b010000, _) => (a as i64 >> shift) as u64,
        (5, 0b011000, _) => a.rotate_right(shift),
        (1, _, 0b0110_0000_0000) => a.leading_zeros().into(),
        (1, _, 0b0110_0000_0001) => a.trailing_zeros().into(),
        (1, _, 0b0110_0000_0010) => a.count_ones().into(),
        (1, _, 0b0110_0000_0100) => i64::from(a as i8) as u64,
        (1, _, 0b0110_0000_0101) => i64::from(a as i16) as u64,
        (5, _, 0b0010_1000_0111) => {
            u64::from_le_bytes(a.to_le_bytes().map(|byte| if byte == 0 { 0 } else { 255 }))
        }
        (5, _, 0b0110_1011_1000) => u64::from_be_bytes(a.to_le_bytes()),
        _ => return None,
    })
}

/// Opcode 0x1b.
fn immediate_32(funct3: u32, field: u32, a: u64, immediate: u64) -> Option<u64> {
    let (low, shift) = (a as u32, field & 31);
    Some(match (funct3, field >> 5, field) {
        (0, ..) => word(low.wrapping_add(immediate as u32)),
        (1, 0b0000000, _) => word(low << shift),
        (5, 0b0000000, _) => word(low >> shift),
        (5, 0b0100000, _) => word((low as i32 >> shift) as u32),
        (5, 0b0110000, _) => word(low.rotate_right(shift)),
        (1, 0b0000100 | 0b0000101, _) => u64::from(low) << (field & 63),
        (1, _, 0b0110_0000_0000) => low.leading_zeros().into(),
        (1, _, 0b0110_0000_0001) => low.trailing_zeros().into(),
        (1, _, 0b0110_0000_0010) => low.count_ones().into(),
        _ => return None,
    })
}

/// Opcode 0x33.
fn register_64(funct7: u32, funct3: u32, a: u64, b: u64) -> Option<u64> {
    let (sa, sb, shift) = (a as i64, b as i64, (b & 63) as u32);
    let high = |product: i128| (product >> 64) as u64;
    Some(match (funct7, funct3) {
        (0b0000000, 0) => a.wrapping_add(b),
        (0b0100000, 0) => a.wrapping_sub(b),
        (0b0000000, 1) => a << shift,
        (0b0000000, 2) => u64::from(sa < sb),
        (0b0000000, 3) => u64::from(a < b),
        (0b0000000, 4) => a ^ b,
        (0b0000000, 5) => a >> shift,
        (0b0100000, 5) => (sa >> shift) as u64,
        (0b0000000, 6) => a | b,
        (0b0000000, 7) => a & b,
        (0b0000001, 0) => a.wrapping_mul(b),
        (0b0000001, 1) => high(i128::from(sa) * i128::from(sb)),
        (0b0000001, 2) => high(i128::from(sa) * i128::from(b)),
        (0b0000001, 3) => ((u128::from(a) * u128::from(b)) >> 64) as u64,
        (0b0000001, 4) => sa.checked_div(sb).unwrap_or(if b == 0 { -1 } else { sa }) as u64,
        (0b0000001, 5) => a.checked_div(b).unwrap_or(u64::MAX),
        (0b0000001, 6) => sa.checked_rem(sb).unwrap_or(if b == 0 { sa } else { 0 }) as u64,
        (0b0000001, 7) => a.checked_rem(b).unwrap_or(a),
        (0b0010000, 2) => (a << 1).wrapping_add(b),
        (0b0010000, 4) => (a << 2).wrapping_add(b),
        (0b0010000, 6) => (a << 3).wrapping_add(b),
        (0b0100000, 4) => !(a ^ b),
        (0b0100000, 6) => a | !b,
        (0b0100000, 7) => a & !b,
        (0b0000101, 4) => sa.min(sb) as u64,
        (0b0000101, 5) => a.min(b),
        (0b0000101, 6) => sa.max(sb) as u64,
        (0b0000101, 7) => a.max(b),
        (0b0110000, 1) => a.rotate_left(shift),
        (0b0110000, 5) => a.rotate_right(shift),
        _ => return None,
    })
}

/// Opcode 0x3b.
fn register_32(funct7: u32, funct3: u32, rs2: u32, a: u64, b: u64) -> Option<u64> {
    let (la, lb, shift) = (a as u32, b as u32, (b & 31) as u32);
    let (sa, sb) = (la as i32, lb as i32);
    Some(match (funct7, funct3) {
        (0b0000000, 0) => word(la.wrapping_add(lb)),
        (0b0100000, 0) => word(la.wrapping_sub(lb)),
        (0b0000000, 1) => word(la << shift),
        (0b0000000, 5) => word(la >> shift),
        (0b0100000, 5) => word((sa >> shift) as u32),
        (0b0000001, 0) => word(la.wrapping_mul(lb)),
        (0b0000001, 4) => word(sa.checked_div(sb).unwrap_or(if lb == 0 { -1 } else { sa }) as u32),
        (0b0000001, 5) => word(la.checked_div(lb).unwrap_or(u32::MAX)),
        (0b0000001, 6) => word(sa.checked_rem(sb).unwrap_or(if lb == 0 { sa } else { 0 }) as u32),
        (0b0000001, 7) => word(la.checked_rem(lb).unwrap_or(la)),
        (0b0000100, 0) => u64::from(la).wrapping_add(b),
        (0b0000100, 4) if rs2 == 0 => a & 0xffff,
        (0b0010000, 2) => (u64::from(la) << 1).wrapping_add(b),
        (0b0010000, 4) => (u64::from(la) << 2).wrapping_add(b),
        (0b0010000, 6) => (u64::from(la) << 3).wrapping_add(b),
        (0b0110000, 1) => word(la.rotate_left(shift)),
        (0b0110000, 5) => word(la.rotate_right(shift)),
        _ => return None,
    })
}
