//! web3.py.

use std::path::Path;

use anyhow::Result;

use super::Workshop;

pub(crate) async fn session(workshop: &Workshop, account: usize, counter: &Path) -> Result<()> {
    let Some(python) = workshop.installed("web3py.sh", &[]).await? else { return Ok(()) };
    let mut command = workshop.command(python, account)?;
    workshop.session("web3py", command.arg("python/session.py").env("CONTRACT", counter)).await
}
