//! How a node serves JSON-RPC.

use std::{net::SocketAddr, time::Duration};

use clap::Args;
use rollup::process::duration;
use rpc::{Listener, Names, Namespaces, RpcConfig};

/// How JSON-RPC is served.
#[derive(Clone, Debug, Args)]
pub struct Serving {
    /// Address that serves JSON-RPC, over HTTP and WebSocket, and GET /health and /ready.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:9545")]
    pub http: SocketAddr,

    /// What is served there: namespaces with commas in between, or "all". Without "txpool", "debug", "ots", "erigon" and
    /// "admin" by default: what others wait for, and traces and long searches, are not for strangers.
    #[arg(long, value_name = "NAMES", default_value_t = Namespaces::public())]
    pub rpc_api: Namespaces,

    /// Another address, for operators: not to be reached by strangers. Default: none.
    #[arg(long, value_name = "ADDR")]
    pub rpc_admin: Option<SocketAddr>,

    /// What is served to operators.
    #[arg(long, value_name = "NAMES", default_value_t = Namespaces::all())]
    pub rpc_admin_api: Namespaces,

    /// Origins whose pages may ask at --http, such as https://app.example, with commas in between; "*" for all. Default: all
    /// where only public namespaces are served, else none. Pages may never ask at --rpc-admin.
    #[arg(long, value_name = "ORIGINS")]
    pub rpc_cors: Option<Names>,

    /// Names under which the node is asked, with commas in between; "*" for any. "localhost" and addresses always are: a
    /// page must not reach a local node by pointing its own name there.
    #[arg(long, value_name = "NAMES", default_value_t = Names::default())]
    pub rpc_hosts: Names,

    /// Most megabytes that all requests and unread answers hold together; one address may hold half of it.
    #[arg(long, value_name = "MB", default_value_t = 448, value_parser = clap::value_parser!(u64).range(448..=1 << 20))]
    pub rpc_memory: u64,

    /// The longest that a request may take. A batch may take three times as long.
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = duration)]
    pub rpc_time: Duration,

    /// Log requests that take this long. Default: none.
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub rpc_slow: Option<Duration>,
}

impl Serving {
    /// The server's configuration.
    pub fn config(&self) -> RpcConfig {
        let origins = self
            .rpc_cors
            .clone()
            .unwrap_or_else(|| if self.rpc_api.are_public() { Names::all() } else { Names::default() });
        let namespaces = self.rpc_api.clone();
        let hosts = self.rpc_hosts.clone();
        let mut listeners = vec![Listener { address: self.http, namespaces, origins, hosts }];
        if let Some(address) = self.rpc_admin {
            let (namespaces, hosts) = (self.rpc_admin_api.clone(), self.rpc_hosts.clone());
            listeners.push(Listener { address, namespaces, origins: Names::default(), hosts });
        }
        let memory = usize::try_from(self.rpc_memory << 20).unwrap_or(usize::MAX);
        RpcConfig { listeners, memory, time: self.rpc_time, slow: self.rpc_slow }
    }
}
