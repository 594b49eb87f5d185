//! One game from the proposal to the last bond.

use std::{cell::RefCell, collections::BTreeMap};

use alloy::primitives::{Address, U256};
use fraud_prover::{
    game::{Bonds, ClaimId, Game, InvalidMove, Status},
    report::{ClaimVerdict, ClaimVerity, Verity},
    strategy::{Move, PlannedMove, View, plan},
    truth::{Judgement, Truth, commitments, judge},
};
use rand::{Rng, SeedableRng, rngs::StdRng};

use crate::{
    adversary::{Adversary, Kind, target},
    world::{Forgetful, TRUE, World, garbage},
};

/// Which of the strategy's moves a player makes: the honest strategy, or one that lacks something.
pub(crate) type Filter = fn(&Game, Address, &PlannedMove) -> bool;

pub(crate) fn everything(_: &Game, _: Address, _: &PlannedMove) -> bool {
    true
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Setting {
    /// Whether clocks can run out. Otherwise the honest always move in time.
    pub(crate) clocks: bool,
    pub(crate) honest: usize,
    pub(crate) filter: Filter,
}

/// What happened, for the coverage that a test asks for.
pub(crate) type Events = BTreeMap<&'static str, u64>;

/// What went wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    WrongOutcome,
    ValidClaimLost,
    BondLost,
    RewardStolen,
    Conservation,
    Misjudged,
    TooLong,
}

struct Player {
    account: Address,
    /// When its moves arrive, and which.
    coming: Option<(u64, Vec<PlannedMove>)>,
}

struct Table {
    world: World,
    game: Game,
    now: u64,
    paid: BTreeMap<Address, U256>,
    total: U256,
    events: Events,
}

const CLOCK: u64 = 1000;
/// An honest player's latency, from looking to having moved. What appears meanwhile is seen after that, so that an answer
/// takes up to two of them: less than the extension that every claim leaves.
const LATENCY: u64 = CLOCK / 40 - 1;

impl Table {
    fn count(&mut self, event: &'static str) {
        *self.events.entry(event).or_default() += 1;
    }

    fn apply(&mut self, action: &Move, by: Address) -> Result<(), InvalidMove> {
        let before = self.game.claims.len();
        let result = self.world.apply(&mut self.game, action, by, self.now);
        if self.game.claims.len() > before {
            let bond = self.game.claims[before].bond;
            *self.paid.entry(by).or_default() += bond;
            self.total += bond;
        }
        result
    }

    /// An answer, with what it shows for the coverage.
    fn answer(&mut self, action: &Move, by: Address, honest: bool) {
        let claim = target(action).and_then(|id| self.game.claim(id)).map(|claim| {
            let left = self.game.time_left(claim, self.now);
            (claim.is_step_level(), claim.children.is_empty(), left, claim.interval)
        });
        let result = self.apply(action, by);
        let Some((step_level, first, left, _)) = claim else {
            return;
        };
        match (honest, result) {
            (_, Err(InvalidMove::Duplicate)) => self.count("duplicate refused"),
            (_, Err(InvalidMove::OutOfTime)) => self.count("too late refused"),
            (_, Err(InvalidMove::RightStep)) => self.count("proof of a right step refused"),
            (_, Err(_)) => self.count("otherwise refused"),
            (true, Ok(())) => {
                match action {
                    Move::Attack { .. } if step_level => self.count("honest attack on steps"),
                    Move::Attack { .. } => self.count("honest attack on blocks"),
                    Move::AttackBlock { .. } => self.count("honest run"),
                    Move::Step { step, .. } => {
                        self.count("honest proof");
                        if *step == 0 {
                            self.count("honest proof of a first step");
                        }
                    }
                    _ => {}
                }
                if !first {
                    self.count("honest answer beside another attack");
                }
            }
            (false, Ok(())) => {
                self.count(if matches!(action, Move::Step { .. }) {
                    "foreign proof"
                } else {
                    "foreign attack"
                });
                if left <= 3 {
                    self.count("last-second attack");
                }
            }
        }
    }
}

/// Plays a game; the flaws found and what happened.
pub(crate) fn play(seed: u64, setting: Setting) -> (Vec<Flaw>, Events) {
    let rng = &mut StdRng::seed_from_u64(seed);
    let clock = if setting.clocks { CLOCK } else { 1 << 40 };
    let mut world = World::new(rng, clock);
    let lines: Vec<u32> = (0..rng.random_range(1..=3)).map(|_| world.add_line(rng)).collect();
    let proposer = Address::repeat_byte(0xaa);
    let root = root_commitments(rng, &world, lines[0]);
    let game = Game::new(world.subject.clone(), world.parameters.clone(), root, proposer, 1_000);
    let total = game.root().bond;
    let paid = BTreeMap::from([(proposer, total)]);
    let mut table = Table { world, game, now: 1_000, paid, total, events: Events::new() };

    let mut honest: Vec<Player> =
        (0..setting.honest).map(|index| Player { account: account(1, index), coming: None }).collect();
    let mut adversaries = adversaries(rng, &lines, setting.clocks);
    for adversary in &adversaries {
        table.count(match adversary.kind {
            Kind::Liar(_) => "liar",
            Kind::Copier => "copier",
            Kind::Freeloader => "freeloader",
            Kind::Garbage => "garbage",
            Kind::Stepper => "stepper",
            Kind::Closer => "closer",
        });
    }
    if setting.clocks {
        with_clocks(rng, &mut table, &mut honest, &mut adversaries, setting);
    } else {
        without_clocks(rng, &mut table, &mut honest, &mut adversaries, setting);
    }
    let longest = 2 * clock + 32 * table.world.parameters.boundary_extension;
    let took = table.now - 1_000;
    close(&mut table);
    let mut flaws = check(&mut table, &honest);
    if !is_judged_rightly(rng, &mut table) {
        flaws.push(Flaw::Misjudged);
    }
    if setting.clocks && took > longest {
        flaws.push(Flaw::TooLong);
    }
    (flaws, table.events)
}

/// Whether what people are shown of all values is so: all of it where all is known, nothing false where some is not.
fn is_judged_rightly(rng: &mut StdRng, table: &mut Table) -> bool {
    let Table { world, game, events, .. } = table;
    let forgetful = Forgetful { truth: world.believer(TRUE), rng: RefCell::new(rng) };
    game.claims.iter().all(|claim| {
        let all = ClaimVerity::of(&world.believer(TRUE), claim);
        let some = ClaimVerity::of(&forgetful, claim);
        let judged = match judge(&world.believer(TRUE), claim).unwrap() {
            Judgement::Valid => (ClaimVerdict::Valid, None),
            Judgement::FirstInvalid(segment) => (ClaimVerdict::Invalid, Some(usize::from(segment))),
            Judgement::InvalidPrestate => (ClaimVerdict::Poisoned, None),
        };
        let ends = claim.interval.ends().zip(claim.commitments.iter().copied());
        let values: Vec<_> = [(claim.interval.start, claim.agreed)].into_iter().chain(ends).collect();
        let shown = |verity: &ClaimVerity| [&[verity.agreed], &verity.parts[..]].concat();
        let is_so = |(at, claimed), verity| match verity {
            Verity::Right => world.is_true(claim.level, at, claimed),
            Verity::Wrong => !world.is_true(claim.level, at, claimed),
            Verity::Unknown => true,
        };
        if shown(&some).contains(&Verity::Unknown) {
            *events.entry("not all known").or_default() += 1;
        }
        (all.verdict(), all.first_wrong()) == judged
            && !shown(&all).contains(&Verity::Unknown)
            && [all, some]
                .iter()
                .all(|verity| values.iter().zip(shown(verity)).all(|(value, shown)| is_so(*value, shown)))
    })
}

fn account(kind: u8, index: usize) -> Address {
    let mut bytes = [0; 20];
    (bytes[0], bytes[19]) = (kind, index as u8);
    Address::from(bytes)
}

/// Commitments by the truth or by a liar's timeline, some with one more wrong value.
fn root_commitments(rng: &mut StdRng, world: &World, line: u32) -> Vec<alloy::primitives::B256> {
    let blocks = world.subject.blocks;
    let level = fraud_prover::game::Level::Blocks;
    let line = if rng.random_ratio(1, 3) { TRUE } else { line };
    let mut values = commitments(&world.believer(line), level, blocks).unwrap();
    if rng.random_ratio(1, 8) {
        let place = rng.random_range(0..values.len());
        values[place] = garbage(rng);
    }
    values
}

fn adversaries(rng: &mut StdRng, lines: &[u32], clocks: bool) -> Vec<Adversary> {
    (0..rng.random_range(1..=5))
        .map(|index| Adversary {
            kind: match rng.random_range(0..10) {
                0..4 => Kind::Liar(lines[rng.random_range(0..lines.len())]),
                4 => Kind::Copier,
                5 | 6 => Kind::Freeloader,
                7 => Kind::Garbage,
                8 => Kind::Stepper,
                _ => Kind::Closer,
            },
            account: account(2, index),
            budget: rng.random_range(1..=14),
            late: clocks && rng.random_ratio(1, 3),
        })
        .collect()
}

fn see(table: &Table, player: &Player, setting: Setting) -> Vec<PlannedMove> {
    let view = View { game: &table.game, now: table.now, me: Some(player.account) };
    let plan = plan(view, &table.world.believer(TRUE));
    let moves = plan.moves.into_iter();
    moves.filter(|due| (setting.filter)(&table.game, player.account, due)).collect()
}

fn disturb(rng: &mut StdRng, table: &mut Table, adversaries: &mut [Adversary]) {
    let which = rng.random_range(0..adversaries.len());
    let adversary = &mut adversaries[which];
    if adversary.budget == 0 {
        return;
    }
    let Some(action) = adversary.choose(rng, &table.world, &table.game, table.now) else {
        return;
    };
    adversary.budget -= 1;
    let account = adversary.account;
    table.answer(&action, account, false);
}

fn without_clocks(
    rng: &mut StdRng,
    table: &mut Table,
    honest: &mut [Player],
    adversaries: &mut [Adversary],
    setting: Setting,
) {
    let mut quiet = 0;
    while quiet < 12 {
        let claims = table.game.claims.len();
        for _ in 0..rng.random_range(0..3) {
            disturb(rng, table, adversaries);
        }
        let player = &honest[rng.random_range(0..honest.len())];
        for due in see(table, player, setting) {
            table.answer(&due.action, player.account, true);
        }
        table.now += 1;
        quiet = if table.game.claims.len() == claims { quiet + 1 } else { 0 };
    }
    // The rest of the answers.
    loop {
        let moves = see(table, &honest[0], setting);
        let answers: Vec<_> = moves.iter().filter(|due| due.action.is_answer()).collect();
        if answers.is_empty() {
            break;
        }
        for due in answers {
            table.answer(&due.action, honest[0].account, true);
        }
    }
    table.now += 1 << 42;
}

fn with_clocks(
    rng: &mut StdRng,
    table: &mut Table,
    honest: &mut [Player],
    adversaries: &mut [Adversary],
    setting: Setting,
) {
    while table.game.claims.iter().any(|claim| !claim.status.is_resolved()) {
        for _ in 0..rng.random_range(0..3) {
            disturb(rng, table, adversaries);
        }
        // The honest look, and their moves arrive later: what they saw may be old by then.
        for player in honest.iter_mut() {
            if player.coming.is_none() {
                let moves = see(table, player, setting);
                if !moves.is_empty() {
                    player.coming = Some((table.now + rng.random_range(1..=LATENCY), moves));
                }
            }
        }
        table.now = next_instant(rng, table, honest);
        if rng.random() {
            disturb(rng, table, adversaries);
        }
        for player in honest.iter_mut() {
            let Some((_, moves)) = player.coming.take_if(|(at, _)| *at <= table.now) else {
                continue;
            };
            for due in moves {
                table.answer(&due.action, player.account, true);
            }
        }
        // Anybody may resolve claims, or nobody does for a while.
        if rng.random_ratio(1, 4) || next_deadline(table).is_none() {
            let ids: Vec<ClaimId> = table.game.claims.iter().map(|claim| claim.id).collect();
            for id in ids.into_iter().rev() {
                let _ = table.game.resolve_claim(id, table.now);
            }
        }
    }
}

/// The next deadline of an unresolved claim that lies ahead.
fn next_deadline(table: &Table) -> Option<u64> {
    let open = table.game.claims.iter().filter(|claim| !claim.status.is_resolved());
    open.map(|claim| table.game.deadline(claim)).filter(|deadline| *deadline > table.now).min()
}

/// Some time ahead: not past an arrival; often just before or at a deadline.
fn next_instant(rng: &mut StdRng, table: &Table, honest: &[Player]) -> u64 {
    let mut next = table.now + rng.random_range(1..=CLOCK / 4);
    if let Some(deadline) = next_deadline(table) {
        let near = deadline.saturating_sub(rng.random_range(0..=3)).max(table.now + 1);
        if next > near || rng.random_ratio(1, 3) {
            next = near;
        }
    }
    let arrivals = honest.iter().filter_map(|player| player.coming.as_ref().map(|(at, _)| *at));
    arrivals.min().map_or(next, |arrival| next.min(arrival.max(table.now)))
}

/// Everybody closes what is left.
fn close(table: &mut Table) {
    for index in (0..table.game.claims.len()).rev() {
        let id = table.game.claims[index].id;
        let _ = table.game.resolve_claim(id, table.now);
    }
    // Bonds wait.
    table.now += table.game.parameters.extension;
    for index in 0..table.game.claims.len() {
        let id = table.game.claims[index].id;
        let _ = table.game.distribute_bond(id, table.now);
        assert!(table.game.resolve_claim(id, table.now).is_err(), "resolved twice");
        assert!(table.game.distribute_bond(id, table.now).is_err(), "distributed twice");
    }
}

fn check(table: &mut Table, honest: &[Player]) -> Vec<Flaw> {
    let mut flaws = Vec::new();
    let world = table.world.clone();
    let truth = world.believer(TRUE);
    let game = table.game.clone();
    let judged: Vec<Judgement> = game.claims.iter().map(|claim| judge(&truth, claim).unwrap()).collect();
    if (judged[0] == Judgement::Valid) != (game.root().status == Status::Upheld) {
        flaws.push(Flaw::WrongOutcome);
    }
    table.count(if judged[0] == Judgement::Valid { "right root" } else { "wrong root" });
    for (index, claim) in game.claims.iter().enumerate() {
        let beside_valid = || {
            let Some(parent) = game.parent(claim) else { return false };
            let index = game.index(parent.id).unwrap();
            judged[index] == Judgement::Valid
                || parent.children.iter().any(|sibling| {
                    let sibling_claim = &game.claims[*sibling];
                    let is_honest = honest.iter().any(|player| player.account == sibling_claim.claimant);
                    is_honest
                        && judged[*sibling] == Judgement::Valid
                        && sibling_claim.segment >= claim.segment
                })
        };
        match judged[index] {
            Judgement::Valid => {
                if claim.status != Status::Upheld {
                    flaws.push(Flaw::ValidClaimLost);
                }
                if !honest.iter().any(|player| player.account == claim.claimant) && index > 0 {
                    table.count("valid claim of another");
                }
            }
            Judgement::FirstInvalid(segment) if index == 0 || beside_valid() => {
                let counter = claim.counter.filter(|_| claim.status == Status::BondDistributed);
                let earned = counter.is_some_and(|counter| match counter.child {
                    Some(child) => judged[child] == Judgement::Valid && counter.segment == segment,
                    None => counter.segment >= segment,
                });
                if !earned {
                    flaws.push(Flaw::RewardStolen);
                }
                if game
                    .parent(claim)
                    .is_some_and(|parent| judged[game.index(parent.id).unwrap()] != Judgement::Valid)
                {
                    table.count("freeloader beaten");
                }
            }
            Judgement::FirstInvalid(_) => table.count("invalid claim left alone"),
            Judgement::InvalidPrestate => table.count("invalid prestate"),
        }
    }
    let credits: U256 = game.credits.values().sum();
    if credits + game.burned != table.total {
        flaws.push(Flaw::Conservation);
    }
    let (reward, burned) = Bonds::split(U256::from(7));
    assert_eq!((reward, burned), (U256::from(3), U256::from(4)));
    for player in honest {
        let paid = table.paid.get(&player.account).copied().unwrap_or_default();
        let got = game.credits.get(&player.account).copied().unwrap_or_default();
        if got < paid {
            flaws.push(Flaw::BondLost);
        }
        if got > paid {
            table.count("honest reward");
        }
    }
    assert_eq!(truth.output(world.subject.blocks.start), Ok(world.subject.anchor_output));
    flaws
}
