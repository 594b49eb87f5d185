//! The state that calls run on: a stored one, with changes on top.

use std::{rc::Rc, sync::Arc};

use alloy::primitives::{Address, B256, U256, address, keccak256};
use op_revm::{OpContext, OpTransactionError};
use revm::{
    DatabaseRef,
    context::result::EVMError,
    database::CacheDB,
    database_interface::DBErrorMarker,
    state::{AccountInfo, Bytecode},
};
use stf::state::{account_info, bytecode};

use super::{RpcError, budget::Budget, meter::Meter, work};
use rollup::chain::StateView;

/// Bytes that an account takes: as it is cached, in the journal, and in what is made of it.
pub(crate) const ACCOUNT: usize = 1024;

/// Bytes that a slot takes.
pub(crate) const SLOT: usize = 512;

/// How often the bytes of a code are held: as they are, with their jump table, and as an answer shows them.
pub(crate) const CODE_COPIES: usize = 2;

/// The precompile that finds a signature's signer: some tens of microseconds.
const SIGNER: Address = address!("0x0000000000000000000000000000000000000001");

/// Precompiles that take as long as their input is: hashes and copies.
const HASHES: [Address; 3] = [
    address!("0x0000000000000000000000000000000000000002"),
    address!("0x0000000000000000000000000000000000000003"),
    address!("0x0000000000000000000000000000000000000004"),
];

/// Bytes of an input that takes some microseconds.
const SHORT_INPUT: usize = 1024;

/// A stored state, to be read through a shared reference. What is read stays in memory, so it counts.
#[derive(Debug)]
pub(crate) struct StoredState {
    view: Rc<StateView>,
    budget: Arc<Budget>,
    /// Of what runs on it.
    pub(crate) meter: Meter,
}

/// Why a state cannot be read.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub(crate) struct ReadError(RpcError);

impl DBErrorMarker for ReadError {}

impl From<RpcError> for ReadError {
    fn from(error: RpcError) -> Self {
        Self(error)
    }
}

impl From<db::Error> for ReadError {
    fn from(error: db::Error) -> Self {
        Self(error.into())
    }
}

impl From<ReadError> for RpcError {
    fn from(error: ReadError) -> Self {
        error.0
    }
}

impl StoredState {
    /// A state for the request that is worked on.
    pub(crate) fn new(view: StateView) -> Self {
        Self::of(Rc::new(view), work::current().budget)
    }

    /// The state as it is stored.
    pub(crate) fn view(&self) -> &StateView {
        &self.view
    }

    /// The same state once more.
    pub(crate) fn twin(&self) -> Self {
        Self::of(self.view.clone(), self.budget.clone())
    }

    fn of(view: Rc<StateView>, budget: Arc<Budget>) -> Self {
        let meter = Meter::new(budget.clone());
        Self { view, budget, meter }
    }

    /// Whether there is time for a precompile with such an input, on a network's thread.
    ///
    /// # Errors
    /// There is not.
    pub(crate) fn check_precompile(&self, address: &Address, input: usize) -> Result<(), RpcError> {
        let is_short = *address == SIGNER || (HASHES.contains(address) && input <= SHORT_INPUT);
        if is_short { Ok(()) } else { self.budget.check_long() }
    }

    fn count(&self, bytes: usize) -> Result<(), RpcError> {
        self.budget.check_time()?;
        self.budget.take(bytes)
    }
}

impl DatabaseRef for StoredState {
    type Error = ReadError;

    fn basic_ref(&self, address: Address) -> Result<Option<AccountInfo>, ReadError> {
        self.count(ACCOUNT)?;
        Ok(self.view.at()?.account(&keccak256(address))?.map(|account| account_info(&account)))
    }

    fn code_by_hash_ref(&self, code_hash: B256) -> Result<Bytecode, ReadError> {
        let code = self.view.reader().code(&code_hash)?;
        self.count(CODE_COPIES * code.len())?;
        Ok(bytecode(code))
    }

    fn storage_ref(&self, address: Address, key: U256) -> Result<U256, ReadError> {
        self.count(SLOT)?;
        let key = keccak256(key.to_be_bytes::<32>());
        Ok(self.view.at()?.storage(&keccak256(address), &key)?)
    }

    fn block_hash_ref(&self, number: u64) -> Result<B256, ReadError> {
        self.count(0)?;
        // A call may be in a block with any number: those after this state have no hashes.
        if number > self.view.height() {
            return Ok(B256::ZERO);
        }
        Ok(self.view.at()?.block_hash(number)?)
    }
}

/// A stored state with changes on top.
pub(crate) type CallState = CacheDB<StoredState>;

/// What the EVM fails with.
pub(crate) type CallError = EVMError<ReadError, OpTransactionError>;

/// What the EVM works on in such a state.
pub(crate) type EvmContext = OpContext<CallState>;
