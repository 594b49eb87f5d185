//! Reaching L1 at the start: endpoints may come later than whoever needs them.

use std::time::{Duration, Instant};

use futures::{StreamExt, stream::FuturesUnordered};
use tokio::time::{sleep, timeout};
use tracing::{info, warn};

use super::{
    L1Client, L1Error,
    client::connect,
    deployment::{self, CheckError},
    error::ConnectError,
    http::parse,
    probe,
    standing::LeftOut,
};
use crate::{
    RollupConfig,
    shutdown::{self, Shutdown},
};

const TARGET: &str = "node::l1";
/// Longest attempt. Shorter than a request may take later on, so that waiting is told soon.
const MAX_ATTEMPT: Duration = Duration::from_secs(5);
/// Longest attempt to compare `rollup.json` with L1: some ten requests, one after the other.
const MAX_CHECK: Duration = Duration::from_secs(20);
/// Time between the first two attempts; doubled each time.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// Longest time between two attempts: with the attempt itself, at least a line every 25 seconds.
const MAX_PAUSE: Duration = Duration::from_secs(5);

/// How long the other endpoints are waited for once one is good: they can join later.
const OTHERS: Duration = Duration::from_secs(2);

/// How long a command that ends by itself waits for L1, if it is not told: whoever typed it looks on.
const COMMAND_LIMIT: Duration = Duration::from_secs(10);

/// Connects to L1 by these endpoints, the preferred one first, and compares all of `rollup.json` with the rollup there;
/// while none answers, tells so and tries again, for ever or up to `limit`. `None`: shutdown came first.
///
/// Nothing else may be done on L1 before: with a configuration that is not the rollup's, valid proposals look wrong. Of
/// several endpoints one must be good; the others are left out until they are.
///
/// # Errors
/// What waiting does not help against, at once; otherwise, that the time is over.
pub async fn reach(
    urls: &[String],
    config: &RollupConfig,
    limit: Option<Duration>,
    shutdown: &mut Shutdown,
) -> Result<Option<L1Client>, ConnectError> {
    let [url] = urls else {
        let client = L1Client::several(urls, config.l1_chain_id)?;
        tokio::spawn(probe::watch(client.weak_endpoints()));
        let wait = Wait { endpoint: client.name(), start: Instant::now(), limit };
        let admitted = wait.retry(MAX_ATTEMPT + MAX_CHECK, shutdown, || admit(&client, config)).await?;
        return Ok(admitted.map(|()| client));
    };
    let (_, endpoint) = parse(url)?;
    let wait = Wait { endpoint: &endpoint, start: Instant::now(), limit };
    let Some(client) = wait.retry(MAX_ATTEMPT, shutdown, || connect(url, config)).await? else {
        return Ok(None);
    };
    let checked = wait.retry(MAX_CHECK, shutdown, || check(&client, config)).await?;
    Ok(checked.map(|()| client))
}

/// Asks several endpoints, each by itself, whether they serve the rollup, and leaves out those that do not.
async fn admit(client: &L1Client, config: &RollupConfig) -> Result<(), ConnectError> {
    let ask = |member| async move { (member, admit_one(member, config).await) };
    let mut asked: FuturesUnordered<_> = client.endpoints().iter().map(ask).collect();
    let mut silent: Vec<&L1Client> = client.endpoints().iter().collect();
    let (mut is_good, mut unreachable, mut refusal) = (false, None, None);
    loop {
        let next = match is_good {
            true => timeout(OTHERS, asked.next()).await.ok().flatten(),
            false => asked.next().await,
        };
        let Some((member, answer)) = next else { break };
        silent.retain(|one| one.name() != member.name());
        match answer {
            Ok(()) => {
                member.restore();
                is_good = true;
            }
            Err(ConnectError::Unreachable { endpoint, error }) => {
                member.leave_out(LeftOut::Failing, &error);
                unreachable = Some(ConnectError::Unreachable { endpoint, error });
            }
            Err(error) => {
                member.leave_out(LeftOut::OtherChain, &error);
                refusal = Some(error);
            }
        }
    }
    for member in silent {
        member.leave_out(LeftOut::Failing, &format!("no answer while another had one, and {OTHERS:?} more"));
    }
    match unreachable.or(refusal).filter(|_| !is_good) {
        Some(error) => Err(error),
        None => Ok(()),
    }
}

async fn admit_one(member: &L1Client, config: &RollupConfig) -> Result<(), ConnectError> {
    let silence =
        |longest| member.unreachable(L1Error::Unreachable(format!("no answer within {longest:.1?}")));
    let found = timeout(MAX_ATTEMPT, member.current_chain_id()).await.map_err(|_| silence(MAX_ATTEMPT))?;
    let found = found.map_err(|error| member.unreachable(error))?;
    let expected = config.l1_chain_id;
    if found != expected {
        return Err(ConnectError::WrongChain { endpoint: member.name().into(), expected, found });
    }
    timeout(MAX_CHECK, check(member, config)).await.map_err(|_| silence(MAX_CHECK))?
}

async fn check(client: &L1Client, config: &RollupConfig) -> Result<(), ConnectError> {
    deployment::check(client, config).await.map_err(|error| match error {
        CheckError::Mismatch(wrong) => wrong.into(),
        CheckError::Endpoint(error) => client.unreachable(error),
    })
}

/// [`reach`] for a command that ends by itself, at any signal or after ten seconds if no other limit is given.
///
/// # Errors
/// Those of [`reach`].
pub async fn reach_for_command(
    urls: &[String],
    config: &RollupConfig,
    limit: Option<Duration>,
) -> Result<L1Client, ConnectError> {
    let (_stop, mut never) = shutdown::channel();
    loop {
        let limit = Some(limit.unwrap_or(COMMAND_LIMIT));
        if let Some(client) = reach(urls, config, limit, &mut never).await? {
            return Ok(client);
        }
    }
}

/// Waiting for an L1 endpoint.
struct Wait<'a> {
    endpoint: &'a str,
    start: Instant,
    limit: Option<Duration>,
}

impl Wait<'_> {
    /// Asks for something until there is an answer. No attempt takes longer than `longest`.
    async fn retry<T, F>(
        &self,
        longest: Duration,
        shutdown: &mut Shutdown,
        ask: impl Fn() -> F,
    ) -> Result<Option<T>, ConnectError>
    where
        F: Future<Output = Result<T, ConnectError>>,
    {
        let Self { endpoint, start, limit } = *self;
        let left = || limit.map_or(Duration::MAX, |limit| limit.saturating_sub(start.elapsed()));
        let mut pause = FIRST_PAUSE;
        loop {
            let longest = longest.min(left());
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
}
