//! Output roots as a node says them.

use std::collections::{BTreeMap, BTreeSet};

use alloy::{
    primitives::B256,
    providers::{Provider, ProviderBuilder},
};
use anyhow::{Context, Result};
use serde_json::Value;

use crate::{
    game::{Game, Run},
    truth::{Judgement, Truth, Unknown, judge},
};

/// Output roots as a node says them. It knows nothing of steps.
#[derive(Debug, Default)]
pub(super) struct Outputs(BTreeMap<u64, B256>);

impl Outputs {
    /// Asks for all blocks that claims of the games are about, and for those that answers to them would be about.
    pub(super) async fn ask(url: Option<&str>, games: &[&Game]) -> Result<Self> {
        let mut outputs = Self::default();
        let Some(url) = url else {
            return Ok(outputs);
        };
        let provider = ProviderBuilder::new().connect_http(url.parse().context("--l2-rpc is not a URL")?);
        let claims = || games.iter().flat_map(|game| &game.claims).filter(|claim| !claim.is_step_level());
        let ends = claims().flat_map(|claim| claim.interval.ends().chain([claim.interval.start]));
        outputs.add(&provider, ends.collect()).await;
        let answers = claims().filter_map(|claim| match judge(&outputs, claim) {
            Ok(Judgement::FirstInvalid(segment)) => claim.segment_interval(segment),
            _ => None,
        });
        let ends = answers.flat_map(|segment| segment.ends()).collect();
        outputs.add(&provider, ends).await;
        Ok(outputs)
    }

    /// Asks for blocks. A node that does not have one knows nothing about it.
    async fn add(&mut self, provider: &impl Provider, blocks: BTreeSet<u64>) {
        for block in blocks {
            let answer: Result<Value, _> =
                provider.raw_request("optimism_outputAtBlock".into(), (format!("{block:#x}"),)).await;
            let root = answer.ok().and_then(|answer| answer["outputRoot"].as_str()?.parse::<B256>().ok());
            self.0.extend(root.map(|root| (block, root)));
        }
    }
}

impl Truth for Outputs {
    fn output(&self, block: u64) -> Result<B256, Unknown> {
        self.0.get(&block).copied().ok_or(Unknown::NotDerived(block))
    }

    fn boot_hash(&self, block: u64) -> Result<B256, Unknown> {
        Err(Unknown::NotDerived(block))
    }

    fn run(&self, block: u64) -> Result<Run, Unknown> {
        Err(Unknown::NotDerived(block))
    }

    fn states(&self, block: u64, _: &[u64]) -> Result<Vec<B256>, Unknown> {
        Err(Unknown::NotDerived(block))
    }
}
