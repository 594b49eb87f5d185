//! The `eth` namespace.

use super::{
    super::{
        accounts::MAX_PROOF_KEYS,
        call_many::MAX_MANY_CALLS,
        capabilities::MAX_STORAGE_VALUES,
        context::Rpc,
        evm::GAS_CAP,
        fees::{MAX_FEE_HISTORY, MAX_PERCENTILES, MAX_REWARD_HISTORY},
        logs::{MAX_ALTERNATIVES, MAX_LOGS, MAX_SEARCH_TIME},
        simulate::{MAX_BLOCKS, MAX_CALLS},
        transactions::MAX_SYNC_WAIT,
    },
    methods,
};
use sequencing::pool::MAX_CONDITION_COST;

methods! { of Rpc;
    /// The chain's id (EIP-155).
    "eth_chainId" => chain_id(;) -> Quantity,
    /// Which rules are in force, which come next and last (EIP-7910).
    "eth_config" => fork_config(;) -> ForkConfig,
    /// How far behind the node is, or `false`.
    "eth_syncing" => syncing(;) -> Syncing,
    /// Nothing: the node keeps no keys.
    "eth_accounts" => accounts(;) -> Addresses,
    /// The number of the newest block.
    "eth_blockNumber" => block_number(;) -> Quantity,
    /// A block by its number or a tag, with hashes of its transactions or all of them.
    "eth_getBlockByNumber" => block_by_number(number: BlockNumber; full: Boolean) -> BlockOrNull,
    /// A block by its hash.
    "eth_getBlockByHash" => block_by_hash(hash: Hash; full: Boolean) -> BlockOrNull,
    /// A header by its number or a tag.
    "eth_getHeaderByNumber" => header_by_number(number: BlockNumber;) -> HeaderOrNull,
    /// A header by its hash.
    "eth_getHeaderByHash" => header_by_hash(hash: Hash;) -> HeaderOrNull,
    /// The receipts of a block.
    "eth_getBlockReceipts" => block_receipts(block: BlockId;) -> ReceiptsOrNull,
    /// How many transactions a block has.
    "eth_getBlockTransactionCountByNumber" => transaction_count_by_number(number: BlockNumber;) -> QuantityOrNull,
    /// How many transactions a block has.
    "eth_getBlockTransactionCountByHash" => transaction_count_by_hash(hash: Hash;) -> QuantityOrNull,
    /// Zero for each block: there are no uncles.
    "eth_getUncleCountByBlockNumber" => uncle_count_by_number(number: BlockNumber;) -> QuantityOrNull,
    /// Zero for each block: there are no uncles.
    "eth_getUncleCountByBlockHash" => uncle_count_by_hash(hash: Hash;) -> QuantityOrNull,
    /// `null`: there are no uncles.
    "eth_getUncleByBlockNumberAndIndex" => uncle(block: BlockId, index: Quantity;) -> BlockOrNull,
    /// `null`: there are no uncles.
    "eth_getUncleByBlockHashAndIndex" => uncle(block: BlockId, index: Quantity;) -> BlockOrNull,

    /// The balance of an account, in wei.
    "eth_getBalance" => balance(address: Address; block: BlockId) -> Quantity,
    /// The nonce of an account; of `pending`, with what waits in the pool.
    "eth_getTransactionCount" => transaction_count(address: Address; block: BlockId) -> Quantity,
    /// The code of an account.
    "eth_getCode" => code(address: Address; block: BlockId) -> Data,
    /// The value of a storage slot.
    "eth_getStorageAt" => storage_at(address: Address, slot: Slot; block: BlockId) -> Hash,
    /// Balance, nonce, storage root and code hash of an account.
    "eth_getAccount" => account(address: Address; block: BlockId) -> Account,
    /// Balance, nonce and code of an account.
    "eth_getAccountInfo" => account_info(address: Address; block: BlockId) -> AccountInfo,
    /// An account and some of its slots, with proofs (EIP-1186).
    "eth_getProof" => proof(address: Address, keys: Slots; block: BlockId) -> Proof [MAX_PROOF_KEYS => "slots"],

    /// Takes a signed transaction.
    "eth_sendRawTransaction" => send_raw_transaction(raw: Data;) -> Hash,
    /// Takes a signed transaction and answers with its receipt (EIP-7966); waits for so many milliseconds.
    "eth_sendRawTransactionSync" => send_raw_transaction_sync(raw: Data; timeout: Number) -> Receipt
        [MAX_SYNC_WAIT.as_secs() => "seconds"],
    /// A transaction with all that the request leaves open, to be signed.
    "eth_fillTransaction" => fill_transaction(request: Call;) -> Filled,
    /// A transaction, also one that waits.
    "eth_getTransactionByHash" => transaction_by_hash(hash: Hash;) -> TransactionOrNull,
    /// The receipt of a transaction.
    "eth_getTransactionReceipt" => transaction_receipt(hash: Hash;) -> ReceiptOrNull,
    /// The bytes of a transaction.
    "eth_getRawTransactionByHash" => raw_transaction(hash: Hash;) -> Data,
    /// A transaction by its place in a block.
    "eth_getTransactionByBlockNumberAndIndex" => transaction_by_block_and_index(block: BlockId, index: Quantity;)
        -> TransactionOrNull,
    /// A transaction by its place in a block.
    "eth_getTransactionByBlockHashAndIndex" => transaction_by_block_and_index(block: BlockId, index: Quantity;)
        -> TransactionOrNull,
    /// The bytes of a transaction by its place in a block.
    "eth_getRawTransactionByBlockNumberAndIndex" => raw_transaction_by_block_and_index(block: BlockId, index: Quantity;)
        -> Data,
    /// The bytes of a transaction by its place in a block.
    "eth_getRawTransactionByBlockHashAndIndex" => raw_transaction_by_block_and_index(block: BlockId, index: Quantity;)
        -> Data,

    /// What a call returns after a block, with changes to state and block if one likes.
    "eth_call" => call(request: Call; block: BlockId, state: StateOverride, overrides: BlockOverrides) -> Data
        [GAS_CAP => "gas"],
    /// The least gas limit with which a call succeeds.
    "eth_estimateGas" => estimate_gas(request: Call; block: BlockId, state: StateOverride, overrides: BlockOverrides)
        -> Quantity [GAS_CAP => "gas"],
    /// The accounts and slots that a call uses (EIP-2930).
    "eth_createAccessList" => create_access_list(request: Call; block: BlockId, state: StateOverride) -> AccessListResult
        [GAS_CAP => "gas"],
    /// Calls in blocks that do not exist, one after another.
    "eth_simulateV1" => simulate(payload: Simulation; block: BlockId) -> SimulatedBlocks
        [MAX_BLOCKS => "blocks", MAX_CALLS => "calls", GAS_CAP => "gas"],

    /// A gas price with which a transaction gets into the next block.
    "eth_gasPrice" => gas_price(;) -> Quantity,
    /// A tip with which a transaction gets into the next block.
    "eth_maxPriorityFeePerGas" => max_priority_fee(;) -> Quantity,
    /// One: there are no blobs on L2.
    "eth_blobBaseFee" => blob_base_fee(;) -> Quantity,
    /// Base fees, fullness and tips of blocks.
    "eth_feeHistory" => fee_history(count: Quantity, newest: BlockNumber; percentiles: Percentiles) -> FeeHistory
        [MAX_FEE_HISTORY => "blocks", MAX_REWARD_HISTORY => "blocks with tips", MAX_PERCENTILES => "percentiles"],

    /// The logs of blocks that match a filter.
    "eth_getLogs" => logs(filter: Filter;) -> Logs
        [MAX_LOGS => "logs of several blocks", MAX_SEARCH_TIME.as_secs() => "seconds", MAX_ALTERNATIVES => "addresses"],

    /// The next block's base fee.
    "eth_baseFee" => base_fee(;) -> Quantity,
    /// From which block on there is what.
    "eth_capabilities" => capabilities(;) -> Capabilities,
    /// Slots of several accounts after a block.
    "eth_getStorageValues" => storage_values(slots: SlotsByAddress; block: BlockId) -> SlotsByAddress
        [MAX_STORAGE_VALUES => "slots"],
    /// Those waiting that the node's own accounts sent: none.
    "eth_pendingTransactions" => pending_transactions(;) -> Transactions,
    /// The transaction with a sender's nonce, in a block or waiting.
    "eth_getTransactionBySenderAndNonce" => transaction_by_sender_and_nonce(sender: Address, nonce: Quantity;) -> TransactionOrNull,
    /// Takes a transaction that must be in no block in which a condition does not hold (EIP-7796).
    "eth_sendRawTransactionConditional" => send_raw_transaction_conditional(raw: Data; condition: Condition) -> Hash
        [MAX_CONDITION_COST => "look-ups"],
    /// Calls that build on one another, after a block or before a transaction of it.
    "eth_callMany" => call_many(bundles: Bundles; context: CallContext, state: StateOverride) -> Anything
        [MAX_MANY_CALLS => "calls", GAS_CAP => "gas each"],
}

/// What a client polls for.
pub(super) mod filters {
    use super::{super::super::filters::Filters, MAX_ALTERNATIVES, methods};
    use crate::filters::{EXPIRY, MAX_PEER_FILTERS};

    methods! { of Filters;
        /// A filter for logs to come.
        "eth_newFilter" => new_filter(filter: Filter;) -> Quantity
            [MAX_PEER_FILTERS => "filters of an address", EXPIRY.as_secs() => "seconds without a poll",
            MAX_ALTERNATIVES => "addresses"],
        /// A filter for hashes of blocks to come.
        "eth_newBlockFilter" => new_block_filter(;) -> Quantity [MAX_PEER_FILTERS => "filters of an address"],
        /// A filter for transactions to come: their hashes, or all of them.
        "eth_newPendingTransactionFilter" => new_pending_transaction_filter(; full: Boolean) -> Quantity
            [MAX_PEER_FILTERS => "filters of an address"],
        /// What has come since the last poll.
        "eth_getFilterChanges" => filter_changes(id: Quantity;) -> FilterChanges,
        /// All logs of a filter's range.
        "eth_getFilterLogs" => filter_logs(id: Quantity;) -> Logs,
        /// Ends a filter.
        "eth_uninstallFilter" => uninstall_filter(id: Quantity;) -> Boolean,
    }
}
