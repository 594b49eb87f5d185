//! Whether the rules that this node computes by are those that L1 holds new games to.
//!
//! The versions of the game commit to a chain config, and so to a schedule of L2's rules. The factory takes a version that
//! changes the schedule only some time before the change (`activationNotice`): when the change comes, L1 has known it for
//! more than an hour. So a node can tell in time that its `rollup.json` and L1 differ, and stops before it computes a
//! block by the wrong rules.

use std::{sync::Arc, time::Duration};

use alloy::eips::BlockId;
use anyhow::{Result, bail};
use bindings::{IDisputeGame, IDisputeGameFactory};
use stf::ChainConfig;
use tokio::time::sleep;
use tracing::{debug, info, warn};

use super::{L1Client, L1Error};
use crate::{RollupConfig, shutdown::Shutdown};

const TARGET: &str = "node::rules";
/// How often L1 is asked: often within the hour that a change is in force before it matters.
const INTERVAL: Duration = Duration::from_secs(60);

/// What new games are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Present {
    /// Hash of their chain config.
    config_hash: alloy::primitives::B256,
    /// L2 timestamp of its last change of rules.
    newest_activation: u64,
    /// Seconds by which a change must be ahead when it comes into force.
    notice: u64,
    /// L1's time.
    now: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Verdict {
    /// They are this node's.
    Same,
    /// L1 does not know the change of rules at this time yet.
    NotInForceYet(u64),
    /// This node does not know the change of rules at this time.
    Unknown(u64),
    /// Going on would lie.
    Wrong(String),
}

/// Compares until shutdown. An error: the node must not go on.
pub async fn watch_rules(client: L1Client, config: Arc<RollupConfig>, mut shutdown: Shutdown) -> Result<()> {
    let mut last = Verdict::Same;
    while !shutdown.is_set() {
        match read(&client, &config).await {
            Ok(present) => {
                let verdict = judge(&config.chain, &present);
                if verdict != last {
                    tell(&verdict);
                }
                if let Verdict::Wrong(reason) = verdict {
                    bail!(reason);
                }
                last = verdict;
            }
            Err(error) => debug!(target: TARGET, %error, "cannot ask L1 for the rules of new games"),
        }
        tokio::select! {
            () = shutdown.wait() => {}
            () = sleep(INTERVAL) => {}
        }
    }
    Ok(())
}

fn tell(verdict: &Verdict) {
    match verdict {
        Verdict::Same => info!(target: TARGET, "new games on L1 have this node's rules"),
        Verdict::NotInForceYet(activation) => {
            info!(target: TARGET, activation, "rollup.json has a change of rules that is not in force on L1 yet");
        }
        Verdict::Unknown(activation) => {
            warn!(target: TARGET, activation, "L2's rules will change, and this node does not know how: it needs the upgrade's release and rollup.json, and stops before");
        }
        Verdict::Wrong(_) => {}
    }
}

async fn read(client: &L1Client, config: &RollupConfig) -> Result<Present, L1Error> {
    let factory = config.contracts.dispute_game_factory;
    let head = client.head().await?;
    let at = BlockId::hash(head.hash);
    let (version, notice) = tokio::try_join!(
        client.view(factory, IDisputeGameFactory::gameImplementationCall {}, at),
        client.view(factory, IDisputeGameFactory::activationNoticeCall {}, at),
    )?;
    let parameters = client.view(version, IDisputeGame::parametersCall {}, at).await?;
    Ok(Present {
        config_hash: parameters.configHash,
        newest_activation: parameters.newestActivation,
        notice,
        now: head.timestamp(),
    })
}

fn judge(own: &ChainConfig, present: &Present) -> Verdict {
    let Present { config_hash, newest_activation, notice, now } = *present;
    // What is to change the rules at a time can no longer come into force, or go, after this.
    let is_settled = |activation: u64| now.saturating_add(notice) > activation;
    if own.hash() == config_hash {
        return Verdict::Same;
    }
    if let Some(earlier) = own.version(config_hash) {
        let known = earlier.forks.activations().len();
        let activation = own.forks.activations().get(known).map_or(0, |next| next.timestamp);
        return match is_settled(activation) {
            false => Verdict::NotInForceYet(activation),
            true => Verdict::Wrong(format!(
                "rollup.json changes L2's rules at {activation}, but new games on L1 do not know of that, and can no longer \
                 come to: L2 keeps its rules. Use the rollup.json of before the upgrade"
            )),
        };
    }
    if newest_activation > own.forks.newest_activation() && !is_settled(newest_activation) {
        return Verdict::Unknown(newest_activation);
    }
    Verdict::Wrong(format!(
        "new games on L1 are about a chain config with the hash {config_hash}, which is neither that of rollup.json ({}) \
         nor one that it has grown from: this node would compute other blocks than L1 lets anyone prove. Use the release \
         and the rollup.json of the upgrade",
        own.hash()
    ))
}

#[cfg(test)]
mod tests {
    use stf::{ForkSchedule, config::Activation};

    use super::*;

    const NOTICE: u64 = 4_200;
    const FORK: u64 = 1_000_000;

    fn config(activations: &[(u8, u64)]) -> ChainConfig {
        let activations: Vec<_> = activations
            .iter()
            .map(|(rules, timestamp)| Activation { rules: *rules, timestamp: *timestamp })
            .collect();
        let forks = ForkSchedule::new(&activations).unwrap();
        ChainConfig { chain_id: 1, max_drift: 600, force_delay: 60, forks }
    }

    fn present(of: &ChainConfig, now: u64) -> Present {
        Present {
            config_hash: of.hash(),
            newest_activation: of.forks.newest_activation(),
            notice: NOTICE,
            now,
        }
    }

    #[test]
    fn a_node_stops_before_a_change_of_rules_that_l1_knows_and_it_does_not() {
        let (old, new) = (config(&[(1, 0)]), config(&[(1, 0), (2, FORK)]));
        assert_eq!(judge(&old, &present(&old, FORK)), Verdict::Same);
        assert_eq!(judge(&old, &present(&new, FORK - NOTICE)), Verdict::Unknown(FORK));
        let wrong = judge(&old, &present(&new, FORK - NOTICE + 1));
        assert!(matches!(&wrong, Verdict::Wrong(reason) if reason.contains("of the upgrade")), "{wrong:?}");
    }

    #[test]
    fn a_node_stops_before_a_change_of_rules_that_it_knows_and_l1_does_not() {
        let (old, new) = (config(&[(1, 0)]), config(&[(1, 0), (2, FORK)]));
        assert_eq!(judge(&new, &present(&new, 5)), Verdict::Same);
        assert_eq!(judge(&new, &present(&old, FORK - NOTICE)), Verdict::NotInForceYet(FORK));
        let wrong = judge(&new, &present(&old, FORK - NOTICE + 1));
        assert!(
            matches!(&wrong, Verdict::Wrong(reason) if reason.contains("before the upgrade")),
            "{wrong:?}"
        );
    }

    #[test]
    fn another_chain_config_stops_a_node_at_once() {
        let own = config(&[(1, 0)]);
        let other = ChainConfig { force_delay: 61, ..own };
        assert!(matches!(judge(&own, &present(&other, 5)), Verdict::Wrong(_)));
        // Of two changes to come, one is known: the node goes on until the other.
        let (one, two) = (config(&[(1, 0), (2, FORK)]), config(&[(1, 0), (2, FORK), (3, 2 * FORK)]));
        assert_eq!(judge(&one, &present(&two, 5)), Verdict::Unknown(2 * FORK));
    }
}
