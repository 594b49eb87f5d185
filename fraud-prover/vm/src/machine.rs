//! A running program.

use crate::{
    accel,
    code::Code,
    fast::{self, Left, Registers},
    flat::{Flat, PAGE_BYTES},
    host::{Host, HostError},
    image::Image,
    isa::Instruction,
    machine_state::{Cpu, State},
    reference::{self, Access, Memory, PreimageCache},
    tree::Tree,
    witness::{Provable, StepWitness, prove},
};
use alloy_primitives::B256;
use std::{
    collections::BTreeMap,
    io,
    panic::resume_unwind,
    sync::{Arc, mpsc},
    thread,
};

/// How many steps' changes may wait to be hashed before the machine waits for them. Each takes as much memory as was
/// written since the one before.
const CHANGES_WAITING: usize = 2;

/// A machine that runs a program, from its start or from a snapshot.
pub struct Machine<H> {
    image: Image,
    cpu: Cpu,
    /// Memory as it is now.
    memory: Flat,
    /// Memory as it was hashed last; behind `memory` by the pages that are marked there.
    tree: Tree,
    /// The image's code, or a copy of its own if the program has written to it.
    code: Arc<Code>,
    host: H,
    cache: PreimageCache,
    calls: BTreeMap<Call, u64>,
    log: Option<Vec<(u64, Call)>>,
}

/// A machine at a step, to go on from. Clones share their memory, and snapshots of one run what has not changed
/// between them.
#[derive(Clone)]
pub struct Snapshot {
    image: Image,
    cpu: Cpu,
    tree: Tree,
}

/// An ECALL that a program has made. Those that exit the machine with code 2 don't count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Call {
    /// HALT.
    Halt,
    /// PREIMAGE.
    Preimage,
    /// BLOB.
    Blob,
    /// ACCEL with this operation.
    Accel(u64),
}

/// How far a run came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunOutcome {
    /// Steps from the program's start.
    pub steps: u64,
    /// The exit code; `None` if the machine still runs.
    pub exit: Option<u64>,
    /// The output; zero while it runs.
    pub output: B256,
    /// The run's value: the output of an exit with code 0, otherwise ⊥ (zero).
    pub value: B256,
}

/// Why a machine can't do what it is asked.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The host lacks something. The machine is as it was before the step, and can go on once the host has it.
    #[error(transparent)]
    Host(#[from] HostError),
    /// A step that the machine has passed already.
    #[error("asked for step {asked}, but the machine is at step {at}")]
    Past {
        /// The step asked for.
        asked: u64,
        /// Where the machine is.
        at: u64,
    },
    /// The system gave no address space, or no thread.
    #[error("the system gives the machine no memory or no thread")]
    System(#[from] io::Error),
}

impl<H: Host> Machine<H> {
    /// A machine at the start of a program.
    ///
    /// # Errors
    /// If the system gives no address space (4 GiB, of which only what is touched takes memory).
    pub fn new(image: &Image, boot_hash: B256, host: H) -> Result<Self, RunError> {
        let State { cpu, .. } = image.start(boot_hash);
        Self::resume(&Snapshot { image: image.clone(), cpu, tree: image.tree.clone() }, host)
    }

    /// A machine that goes on from a snapshot.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn resume(snapshot: &Snapshot, host: H) -> Result<Self, RunError> {
        let Snapshot { image, cpu, tree } = snapshot.clone();
        let mut memory = Flat::new(image.code.range())?;
        tree.for_each_page(|number, page| memory.fill(number, page));
        let mut code = image.code.clone();
        // Code that the program had changed before the snapshot.
        let mut changed = Vec::new();
        let range = code.range();
        tree.differing(Some(&image.tree), &mut |number, _| {
            let address = number * PAGE_BYTES as u32;
            if u64::from(address) + PAGE_BYTES as u64 > range.start && u64::from(address) < range.end {
                changed.push((address, PAGE_BYTES as u32));
            }
        });
        Code::refresh(&mut code, &memory, &changed);
        let (cache, calls) = (PreimageCache::default(), BTreeMap::new());
        Ok(Self { image, cpu, memory, tree, code, host, cache, calls, log: None })
    }

    /// Runs until the machine exits or has made `max_steps` steps in all, since the program's start.
    ///
    /// # Errors
    /// If the host lacks something.
    pub fn run(&mut self, max_steps: u64) -> Result<RunOutcome, RunError> {
        self.advance(max_steps)?;
        let Cpu { step, exited, exit_code, output, .. } = self.cpu;
        Ok(RunOutcome { steps: step, exit: exited.then_some(exit_code), output, value: self.cpu.value() })
    }

    /// Runs to exactly this step, counted from the program's start; an exited machine stays at its last one.
    ///
    /// # Errors
    /// If the machine has passed it, or the host lacks something.
    pub fn run_to(&mut self, step: u64) -> Result<(), RunError> {
        if step < self.cpu.step && !self.cpu.exited {
            return Err(RunError::Past { asked: step, at: self.cpu.step });
        }
        self.advance(step)
    }

    /// The hashes of the states at these steps, which must not decrease. Behind its exit, a machine's state stays.
    ///
    /// Hashing happens on a thread of its own, while the machine runs on.
    ///
    /// # Errors
    /// As [`Self::run_to`]; or if the system gives no thread.
    pub fn states_at(&mut self, steps: &[u64]) -> Result<Vec<B256>, RunError> {
        let mut tree = std::mem::replace(&mut self.tree, Tree::new());
        let states = thread::scope(|scope| {
            let (sender, receiver) = mpsc::sync_channel::<Changes>(CHANGES_WAITING);
            let tree = &mut tree;
            let hash = move || receiver.iter().map(|changes| changes.hash(tree)).collect::<Vec<_>>();
            let hasher = thread::Builder::new().spawn_scoped(scope, hash)?;
            for step in steps {
                self.run_to(*step)?;
                // Fails only if the thread has panicked, which joining it tells.
                let _ = sender.send(self.take_changes());
            }
            drop(sender);
            hasher.join().or_else(|panic| resume_unwind(panic))
        });
        self.tree = tree;
        states
    }

    /// The state as it is now.
    pub fn state(&mut self) -> State {
        self.sync();
        State { root: self.tree.root(), cpu: self.cpu.clone() }
    }

    /// Everything but memory, as it is now.
    pub fn cpu(&self) -> &Cpu {
        &self.cpu
    }

    /// Some bytes of memory as they are now, from an address that is a multiple of their number.
    pub fn load<const N: usize>(&self, address: u32) -> [u8; N] {
        self.memory.load(address)
    }

    /// The instruction that the next step executes; `None` if that step exits the machine for lack of one.
    pub fn next_instruction(&self) -> Option<Instruction> {
        let pc = u32::try_from(self.cpu.pc).ok().filter(|pc| pc.is_multiple_of(4))?;
        Instruction::decode(u32::from_le_bytes(self.memory.load(pc)))
    }

    /// The machine as it is now, to go on from later.
    pub fn snapshot(&mut self) -> Snapshot {
        self.sync();
        Snapshot { image: self.image.clone(), cpu: self.cpu.clone(), tree: self.tree.clone() }
    }

    /// The witness of the next step, and the state it leads to. The machine stays where it is.
    ///
    /// # Errors
    /// If the host lacks something.
    pub fn witness(&mut self) -> Result<StepWitness, RunError> {
        let state = self.state();
        Ok(prove(&state, &self.tree, &mut self.host, &mut self.cache)?)
    }

    /// Pages of 4 KiB that hold what the program started with, or that it has written. Memory that the process
    /// needs for it is about three times that: as it is now, as it was hashed, and the hashes.
    pub fn pages(&mut self) -> usize {
        self.sync();
        self.tree.pages()
    }

    /// How often each ECALL was made, since the machine was made.
    pub fn calls(&self) -> &BTreeMap<Call, u64> {
        &self.calls
    }

    /// Notes the step of every ECALL from now on: 24 bytes each.
    pub fn log_calls(&mut self) {
        self.log = Some(Vec::new());
    }

    /// The ECALLs noted, as (step before it, call). The witness of that step proves the call.
    pub fn logged_calls(&self) -> &[(u64, Call)] {
        self.log.as_deref().unwrap_or_default()
    }

    /// What it reads from.
    pub fn host(&mut self) -> &mut H {
        &mut self.host
    }

    fn advance(&mut self, to: u64) -> Result<(), RunError> {
        let mut registers: Registers = [0; 256];
        registers[..32].copy_from_slice(&self.cpu.x);
        let mut result = Ok(());
        while result.is_ok() && !self.cpu.exited && self.cpu.step < to {
            if let Some(index) = self.code.index(self.cpu.pc)
                && let limit = self.code.limit(index, to - self.cpu.step)
                && limit > 0
            {
                let memory = self.memory.window();
                let (index, steps, left) = fast::run(&self.code, &mut registers, memory, index, limit);
                self.cpu.step += steps;
                self.cpu.pc = self.code.range().start + 4 * u64::from(index);
                if left == Left::Limit || self.cpu.step == to {
                    continue;
                }
            }
            self.cpu.x.copy_from_slice(&registers[..32]);
            result = self.step_plainly();
            registers[..32].copy_from_slice(&self.cpu.x);
        }
        self.cpu.x.copy_from_slice(&registers[..32]);
        result
    }

    /// Makes one step with the reference interpreter.
    pub(crate) fn step_plainly(&mut self) -> Result<(), RunError> {
        let step = self.cpu.step;
        let access = reference::step(&mut self.cpu, &mut self.memory, &mut self.host, &mut self.cache)?;
        self.note(step, &access);
        if self.memory.has_code_stores() {
            let stores = self.memory.take_code_stores();
            Code::refresh(&mut self.code, &self.memory, &stores);
        }
        Ok(())
    }

    fn note(&mut self, step: u64, access: &Access) {
        let call = match access {
            Access::Preimage { .. } => Call::Preimage,
            Access::Blob { .. } => Call::Blob,
            Access::Page { op, accepted: true, .. } => Call::Accel(*op),
            Access::Output(_) => Call::Halt,
            _ => return,
        };
        *self.calls.entry(call).or_default() += 1;
        if let Some(log) = &mut self.log {
            log.push((step, call));
        }
    }

    /// What the tree lacks, which then counts as known to it.
    fn take_changes(&mut self) -> Changes {
        let dirty = self.memory.take_dirty();
        let pages = dirty.into_iter().map(|number| (number, *self.memory.page(number))).collect();
        Changes { cpu: self.cpu.clone(), pages }
    }

    /// Brings the tree up to date.
    fn sync(&mut self) {
        let dirty = self.memory.take_dirty();
        let memory = &self.memory;
        self.tree.update(dirty.iter().map(|number| (*number, memory.page(*number))));
    }
}

/// A machine at some step, as what has changed since it was hashed last.
struct Changes {
    cpu: Cpu,
    pages: Vec<(u32, [u8; PAGE_BYTES])>,
}

impl Changes {
    /// Brings the tree up to the step, and hashes the state.
    fn hash(self, tree: &mut Tree) -> B256 {
        tree.update(self.pages.iter().map(|(number, page)| (*number, page)));
        State { root: tree.root(), cpu: self.cpu }.hash()
    }
}

#[cfg(test)]
impl<H: Host> Machine<H> {
    pub(crate) fn cpu_mut(&mut self) -> &mut Cpu {
        &mut self.cpu
    }

    /// Whether the program has written to its code.
    pub(crate) fn has_own_code(&self) -> bool {
        !Arc::ptr_eq(&self.code, &self.image.code)
    }
}

impl Snapshot {
    /// The state at the snapshot.
    #[must_use]
    pub fn state(&self) -> State {
        State { root: self.tree.root(), cpu: self.cpu.clone() }
    }

    /// Pages of 4 KiB that it does not share with an earlier snapshot of the run, or without one with the program.
    #[must_use]
    pub fn pages_beyond(&self, earlier: Option<&Self>) -> usize {
        let mut pages = 0;
        let before = earlier.map_or(&self.image.tree, |earlier| &earlier.tree);
        self.tree.differing(Some(before), &mut |_, _| pages += 1);
        pages
    }
}

impl Provable for Tree {
    fn node(&self, height: u32, index: u32) -> B256 {
        Tree::node(self, height, index)
    }

    fn branch(&self, height: u32, index: u32) -> Vec<B256> {
        Tree::branch(self, height, index)
    }
}

impl Call {
    /// Whether the call runs a precompile of L1.
    #[must_use]
    pub fn is_precompile(self) -> bool {
        matches!(self, Self::Accel(op) if op != accel::op::KECCAK256)
    }
}
