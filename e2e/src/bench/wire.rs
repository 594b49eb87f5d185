//! A JSON-RPC client that costs next to nothing, so that on a small machine the server is what is measured: one
//! keep-alive connection, requests written as prepared bytes, responses read by their length.

use std::net::{IpAddr, SocketAddr};

use anyhow::{Context, Result, bail};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
};

/// Longest response that is read.
const MAX_RESPONSE: usize = 96 << 20;

pub(crate) struct RpcConnection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl RpcConnection {
    pub(crate) async fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await.context("cannot connect")?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::new() })
    }

    /// The same, from an address of this machine.
    pub(crate) async fn open_from(from: IpAddr, address: SocketAddr) -> Result<Self> {
        let stream = connect(from, address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::new() })
    }

    /// The bytes of a request.
    pub(crate) fn request(method: &str, params: &Value) -> Vec<u8> {
        let body = serde_json::json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        Self::body(&body.to_string())
    }

    /// The bytes of a request with this body.
    pub(crate) fn body(body: &str) -> Vec<u8> {
        format!(
            "POST / HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
        .into_bytes()
    }

    /// Sends a request and returns the body of the response.
    pub(crate) async fn send(&mut self, request: &[u8]) -> Result<&[u8]> {
        self.stream.write_all(request).await?;
        self.buffer.clear();
        loop {
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                bail!("the server closed the connection");
            }
            let Some(end) = self.buffer.windows(4).position(|window| window == b"\r\n\r\n") else {
                continue;
            };
            let head = std::str::from_utf8(&self.buffer[..end]).context("not an HTTP response")?;
            let length = head
                .split("\r\n")
                .find_map(|line| {
                    let (name, value) = line.split_once(':')?;
                    name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
                })
                .filter(|length| *length <= MAX_RESPONSE)
                .with_context(|| format!("response without a usable length: {head}"))?;
            let start = end + 4;
            while self.buffer.len() < start + length {
                if self.stream.read_buf(&mut self.buffer).await? == 0 {
                    bail!("the server closed the connection");
                }
            }
            return Ok(&self.buffer[start..start + length]);
        }
    }

    /// Calls a method and returns its result.
    pub(crate) async fn call(&mut self, method: &str, params: Value) -> Result<Value> {
        let body = self.send(&Self::request(method, &params)).await?;
        let mut response: Value = serde_json::from_slice(body)?;
        if let Some(error) = response.get("error") {
            bail!("{method}: {error}");
        }
        Ok(response["result"].take())
    }
}

/// A number as JSON-RPC writes it.
pub(crate) fn quantity(value: &Value) -> Result<u64> {
    let text = value.as_str().context("not a quantity")?;
    Ok(u64::from_str_radix(text.trim_start_matches("0x"), 16)?)
}

/// A connection from an address of this machine.
pub(crate) async fn connect(from: IpAddr, to: SocketAddr) -> Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::new(from, 0))?;
    socket.connect(to).await.context("cannot connect")
}
