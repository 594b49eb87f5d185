//! What the explorer Otterscan asks for besides.

use super::{super::context::Rpc, methods};
use crate::otterscan::MAX_PAGE;

methods! { of Rpc;
    /// The version of these methods.
    "ots_getApiLevel" => ots_api_level(;) -> Number,
    /// Whether an address has code after a block.
    "ots_hasCode" => ots_has_code(address: Address; block: BlockId) -> Boolean,
    /// What a transaction that failed gave back, empty for one that did not.
    "ots_getTransactionError" => ots_transaction_error(hash: Hash;) -> Data,
    /// Ether that inner calls of a transaction moved, and contracts that they made or ended; nothing of calls that failed.
    "ots_getInternalOperations" => ots_internal_operations(hash: Hash;) -> Anything,
    /// All calls of a transaction, in the order in which they began.
    "ots_traceTransaction" => ots_trace_transaction(hash: Hash;) -> Anything,
    /// A block without its transactions, with what its senders paid for gas.
    "ots_getBlockDetails" => ots_block_details(number: AnyNumber;) -> Anything,
    /// The same by its hash.
    "ots_getBlockDetailsByHash" => ots_block_details_by_hash(hash: Hash;) -> Anything,
    /// A page of a block's transactions and receipts; page 0 has the last ones.
    "ots_getBlockTransactions" => ots_block_transactions(number: AnyNumber, page: AnyNumber, size: AnyNumber;) -> Anything
        [MAX_PAGE => "transactions"],
    /// Transactions that touch an address in blocks before one, the newest first; before 0 is from the head on.
    "ots_searchTransactionsBefore" => ots_search_before(address: Address, number: AnyNumber, size: AnyNumber;) -> TransactionsPage
        [MAX_PAGE => "transactions, but whole blocks"],
    /// Transactions that touch an address in blocks after one, the newest first; after 0 is from genesis on.
    "ots_searchTransactionsAfter" => ots_search_after(address: Address, number: AnyNumber, size: AnyNumber;) -> TransactionsPage
        [MAX_PAGE => "transactions, but whole blocks"],
    /// The hash of the transaction with a sender's nonce.
    "ots_getTransactionBySenderAndNonce" => ots_transaction_by_sender_and_nonce(sender: Address, nonce: AnyNumber;) -> HashOrNull,
    /// Who made a contract, by which transaction.
    "ots_getContractCreator" => ots_contract_creator(contract: Address;) -> Anything,
    /// A header by its number.
    "erigon_getHeaderByNumber" => erigon_header_by_number(number: AnyNumber;) -> HeaderOrNull,
}
