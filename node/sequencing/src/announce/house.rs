//! Care for the log: dropping what it need not keep, and measuring it.

use std::time::Duration;

use rollup::{
    chain::{Chain, ChainError},
    shutdown::Shutdown,
};

use super::{AnnounceError, AnnounceLog};

/// Time between two looks.
const INTERVAL: Duration = Duration::from_secs(5);

/// Drops old files until shutdown.
///
/// # Errors
/// A file can't be dropped. The log is whole all the same.
pub async fn keep_house<E: From<AnnounceError> + From<tokio::task::JoinError>>(
    log: AnnounceLog,
    chain: Chain,
    mut shutdown: Shutdown,
) -> Result<(), E> {
    loop {
        tokio::select! {
            () = shutdown.wait() => return Ok(()),
            () = tokio::time::sleep(INTERVAL) => {}
        }
        let (log, chain) = (log.clone(), chain.clone());
        let pruned = tokio::task::spawn_blocking(move || {
            let heads = chain.heads();
            let synced = || Ok::<_, AnnounceError>(chain.db().sync().map_err(ChainError::from)?);
            log.prune(&heads, synced)?;
            metrics::gauge!("recourse_announce_log_bytes").set(log.bytes() as f64);
            Ok::<_, AnnounceError>(())
        });
        pruned.await??;
    }
}
