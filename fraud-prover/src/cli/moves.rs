//! `challenger move`: one move by hand.

use std::time::Duration;

use alloy::primitives::U256;
use anyhow::{Context, Result, bail};
use rollup::l1::{TxManager, TxOptions, TxRequest};

use super::{HandMove, MoveArgs};
use crate::{
    game::{ClaimId, Game},
    l1::{MoveCall, ether},
    watch::explain,
};

pub(super) async fn run(args: MoveArgs) -> Result<()> {
    let key = args.account.options().open()?.context("--key is missing")?;
    let open = args.rollup.open().await?;
    let game = open.game(args.game)?.game()?;
    let options = TxOptions { timeout: Duration::from_secs(300), role: "challenger", ..TxOptions::default() };
    let manager = TxManager::new(open.client.clone(), key, options);
    let find = |text: &str| find(game, text);
    let call = match args.action {
        HandMove::Attack { claim, segment, values } => {
            MoveCall::attack(game, find(&claim)?, segment, values)?
        }
        HandMove::AttackBlock { claim, segment, steps, values, last_state } => {
            MoveCall::attack_block(game, find(&claim)?, segment, steps, values, last_state)?
        }
        HandMove::Step { claim, segment, state, witness } => {
            MoveCall::step(game, find(&claim)?, segment, state, witness)?
        }
        HandMove::Resolve { claim } => MoveCall::resolve_claim(game, find(&claim)?)?,
        HandMove::Distribute { claim } => MoveCall::distribute_bond(game, find(&claim)?),
        HandMove::ClaimCredit { account } => {
            MoveCall::claim_credit(game, account.unwrap_or_else(|| manager.address()))
        }
    };
    let bond = call.value;
    match manager.send(TxRequest::from(call)).await {
        Ok(receipt) => {
            let (hash, gas) = (receipt.transaction_hash, receipt.gas_used);
            let paid = if bond == U256::ZERO { String::new() } else { format!(", bond {} ETH", ether(bond)) };
            println!("done: transaction {hash}, {gas} gas{paid}");
            Ok(())
        }
        Err(error) => bail!("{}", explain(&error)),
    }
}

/// The claim whose id begins like this.
fn find(game: &Game, text: &str) -> Result<ClaimId> {
    let start = text.trim_start_matches("0x").to_lowercase();
    let matching: Vec<_> = game
        .claims
        .iter()
        .filter(|claim| claim.id.to_string().trim_start_matches("0x").starts_with(&start))
        .collect();
    match matching.as_slice() {
        [claim] => Ok(claim.id),
        [] => bail!("the game has no claim {text}: see `challenger show`"),
        _ => bail!("{} claims begin with {text}", matching.len()),
    }
}
