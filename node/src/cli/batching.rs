//! When and where batches are posted.

use anyhow::{Result, bail};
use clap::Args;
use rollup::{blobs::DaChoice, process::Time};
use sequencing::batcher::BatcherOptions;

use super::Common;

/// When batches are posted.
#[derive(Clone, Debug, Args)]
pub struct Batching {
    /// Blocks are posted at the latest after this long. A full batch is posted at once.
    #[arg(long, value_name = "TIME", default_value_t = Time(BatcherOptions::default().interval))]
    pub batch_interval: Time,

    /// Where batches are posted: `blobs`, which need --l1-beacon, `calldata`, or `auto`, where it is cheaper.
    #[arg(long, value_name = "auto|calldata|blobs", default_value_t = BatcherOptions::default().da)]
    pub da: DaChoice,

    /// Size of a payload that is worth posting at once, in bytes. Default: what fits a transaction, by calldata 129,024, in six
    /// blobs 780,288.
    #[arg(long, value_name = "BYTES")]
    pub batch_size: Option<usize>,

    /// Most blocks in a batch.
    #[arg(long, value_name = "BLOCKS", default_value_t = BatcherOptions::default().max_blocks)]
    pub batch_blocks: u64,

    /// How hard batches are compressed: Brotli's quality, 0 to 11.
    #[arg(long, value_name = "QUALITY", default_value_t = BatcherOptions::default().quality,
          value_parser = clap::value_parser!(u8).range(0..=11))]
    pub batch_quality: u8,
}

impl Batching {
    /// The batcher's options.
    ///
    /// # Errors
    /// Blobs are wanted, and there is nobody to read them from.
    pub fn options(&self, common: &Common) -> Result<BatcherOptions> {
        let can_read = !common.blobs.l1_beacon.is_empty();
        let da = match self.da {
            DaChoice::Blobs if !can_read => {
                bail!("--da blobs needs a beacon node to read batches back from: --l1-beacon URL")
            }
            DaChoice::Auto if !can_read => DaChoice::Calldata,
            da => da,
        };
        Ok(BatcherOptions {
            da,
            interval: self.batch_interval.0,
            payload_size: self.batch_size,
            max_blocks: self.batch_blocks,
            quality: self.batch_quality,
            ..BatcherOptions::default()
        })
    }
}
