//! What the pool asks of the chain.

use alloy::primitives::{Address, KECCAK256_EMPTY, U256, keccak256};
use op_revm::L1BlockInfo;
use std::time::{SystemTime, UNIX_EPOCH};

use rollup::chain::Chain;
use stf::{ExtraData, Rules, block::L1Attributes, evm::l1_block_info};

/// An account, as far as the pool cares.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AccountState {
    /// Its next nonce.
    pub nonce: u64,
    /// Wei.
    pub balance: U256,
    /// It has code that is not a delegation (EIP-7702), so it cannot send.
    pub is_contract: bool,
}

/// What the next block will ask of a transaction.
#[derive(Clone, Debug)]
pub struct NextBlock {
    /// Its rules.
    pub rules: Rules,
    /// Base fee per gas, as if no time passes until then: the most that it can be.
    pub base_fee: u64,
    /// Block gas limit.
    pub gas_limit: u64,
    /// Prices of L1 data and of the operator.
    pub fees: L1BlockInfo,
}

/// Reads the newest state. Failures are told as text: there is nothing to be done about them here.
pub trait StateSource: Send + Sync {
    /// Accounts in the newest state, in the order asked for.
    fn accounts(&self, addresses: &[Address]) -> Result<Vec<AccountState>, String>;

    /// What comes after the newest block.
    fn next_block(&self) -> Result<NextBlock, String>;

    /// Whether there is room to keep more blocks.
    fn has_room(&self) -> bool;
}

impl StateSource for Chain {
    fn accounts(&self, addresses: &[Address]) -> Result<Vec<AccountState>, String> {
        let read = || {
            let reader = self.db().read()?;
            let height = reader.head()?.map_or(0, |(number, _)| number);
            let state = reader.state_at(height)?;
            let account = |address| {
                let Some(account) = state.account(&keccak256(address))? else {
                    return Ok(AccountState::default());
                };
                let is_contract =
                    account.code_hash != KECCAK256_EMPTY && !is_delegation(&state.code(&account.code_hash)?);
                Ok(AccountState { nonce: account.nonce, balance: account.balance, is_contract })
            };
            addresses.iter().map(account).collect::<db::Result<Vec<_>>>()
        };
        read().map_err(|error| error.to_string())
    }

    fn has_room(&self) -> bool {
        self.db().has_room()
    }

    fn next_block(&self) -> Result<NextBlock, String> {
        let text = |error: db::Error| error.to_string();
        let reader = self.db().read().map_err(text)?;
        let (number, _) = reader.head().map_err(text)?.ok_or("no genesis")?;
        let head = reader.header(number).map_err(text)?.ok_or("no header")?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let rules_at = |timestamp| self.config().chain.rules_at(timestamp).map_err(|error| error.to_string());
        let (before, rules) = (rules_at(head.timestamp)?, rules_at(now.max(head.timestamp))?);
        let excess = ExtraData::of(&head).unwrap_or_default().excess_gas;
        let mut state = self.state_at(reader, number).map_err(|error| error.to_string())?;
        let attributes = L1Attributes::read(&mut state).map_err(|error| error.to_string())?;
        let base_fee = attributes.base_fee_parameters.next_base_fee(excess, head.gas_used, 0);
        let fees = l1_block_info(&mut state, number, rules, before).map_err(|error| error.to_string())?;
        Ok(NextBlock { rules, base_fee, gas_limit: head.gas_limit, fees })
    }
}

/// Whether code is a delegation of EIP-7702.
fn is_delegation(code: &[u8]) -> bool {
    code.len() == 23 && code.starts_with(&[0xef, 0x01, 0x00])
}
