//! Benchmarks. Every figure stands beside a peer or a limit that was measured in the same run, so that a slow machine
//! does not look like slow software.
//!
//! - [`attacks`]: what a node under hostile requests takes, and how long other clients wait meanwhile.
//! - [`execution`]: executing and committing recorded blocks, beside bare revm in memory.
//! - [`batches`]: what a transfer costs on L1, and beside the OP Stack's span batches.
//! - [`blob_dispute`]: a dispute over the last block of six full blobs.
//! - [`derivation`]: rebuilding a long chain from L1, and the memory that takes.
//! - [`dispute`]: what a dispute over a full block costs the honest side.
//! - [`hostile`]: how long one hostile transaction delays others.
//! - [`logs`]: searching a rare log in a long chain.
//! - [`posting`]: transfers a second through to `safe`, by the blobs that L1 takes.
//! - [`proving`]: what blocks cost the fault proof VM: instructions per L2 gas, and its speed.
//! - [`requests`]: JSON-RPC requests a second and how long they take, beside geth and Anvil.
//! - [`sequencing`]: transfers per second and latency through JSON-RPC, beside Anvil.
//!
//! [`runner`] runs them, so that one that fails costs the others nothing.

use serde::Serialize;

pub mod attacks;
pub mod batches;
pub mod blob_dispute;
mod blobs;
pub mod derivation;
pub mod dispute;
pub mod execution;
pub mod hostile;
pub mod logs;
pub mod posting;
pub mod proving;
mod qemu;
pub mod requests;
pub mod runner;
pub mod sequencing;
mod span_batch;
pub(crate) mod wire;
pub(crate) mod workload;

/// One figure.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// What was measured.
    pub name: String,
    /// The figure.
    pub value: f64,
    /// Its unit.
    pub unit: &'static str,
    /// What it is compared with.
    pub peer: String,
    /// The peer's figure in the same unit.
    pub peer_value: f64,
    /// `value / peer_value`.
    pub ratio: f64,
    /// The target, as a person would say it.
    pub target: String,
    /// Whether the target is met. Figures without a target meet it.
    pub met: bool,
    /// Why there is no figure: the whole benchmark failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// What counts as good.
#[derive(Clone, Copy, Debug)]
pub enum Goal {
    /// The ratio to the peer must be at least this.
    RatioAtLeast(f64),
    /// The ratio to the peer must be at most this.
    RatioAtMost(f64),
    /// The peer is a limit that the value must reach.
    AtLeastPeer,
    /// The peer is a limit that the value must not exceed.
    AtMostPeer,
    /// None: shown for information.
    Shown,
}

impl Row {
    /// A figure beside its peer.
    pub fn new(
        name: impl Into<String>,
        value: f64,
        unit: &'static str,
        peer: impl Into<String>,
        peer_value: f64,
        target: Goal,
    ) -> Self {
        let ratio = value / peer_value;
        let (target, met) = match target {
            Goal::RatioAtLeast(least) => (format!("≥ {least}×"), ratio >= least),
            Goal::RatioAtMost(most) => (format!("≤ {most}×"), ratio <= most),
            Goal::AtLeastPeer => (format!("≥ {}", peer_value.floor()), value >= peer_value),
            Goal::AtMostPeer => (format!("≤ {}", peer_value.floor()), value <= peer_value),
            Goal::Shown => (String::new(), true),
        };
        let (name, peer) = (name.into(), peer.into());
        Self { name, value, unit, peer, peer_value, ratio, target, met, error: None }
    }

    /// In place of the figures of a benchmark that failed. Numbers are not there: `null` in JSON.
    pub fn failed(benchmark: &str, error: &anyhow::Error) -> Self {
        let error = Some(format!("{error:#}"));
        let row = Self::new(benchmark, f64::NAN, "", "", f64::NAN, Goal::Shown);
        Self { met: false, error, ..row }
    }
}

/// The figures as a table.
pub fn table(rows: &[Row]) -> String {
    let number = |value: f64| match value.abs() {
        0.0..10.0 => format!("{value:.2}"),
        10.0..1000.0 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    };
    let mut lines = vec![
        ["benchmark", "value", "unit", "beside", "its value", "ratio", "target", "met"].map(String::from),
    ];
    for row in rows {
        if row.error.is_some() {
            let mut line = [const { String::new() }; 8];
            line[0].clone_from(&row.name);
            line[7] = "FAILED".into();
            lines.push(line);
            continue;
        }
        let met = match (row.target.is_empty(), row.met) {
            (true, _) => "",
            (false, true) => "yes",
            (false, false) => "NO",
        };
        lines.push([
            row.name.clone(),
            number(row.value),
            row.unit.into(),
            row.peer.clone(),
            number(row.peer_value),
            format!("{:.2}", row.ratio),
            row.target.clone(),
            met.into(),
        ]);
    }
    let mut widths = [0; 8];
    for line in &lines {
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut out = String::new();
    for line in lines {
        for (index, (cell, width)) in line.iter().zip(widths).enumerate() {
            let pad = " ".repeat(width - cell.chars().count());
            // Text to the left, numbers to the right.
            let cell = if matches!(index, 1 | 4 | 5) { pad + cell } else { format!("{cell}{pad}") };
            out.push_str(&cell);
            out.push_str("  ");
        }
        out.truncate(out.trim_end().len());
        out.push('\n');
    }
    for row in rows {
        if let Some(error) = &row.error {
            out.push_str(&format!("\n{}: {error}\n", row.name));
        }
    }
    out
}
