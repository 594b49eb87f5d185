//! The prestate tracer: what a transaction finds, or what it changes.

use std::collections::{BTreeMap, HashSet, btree_map::Entry};

use alloy::primitives::{Address, B256, Bytes, U256, keccak256};
use revm::{bytecode::opcode, primitives::KECCAK_EMPTY};
use serde::Serialize;

use super::{
    config::Config,
    hooks::{RunTracer, Started, TracedStep, World},
};
use crate::{RpcError, answer::AnswerText};

/// Bytes that an account takes, as it is kept and as it is shown; its code comes on top, twice.
const ACCOUNT: usize = 768;

/// Bytes that a slot takes.
const SLOT: usize = 384;

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct PreAccount {
    #[serde(skip_serializing_if = "Option::is_none")]
    balance: Option<U256>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<Bytes>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code_hash: Option<B256>,
    #[serde(skip_serializing_if = "is_zero")]
    nonce: u64,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    storage: BTreeMap<B256, B256>,
    #[serde(skip)]
    is_empty: bool,
}

const fn is_zero(nonce: &u64) -> bool {
    *nonce == 0
}

type Accounts = BTreeMap<Address, PreAccount>;

/// What a transaction changed.
#[derive(Serialize)]
struct Difference<'a> {
    post: &'a Accounts,
    pre: &'a Accounts,
}

/// The tracer.
#[derive(Debug)]
pub(crate) struct PrestateTracer {
    diff: bool,
    no_code: bool,
    no_storage: bool,
    include_empty: bool,
    pre: Accounts,
    post: Accounts,
    created: HashSet<Address>,
    deleted: HashSet<Address>,
}

impl PrestateTracer {
    pub(crate) fn new(config: &Config<'_>) -> Result<Self, RpcError> {
        let config = config.object("PrestateTracerConfig")?;
        let (diff, include_empty) = (config.flag("diffMode")?, config.flag("includeEmpty")?);
        if diff && include_empty {
            return Err(RpcError::refused("cannot use diffMode with includeEmpty"));
        }
        Ok(Self {
            diff,
            no_code: config.flag("disableCode")?,
            no_storage: config.flag("disableStorage")?,
            include_empty,
            pre: Accounts::new(),
            post: Accounts::new(),
            created: HashSet::new(),
            deleted: HashSet::new(),
        })
    }

    /// Notes an account as it is, unless it is noted.
    fn account(&mut self, world: &World<'_>, address: Address) -> Result<(), RpcError> {
        if self.pre.contains_key(&address) {
            return Ok(());
        }
        let info = world.account(address)?;
        let code = world.code(address)?;
        world.take(ACCOUNT + 2 * code.len())?;
        let has_code = !code.is_empty();
        let is_empty = info.balance.is_zero() && info.nonce == 0 && !has_code;
        let account = PreAccount {
            balance: Some(info.balance),
            code: Some(code).filter(|_| has_code && !self.no_code),
            code_hash: Some(info.code_hash).filter(|hash| !hash.is_zero() && *hash != KECCAK_EMPTY),
            nonce: info.nonce,
            storage: BTreeMap::new(),
            is_empty,
        };
        self.pre.insert(address, account);
        Ok(())
    }

    /// The same, with the account that its code stands for.
    fn called(&mut self, world: &World<'_>, address: Address) -> Result<(), RpcError> {
        self.account(world, address)?;
        match world.delegate(address)? {
            Some(target) => self.account(world, target),
            None => Ok(()),
        }
    }

    fn slot(&mut self, world: &World<'_>, address: Address, slot: U256) -> Result<(), RpcError> {
        if self.no_storage {
            return Ok(());
        }
        let Some(account) = self.pre.get_mut(&address) else { return Ok(()) };
        let key = slot.into();
        if let Entry::Vacant(vacant) = account.storage.entry(key) {
            world.take(SLOT)?;
            vacant.insert(world.storage(address, slot)?.into());
        }
        Ok(())
    }

    /// Keeps what has changed.
    fn compare(&mut self, world: &World<'_>) -> Result<(), RpcError> {
        let mut unchanged = Vec::new();
        for (address, before) in &mut self.pre {
            if self.deleted.contains(address) {
                continue;
            }
            let info = world.account(*address)?;
            let code = world.code(*address)?;
            let mut after = PreAccount::default();
            let mut is_changed = false;
            if Some(info.balance) != before.balance {
                (after.balance, is_changed) = (Some(info.balance), true);
            }
            if info.nonce != before.nonce {
                (after.nonce, is_changed) = (info.nonce, true);
            }
            // What is not there has no hash of a code, where what was not there has that of none: go-ethereum's way.
            let code_hash = if info.is_empty() { B256::ZERO } else { info.code_hash };
            if code_hash != before.code_hash.unwrap_or(KECCAK_EMPTY) {
                (after.code_hash, is_changed) = (Some(code_hash), true);
            }
            if !self.no_code && code != before.code.clone().unwrap_or_default() {
                world.take(2 * code.len())?;
                (after.code, is_changed) = (Some(code), true);
            }
            let mut kept = BTreeMap::new();
            for (slot, value) in std::mem::take(&mut before.storage) {
                let now: B256 = world.storage(*address, slot.into())?.into();
                if now == value {
                    continue;
                }
                is_changed = true;
                if !now.is_zero() {
                    after.storage.insert(slot, now);
                }
                if !value.is_zero() {
                    kept.insert(slot, value);
                }
            }
            before.storage = kept;
            if is_changed {
                self.post.insert(*address, after);
            } else {
                unchanged.push(*address);
            }
        }
        for address in unchanged {
            self.pre.remove(&address);
        }
        Ok(())
    }
}

impl RunTracer for PrestateTracer {
    fn has_steps(&self) -> bool {
        true
    }

    fn start(&mut self, world: &mut World<'_>, tx: &Started) -> Result<(), RpcError> {
        match tx.to {
            Some(to) => self.called(world, to)?,
            None => {
                let created = tx.from.create(world.account(tx.from)?.nonce);
                self.created.insert(created);
                self.account(world, created)?;
            }
        }
        self.account(world, tx.from)?;
        self.account(world, world.context.block.beneficiary)?;
        for authority in &tx.authorities {
            self.account(world, *authority)?;
        }
        Ok(())
    }

    fn step(&mut self, world: &mut World<'_>, step: &TracedStep<'_>) -> Result<(), RpcError> {
        if step.error.is_some() {
            return Ok(());
        }
        let own = step.address();
        let peek = |place| step.peek(place).unwrap_or_default();
        match step.op {
            opcode::SLOAD | opcode::SSTORE => self.slot(world, own, peek(0)),
            opcode::EXTCODECOPY | opcode::EXTCODEHASH | opcode::EXTCODESIZE | opcode::BALANCE => {
                self.account(world, step.peek_address(0).unwrap_or_default())
            }
            opcode::SELFDESTRUCT => {
                // Only what was made in the same transaction goes (EIP-6780).
                if self.created.contains(&own) {
                    self.deleted.insert(own);
                }
                self.account(world, step.peek_address(0).unwrap_or_default())
            }
            opcode::CALL | opcode::CALLCODE | opcode::DELEGATECALL | opcode::STATICCALL => {
                self.called(world, step.peek_address(1).unwrap_or_default())
            }
            opcode::CREATE => {
                let created = own.create(world.account(own)?.nonce);
                self.created.insert(created);
                self.account(world, created)
            }
            opcode::CREATE2 => {
                let Some(init) = step.memory_part(peek(1), peek(2)) else { return Ok(()) };
                let created = own.create2(B256::from(peek(3)), keccak256(init));
                self.created.insert(created);
                self.account(world, created)
            }
            _ => Ok(()),
        }
    }

    fn end(&mut self, world: &mut World<'_>, _gas_used: u64) -> Result<(), RpcError> {
        if self.diff {
            self.compare(world)?;
        }
        if !self.include_empty {
            self.pre.retain(|_, account| !account.is_empty);
        }
        Ok(())
    }

    fn result(&mut self, world: &mut World<'_>) -> Result<AnswerText, RpcError> {
        if self.diff {
            AnswerText::new(&Difference { post: &self.post, pre: &self.pre }, world.budget())
        } else {
            AnswerText::new(&self.pre, world.budget())
        }
    }
}
