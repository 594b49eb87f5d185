//! The step that a segment of a single one disputes.

use std::sync::Arc;

use alloy::primitives::keccak256;
use axum::{
    Json,
    extract::{Path, State},
};
use db::Reader;

use super::{
    error::PageError,
    explanation::{StepExplanation, StepName, explain},
    source::Source,
    symbols,
};
use crate::{
    game::{Game, Level},
    report::ClaimVerity,
    truth::{Proof, Unknown},
};

/// `GET /api/v1/game/ADDRESS/step/CLAIM/SEGMENT`
pub(super) async fn step(
    State(source): State<Arc<Source>>,
    Path((game, claim, segment)): Path<(String, String, String)>,
) -> Result<Json<StepExplanation>, PageError> {
    let wrong = |text: &str| PageError::Wrong(format!("{text:?} names no step"));
    let seen = source.seen()?;
    let claim: usize = claim.parse().map_err(|_| wrong(&claim))?;
    let segment: u8 = segment.parse().map_err(|_| wrong(&segment))?;
    source
        .read(move |source, reader| {
            let entry = seen.game(&game)?;
            let game = entry.game().map_err(|error| PageError::Missing(error.to_string()))?;
            source.step(reader, game, claim, segment).map(Json)
        })
        .await
}

impl Source {
    /// A step, from before or from now.
    fn step(
        &self,
        reader: &Reader,
        game: &Game,
        claim: usize,
        segment: u8,
    ) -> Result<StepExplanation, PageError> {
        let no_step =
            || PageError::Missing("this part of this claim is not a single step of the machine".into());
        let claim = game.claims.get(claim).ok_or_else(no_step)?;
        let name = StepName { claim: claim.id, segment, batch_acc: game.subject.batch_acc };
        if let Some(known) = self.steps.get(&name) {
            return Ok(known);
        }
        let Level::Steps { block, .. } = claim.level else { return Err(no_step()) };
        let segment = claim.segment_interval(segment).filter(|segment| segment.length == 1);
        let number = segment.ok_or_else(no_step)?.start;
        let is_over = game.claims.iter().all(|claim| claim.status.is_resolved());
        let proof = self.proof(game, block, number).map_err(|unknown| match unknown {
            Unknown::Failed(reason) => PageError::internal(reason),
            _ if is_over => {
                PageError::Missing("the dispute is over, and the machine's run is not kept".into())
            }
            unknown => PageError::NotYet(format!("the machine's run over block {block}: {unknown}")),
        })?;
        let root = game.subject.rules.program_root;
        let program = self.known.programs.iter().find(|(of, _)| *of == root);
        let place = |pc| program.and_then(|(_, file)| symbols::place(file, pc));
        let body = reader.bodies(block..=block)?.next().transpose()?.map(|(_, body)| body);
        let hash = |place| Some(keccak256(&body?.get(usize::try_from(place).ok()?)?.raw));
        let step = explain(game, claim, name, (block, number), &proof, place, hash)?;
        self.steps.insert(name, step.clone());
        Ok(step)
    }

    /// The proof of a step of an open game. Only a machine that has nothing else to do runs for whoever looks, and for one at a
    /// time.
    fn proof(&self, game: &Game, block: u64, step: u64) -> Result<Proof, Unknown> {
        let known = self.viewer(&game.subject).proof(block, step);
        let is_over = game.claims.iter().all(|claim| claim.status.is_resolved());
        if is_over || !matches!(known, Err(Unknown::Pending)) {
            return known;
        }
        let _one = self.machine.lock();
        match self.known.provers.is_idle() {
            true => self.known.provers.prover(&game.subject).proof(block, step),
            false => known,
        }
    }

    /// Remembers the steps that decide an open game: when it is over, they can still be looked at.
    pub(super) fn remember_steps(&self, reader: &Reader, game: &Game, verities: &[ClaimVerity]) {
        for (index, _) in game.claims.iter().enumerate().filter(|(_, claim)| claim.is_step_level()) {
            let first_wrong = verities.get(index).and_then(ClaimVerity::first_wrong);
            if let Some(segment) = first_wrong.and_then(|place| u8::try_from(place).ok()) {
                // An error is that it is no single step, or not computed yet.
                let _ = self.step(reader, game, index, segment);
            }
        }
    }
}
