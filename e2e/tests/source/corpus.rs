//! What fuzzing has found worth keeping, and the seeds of each target, replayed.

use anyhow::{Result, ensure};
use e2e::fuzz::TARGETS;

#[test]
fn hostile_bytes_that_were_kept_are_survived() -> Result<()> {
    for target in TARGETS {
        let inputs = target.corpus()?;
        ensure!(!inputs.is_empty(), "{} has no kept inputs", target.name);
        for (index, input) in inputs.iter().enumerate() {
            // A failed check says where; this says with which input.
            eprintln!("{}: line {}", target.corpus_path().display(), index + 1);
            (target.run)(input);
        }
    }
    Ok(())
}

#[test]
fn seeds_are_valid_inputs() {
    for target in TARGETS {
        let seeds = (target.seeds)();
        assert!(!seeds.is_empty(), "{}", target.name);
        for (index, seed) in seeds.iter().enumerate() {
            assert!((target.run)(seed), "seed {index} of {} is no valid input", target.name);
        }
    }
}
