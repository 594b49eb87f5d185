//! Disputes.

use std::sync::Arc;

use alloy::primitives::Address;
use axum::{
    Json,
    extract::{Path, Query, State},
};
use serde::Serialize;

use super::{
    error::PageError,
    paging::{Paging, next},
    source::{Seen, Source},
};
use crate::{
    l1::GameEntry,
    report::{GameReport, GameSummary},
    strategy::{View, plan},
};

/// A page of the list of disputes, the newest first.
#[derive(Debug, Serialize)]
pub(super) struct GameList {
    games: Vec<GameSummary>,
    next: Option<u64>,
}

/// `GET /api/v1/games`
pub(super) async fn games(
    State(source): State<Arc<Source>>,
    Query(paging): Query<Paging>,
) -> Result<Json<GameList>, PageError> {
    let seen = source.seen()?;
    source.read(move |source, _| Ok(Json(list(source, &seen, paging)))).await
}

/// The disputes of a page.
pub(super) fn list(source: &Source, seen: &Seen, paging: Paging) -> GameList {
    let end = seen.games.addresses().count() as u64;
    let range = paging.range(end);
    let entries: Vec<&GameEntry> =
        seen.games.iter().skip(range.start as usize).take((range.end - range.start) as usize).collect();
    let games = entries.iter().rev().map(|entry| summary(source, seen, entry)).collect();
    GameList { games, next: next(&range, 0) }
}

impl GameList {
    pub(super) fn into_games(self) -> Vec<GameSummary> {
        self.games
    }
}

fn summary(source: &Source, seen: &Seen, entry: &GameEntry) -> GameSummary {
    match entry.game() {
        Ok(game) => GameSummary::of(entry, game, &source.verities(game), seen.head.timestamp()),
        Err(error) => GameSummary::unreadable(entry, Some(error.to_string())),
    }
}

impl Seen {
    /// The dispute of an address or an index.
    pub(super) fn game(&self, name: &str) -> Result<&GameEntry, PageError> {
        let found = match (name.parse::<usize>(), name.parse::<Address>()) {
            (Ok(index), _) => self.games.iter().nth(index),
            (_, Ok(address)) => self.games.get(address),
            _ => return Err(PageError::Wrong(format!("{name:?} is neither an address nor an index"))),
        };
        found.ok_or_else(|| PageError::Missing(format!("the factory has made no dispute {name}")))
    }
}

/// `GET /api/v1/game/ADDRESS`, or with the index
pub(super) async fn one(
    State(source): State<Arc<Source>>,
    Path(name): Path<String>,
) -> Result<Json<GameReport>, PageError> {
    let seen = source.seen()?;
    source
        .read(move |source, _| {
            let entry = seen.game(&name)?;
            let game = entry.game().map_err(|error| PageError::Missing(error.to_string()))?;
            let now = seen.head.timestamp();
            let verities = source.verities(game);
            let is_over = game.claims.iter().all(|claim| claim.status.is_resolved());
            let plan = match is_over {
                true => crate::strategy::Plan::default(),
                false => plan(View { game, now, me: None }, &*source.viewer(&game.subject)),
            };
            Ok(Json(GameReport::with(entry, game, &verities, &plan, now)))
        })
        .await
}
