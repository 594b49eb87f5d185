//! Traces, and blocks in their raw form.

use super::{
    super::{context::Rpc, debug::MAX_CALLS},
    methods,
};

methods! { of Rpc;
    /// A transaction executed again, as a tracer sees it.
    "debug_traceTransaction" => trace_transaction(hash: Hash; options: TraceOptions) -> Anything,
    /// A call after a block, as a tracer sees it.
    "debug_traceCall" => trace_call(request: Call; block: BlockId, options: TraceOptions) -> Anything,
    /// All transactions of a block, as a tracer sees them.
    "debug_traceBlockByNumber" => trace_block_by_number(block: BlockNumber; options: TraceOptions) -> Traces,
    /// All transactions of a block, as a tracer sees them.
    "debug_traceBlockByHash" => trace_block_by_hash(block: Hash; options: TraceOptions) -> Traces,
    /// All transactions of a block that is given as RLP, as a tracer sees them, on the state after its parent.
    "debug_traceBlock" => trace_raw_block(block: Data; options: TraceOptions) -> Traces,
    /// Bundles of calls, each on what the one before has left, as a tracer sees them.
    "debug_traceCallMany" => trace_call_many(bundles: Bundles; context: CallContext, options: TraceOptions) -> Anything
        [MAX_CALLS => "calls"],
    /// The state root after each transaction of a block.
    "debug_intermediateRoots" => intermediate_roots(block: Hash;) -> Hashes,
    /// The bytes of a transaction.
    "debug_getRawTransaction" => raw_transaction(hash: Hash;) -> Data,
    /// The RLP of a header.
    "debug_getRawHeader" => raw_header(block: BlockId;) -> Data,
    /// The RLP of a block.
    "debug_getRawBlock" => raw_block(block: BlockId;) -> Data,
    /// The receipts of a block, each in its consensus encoding.
    "debug_getRawReceipts" => raw_receipts(block: BlockId;) -> DataList,
}
