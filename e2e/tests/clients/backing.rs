//! The portal holds what L2 can withdraw, counted over everything that happened on a chain.

use std::collections::{BTreeSet, HashSet};

use alloy::{
    primitives::{Address, B256, U64, U256},
    providers::Provider,
    rpc::types::Filter,
    sol_types::SolEvent,
};
use anyhow::{Context, Result, ensure};
use bindings::{IL2ToL1MessagePasser::MessagePassed, IPortal::WithdrawalFinalized, predeploys};
use serde_json::Value;

use super::Setting;

/// ETH on L2, but for what the message passer took out of circulation, and the withdrawals that are not paid: that is
/// what the portal has, to the wei. To be called when nothing is on its way to L2.
pub(crate) async fn check(setting: &Setting) -> Result<()> {
    let l1 = setting.net.devnet.anvil.provider();
    let l2 = setting.net.devnet.sequencer()?.provider();
    let portal = setting.summary.contracts.portal;
    let head = l2.get_block_number().await?;
    let mut supply = U256::ZERO;
    for account in accounts(setting, head).await? {
        supply += l2.get_balance(account).number(head).await?;
    }

    let paid =
        Filter::new().address(portal).event_signature(WithdrawalFinalized::SIGNATURE_HASH).from_block(0);
    let mut hashes = HashSet::new();
    for log in l1.get_logs(&paid).await? {
        let event = log.log_decode::<WithdrawalFinalized>()?.inner;
        if event.success {
            ensure!(hashes.insert(event.withdrawalHash), "{} was paid twice", event.withdrawalHash);
        }
    }
    let passed = Filter::new().address(predeploys::L2_TO_L1_MESSAGE_PASSER).from_block(0).to_block(head);
    let (mut unpaid, mut withdrawals) = (U256::ZERO, 0);
    for log in l2.get_logs(&passed).await? {
        let event = log.log_decode::<MessagePassed>()?.inner;
        withdrawals += 1;
        if !hashes.remove(&event.withdrawalHash) {
            unpaid += event.value;
        }
    }
    ensure!(hashes.is_empty(), "paid, but never withdrawn: {hashes:?}");
    let held = l1.get_balance(portal).await?;
    ensure!(
        held == supply + unpaid,
        "the portal holds {held}; L2 has {supply}, and {unpaid} of {withdrawals} withdrawals are not paid"
    );
    Ok(())
}

/// Every account that can have ETH on L2: those of genesis, and all that blocks, receipts and logs name.
async fn accounts(setting: &Setting, head: u64) -> Result<BTreeSet<Address>> {
    let node = setting.net.devnet.sequencer()?;
    let mut found: BTreeSet<Address> =
        setting.summary.accounts.iter().map(|account| account.address).collect();
    found.extend([
        predeploys::SEQUENCER_FEE_VAULT,
        predeploys::BASE_FEE_VAULT,
        predeploys::L1_FEE_VAULT,
        predeploys::OPERATOR_FEE_VAULT,
    ]);
    for number in 0..=head {
        let block: Value = node.call("eth_getBlockByNumber", (U64::from(number), true)).await?;
        let receipts: Value = node.call("eth_getBlockReceipts", [U64::from(number)]).await?;
        let transactions = block["transactions"].as_array().context("no transactions")?;
        let receipts = receipts.as_array().context("no receipts")?;
        ensure!(transactions.len() == receipts.len(), "block {number}: a receipt for each transaction");
        for fields in transactions.iter().chain(receipts) {
            for name in ["from", "to", "contractAddress"] {
                found.extend(fields[name].as_str().and_then(|text| text.parse::<Address>().ok()));
            }
        }
        for log in receipts.iter().filter_map(|receipt| receipt["logs"].as_array()).flatten() {
            found.extend(log["address"].as_str().and_then(|text| text.parse::<Address>().ok()));
            let topics = log["topics"].as_array().into_iter().flatten().filter_map(Value::as_str);
            found.extend(topics.filter_map(|topic| topic.parse::<B256>().ok()).map(Address::from_word));
        }
    }
    found.remove(&predeploys::L2_TO_L1_MESSAGE_PASSER);
    Ok(found)
}
