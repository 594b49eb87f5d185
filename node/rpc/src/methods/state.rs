//! Ranges of state, and what blocks did to it.

use super::{super::context::Rpc, methods};
use crate::state_ranges::{MAX_ACCOUNTS, MAX_CHANGED_BLOCKS, MAX_SLOTS};

methods! { of Rpc;
    /// Slots of an account, by their hashes, as they are before a transaction of a block.
    "debug_storageRangeAt" => storage_range_at(block: BlockId, index: Number, address: Address, start: Data, most: Number;) -> StorageRange
        [MAX_SLOTS => "slots"],
    /// Accounts after a block, by the hashes of their addresses; those whose addresses are not known where `incompletes` says so.
    "debug_accountRange" => account_range(block: BlockId, start: Data, most: Number, no_code: Boolean, no_storage: Boolean, incompletes: Boolean;) -> StateDump
        [MAX_ACCOUNTS => "accounts"],
    /// The first accounts after a block, with all that they have.
    "debug_dumpBlock" => dump_block(block: BlockNumber;) -> StateDump [MAX_ACCOUNTS => "accounts"],
    /// The accounts that a block changed, or that are another after the second block than after the first.
    "debug_getModifiedAccountsByNumber" => modified_accounts_by_number(start: AnyNumber; end: AnyNumber) -> Addresses
        [MAX_CHANGED_BLOCKS => "blocks"],
    /// The same by the blocks' hashes.
    "debug_getModifiedAccountsByHash" => modified_accounts_by_hash(start: Hash; end: Hash) -> Addresses
        [MAX_CHANGED_BLOCKS => "blocks"],
    /// The first block of a range, which may go backwards, whose state is kept.
    "debug_getAccessibleState" => accessible_state(from: BlockNumber, to: BlockNumber;) -> Number,
    /// What a hash was made of: addresses and slots that are known, and codes.
    "debug_preimage" => preimage(hash: Hash;) -> Data,
    /// What it takes to execute a block without its state: trie nodes, codes, keys, headers.
    "debug_executionWitness" => execution_witness(block: BlockId;) -> Witness,
    /// The chain's rules, in geth's form.
    "debug_chainConfig" => chain_config(;) -> Anything,
    /// None: a block that does not follow is not kept.
    "debug_getBadBlocks" => bad_blocks(;) -> Anything,
    /// Refused: this node's tables have no keys of geth's.
    "debug_dbGet" => db_get(key: Text;) -> Data,
}
