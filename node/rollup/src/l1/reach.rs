//! Reaching L1 at the start: an endpoint may come later than whoever needs it.

use std::time::{Duration, Instant};

use tokio::time::{sleep, timeout};
use tracing::{info, warn};

use super::{
    L1Client, L1Error,
    client::{ConnectError, connect, parse},
};
use crate::{
    RollupConfig,
    shutdown::{self, Shutdown},
};

const TARGET: &str = "node::l1";
/// Longest attempt. Shorter than a request may take later on, so that waiting is told soon.
const MAX_ATTEMPT: Duration = Duration::from_secs(5);
/// Time between the first two attempts; doubled each time.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// Longest time between two attempts: with the attempt itself, at least a line every ten seconds.
const MAX_PAUSE: Duration = Duration::from_secs(5);

/// How long a command that ends by itself waits for L1, if it is not told: whoever typed it looks on.
const COMMAND_LIMIT: Duration = Duration::from_secs(10);

/// Connects to an L1 endpoint and checks that the rollup is there; while it does not answer, tells so and tries again,
/// for ever or up to `limit`. `None`: shutdown came first.
///
/// # Errors
/// What waiting does not help against, at once; otherwise, that the time is over.
pub async fn reach(
    url: &str,
    config: &RollupConfig,
    limit: Option<Duration>,
    shutdown: &mut Shutdown,
) -> Result<Option<L1Client>, ConnectError> {
    let (_, endpoint) = parse(url)?;
    retry(&endpoint, limit, shutdown, || connect(url, config)).await
}

/// [`reach`] for a command that ends by itself, at any signal or after ten seconds if no other limit is given.
///
/// # Errors
/// Those of [`reach`].
pub async fn reach_for_command(
    url: &str,
    config: &RollupConfig,
    limit: Option<Duration>,
) -> Result<L1Client, ConnectError> {
    let (_stop, mut never) = shutdown::channel();
    loop {
        let limit = Some(limit.unwrap_or(COMMAND_LIMIT));
        if let Some(client) = reach(url, config, limit, &mut never).await? {
            return Ok(client);
        }
    }
}

/// Asks an L1 endpoint for what a start needs, in the way of [`reach`].
pub async fn retry<T, F>(
    endpoint: &str,
    limit: Option<Duration>,
    shutdown: &mut Shutdown,
    mut ask: impl FnMut() -> F,
) -> Result<Option<T>, ConnectError>
where
    F: Future<Output = Result<T, ConnectError>>,
{
    let start = Instant::now();
    let left = || limit.map_or(Duration::MAX, |limit| limit.saturating_sub(start.elapsed()));
    let mut pause = FIRST_PAUSE;
    loop {
        let longest = MAX_ATTEMPT.min(left());
        let asked = tokio::select! {
            biased;
            () = shutdown.wait() => return Ok(None),
            asked = timeout(longest, ask()) => asked,
        };
        let error = match asked {
            Ok(Ok(answer)) => {
                if pause > FIRST_PAUSE {
                    let seconds = start.elapsed().as_secs();
                    info!(target: TARGET, endpoint, seconds, "the L1 endpoint answers");
                }
                return Ok(Some(answer));
            }
            Ok(Err(ConnectError::Unreachable { error, .. })) => error,
            // Waiting does not help.
            Ok(Err(error)) => return Err(error),
            Err(_) => L1Error::Unreachable(format!("no answer within {longest:.1?}")),
        };
        warn!(target: TARGET, endpoint, %error, "waiting for the L1 endpoint");
        tokio::select! {
            () = shutdown.wait() => return Ok(None),
            () = sleep(pause.min(left())) => pause = (pause * 2).min(MAX_PAUSE),
        }
        if let Some(limit) = limit.filter(|_| left().is_zero()) {
            return Err(ConnectError::TimedOut { endpoint: endpoint.into(), limit, error });
        }
    }
}
