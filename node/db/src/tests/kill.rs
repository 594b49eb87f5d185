//! Kills a process in the middle of its writes, again and again.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use rand::Rng;

use super::{chain::Chain, dump, inbox::put_l1, open};
use crate::{Database, Error, Table, Writer};

/// Set in the child: the folder of its database.
const FOLDER: &str = "DB_KILL_TEST_FOLDER";
/// What the child says when it has the database.
const OPENED: &str = "opened";
const SEED: u64 = 99;
const ROUNDS: usize = 30;

/// Block and L1 block of the same number, in one transaction.
fn write(writer: &mut Writer, chain: &mut Chain, number: u64) {
    chain.grow(number);
    chain.append(writer, number);
    put_l1(writer, number);
    writer.set_safe(number).unwrap();
}

fn head(database: &Database) -> Option<u64> {
    database.read().unwrap().last_number(Table::Headers).unwrap()
}

/// Writes until it is killed: runs of blocks, and truncations. A block's content follows from its number.
fn child(folder: &Path) -> ! {
    let database = open::open(folder).unwrap();
    println!("{OPENED}");
    let mut chain = Chain::new(SEED);
    let mut rng = rand::rng();
    loop {
        let head = head(&database);
        let mut writer = database.write().unwrap();
        match head {
            Some(head) if head > 40 || (head > 3 && rng.random_ratio(1, 5)) => {
                let to = rng.random_range(0..head) / 2 * 2;
                writer.truncate_above(to).unwrap();
                writer.truncate_l1_above(to).unwrap();
            }
            _ => {
                let next = head.map_or(0, |head| head + 1);
                for number in next..next + rng.random_range(1..4) {
                    write(&mut writer, &mut chain, number);
                }
            }
        }
        writer.commit().unwrap();
        if rng.random_ratio(1, 10) {
            database.sync().unwrap();
        }
    }
}

#[test]
fn a_killed_process_leaves_its_last_commit_whole() {
    if let Some(folder) = std::env::var_os(FOLDER) {
        child(Path::new(&folder));
    }
    let dir = tempfile::tempdir().unwrap();
    let mut chain = Chain::new(SEED);
    let mut heads = Vec::new();
    for round in 0..ROUNDS {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "tests::kill::a_killed_process_leaves_its_last_commit_whole", "--nocapture"])
            .env(FOLDER, dir.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        // Behind the name of the test, where tests run one at a time.
        assert!(lines.map(Result::unwrap).any(|line| line.ends_with(OPENED)));
        assert!(matches!(open::open(dir.path()), Err(Error::Locked(_))));
        std::thread::sleep(Duration::from_micros(rand::rng().random_range(5_000..120_000)));
        process.kill().unwrap();
        assert!(!process.wait().unwrap().success());

        let database = open::open(dir.path()).unwrap();
        let Some(head) = head(&database) else { continue };
        heads.push(head);
        let fresh_dir = tempfile::tempdir().unwrap();
        let fresh = open::open(fresh_dir.path()).unwrap();
        let mut writer = fresh.write().unwrap();
        (0..=head).for_each(|number| write(&mut writer, &mut chain, number));
        assert!(dump(&writer) == dump(&database.read().unwrap()), "round {round}, head {head}");
    }
    assert!(heads.len() > ROUNDS / 2, "the child gets to write: {heads:?}");
    heads.dedup();
    assert!(heads.len() > 3, "and to go on writing: {heads:?}");
}
