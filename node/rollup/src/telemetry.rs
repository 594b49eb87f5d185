//! Metrics: what a process serves to Prometheus.
//!
//! Each crate has the list of its own, by which they are described; a process serves the lists of the crates that it is made
//! of. All names begin with `recourse_`, counters end in `_total`. `node/docs/metrics.md` holds the same lists for people,
//! and `e2e/tests/rollup/metrics.rs` compares all of them with the code and with what processes serve.

use std::net::SocketAddr;

use anyhow::{Context, Result};

/// What a number does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum MetricKind {
    /// It grows from 0 on.
    Counter,
    /// It goes up and down.
    Gauge,
    /// A distribution of values.
    Histogram,
}

/// A metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// What it does.
    pub kind: MetricKind,
    /// Names of its labels, by commas; empty without any.
    pub labels: &'static str,
    /// What it means.
    pub help: &'static str,
}

impl Metric {
    /// A counter.
    pub const fn counter(name: &'static str, labels: &'static str, help: &'static str) -> Self {
        Self { name, kind: MetricKind::Counter, labels, help }
    }

    /// A gauge.
    pub const fn gauge(name: &'static str, labels: &'static str, help: &'static str) -> Self {
        Self { name, kind: MetricKind::Gauge, labels, help }
    }

    /// A histogram.
    pub const fn histogram(name: &'static str, labels: &'static str, help: &'static str) -> Self {
        Self { name, kind: MetricKind::Histogram, labels, help }
    }

    /// Says what it means. A counter without labels is there from the start, so that its first count is seen as growth.
    fn describe(&self) {
        match self.kind {
            MetricKind::Counter => {
                metrics::describe_counter!(self.name, self.help);
                if self.labels.is_empty() {
                    metrics::counter!(self.name).increment(0);
                }
            }
            MetricKind::Gauge => metrics::describe_gauge!(self.name, self.help),
            MetricKind::Histogram => metrics::describe_histogram!(self.name, self.help),
        }
    }
}

/// Serves metrics over HTTP from now on, for the rest of the process.
///
/// # Errors
/// The address can't be listened on. Later failures cost a reader its answer, nothing else.
pub fn serve(address: SocketAddr, lists: &[&[Metric]]) -> Result<()> {
    metrics_exporter_prometheus::PrometheusBuilder::new()
        .with_http_listener(address)
        .install()
        .with_context(|| format!("cannot serve metrics on {address}"))?;
    lists.iter().copied().flatten().for_each(Metric::describe);
    Ok(())
}

/// The metrics of this crate.
pub const METRICS: &[Metric] = &[
    Metric::gauge("recourse_unsafe_head", "", "Number of the unsafe head."),
    Metric::gauge("recourse_safe_head", "", "Number of the safe head."),
    Metric::gauge("recourse_finalized_head", "", "Number of the finalized head."),
    Metric::gauge("recourse_database_bytes", "", "Bytes that the database takes on disk."),
    Metric::gauge("recourse_disk_room_bytes", "", "Bytes that the disk has left for the database."),
    Metric::gauge(
        "recourse_disk_low",
        "",
        "1 while the disk is so full that a sequencer takes no transactions.",
    ),
    Metric::gauge(
        "recourse_log_index_end",
        "",
        "Number of the first block behind the index of logs; a challenger has none.",
    ),
    Metric::gauge("recourse_l1_head", "", "Number of L1's head when last seen."),
    Metric::counter("recourse_l1_blobs_total", "", "Blobs read from beacon nodes."),
    Metric::counter(
        "recourse_l1_blob_failures_total",
        "",
        "Times that a beacon node did not have the blobs of a batch.",
    ),
    Metric::counter("recourse_archive_blobs_total", "", "Blobs read from archives."),
    Metric::counter(
        "recourse_archive_failures_total",
        "archive, reason",
        "Times that an archive did not give a blob, by reason: lacking, wrong, failing or silent.",
    ),
    Metric::gauge(
        "recourse_l1_cursor",
        "",
        "Number of the L1 block up to which the inbox is read and applied.",
    ),
    Metric::gauge(
        "recourse_l1_endpoints_heard",
        "",
        "L1 endpoints that had a say in what was read last; two must say the same.",
    ),
    Metric::gauge(
        "recourse_l1_endpoint_used",
        "endpoint",
        "1 while an L1 endpoint is used, 0 while it is left out.",
    ),
    Metric::counter(
        "recourse_l1_endpoint_left_out_total",
        "endpoint, reason",
        "Times that an L1 endpoint was left out, by reason: failing, busy, lagging, wrong or other chain.",
    ),
    Metric::counter("recourse_l1_follow_failures_total", "", "Failed attempts to follow L1."),
    Metric::counter("recourse_l1_reorgs_total", "", "L1 reorgs that undid something that was read."),
    Metric::counter("recourse_l1_transactions_total", "", "Own L1 transactions that are in a block."),
    Metric::counter(
        "recourse_l1_transactions_raised_total",
        "",
        "Times that a waiting L1 transaction was sent again with a higher fee.",
    ),
    Metric::counter("recourse_l1_gas_used_total", "", "L1 gas of own transactions."),
    Metric::gauge("recourse_l1_balance_eth", "role", "Balance of the account that sends, in ETH."),
    Metric::gauge(
        "recourse_l1_balance_transactions",
        "role",
        "For how many transactions of the recent cost the balance is enough.",
    ),
    Metric::gauge(
        "recourse_l1_fee_cap_waiting",
        "role",
        "Transactions that wait as their fees are at a cap.",
    ),
    Metric::counter(
        "recourse_l1_foreign_transactions_total",
        "role",
        "Transactions in blocks that another process has sent with the same key.",
    ),
    Metric::gauge(
        "recourse_signer_up",
        "role",
        "1 while the role's key signs, 0 while its signer is away, refuses, or answers wrongly.",
    ),
    Metric::counter(
        "recourse_housekeeping_failures_total",
        "task",
        "Failures of tasks without which the process goes on.",
    ),
];
