//! What Otterscan's pages ask a node, in the order in which they do.

use anyhow::Result;

use super::{Workshop, node};

pub(crate) async fn session(workshop: &Workshop, account: usize) -> Result<()> {
    let Some(node) = node() else { return Ok(()) };
    let mut command = workshop.command(node, account)?;
    workshop.session("otterscan", command.arg("otterscan.mjs")).await
}
