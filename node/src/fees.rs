//! `recourse-node fees`: what users paid for L1 data, beside what posting it cost.
//!
//! - `read`: the batches of a range, their receipts on L1, and the receipts of the transactions in them on L2.
//! - `weigh`: sums, and the weights under which users would have paid the cost. Pure.
//! - `report`: what is printed.

mod read;
mod report;
mod weigh;

use anyhow::{Result, bail};
use bindings::ISystemConfig;
use bridge::Session;
use rollup::shutdown::Shutdown;

use crate::cli::FeesArgs;
use read::{BlockRange, read};
use report::FeeReport;
use weigh::DataScalars;

/// Compares, and prints.
///
/// # Errors
/// An endpoint fails or is another rollup's; the range is on L1 in no batch, or its receipts are pruned.
pub(crate) async fn run(args: FeesArgs, mut shutdown: Shutdown) -> Result<()> {
    tokio::select! {
        report = compare(&args) => {
            let report = report?;
            match args.json {
                true => println!("{}", report.json()),
                false => print!("{report}"),
            }
            Ok(())
        }
        () = shutdown.wait() => bail!("stopped"),
    }
}

async fn compare(args: &FeesArgs) -> Result<FeeReport> {
    let session = Session::open(&args.endpoints, None, None).await?;
    let address = session.config.contracts.system_config;
    let system_config = ISystemConfig::new(address, &session.l1);
    let now = DataScalars {
        base_fee: system_config.baseFeeScalar().call().await?,
        blob_base_fee: system_config.blobBaseFeeScalar().call().await?,
    };
    let owner = system_config.owner().call().await?;
    let (range, paid, cost) = read(&session, BlockRange { from: args.from, to: args.to }).await?;
    let suggested = paid.scalars(&cost, args.margin);
    Ok(FeeReport { range, paid, cost, margin: args.margin, now, suggested, system_config: address, owner })
}
