//! Free TCP ports.

use std::{collections::BTreeSet, net::TcpListener, sync::Mutex};

use anyhow::{Result, bail};
use rand::Rng;

/// Below the range from which systems take the ports of outgoing connections: a node that is killed and started again
/// finds its port still free.
const RANGE: std::ops::Range<u16> = 10_000..30_000;

/// Ports that this process gave out already.
static TAKEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());

/// Whether a server could listen on this port of the loopback interface now.
pub fn is_free(port: u16) -> bool {
    TcpListener::bind(("127.0.0.1", port)).is_ok()
}

/// A free port that this process has not given out before.
pub fn free() -> Result<u16> {
    let mut taken = TAKEN.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    for _ in 0..1000 {
        let port = rand::rng().random_range(RANGE);
        if !taken.contains(&port) && is_free(port) {
            taken.insert(port);
            return Ok(port);
        }
    }
    bail!("found no free port between {} and {}", RANGE.start, RANGE.end)
}
