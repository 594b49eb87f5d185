//! A chain with a block of every kind.

use std::sync::Arc;

use alloy::primitives::{Address, U256};
use anyhow::Result;
use rand::{RngCore, SeedableRng, rngs::StdRng};
use rollup::RollupConfig;
use stf::{
    BlockSpec, codec,
    inbox::{CHUNK_SIZE, MAX_PAYLOAD_SIZE},
};

use super::{Catalogue, Deposit, Kind, Lab, Population, Workload};

const CHAIN_ID: u64 = 42_069;
/// Accounts with keys.
const POPULATION: usize = 50;

impl Lab {
    /// A chain with a block of every kind: deposits, all that the catalogue and the benchmarks have, batches that share
    /// messages between blocks, malformed, empty, short and forced ones, and a payload that is as long as it may be.
    /// Nothing in it depends on chance.
    pub fn every_kind() -> Result<Self> {
        Self::fill_every_kind(Self::new)
    }

    /// The same in blobs, all that fits.
    pub fn every_kind_in_blobs() -> Result<Self> {
        Self::fill_every_kind(|rollup| Ok(Self::new(rollup)?.with_blobs()))
    }

    fn fill_every_kind(empty: impl FnOnce(Arc<RollupConfig>) -> Result<Self>) -> Result<Self> {
        let mut catalogue = Catalogue::new(CHAIN_ID)?;
        let mut population = Population::new(POPULATION, CHAIN_ID);
        let mut lab = empty(catalogue.rollup(&population)?)?;
        let mut rng = StdRng::seed_from_u64(1);
        lab.deposits();
        for kind in Kind::ALL {
            lab.block(catalogue.transactions(kind)?)?;
        }
        for workload in Workload::ALL {
            let count = if workload == Workload::Storage { 3 } else { 40 };
            lab.block(population.transactions(workload, count, &mut rng))?;
        }
        // Several blocks in a batch, which share the messages between them.
        for index in 0..5 {
            lab.deposit(Address::repeat_byte(index), &deposit(Some(Address::repeat_byte(0x40 + index))));
        }
        let timestamp = lab.timestamp();
        let specs: Vec<BlockSpec> = [2u64, 0, 1]
            .map(|messages| BlockSpec {
                timestamp: timestamp - 3,
                messages,
                transactions: population.transactions(Workload::Transfers, 3, &mut rng),
            })
            .into();
        lab.batch(&specs)?;
        // Garbage, no payload at all, and too few blocks; with messages waiting.
        lab.deposit(Address::repeat_byte(0x51), &deposit(Some(Address::repeat_byte(0x52))));
        lab.raw_batch(vec![0xff; 9_000], 2)?;
        lab.raw_batch(Vec::new(), 1)?;
        lab.raw_batch(codec::encode(&specs, CHAIN_ID, 5)?, 4)?;
        lab.deposit(Address::repeat_byte(0x53), &deposit(Some(Address::repeat_byte(0x54))));
        lab.forced_batch()?;
        lab.longest(&mut catalogue, &mut rng)?;
        lab.block(catalogue.transactions(Kind::Ancestors)?)?;
        Ok(lab)
    }

    /// Deposits and changes of parameters, good and bad.
    fn deposits(&mut self) {
        self.deposit(Address::repeat_byte(0x31), &deposit(Some(Address::repeat_byte(0x32))));
        // Creates a contract; fails, but mints; is malformed; carries a lot of data.
        let creation = Deposit { input: vec![0x5f, 0x5f, 0xf3], ..deposit(None) };
        self.deposit(Address::repeat_byte(0x31), &creation);
        let poor = Deposit { value: ether() + ether(), ..deposit(Some(Address::ZERO)) };
        self.deposit(Address::repeat_byte(0x33), &poor);
        self.deposit(Address::repeat_byte(0x34), &Deposit { gas_limit: u64::MAX, ..deposit(None) });
        // The most that the portal takes.
        let to = Some(Address::repeat_byte(0x35));
        let data = Deposit { input: vec![9; 120_000], gas_limit: 5_000_000, ..deposit(to) };
        self.deposit(Address::repeat_byte(0x34), &data);
        self.update(0, U256::from(40_000_000));
        self.update(2, (U256::from(7) << 64) | U256::from(9));
        self.update(9, U256::ZERO);
    }

    /// A block whose payload has as many chunks as a payload can have, and one whose payload is too long to count.
    fn longest(&mut self, catalogue: &mut Catalogue, rng: &mut StdRng) -> Result<()> {
        // Noise does not compress, so the payload is a little longer.
        let mut noise = vec![0xff; MAX_PAYLOAD_SIZE - CHUNK_SIZE / 2];
        rng.fill_bytes(&mut noise[1..]);
        let mut transactions = catalogue.transactions(Kind::Types)?;
        transactions.push(noise.into());
        self.block(transactions)?;
        self.raw_batch(vec![0xff; MAX_PAYLOAD_SIZE + 1], 1)
    }
}

fn ether() -> U256 {
    U256::from(10).pow(U256::from(18))
}

fn deposit(to: Option<Address>) -> Deposit {
    Deposit { to, mint: ether(), value: ether() / U256::from(2), gas_limit: 200_000, input: Vec::new() }
}
