//! The metrics of sequencing.

use rollup::telemetry::Metric;

/// All of them.
pub const METRICS: &[Metric] = &[
    Metric::counter("recourse_sequencer_blocks_total", "", "Blocks built."),
    Metric::counter("recourse_sequencer_transactions_total", "", "Transactions in them."),
    Metric::counter("recourse_sequencer_gas_total", "", "L2 gas in them."),
    Metric::gauge(
        "recourse_sequencer_gas_per_second",
        "",
        "L2 gas of the last block over the time that it took.",
    ),
    Metric::histogram("recourse_sequencer_build_seconds", "", "Time to build a block."),
    Metric::counter("recourse_sequencer_stalls_total", "", "Times that a block had to wait for L1."),
    Metric::gauge(
        "recourse_sequencer_backlog_bytes",
        "",
        "Bytes of transactions in blocks that are not on L1.",
    ),
    Metric::gauge(
        "recourse_sequencer_backlog_limit_bytes",
        "",
        "Most of them; then no transactions are taken.",
    ),
    Metric::gauge("recourse_sequencer_backlog_seconds", "", "Age of the oldest block that is not on L1."),
    Metric::gauge("recourse_sequencer_l1_bytes_per_second", "", "Bytes that L1 takes in a second, about."),
    Metric::counter(
        "recourse_sequencer_put_off_total",
        "",
        "Times that a transaction was stopped because it ran for long and others waited.",
    ),
    Metric::counter("recourse_sequencer_errors_total", "", "Blocks that could not be built."),
    Metric::histogram(
        "recourse_announce_seconds",
        "",
        "Time from a built block until it is signed and on disk, so that it may be announced.",
    ),
    Metric::counter(
        "recourse_announce_unsigned_total",
        "",
        "Blocks built without a signature, because another block of their number may have been signed.",
    ),
    Metric::gauge("recourse_announce_log_bytes", "", "Bytes of the log of announced blocks."),
    Metric::gauge(
        "recourse_pool_transactions",
        "kind",
        "Transactions in the pool, by kind: pending or queued.",
    ),
    Metric::gauge("recourse_pool_bytes", "", "Bytes of the transactions in the pool."),
    Metric::counter("recourse_pool_submitted_total", "", "Transactions taken into the pool."),
    Metric::counter("recourse_pool_rejected_total", "reason", "Transactions refused by the pool."),
    Metric::counter("recourse_pool_evicted_total", "", "Transactions dropped from the pool for better ones."),
    Metric::gauge("recourse_feed_connected", "", "1 while the feed is followed."),
    Metric::counter("recourse_feed_blocks_total", "", "Blocks taken from the feed."),
    Metric::counter("recourse_feed_disconnects_total", "", "Ends of connections to the feed."),
    Metric::counter(
        "recourse_feed_equivocations_total",
        "",
        "Blocks that a signer signed beside another of the same number, on one queue.",
    ),
    Metric::gauge(
        "recourse_feed_signer_refused",
        "",
        "1 while L1 names another signer than the sequencer's own.",
    ),
    Metric::counter("recourse_batcher_batches_total", "", "Batches posted."),
    Metric::counter("recourse_batcher_blocks_total", "", "Blocks in them."),
    Metric::counter("recourse_batcher_payload_bytes_total", "", "Bytes of their payloads."),
    Metric::counter("recourse_batcher_blobs_total", "", "Blobs that hold them."),
    Metric::counter("recourse_batcher_l1_gas_total", "", "L1 gas of batches."),
    Metric::counter("recourse_batcher_forced_total", "", "Forced batches that gave up local blocks."),
    Metric::gauge("recourse_batcher_waiting_blocks", "", "Unsafe blocks that are in no batch yet."),
    Metric::gauge(
        "recourse_batcher_batches_in_flight",
        "",
        "Batches sent that the local chain has not derived.",
    ),
    Metric::counter("recourse_batcher_failures_total", "", "Failed attempts to post."),
    Metric::counter("recourse_proposer_proposals_total", "", "Outputs proposed."),
    Metric::gauge("recourse_proposer_block", "", "Block of the last proposal."),
    Metric::gauge("recourse_proposer_anchor_block", "", "Block of the anchor on L1."),
    Metric::gauge("recourse_proposer_open_games", "", "Own proposals that are not resolved."),
    Metric::counter("recourse_proposer_defeats_total", "", "Own proposals that were defeated."),
    Metric::counter("recourse_proposer_failures_total", "", "Failed attempts to propose."),
];
