//! From events to games.

use std::{collections::BTreeMap, sync::Arc};

use alloy::primitives::{Address, B256};
use bindings::{IDisputeGame, IDisputeGameFactory};
use rollup::interval::Interval;

use super::{
    events::{GameEvent, Logged},
    governance::{GovernanceEvent, ScheduledVersion, pending},
};
use crate::game::{ClaimId, Game, GameParameters, Level, Subject, Suspension};

/// All games of a rollup, by what L1's events say. Nothing here is checked that the contracts check.
#[derive(Clone, Debug, Default)]
pub struct Games {
    /// The versions of the game, by their contracts.
    versions: BTreeMap<Address, GameParameters>,
    /// Of versions whose machine was shown to be broken.
    suspensions: BTreeMap<Address, Logged<IDisputeGame::Suspended>>,
    /// Shared with who looks at them: only one that something happens to is copied.
    entries: BTreeMap<Address, Arc<GameEntry>>,
    order: Vec<Address>,
    governance: Vec<Logged<GovernanceEvent>>,
}

/// A game with the events that made it.
#[derive(Clone, Debug)]
pub struct GameEntry {
    /// Index in the factory.
    pub index: u64,
    /// Its proposal.
    pub proposal: Logged<IDisputeGameFactory::Proposed>,
    /// What happened since, in order.
    pub events: Vec<Logged<GameEvent>>,
    game: Result<Game, EventError>,
}

/// Events that do not fit together: the endpoint left some out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EventError {
    /// The constants of the game's version are not known.
    #[error("the constants of the game's version {0} are not read")]
    UnknownVersion(Address),
    /// The proposal's interval is empty, or has not one commitment for each segment.
    #[error("the proposal covers no blocks, or has not one commitment for each segment")]
    Proposal,
    /// An event is about a claim that was not made.
    #[error("an event about claim {0}, which was not made")]
    NoClaim(ClaimId),
    /// A claim has another id than its contents say.
    #[error("claim {found} should have the id {expected}")]
    Id {
        /// As computed.
        expected: ClaimId,
        /// As the event says.
        found: ClaimId,
    },
}

impl Games {
    /// The constants of a version of the game, once read.
    pub fn version(&self, version: Address) -> Option<&GameParameters> {
        self.versions.get(&version)
    }

    /// The versions of which there are games, or may be soon.
    pub fn versions(&self) -> impl Iterator<Item = (Address, &GameParameters)> {
        self.versions.iter().map(|(version, parameters)| (*version, parameters))
    }

    pub(super) fn add_version(&mut self, version: Address, parameters: GameParameters) {
        self.versions.insert(version, parameters);
    }

    /// Whether the machine of a version was shown to be broken.
    pub fn suspension(&self, version: Address) -> Option<Suspension> {
        self.suspensions.get(&version).map(|logged| Suspension { sound_at: logged.event.soundAt })
    }

    /// The machine of a version was shown to be broken.
    pub(super) fn suspend(&mut self, version: Address, event: Logged<IDisputeGame::Suspended>) {
        let suspension = Suspension { sound_at: event.event.soundAt };
        self.suspensions.insert(version, event);
        for entry in self.entries.values_mut().filter(|entry| entry.version() == version) {
            if let Ok(game) = &mut Arc::make_mut(entry).game {
                game.suspension = Some(suspension);
            }
        }
    }

    /// The versions that are scheduled and not in force yet.
    pub fn scheduled(&self) -> Vec<ScheduledVersion> {
        pending(&self.governance)
    }

    pub(super) fn govern(&mut self, event: Logged<GovernanceEvent>) {
        self.governance.push(event);
    }

    /// The contracts of all games.
    pub fn addresses(&self) -> impl Iterator<Item = Address> + '_ {
        self.order.iter().copied()
    }

    /// All games, in the order of their proposals.
    pub fn iter(&self) -> impl Iterator<Item = &GameEntry> {
        self.order.iter().filter_map(|address| self.entries.get(address)).map(AsRef::as_ref)
    }

    /// A game by its contract.
    pub fn get(&self, game: Address) -> Option<&GameEntry> {
        self.entries.get(&game).map(AsRef::as_ref)
    }

    pub(super) fn propose(&mut self, proposal: Logged<IDisputeGameFactory::Proposed>) {
        let address = proposal.event.game;
        let index = proposal.event.index.saturating_to();
        let unknown = EventError::UnknownVersion(proposal.event.implementation);
        let mut entry = GameEntry { index, proposal, events: Vec::new(), game: Err(unknown) };
        entry.rebuild(self);
        if self.entries.insert(address, Arc::new(entry)).is_none() {
            self.order.push(address);
        }
    }

    pub(super) fn add(&mut self, game: Address, event: Logged<GameEvent>) {
        if let Some(entry) = self.entries.get_mut(&game) {
            let entry = Arc::make_mut(entry);
            if let Ok(game) = &mut entry.game
                && let Err(error) = apply(game, &event)
            {
                entry.game = Err(error);
            }
            entry.events.push(event);
        }
    }

    /// Forgets what is in L1 block `from` and behind it.
    pub(super) fn truncate(&mut self, from: u64) {
        self.governance.retain(|event| event.block < from);
        self.suspensions.retain(|_, event| event.block < from);
        let mut entries = std::mem::take(&mut self.entries);
        entries.retain(|_, entry| entry.proposal.block < from);
        self.order.retain(|address| entries.contains_key(address));
        for entry in entries.values_mut() {
            let suspension = self.suspension(entry.version());
            let has_more = entry.events.last().is_some_and(|event| event.block >= from);
            let is_same = entry.game.as_ref().map_or(true, |game| game.suspension == suspension);
            if !has_more && is_same {
                continue;
            }
            let entry = Arc::make_mut(entry);
            if let Ok(game) = &mut entry.game {
                game.suspension = suspension;
            }
            if has_more {
                entry.events.retain(|event| event.block < from);
                entry.rebuild(self);
            }
        }
        self.entries = entries;
    }
}

impl GameEntry {
    /// The contract.
    pub fn address(&self) -> Address {
        self.proposal.event.game
    }

    /// The game as the events tell it.
    pub fn game(&self) -> Result<&Game, EventError> {
        self.game.as_ref().map_err(Clone::clone)
    }

    /// The version of the game.
    pub fn version(&self) -> Address {
        self.proposal.event.implementation
    }

    /// Makes the game anew, of what the games' versions are.
    fn rebuild(&mut self, games: &Games) {
        let version = self.version();
        let parameters = games.version(version).ok_or(EventError::UnknownVersion(version));
        let built = parameters.and_then(|parameters| build(&self.proposal, &self.events, parameters));
        self.game = built.map(|mut game| {
            game.suspension = games.suspension(version);
            game
        });
    }
}

fn build(
    proposal: &Logged<IDisputeGameFactory::Proposed>,
    events: &[Logged<GameEvent>],
    parameters: &GameParameters,
) -> Result<Game, EventError> {
    let event = &proposal.event;
    let blocks = Interval::between(event.anchorBlock, event.l2Block).ok_or(EventError::Proposal)?;
    if blocks.segments() != event.vector.len() as u64 {
        return Err(EventError::Proposal);
    }
    let subject = Subject {
        game: event.game,
        blocks,
        anchor_output: event.anchorOutput,
        batch_count: event.batchCount,
        batch_acc: event.batchAcc,
        rules: parameters.rules,
    };
    let mut game =
        Game::new(subject, parameters.clone(), event.vector.clone(), event.proposer, proposal.timestamp);
    for event in events {
        apply(&mut game, event)?;
    }
    Ok(game)
}

fn apply(game: &mut Game, logged: &Logged<GameEvent>) -> Result<(), EventError> {
    let index = |game: &Game, id: B256| game.index(ClaimId(id)).ok_or(EventError::NoClaim(ClaimId(id)));
    match &logged.event {
        GameEvent::Attacked(event) => {
            let said = &event.claim;
            let parent = index(game, said.parent)?;
            let interval = Interval { start: said.start, length: said.length };
            let level = match game.claims[parent].level {
                Level::Blocks if said.level == 0 => Level::Blocks,
                Level::Blocks => {
                    let segment = game.claims[parent].segment_interval(said.part);
                    let block = segment.ok_or(EventError::NoClaim(ClaimId(event.id)))?.end();
                    Level::Steps { block, boot_hash: said.bootHash }
                }
                level => level,
            };
            let times = (event.createdAt, event.clock);
            let commitments = event.vector.clone();
            let claimant = event.claimant;
            let bond = game.parameters.bonds.of(game.claims[parent].depth + 1);
            let expected = game.record_claim(
                crate::game::NewClaim {
                    parent,
                    segment: said.part,
                    level,
                    interval,
                    agreed: said.agreed,
                    commitments,
                },
                claimant,
                bond,
                times,
            );
            if expected.0 != event.id {
                return Err(EventError::Id { expected, found: ClaimId(event.id) });
            }
        }
        GameEvent::Stepped(event) => {
            let claim = index(game, event.id)?;
            game.record_step(claim, event.part, event.stepper, logged.timestamp);
        }
        GameEvent::Decided(event) => {
            let claim = index(game, event.id)?;
            game.record_resolved(claim, event.upheld, logged.timestamp);
        }
        GameEvent::Settled(event) => {
            let claim = index(game, event.id)?;
            game.record_distributed(claim, event.winner, event.reward, event.burned);
        }
        GameEvent::Reclaimed(event) => {
            let claim = index(game, event.id)?;
            game.record_reclaimed(claim, event.claimant, event.amount);
        }
        GameEvent::CreditClaimed(event) => game.record_credit_claimed(event.recipient, event.amount),
    }
    Ok(())
}
