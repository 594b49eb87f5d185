//! `challenger vm replay`: a block about which VM and node disagreed, from the file that the challenger wrote.

use std::path::Path;

use alloy::primitives::B256;
use anyhow::{Context, Result, bail};
use vm::{Image, Machine, Preimages};

use crate::traces::DisagreementFile;

/// Computes the block of a file in the VM and by the node's state transition, and compares them.
pub(super) fn replay(path: &Path, image: &Image) -> Result<()> {
    let file = DisagreementFile::read(path).with_context(|| path.display().to_string())?;
    let DisagreementFile { witness, program_root, max_steps, machine } = file;
    let (boot_hash, block) = (witness.boot.hash(), witness.boot.block);
    let native = stf::run(&boot_hash, &witness);
    let (preimages, blobs, node) = (witness.preimages.len(), witness.blobs.len(), witness.output);
    let host = Preimages::from(witness.preimages).with_blobs(witness.blobs);
    let in_vm = Machine::new(image, boot_hash, host).and_then(|mut machine| machine.run(max_steps));

    println!("block            {block}");
    println!("boot hash        {boot_hash}");
    println!("reads            {preimages} preimages, {blobs} blobs");
    println!("then");
    println!("  program        {program_root}");
    println!("  VM             {machine}");
    println!("  node           {node}");
    println!("now");
    println!("  program        {}", image.root());
    match &in_vm {
        Ok(outcome) => println!("  VM             {}, after {} steps", outcome.value, outcome.steps),
        Err(error) => println!("  VM             {error}"),
    }
    match &native {
        Ok(output) => println!("  node           {output}"),
        Err(error) => println!("  node           {error}"),
    }
    if in_vm.is_err() && native.is_err() {
        bail!("the file lacks something that block {block} reads");
    }
    // A run without output has the value zero.
    let native = native.unwrap_or(B256::ZERO);
    match in_vm {
        Ok(outcome) if outcome.value == native && native == node => {
            println!("they agree");
            Ok(())
        }
        Ok(outcome) if outcome.value == native => {
            bail!("VM and state transition agree about block {block}, but the node's database had {node}")
        }
        _ => bail!("the VM and the node's state transition disagree about block {block}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traces::tests::{disagreement, toy};

    #[test]
    fn a_disagreement_is_run_again_and_told_apart() {
        let dir = tempfile::tempdir().unwrap();
        let image = toy().image;
        // The toy's boot leads nowhere, so both sides have no output; the node of the file had one.
        let file = disagreement(dir.path(), B256::repeat_byte(1));
        let error = replay(&file, &image).unwrap_err().to_string();
        assert!(error.contains("the node's database had 0x0101"), "{error}");
        // As it should be.
        let text = std::fs::read_to_string(&file).unwrap();
        let agreed = text.replace(&B256::repeat_byte(1).to_string(), &B256::ZERO.to_string());
        std::fs::write(&file, agreed).unwrap();
        replay(&file, &image).unwrap();
        std::fs::write(&file, "{}").unwrap();
        let error = format!("{:#}", replay(&file, &image).unwrap_err());
        assert!(error.contains("is not the file of a disagreement"), "{error}");
    }
}
