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

use super::{Report, exclude, format, state_tests, store::Store, trie};

/// The folders of the suite that are run.
const FOLDERS: [&str; 2] = ["GeneralStateTests", "TrieTests"];

/// A copy of the suite on disk.
#[derive(Debug)]
pub struct Suite {
    pub(super) root: PathBuf,
    /// Relative to the root.
    pub(super) files: Vec<PathBuf>,
    /// Where an archive was unpacked.
    _unpacked: Option<TempDir>,
}

impl Suite {
    /// Takes a checkout, or an archive that `tar` can read and which is unpacked for as long as this lives.
    pub fn open(path: &Path) -> Result<Self> {
        ensure!(path.exists(), "there is no {}", path.display());
        let (root, unpacked) = if path.is_file() {
            let folder = tempfile::tempdir()?;
            let status = Command::new("tar").arg("-xf").arg(path).arg("-C").arg(folder.path()).status();
            ensure!(status.context("running tar")?.success(), "tar cannot unpack {}", path.display());
            (checkout_in(folder.path())?, Some(folder))
        } else {
            (path.to_owned(), None)
        };
        let mut files = Vec::new();
        for folder in FOLDERS.map(|name| root.join(name)) {
            if folder.is_dir() {
                list(&folder, &mut files)?;
            }
        }
        ensure!(
            !files.is_empty(),
            "no tests under {}: expected a checkout of ethereum/tests, with JSON files in {}",
            root.display(),
            FOLDERS.join(" and ")
        );
        let mut files: Vec<_> =
            files.iter().filter_map(|file| Some(file.strip_prefix(&root).ok()?.to_owned())).collect();
        files.sort();
        Ok(Self { root, files, _unpacked: unpacked })
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
        Ok(())
    }

    /// What there is, in a few words.
    fn contents(&self) -> String {
        let count = |folder: &&str| self.files.iter().filter(|file| file.starts_with(folder)).count();
        let counts = FOLDERS.iter().map(|folder| format!("{} in {folder}", count(folder)));
        let example = self.files.first().map(|file| format!(", as {}", file.display()));
        format!("there are {}{}", counts.collect::<Vec<_>>().join(" and "), example.unwrap_or_default())
    }

    /// Runs all tests on this many threads.
    pub fn run(&self, threads: usize) -> Result<Report> {
        let bar = ProgressBar::new(self.files.len() as u64);
        bar.set_style(ProgressStyle::with_template("{bar:40} {pos}/{len} files, {eta} left  {wide_msg}")?);
        let next = AtomicUsize::new(0);
        let work = || -> Result<Report> {
            let store = Store::new()?;
            let mut report = Report::default();
            while let Some(file) = self.files.get(next.fetch_add(1, Ordering::Relaxed)) {
                bar.set_message(file.display().to_string());
                self.run_file(file, &store, &mut report);
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
        total.failures.sort_by(|a, b| a.case.cmp(&b.case));
        Ok(total)
    }

    /// Runs one file. A panic, or a file that does not read, is a failure like any other.
    fn run_file(&self, file: &Path, store: &Store, report: &mut Report) {
        let name = file.to_string_lossy();
        let mut run = || -> Result<()> {
            let json = fs::read(self.root.join(file))?;
            if let Some(reason) = exclude::file(&name) {
                report.exclude(reason, format::count_cases(&json)?);
                Ok(())
            } else if file.starts_with("TrieTests") {
                trie::run_file(&name, &json, report)
            } else {
                state_tests::run_file(&name, &json, store, report)
            }
        };
        let result = catch_unwind(AssertUnwindSafe(&mut run))
            .unwrap_or_else(|panic| Err(anyhow!("panic: {}", message(&*panic))));
        if let Err(error) = result {
            report.note(|| name.into_owned(), Err(error));
        }
    }
}

/// The checkout in a folder: the folder itself, or the one folder in it that is one.
fn checkout_in(folder: &Path) -> Result<PathBuf> {
    let is_checkout = |path: &Path| FOLDERS.iter().any(|name| path.join(name).is_dir());
    if is_checkout(folder) {
        return Ok(folder.to_owned());
    }
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if is_checkout(&path) {
            return Ok(path);
        }
    }
    Err(anyhow!("the archive holds no {}", FOLDERS.join(" nor ")))
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
