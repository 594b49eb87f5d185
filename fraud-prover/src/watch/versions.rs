//! Whether what this challenger has is enough for the versions of the game that are played, or will be.

use std::collections::BTreeSet;

use alloy::primitives::Address;
use anyhow::{Result, bail};
use stf::ChainConfig;
use tracing::{error, info};
use vm::Image;

use super::TARGET;
use crate::{
    game::RunRules,
    l1::{Games, ScheduledVersion, VersionRole},
    traces::TraceError,
};

/// What this challenger can play.
pub(super) struct Known {
    /// The chain config of `rollup.json`, the newest that there is.
    config: ChainConfig,
    /// Root and entry of each program.
    programs: BTreeSet<(alloy::primitives::B256, u64)>,
    /// What was told already: a version, and from when on.
    told: BTreeSet<(Address, u64)>,
}

impl Known {
    pub(super) fn new(config: ChainConfig, programs: &[Image]) -> Self {
        let programs = programs.iter().map(|image| (image.root(), image.entry().into())).collect();
        Self { config, programs, told: BTreeSet::new() }
    }

    /// Why blocks cannot be proven by these rules here, if they cannot.
    fn missing(&self, rules: &RunRules) -> Option<TraceError> {
        let RunRules { program_root: root, program_entry, config_hash: hash, .. } = *rules;
        if !self.programs.contains(&(root, program_entry)) {
            return Some(TraceError::NoProgram { root });
        }
        self.config.version(hash).is_none().then_some(TraceError::UnknownConfig { hash })
    }

    /// Checks the version of new games: without it there is nothing to do here.
    pub(super) fn check_present(&self, rules: &RunRules) -> Result<()> {
        if let Some(missing) = self.missing(rules) {
            bail!("new games cannot be played, no step of theirs could be proven: {missing}");
        }
        Ok(())
    }

    /// Tells of versions with games, or that will have some, that cannot be played: each once. Those to come are told as
    /// soon as they are scheduled, so that there is time.
    pub(super) fn report(&mut self, games: &Games, scheduled: &[(ScheduledVersion, RunRules)]) {
        let mut missing = 0;
        let played: BTreeSet<_> = games.iter().map(|entry| entry.version()).collect();
        for (version, parameters) in games.versions().filter(|(version, _)| played.contains(version)) {
            let Some(reason) = self.missing(&parameters.rules) else { continue };
            missing += 1;
            if self.told.insert((version, 0)) {
                error!(target: TARGET, %version, %reason, "games of this version CANNOT BE PLAYED here");
            }
        }
        for (ScheduledVersion { version, role, due }, rules) in scheduled {
            let reason = self.missing(rules);
            missing += u64::from(reason.is_some());
            if !self.told.insert((*version, *due)) {
                continue;
            }
            let what = match role {
                VersionRole::InForce => "in force",
                VersionRole::Standby => "as the standby",
            };
            match reason {
                Some(reason) => {
                    error!(target: TARGET, %version, due, %reason, "a version is scheduled {what} that CANNOT BE PLAYED here");
                }
                None => {
                    info!(target: TARGET, %version, due, "a version is scheduled {what}; it can be played here")
                }
            }
        }
        metrics::gauge!("recourse_challenger_missing_versions").set(missing as f64);
    }
}
