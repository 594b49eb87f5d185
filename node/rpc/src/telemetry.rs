//! The metrics of JSON-RPC.

use rollup::telemetry::Metric;

/// All of them.
pub const METRICS: &[Metric] = &[
    Metric::histogram("recourse_rpc_request_seconds", "method", "Time to answer a request."),
    Metric::counter("recourse_rpc_errors_total", "method, code", "Requests answered with an error."),
    Metric::gauge("recourse_rpc_held_bytes", "", "Bytes that requests and unread answers hold."),
    Metric::counter(
        "recourse_rpc_connections_refused_total",
        "",
        "Connections refused because there are too many, in all or of one address.",
    ),
    Metric::gauge("recourse_head_age_seconds", "", "Time since the unsafe head's timestamp."),
    Metric::gauge("recourse_l1_age_seconds", "", "Time since L1's head last moved."),
];
