use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use super::PATIENCE;

/// Asks again and again until there is an answer. Errors count as none, but the last one is told if none comes.
pub async fn until<T>(
    what: &str,
    limit: Duration,
    mut check: impl AsyncFnMut() -> Result<Option<T>>,
) -> Result<T> {
    let deadline = Instant::now() + limit;
    loop {
        let outcome = check().await;
        if let Ok(Some(value)) = outcome {
            return Ok(value);
        }
        if Instant::now() >= deadline {
            return match outcome {
                Err(error) => Err(error.context(format!("{what}: not after {} s", limit.as_secs()))),
                Ok(_) => bail!("{what}: not after {} s", limit.as_secs()),
            };
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// [`until`] with the usual limit.
pub async fn soon<T>(what: &str, check: impl AsyncFnMut() -> Result<Option<T>>) -> Result<T> {
    until(what, PATIENCE, check).await
}
