//! Sums of a range, and the weights under which users would have paid the cost.

use alloy::primitives::U256;

/// The fee rule counts 16 units of gas for a byte (`l1GasUsed` of a receipt).
const GAS_PER_BYTE: u64 = 16;
/// What a weight of one is in the `SystemConfig`.
const ONE: u64 = 1_000_000;

/// The weights of L1's prices in the fee for L1 data, in millionths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct DataScalars {
    /// Of the base fee, for each of 16 units of gas for a byte.
    pub(super) base_fee: u32,
    /// Of the blob base fee, for each byte.
    pub(super) blob_base_fee: u32,
}

/// What users paid for L1 data, and what the rule computed it from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct DataPaid {
    /// Transactions that pay for data: all but deposits.
    pub(super) transactions: u64,
    /// Their bytes as the rule counts them, times 16.
    pub(super) gas: U256,
    /// What they paid, in wei.
    pub(super) fees: U256,
    /// The same times L1's base fee, as each transaction's block knew it.
    pub(super) at_base_fee: U256,
    /// The gas times L1's blob base fee.
    pub(super) at_blob_base_fee: U256,
}

/// What batches cost on L1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct PostingCost {
    /// Gas.
    pub(super) gas: u64,
    /// What was paid for it, in wei.
    pub(super) gas_wei: U256,
    /// Blob gas.
    pub(super) blob_gas: u64,
    /// What was paid for it, in wei.
    pub(super) blob_gas_wei: U256,
}

impl PostingCost {
    /// All of it, in wei.
    pub(super) fn total(&self) -> U256 {
        self.gas_wei + self.blob_gas_wei
    }
}

/// A price with a margin in percent.
fn with_margin(wei: U256, percent: u32) -> U256 {
    wei * (U256::from(100) + U256::from(percent)) / U256::from(100)
}

impl DataPaid {
    /// Their bytes, as the rule counts them.
    pub(super) fn bytes(&self) -> U256 {
        self.gas / U256::from(GAS_PER_BYTE)
    }

    /// Counts a transaction: its bytes times 16, what it paid, and L1's prices as its block knew them.
    pub(super) fn add(&mut self, gas: U256, fee: U256, base_fee: U256, blob_base_fee: U256) {
        self.transactions += 1;
        self.gas += gas;
        self.fees += fee;
        self.at_base_fee += gas * base_fee;
        self.at_blob_base_fee += gas * blob_base_fee;
    }

    /// What they would have paid under these weights, in wei: the rule's sum, without its rounding of each fee.
    pub(super) fn under(&self, scalars: DataScalars) -> U256 {
        let base = self.at_base_fee * U256::from(scalars.base_fee);
        let blob = self.at_blob_base_fee * U256::from(scalars.blob_base_fee) / U256::from(GAS_PER_BYTE);
        (base + blob) / U256::from(ONE)
    }

    /// The weights under which they would have paid the cost and a margin in percent: gas by the weight of the base fee, blob
    /// gas by that of the blob base fee, so that each follows its own price.
    ///
    /// # Errors
    /// In words: no weight is great enough.
    pub(super) fn scalars(&self, cost: &PostingCost, margin: u32) -> Result<DataScalars, String> {
        if self.transactions == 0 {
            return Err("no transaction in these blocks pays for data".into());
        }
        let weight = |what: &str, wei: U256, at: U256| {
            let wanted = with_margin(wei, margin) * U256::from(ONE);
            let scalar = if at.is_zero() { U256::MAX } else { wanted.div_ceil(at) };
            match u32::try_from(scalar) {
                _ if wei.is_zero() => Ok(0),
                Ok(scalar) => Ok(scalar),
                Err(_) => Err(format!(
                    "{} transactions are too few to bear the {what} of these batches: no weight is great enough",
                    self.transactions
                )),
            }
        };
        Ok(DataScalars {
            base_fee: weight("gas", cost.gas_wei, self.at_base_fee)?,
            blob_base_fee: weight(
                "blob gas",
                cost.blob_gas_wei,
                self.at_blob_base_fee / U256::from(GAS_PER_BYTE),
            )?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wei(number: u64) -> U256 {
        U256::from(number)
    }

    /// A hundred transactions of 250 bytes, at 20 gwei and 3 gwei.
    fn paid() -> DataPaid {
        let mut paid = DataPaid::default();
        for _ in 0..100 {
            paid.add(wei(4000), wei(7), wei(20_000_000_000), wei(3_000_000_000));
        }
        paid
    }

    #[test]
    fn weights_are_those_of_the_rule() {
        let paid = paid();
        assert_eq!((paid.transactions, paid.gas, paid.fees), (100, wei(400_000), wei(700)));
        // Bytes × 16 × base fee, and bytes × blob base fee.
        let base = paid.under(DataScalars { base_fee: 1_000_000, blob_base_fee: 0 });
        assert_eq!(base, wei(25_000 * 16) * wei(20_000_000_000));
        let blob = paid.under(DataScalars { base_fee: 0, blob_base_fee: 1_000_000 });
        assert_eq!(blob, wei(25_000) * wei(3_000_000_000));
    }

    #[test]
    fn under_what_is_suggested_the_cost_and_the_margin_are_paid_and_no_more() {
        let cost = PostingCost {
            gas: 102_500,
            gas_wei: wei(102_500) * wei(21_000_000_000),
            blob_gas: 131_072,
            blob_gas_wei: wei(131_072) * wei(2_900_000_000),
        };
        for margin in [0, 10, 250] {
            let paid = paid();
            let scalars = paid.scalars(&cost, margin).unwrap();
            let (found, wanted) = (paid.under(scalars), with_margin(cost.total(), margin));
            assert!(found >= wanted && found <= wanted + wanted / wei(100_000), "{found} {wanted}");
            // Each part by its own price.
            let gas = paid.under(DataScalars { blob_base_fee: 0, ..scalars });
            let gas_wanted = with_margin(cost.gas_wei, margin);
            assert!(gas >= gas_wanted && gas <= gas_wanted + gas_wanted / wei(100_000));
        }
        let calldata = PostingCost { blob_gas: 0, blob_gas_wei: U256::ZERO, ..cost };
        assert_eq!(paid().scalars(&calldata, 10).unwrap().blob_base_fee, 0);
    }

    #[test]
    fn what_nobody_can_pay_is_said() {
        let cost = PostingCost { gas: 1, gas_wei: U256::MAX >> 64, ..PostingCost::default() };
        assert!(paid().scalars(&cost, 0).unwrap_err().contains("too few to bear the gas"));
        let cost = PostingCost { blob_gas: 1, blob_gas_wei: U256::MAX >> 64, ..PostingCost::default() };
        assert!(paid().scalars(&cost, 0).unwrap_err().contains("too few to bear the blob gas"));
        assert!(DataPaid::default().scalars(&cost, 0).unwrap_err().contains("no transaction"));
    }
}
