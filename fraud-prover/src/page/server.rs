//! Addresses, limits, headers, and which request is answered by what.

use std::{
    io,
    net::{IpAddr, Ipv6Addr, SocketAddr},
    num::NonZeroU32,
    sync::Arc,
    time::Duration,
};

use ::rpc::Names;
use axum::{
    Router,
    body::{Body, HttpBody as _, to_bytes},
    extract::{ConnectInfo, Request, State},
    http::{HeaderName, HeaderValue, Method, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use rollup::shutdown::Shutdown;
use tokio::{
    net::TcpListener,
    sync::{Notify, Semaphore, watch},
    time::{sleep, timeout},
};

use super::{
    assets, batches, blocks, certainty, confirmations,
    connections::{self, AddressPlace, Counts},
    error::PageError,
    games, live, rpc, search,
    source::Source,
    steps,
    taken::{Cut, hold, hold_for_a_while},
};

/// Requests of an address in a second, over some time.
const RATE: NonZeroU32 = NonZeroU32::new(50).unwrap();

/// Requests of an address at once.
const BURST: NonZeroU32 = NonZeroU32::new(300).unwrap();

/// Requests at a time, of all addresses; streams of events have places of their own.
const REQUESTS: usize = 64;

/// Of these, of one address: two browsers and some. So three addresses leave places to others.
const OF_ADDRESS: usize = 16;

/// Most bytes of an answer of JSON-RPC that is held without more ado.
const SHORT: u64 = 256 << 10;

/// Longer ones that are held at a time, until they are taken: 64 MB at their longest.
const LONG: usize = 16;

/// Of these, of one address.
const LONG_OF_ADDRESS: usize = 4;

/// Streams of events at a time, of all addresses: half of the connections, so that requests have some.
const STREAMS: usize = 128;

/// The stream of events.
const EVENTS: &str = "/api/v1/events";

/// Most bytes of a request's body.
const MOST_BYTES: usize = 64 << 10;

/// How long a request's body may take to come: it is short.
const BODY_TIME: Duration = Duration::from_secs(3);

/// The longest that a request may take, once it was read, to be answered.
const TIME: Duration = Duration::from_secs(30);

/// How often addresses are forgotten that ask no more.
const FORGET: Duration = Duration::from_secs(60);

/// Only what this server has may be loaded, no other page may frame it, and no script but its own runs.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
    font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

struct Limits {
    rate: DefaultKeyedRateLimiter<IpAddr>,
    requests: Arc<Semaphore>,
    of_addresses: Counts,
    long: Arc<Semaphore>,
    long_of_addresses: Counts,
    streams: Arc<Semaphore>,
}

/// Serves the page until shutdown, and says where: the port is real, even if 0 was asked for. `hosts` are names that it is
/// asked by, besides this machine's.
///
/// # Errors
/// The address cannot be listened on.
pub(super) async fn serve(
    address: SocketAddr,
    hosts: Names,
    source: Arc<Source>,
    shutdown: Shutdown,
) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind(address).await?;
    let address = listener.local_addr()?;
    let (sender, shown) = watch::channel(None);
    let node = Arc::new(Notify::new());
    tokio::spawn(live::ask_l1(source.clone(), shutdown.clone()));
    tokio::spawn(live::ask_node(source.clone(), node.clone(), shutdown.clone()));
    tokio::spawn(live::follow(source.clone(), sender, node, shutdown.clone()));
    tokio::spawn(confirmations::listen(source.clone(), shutdown.clone()));
    let limits = Arc::new(Limits {
        rate: RateLimiter::keyed(Quota::per_second(RATE).allow_burst(BURST)),
        requests: Arc::new(Semaphore::new(REQUESTS)),
        of_addresses: Counts::default(),
        long: Arc::new(Semaphore::new(LONG)),
        long_of_addresses: Counts::default(),
        streams: Arc::new(Semaphore::new(STREAMS)),
    });
    tokio::spawn(forget(limits.clone(), shutdown.clone()));
    let router = router(source, shown, limits, hosts);
    tokio::spawn(connections::serve(listener, router, whose, shutdown));
    Ok(address)
}

fn router(source: Arc<Source>, shown: live::Showing, limits: Arc<Limits>, hosts: Names) -> Router {
    let live = Router::new()
        .route("/api/v1/overview", get(live::now))
        .route(EVENTS, get(live::events))
        .with_state(shown);
    Router::new()
        .route("/api/v1/activity", get(blocks::activity))
        .route("/api/v1/blocks", get(blocks::blocks))
        .route("/api/v1/block/{number}", get(blocks::one))
        .route("/api/v1/batches", get(batches::batches))
        .route("/api/v1/batch/{index}", get(batches::one))
        .route("/api/v1/transaction/{hash}", get(certainty::transaction))
        .route("/api/v1/games", get(games::games))
        .route("/api/v1/game/{name}", get(games::one))
        .route("/api/v1/game/{name}/step/{claim}/{segment}", get(steps::step))
        .route("/api/v1/confirmations", get(confirmations::confirmations))
        .route("/api/v1/search", get(search::search))
        .route("/rpc", post(rpc::call))
        .route("/api/{*path}", get(|| async { PageError::Missing("there is no such request".into()) }))
        .with_state(source)
        .merge(live)
        .fallback_service(get(assets::file))
        .layer(middleware::from_fn_with_state(limits, limited))
        .layer(middleware::from_fn_with_state(Arc::new(hosts), guarded))
}

/// Requests of an address are bounded, and those of all. A place is held until the answer is taken.
async fn limited(
    State(limits): State<Arc<Limits>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
    next: Next,
) -> Response {
    let address = whose(peer.ip());
    if limits.rate.check_key(&address).is_err() {
        return PageError::Busy.into_response();
    }
    if request.uri().path() == EVENTS {
        let Ok(place) = limits.streams.clone().try_acquire_owned() else {
            return PageError::Busy.into_response();
        };
        // The place is the stream's, until it ends.
        return next.run(request).await.map(|body| hold(body, place));
    }
    // Before there is a place: who sends slowly takes none away.
    let request = match read(request).await {
        Ok(request) => request,
        Err(refusal) => return refusal,
    };
    let Some(of_address) = AddressPlace::take(&limits.of_addresses, address, OF_ADDRESS) else {
        return PageError::Busy.into_response();
    };
    let Ok(place) = limits.requests.clone().try_acquire_owned() else {
        return PageError::Busy.into_response();
    };
    let cut = request.extensions().get::<Cut>().cloned();
    // Files are in this program anyway.
    let is_rpc = request.uri().path() == "/rpc";
    let response = match timeout(TIME, next.run(request)).await {
        Ok(response) => response,
        Err(_) => PageError::NotYet("this takes too long".into()).into_response(),
    };
    let mut places = (place, of_address, None);
    if is_rpc && response.body().size_hint().lower() > SHORT {
        let of_address = AddressPlace::take(&limits.long_of_addresses, address, LONG_OF_ADDRESS);
        let Some(of_long) = of_address.zip(limits.long.clone().try_acquire_owned().ok()) else {
            return PageError::Busy.into_response();
        };
        places.2 = Some(of_long);
    }
    response.map(|body| hold_for_a_while(body, places, cut))
}

/// The request with its whole body.
async fn read(request: Request) -> Result<Request, Response> {
    let (parts, body) = request.into_parts();
    match timeout(BODY_TIME, to_bytes(body, MOST_BYTES)).await {
        Ok(Ok(bytes)) => Ok(Request::from_parts(parts, Body::from(bytes))),
        Ok(Err(_)) => {
            let text = format!("the body is longer than {MOST_BYTES} bytes, or broke off");
            Err(PageError::refused(StatusCode::PAYLOAD_TOO_LARGE, &text))
        }
        Err(_) => Err(PageError::refused(StatusCode::REQUEST_TIMEOUT, "the body takes too long to come")),
    }
}

/// Whom an address counts for: of IPv6, a whole network is one's.
fn whose(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
        address => address,
    }
}

async fn forget(limits: Arc<Limits>, mut shutdown: Shutdown) {
    loop {
        tokio::select! {
            () = shutdown.wait() => return,
            () = sleep(FORGET) => limits.rate.retain_recent(),
        }
    }
}

/// Only the page itself asks: not other pages in the same browser, be it by their own names for this address.
async fn guarded(State(hosts): State<Arc<Names>>, request: Request, next: Next) -> Response {
    let is_own = is_for_here(&request, &hosts);
    let is_api = request.uri().path().starts_with("/api/");
    let mut response = match is_own {
        true => next.run(request).await,
        false => PageError::Foreign.into_response(),
    };
    // What was refused before any of our code saw it.
    if is_api && response.status().is_client_error() && !is_json(&response) {
        let (parts, body) = response.into_parts();
        let text = to_bytes(body, MOST_BYTES).await.unwrap_or_default();
        response = PageError::refused(parts.status, &String::from_utf8_lossy(&text));
    }
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

fn is_json(response: &Response) -> bool {
    response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind == "application/json")
}

/// Whether a request is made under an address or a name of this machine, or one of `hosts`, and not by another page.
fn is_for_here(request: &Request, hosts: &Names) -> bool {
    let text = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
    let Some(host) = text(header::HOST) else { return false };
    let name = host.rsplit_once(':').map_or(host, |(name, port)| {
        if port.bytes().all(|byte| byte.is_ascii_digit()) { name } else { host }
    });
    let is_address = name.trim_matches(['[', ']']).parse::<IpAddr>().is_ok();
    let is_here = is_address || name == "localhost" || name.ends_with(".localhost") || hosts.allow(name);
    let is_own =
        text(header::ORIGIN).is_none_or(|origin| origin.split_once("://").map(|(_, of)| of) == Some(host));
    let reads = matches!(*request.method(), Method::GET | Method::HEAD | Method::POST);
    is_here && is_own && reads && (!is_of_another_page(request) || is_link(request))
}

/// Whether the browser says that another page asks: by an image or such, of which there is no `Origin`.
fn is_of_another_page(request: &Request) -> bool {
    let site = request.headers().get("sec-fetch-site");
    site.is_some_and(|site| site != "same-origin" && site != "none")
}

/// Whether somebody followed a link to the page, from wherever.
fn is_link(request: &Request) -> bool {
    let path = request.uri().path();
    let is_data = ["/api", "/rpc"]
        .iter()
        .any(|of| path.strip_prefix(of).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')));
    let is = |name, value: &str| request.headers().get(name).is_some_and(|found| found == value);
    request.method() == Method::GET
        && !is_data
        && is("sec-fetch-mode", "navigate")
        && is("sec-fetch-dest", "document")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn behind_a_proxy_the_page_answers_by_the_names_that_it_was_given() {
        let hosts = "page.example".parse().unwrap();
        let answers = |headers: &[(&str, &str)]| {
            let mut request = Request::builder().uri("/api/v1/overview");
            for &(name, value) in headers {
                request = request.header(name, value);
            }
            is_for_here(&request.body(Body::empty()).unwrap(), &hosts)
        };
        for host in ["page.example", "page.example:8443", "127.0.0.1:9700", "[::1]:9700", "localhost"] {
            assert!(answers(&[("host", host)]), "{host}");
        }
        for host in ["evil.example", "evil.page.example", "page.example.evil", "page.example:x", ""] {
            assert!(!answers(&[("host", host)]), "{host}");
        }
        // A browser's own requests behind a proxy with TLS.
        assert!(answers(&[("host", "page.example"), ("origin", "https://page.example")]));
        assert!(!answers(&[("host", "page.example"), ("origin", "https://evil.example")]));
    }
}
