//! Where JSON-RPC is served, to whom, and which of it.

use std::{fmt, net::SocketAddr, str::FromStr, time::Duration};

use super::budget::{PROCESS_MEMORY, REQUEST_TIME};

/// How to serve.
#[derive(Clone, Debug)]
pub struct RpcConfig {
    /// Where to listen: one listener at least.
    pub listeners: Vec<Listener>,
    /// Most bytes that all requests together may hold, those of all listeners.
    pub memory: usize,
    /// The longest that a request may take. A batch may take three times as long.
    pub time: Duration,
    /// Requests that take this long are logged.
    pub slow: Option<Duration>,
}

impl RpcConfig {
    /// One listener, and the limits as they are without options.
    pub fn new(listener: Listener) -> Self {
        Self { listeners: vec![listener], memory: PROCESS_MEMORY, time: REQUEST_TIME, slow: None }
    }
}

/// An address that is listened on.
#[derive(Clone, Debug)]
pub struct Listener {
    /// The address. Port 0 takes a free one.
    pub address: SocketAddr,
    /// What is served there.
    pub namespaces: Namespaces,
    /// The origins whose pages may ask, such as `https://app.example`; `*` for all.
    pub origins: Names,
    /// The names under which the node may be asked for, besides `localhost` and addresses; `*` for all. A page that has
    /// its own name point here must not reach what is here for this machine.
    pub hosts: Names,
}

impl Listener {
    /// For operators and tests: everything, to everybody who reaches it, but to no pages.
    pub fn all(address: SocketAddr) -> Self {
        Self { address, namespaces: Namespaces::all(), origins: Names::default(), hosts: Names::default() }
    }
}

/// Names, written with commas in between.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names(Vec<String>);

impl Names {
    /// All there may be.
    pub fn all() -> Self {
        Self(vec!["*".into()])
    }

    /// Whether it is one of them, or all are meant. Upper and lower case are the same.
    pub fn allow(&self, name: &str) -> bool {
        self.allow_all() || self.0.iter().any(|one| one.eq_ignore_ascii_case(name))
    }

    /// Whether all are meant.
    pub(crate) fn allow_all(&self) -> bool {
        self.0.iter().any(|one| one == "*")
    }
}

impl FromStr for Names {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let names = text.split(',').map(|name| name.trim().trim_end_matches('/').to_owned());
        Ok(Self(names.filter(|name| !name.is_empty()).collect()))
    }
}

impl fmt::Display for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(","))
    }
}

/// The namespaces there are, and whether strangers may have them unasked.
const NAMESPACES: [(&str, bool); 11] = [
    ("eth", true),
    ("net", true),
    ("web3", true),
    ("recourse", true),
    ("optimism", true),
    // What others wait for is theirs, and traces are work for hours.
    ("txpool", false),
    ("debug", false),
    ("trace", false),
    // An explorer's searches and traces, too.
    ("ots", false),
    ("erigon", false),
    // How a node is set up is its operator's matter.
    ("admin", false),
];

/// Namespaces, written with commas in between, or `all`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Namespaces(Vec<&'static str>);

impl Namespaces {
    /// All there are.
    pub fn all() -> Self {
        Self(NAMESPACES.map(|(name, _)| name).into())
    }

    /// Those that any stranger may have.
    pub fn public() -> Self {
        Self(NAMESPACES.into_iter().filter(|(_, is_public)| *is_public).map(|(name, _)| name).collect())
    }

    /// Whether they are for strangers.
    pub fn are_public(&self) -> bool {
        let public = Self::public();
        self.0.iter().all(|name| public.0.contains(name))
    }

    /// Whether a method is in one of them. What tells which there are is in all.
    pub(crate) fn have(&self, method: &str) -> bool {
        let namespace = method.split(['_', '.']).next().unwrap_or_default();
        namespace == "rpc" || self.0.contains(&namespace)
    }

    /// Their names.
    pub(crate) fn names(&self) -> impl Iterator<Item = &'static str> {
        self.0.iter().copied().chain(["rpc"])
    }
}

impl FromStr for Namespaces {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "all" {
            return Ok(Self::all());
        }
        let known = |name: &str| NAMESPACES.into_iter().map(|(known, _)| known).find(|known| *known == name);
        let one = |name: &str| {
            let all = Self::all();
            known(name.trim()).ok_or_else(|| format!("there is no namespace {name:?}, there are {all}"))
        };
        Ok(Self(text.split(',').map(one).collect::<Result<_, _>>()?))
    }
}

impl fmt::Display for Namespaces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(","))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn namespaces_are_chosen_by_their_names() {
        let some: Namespaces = "eth, debug".parse().unwrap();
        assert!(some.have("eth_call") && some.have("debug_traceCall") && some.have("rpc_modules"));
        assert!(!some.have("txpool_content") && !some.have("ethical"));
        assert!(!some.are_public() && Namespaces::public().are_public());
        assert_eq!("all".parse::<Namespaces>().unwrap(), Namespaces::all());
        assert_eq!(Namespaces::all().to_string().parse::<Namespaces>().unwrap(), Namespaces::all());
        let error = "eth,weather".parse::<Namespaces>().unwrap_err();
        assert!(error.starts_with("there is no namespace \"weather\", there are eth,net"), "{error}");
    }

    #[test]
    fn names_are_compared_as_browsers_write_them() {
        let names: Names = "https://App.example/, rpc.example".parse().unwrap();
        assert!(names.allow("https://app.example") && names.allow("RPC.example"));
        assert!(!names.allow("https://app.example.evil") && !names.allow_all());
        assert!("*".parse::<Names>().unwrap().allow("anything"));
        assert!(!"".parse::<Names>().unwrap().allow(""));
    }
}
