//! Questions to L1 in one of its blocks.

use alloy::{
    eips::BlockId,
    primitives::{Address, Bytes, U256, keccak256},
    sol_types::SolCall,
};
use rollup::l1::{ContractCall, L1Client, L1Error};

/// JSON-RPC code of "limit exceeded" (EIP-1474): there were too many requests.
const LIMIT_EXCEEDED: i64 = -32_005;

/// Asks in one block.
pub(super) struct Questions<'a> {
    client: &'a L1Client,
    block: BlockId,
}

impl<'a> Questions<'a> {
    pub(super) const fn new(client: &'a L1Client, block: BlockId) -> Self {
        Self { client, block }
    }

    pub(super) const fn block(&self) -> BlockId {
        self.block
    }

    /// A call that only reads.
    pub(super) fn call<C: SolCall>(to: Address, call: C) -> ContractCall {
        ContractCall { to, input: call.abi_encode().into() }
    }

    /// The contracts' answers; `None` where a call fails in the contract.
    pub(super) async fn ask(&self, calls: &[ContractCall]) -> Result<Vec<Option<Bytes>>, L1Error> {
        match self.client.views(calls, self.block).await {
            Ok(outputs) => return Ok(outputs.into_iter().map(Some).collect()),
            Err(error) if self.is_contracts(&error).await => {}
            Err(error) => return Err(error),
        }
        // Which of them fail is seen only one by one.
        let mut answers = Vec::with_capacity(calls.len());
        for call in calls {
            match self.client.views(std::slice::from_ref(call), self.block).await {
                Ok(outputs) => answers.push(outputs.into_iter().next()),
                Err(error) if self.is_contracts(&error).await => answers.push(None),
                Err(error) => return Err(error),
            }
        }
        Ok(answers)
    }

    /// Whether a call failed by what the contract does. Endpoints have many words for that, and a contract chooses among
    /// them: it must not hide behind an error of the endpoint. So what is no failed call by its words is one if the endpoint
    /// answers a call of nothing in the same block.
    pub(super) async fn is_contracts(&self, error: &L1Error) -> bool {
        if error.is_failed_call() {
            return true;
        }
        let nothing = ContractCall { to: Address::ZERO, input: Bytes::new() };
        matches!(error, L1Error::ErrorResponse { code, .. } if *code != LIMIT_EXCEEDED)
            && self.client.views(&[nothing], self.block).await.is_ok()
    }

    pub(super) async fn codes(&self, accounts: &[Address]) -> Result<Vec<Bytes>, L1Error> {
        self.client.codes(accounts, self.block).await
    }

    pub(super) async fn storage(&self, slots: &[(Address, U256)]) -> Result<Vec<U256>, L1Error> {
        self.client.storage(slots, self.block).await
    }
}

/// The call of a function without arguments.
pub(super) fn word_call(to: Address, view: &str) -> ContractCall {
    ContractCall { to, input: Bytes::copy_from_slice(&keccak256(view)[..4]) }
}
