//! Runs through restarts, damage and disagreement. The program is a counter that never ends: a run of it has the most steps
//! that are allowed, and the value zero.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use alloy::primitives::{B256, keccak256};
use rollup::{interval::Interval, witness::BlockWitness};
use stf::BootInfo;
use vm::{Image, Segment};

use super::{
    disagreement::DisagreementFile,
    id::TraceId,
    runner::{Blocks, VmRunner},
    trace::{TraceError, Tracer},
};
use crate::{game::RunRules, truth::Unknown};

/// Steps of every run.
const STEPS: u64 = 5_000;

/// A program, and blocks for it to run.
#[derive(Clone)]
pub(crate) struct Toy {
    pub(crate) image: Image,
    /// What the node has for every block.
    node: B256,
    /// How often a witness was asked for.
    witnesses: Arc<AtomicU64>,
}

pub(crate) fn toy() -> Toy {
    // addi a0, a0, 1; sw a0, 0x100(zero); jump back to the first.
    let code = [0x0015_0513u32, 0x10a0_2023, 0xff9f_f06f].map(u32::to_le_bytes).concat();
    let segment = Segment { address: 0x1000, bytes: &code, length: code.len() as u64, executable: true };
    let image = Image::new(&[segment], 0x1000).unwrap();
    Toy { image, node: B256::ZERO, witnesses: Arc::default() }
}

impl Toy {
    pub(super) fn rules(&self) -> RunRules {
        RunRules {
            program_root: self.image.root(),
            program_entry: self.image.entry().into(),
            max_steps: STEPS,
            config_hash: B256::ZERO,
        }
    }

    fn boot(block: u64) -> BootInfo {
        BootInfo { agreed_output: B256::ZERO, block, batch_acc: B256::ZERO, config_hash: B256::ZERO }
    }

    pub(super) fn trace(&self, block: u64) -> TraceId {
        TraceId { boot_hash: Self::boot(block).hash(), block, batch_count: 9, rules: self.rules() }
    }

    fn block_witness(block: u64) -> BlockWitness {
        let boot = Self::boot(block);
        let preimages = [(boot.hash(), boot.encode().to_vec().into())].into();
        BlockWitness { boot, preimages, blobs: Default::default(), output: B256::ZERO }
    }

    pub(super) fn run(&self, block: u64) -> (TraceId, Tracer) {
        (self.trace(block), Tracer::over(&self.image, Self::block_witness(block), STEPS).unwrap())
    }

    fn start(&self, folder: &Path) -> Arc<VmRunner> {
        VmRunner::over(self.clone(), vec![self.image.clone()], folder).unwrap()
    }
}

impl Blocks for Toy {
    fn witness(&self, trace: &TraceId) -> Result<BlockWitness, TraceError> {
        self.witnesses.fetch_add(1, Ordering::SeqCst);
        Ok(Self::block_witness(trace.block))
    }

    fn output(&self, _: u64) -> Result<B256, TraceError> {
        Ok(self.node)
    }
}

/// The file of a disagreement about block 7, for which the node has this output root.
pub(crate) fn disagreement(folder: &Path, node: B256) -> PathBuf {
    let toy = Toy { node, ..toy() };
    let runner = toy.start(folder);
    answer(|| runner.run(toy.trace(7))).unwrap_err();
    runner.disagreements().pop().unwrap().file.unwrap()
}

/// Asks until there is an answer.
fn answer<T>(ask: impl Fn() -> Result<T, Unknown>) -> Result<T, Unknown> {
    let start = Instant::now();
    loop {
        match ask() {
            Err(Unknown::Pending) if start.elapsed() < Duration::from_secs(60) => {
                std::thread::sleep(Duration::from_millis(2));
            }
            answered => return answered,
        }
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    entries.map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn what_was_run_is_not_run_again_after_a_restart() {
    let (toy, dir) = (toy(), tempfile::tempdir().unwrap());
    let trace = toy.trace(7);
    let ask = |runner: &VmRunner| {
        let run = answer(|| runner.run(trace)).unwrap();
        let states = answer(|| runner.states(trace, &[0, 16, 300])).unwrap();
        let proof = answer(|| runner.proof(trace, 300)).unwrap();
        (run, states, proof, answer(|| runner.last_state(trace)).unwrap())
    };
    let first = toy.start(dir.path());
    let found = ask(&first);
    assert_eq!(found.0.steps, STEPS);
    assert_eq!(found.1[2], keccak256(&found.2.state));
    assert_eq!((first.spent().runs, toy.witnesses.load(Ordering::SeqCst)), (1, 1));
    drop(first);
    let second = toy.start(dir.path());
    assert_eq!(ask(&second), found);
    assert_eq!((second.spent().runs, toy.witnesses.load(Ordering::SeqCst)), (0, 1), "nothing was run");
    // What was not asked for then is found from what is known, without a run of the whole block.
    let more = answer(|| second.states(trace, &[17])).unwrap();
    assert_eq!(more, toy.run(7).1.find(&[17]).unwrap());
    assert_eq!((second.spent().runs, toy.witnesses.load(Ordering::SeqCst)), (0, 2));
}

#[test]
fn a_damaged_file_costs_a_run_and_no_more() {
    let (toy, dir) = (toy(), tempfile::tempdir().unwrap());
    let trace = toy.trace(7);
    let runner = toy.start(dir.path());
    let found = answer(|| runner.states(trace, &[STEPS])).unwrap();
    drop(runner);
    let file = files(&dir.path().join("traces")).pop().unwrap();
    let mut content = fs::read(&file).unwrap();
    let middle = content.len() / 2;
    content[middle] ^= 1;
    fs::write(&file, content).unwrap();
    let runner = toy.start(dir.path());
    assert_eq!(answer(|| runner.states(trace, &[STEPS])).unwrap(), found);
    assert_eq!(runner.spent().runs, 1);
}

#[test]
fn a_run_on_disk_that_the_node_does_not_agree_with_is_run_again() {
    let (toy, dir) = (toy(), tempfile::tempdir().unwrap());
    let trace = toy.trace(7);
    let runner = toy.start(dir.path());
    answer(|| runner.run(trace)).unwrap();
    drop(runner);
    let other = Toy { node: B256::repeat_byte(1), ..toy };
    let runner = other.start(dir.path());
    assert!(matches!(answer(|| runner.run(trace)), Err(Unknown::Failed(_))));
    assert_eq!(runner.disagreements().len(), 1);
}

#[test]
fn runs_of_games_that_are_over_are_deleted() {
    let (toy, dir) = (toy(), tempfile::tempdir().unwrap());
    let runner = toy.start(dir.path());
    for block in [7, 8] {
        answer(|| runner.run(toy.trace(block))).unwrap();
    }
    let subject = crate::game::Subject {
        game: Default::default(),
        blocks: Interval { start: 7, length: 1 },
        anchor_output: B256::ZERO,
        batch_count: 9,
        batch_acc: B256::ZERO,
        rules: toy.rules(),
    };
    runner.keep_only(&[subject]);
    let names: Vec<_> = files(&dir.path().join("traces"));
    assert_eq!(names.len(), 1);
    assert!(names[0].file_name().unwrap().to_str().unwrap().starts_with("8-9-"));
    assert_eq!(runner.run(toy.trace(7)), Err(Unknown::Pending));
    assert!(runner.run(toy.trace(8)).is_ok());
}

#[test]
fn a_disagreement_of_vm_and_node_stands_until_a_person_removes_its_file() {
    let (mut toy, dir) = (toy(), tempfile::tempdir().unwrap());
    toy.node = B256::repeat_byte(1);
    let trace = toy.trace(7);
    let runner = toy.start(dir.path());
    let failed = answer(|| runner.run(trace)).unwrap_err();
    let Unknown::Failed(reason) = &failed else { panic!("{failed:?}") };
    assert!(reason.contains("block 7") && reason.contains("disagree"), "{reason}");
    let open = runner.disagreements();
    let [one] = open.as_slice() else { panic!("{open:?}") };
    let path = one.file.clone().unwrap();
    assert!(path.starts_with(dir.path().join("disagreements")));
    // The file has all that it takes to run the block again.
    let file = DisagreementFile::read(&path).unwrap();
    assert_eq!(file.witness.boot, Toy::boot(7));
    assert_eq!(file.witness.preimages, Toy::block_witness(7).preimages);
    assert_eq!((file.witness.output, file.program_root), (toy.node, toy.image.root()));
    assert_eq!((file.max_steps, file.machine), (STEPS, B256::ZERO.to_string()));
    let again = Tracer::over(&toy.image, file.witness, STEPS).unwrap();
    assert_eq!(again.record().value(), B256::ZERO);
    drop(runner);
    // It is there after a restart, and when the run was found to disagree once more.
    let runner = toy.start(dir.path());
    assert_eq!(runner.disagreements().len(), 1);
    assert_eq!(answer(|| runner.run(trace)), Err(Unknown::Failed(reason.clone())));
    assert_eq!((runner.disagreements().len(), files(&dir.path().join("disagreements")).len()), (1, 1));
    fs::remove_file(&path).unwrap();
    assert_eq!(runner.disagreements(), []);
    drop(runner);
    // When the two agree, it is settled without anybody.
    let runner = toy.start(dir.path());
    answer(|| runner.run(trace)).unwrap_err();
    assert!(path.exists());
    drop(runner);
    let runner = Toy { node: B256::ZERO, ..toy }.start(dir.path());
    answer(|| runner.run(trace)).unwrap();
    assert_eq!(runner.disagreements(), []);
    assert!(!path.exists());
}

#[test]
fn a_disagreement_whose_file_cannot_be_written_is_told_all_the_same() {
    let (mut toy, dir) = (toy(), tempfile::tempdir().unwrap());
    toy.node = B256::repeat_byte(1);
    fs::write(dir.path().join("disagreements"), "a file in the folder's place").unwrap();
    let runner = toy.start(dir.path());
    answer(|| runner.run(toy.trace(7))).unwrap_err();
    let open = runner.disagreements();
    assert!(matches!(open.as_slice(), [one] if one.file.is_err()), "{open:?}");
}

#[test]
fn disagreements_do_not_fill_the_disk() {
    let (mut toy, dir) = (toy(), tempfile::tempdir().unwrap());
    toy.node = B256::repeat_byte(1);
    let runner = toy.start(dir.path());
    for block in 0..20 {
        answer(|| runner.run(toy.trace(block))).unwrap_err();
    }
    let open = runner.disagreements();
    let written = open.iter().filter(|one| one.file.is_ok()).count();
    assert_eq!((open.len(), written, files(&dir.path().join("disagreements")).len()), (20, 16, 16));
}

#[test]
fn a_file_that_is_no_disagreement_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file.json");
    for content in ["", "[]", "{}", "{\"preimages\":[\"0x1\"]}", "{\"preimages\":[],\"bootHash\":\"0x\"}"] {
        fs::write(&path, content).unwrap();
        DisagreementFile::read(&path).unwrap_err();
    }
    DisagreementFile::read(&dir.path().join("missing")).unwrap_err();
}

#[test]
fn memory_of_a_vm_is_what_it_has_written_and_read() {
    let (_, tracer) = toy().run(1);
    // One page beyond the program's, which is written in every step, and a boot info.
    assert_eq!(tracer.memory(), 8_192 + BootInfo::SIZE);
}
