//! `recourse-node fees` beside sums of our own, from logs, receipts and the fee rule.

use std::{process::Command, time::Duration};

use alloy::{
    network::TransactionBuilder,
    primitives::{Address, Bytes, U256},
    providers::Provider,
    rpc::types::{Filter, TransactionRequest},
    sol_types::SolEvent,
};
use anyhow::{Context, Result, ensure};
use bindings::{IInbox, ISystemConfig};
use e2e::net::{Load, Net, NodeStatus, soon, user};
use op_revm::{L1BlockInfo, OpSpecId};
use rollup::blobs::DaChoice;
use serde_json::{Value, json};
use stf::{BatchHeader, inbox::DaKind};
use testnet::tools;

/// L1's base fee, which Anvil would let fall to nothing between batches.
const BASE_FEE: u64 = 1_000_000_000;

/// Makes L1 blocks of one base fee, until it is aborted.
fn mine(net: &Net) -> tokio::task::JoinHandle<()> {
    let l1 = net.devnet.anvil.provider().clone();
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(Duration::from_millis(200)).await;
            let fee = [format!("{BASE_FEE:#x}")];
            let _ = l1.raw_request::<_, Value>("anvil_setNextBlockBaseFeePerGas".into(), fee).await;
            let _ = l1.raw_request::<_, Value>("evm_mine".into(), ()).await;
        }
    })
}

/// What the command prints.
async fn fees(net: &Net, arguments: &[String]) -> Result<(bool, String)> {
    let mut command = Command::new(tools::recourse_node()?);
    command.arg("fees").arg("--rollup").arg(net.devnet.rollup_path());
    command.args(["--l1-rpc", net.devnet.anvil.url(), "--rpc", &net.devnet.sequencer()?.http_url()]);
    command.args(arguments);
    let output = tokio::task::spawn_blocking(move || command.output()).await??;
    let (out, err) = (String::from_utf8(output.stdout)?, String::from_utf8(output.stderr)?);
    Ok((output.status.success(), if output.status.success() { out } else { err }))
}

async fn report(net: &Net, arguments: &[String]) -> Result<Value> {
    let (well, text) = fees(net, &[arguments, &["--json".into()]].concat()).await?;
    ensure!(well, "{text}");
    Ok(serde_json::from_str(&text)?)
}

fn number(value: &Value) -> Result<U256> {
    Ok(value.as_str().with_context(|| format!("no amount: {value}"))?.parse()?)
}

/// Our own sums over whole batches.
#[derive(Debug, Default)]
struct Sums {
    blocks: (u64, u64),
    batches: u64,
    transactions: u64,
    paid: U256,
    gas_wei: U256,
    blob_gas_wei: U256,
    /// Encodings, with L1's prices as their blocks knew them.
    encodings: Vec<(Bytes, U256, U256)>,
}

impl Sums {
    async fn of(net: &Net, from: u64, to: u64) -> Result<Self> {
        let (l1, l2) = (net.devnet.anvil.provider(), net.devnet.sequencer()?.provider());
        let inbox = net.devnet.rollup.contracts.inbox;
        let filter =
            Filter::new().address(inbox).event_signature(IInbox::BatchAppended::SIGNATURE_HASH).from_block(0);
        let mut sums = Self::default();
        for log in l1.get_logs(&filter).await? {
            let header = BatchHeader::decode(&IInbox::BatchAppended::decode_log(&log.inner)?.header)?;
            let (first, last) = (header.first_block, header.last_block());
            if last < from || first > to {
                continue;
            }
            ensure!(header.da_kind == DaKind::Blobs, "a devnet posts blobs");
            sums.blocks = (if sums.batches == 0 { first } else { sums.blocks.0 }, last);
            sums.batches += 1;
            let receipt = net.devnet.anvil.receipt(log.transaction_hash.context("no transaction")?).await?;
            sums.gas_wei += U256::from(receipt.gas_used) * U256::from(receipt.effective_gas_price);
            let blob_gas = receipt.blob_gas_used.context("no blob gas")?;
            sums.blob_gas_wei +=
                U256::from(blob_gas) * U256::from(receipt.blob_gas_price.context("no price")?);
        }
        for block in sums.blocks.0..=sums.blocks.1 {
            let receipts: Vec<Value> =
                l2.raw_request("eth_getBlockReceipts".into(), [format!("{block:#x}")]).await?;
            for receipt in receipts.iter().filter(|receipt| receipt["type"] != "0x7e") {
                sums.transactions += 1;
                sums.paid += number(&receipt["l1Fee"])?;
                let raw: Bytes = l2
                    .raw_request("eth_getRawTransactionByHash".into(), [receipt["transactionHash"].clone()])
                    .await?;
                let prices = (number(&receipt["l1GasPrice"])?, number(&receipt["l1BlobBaseFee"])?);
                sums.encodings.push((raw, prices.0, prices.1));
            }
        }
        Ok(sums)
    }

    fn cost(&self) -> U256 {
        self.gas_wei + self.blob_gas_wei
    }

    /// What the same transactions would have paid under other weights, by the rule itself.
    fn under(&self, base_fee: u64, blob_base_fee: u64) -> U256 {
        let fee = |(raw, price, blob_price): &(Bytes, U256, U256)| {
            let mut info = L1BlockInfo {
                l1_base_fee: *price,
                l1_base_fee_scalar: U256::from(base_fee),
                l1_blob_base_fee: Some(*blob_price),
                l1_blob_base_fee_scalar: Some(U256::from(blob_base_fee)),
                ..L1BlockInfo::default()
            };
            info.calculate_tx_l1_cost(raw, OpSpecId::FJORD)
        };
        self.encodings.iter().map(fee).sum()
    }
}

/// Whether two amounts differ by no more than a hundredth.
fn meet(found: U256, wanted: U256) -> bool {
    found.abs_diff(wanted) * U256::from(100) <= wanted
}

fn weights(value: &Value) -> Result<(u64, u64)> {
    let weight = |name: &str| value[name].as_u64().with_context(|| format!("no {name}: {value}"));
    Ok((weight("baseFeeScalar")?, weight("blobBaseFeeScalar")?))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_users_paid_for_data_is_compared_with_what_it_cost() -> Result<()> {
    let _alone = crate::ALONE.lock().await;
    let mut options = Net::options("fees")?;
    options.da = DaChoice::Blobs;
    options.deploy = options.deploy.posting_in(options.da);
    let preset = options.deploy.clone();
    (options.replica, options.proposer) = (false, false);
    options.sequencer_arguments.extend(["--resend-after".into(), "1s".into()]);
    let net = Net::start(options).await?;
    let miner = mine(&net);
    let sequencer = net.devnet.sequencer()?;
    let load = Load::paced(
        sequencer.provider(),
        net.devnet.rollup.chain.chain_id,
        vec![user(0)?, user(1)?],
        Duration::from_millis(20),
    );
    // Some with data that does not compress, of which the rule counts more than the least.
    let wallet = sequencer.wallet(&user(2)?)?;
    let mut newest = 0;
    for round in 0..6u64 {
        let noise: Vec<u8> = (0..3000).map(|_| rand::random()).collect();
        let request = TransactionRequest::default()
            .with_to(Address::repeat_byte(0x77))
            .with_value(U256::from(round))
            .with_input(noise);
        let receipt = wallet.send_transaction(request).await?.get_receipt().await?;
        newest = receipt.block_number.context("no block")?;
        NodeStatus::wait_safe(sequencer, newest).await?;
    }
    load.stop().await?;
    let safe = NodeStatus::wait_safe(sequencer, newest).await?.safe.number();
    let batch = async |block: u64| -> Result<u64> {
        let batch: Value = sequencer.call("recourse_batchOfBlock", json!([format!("{block:#x}")])).await?;
        Ok(u64::from_str_radix(batch["index"].as_str().context("no batch")?.trim_start_matches("0x"), 16)?)
    };
    ensure!(batch(safe).await? >= 5, "too few batches");

    // Some range, whose ends are in the middle of batches or not, and all there is.
    let (from, to) = (safe / 3, safe - safe / 4);
    for (range, first, last) in [
        (vec!["--from".to_owned(), from.to_string(), "--to".into(), to.to_string()], from, to),
        (vec!["--to".into(), safe.to_string()], 1, safe),
    ] {
        let sums = Sums::of(&net, first, last).await?;
        ensure!(sums.batches >= 2 && sums.transactions >= 10, "{sums:?}");
        for margin in [0u64, 25] {
            let found =
                report(&net, &[&range[..], &["--margin".into(), margin.to_string()]].concat()).await?;
            assert_eq!(found["blocks"], json!({ "first": sums.blocks.0, "last": sums.blocks.1 }));
            assert_eq!(found["batches"]["inBlobs"], json!(sums.batches), "{found}");
            assert_eq!(found["batches"]["inCalldata"], json!(0));
            assert_eq!(found["paid"]["transactions"], json!(sums.transactions));
            assert_eq!(number(&found["paid"]["wei"])?, sums.paid);
            assert_eq!(number(&found["cost"]["gasWei"])?, sums.gas_wei);
            assert_eq!(number(&found["cost"]["blobGasWei"])?, sums.blob_gas_wei);
            assert_eq!(number(&found["cost"]["wei"])?, sums.cost());
            let ratio = found["ratio"].as_f64().context("no ratio")?;
            assert!((ratio - f64::from(sums.paid) / f64::from(sums.cost())).abs() < 1e-9, "{found}");
            assert_eq!(
                weights(&found["now"])?,
                (preset.base_fee_scalar.into(), preset.blob_base_fee_scalar.into())
            );
            // The rule gives the fees that were paid, and with the weights that are suggested the cost and the margin.
            let now = sums.under(preset.base_fee_scalar.into(), preset.blob_base_fee_scalar.into());
            assert_eq!(now, sums.paid, "the rule of this test is that of the chain");
            let (base_fee, blob_base_fee) = weights(&found["suggested"])?;
            let with_margin = |wei: U256| wei * U256::from(100 + margin) / U256::from(100);
            let income = sums.under(base_fee, blob_base_fee);
            assert!(meet(income, with_margin(sums.cost())), "{income} for {}: {found}", sums.cost());
            assert!(meet(sums.under(base_fee, 0), with_margin(sums.gas_wei)), "{found}");
            assert!(meet(sums.under(0, blob_base_fee), with_margin(sums.blob_gas_wei)), "{found}");
            assert!(meet(number(&found["suggested"]["paidWei"])?, income), "{found}");
        }
    }

    // What the table says to do, done: the weights are those that the next look finds.
    let (well, table) = fees(&net, &[]).await?;
    let call = "'setFeeScalars(uint32,uint32)' ";
    ensure!(well && table.contains("in blobs") && table.contains("users paid for data"), "{table}");
    let (_, after) = table.split_once(call).context("no call")?;
    let mut words = after.split_whitespace().map(str::parse::<u32>);
    let (Some(Ok(base)), Some(Ok(blob))) = (words.next(), words.next()) else {
        anyhow::bail!("no weights: {table}")
    };
    let owner = net.devnet.anvil.wallet(&net.devnet.options.roles.owner)?;
    let system_config = ISystemConfig::new(net.devnet.rollup.contracts.system_config, &owner);
    system_config.setFeeScalars(base, blob).send().await?.get_receipt().await?;
    assert_eq!(weights(&report(&net, &[]).await?["now"])?, (base.into(), blob.into()));
    // And L2 charges by them.
    soon("L2 charges by the new weights", async || {
        let request = TransactionRequest::default().with_to(Address::ZERO).with_value(U256::from(1));
        let hash = *wallet.send_transaction(request).await?.tx_hash();
        let receipt: Option<Value> =
            sequencer.provider().raw_request("eth_getTransactionReceipt".into(), [hash]).await?;
        let weight = |receipt: &Value, name: &str| number(&receipt[name]).ok();
        Ok(receipt.filter(|receipt| {
            weight(receipt, "l1BaseFeeScalar") == Some(U256::from(base))
                && weight(receipt, "l1BlobBaseFeeScalar") == Some(U256::from(blob))
        }))
    })
    .await?;

    let (well, error) =
        fees(&net, &["--from".into(), "100000000".into(), "--to".into(), "100000001".into()]).await?;
    assert!(!well && error.contains("block 100000000 is in no batch on L1 yet"), "{error}");
    miner.abort();
    net.finish().await
}
