//! A full disk, one that cannot be written to, one that lost what was on it: an error that says so, never a signal, and
//! nothing committed is lost that the disk kept.
//!
//! Each case runs in a process of its own, in a small file system that goes away with it.

use std::{
    fs::{self, File},
    io::Write,
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Output},
};

use alloy_primitives::B256;
use rand::{Rng, SeedableRng, rngs::StdRng};

use super::open::{contents, open};
use crate::{Database, Error, L1BlockRecord, L1Cursor, folder};

/// Set in the child: its case.
const CASE: &str = "DB_SPACE_TEST_CASE";
/// Set in the child: a folder to work in.
const FOLDER: &str = "DB_SPACE_TEST_FOLDER";
const TMPFS: &str = "mount -t tmpfs -o size=4m none \"$0\"";
const EXT4: &str =
    "truncate -s 8m \"$0.image\" && mkfs.ext4 -q -m 0 \"$0.image\" && mount -o loop \"$0.image\" \"$0\"";

/// What is the case of this process, and its folder, if it runs one.
fn case() -> Option<(String, PathBuf)> {
    Some((std::env::var(CASE).ok()?, std::env::var_os(FOLDER)?.into()))
}

/// Runs a case of a test in a process of its own, after `before`, a shell command for which `$0` is the case's folder.
fn run(test: &str, case: &str, before: &str, isolated: bool) -> Output {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("folder");
    fs::create_dir(&folder).unwrap();
    let script = format!("{{ {before}; }} && exec \"$@\"");
    let shell = ["sh", "-c", &script];
    // With mounts of its own, and where that needs it, as root of a user namespace of its own.
    let unshare = if rustix::process::geteuid().is_root() { ["unshare", "-m"] } else { ["unshare", "-rm"] };
    let words: Vec<&str> = if isolated { [&unshare[..], &shell].concat() } else { shell.to_vec() };
    Command::new(words[0])
        .args(&words[1..])
        .arg(&folder)
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(CASE, case)
        .env(FOLDER, &folder)
        .output()
        .unwrap()
}

/// Whether a file system can be mounted here: a container or a kernel may not allow it, or may lack it.
fn can_mount(mount: &str) -> bool {
    let dir = tempfile::tempdir().unwrap();
    let flags = if rustix::process::geteuid().is_root() { "-m" } else { "-rm" };
    let folder = dir.path().join("folder");
    fs::create_dir(&folder).unwrap();
    let probe = Command::new("unshare").args([flags, "sh", "-c", mount]).arg(&folder).output();
    probe.is_ok_and(|output| output.status.success())
}

fn check(status: ExitStatus, output: &Output, what: &str) {
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(status.success(), "{what}: signal {:?}, {said}", status.signal());
}

/// Takes all the room that is left.
fn fill(folder: &Path) {
    let mut file = File::create(folder.join("filler")).unwrap();
    for size in [64 << 10, 4 << 10] {
        while file.write_all(&vec![1; size]).is_ok() {}
    }
    file.sync_all().unwrap();
}

fn make_room(folder: &Path) {
    fs::remove_file(folder.join("filler")).unwrap();
}

fn write(database: &Database, number: u64) -> Result<(), Error> {
    let mut writer = database.write()?;
    for part in 0..200 {
        let block = L1BlockRecord { hash: B256::random(), parent: B256::ZERO, timestamp: number };
        writer.put_l1_block(2 * (number * 1000 + part), &block)?;
    }
    writer.set_l1_cursor(L1Cursor { number, hash: B256::ZERO })?;
    writer.commit()
}

/// The cursor, after reading all that belongs to it.
fn written(database: &Database) -> u64 {
    let reader = database.read().unwrap();
    let cursor = reader.l1_cursor().unwrap().map_or(0, |cursor| cursor.number);
    let blocks = reader.l1_blocks(0..=u64::MAX).unwrap().map(|block| block.unwrap().1.timestamp);
    let blocks: Vec<u64> = blocks.collect();
    assert_eq!(blocks.len() as u64, cursor * 200);
    assert_eq!(blocks.last().copied().unwrap_or(0), cursor);
    cursor
}

fn no_space(error: &Error, file: &str) {
    assert!(matches!(error, Error::NoSpace { path, .. } if path.ends_with(file)), "{error:?}");
    assert!(error.to_string().starts_with("no space left on the device: /"), "{error}");
}

/// A new database where there is no room.
fn new(folder: &Path) {
    let path = folder.join("database");
    fs::create_dir(&path).unwrap();
    fill(folder);
    no_space(&open(&path).unwrap_err(), folder::LOCK_FILE);
    make_room(folder);
    write(&open(&path).unwrap(), 1).unwrap();
}

/// A database that was closed, where there is no room any more.
fn existing(folder: &Path) {
    let path = folder.join("database");
    let database = open(&path).unwrap();
    (1..4).for_each(|number| write(&database, number).unwrap());
    drop(database);
    fill(folder);
    no_space(&open(&path).unwrap_err(), folder::LOCK_FILE);
    make_room(folder);
    assert_eq!(written(&open(&path).unwrap()), 3);
}

/// A disk that becomes full while the database is used.
fn running(folder: &Path) {
    let path = folder.join("database");
    let database = open(&path).unwrap();
    write(&database, 1).unwrap();
    database.sync().unwrap();
    let mut number = 1;
    let error = loop {
        match write(&database, number + 1) {
            Ok(()) => number += 1,
            Err(error) => break error,
        }
    };
    assert!(number > 5, "only {number}");
    assert!(matches!(&error, Error::DiskFull(found) if *found == path), "{error:?}");
    assert!(error.to_string().contains("what was committed is safe") && error.is_fatal(), "{error}");
    assert_eq!(written(&database), number);
    fill(folder);
    assert!(matches!(write(&database, number + 1), Err(Error::DiskFull(_))));
    database.sync().unwrap();
    drop(database);
    make_room(folder);
    let database = open(&path).unwrap();
    assert_eq!(written(&database), number, "nothing committed is lost");
}

/// A file system that was mounted for reading only.
fn read_only(folder: &Path) {
    let path = folder.join("database");
    write(&open(&path).unwrap(), 1).unwrap();
    let mount = |how: &str| {
        let status = Command::new("mount").args(["-o", how]).arg(folder).status().unwrap();
        assert!(status.success(), "{how}");
    };
    mount("remount,ro");
    let before = contents(&path);
    let error = open(&path).unwrap_err();
    let text = format!("{}: Read-only file system (os error 30)", path.join(folder::LOCK_FILE).display());
    assert_eq!(error.to_string(), text);
    assert_eq!(contents(&path), before);
    mount("remount,rw");
    let database = open(&path).unwrap();
    assert_eq!(written(&database), 1);
    write(&database, 2).unwrap();
}

/// A file system that refuses to be written to from one moment on, as after an error of the disk.
fn aborted(folder: &Path) {
    let path = folder.join("database");
    let database = open(&path).unwrap();
    (1..4).for_each(|number| write(&database, number).unwrap());
    database.sync().unwrap();
    let status = Command::new("mount").args(["-o", "remount,abort"]).arg(folder).status().unwrap();
    assert!(status.success());
    let mut number = 3;
    let error = loop {
        let failed = write(&database, number + 1).and_then(|()| database.sync());
        match failed {
            Ok(()) => number += 1,
            Err(error) => break error,
        }
    };
    assert!(error.is_fatal() && !matches!(error, Error::DiskFull(_)), "{error:?}");
    assert_eq!(error.to_string().lines().count(), 1);
    assert!(
        error.to_string().contains("Read-only file system") || error.to_string().contains("Input/output"),
        "{error}"
    );
    assert!(written(&database) >= number);
    drop(database);
    let image = format!("{}.image", folder.display());
    for words in [
        &["umount", &folder.display().to_string()][..],
        &["mount", "-o", "loop", &image, &folder.display().to_string()],
    ] {
        let output = Command::new(words[0]).args(&words[1..]).output().unwrap();
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
    let database = open(&path).unwrap();
    assert!(written(&database) >= number, "what was flushed is there");
    write(&database, written(&database) + 1).unwrap();
}

#[test]
fn a_disk_that_is_read_only_from_one_moment_on_is_an_error_and_loses_nothing() {
    const NAME: &str =
        "tests::space::a_disk_that_is_read_only_from_one_moment_on_is_an_error_and_loses_nothing";
    if let Some((_, folder)) = case() {
        return aborted(&folder);
    }
    if !can_mount(EXT4) {
        eprintln!("ext4 cannot be mounted here");
        return;
    }
    let output = run(NAME, "aborted", EXT4, true);
    check(output.status, &output, "aborted");
}

/// Pages of the file that hold nothing but zeros, as a disk may give them back that lost what was written.
fn zeroed(folder: &Path, case: &str) {
    let rng = &mut StdRng::seed_from_u64(case.parse().unwrap());
    let path = folder.join("database");
    let database = open(&path).unwrap();
    (1..20).for_each(|number| write(&database, number).unwrap());
    database.sync().unwrap();
    drop(database);
    let data = path.join(folder::DATA_FILE);
    let mut bytes = fs::read(&data).unwrap();
    let used = bytes.chunks(folder::PAGE_SIZE).rposition(|page| page.iter().any(|byte| *byte != 0)).unwrap();
    for _ in 0..[1, 5, 50, 5_000][rng.random_range(0..4)] {
        let page = folder::PAGE_SIZE * rng.random_range(0..=used);
        bytes[page..page + folder::PAGE_SIZE].fill(0);
    }
    fs::write(&data, &bytes).unwrap();
    let error = match open(&path) {
        Ok(database) => {
            let reader = database.read();
            let read = reader
                .and_then(|reader| reader.l1_blocks(0..=u64::MAX)?.try_for_each(|block| block.map(drop)));
            let wrote = (100..110).try_for_each(|number| write(&database, number));
            [read, wrote].into_iter().find_map(Result::err)
        }
        Err(error) => {
            let found = fs::read(&data).unwrap();
            assert_eq!(found.len(), bytes.len());
            // In headers the engine notes that what they name is on disk, before it finds that it cannot be read.
            let headers = folder::HEADERS * folder::PAGE_SIZE;
            assert!(found[headers..] == bytes[headers..], "what cannot be opened is left as it is");
            Some(error)
        }
    };
    if let Some(error) = error {
        println!("ERROR {error}");
        assert_eq!(error.to_string().lines().count(), 1, "{error}");
    }
}

#[test]
fn pages_of_zeros_are_an_error_or_unused_and_never_a_signal() {
    const NAME: &str = "tests::space::pages_of_zeros_are_an_error_or_unused_and_never_a_signal";
    const CASES: u64 = 24;
    if let Some((case, folder)) = case() {
        return zeroed(&folder, &case);
    }
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok());
    let seed: u64 = seed.unwrap_or_else(|| rand::rng().random_range(0..1 << 40));
    let mut errors = 0;
    for seed in seed..seed + CASES {
        let output = run(NAME, &seed.to_string(), "true", false);
        check(output.status, &output, &format!("SEED={seed}"));
        errors += u64::from(String::from_utf8_lossy(&output.stdout).contains("ERROR "));
    }
    assert!(errors > CASES / 4, "{errors}");
}

#[test]
fn a_full_disk_is_an_error_and_loses_nothing() {
    const NAME: &str = "tests::space::a_full_disk_is_an_error_and_loses_nothing";
    type Case = (&'static str, fn(&Path));
    let cases: [Case; 4] =
        [("new", new), ("existing", existing), ("running", running), ("read-only", read_only)];
    if let Some((case, folder)) = case() {
        let (_, run) = cases.into_iter().find(|(name, _)| case == *name).unwrap();
        return run(&folder);
    }
    for (name, mount) in [("tmpfs", TMPFS), ("ext4", EXT4)] {
        if !can_mount(mount) {
            // The test below does without mounting.
            eprintln!("{name} cannot be mounted here");
            continue;
        }
        for (case, _) in cases {
            let output = run(NAME, case, mount, true);
            check(output.status, &output, &format!("{case} on {name}"));
        }
    }
}

/// A limit on the size of files, as a user has it who may not mount anything.
#[test]
fn files_that_may_not_grow_are_an_error_in_the_systems_words() {
    const NAME: &str = "tests::space::files_that_may_not_grow_are_an_error_in_the_systems_words";
    if let Some((_, folder)) = case() {
        let path = folder.join("database");
        let error = open(&path).unwrap_err().to_string();
        assert_eq!(error, format!("database engine in {}: File too large (os error 27)", path.display()));
        return;
    }
    let output = run(NAME, "limit", "ulimit -f 16 && trap '' XFSZ", false);
    check(output.status, &output, "with a limit");
}
