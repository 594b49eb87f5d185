//! The account that sends: how much it has, for how many transactions that is enough, and who else sends with its key.

use std::{sync::Weak, time::Duration};

use alloy::{
    primitives::{Address, B256, U64, U256},
    providers::Provider,
};
use parking_lot::Mutex;
use serde::Deserialize;
use tokio::time::sleep;
use tracing::{debug, info, warn};

use super::{TARGET, TxManager};
use crate::l1::L1Error;

/// Time between looks at the balance: an L1 block or two.
const BALANCE_INTERVAL: Duration = Duration::from_secs(20);
/// L1 blocks in which a transaction of another process is looked for: every node has the states of so many.
const SEARCHED: u64 = 120;
/// Wei.
const ETHER: f64 = 1e18;

/// What is known of the account.
#[derive(Debug, Default)]
pub(super) struct Wallet {
    state: Mutex<WalletState>,
}

#[derive(Debug, Default)]
struct WalletState {
    /// What a transaction has cost of late, in wei.
    recent_cost: Option<f64>,
    /// Whether the balance is told to be low.
    is_low: bool,
    /// The newest transaction of another process: its nonce, and its hash if it was found.
    other: Option<(u64, Option<B256>)>,
    /// Transactions that wait, as their fees are at a cap.
    capped: u64,
}

impl Wallet {
    /// A transaction has cost so much, in wei. The recent cost follows slowly, so that one that is different says little.
    pub(super) fn paid(&self, cost: u128) {
        let mut state = self.state.lock();
        let cost = cost as f64;
        state.recent_cost = Some(state.recent_cost.map_or(cost, |recent| recent * 0.75 + cost * 0.25));
    }

    /// The balance is so many wei: for how many transactions that is enough, and whether to warn. `None`: nothing was paid
    /// yet.
    fn lasts(&self, balance: U256, least: u64) -> (Option<u64>, Option<bool>) {
        let mut state = self.state.lock();
        let Some(cost) = state.recent_cost.filter(|cost| *cost > 0.0) else { return (None, None) };
        let count = (f64::from(balance) / cost) as u64;
        let is_low = count < least;
        let changed = std::mem::replace(&mut state.is_low, is_low) != is_low;
        (Some(count), changed.then_some(is_low))
    }

    /// Counts the transactions that wait at a cap; returns how many there are now.
    fn count_capped(&self, is_capped: bool) -> u64 {
        let mut state = self.state.lock();
        state.capped = if is_capped { state.capped + 1 } else { state.capped.saturating_sub(1) };
        state.capped
    }

    /// Takes note of another's transaction. Whether it is the first.
    fn found_other(&self, nonce: u64, hash: Option<B256>) -> bool {
        self.state.lock().other.replace((nonce, hash)).is_none()
    }

    /// The newest transaction of another process: its nonce, and its hash if it was found.
    pub(super) fn other(&self) -> Option<(u64, Option<B256>)> {
        self.state.lock().other
    }
}

/// Whether a call waits as its fees are at a cap. It does not any more once this is dropped.
pub(super) struct CapWait<'a> {
    wallet: &'a Wallet,
    role: &'static str,
    is_waiting: bool,
}

impl Drop for CapWait<'_> {
    fn drop(&mut self) {
        self.end();
    }
}

impl<'a> CapWait<'a> {
    pub(super) const fn new(wallet: &'a Wallet, role: &'static str) -> Self {
        Self { wallet, role, is_waiting: false }
    }

    /// It waits: said once.
    pub(super) fn begin(&mut self, needed: u128, cap: u128) {
        if !std::mem::replace(&mut self.is_waiting, true) {
            warn!(target: TARGET, role = self.role, needed, cap, "fee cap reached: waiting");
            self.show(self.wallet.count_capped(true));
        }
    }

    /// It waits no more.
    pub(super) fn end(&mut self) {
        if std::mem::take(&mut self.is_waiting) {
            self.show(self.wallet.count_capped(false));
        }
    }

    fn show(&self, waiting: u64) {
        metrics::gauge!("recourse_l1_fee_cap_waiting", "role" => self.role).set(waiting as f64);
    }
}

/// Looks at the balance from time to time, as long as there is anybody who sends.
pub(super) async fn watch(manager: Weak<TxManager>) {
    loop {
        let Some(manager) = manager.upgrade() else { return };
        // Its health keeps what comes out: an account that has nothing to send has a signer all the same.
        let _ = manager.signer.check().await;
        if let Err(error) = manager.look_at_balance().await {
            debug!(target: TARGET, %error, "looking at the balance failed");
        }
        drop(manager);
        sleep(BALANCE_INTERVAL).await;
    }
}

/// A transaction as a block lists it.
#[derive(Debug, Deserialize)]
struct ListedTransaction {
    hash: B256,
    from: Address,
    nonce: U64,
}

/// The transactions of a block.
#[derive(Debug, Deserialize)]
struct ListedBlock {
    transactions: Vec<ListedTransaction>,
}

impl TxManager {
    async fn look_at_balance(&self) -> Result<(), L1Error> {
        let balance = self.client.provider().get_balance(self.address()).await?;
        let (role, account, least) = (self.options.role, self.address(), self.options.low_balance);
        let ether = f64::from(balance) / ETHER;
        metrics::gauge!("recourse_l1_balance_eth", "role" => role).set(ether);
        let (count, told) = self.wallet.lasts(balance, least);
        if let Some(count) = count {
            metrics::gauge!("recourse_l1_balance_transactions", "role" => role).set(count as f64);
            match told {
                Some(true) => warn!(
                    target: TARGET,
                    role, %account, ether, transactions = count, least, "the balance is low"
                ),
                Some(false) => info!(target: TARGET, role, %account, ether, "the balance is enough again"),
                None => {}
            }
        }
        Ok(())
    }

    /// A block has a transaction of our account under this nonce that this process did not make: says whose it is, once.
    pub(super) async fn name_other(&self, nonce: u64) {
        let role = self.options.role;
        metrics::counter!("recourse_l1_foreign_transactions_total", "role" => role).increment(1);
        let found = self.find(nonce).await;
        let transaction = match &found {
            Ok(Some(hash)) => hash.to_string(),
            Ok(None) => "that L1 does not show".to_owned(),
            Err(error) => format!("that can't be looked up ({error})"),
        };
        let account = self.address();
        if self.wallet.found_other(nonce, found.ok().flatten()) {
            warn!(
                target: TARGET,
                role, %account, "another process sends with this key: transaction {transaction} nonce {nonce}"
            );
        } else {
            debug!(target: TARGET, role, transaction, nonce, "another process has sent with this key again");
        }
    }

    /// The transaction that took a nonce, if it is in one of the newest blocks.
    async fn find(&self, nonce: u64) -> Result<Option<B256>, L1Error> {
        let provider = self.client.provider();
        let is_after = async |block: u64| -> Result<bool, L1Error> {
            let count = provider.get_transaction_count(self.address()).block_id(block.into()).await?;
            Ok(count > nonce)
        };
        // The first block after which it is used.
        let mut high = self.client.head().await?.number();
        let mut low = high.saturating_sub(SEARCHED);
        if !is_after(high).await? || is_after(low).await? {
            return Ok(None);
        }
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            if is_after(middle).await? { high = middle } else { low = middle }
        }
        let params = (U64::from(high), true);
        let block: Option<ListedBlock> = provider.raw_request("eth_getBlockByNumber".into(), params).await?;
        let mut all = block.into_iter().flat_map(|block| block.transactions);
        let found = all.find(|one| one.from == self.address() && one.nonce.to::<u64>() == nonce);
        Ok(found.map(|one| one.hash))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_low_balance_is_told_once_and_so_is_its_end() {
        let wallet = Wallet::default();
        let wei = U256::from(1_000);
        assert_eq!(wallet.lasts(wei, 10), (None, None), "nothing was paid yet");
        wallet.paid(100);
        assert_eq!(wallet.lasts(wei, 10), (Some(10), None));
        wallet.paid(140);
        assert_eq!(wallet.lasts(wei, 10), (Some(9), Some(true)));
        assert_eq!(wallet.lasts(wei, 10), (Some(9), None));
        assert_eq!(wallet.lasts(U256::from(2_000), 10), (Some(18), Some(false)));
    }

    #[test]
    fn another_process_is_named_once() {
        let wallet = Wallet::default();
        assert!(wallet.found_other(3, None) && !wallet.found_other(4, Some(B256::ZERO)));
        assert_eq!(wallet.other(), Some((4, Some(B256::ZERO))));
        assert_eq!(
            (wallet.count_capped(true), wallet.count_capped(false), wallet.count_capped(false)),
            (1, 0, 0)
        );
    }
}
