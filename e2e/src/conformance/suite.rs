//! Finding the suite's files, and running them on several threads.

use std::{
    any::Any,
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use anyhow::{Context, Result, anyhow, ensure};
use indicatif::{ProgressBar, ProgressStyle};
use tempfile::TempDir;

use super::{
    Folder, Report, exclude::Exclusions, rlp_tests, state_tests, store::Store, transaction_tests, trie,
};

/// Unpacks an archive that `tar` can read into a folder that is there for as long as the result lives.
pub fn unpack(archive: &Path) -> Result<TempDir> {
    let folder = tempfile::tempdir()?;
    let status = Command::new("tar").arg("-xf").arg(archive).arg("-C").arg(folder.path()).status();
    ensure!(status.context("running tar")?.success(), "tar cannot unpack {}", archive.display());
    Ok(folder)
}

/// A copy of the suite on disk.
#[derive(Debug)]
pub struct Suite {
    pub(super) root: PathBuf,
    /// Relative to the root.
    pub(super) files: Vec<PathBuf>,
    /// Whether these are all.
    is_whole: bool,
    /// Where an archive was unpacked.
    _unpacked: Option<TempDir>,
}

impl Suite {
    /// Takes a checkout, or an archive that `tar` can read and which is unpacked for as long as this lives.
    pub fn open(path: &Path) -> Result<Self> {
        ensure!(path.exists(), "there is no {}", path.display());
        let (root, unpacked) = if path.is_file() {
            let folder = unpack(path)?;
            (checkout_in(folder.path())?, Some(folder))
        } else {
            (path.to_owned(), None)
        };
        let mut files = Vec::new();
        for folder in Folder::all_names().map(|name| root.join(name)) {
            if folder.is_dir() {
                list(&folder, &mut files)?;
            }
        }
        ensure!(
            !files.is_empty(),
            "no tests under {}: expected a checkout of ethereum/tests, with JSON files in {}",
            root.display(),
            Folder::all_names().collect::<Vec<_>>().join(", ")
        );
        let mut files: Vec<_> =
            files.iter().filter_map(|file| Some(file.strip_prefix(&root).ok()?.to_owned())).collect();
        files.sort();
        Ok(Self { root, files, is_whole: true, _unpacked: unpacked })
    }

    /// Keeps only the files whose path contains this text. That there are none is an error: a run of nothing passes.
    pub fn filter(&mut self, text: &str) -> Result<()> {
        let matches = |file: &PathBuf| file.to_string_lossy().contains(text);
        ensure!(
            self.files.iter().any(matches),
            "no test file has \"{text}\" in its path: {}; the text is a part of a path, capitals count",
            self.contents()
        );
        self.files.retain(matches);
        self.is_whole = false;
        Ok(())
    }

    /// The parts that are here.
    pub fn folders(&self) -> Vec<Folder> {
        let has = |folder: &Folder| self.files.iter().any(|file| Folder::of(file) == Some(*folder));
        Folder::ALL.into_iter().filter(has).collect()
    }

    /// What there is, in a few words.
    fn contents(&self) -> String {
        let count = |folder| self.files.iter().filter(|file| Folder::of(file) == Some(folder)).count();
        let counts = Folder::ALL.map(|folder| format!("{} in {folder}", count(folder)));
        let example = self.files.first().map(|file| format!(", as {}", file.display()));
        format!("there are {}{}", counts.join(", "), example.unwrap_or_default())
    }

    /// Runs all tests on this many threads.
    pub fn run(&self, threads: usize) -> Result<Report> {
        let bar = ProgressBar::new(self.files.len() as u64);
        bar.set_style(ProgressStyle::with_template("{bar:40} {pos}/{len} files, {eta} left  {wide_msg}")?);
        let next = AtomicUsize::new(0);
        let exclusions = Exclusions::default();
        let work = || -> Result<Report> {
            let store = Store::new()?;
            let mut report = Report::default();
            while let Some(file) = self.files.get(next.fetch_add(1, Ordering::Relaxed)) {
                bar.set_message(file.display().to_string());
                self.run_file(file, &store, &exclusions, &mut report);
                bar.inc(1);
            }
            Ok(report)
        };
        let reports = thread::scope(|scope| {
            let workers: Vec<_> = (0..threads.max(1)).map(|_| scope.spawn(work)).collect();
            let join = |worker: thread::ScopedJoinHandle<'_, Result<Report>>| {
                worker.join().unwrap_or_else(|panic| Err(anyhow!("worker: {}", message(&*panic))))
            };
            workers.into_iter().map(join).collect::<Result<Vec<_>>>()
        })?;
        bar.finish_and_clear();
        let mut total = Report::default();
        reports.into_iter().for_each(|report| total.merge(report));
        exclusions.note_idle(&self.files, self.is_whole, &mut total);
        total.failures.sort_by(|a, b| a.case.cmp(&b.case));
        Ok(total)
    }

    /// Runs one file. A panic, or a file that does not read, is a failure like any other.
    fn run_file(&self, file: &Path, store: &Store, exclusions: &Exclusions, report: &mut Report) {
        let name = file.to_string_lossy();
        let Some(folder) = Folder::of(file) else { return };
        let mut run = || -> Result<()> {
            let json = fs::read(self.root.join(file))?;
            match folder {
                Folder::States => state_tests::run_file(&name, &json, store, exclusions, report),
                Folder::Tries => trie::run_file(&name, &json, exclusions, report),
                Folder::Transactions => transaction_tests::run_file(&name, &json, exclusions, report),
                Folder::Rlp => rlp_tests::run_file(&name, &json, exclusions, report),
            }
        };
        let result = catch_unwind(AssertUnwindSafe(&mut run))
            .unwrap_or_else(|panic| Err(anyhow!("panic: {}", message(&*panic))));
        if let Err(error) = result {
            report.note(folder, || name.into_owned(), Err(error));
        }
    }
}

/// The checkout in a folder: the folder itself, or the one folder in it that is one.
fn checkout_in(folder: &Path) -> Result<PathBuf> {
    let is_checkout = |path: &Path| Folder::all_names().any(|name| path.join(name).is_dir());
    if is_checkout(folder) {
        return Ok(folder.to_owned());
    }
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if is_checkout(&path) {
            return Ok(path);
        }
    }
    Err(anyhow!("the archive holds none of {}", Folder::all_names().collect::<Vec<_>>().join(", ")))
}

/// All JSON files under a folder.
fn list(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.is_dir() {
            list(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "json") {
            files.push(path);
        }
    }
    Ok(())
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("unknown")
}
