//! Runs on disk, so that a challenger that is started again does not run again what it has run.
//!
//! Nothing depends on these files: one that is missing, damaged or of another program costs the run that it saves. They
//! take at most [`MOST_BYTES`], the newest kept, and go with the games that they are for.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::SystemTime,
};

use alloy::primitives::B256;
use rollup::failures::Failures;
use tracing::warn;
use vm::Image;

use super::{
    id::{TraceId, may_ask},
    record::TraceRecord,
};
use crate::game::Subject;

const TARGET: &str = "challenger::machine";
/// Most that all files take. One is some 10 KiB, and 30 KiB more for each proof, so this holds thousands of runs, each of
/// which an adversary had to pay a bond for.
const MOST_BYTES: u64 = 256 << 20;
/// Longest file that is read: a thousand of the largest proofs.
const LONGEST: u64 = 32 << 20;
const SUFFIX: &str = "trace";

/// A folder of runs.
pub(super) struct TraceStore {
    folder: PathBuf,
    most_bytes: u64,
    failures: Failures,
}

impl TraceStore {
    /// The folder is made when something is written.
    pub(super) fn new(folder: PathBuf) -> Self {
        let failures = Failures::of_housekeeping("keeping runs of the VM on disk");
        Self { folder, most_bytes: MOST_BYTES, failures }
    }

    fn path(&self, trace: &TraceId) -> PathBuf {
        let TraceId { boot_hash, block, batch_count, rules } = trace;
        self.folder.join(format!("{block}-{batch_count}-{boot_hash:x}-{:x}.{SUFFIX}", rules.program_root))
    }

    /// What is known of a run.
    pub(super) fn load(&self, image: &Image, trace: &TraceId) -> Option<TraceRecord> {
        let path = self.path(trace);
        let file = match rollup::files::read(&path, LONGEST) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => {
                warn!(target: TARGET, path = %path.display(), %error, "cannot read a run; it is run again");
                return None;
            }
        };
        let record = TraceRecord::decode(&file, image, trace);
        if record.is_none() {
            warn!(target: TARGET, path = %path.display(), "a file is damaged, or of another program; the block is run again");
        }
        record
    }

    /// Keeps what is known of a run. A failure is told, and costs nothing but the file.
    pub(super) fn save(&mut self, trace: &TraceId, record: &TraceRecord) {
        // What a power cut leaves of it is found out by its hash.
        let saved = rollup::files::write(&self.path(trace), &record.encode(trace));
        self.failures.note(saved.and_then(|()| self.trim(trace)));
    }

    /// Deletes the oldest files until the rest is not too much.
    fn trim(&self, newest: &TraceId) -> io::Result<()> {
        let newest = self.path(newest);
        let mut files = Vec::new();
        let mut bytes = 0;
        for path in files_of(&self.folder)? {
            let found = fs::metadata(&path)?;
            bytes += found.len();
            files.push((found.modified().unwrap_or(SystemTime::UNIX_EPOCH), found.len(), path));
        }
        files.sort();
        for (_, length, path) in files {
            if bytes <= self.most_bytes {
                break;
            }
            if path != newest {
                fs::remove_file(path)?;
                bytes -= length;
            }
        }
        Ok(())
    }
}

/// Deletes the runs in a folder that no open game can ask for.
pub(super) fn keep_only(folder: &Path, open: &[Subject]) -> io::Result<()> {
    for path in files_of(folder)? {
        let name = path.file_stem().and_then(|name| name.to_str());
        let run = name.and_then(parse);
        if !run.is_some_and(|(block, batches)| open.iter().any(|game| may_ask(game, block, batches))) {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

/// Block and number of pinned batches in a file's name.
fn parse(name: &str) -> Option<(u64, u64)> {
    let mut parts = name.split('-');
    let numbers = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    let hashes: Vec<B256> = parts.map(str::parse).collect::<Result<_, _>>().ok()?;
    (hashes.len() == 2).then_some(numbers)
}

/// Files of this module, unfinished ones too. Others in the folder are not ours.
fn files_of(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry?.path();
        let is_ours = path.extension().is_some_and(|suffix| suffix == SUFFIX || suffix == "new");
        if is_ours && path.is_file() {
            files.push(path);
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use alloy::primitives::Address;
    use rollup::interval::Interval;

    use super::*;
    use crate::{
        game::RunRules,
        traces::tests::{Toy, toy},
    };

    struct Folder {
        dir: tempfile::TempDir,
        toy: Toy,
    }

    impl Folder {
        fn new() -> Self {
            Self { dir: tempfile::tempdir().unwrap(), toy: toy() }
        }

        fn store(&self) -> TraceStore {
            TraceStore::new(self.dir.path().join("traces"))
        }
    }

    fn count(store: &TraceStore) -> usize {
        files_of(&store.folder).unwrap().len()
    }

    #[test]
    fn what_is_written_is_read() {
        let folder = Folder::new();
        let mut store = folder.store();
        let (trace, mut tracer) = folder.toy.run(1);
        assert_eq!(store.load(&folder.toy.image, &trace), None);
        tracer.prove(77).unwrap();
        tracer.find(&[5, 78]).unwrap();
        store.save(&trace, tracer.record());
        assert_eq!(store.load(&folder.toy.image, &trace).as_ref(), Some(tracer.record()));
        assert_eq!(count(&store), 1);
    }

    #[test]
    fn a_damaged_file_is_not_believed() {
        let folder = Folder::new();
        let mut store = folder.store();
        let (trace, tracer) = folder.toy.run(1);
        store.save(&trace, tracer.record());
        let path = store.path(&trace);
        let whole = fs::read(&path).unwrap();
        for place in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[place] ^= 1;
            fs::write(&path, &damaged).unwrap();
            assert_eq!(store.load(&folder.toy.image, &trace), None, "byte {place}");
        }
        for length in [0, 31, 32, whole.len() / 2, whole.len() - 1] {
            fs::write(&path, &whole[..length]).unwrap();
            assert_eq!(store.load(&folder.toy.image, &trace), None, "{length} bytes");
        }
        fs::write(&path, &whole).unwrap();
        assert!(store.load(&folder.toy.image, &trace).is_some());
    }

    #[test]
    fn a_file_of_another_run_or_program_is_not_believed() {
        let folder = Folder::new();
        let mut store = folder.store();
        let (trace, tracer) = folder.toy.run(1);
        let (other, _) = folder.toy.run(2);
        store.save(&trace, tracer.record());
        fs::copy(store.path(&trace), store.path(&other)).unwrap();
        assert_eq!(store.load(&folder.toy.image, &other), None, "the file of another run under its name");
        let rules = folder.toy.rules();
        for rules in [
            RunRules { program_root: B256::repeat_byte(1), ..rules },
            RunRules { max_steps: rules.max_steps + 1, ..rules },
        ] {
            let foreign = TraceId { rules, ..trace };
            fs::copy(store.path(&trace), store.path(&foreign)).unwrap_or_default();
            assert_eq!(store.load(&folder.toy.image, &foreign), None, "{foreign:?}");
        }
    }

    #[test]
    fn a_record_whose_parts_do_not_fit_together_is_not_believed() {
        // Its hash is right: such a file was written by a faulty program.
        let folder = Folder::new();
        let mut store = folder.store();
        let (trace, tracer) = folder.toy.run(1);
        let good = tracer.record();
        let steps = good.run.steps;
        let changes: [fn(&mut TraceRecord, u64); 5] = [
            |record, _| record.run.prestate = B256::repeat_byte(1),
            |record, steps| record.run.steps = steps - 1,
            |record, steps| {
                let _ = record.states.insert(steps, B256::repeat_byte(1));
            },
            |record, steps| {
                let _ = record.states.insert(steps + 1, B256::repeat_byte(1));
            },
            |record, _| {
                let _ = record.states.remove(&0);
            },
        ];
        for change in changes {
            let mut record = good.clone();
            change(&mut record, steps);
            store.save(&trace, &record);
            assert_eq!(store.load(&folder.toy.image, &trace), None);
        }
        store.save(&trace, good);
        assert!(store.load(&folder.toy.image, &trace).is_some());
    }

    #[test]
    fn files_take_no_more_than_their_limit_and_the_oldest_go() {
        let folder = Folder::new();
        let runs: Vec<_> = (1..5).map(|block| folder.toy.run(block)).collect();
        let one = runs[0].1.record().encode(&runs[0].0).len() as u64;
        let mut store = TraceStore { most_bytes: 2 * one, ..folder.store() };
        for (trace, tracer) in &runs {
            store.save(trace, tracer.record());
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        let kept: Vec<_> =
            runs.iter().map(|(trace, _)| store.load(&folder.toy.image, trace).is_some()).collect();
        assert_eq!(kept, [false, false, true, true]);
        // A single file that is too long is the newest, and stays.
        store.most_bytes = 1;
        store.save(&runs[0].0, runs[0].1.record());
        assert_eq!((count(&store), store.load(&folder.toy.image, &runs[0].0).is_some()), (1, true));
    }

    #[test]
    fn files_go_with_the_games_that_they_are_for() {
        let folder = Folder::new();
        let mut store = folder.store();
        let runs: Vec<_> = (1..4).map(|block| folder.toy.run(block)).collect();
        for (trace, tracer) in &runs {
            store.save(trace, tracer.record());
        }
        fs::write(store.folder.join("notes.txt"), "mine").unwrap();
        fs::write(store.folder.join("x.trace"), "nobody's").unwrap();
        let subject = |start, length, batch_count| Subject {
            game: Address::ZERO,
            blocks: Interval { start, length },
            anchor_output: B256::ZERO,
            batch_count,
            batch_acc: B256::ZERO,
            rules: folder.toy.rules(),
        };
        // Blocks 2 and 3 of the runs' batches, and block 1 of others.
        let batches = runs[0].0.batch_count;
        keep_only(&store.folder, &[subject(1, 5, batches), subject(0, 1, batches + 1)]).unwrap();
        let kept: Vec<_> =
            runs.iter().map(|(trace, _)| store.load(&folder.toy.image, trace).is_some()).collect();
        assert_eq!(kept, [false, true, true]);
        assert_eq!(count(&store), 2);
        assert!(store.folder.join("notes.txt").exists());
        keep_only(&folder.dir.path().join("missing"), &[]).unwrap();
    }
}
