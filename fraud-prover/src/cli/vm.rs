//! `challenger vm`: the VM on its own.

use std::{fs, path::Path, sync::Arc, time::Instant};

use alloy::{
    eips::BlockId,
    primitives::{Address, B256},
    sol_types::SolCall,
};
use anyhow::{Context, Result, bail};
use bindings::{IDisputeGame, IDisputeGameFactory, IRiscV};
use rollup::{
    RollupConfig,
    l1::reach_for_command,
    witness::{BlockWitness, witness_of},
};
use vm::{Image, Machine, Preimages};

use super::{BlockArgs, VmCommand, program, replay::replay};
use crate::{
    replica,
    traces::{Tracer, step_in_process},
    truth::Proof,
    watch::load,
};

/// Most steps of a block's run: any number, as a block's gas ends it. A game's limit is in its contract, at least four
/// times what the worst block takes.
const MAX_STEPS: u64 = u64::MAX;

pub(super) async fn run(command: VmCommand) -> Result<()> {
    match command {
        VmCommand::Run { elf, max_steps } => {
            tokio::task::spawn_blocking(move || run_elf(&elf, max_steps)).await?
        }
        VmCommand::Replay { file, program: named } => {
            let image = load(&program(named)?)?;
            tokio::task::spawn_blocking(move || replay(&file, &image)).await?
        }
        VmCommand::Block { block } => {
            let block = Block::open(block).await?;
            tokio::task::spawn_blocking(move || block.run()).await?
        }
        VmCommand::Witness { block, step } => {
            let block = Block::open(block).await?;
            let (proof, _) = tokio::task::spawn_blocking(move || block.prove(step)).await??;
            let json = serde_json::json!({ "step": step, "state": proof.state, "witness": proof.witness });
            println!("{}", serde_json::to_string_pretty(&json)?);
            Ok(())
        }
        VmCommand::Verify { block, step, l1_rpc } => {
            let rollup = block.rollup.clone();
            let block = Block::open(block).await?;
            let number = block.number;
            let (proof, expected) = tokio::task::spawn_blocking(move || block.prove(step)).await??;
            let (found, gas) = match l1_rpc {
                Some(url) => (ask(&rollup, &url, &proof).await?, None),
                None => {
                    let (next, gas) = step_in_process(&proof)?;
                    (next, Some(gas))
                }
            };
            println!("block {number}, step {step}");
            println!("  state before   {}", alloy::primitives::keccak256(&proof.state));
            println!("  witness        {} bytes", proof.witness.len());
            println!("  VM says        {expected}");
            println!("  contract says  {found}");
            if let Some(gas) = gas {
                println!("  gas            {gas}, as a whole transaction");
            }
            if found != expected {
                bail!("the VM and the contract disagree about step {step} of block {number}");
            }
            println!("they agree");
            Ok(())
        }
    }
}

fn run_elf(path: &Path, max_steps: u64) -> Result<()> {
    let image = load(path)?;
    let mut machine = Machine::new(&image, B256::ZERO, ())?;
    let started = Instant::now();
    let outcome = machine.run(max_steps)?;
    let seconds = started.elapsed().as_secs_f64();
    match outcome.exit {
        Some(code) => println!("exit code     {code}"),
        None => println!("exit code     none: stopped after {max_steps} steps"),
    }
    println!("output        {}", outcome.output);
    println!("steps         {}", outcome.steps);
    println!("time          {seconds:.3} s");
    println!("speed         {:.0} million instructions per second", speed(outcome.steps, seconds));
    Ok(())
}

fn speed(steps: u64, seconds: f64) -> f64 {
    steps as f64 / seconds.max(1e-9) / 1e6
}

/// A block with what it reads.
struct Block {
    number: u64,
    image: Image,
    witness: BlockWitness,
    gas: u64,
    output: B256,
}

impl Block {
    async fn open(args: BlockArgs) -> Result<Self> {
        let config = Arc::new(RollupConfig::load(&args.rollup)?);
        let image = load(&program(args.program)?)?;
        // Opening nothing would make a new one.
        if fs::read_dir(&args.data_dir).map_or(true, |mut files| files.next().is_none()) {
            bail!("there is no database in {}", args.data_dir.display());
        }
        let chain = replica::open(&args.data_dir, config.clone()).await?;
        let number = args.number;
        if number == 0 {
            bail!("block 0 is the genesis: no run leads to it");
        }
        tokio::task::spawn_blocking(move || {
            let reader = chain.db().read()?;
            let header =
                reader.header(number)?.with_context(|| format!("the database has no block {number}"))?;
            let batches = match args.batches {
                Some(batches) => batches,
                None => {
                    let batch = reader.batch_of_block(number)?;
                    batch.with_context(|| format!("block {number} is in no batch yet"))? + 1
                }
            };
            let witness = witness_of(&reader, &config.chain, number, batches)?;
            let output = stf::output_root(&header, header.hash());
            Ok(Self { number, image, witness, gas: header.gas_used, output })
        })
        .await?
    }

    fn run(self) -> Result<()> {
        let boot_hash = self.witness.boot.hash();
        let preimages = self.witness.preimages.len();
        let bytes: usize = self.witness.preimages.values().map(|bytes| bytes.len()).sum();
        let blobs = self.witness.blobs.len();
        let host = Preimages::from(self.witness.preimages).with_blobs(self.witness.blobs);
        let mut machine = Machine::new(&self.image, boot_hash, host)?;
        let started = Instant::now();
        let outcome = machine.run(MAX_STEPS)?;
        let seconds = started.elapsed().as_secs_f64();
        let steps = outcome.steps;
        println!("block         {}", self.number);
        println!("boot hash     {boot_hash}");
        println!("reads         {preimages} preimages, {bytes} bytes, and {blobs} blobs");
        println!("output root   {}", outcome.value);
        println!("node's root   {}", self.output);
        println!("steps         {steps}");
        println!("time          {seconds:.3} s");
        println!("speed         {:.0} million instructions per second", speed(steps, seconds));
        println!("memory        {} KiB touched by the program", machine.pages() * 4);
        if let Some(peak) = peak_memory() {
            println!("peak memory   {peak} KiB of this process");
        }
        println!("gas           {}", self.gas);
        if self.gas > 0 {
            println!("steps per gas {:.2}", steps as f64 / self.gas as f64);
        }
        if outcome.value != self.output {
            bail!("the VM and the node disagree about block {}", self.number);
        }
        Ok(())
    }

    /// The proof of a step, and the hash of the state that it leads to.
    fn prove(self, step: u64) -> Result<(Proof, B256)> {
        let number = self.number;
        let mut tracer = Tracer::over(&self.image, self.witness, MAX_STEPS)?;
        let steps = tracer.summary().steps;
        if step >= steps {
            bail!("the run of block {number} has {steps} steps: the last to prove is {}", steps - 1);
        }
        let next = tracer.find(&[step + 1])?;
        let next = next.first().copied().context("the VM gave no state")?;
        Ok((tracer.prove(step)?, next))
    }
}

/// Most memory that this process ever had, in KiB.
fn peak_memory() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// Asks the rollup's step verifier on L1.
async fn ask(rollup: &Path, url: &str, proof: &Proof) -> Result<B256> {
    let config = RollupConfig::load(rollup)?;
    let client = reach_for_command(&[url.to_owned()], &config, None).await?;
    let latest = BlockId::latest();
    let factory = config.contracts.dispute_game_factory;
    let code = client.view(factory, IDisputeGameFactory::gameImplementationCall {}, latest).await?;
    let verifier: Address = client.view(code, IDisputeGame::parametersCall {}, latest).await?.riscV;
    let call = IRiscV::stepCall { state: proof.state.clone(), witness: proof.witness.clone() };
    let size = call.abi_encode().len();
    client
        .view(verifier, call, latest)
        .await
        .with_context(|| format!("the verifier {verifier} refuses a call of {size} bytes"))
}
