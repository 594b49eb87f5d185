//! The overview and the newest disputes, computed once for all who look.

use std::{
    convert::Infallible,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    extract::State,
    http::header,
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use futures::{Stream, StreamExt, stream};
use rollup::shutdown::Shutdown;
use serde::Serialize;
use tokio::{
    sync::{Notify, watch},
    time::{sleep, timeout},
};
use tracing::debug;

use super::{
    TARGET,
    error::PageError,
    games::list,
    heads,
    overview::{notable, overview},
    paging::Paging,
    source::Source,
};
use crate::report::GameSummary;

/// Least time between two computations.
const PACE: Duration = Duration::from_millis(100);

/// How often what was seen is looked at anyway.
const INTERVAL: Duration = Duration::from_millis(500);

/// How often a node is asked for its newest block anyway.
const POLL: Duration = Duration::from_millis(250);

/// Least time between two such questions, whatever the node tells of.
const LEAST: Duration = Duration::from_millis(50);

/// How long L1 may take to answer, and when it is asked again if it did not.
const PATIENCE: Duration = Duration::from_secs(5);
const AGAIN: Duration = Duration::from_secs(5);

/// How often a connection is kept alive.
const ALIVE: Duration = Duration::from_secs(15);

/// What is shown to all, as JSON.
#[derive(Clone, Debug, Default)]
pub(super) struct LiveView {
    overview: Arc<str>,
    games: Arc<str>,
}

/// Asks L1 beside its events, once for each block that the challenger has seen; and again after a while if it did not answer.
pub(super) async fn ask_l1(source: Arc<Source>, mut shutdown: Shutdown) {
    let mut seen = source.known.seen.clone();
    while !shutdown.is_set() {
        let head = seen.borrow_and_update().as_ref().map(|seen| (seen.head.number(), seen.head.hash));
        let is_told = source.outside.l1().map(|says| says.hash) == head.map(|(_, hash)| hash);
        if let Some(head) = head.filter(|_| !is_told) {
            let (client, contracts) = (&source.known.client, &source.known.config.contracts);
            let asked = source.outside.ask_l1(client, contracts, head);
            match timeout(PATIENCE, asked).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => debug!(target: TARGET, %error, "L1 does not tell its anchor"),
                Err(_) => debug!(target: TARGET, "L1 does not tell its anchor in time"),
            }
        }
        tokio::select! {
            () = shutdown.wait() => return,
            () = sleep(INTERVAL) => {}
        }
        tokio::select! {
            () = shutdown.wait() => return,
            () = sleep(AGAIN) => {}
            _ = seen.changed() => {}
        }
    }
}

/// Asks a node for its newest block: when it says that it has one, and again and again.
pub(super) async fn ask_node(source: Arc<Source>, changed: Arc<Notify>, mut shutdown: Shutdown) {
    let Some(node) = &source.known.newest else { return };
    let due = Arc::new(Notify::new());
    tokio::spawn(heads::listen(node.heads.clone(), due.clone(), shutdown.clone()));
    while !shutdown.is_set() {
        if source.outside.ask_node(&node.provider).await {
            changed.notify_one();
        }
        let pause = async {
            sleep(LEAST).await;
            let _ = timeout(POLL, due.notified()).await;
        };
        tokio::select! {
            () = shutdown.wait() => return,
            () = pause => {}
        }
    }
}

/// Computes what is shown whenever something moves, until shutdown.
pub(super) async fn follow(
    source: Arc<Source>,
    shown: watch::Sender<Option<LiveView>>,
    node: Arc<Notify>,
    mut shutdown: Shutdown,
) {
    let mut heads = source.known.chain.watch_heads();
    let mut seen = source.known.seen.clone();
    let mut games = None;
    while !shutdown.is_set() {
        heads.mark_unchanged();
        // Disputes change with what is seen; and what the machine finds is looked for now and then.
        let is_old = games.as_ref().is_none_or(|(at, _): &(Instant, _)| at.elapsed() > INTERVAL);
        if seen.has_changed().unwrap_or(false) || is_old {
            games = None;
        }
        seen.mark_unchanged();
        match compute(&source, &mut games).await {
            Ok(next) => {
                shown.send_if_modified(|shown| {
                    let is_new = shown
                        .as_ref()
                        .is_none_or(|old| old.overview != next.overview || old.games != next.games);
                    if is_new {
                        *shown = Some(next);
                    }
                    is_new
                });
            }
            Err(error) => debug!(target: TARGET, %error, "the overview cannot be told now"),
        }
        tokio::select! {
            () = shutdown.wait() => return,
            () = sleep(PACE) => {}
        }
        tokio::select! {
            () = shutdown.wait() => return,
            () = sleep(INTERVAL) => {}
            () = node.notified() => {}
            _ = heads.changed() => {}
            _ = seen.changed() => {}
        }
    }
}

/// The disputes that matter, and the newest ones as JSON.
type Disputes = (Arc<[GameSummary]>, Arc<str>);

async fn compute(
    source: &Arc<Source>,
    disputes: &mut Option<(Instant, Disputes)>,
) -> Result<LiveView, PageError> {
    let seen = source.seen()?;
    let known = disputes.as_ref().map(|(_, known)| known.clone());
    let (view, now) = source
        .read(move |source, reader| {
            let known = match known {
                Some(known) => known,
                None => {
                    let newest = list(source, &seen, Paging::default()).into_games();
                    (notable(source, reader, &seen).into(), json(&newest)?)
                }
            };
            let overview = overview(source, reader, &seen, &known.0)?;
            Ok((LiveView { overview: json(&overview)?, games: known.1.clone() }, known))
        })
        .await?;
    disputes.get_or_insert_with(|| (Instant::now(), now));
    Ok(view)
}

fn json(value: &impl Serialize) -> Result<Arc<str>, PageError> {
    serde_json::to_string(value).map(Into::into).map_err(PageError::internal)
}

/// What is shown now.
pub(super) type Showing = watch::Receiver<Option<LiveView>>;

/// `GET /api/v1/overview`
pub(super) async fn now(State(shown): State<Showing>) -> Result<Response, PageError> {
    let shown = shown.borrow().clone();
    let shown =
        shown.ok_or_else(|| PageError::NotYet("the challenger has not read its disputes yet".into()))?;
    Ok(([(header::CONTENT_TYPE, "application/json")], shown.overview.to_string()).into_response())
}

/// `GET /api/v1/events`
pub(super) async fn events(
    State(shown): State<Showing>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let first = LiveView::default();
    let changes = stream::unfold((shown, first, true), |(mut shown, last, is_first)| async move {
        loop {
            if !is_first {
                shown.changed().await.ok()?;
            }
            let next = shown.borrow_and_update().clone();
            let Some(next) = next else {
                shown.changed().await.ok()?;
                shown.mark_changed();
                continue;
            };
            let mut events = Vec::new();
            if next.overview != last.overview {
                events.push(Event::default().event("overview").data(&*next.overview));
            }
            if next.games != last.games {
                events.push(Event::default().event("games").data(&*next.games));
            }
            return Some((stream::iter(events.into_iter().map(Ok)), (shown, next, false)));
        }
    });
    Sse::new(changes.flatten()).keep_alive(KeepAlive::new().interval(ALIVE))
}
