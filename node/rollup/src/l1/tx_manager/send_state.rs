//! What is known of a transaction on its way, without I/O and without a clock: what was sent, what was seen of it, and
//! what follows.

use alloy::primitives::{B256, U256};

use super::fees::Fees;

/// Looks in a row that must find an earlier nonce free: an endpoint may be behind.
pub(super) const GAP_AFTER: u32 = 5;
/// New blocks of L1, and looks, that must show neither receipt nor transaction, while its nonce is taken, before it is
/// believed that another's transaction took it: endpoints show nonces before receipts, by some blocks where several
/// nodes share the work.
pub(super) const REPLACED_AFTER_BLOCKS: u32 = 6;
pub(super) const REPLACED_AFTER_LOOKS: u32 = 6;

/// A transaction under one nonce, in all its versions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SendState {
    pub(super) nonce: u64,
    /// Digest of what it does.
    pub(super) call: B256,
    /// Fees of the newest version, and what it may cost at most.
    pub(super) fees: Fees,
    pub(super) cost: U256,
    /// Fees and cost before the version that is being sent.
    before: Option<(Fees, U256)>,
    /// Hashes of every version sent; the last is the newest.
    versions: Vec<B256>,
    /// Hashes of what was sent under the nonce before, and did something else.
    rivals: Vec<B256>,
    /// The version last seen in a block.
    included: Option<B256>,
    taken: Taken,
    gaps: u32,
    over: bool,
}

/// How often in a row the nonce was seen to be taken, with nothing to show by whom.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Taken {
    looks: u32,
    blocks: u32,
    newest: u64,
}

/// What a look at L1 found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sight {
    /// The receipt of a version in this block.
    Receipt { hash: B256, block: u64, head: u64 },
    /// The endpoint knows a version in a block, and shows no receipt.
    Mined { hash: B256 },
    /// What was sent under the nonce before is in a block.
    RivalMined,
    /// The nonce is taken, and none of our hashes is known in a block.
    Taken { head: u64 },
    /// The nonce is the next to be used.
    Next,
    /// An earlier nonce must be used first.
    Behind {
        missing: u64,
        /// Whether the endpoint counts it as pending.
        pending: bool,
        holder: Holder,
    },
}

/// Whose an earlier nonce is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Holder {
    /// Another call's, that sees it through.
    Flight,
    /// A call's that is gone.
    Left,
    /// Nobody's here.
    Nobody,
}

/// What follows from a look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SendVerdict {
    /// In a block, with so many confirmations.
    Included { confirmations: u64 },
    /// In a block, or another is: the endpoint does not show it yet.
    Unclear,
    /// In no block, and can't be any more.
    Replaced,
    /// In no block.
    Waiting,
    /// In no block, and can't be before another call's transaction.
    Queued,
    /// It was in a block and is in none now.
    Gone { hash: B256, queued: bool },
    /// In no block, and neither is an earlier nonce, though the endpoint counts that as pending.
    Behind { missing: u64 },
    /// In no block, and can't be before an earlier nonce is used, under which a call that is gone has left nothing in the
    /// pool.
    Unfilled { missing: u64 },
    /// The same with a nonce that nobody here has.
    Gap { missing: u64 },
}

impl SendState {
    pub(super) const fn new(nonce: u64, call: B256) -> Self {
        Self {
            nonce,
            call,
            fees: Fees { max_fee: 0, tip: 0, blob: 0 },
            cost: U256::ZERO,
            before: None,
            versions: Vec::new(),
            rivals: Vec::new(),
            included: None,
            taken: Taken { looks: 0, blocks: 0, newest: 0 },
            gaps: 0,
            over: false,
        }
    }

    /// The state of a call that takes the nonce over. What was sent for the same call counts as its own.
    pub(super) fn taken_over(self, call: B256) -> Self {
        let Self { nonce, fees, cost, mut versions, mut rivals, call: before, .. } = self;
        if before != call {
            rivals.append(&mut versions);
        }
        Self { fees, cost, versions, rivals, ..Self::new(nonce, call) }
    }

    /// Every version sent, the newest first.
    pub(super) fn versions(&self) -> impl Iterator<Item = B256> + '_ {
        self.versions.iter().rev().copied()
    }

    /// What was sent under the nonce before, and did something else.
    pub(super) fn rivals(&self) -> impl Iterator<Item = B256> + '_ {
        self.rivals.iter().rev().copied()
    }

    /// The newest version.
    pub(super) fn newest(&self) -> B256 {
        self.versions.last().copied().unwrap_or_default()
    }

    /// Whether a version of this very call may be out there.
    pub(super) const fn is_sent(&self) -> bool {
        !self.versions.is_empty()
    }

    /// Whether anything may be out there under the nonce.
    pub(super) const fn is_used(&self) -> bool {
        !self.versions.is_empty() || !self.rivals.is_empty()
    }

    /// Whether the nonce is taken for good, as far as a reorg allows that to be said.
    pub(super) const fn is_over(&self) -> bool {
        self.over
    }

    /// The version that is known in a block, if one is.
    pub(super) const fn included(&self) -> Option<B256> {
        self.included
    }

    /// Whether the nonce was last seen to be taken.
    pub(super) const fn is_taken(&self) -> bool {
        self.taken.looks > 0
    }

    /// Takes note of a version before it is sent: whoever is interrupted then cannot know whether it was.
    pub(super) fn sending(&mut self, hash: B256, fees: Fees, cost: U256) {
        self.before = Some((self.fees, self.cost));
        (self.fees, self.cost) = (fees, cost);
        if !self.versions.contains(&hash) {
            self.versions.push(hash);
        }
    }

    /// The endpoint did not take the newest version: the one before is what a replacement has to outbid, and what may cost
    /// something. Otherwise each refusal would raise the fees of something that nobody has.
    pub(super) fn refused(&mut self, hash: B256) {
        self.versions.retain(|version| *version != hash);
        if let Some(before) = self.before.take() {
            (self.fees, self.cost) = before;
        }
    }

    /// Takes note of a look.
    pub(super) fn see(&mut self, sight: Sight) -> SendVerdict {
        if !matches!(sight, Sight::Taken { .. }) {
            self.taken = Taken::default();
        }
        if !matches!(sight, Sight::Behind { pending: false, holder: Holder::Left | Holder::Nobody, .. }) {
            self.gaps = 0;
        }
        self.over = false;
        match sight {
            Sight::Receipt { hash, block, head } => {
                self.included = Some(hash);
                self.over = true;
                SendVerdict::Included { confirmations: head.saturating_add(1).saturating_sub(block).max(1) }
            }
            Sight::Mined { hash } => {
                self.included = Some(hash);
                self.over = true;
                SendVerdict::Unclear
            }
            Sight::RivalMined => {
                self.over = true;
                SendVerdict::Replaced
            }
            Sight::Taken { head } => {
                let Taken { looks, blocks, newest } = &mut self.taken;
                if *looks > 0 && head > *newest {
                    *blocks += 1;
                }
                *looks += 1;
                *newest = head.max(*newest);
                self.over = *blocks >= REPLACED_AFTER_BLOCKS && *looks >= REPLACED_AFTER_LOOKS;
                if self.over { SendVerdict::Replaced } else { SendVerdict::Unclear }
            }
            Sight::Next => match self.included.take() {
                Some(hash) => SendVerdict::Gone { hash, queued: false },
                None => SendVerdict::Waiting,
            },
            Sight::Behind { missing, pending, holder } => {
                if holder == Holder::Flight {
                    return match self.included.take() {
                        Some(hash) => SendVerdict::Gone { hash, queued: true },
                        None => SendVerdict::Queued,
                    };
                }
                if pending {
                    return match self.included.take() {
                        Some(hash) => SendVerdict::Gone { hash, queued: holder == Holder::Left },
                        None => SendVerdict::Behind { missing },
                    };
                }
                self.gaps += 1;
                match holder {
                    _ if self.gaps < GAP_AFTER => SendVerdict::Queued,
                    Holder::Nobody => SendVerdict::Gap { missing },
                    Holder::Flight | Holder::Left => {
                        self.gaps = 0;
                        SendVerdict::Unfilled { missing }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: B256 = B256::repeat_byte(0xa);
    const B: B256 = B256::repeat_byte(0xb);
    const FEES: Fees = Fees { max_fee: 10, tip: 1, blob: 0 };

    fn sent() -> SendState {
        let mut state = SendState::new(7, B256::ZERO);
        state.sending(A, FEES, U256::from(1));
        state
    }

    fn behind(pending: bool, holder: Holder) -> Sight {
        Sight::Behind { missing: 5, pending, holder }
    }

    /// Looks, each with what must follow from it.
    fn story(looks: &[(Sight, SendVerdict)]) -> SendState {
        let mut state = sent();
        for (place, (sight, verdict)) in looks.iter().enumerate() {
            assert_eq!(state.see(*sight), *verdict, "look {place} of {looks:?}");
        }
        state
    }

    #[test]
    fn looks_lead_to_verdicts() {
        let receipt = |block, head| Sight::Receipt { hash: A, block, head };
        let included = |confirmations| SendVerdict::Included { confirmations };
        let taken = |head| Sight::Taken { head };
        let gone = |queued| SendVerdict::Gone { hash: A, queued };
        let stories: [&[(Sight, SendVerdict)]; 8] = [
            &[
                (Sight::Next, SendVerdict::Waiting),
                (receipt(5, 5), included(1)),
                (receipt(5, 7), included(3)),
            ],
            // A head behind the receipt is no reason to count less than one.
            &[(receipt(5, 3), included(1)), (receipt(0, u64::MAX), included(u64::MAX))],
            // The receipt is late.
            &[
                (taken(5), SendVerdict::Unclear),
                (taken(6), SendVerdict::Unclear),
                (Sight::Mined { hash: A }, SendVerdict::Unclear),
                (receipt(5, 6), included(2)),
            ],
            &[(taken(5), SendVerdict::Unclear), (Sight::RivalMined, SendVerdict::Replaced)],
            &[(receipt(5, 5), included(1)), (Sight::Next, gone(false)), (Sight::Next, SendVerdict::Waiting)],
            &[
                (receipt(5, 5), included(1)),
                (behind(true, Holder::Flight), gone(true)),
                (behind(true, Holder::Flight), SendVerdict::Queued),
            ],
            &[(behind(true, Holder::Nobody), SendVerdict::Behind { missing: 5 })],
            &[(behind(false, Holder::Flight), SendVerdict::Queued); 9],
        ];
        for looks in stories {
            story(looks);
        }
    }

    #[test]
    fn replaced_takes_both_blocks_and_looks() {
        // Blocks without end do not do it in one look, nor looks without end in one block.
        let mut state = sent();
        for _ in 0..1000 {
            assert_eq!(state.see(Sight::Taken { head: 100 }), SendVerdict::Unclear);
        }
        let mut state = sent();
        let mut looks = 0;
        let verdict = loop {
            looks += 1;
            match state.see(Sight::Taken { head: u64::from(looks) * 50 }) {
                SendVerdict::Unclear => {}
                verdict => break verdict,
            }
        };
        assert_eq!(verdict, SendVerdict::Replaced);
        assert_eq!(looks, REPLACED_AFTER_LOOKS.max(REPLACED_AFTER_BLOCKS + 1));
        assert!(state.is_over());
        // Nodes with different heads show no new blocks, and whatever else is seen begins the count anew.
        let mut state = sent();
        for round in 0..1000 {
            assert_eq!(state.see(Sight::Taken { head: 100 - round % 2 }), SendVerdict::Unclear);
        }
        for round in 0..1000 {
            let sight = if round % 5 == 4 { Sight::Next } else { Sight::Taken { head: 100 + round } };
            assert_ne!(state.see(sight), SendVerdict::Replaced, "{round}");
        }
    }

    #[test]
    fn a_free_earlier_nonce_is_believed_after_some_looks() {
        for (holder, verdict) in [
            (Holder::Nobody, SendVerdict::Gap { missing: 5 }),
            (Holder::Left, SendVerdict::Unfilled { missing: 5 }),
        ] {
            let mut state = sent();
            for _ in 1..GAP_AFTER {
                assert_eq!(state.see(behind(false, holder)), SendVerdict::Queued);
            }
            assert_eq!(state.see(behind(false, holder)), verdict);
            // A look that finds otherwise begins the count anew.
            let mut state = sent();
            for round in 0..100 {
                let sight = if round % GAP_AFTER == 3 { Sight::Next } else { behind(false, holder) };
                assert_ne!(state.see(sight), verdict);
            }
        }
    }

    #[test]
    fn the_same_call_knows_what_it_sent_before() {
        let mut state = sent();
        state.sending(B, FEES, U256::from(2));
        let same = state.clone().taken_over(B256::ZERO);
        assert_eq!(same.versions().collect::<Vec<_>>(), [B, A]);
        assert_eq!(same.rivals().count(), 0);
        let other = state.taken_over(B256::repeat_byte(1));
        assert_eq!(other.rivals().collect::<Vec<_>>(), [B, A]);
        assert!(!other.is_sent() && other.is_used());
        assert_eq!((other.fees, other.cost), (FEES, U256::from(2)), "a replacement must pay more than that");
        // And whoever comes back to the first call does not take the second for its own.
        let back = other.taken_over(B256::ZERO);
        assert!(!back.is_sent() && back.is_used());
    }

    #[test]
    fn what_is_refused_was_not_sent() {
        let mut state = SendState::new(7, B256::ZERO);
        state.sending(A, FEES, U256::from(1));
        state.refused(A);
        assert!(!state.is_used());
        let mut state = sent();
        state.sending(A, FEES, U256::from(1));
        assert_eq!(state.versions().count(), 1, "the same bytes are one version");
    }
}
