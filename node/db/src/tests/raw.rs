use std::thread;

use super::open::open;
use crate::Table;

/// What a writer has in memory lies beyond the files of other databases then, terabytes from its own.
#[test]
fn a_writer_reads_what_it_wrote_in_a_process_with_many_databases() {
    let open = || {
        let dir = tempfile::tempdir().unwrap();
        (open(dir.path()).unwrap(), dir)
    };
    let mut databases: Vec<_> = (0..40).map(|_| open()).collect();
    for round in 0..60_u8 {
        thread::scope(|scope| {
            for (database, _) in &databases {
                scope.spawn(move || {
                    let mut writer = database.write().unwrap();
                    for place in 0..50_u64 {
                        let value = vec![round; 1 + (place as usize * 397) % 9_000];
                        writer.put(Table::Codes, &place.to_be_bytes(), &value).unwrap();
                    }
                    for place in 0..50_u64 {
                        let found = writer.get_raw(Table::Codes, &place.to_be_bytes()).unwrap().unwrap();
                        assert!(found.iter().all(|byte| *byte == round), "round {round}, place {place}");
                    }
                    writer.commit().unwrap();
                });
            }
        });
        databases.remove(usize::from(round) % 40);
        databases.push(open());
    }
}
