//! Bringing endpoints back that were left out.

use std::{sync::Weak, time::Duration};

use futures::future::join_all;
use tokio::time::{sleep, timeout};

use super::{L1Client, standing::LeftOut};

/// Time between looks at endpoints that are left out.
const PROBE_INTERVAL: Duration = Duration::from_secs(1);
/// Longest time for the answer with which one comes back.
const PROBE_TIMEOUT: Duration = Duration::from_secs(5);

/// Brings endpoints back that were left out, as long as there is anybody who uses them.
pub(super) async fn watch(members: Weak<[L1Client]>) {
    loop {
        sleep(PROBE_INTERVAL).await;
        let Some(members) = members.upgrade() else { return };
        join_all(members.iter().filter(|member| member.is_due()).map(probe)).await;
    }
}

async fn probe(member: &L1Client) {
    let expected = member.chain_id();
    match timeout(PROBE_TIMEOUT, member.current_chain_id()).await {
        Ok(Ok(found)) if found == expected => member.restore(),
        Ok(Ok(found)) => {
            member.leave_out(LeftOut::OtherChain, &format!("it serves chain {found}, expected {expected}"));
        }
        Ok(Err(error)) => member.leave_out(LeftOut::Failing, &error),
        Err(_) => member.leave_out(LeftOut::Failing, &format!("no answer within {PROBE_TIMEOUT:?}")),
    }
}
