//! Deciding claims, and giving their bonds to whom they are due.

use alloy::primitives::{Address, U256};

use super::{Bonds, Claim, ClaimId, ClaimIndex, Counter, Game, Refused, Status};

impl Claim {
    /// Notes what counters the claim. Of several, the left-most counts: that at the lowest part, the earliest there, then
    /// the first that is reported.
    pub(super) fn counter_by(&mut self, counter: Counter) {
        if self.status == Status::Open {
            self.status = Status::Countered;
        }
        if self.counter.is_none_or(|best| (counter.part, counter.at) < (best.part, best.at)) {
            self.counter = Some(counter);
        }
    }
}

impl Game {
    /// Attacks on a claim that are not decided.
    pub fn open_children(&self, claim: &Claim) -> usize {
        claim.children.iter().filter(|child| !self.claims[**child].status.is_decided()).count()
    }

    /// Whether a claim stands if nobody moves any more.
    pub fn stands(&self, index: ClaimIndex) -> bool {
        // Attacks come after what they attack: backwards, they are known before it is.
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

    /// How a claim can be decided now: whether it would be upheld. `None`: not yet, or it is.
    pub fn decidable(&self, claim: &Claim, now: u64) -> Option<bool> {
        match claim.status {
            Status::Countered => Some(false),
            // An upheld child would have countered it, so these are refuted.
            Status::Open => {
                (self.time_left(claim, now) == 0 && self.open_children(claim) == 0).then_some(true)
            }
            _ => None,
        }
    }

    /// Decides a claim. Anybody can. True: it is upheld, and its bond returned.
    pub fn decide(&mut self, id: ClaimId, now: u64) -> Result<bool, Refused> {
        let index = self.index(id).ok_or(Refused::NoClaim(id))?;
        let claim = &self.claims[index];
        if claim.status.is_decided() {
            return Err(Refused::Closed(claim.status));
        }
        let upheld = self.decidable(claim, now).ok_or(Refused::Undecidable)?;
        self.record_decided(index, upheld);
        Ok(upheld)
    }

    /// Notes a decision, with what follows from it.
    pub(crate) fn record_decided(&mut self, index: ClaimIndex, upheld: bool) {
        let claim = &mut self.claims[index];
        claim.status = if upheld { Status::Upheld } else { Status::Refuted };
        if !upheld {
            return;
        }
        let counter = Counter { part: claim.part, at: claim.created, by: claim.claimant, child: Some(index) };
        let (claimant, bond, parent) = (claim.claimant, claim.bond, claim.parent);
        *self.credits.entry(claimant).or_default() += bond;
        if let Some(parent) = parent {
            self.claims[parent].counter_by(counter);
        }
    }

    /// Gives a refuted claim's bond to whom it is due. Anybody can.
    pub fn settle(&mut self, id: ClaimId) -> Result<(), Refused> {
        let index = self.index(id).ok_or(Refused::NoClaim(id))?;
        let claim = &self.claims[index];
        let (status, open) = (claim.status, self.open_children(claim));
        match claim.counter {
            Some(counter) if status == Status::Refuted && open == 0 => {
                let (reward, burned) = Bonds::split(claim.bond);
                self.record_settled(index, counter.by, reward, burned);
                Ok(())
            }
            _ => Err(Refused::Unsettled { status, open }),
        }
    }

    pub(crate) fn record_settled(&mut self, claim: ClaimIndex, winner: Address, reward: U256, burned: U256) {
        self.claims[claim].status = Status::Settled;
        self.burned += burned;
        *self.credits.entry(winner).or_default() += reward;
    }

    pub(crate) fn record_withdrawn(&mut self, account: Address, amount: U256) {
        let credit = self.credits.entry(account).or_default();
        *credit = credit.saturating_sub(amount);
    }

    /// Takes what an account is due.
    pub fn withdraw(&mut self, account: Address) -> Result<U256, Refused> {
        match self.credits.remove(&account) {
            Some(amount) if !amount.is_zero() => Ok(amount),
            _ => Err(Refused::NoCredit),
        }
    }
}
