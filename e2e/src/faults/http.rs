//! As much of HTTP/1.1 as the proxy needs: requests with a length, one after the other.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// Longest request: far more than an L1 takes.
const MAX_REQUEST: usize = 16 << 20;

/// A client's connection.
pub(super) struct HttpConnection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// An answer.
pub(super) struct Response {
    status: u16,
    headers: String,
    body: String,
}

impl Response {
    pub(super) fn json(status: u16, body: String) -> Self {
        Self { status, headers: "content-type: application/json\r\n".into(), body }
    }

    /// As gateways say it.
    pub(super) fn html(status: u16) -> Self {
        Self::page(status, &format!("{status} {}", reason(status)))
    }

    /// A page with this title.
    pub(super) fn page(status: u16, title: &str) -> Self {
        let body = format!(
            "<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}</h1></center>\r\n</body>\r\n</html>\r\n"
        );
        Self { status, headers: "content-type: text/html\r\n".into(), body }
    }

    pub(super) fn with_header(mut self, name: &str, value: impl std::fmt::Display) -> Self {
        self.headers.push_str(&format!("{name}: {value}\r\n"));
        self
    }
}

impl HttpConnection {
    pub(super) const fn new(stream: TcpStream) -> Self {
        Self { stream, buffer: Vec::new() }
    }

    /// The next request's body; nothing if there is none, or none that can be read.
    pub(super) async fn request(&mut self) -> Option<Vec<u8>> {
        self.request_at().await.map(|(_, body)| body)
    }

    /// The same, and the path that it is for.
    pub(super) async fn request_at(&mut self) -> Option<(String, Vec<u8>)> {
        let head = loop {
            if let Some(end) = self.buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                break end + 4;
            }
            self.fill().await?;
        };
        let text = String::from_utf8_lossy(&self.buffer[..head]).to_lowercase();
        let path = text.split_whitespace().nth(1)?.to_owned();
        let length = text.lines().find_map(|line| line.strip_prefix("content-length:")).unwrap_or("0");
        let length: usize = length.trim().parse().ok().filter(|length| *length <= MAX_REQUEST)?;
        while self.buffer.len() < head + length {
            self.fill().await?;
        }
        let body = self.buffer[head..head + length].to_vec();
        self.buffer.drain(..head + length);
        Some((path, body))
    }

    async fn fill(&mut self) -> Option<()> {
        let mut chunk = [0; 16 * 1024];
        let read = self.stream.read(&mut chunk).await.ok()?;
        if read == 0 || self.buffer.len() > 2 * MAX_REQUEST {
            return None;
        }
        self.buffer.extend_from_slice(&chunk[..read]);
        Some(())
    }

    /// Answers; with only half of the body, if so asked, whatever the length in the head says.
    pub(super) async fn respond(&mut self, response: &Response, half: bool) -> Option<()> {
        let Response { status, headers, body } = response;
        let body = body.as_bytes();
        let head = format!(
            "HTTP/1.1 {status} {}\r\n{headers}content-length: {}\r\n\r\n",
            reason(*status),
            body.len()
        );
        let sent = if half { &body[..body.len() / 2] } else { body };
        self.stream.write_all(&[head.as_bytes(), sent].concat()).await.ok()
    }

    /// Sends spaces until the client has had enough.
    pub(super) async fn respond_without_end(&mut self) -> Option<()> {
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", 1u64 << 40);
        self.stream.write_all(head.as_bytes()).await.ok()?;
        loop {
            self.stream.write_all(&[b' '; 64 * 1024]).await.ok()?;
        }
    }

    /// Waits until the client has given up.
    pub(super) async fn hang(mut self) {
        while self.fill().await.is_some() {
            self.buffer.clear();
        }
    }
}

const fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        413 => "Payload Too Large",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Time-out",
        _ => "Unknown",
    }
}
