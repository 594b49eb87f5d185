//! Patched truths.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use alloy::primitives::{Address, B256, Bytes, KECCAK256_EMPTY, U256, keccak256};
use anyhow::{Context, Result};
use fraud_prover::{
    game::{Run, Subject},
    traces::{ReplicaProver, ReplicaProvers},
    truth::{Proof, Prover, Provers, Truth, Unknown},
};
use rollup::{chain::Chain, interval::Interval, witness::witness_of};
use stf::{BootInfo, StateChanges, StateTrie, output_root};
use trie::{Account, EMPTY_ROOT};
use vm::{Call, Cpu, Image, State};

use crate::proving;

use super::{
    other::OtherChain,
    plot::{Divergence, Lie, Plot},
};

/// A truth with a lie in it.
pub struct Lying {
    honest: ReplicaProvers,
    chain: Chain,
    image: Image,
    plot: Plot,
    other: Arc<Mutex<OtherChain>>,
    found: Found,
}

/// By batches, block and call: the number of steps before it, so that a run is not searched twice.
type Found = Arc<Mutex<BTreeMap<(u64, u64, Call), Option<u64>>>>;

impl Lying {
    /// A liar over an honest replica.
    pub fn new(chain: Chain, honest: ReplicaProvers, image: Image, plot: Plot) -> Result<Self> {
        let other = Arc::new(Mutex::new(OtherChain::new(chain.config().clone())?));
        Ok(Self { honest, chain, image, plot, other, found: Arc::default() })
    }
}

impl Provers for Lying {
    fn prover(&self, subject: &Subject) -> Box<dyn Prover> {
        let Some((lie, divergence)) = self.plot.of(subject) else {
            return self.honest.prover(subject);
        };
        Box::new(LyingProver {
            honest: self.honest.of(subject),
            subject: subject.clone(),
            chain: self.chain.clone(),
            image: self.image.clone(),
            lie,
            divergence,
            other: self.other.clone(),
            found: self.found.clone(),
        })
    }
}

struct LyingProver {
    honest: ReplicaProver,
    subject: Subject,
    chain: Chain,
    image: Image,
    lie: Lie,
    divergence: Divergence,
    other: Arc<Mutex<OtherChain>>,
    found: Found,
}

/// The calls in the VM's run over a block, with the numbers of steps before them.
pub fn calls_of(chain: &Chain, image: &Image, block: u64, batches: u64) -> Result<Vec<(u64, Call)>> {
    let witness = witness_of(&chain.db().read()?, &chain.config().chain, block, batches)?;
    let mut machine = proving::start(image, &witness)?;
    machine.log_calls();
    machine.run(u64::MAX)?;
    Ok(machine.logged_calls().to_vec())
}

/// Depth of the claim that a dispute about this step of this block's run ends at: whose segments are single steps. Claims at
/// even depths are those of the proposer's side.
pub fn last_depth(blocks: Interval, block: u64, steps: u64, step: u64) -> usize {
    let down = |mut interval: Interval, unit: u64, mut depth: usize| {
        while let Some(segment) =
            interval.segment((unit.saturating_sub(interval.start + 1)) / interval.stride())
            && segment.length > 1
        {
            (interval, depth) = (segment, depth + 1);
        }
        depth
    };
    let run = down(blocks, block, 0) + 1;
    down(Interval { start: 0, length: steps }, step, run)
}

fn failed(error: impl std::fmt::Display) -> Unknown {
    Unknown::Failed(format!("{error:#}"))
}

impl LyingProver {
    fn wrong_output(&self, block: u64) -> Result<B256> {
        let reader = self.chain.db().read()?;
        let mut header = reader.header(block)?.context("no header")?.into_inner();
        match self.lie {
            Lie::WrongBalance { .. } => {
                let state = reader.state_at(block)?;
                let lucky = keccak256(Address::repeat_byte(0x77));
                let before = state.account(&lucky)?.unwrap_or(Account {
                    nonce: 0,
                    balance: U256::ZERO,
                    storage_root: EMPTY_ROOT,
                    code_hash: KECCAK256_EMPTY,
                });
                let after =
                    Account { balance: before.balance + U256::from(10).pow(U256::from(18)), ..before };
                let mut changes = StateChanges::default();
                changes.accounts.push((lucky, Some(after)));
                header.state_root =
                    StateTrie::new(header.state_root).update(&mut changes, &state, &mut ())?;
            }
            Lie::WrongReceipt { .. } => header.receipts_root = keccak256(header.receipts_root),
            Lie::FlippedBit { .. } => {
                let mut root = output_root(&header, header.hash_slow());
                root[31] ^= 1;
                return Ok(root);
            }
            Lie::SkippedTransaction { .. } | Lie::IgnoredBatch { .. } => {
                let mut other = self.other.lock().map_err(|error| anyhow::anyhow!("{error}"))?;
                other.follow(&reader, self.subject.batch_count, self.lie)?;
                let reader = other.chain().db().read()?;
                header = reader.header(block)?.context("no header")?.into_inner();
            }
        }
        Ok(output_root(&header, header.hash_slow()))
    }

    /// The first block whose output is wrong.
    fn first_wrong(&self) -> Result<u64, Unknown> {
        match self.lie {
            Lie::WrongBalance { block }
            | Lie::WrongReceipt { block }
            | Lie::SkippedTransaction { block }
            | Lie::FlippedBit { block } => Ok(block),
            Lie::IgnoredBatch { block } => {
                for candidate in self.subject.blocks.start + 1..=block {
                    if self.wrong_output(candidate).map_err(failed)? != self.honest.output(candidate)? {
                        return Ok(candidate);
                    }
                }
                Err(Unknown::Failed("ignoring the batch changes nothing".into()))
            }
        }
    }

    fn divergence(&self, block: u64, steps: u64) -> Result<u64, Unknown> {
        Ok(match self.divergence {
            Divergence::First => 1,
            Divergence::Last => steps,
            Divergence::After(step) => step.clamp(1, steps),
            Divergence::Share(share) => (steps / 1_000 * share).clamp(1, steps),
            Divergence::Call(call) => self.find(block, call).map_err(failed)?.map_or(steps, |step| step + 1),
        })
    }

    fn find(&self, block: u64, wanted: Call) -> Result<Option<u64>> {
        let mut found = self.found.lock().map_err(|error| anyhow::anyhow!("{error}"))?;
        let batches = self.subject.batch_count;
        if let Some(step) = found.get(&(batches, block, wanted)) {
            return Ok(*step);
        }
        let calls = calls_of(&self.chain, &self.image, block, batches)?;
        for (step, call) in calls {
            found.entry((batches, block, call)).or_insert(Some(step));
        }
        Ok(*found.entry((batches, block, wanted)).or_insert(None))
    }

    /// A state that no honest VM is in.
    fn wrong_state(&self, block: u64, step: u64, steps: u64) -> Result<State, Unknown> {
        let exited = step >= steps;
        let output = if exited { self.output(block)? } else { B256::ZERO };
        let seed = [self.subject.game.as_slice(), &block.to_be_bytes(), &step.to_be_bytes()].concat();
        let cpu = Cpu { x: [0; 32], pc: 0, step: step.min(steps), exited, exit_code: 0, output };
        Ok(State { root: keccak256(seed), cpu })
    }
}

impl Truth for LyingProver {
    fn output(&self, block: u64) -> Result<B256, Unknown> {
        let honest = self.honest.output(block)?;
        if block < self.first_wrong()? { Ok(honest) } else { self.wrong_output(block).map_err(failed) }
    }

    fn boot_hash(&self, block: u64) -> Result<B256, Unknown> {
        let boot = BootInfo {
            agreed_output: self.output(block.saturating_sub(1))?,
            block,
            batch_acc: self.subject.batch_acc,
            config_hash: self.chain.config().chain.hash(),
        };
        Ok(boot.hash())
    }

    fn run(&self, block: u64) -> Result<Run, Unknown> {
        self.honest.run(block)
    }

    fn states(&self, block: u64, steps: &[u64]) -> Result<Vec<B256>, Unknown> {
        let honest = self.honest.states(block, steps)?;
        if block < self.first_wrong()? {
            return Ok(honest);
        }
        let length = self.honest.run(block)?.steps;
        let divergence = self.divergence(block, length)?;
        let states = steps.iter().zip(honest).map(|(step, honest)| match step.min(&length) {
            step if *step < divergence => Ok(honest),
            step => Ok(self.wrong_state(block, *step, length)?.hash()),
        });
        states.collect()
    }
}

impl Prover for LyingProver {
    fn last_state(&self, block: u64) -> Result<Bytes, Unknown> {
        let length = self.honest.run(block)?.steps;
        Ok(Bytes::copy_from_slice(&self.wrong_state(block, length, length)?.pack()))
    }

    fn proof(&self, block: u64, step: u64) -> Result<Proof, Unknown> {
        self.honest.proof(block, step)
    }
}
