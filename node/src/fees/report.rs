//! What is printed: a table for people, or JSON.

use std::fmt;

use alloy::primitives::{Address, U256};
use bridge::ether;
use serde_json::{Value, json};

use super::{
    read::BatchRange,
    weigh::{DataPaid, DataScalars, PostingCost},
};

/// The comparison of a range.
#[derive(Debug)]
pub(super) struct FeeReport {
    pub(super) range: BatchRange,
    pub(super) paid: DataPaid,
    pub(super) cost: PostingCost,
    /// Percent.
    pub(super) margin: u32,
    /// The weights that are set on L1 now.
    pub(super) now: DataScalars,
    /// Those that would have paid the cost and the margin, or why there are none.
    pub(super) suggested: Result<DataScalars, String>,
    pub(super) system_config: Address,
    pub(super) owner: Address,
}

/// One amount in parts of another; nothing of nothing.
fn ratio(part: U256, whole: U256) -> Option<f64> {
    (!whole.is_zero()).then(|| f64::from(part) / f64::from(whole))
}

fn shown(ratio: Option<f64>) -> String {
    match ratio {
        None => "–".into(),
        // On a devnet, whose L1 is hardly used by anybody.
        Some(ratio) if ratio < 0.001 => format!("{ratio:.2e}"),
        Some(ratio) => format!("{ratio:.4}"),
    }
}

impl FeeReport {
    /// For scripts.
    pub(super) fn json(&self) -> Value {
        let wei = |amount: U256| amount.to_string();
        let scalars = |scalars: &DataScalars| json!({ "baseFeeScalar": scalars.base_fee, "blobBaseFeeScalar": scalars.blob_base_fee });
        let suggested = self.suggested.as_ref().ok().map(|suggested| {
            let mut value = scalars(suggested);
            let paid = self.paid.under(*suggested);
            value["paidWei"] = json!(wei(paid));
            value["ratio"] = json!(ratio(paid, self.cost.total()));
            value
        });
        json!({
            "blocks": { "first": self.range.blocks.start(), "last": self.range.blocks.end() },
            "batches": {
                "first": self.range.batches.start(),
                "last": self.range.batches.end(),
                "inBlobs": self.range.in_blobs,
                "inCalldata": self.range.in_calldata,
                "forced": self.range.forced,
            },
            "paid": {
                "transactions": self.paid.transactions,
                "bytes": wei(self.paid.bytes()),
                "wei": wei(self.paid.fees),
            },
            "cost": {
                "wei": wei(self.cost.total()),
                "gas": self.cost.gas,
                "gasWei": wei(self.cost.gas_wei),
                "blobGas": self.cost.blob_gas,
                "blobGasWei": wei(self.cost.blob_gas_wei),
            },
            "ratio": ratio(self.paid.fees, self.cost.total()),
            "marginPercent": self.margin,
            "now": scalars(&self.now),
            "suggested": suggested,
            "noSuggestion": self.suggested.as_ref().err(),
            "systemConfig": self.system_config,
            "owner": self.owner,
        })
    }
}

impl fmt::Display for FeeReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let BatchRange { blocks, batches, in_blobs, in_calldata, forced } = &self.range;
        let (paid, cost) = (&self.paid, &self.cost);
        writeln!(f, "L2 blocks {} to {}, whole batches", blocks.start(), blocks.end())?;
        writeln!(
            f,
            "batches {} to {}: {in_blobs} in blobs, {in_calldata} in calldata, {forced} forced by others\n",
            batches.start(),
            batches.end()
        )?;
        let mut row =
            |what: &str, wei: U256, note: String| writeln!(f, "{what:<24}{:>28}   {note}", ether(wei));
        let bytes = paid.bytes();
        row("users paid for data", paid.fees, format!("{} transactions, {bytes} bytes", paid.transactions))?;
        row("posting cost", cost.total(), String::new())?;
        row("  gas", cost.gas_wei, format!("{} gas", cost.gas))?;
        row("  blob gas", cost.blob_gas_wei, format!("{} blob gas", cost.blob_gas))?;
        writeln!(f, "{:<24}{:>24}\n", "paid / cost", shown(ratio(paid.fees, cost.total())))?;
        let suggested = match &self.suggested {
            Ok(suggested) => *suggested,
            Err(reason) => return writeln!(f, "No weights are suggested: {reason}."),
        };
        let would = paid.under(suggested);
        writeln!(f, "{:<24}{:>14}{:>14}", "weights, in millionths", "now", "suggested")?;
        writeln!(f, "{:<24}{:>14}{:>14}", "  baseFeeScalar", self.now.base_fee, suggested.base_fee)?;
        let blob = (self.now.blob_base_fee, suggested.blob_base_fee);
        writeln!(f, "{:<24}{:>14}{:>14}", "  blobBaseFeeScalar", blob.0, blob.1)?;
        writeln!(
            f,
            "under these, the same users would have paid {}: {} of the cost, with a margin of {} %\n",
            ether(would),
            shown(ratio(would, cost.total())),
            self.margin
        )?;
        let DataScalars { base_fee, blob_base_fee } = suggested;
        writeln!(
            f,
            "To set them, the owner ({}) calls the SystemConfig on L1; L2 follows within seconds:",
            self.owner
        )?;
        writeln!(
            f,
            "  cast send {} 'setFeeScalars(uint32,uint32)' {base_fee} {blob_base_fee} --private-key OWNER_KEY",
            self.system_config
        )
    }
}
