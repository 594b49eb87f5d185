//! Hardhat 3 with ethers, its matchers, and OpenZeppelin's upgrades.

use anyhow::Result;

use super::{SESSION_LIMIT, Workshop, node};

pub(crate) async fn session(workshop: &Workshop, account: usize) -> Result<()> {
    let Some(node) = node() else { return Ok(()) };
    let folder = workshop.folder("hardhat")?;
    let hardhat = |arguments: &[&str]| {
        let mut command = workshop.command(&node, account)?;
        command.args(["node_modules/hardhat/dist/src/cli.js", "--config", "hardhat.config.mjs"]);
        // Nothing in the sources' folder, nothing to anybody else.
        command.env("FOLDER", &folder).env("MANIFEST_DEFAULT_DIR", folder.join("proxies"));
        command.env("HARDHAT_DISABLE_TELEMETRY_PROMPT", "true").env("HOME", &folder);
        command.args(arguments);
        anyhow::Ok(command)
    };
    workshop.run("hardhat-build", &mut hardhat(&["build"])?, SESSION_LIMIT).await?;
    workshop.session("hardhat", &mut hardhat(&["run", "--no-compile", "hardhat.mjs"])?).await
}
