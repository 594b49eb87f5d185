//! How long requests may take, and what is noted of them.

use std::{collections::HashMap, time::Duration};

use metrics::Histogram;

use super::peers::Peer;

/// How requests are answered, and what is noted about that.
pub(crate) struct Handling {
    /// How long a request may take.
    pub(crate) time: Duration,
    /// Requests that take this long are logged.
    slow: Option<Duration>,
    /// How long requests take, by method. Made once: to find a metric by its name costs as much as a small request.
    times: HashMap<&'static str, Histogram>,
    /// Whatever clients make up goes under one name.
    unknown: Histogram,
}

impl Handling {
    pub(crate) fn new(
        methods: impl Iterator<Item = &'static str>,
        time: Duration,
        slow: Option<Duration>,
    ) -> Self {
        let of = |method| metrics::histogram!("recourse_rpc_request_seconds", "method" => method);
        let times = methods.map(|method| (method, of(method))).collect();
        Self { time, slow, times, unknown: of("unknown") }
    }

    /// Notes that a request was answered.
    pub(crate) fn note(&self, method: &str, time: Duration, size: usize, code: Option<i32>, peer: &Peer) {
        let known = self.times.get_key_value(method);
        let (known, histogram) = known.map_or(("unknown", &self.unknown), |(method, time)| (*method, time));
        histogram.record(time.as_secs_f64());
        if let Some(code) = code {
            metrics::counter!("recourse_rpc_errors_total", "method" => known, "code" => code.to_string())
                .increment(1);
        }
        let peer = peer.address;
        if self.slow.is_some_and(|slow| slow <= time) {
            tracing::warn!(target: "node::rpc", method = known, ?time, size, %peer, ?code, "slow request");
        } else {
            tracing::debug!(target: "node::rpc::requests", method = known, ?time, size, %peer, ?code, "request");
        }
    }
}
