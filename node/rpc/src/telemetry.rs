//! The metrics of JSON-RPC.

use rollup::telemetry::Metric;

/// All of them.
pub const METRICS: &[Metric] = &[
    Metric::histogram("recourse_rpc_request_seconds", "method", "Time to answer a request."),
    Metric::counter("recourse_rpc_errors_total", "method, code", "Requests answered with an error."),
];
