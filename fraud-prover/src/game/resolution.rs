//! Resolving claims, distributing their bonds, and paying credit out.

use alloy::primitives::{Address, U256};

use super::{Bonds, Claim, ClaimId, ClaimIndex, Counter, Game, InvalidMove, Status};

impl Claim {
    /// Records a counter. Of several, the left-most remains: the one at the lowest segment, the earliest there, then the
    /// first recorded.
    pub(super) fn counter_by(&mut self, counter: Counter, now: u64) {
        self.moved_at = Some(now);
        if self.status == Status::Open {
            self.status = Status::Countered;
        }
        if self.counter.is_none_or(|best| (counter.segment, counter.at) < (best.segment, best.at)) {
            self.counter = Some(counter);
            self.won_at = Some(now);
        }
    }
}

impl Game {
    /// Attacks on a claim that are not resolved.
    pub fn open_children(&self, claim: &Claim) -> usize {
        claim.children.iter().filter(|child| !self.claims[**child].status.is_resolved()).count()
    }

    /// Whether a claim would be upheld if nobody moved any more.
    pub fn stands(&self, index: ClaimIndex) -> bool {
        // Claims come after what they attack, so this order decides a claim's attacks before the claim.
        let mut stands = vec![true; self.claims.len()];
        for (place, claim) in self.claims.iter().enumerate().rev() {
            stands[place] = match claim.status {
                Status::Upheld => true,
                Status::Open => !claim.children.iter().any(|child| stands[*child]),
                _ => false,
            };
        }
        stands.get(index).copied().unwrap_or(false)
    }

    /// Whether a claim would be upheld if it were resolved now. `None`: it cannot be resolved yet, or it is resolved.
    pub fn resolvable(&self, claim: &Claim, now: u64) -> Option<bool> {
        match claim.status {
            Status::Countered => Some(false),
            // An upheld child would have countered it, so its resolved children are refuted.
            Status::Open => {
                (self.time_left(claim, now) == 0 && self.open_children(claim) == 0).then_some(true)
            }
            _ => None,
        }
    }

    /// Resolves a claim; any account may. True: the claim is upheld, and its bond is returned.
    pub fn resolve_claim(&mut self, id: ClaimId, now: u64) -> Result<bool, InvalidMove> {
        let index = self.index(id).ok_or(InvalidMove::NoClaim(id))?;
        let claim = &self.claims[index];
        if self.suspension.is_some() {
            return Err(InvalidMove::Suspended);
        }
        if claim.status.is_resolved() {
            return Err(InvalidMove::Closed(claim.status));
        }
        let upheld = self.resolvable(claim, now).ok_or(InvalidMove::NotResolvable)?;
        self.record_resolved(index, upheld, now);
        Ok(upheld)
    }

    /// Records that a claim was resolved, with the consequences for its bond and its parent.
    pub(crate) fn record_resolved(&mut self, index: ClaimIndex, upheld: bool, now: u64) {
        let claim = &mut self.claims[index];
        claim.status = if upheld { Status::Upheld } else { Status::Refuted };
        if !upheld {
            // The step that refuted it may have taken the bond above from its winner.
            if let Some(parent) = claim.parent.map(|parent| &mut self.claims[parent])
                && parent.status != Status::Open
            {
                parent.moved_at = Some(now);
            }
            return;
        }
        let counter =
            Counter { segment: claim.segment, at: claim.created, by: claim.claimant, child: Some(index) };
        let (claimant, bond, parent) = (claim.claimant, claim.bond, claim.parent);
        *self.credits.entry(claimant).or_default() += bond;
        if let Some(parent) = parent {
            self.claims[parent].counter_by(counter, now);
        }
    }

    /// Distributes the bond of a refuted claim; any account may.
    pub fn distribute_bond(&mut self, id: ClaimId, now: u64) -> Result<(), InvalidMove> {
        let index = self.index(id).ok_or(InvalidMove::NoClaim(id))?;
        let claim = &self.claims[index];
        let (status, open) = (claim.status, self.open_children(claim));
        let (Some(counter), Some(won_at), Some(moved_at)) = (claim.counter, claim.won_at, claim.moved_at)
        else {
            return Err(InvalidMove::NotDistributable { status, open });
        };
        match self.suspension {
            Some(suspension) => {
                if !matches!(status, Status::Countered | Status::Refuted) {
                    return Err(InvalidMove::NotDistributable { status, open });
                }
                if won_at > suspension.sound_at {
                    return Err(InvalidMove::Suspended);
                }
            }
            None => {
                if status != Status::Refuted || open != 0 {
                    return Err(InvalidMove::NotDistributable { status, open });
                }
                let until = moved_at.saturating_add(self.parameters.extension);
                if now < until {
                    return Err(InvalidMove::BondWaits(until));
                }
            }
        }
        let (reward, burned) = Bonds::split(claim.bond);
        self.record_distributed(index, counter.by, reward, burned);
        Ok(())
    }

    /// Gives a bond back whole, because the machine is broken; any account may.
    pub fn reclaim(&mut self, id: ClaimId) -> Result<(), InvalidMove> {
        let index = self.index(id).ok_or(InvalidMove::NoClaim(id))?;
        let claim = &self.claims[index];
        let status = claim.status;
        let suspension = self.suspension.ok_or(InvalidMove::NotReclaimable(status))?;
        // What the machine proved while it worked stands; what it proved since moves no bond.
        let is_proven = claim.won_at.is_some_and(|at| at <= suspension.sound_at);
        match status {
            Status::Open => {}
            Status::Countered | Status::Refuted if !is_proven => {}
            _ => return Err(InvalidMove::NotReclaimable(status)),
        }
        self.record_reclaimed(index, claim.claimant, claim.bond);
        Ok(())
    }

    pub(crate) fn record_distributed(
        &mut self,
        claim: ClaimIndex,
        winner: Address,
        reward: U256,
        burned: U256,
    ) {
        self.claims[claim].status = Status::BondDistributed;
        self.burned += burned;
        *self.credits.entry(winner).or_default() += reward;
    }

    /// Records that a bond was given back, because the machine is broken.
    pub(crate) fn record_reclaimed(&mut self, claim: ClaimIndex, claimant: Address, amount: U256) {
        self.claims[claim].status = Status::BondReclaimed;
        *self.credits.entry(claimant).or_default() += amount;
    }

    pub(crate) fn record_credit_claimed(&mut self, account: Address, amount: U256) {
        let credit = self.credits.entry(account).or_default();
        *credit = credit.saturating_sub(amount);
    }

    /// Pays out what the game owes to an account; any account may.
    pub fn claim_credit(&mut self, account: Address) -> Result<U256, InvalidMove> {
        match self.credits.remove(&account) {
            Some(amount) if !amount.is_zero() => Ok(amount),
            _ => Err(InvalidMove::NoCredit),
        }
    }
}
