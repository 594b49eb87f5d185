//! Reading the logs of many L1 blocks at once.

use alloy::rpc::types::{Filter, Log};

use super::{L1Client, L1Error, RequestSize};

/// Most L1 blocks in one request. Few contracts with few logs: endpoints allow more than for the inbox.
const MAX_RANGE: u64 = 50_000;

/// Reads the logs that a filter lets through, of these L1 blocks, in order. Asks for less at once where an endpoint fails.
///
/// # Errors
/// L1 does not answer, or has more than `most` such logs.
pub async fn read_log_range(
    client: &L1Client,
    filter: &Filter,
    (first, last): (u64, u64),
    most: usize,
) -> Result<Vec<Log>, L1Error> {
    let (mut next, mut size, mut logs) = (first, RequestSize::new(MAX_RANGE), Vec::new());
    while next <= last {
        let to = last.min(next.saturating_add(size.get() - 1));
        let asked = to - next + 1;
        let found = match client.logs(&[filter.clone().from_block(next).to_block(to)]).await {
            Ok(found) => found,
            Err(error) => {
                client.may_ask_less(asked, error).await?;
                size.failed(asked);
                continue;
            }
        };
        size.succeeded(asked);
        // An endpoint may answer more than was asked.
        let wanted = |log: &Log| {
            !log.removed
                && log.block_number.is_some_and(|number| (next..=to).contains(&number))
                && filter.address.matches(&log.address())
        };
        logs.extend(found.into_iter().flatten().filter(wanted));
        if logs.len() > most {
            return Err(L1Error::InvalidResponse(format!("there are more than {most} such logs")));
        }
        next = to + 1;
    }
    logs.sort_by_key(|log| (log.block_number, log.log_index));
    Ok(logs)
}
