//! go-ethereum's ethclient, gethclient and accounts/abi/bind; the types of the OP Stack's tools.

use std::path::Path;

use anyhow::Result;

use super::Workshop;

pub(crate) async fn session(workshop: &Workshop, account: usize, counter: &Path) -> Result<()> {
    let Some(program) = workshop.installed("go-client.sh", &["go"]).await? else { return Ok(()) };
    let mut command = workshop.command(program, account)?;
    workshop.session("go-client-session", command.env("CONTRACT", counter)).await
}

/// What op-proposer, op-challenger and op-dispute-mon ask, in the types that they read it into.
pub(crate) async fn rollup_session(workshop: &Workshop, account: usize) -> Result<()> {
    let Some(program) = workshop.installed("go-client.sh", &["op"]).await? else { return Ok(()) };
    workshop.session("op-client-session", &mut workshop.command(program, account)?).await
}
