//! Who asks: clients by their address, and what each of them may take.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{
        Arc, Weak,
        atomic::{AtomicU32, Ordering},
    },
};

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::budget::{Budget, PEER_SHARE, Scope};

/// Most connections at a time. Each takes some tens of kilobytes, whatever it asks for.
pub(crate) const MAX_CONNECTIONS: usize = 2048;

/// Most connections of one address, behind which may be a whole office.
pub(crate) const MAX_PEER_CONNECTIONS: usize = MAX_CONNECTIONS / 4;

/// Most subscriptions of one address.
pub(crate) const MAX_PEER_SUBSCRIPTIONS: usize = 1024;

/// After a request that was tried on a network's thread and took long, so many of the same client wait for turns at once:
/// whoever asks for what is long wastes little of these threads, which all clients share.
const NOT_BRIEF: u32 = 64;

/// How much work a client may have done at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    /// What wallets wait for: blocks, calls, estimates.
    Light,
    /// What takes long: traces, simulations, searches.
    Heavy,
}

/// Turns for work of both kinds. They are apart, so that traces cannot keep calls waiting.
#[derive(Debug)]
pub(crate) struct Turns {
    light: Arc<Semaphore>,
    heavy: Arc<Semaphore>,
}

impl Turns {
    fn new(light: usize, heavy: usize) -> Self {
        Self { light: Arc::new(Semaphore::new(light)), heavy: Arc::new(Semaphore::new(heavy)) }
    }

    /// As many as all clients together have: light ones for each processor and one more, heavy ones for
    /// half of them.
    pub(crate) fn of_process() -> Self {
        let (light, heavy) = counts();
        Self::new(light, heavy)
    }

    /// Waits for a turn. `None`: there will be no more.
    pub(crate) async fn take(&self, work: Work) -> Option<OwnedSemaphorePermit> {
        let turns = match work {
            Work::Light => &self.light,
            Work::Heavy => &self.heavy,
        };
        turns.clone().acquire_owned().await.ok()
    }
}

/// Light and heavy turns of the process. One address has all processors for light work, and leaves a turn to others.
fn counts() -> (usize, usize) {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    (processors + 1, (processors / 2).max(1))
}

/// A client, by its address.
#[derive(Debug)]
pub(crate) struct Peer {
    /// Its address, or the first one of its network.
    pub(crate) address: IpAddr,
    /// What its requests hold together.
    pub(crate) budget: Arc<Budget>,
    /// What it may do at a time: less than all where that is more than one, so that others wait for no more than a turn.
    pub(crate) turns: Turns,
    /// Places for its subscriptions.
    pub(crate) subscriptions: Arc<Semaphore>,
    connections: Arc<Semaphore>,
    /// Requests that are not tried on a network's thread, since one that was took long.
    not_brief: AtomicU32,
}

impl Peer {
    fn new(address: IpAddr, process: &Arc<Budget>, memory: usize) -> Self {
        let (light, heavy) = counts();
        Self {
            address,
            budget: Arc::new(process.within(Scope::Peer, memory / PEER_SHARE)),
            turns: Turns::new(light - 1, (heavy - 1).max(1)),
            subscriptions: Arc::new(Semaphore::new(MAX_PEER_SUBSCRIPTIONS)),
            connections: Arc::new(Semaphore::new(MAX_PEER_CONNECTIONS)),
            not_brief: AtomicU32::new(0),
        }
    }

    /// Whether a request of its may be tried on a network's thread.
    pub(crate) fn may_be_brief(&self) -> bool {
        // Relaxed: nothing depends on the order, and one more or less does no harm.
        let one_less = |left: u32| left.checked_sub(1);
        self.not_brief.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less).is_err()
    }

    /// One that was tried there took long.
    pub(crate) fn was_long(&self) {
        self.not_brief.store(NOT_BRIEF, Ordering::Relaxed);
    }
}

/// A place of a connection among all and among those of its address.
#[derive(Debug)]
pub(crate) struct Seat {
    _of_all: OwnedSemaphorePermit,
    _of_peer: OwnedSemaphorePermit,
}

/// All clients that are connected, or have left something here.
#[derive(Debug)]
pub(crate) struct Peers {
    process: Arc<Budget>,
    memory: usize,
    connections: Arc<Semaphore>,
    by_address: Mutex<HashMap<IpAddr, Weak<Peer>>>,
}

impl Peers {
    /// Nobody yet. All together may hold `memory` bytes.
    pub(crate) fn new(memory: usize) -> Self {
        Self {
            process: Arc::new(Budget::new(Scope::Process, memory)),
            memory,
            connections: Arc::new(Semaphore::new(MAX_CONNECTIONS)),
            by_address: Mutex::default(),
        }
    }

    /// The client with this address.
    pub(crate) fn get(&self, address: IpAddr) -> Arc<Peer> {
        let address = network(address);
        let mut by_address = self.by_address.lock();
        if let Some(peer) = by_address.get(&address).and_then(Weak::upgrade) {
            return peer;
        }
        // Who has gone is forgotten when somebody new comes.
        by_address.retain(|_, peer| peer.strong_count() > 0);
        let peer = Arc::new(Peer::new(address, &self.process, self.memory));
        by_address.insert(address, Arc::downgrade(&peer));
        peer
    }

    /// A place for one more connection of a client, if there is one.
    pub(crate) fn place(&self, peer: &Peer) -> Option<Seat> {
        let of_peer = peer.connections.clone().try_acquire_owned().ok()?;
        let of_all = self.connections.clone().try_acquire_owned().ok()?;
        Some(Seat { _of_all: of_all, _of_peer: of_peer })
    }

    /// What all requests hold.
    pub(crate) fn held(&self) -> usize {
        self.process.held()
    }
}

/// What counts as one address: of IPv6 a network of 64 bits, which is the least that anybody is given.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
        address => address,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_share_of_places_and_of_bytes() {
        let peers = Peers::new(1000);
        let one = peers.get("10.0.0.1".parse().unwrap());
        assert!(Arc::ptr_eq(&one, &peers.get("::ffff:10.0.0.1".parse().unwrap())));
        let places: Vec<_> = (0..MAX_PEER_CONNECTIONS).map(|_| peers.place(&one).unwrap()).collect();
        assert!(peers.place(&one).is_none());
        let other = peers.get("10.0.0.2".parse().unwrap());
        assert!(peers.place(&other).is_some());
        drop(places);
        assert!(peers.place(&one).is_some());
        assert!(one.budget.take(501).is_err());
        one.budget.take(500).unwrap();
        other.budget.take(500).unwrap();
        assert_eq!(peers.held(), 1000);
        drop(other);
        assert_eq!(peers.held(), 500, "who has gone holds nothing");
    }

    #[test]
    fn a_network_of_ipv6_is_one_address() {
        let of = |text: &str| network(text.parse().unwrap());
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:2"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_ne!(of("10.0.0.1"), of("10.0.0.2"));
    }
}
