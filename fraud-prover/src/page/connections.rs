//! Connections: how many, from whom, and for how long they may say nothing, or take nothing.

use std::{collections::HashMap, net::IpAddr, sync::Arc, time::Duration};

use axum::{Router, body::Body, extract::ConnectInfo};
use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use parking_lot::Mutex;
use rollup::shutdown::Shutdown;
use tokio::{net::TcpListener, sync::Semaphore, time::sleep};
use tower::Service as _;
use tracing::debug;

use super::{
    TARGET,
    taken::{Cut, TakenStream},
};

/// Connections at a time: twice as many as there may be streams, and far less than the files that a process may have (1024 at
/// least), of which the challenger needs its own.
const CONNECTIONS: usize = 256;

/// Of these, of one address: ten browsers, which open six each. So three addresses leave places to others.
const OF_ADDRESS: usize = 64;

/// How long a connection may be without a whole head of a request.
const IDLE: Duration = Duration::from_secs(15);

/// Most bytes of a request's head.
const MOST_HEAD: usize = 16 << 10;

/// After a connection could not be taken, mostly because there are too many files: by then some may be closed.
const PAUSE: Duration = Duration::from_millis(200);

/// What each address has: connections, or requests.
pub(super) type Counts = Arc<Mutex<HashMap<IpAddr, usize>>>;

/// A place among those of an address.
pub(super) struct AddressPlace {
    address: IpAddr,
    counts: Counts,
}

impl AddressPlace {
    /// A place for an address, if it has less than `most`.
    pub(super) fn take(counts: &Counts, address: IpAddr, most: usize) -> Option<Self> {
        let mut all = counts.lock();
        let count = all.entry(address).or_default();
        if *count >= most {
            return None;
        }
        *count += 1;
        Some(Self { address, counts: counts.clone() })
    }
}

impl Drop for AddressPlace {
    fn drop(&mut self) {
        let mut all = self.counts.lock();
        if let Some(count) = all.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                all.remove(&self.address);
            }
        }
    }
}

/// Serves until shutdown. `whose` tells for whom an address counts.
pub(super) async fn serve(
    listener: TcpListener,
    router: Router,
    whose: fn(IpAddr) -> IpAddr,
    mut shutdown: Shutdown,
) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let counts = Counts::default();
    loop {
        // Who comes when all places are taken waits in the system's queue.
        let accepted = tokio::select! {
            () = shutdown.wait() => return,
            accepted = async {
                let place = places.clone().acquire_owned().await;
                (place, listener.accept().await)
            } => accepted,
        };
        // Closed is a semaphore only on purpose.
        let (Ok(place), accepted) = accepted else { return };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                debug!(target: TARGET, %error, "a connection could not be taken");
                sleep(PAUSE).await;
                continue;
            }
        };
        let Some(of_address) = AddressPlace::take(&counts, whose(peer.ip()), OF_ADDRESS) else { continue };
        // An error is that it is gone.
        let _ = stream.set_nodelay(true);
        let (router, cut) = (router.clone(), Cut::default());
        let own_cut = cut.clone();
        let answer = move |request: Request<Incoming>| {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(ConnectInfo(peer));
            request.extensions_mut().insert(own_cut.clone());
            router.clone().call(request)
        };
        let mut shutdown = shutdown.clone();
        tokio::spawn(async move {
            let served = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(IDLE)
                .max_buf_size(MOST_HEAD)
                .serve_connection(TokioIo::new(TakenStream::new(stream)), service_fn(answer));
            // Streams have no end of their own: nothing is waited for.
            tokio::select! {
                ended = served => {
                    if let Err(error) = ended {
                        debug!(target: TARGET, %error, "a connection ended");
                    }
                }
                () = cut.ended() => {
                    debug!(target: TARGET, %peer, "an answer was not taken");
                }
                () = shutdown.wait() => {}
            }
            drop((place, of_address));
        });
    }
}
