//! `challenger vm`, as a user runs it: the VM on any program, and on the blocks of a devnet, from the database of a
//! node and of a challenger.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::Arc,
};

use alloy::{
    network::TransactionBuilder,
    primitives::{Address, B256, Bytes, U256, keccak256},
    providers::Provider,
    rpc::types::TransactionRequest,
};
use anyhow::{Context, Result, ensure};
use bindings::artifacts::{Contract, creation_code};
use e2e::{
    machine::OneStep,
    net::{Net, NodeStatus, UserDeposit, user},
};
use fraud_prover::traces::DisagreementFile;
use rollup::{program::program_path, witness::witness_of};
use serde_json::{Value, json};
use testnet::tools;
use vm::{
    Image, Op,
    asm::{ECALL, i, li, s, u},
};

/// `challenger vm …`, with nothing of the environment that could stand for an argument.
fn challenger<I: AsRef<std::ffi::OsStr>>(arguments: impl IntoIterator<Item = I>) -> Result<Output> {
    let mut command = Command::new(tools::challenger()?);
    for variable in ["RECOURSE_ROLLUP", "RECOURSE_DATA_DIR", "RECOURSE_L1_RPC"] {
        command.env_remove(variable);
    }
    command.env("RECOURSE_PROGRAM", program_path()?).env("RUST_LOG", "error");
    Ok(command.args(arguments).output()?)
}

/// What a command prints that succeeds.
fn succeeds<I: AsRef<std::ffi::OsStr>>(arguments: impl IntoIterator<Item = I>) -> Result<String> {
    let output = challenger(arguments)?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success() && errors.is_empty(), "{}: {errors}", output.status);
    Ok(String::from_utf8(output.stdout)?)
}

/// The one line of error of a command that fails.
fn fails<I: AsRef<std::ffi::OsStr>>(arguments: impl IntoIterator<Item = I>) -> Result<String> {
    let output = challenger(arguments)?;
    let line = String::from_utf8(output.stderr)?.trim().to_owned();
    ensure!(output.status.code() == Some(1), "{}: {line}", output.status);
    ensure!(line.starts_with("error: ") && line.lines().count() == 1, "one line: {line}");
    ensure!(!line.contains("panicked"), "{line}");
    Ok(line)
}

/// The value behind a name at the beginning of a line.
fn value<'a>(text: &'a str, name: &str) -> Result<&'a str> {
    let line = text.lines().find_map(|line| line.trim_start().strip_prefix(name));
    line.map(str::trim).with_context(|| format!("no {name} in {text}"))
}

fn number(text: &str, name: &str) -> Result<u64> {
    let text = value(text, name)?;
    let digits = text.split([' ', ',']).next().unwrap_or_default();
    digits.parse().with_context(|| format!("{name} is {text}"))
}

/// Where the program below stands.
const CODE: u64 = 0x1_0000;

/// A static ELF file with one segment of code.
fn elf(code: &[u32]) -> Vec<u8> {
    let code: Vec<u8> = code.iter().flat_map(|word| word.to_le_bytes()).collect();
    let (header, segment) = (64u64, 56u64);
    let mut file = b"\x7fELF\x02\x01\x01".to_vec();
    file.resize(16, 0);
    // An executable for RISC-V, version 1.
    file.extend([2u16, 243].map(u16::to_le_bytes).concat());
    file.extend(1u32.to_le_bytes());
    // Entry, program headers, section headers.
    file.extend([CODE, header, 0].map(u64::to_le_bytes).concat());
    file.extend(0u32.to_le_bytes());
    file.extend([64u16, 56, 1, 64, 0, 0].map(u16::to_le_bytes).concat());
    // To be loaded, readable and executable.
    file.extend([1u32, 5].map(u32::to_le_bytes).concat());
    let length = code.len() as u64;
    file.extend([header + segment, CODE, CODE, length, length, 4096].map(u64::to_le_bytes).concat());
    file.extend(code);
    file
}

/// A loop of two instructions, so many times; then HALT with code 7 and 32 bytes of which the first is 0x2a.
fn counting(rounds: u64) -> Vec<u32> {
    let (zero, t0, a0, a1, a7) = (0, 5, 10, 11, 17);
    [
        li(t0, rounds),
        vec![i(Op::Addi, t0, t0, -1), s(Op::Bne, t0, zero, -4)],
        vec![u(Op::Lui, a1, 0x2_0000), i(Op::Addi, t0, zero, 0x2a), s(Op::Sb, a1, t0, 0)],
        vec![i(Op::Addi, a0, zero, 7), i(Op::Addi, a7, zero, 0), ECALL],
    ]
    .concat()
}

#[test]
fn any_static_program_runs() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = |name: &str, bytes: &[u8]| -> Result<PathBuf> {
        let path = folder.path().join(name);
        fs::write(&path, bytes)?;
        Ok(path)
    };
    let run = |path: &Path, further: &[&str]| -> Result<String> {
        let path = path.to_str().context("a path")?;
        succeeds(["vm", "run", path].iter().chain(further))
    };
    let rounds = 1_000_000;
    let code = counting(rounds);
    let counting = file("counting.elf", &elf(&code))?;
    let text = run(&counting, &[])?;
    assert_eq!(number(&text, "exit code")?, 7);
    let mut output = B256::ZERO;
    output[0] = 0x2a;
    assert_eq!(value(&text, "output")?, output.to_string());
    // All words but the two of the loop are executed once.
    assert_eq!(number(&text, "steps")?, code.len() as u64 - 2 + 2 * rounds);
    assert!(text.contains("million instructions per second"), "{text}");

    let text = run(&counting, &["--max-steps", "1000"])?;
    assert_eq!(value(&text, "exit code")?, "none: stopped after 1000 steps");
    assert_eq!((number(&text, "steps")?, value(&text, "output")?), (1000, B256::ZERO.to_string().as_str()));

    // An unknown instruction is no error of the command: the VM exits with code 2.
    assert_eq!(number(&run(&file("unknown.elf", &elf(&[u32::MAX]))?, &[])?, "exit code")?, 2);

    let fail = |path: &Path| fails(["vm", "run", path.to_str().context("a path")?]);
    assert!(fail(&folder.path().join("missing.elf"))?.contains("missing.elf"));
    assert!(fail(&file("text.elf", b"no program")?)?.contains("text.elf"));
    // The fault proof program itself asks for a preimage at once.
    assert!(fail(&program_path()?)?.contains("preimage"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn blocks_of_a_devnet_run_and_their_steps_are_proven() -> Result<()> {
    let mut options = Net::options("challenger-vm")?;
    options.replica = false;
    options.proposer = false;
    let mut net = Net::start(options).await?;
    let miner = net.miner();

    // A block with a contract's creation, and a deposit somewhere.
    UserDeposit::ether(Address::repeat_byte(0xde), U256::from(5)).send(&net.devnet, &user(3)?).await?;
    let wallet = net.devnet.sequencer()?.wallet(&user(2)?)?;
    let deploy = TransactionRequest::default().with_deploy_code(creation_code(Contract::Counter));
    let receipt = wallet.send_transaction(deploy).await?.get_receipt().await?;
    let block = receipt.block_number.context("no block")?;
    NodeStatus::wait_safe(net.devnet.sequencer()?, block + 3).await?;
    let mut outputs = Vec::new();
    for number in 1..=block {
        let tag = [format!("{number:#x}")];
        let output: Value = net.devnet.sequencer()?.call("optimism_outputAtBlock", tag).await?;
        outputs.push(output["outputRoot"].as_str().context("no output root")?.to_owned());
    }
    // The challenger's own database, from L1 alone; without a key it only looks, and with --once it ends.
    let rollup = net.devnet.rollup_path().display().to_string();
    let l1 = net.devnet.anvil.url().to_owned();
    let watched = net.dir().join("data/watched").display().to_string();
    let watch = ["watch", "--once", "--rollup", &rollup, "--l1-rpc", &l1, "--data-dir", &watched];
    succeeds(watch)?;

    let used = net.devnet.sequencer()?.options.data_dir.display().to_string();
    let of = |command: &str, number: u64, data_dir: &str, further: &[&str]| -> Vec<String> {
        let number = number.to_string();
        let fixed = ["vm", command, &number, "--rollup", &rollup, "--data-dir", data_dir];
        fixed.iter().chain(further).map(|part| (*part).to_owned()).collect()
    };
    assert!(fails(of("block", block, &used, &[]))?.contains("in use"));
    net.devnet.sequencer_mut()?.stop().await?;

    let mut steps = 0;
    for data_dir in [&used, &watched] {
        for number in 1..=block {
            let text = succeeds(of("block", number, data_dir, &[]))?;
            assert_eq!(value(&text, "output root")?, outputs[number as usize - 1], "block {number}");
            assert_eq!(value(&text, "output root")?, value(&text, "node's root")?);
            steps = self::number(&text, "steps")?;
            assert!(text.contains("steps per gas") && text.contains("peak memory"), "{text}");
        }
    }
    let of_block = |command: &str, further: &[&str]| of(command, block, &watched, further);
    // The witness, which the contract takes to the state that comes next in the run.
    let mut one_step = OneStep::new()?;
    for step in [0, 1, steps / 3, steps / 2, steps - 1] {
        let name = step.to_string();
        let made: Value = serde_json::from_str(&succeeds(of_block("witness", &["--step", &name]))?)?;
        assert_eq!(made["step"], json!(step));
        let state: Bytes = serde_json::from_value(made["state"].clone())?;
        let witness: Bytes = serde_json::from_value(made["witness"].clone())?;
        let next = one_step.step(&state, &witness)?.post_hash.context("refused")?.to_string();
        let here = succeeds(of_block("verify", &["--step", &name]))?;
        let there = succeeds(of_block("verify", &["--step", &name, "--l1-rpc", &l1]))?;
        for text in [&here, &there] {
            assert_eq!(value(text, "state before")?, keccak256(&state).to_string());
            assert_eq!((value(text, "VM says")?, value(text, "contract says")?), (&*next, &*next));
            assert_eq!(text.lines().last(), Some("they agree"));
        }
        assert!(number(&here, "gas")? > 21_000);
    }

    replayed(&net, &watched, block, &outputs[block as usize - 1]).await?;
    wrong_arguments(&of_block, steps, block)?;
    let nowhere = net.dir().join("nowhere").display().to_string();
    let message = fails(of("block", block, &nowhere, &[]))?;
    assert!(message.contains("no database in") && !Path::new(&nowhere).exists(), "{message}");
    drop(miner);
    net.finish().await
}

/// The file that `watch` leaves of a disagreement holds all that it takes to run the block again, in VM and node.
async fn replayed(net: &Net, data_dir: &str, block: u64, output: &str) -> Result<()> {
    let config = Arc::new(net.devnet.rollup.clone());
    let chain = fraud_prover::replica::open(Path::new(data_dir), config).await?;
    let witness = {
        let reader = chain.db().read()?;
        let batches = reader.batch_of_block(block)?.context("not in a batch")? + 1;
        witness_of(&reader, &chain.config().chain, block, batches)?
    };
    drop(chain);
    let path = net.dir().join("disagreements/file.json");
    let name = path.display().to_string();
    let program_root = Image::load(&fs::read(program_path()?)?)?.root();
    let mut file = DisagreementFile { witness, program_root, max_steps: u64::MAX, machine: "nothing".into() };
    file.write(&path)?;
    let text = succeeds(["vm", "replay", &name])?;
    assert_eq!((text.matches(output).count(), text.lines().last()), (3, Some("they agree")), "{text}");
    file.witness.output = B256::repeat_byte(1);
    file.write(&path)?;
    assert!(fails(["vm", "replay", &name])?.contains("the node's database had"));
    file.witness.preimages.retain(|hash, _| *hash == file.witness.boot.hash());
    file.write(&path)?;
    assert!(fails(["vm", "replay", &name])?.contains("lacks something"));
    Ok(())
}

/// Each wrong argument gets one line that says what is wrong.
fn wrong_arguments(of: &dyn Fn(&str, &[&str]) -> Vec<String>, steps: u64, block: u64) -> Result<()> {
    let beyond = steps.to_string();
    let message = fails(of("witness", &["--step", &beyond]))?;
    assert!(message.contains(&format!("has {steps} steps")), "{message}");
    let message = fails(of("verify", &["--step", "0", "--l1-rpc", "http://127.0.0.1:1"]))?;
    assert!(message.contains("http://127.0.0.1:1"), "{message}");
    let message = fails(of("block", &["--program", "missing.elf"]))?;
    assert!(message.contains("missing.elf"), "{message}");
    let message = fails(of("block", &["--batches", "1000000"]))?;
    assert!(message.contains("999999"), "{message}");
    let mut unknown = of("block", &[]);
    unknown[2] = "1000000".into();
    let message = fails(unknown)?;
    assert!(message.contains("no block 1000000"), "{message}");
    let mut genesis = of("block", &[]);
    genesis[2] = "0".into();
    let message = fails(genesis)?;
    assert!(message.contains("block 0"), "{message} (block {block} is the newest asked for)");
    Ok(())
}
