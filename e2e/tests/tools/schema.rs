//! Results have the form that execution-apis' OpenRPC document describes.

use std::path::Path;

use anyhow::Result;
use e2e::conformance::unpack;

use super::{Workshop, node};

pub(crate) async fn session(workshop: &Workshop, account: usize) -> Result<()> {
    let Some(node) = node() else { return Ok(()) };
    let mut command = workshop.command(node, account)?;
    // A checkout has more than the archive, and may be newer.
    let unpacked;
    let checkout = match std::env::var_os("EXECUTION_APIS") {
        Some(checkout) => checkout,
        None => {
            let archive = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/execution-apis.tar.gz");
            unpacked = unpack(Path::new(archive))?;
            unpacked.path().into()
        }
    };
    workshop.session("schema", command.env("EXECUTION_APIS", checkout).arg("schema.mjs")).await
}
