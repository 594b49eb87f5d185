//! Sending what deploys contracts.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use alloy::{
    consensus::{SignableTransaction, TxEip1559},
    eips::{BlockNumberOrTag, eip2718::Encodable2718},
    network::{BlockResponse, Ethereum},
    primitives::{B256, TxKind, U256, utils::format_ether},
    providers::{Provider, RootProvider},
    rpc::types::TransactionReceipt,
};
use anyhow::{Context, Result, ensure};
use rollup::signer::Signer;
use tokio::time::sleep;

use super::Record;
use crate::{DeployStep, Deployer, L1Origin};

/// How often L1 is asked what became of a transaction.
const POLL: Duration = Duration::from_secs(1);
/// Time after which a transaction that no block has taken is sent again with more.
const PATIENCE: Duration = Duration::from_secs(60);

/// What endpoints say of a transaction that their pool has, or has another one in place of.
const IN_THE_POOL: [&str; 3] = ["already known", "already imported", "underpriced"];

/// How to send.
#[derive(Clone, Debug)]
pub struct SendingOptions {
    /// Most that a unit of gas may cost, in wei. While L1 asks for more, the deployment waits.
    pub max_fee: u128,
    /// Tip for a unit of gas, in wei.
    pub tip: u128,
    /// How often L1 is asked; the default if not given.
    pub poll: Option<Duration>,
}

/// What a deployment tells while it goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeployProgress {
    /// This step's contract is there already.
    Found {
        /// Its place in the plan.
        step: usize,
    },
    /// A transaction is on its way.
    Sent {
        /// Place in the plan of what it deploys.
        step: usize,
        /// Its hash.
        hash: B256,
    },
    /// A step's contract is there.
    Deployed {
        /// Its place in the plan.
        step: usize,
        /// Gas that it took.
        gas: u64,
    },
    /// L1 asks for more than is allowed.
    TooExpensive {
        /// L1's base fee, in wei.
        base_fee: u128,
        /// What is allowed, in wei.
        max_fee: u128,
    },
    /// L1 does not answer as it should; it is asked again.
    Trouble {
        /// What it said.
        reason: String,
    },
}

/// Contracts that are being deployed, one transaction after another, whatever happens in between.
#[derive(Debug)]
pub struct ContractSender {
    l1: RootProvider<Ethereum>,
    signer: Signer,
    path: PathBuf,
    record: Record,
    steps: Vec<DeployStep>,
}

impl ContractSender {
    /// Begins to deploy what `plan` makes, or goes on with what `path` has a record of. Nothing is sent or written yet.
    ///
    /// # Errors
    /// Another chain than `l1_chain_id`, a record of other steps, transactions of the account that wait, no plan.
    pub async fn begin<T>(
        l1: RootProvider<Ethereum>,
        l1_chain_id: u64,
        signer: Signer,
        (path, restart): (&Path, bool),
        origin: Option<L1Origin>,
        plan: impl FnOnce(Deployer, Option<L1Origin>) -> Result<(T, Vec<DeployStep>)>,
    ) -> Result<(Self, T)> {
        let begun = if restart { None } else { Record::read(path)? };
        let account = signer.address();
        let (record, planned, steps) = match begun {
            Some(record) => {
                ensure!(
                    (record.l1_chain_id, record.deployer) == (l1_chain_id, account),
                    "{} is of contracts that {} deploys on chain {}: go on there with that key, or begin anew with --restart",
                    path.display(),
                    record.deployer,
                    record.l1_chain_id
                );
                let (planned, steps) = plan(record.deployer(), record.origin)?;
                record.check(&steps)?;
                (record, planned, steps)
            }
            None => {
                let first_nonce = l1.get_transaction_count(account).await?;
                let pending = l1.get_transaction_count(account).pending().await?;
                ensure!(
                    pending == first_nonce,
                    "{} transactions of {account} wait for a block: the addresses depend on what becomes of them; wait",
                    pending.saturating_sub(first_nonce)
                );
                let deployer = Deployer { l1_chain_id, account, first_nonce };
                let (planned, steps) = plan(deployer, origin)?;
                (Record::new(deployer, origin, &steps), planned, steps)
            }
        };
        Ok((Self { l1, signer, path: path.into(), record, steps }, planned))
    }

    /// Steps whose contracts are there.
    pub async fn found(&self) -> Result<usize> {
        let mut found = 0;
        for step in &self.steps {
            if !self.is_there(step).await? {
                break;
            }
            found += 1;
        }
        Ok(found)
    }

    /// What the steps behind those that were found cost at most, at L1's present price: (gas, wei).
    pub async fn cost(&self, found: usize, options: &SendingOptions) -> Result<(u64, U256)> {
        let rest = self.steps.iter().skip(found);
        let gas = rest.map(|step| step.gas).sum::<u64>();
        let price = (self.base_fee().await?.saturating_mul(5) / 4 + options.tip).min(options.max_fee);
        Ok((gas, U256::from(gas) * U256::from(price)))
    }

    /// Refuses a deployment that the account cannot pay for.
    pub async fn check_balance(&self, needed: U256) -> Result<()> {
        let balance = self.l1.get_balance(self.record.deployer).await?;
        ensure!(
            balance >= needed,
            "{} has {} ETH, and this takes up to {} at L1's present price: nothing was sent",
            self.record.deployer,
            format_ether(balance),
            format_ether(needed)
        );
        Ok(())
    }

    /// Sends what is missing, one transaction after another.
    ///
    /// # Errors
    /// It cannot go on as it was planned: somebody else used a nonce, or the record cannot be written. What passes is waited
    /// for.
    pub async fn run(
        &mut self,
        options: &SendingOptions,
        mut tell: impl FnMut(&DeployProgress),
    ) -> Result<()> {
        self.record.write(&self.path)?;
        for index in 0..self.steps.len() {
            self.deploy(index, options, &mut tell).await?;
        }
        Ok(())
    }

    /// Brings one contract into L1, however long it takes.
    async fn deploy(
        &mut self,
        index: usize,
        options: &SendingOptions,
        tell: &mut impl FnMut(&DeployProgress),
    ) -> Result<()> {
        let step = self.steps[index].clone();
        let nonce = self.record.first_nonce + index as u64;
        let mut last: Option<(Instant, u128)> = None;
        let mut told = None;
        loop {
            let looked = self.look(index, &step, nonce).await;
            match looked {
                Ok(Some(gas)) => {
                    let told = match last {
                        Some(_) => DeployProgress::Deployed { step: index, gas },
                        None => DeployProgress::Found { step: index },
                    };
                    tell(&told);
                    return Ok(());
                }
                Ok(None) => {
                    let waited = last.is_none_or(|(sent, _)| sent.elapsed() >= PATIENCE);
                    if waited {
                        let least = last.map_or(0, |(_, fee)| fee.saturating_mul(5) / 4);
                        match self.send(index, &step, nonce, least, options).await {
                            Ok(Ok((hash, fee))) => {
                                last = Some((Instant::now(), fee));
                                tell(&DeployProgress::Sent { step: index, hash });
                            }
                            Ok(Err(dear)) => once(&mut told, dear, tell),
                            Err(Failure::Fatal(error)) => return Err(error),
                            Err(Failure::Passing(reason)) => {
                                once(&mut told, DeployProgress::Trouble { reason }, tell)
                            }
                        }
                    }
                }
                Err(Failure::Fatal(error)) => return Err(error),
                Err(Failure::Passing(reason)) => once(&mut told, DeployProgress::Trouble { reason }, tell),
            }
            sleep(options.poll.unwrap_or(POLL)).await;
        }
    }

    /// Whether a step's contract is there, with the gas that it took; an error if it can never be.
    async fn look(&self, index: usize, step: &DeployStep, nonce: u64) -> Result<Option<u64>, Failure> {
        if self.is_there(step).await? {
            let gas = self.receipt(index).await?.map_or(0, |receipt| receipt.gas_used);
            return Ok(Some(gas));
        }
        if self.l1.get_transaction_count(self.record.deployer).await.map_err(passing)? <= nonce {
            return Ok(None);
        }
        // Between the two questions a block may have come.
        if self.is_there(step).await? {
            return Ok(Some(0));
        }
        let what = step.what;
        Err(Failure::Fatal(match self.receipt(index).await? {
            Some(receipt) => anyhow::anyhow!(
                "the transaction {} that deploys {what} failed with {} gas: nothing else was sent. Begin anew with --restart",
                receipt.transaction_hash,
                receipt.gas_used
            ),
            None => anyhow::anyhow!(
                "nonce {nonce} of {} was used for something else, so {what} can never come to stand at {}: the addresses \
                 have moved. What was deployed is left there and harms nobody. Begin anew with --restart, and let nothing \
                 else use the key",
                self.record.deployer,
                step.address
            ),
        }))
    }

    /// Sends a step's transaction, unless L1 asks for more than is allowed.
    async fn send(
        &mut self,
        index: usize,
        step: &DeployStep,
        nonce: u64,
        least: u128,
        options: &SendingOptions,
    ) -> Result<Result<(B256, u128), DeployProgress>, Failure> {
        let base_fee = self.base_fee().await?;
        if base_fee.saturating_add(options.tip) > options.max_fee {
            return Ok(Err(DeployProgress::TooExpensive { base_fee, max_fee: options.max_fee }));
        }
        let fee = (base_fee.saturating_mul(2) + options.tip).max(least).min(options.max_fee);
        let raised = if least == 0 { options.tip } else { options.tip.max(least / 4) };
        let tx = TxEip1559 {
            chain_id: self.record.l1_chain_id,
            nonce,
            gas_limit: step.gas,
            max_fee_per_gas: fee,
            max_priority_fee_per_gas: raised.min(fee),
            to: TxKind::Create,
            input: step.code.clone(),
            ..TxEip1559::default()
        };
        let signature = self.signer.sign_transaction(&tx.clone().into()).await.map_err(passing)?;
        let signed = tx.into_signed(signature);
        let hash = *signed.hash();
        // Before it is sent: what is sent is never forgotten.
        let sent = self.record.sent.entry(index).or_default();
        if !sent.contains(&hash) {
            sent.push(hash);
            self.record.write(&self.path).map_err(Failure::Fatal)?;
        }
        let raw = alloy::consensus::TxEnvelope::from(signed).encoded_2718();
        match self.l1.send_raw_transaction(&raw).await {
            Ok(_) => Ok(Ok((hash, fee))),
            // One of an earlier run waits already. What becomes of it shows when L1 is looked at.
            Err(error) if IN_THE_POOL.iter().any(|text| error.to_string().contains(text)) => {
                Ok(Ok((hash, fee)))
            }
            Err(error) => Err(passing(error)),
        }
    }

    async fn is_there(&self, step: &DeployStep) -> Result<bool, Failure> {
        let code = self.l1.get_code_at(step.address).block_id(BlockNumberOrTag::Latest.into()).await;
        Ok(!code.map_err(passing)?.is_empty())
    }

    async fn base_fee(&self) -> Result<u128, Failure> {
        let head = self.l1.get_block_by_number(BlockNumberOrTag::Latest).await.map_err(passing)?;
        let header = head.ok_or_else(|| Failure::Passing("L1 has no newest block".into()))?;
        Ok(header.header().base_fee_per_gas.unwrap_or_default().into())
    }

    /// The L1 block that a step's transaction is in.
    pub(super) async fn block_of(&self, index: usize) -> Result<u64> {
        let receipt = self.receipt(index).await?.context("L1 does not know the transaction any more")?;
        receipt.block_number.context("the transaction is in no block")
    }

    /// The receipt of a step's transaction, whichever was taken.
    async fn receipt(&self, index: usize) -> Result<Option<TransactionReceipt>, Failure> {
        for hash in self.record.sent.get(&index).into_iter().flatten().rev() {
            if let Some(receipt) = self.l1.get_transaction_receipt(*hash).await.map_err(passing)? {
                return Ok(Some(receipt));
            }
        }
        Ok(None)
    }
}

/// Why a question or a transaction came to nothing.
#[derive(Debug)]
enum Failure {
    /// The deployment cannot go on.
    Fatal(anyhow::Error),
    /// It may work later.
    Passing(String),
}

impl From<Failure> for anyhow::Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Fatal(error) => error,
            Failure::Passing(reason) => Self::msg(reason),
        }
    }
}

fn passing(error: impl std::fmt::Display) -> Failure {
    Failure::Passing(error.to_string())
}

/// Tells what lasts only once.
fn once(told: &mut Option<DeployProgress>, now: DeployProgress, tell: &mut impl FnMut(&DeployProgress)) {
    let is_new = match (&told, &now) {
        (Some(DeployProgress::TooExpensive { .. }), DeployProgress::TooExpensive { .. }) => false,
        (told, now) => told.as_ref() != Some(now),
    };
    if is_new {
        tell(&now);
        *told = Some(now);
    }
}
