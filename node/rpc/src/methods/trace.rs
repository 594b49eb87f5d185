//! Traces in the form of Parity.

use super::{
    super::{
        context::Rpc,
        parity::{MAX_CALLS, MAX_FILTER_ADDRESSES, MAX_FILTER_BLOCKS, MAX_FILTER_TRACES},
    },
    methods,
};

methods! { of Rpc;
    /// The frames of a transaction, in a row; `null` if there is no such transaction.
    "trace_transaction" => parity_transaction(hash: Hash;) -> Anything,
    /// The frame of a transaction at a place: at each depth, the index among the frames there.
    "trace_get" => parity_get(hash: Hash, place: Quantities;) -> Anything,
    /// The frames of all transactions of a block.
    "trace_block" => parity_block(block: BlockId;) -> Anything,
    /// The frames of some blocks, by sender and target.
    "trace_filter" => parity_filter(filter: TraceFilter;) -> Traces [
        MAX_FILTER_BLOCKS => "blocks", MAX_FILTER_ADDRESSES => "addresses", MAX_FILTER_TRACES => "traces"
    ],
    /// A call after a block: its frames, its steps (`vmTrace`), and what it changes (`stateDiff`).
    "trace_call" => parity_call(
        request: Call, types: TraceTypes; block: BlockId, state: StateOverride, overrides: BlockOverrides
    ) -> Anything,
    /// Calls after a block, each on what the one before has left.
    "trace_callMany" => parity_call_many(calls: TracedCalls; block: BlockId) -> Anything [MAX_CALLS => "calls"],
    /// The same of a signed transaction, which is not sent.
    "trace_rawTransaction" => parity_raw_transaction(raw: Data, types: TraceTypes; block: BlockId) -> Anything,
    /// The same of a transaction of a block.
    "trace_replayTransaction" => parity_replay_transaction(hash: Hash, types: TraceTypes;) -> Anything,
    /// The same of all transactions of a block.
    "trace_replayBlockTransactions" => parity_replay_block(block: BlockId, types: TraceTypes;) -> Anything,
}
