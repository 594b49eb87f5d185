//! What the page's server answers, and what it refuses.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::{Duration, Instant},
};

use alloy::transports::http::reqwest::{Client, Method, Response, StatusCode, header};
use anyhow::{Context, Result, ensure};
use e2e::net::soon;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpSocket,
};

/// Headers that each answer has: no script but the page's own runs, and no other page takes anything from here.
const HEADERS: [(&str, &str); 4] = [
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-resource-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
];

/// More requests than one address is answered at once.
const FLOOD: usize = 900;

/// More connections than one address may have.
const SILENT: usize = 300;

/// Requests whose bodies come slowly: as many as are answered at a time.
const SLOW: usize = 64;

/// How long others may wait meanwhile.
const PROMPT: Duration = Duration::from_secs(2);

fn guarded(what: &str, response: &Response) -> Result<()> {
    let text = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or("");
    let policy = text("content-security-policy");
    for part in ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"] {
        ensure!(policy.contains(part), "{what}: no {part} in the policy {policy:?}");
    }
    ensure!(!policy.contains("unsafe"), "{what}: {policy}");
    for (name, value) in HEADERS {
        ensure!(text(name) == value, "{what}: {name} is {:?}", text(name));
    }
    ensure!(text("access-control-allow-origin").is_empty(), "{what}: another origin may read it");
    Ok(())
}

/// A request, and its answer, whose headers were looked at.
async fn ask(client: &Client, method: Method, url: &str, headers: &[(&str, &str)]) -> Result<Response> {
    let mut request = client.request(method.clone(), url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = request.send().await?;
    guarded(&format!("{method} {url} {headers:?}"), &response)?;
    Ok(response)
}

async fn get(client: &Client, url: &str) -> Result<Value> {
    let response = ask(client, Method::GET, url, &[]).await?;
    ensure!(response.status() == StatusCode::OK, "{url}: {}", response.status());
    Ok(response.json().await?)
}

/// What there is is answered, and what there is not is said in a sentence.
pub(crate) async fn reads(page: &str) -> Result<()> {
    let client = Client::new();
    let api = format!("{page}/api/v1");
    let overview =
        soon("the overview is known", async || Ok(get(&client, &format!("{api}/overview")).await.ok()))
            .await?;
    ensure!(overview["heads"]["safe"]["number"].is_u64(), "{overview}");
    soon("a proposal is listed", async || {
        let games = get(&client, &format!("{api}/games")).await?;
        Ok(games["games"].as_array().is_some_and(|games| !games.is_empty()).then_some(()))
    })
    .await?;
    let blocks = get(&client, &format!("{api}/blocks?count=2")).await?;
    ensure!(blocks["blocks"].as_array().is_some_and(|blocks| !blocks.is_empty()), "{blocks}");

    let html = ask(&client, Method::GET, page, &[]).await?.text().await?;
    ensure!(html.contains("<div id=\"app\">"), "no page was built in:\n{html}");
    ensure!(!html.contains("<script>") && !html.contains("<style"), "something is inline:\n{html}");
    for view in ["/blocks", "/dispute/0x00", "/no/such/view"] {
        let response = ask(&client, Method::GET, &format!("{page}{view}"), &[]).await?;
        ensure!(response.status() == StatusCode::OK, "{view}: {}", response.status());
    }

    let hash = format!("0x{}", "ab".repeat(32));
    let far = u64::MAX.to_string();
    for (path, status) in [
        ("/api/v1/nothing", 404),
        ("/assets/..%2f..%2fetc/passwd", 404),
        ("/assets/none.js", 404),
        (&format!("/api/v1/transaction/{hash}"), 404),
        (&format!("/api/v1/batch/{far}"), 404),
        ("/api/v1/transaction/0x12", 400),
        ("/api/v1/batch/-1", 400),
        ("/api/v1/game/somewhere", 400),
        ("/api/v1/blocks?before=yesterday", 400),
        ("/api/v1/batch/%ff", 400),
    ] {
        let response = ask(&client, Method::GET, &format!("{page}{path}"), &[]).await?;
        ensure!(response.status().as_u16() == status, "{path}: {}", response.status());
        if path.starts_with("/api/v1/") {
            let answer: Value = response.json().await.with_context(|| format!("{path}: no JSON"))?;
            ensure!(answer["error"].is_string(), "{path}: {answer}");
        }
    }
    rpc(&client, page).await
}

/// Methods that read are answered, all others refused.
async fn rpc(client: &Client, page: &str) -> Result<()> {
    let url = format!("{page}/rpc");
    let call = async |method: &str, params: Value| -> Result<Value> {
        let body = json!({ "jsonrpc": "2.0", "id": 7, "method": method, "params": params });
        let response = client.post(&url).json(&body).send().await?;
        guarded(method, &response)?;
        Ok(response.json().await?)
    };
    let number = call("eth_blockNumber", json!([])).await?;
    ensure!(number["result"].is_string() && number["id"] == 7, "{number}");
    for (method, params) in [
        ("eth_sendRawTransaction", json!(["0x00"])),
        ("eth_sendTransaction", json!([{}])),
        ("debug_traceCall", json!([])),
        ("admin_peers", json!([])),
        ("eth_subscribe", json!(["newHeads"])),
    ] {
        let answer = call(method, params).await?;
        ensure!(answer["error"]["code"] == -32601, "{method}: {answer}");
    }
    let (hash, account) = (format!("0x{}", "00".repeat(32)), format!("0x{}", "11".repeat(20)));
    let slow = json!({ "tracer": "callTracer", "tracerConfig": { "withLog": true } });
    for (method, params) in [
        ("debug_traceTransaction", json!([hash])),
        ("debug_traceTransaction", json!([hash, { "tracer": "{}" }])),
        ("debug_traceTransaction", json!([hash, slow])),
        ("eth_call", json!([{ "to": account }, "latest", { account.as_str(): { "code": "0x00" } }])),
        ("eth_call", json!([{ "to": account }, "latest", null, { "number": "0x1" }])),
        ("ots_searchTransactionsBefore", json!([account, 0, 1000])),
        ("ots_searchTransactionsBefore", json!([account, 0])),
    ] {
        let answer = call(method, params).await?;
        ensure!(answer["error"]["code"] == -32602, "{method}: {answer}");
    }
    let answer = call("eth_call", json!([{ "to": account }, "latest"])).await?;
    ensure!(answer["result"] == "0x", "{answer}");
    let page = call("ots_searchTransactionsBefore", json!([account, 0, 25])).await?;
    ensure!(page["result"]["txs"].is_array(), "{page}");
    let chain = call("eth_chainId", Value::Null).await?;
    ensure!(chain["result"].is_string(), "{chain}");
    for body in ["", "{", "[]", "[{}]", &format!("\"{}\"", "x".repeat(100_000))] {
        let response = client.post(&url).body(body.to_owned()).send().await?;
        guarded("garbage", &response)?;
        ensure!(response.status().is_client_error(), "{} bytes: {}", body.len(), response.status());
    }
    Ok(())
}

/// Other pages in the same browser are refused, by whatever name they come; so is every method that could change something.
pub(crate) async fn strangers(page: &str) -> Result<()> {
    let client = Client::new();
    let overview = format!("{page}/api/v1/overview");
    let own = page.strip_prefix("http://").context("the page's address")?;
    let port = own.rsplit(':').next().context("the page's port")?;
    for headers in [
        vec![("host", "evil.example")],
        vec![("host", "evil.example:80")],
        vec![("host", "127.0.0.1.evil.example")],
        vec![("host", "localhost.evil.example")],
        vec![("host", "")],
        vec![("origin", "http://evil.example")],
        vec![("origin", "null")],
        vec![("origin", "http://127.0.0.1:1")],
        vec![("origin", &format!("http://{own}.evil.example"))],
        vec![("host", "localhost"), ("origin", "http://evil.example")],
        // What browsers say of an image, of a script's request without CORS, and of a link: the last is for the page alone.
        vec![("sec-fetch-site", "cross-site")],
        vec![("sec-fetch-site", "same-site"), ("sec-fetch-mode", "no-cors"), ("sec-fetch-dest", "image")],
        vec![("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "cors"), ("sec-fetch-dest", "empty")],
        vec![
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-mode", "navigate"),
            ("sec-fetch-dest", "document"),
        ],
        vec![("sec-fetch-site", "anything else")],
    ] {
        let response = ask(&client, Method::GET, &overview, &headers).await?;
        let status = response.status();
        ensure!(
            status == StatusCode::FORBIDDEN || status == StatusCode::BAD_REQUEST,
            "{headers:?}: {status}"
        );
        let answer = response.text().await?;
        ensure!(!answer.contains("heads"), "{headers:?} were told:\n{answer}");
    }
    let local = format!("localhost:{port}");
    for headers in [
        vec![("origin", page)],
        vec![("host", local.as_str())],
        vec![("sec-fetch-site", "same-origin"), ("sec-fetch-mode", "cors"), ("sec-fetch-dest", "empty")],
        vec![("sec-fetch-site", "none"), ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")],
    ] {
        let status = ask(&client, Method::GET, &overview, &headers).await?.status();
        ensure!(status == StatusCode::OK, "{headers:?}: {status}");
    }
    links(&client, page).await?;
    for method in ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECTED"] {
        let method = Method::from_bytes(method.as_bytes())?;
        let preflight = [("origin", "http://evil.example"), ("access-control-request-method", "POST")];
        for headers in [&[][..], &preflight[..]] {
            for path in ["/api/v1/overview", "/rpc", "/"] {
                let response = ask(&client, method.clone(), &format!("{page}{path}"), headers).await?;
                ensure!(response.status().is_client_error(), "{method} {path}: {}", response.status());
            }
        }
    }
    for path in ["/api/v1/overview", "/api/v1/blocks", "/api/v1/events"] {
        let response = ask(&client, Method::POST, &format!("{page}{path}"), &[]).await?;
        ensure!(response.status() == StatusCode::METHOD_NOT_ALLOWED, "POST {path}: {}", response.status());
    }
    Ok(())
}

/// Links from elsewhere lead to the page, but load nothing of it into another one.
async fn links(client: &Client, page: &str) -> Result<()> {
    let site = ("sec-fetch-site", "cross-site");
    for (path, mode, dest, is_answered) in [
        ("/", "navigate", "document", true),
        ("/blocks", "navigate", "document", true),
        ("/apiary", "navigate", "document", true),
        ("/", "navigate", "iframe", false),
        ("/", "no-cors", "image", false),
        ("/api", "navigate", "document", false),
        ("/api/v1/events", "navigate", "document", false),
        ("/rpc", "navigate", "document", false),
        ("/rpc/", "navigate", "document", false),
    ] {
        let headers = [site, ("sec-fetch-mode", mode), ("sec-fetch-dest", dest)];
        let response = ask(client, Method::GET, &format!("{page}{path}"), &headers).await?;
        let expected = if is_answered { StatusCode::OK } else { StatusCode::FORBIDDEN };
        ensure!(response.status() == expected, "{path} {headers:?}: {}", response.status());
    }
    Ok(())
}

/// Events come by themselves, at once and then with each block.
pub(crate) async fn events(page: &str) -> Result<()> {
    let client = Client::new();
    let mut response = ask(&client, Method::GET, &format!("{page}/api/v1/events"), &[]).await?;
    let kind = response.headers().get(header::CONTENT_TYPE).context("no type")?.to_str()?;
    ensure!(kind.starts_with("text/event-stream"), "{kind}");
    let mut text = String::new();
    let deadline = Instant::now() + Duration::from_secs(30);
    while text.matches("event: overview").count() < 3 || !text.contains("event: games") {
        let left = deadline.saturating_duration_since(Instant::now());
        let chunk = tokio::time::timeout(left, response.chunk()).await.context("no event comes")??;
        text += &String::from_utf8_lossy(&chunk.context("the stream has ended")?);
    }
    for line in text.lines().filter_map(|line| line.strip_prefix("data: ")).take(3) {
        serde_json::from_str::<Value>(line).with_context(|| format!("not JSON: {line}"))?;
    }
    Ok(())
}

/// Who asks for too much is told to wait; others are answered meanwhile, and so is that one a moment later.
pub(crate) async fn floods(page: &str) -> Result<()> {
    let rude = Client::builder().local_address(IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2))).build()?;
    let polite = Client::new();
    let url = format!("{page}/api/v1/overview");
    let mut asked = tokio::task::JoinSet::new();
    for _ in 0..FLOOD {
        let (rude, url) = (rude.clone(), url.clone());
        asked.spawn(async move { rude.get(url).send().await.map(|answer| answer.status()) });
    }
    let mut refused = 0;
    while let Some(status) = asked.join_next().await {
        match status? {
            Ok(StatusCode::OK) => {}
            // Or it has too many connections.
            Ok(StatusCode::TOO_MANY_REQUESTS) | Err(_) => refused += 1,
            Ok(other) => anyhow::bail!("a flood is answered with {other}"),
        }
    }
    ensure!(refused > FLOOD / 4, "only {refused} of {FLOOD} requests at once were refused");
    get(&polite, &url).await.context("another address is answered")?;
    soon("the rude one is answered again", async || {
        let answer = rude.get(&url).send().await.ok();
        Ok(answer.filter(|answer| answer.status() == StatusCode::OK).map(drop))
    })
    .await?;
    silent(page).await?;
    slow(page).await?;
    streams(page).await
}

/// Who sends slowly takes no place from others, and is not waited for.
async fn slow(page: &str) -> Result<()> {
    let own = page.strip_prefix("http://").context("the page's address")?;
    let address: SocketAddr = own.parse()?;
    let head = format!("POST /rpc HTTP/1.1\r\nHost: {own}\r\nContent-Length: 1000\r\n\r\n{{");
    let mut open = Vec::new();
    for _ in 0..SLOW {
        let socket = TcpSocket::new_v4()?;
        socket.bind((Ipv4Addr::new(127, 0, 0, 4), 0).into())?;
        let mut connection = socket.connect(address).await?;
        connection.write_all(head.as_bytes()).await?;
        open.push(connection);
    }
    let (polite, overview) = (Client::new(), format!("{page}/api/v1/overview"));
    for _ in 0..2 {
        let answered = get(&polite, &overview);
        let answered = tokio::time::timeout(PROMPT, answered).await.context("others wait")?;
        answered.context("others are answered")?;
        for connection in &mut open {
            connection.write_all(b" ").await?;
        }
    }
    for mut connection in open {
        let mut answer = Vec::new();
        let read = connection.read_to_end(&mut answer);
        let end = tokio::time::timeout(Duration::from_secs(30), read).await.context("it is waited for")?;
        let answer = String::from_utf8_lossy(&answer);
        ensure!(end.is_err() || answer.starts_with("HTTP/1.1 408"), "{answer}");
    }
    Ok(())
}

/// Connections that say nothing are bounded for each address, and do not last.
async fn silent(page: &str) -> Result<()> {
    let address: SocketAddr = page.strip_prefix("http://").context("the page's address")?.parse()?;
    let mut open = Vec::new();
    for _ in 0..SILENT {
        let socket = TcpSocket::new_v4()?;
        socket.bind((Ipv4Addr::new(127, 0, 0, 3), 0).into())?;
        open.push(socket.connect(address).await?);
    }
    get(&Client::new(), &format!("{page}/api/v1/overview")).await.context("another address is answered")?;
    let deadline = Duration::from_secs(60);
    for mut connection in open {
        let end = tokio::time::timeout(deadline, connection.read(&mut [0; 1])).await;
        // Closed, in whatever way.
        ensure!(matches!(end.context("it stays open")?, Ok(0) | Err(_)), "it is answered");
    }
    Ok(())
}

/// Streams have an end to their number, too, and places come back.
async fn streams(page: &str) -> Result<()> {
    let url = format!("{page}/api/v1/events");
    let mut open = Vec::new();
    let mut is_full = false;
    for number in 0..600_u16 {
        // From many addresses, so that none has too many requests.
        let address = Ipv4Addr::new(127, 0, 1, u8::try_from(number % 200)? + 1);
        let client = Client::builder().local_address(IpAddr::V4(address)).build()?;
        let response = client.get(&url).send().await?;
        if response.status() == StatusCode::TOO_MANY_REQUESTS {
            is_full = true;
            break;
        }
        open.push(response);
    }
    ensure!(is_full, "{} streams are served at once", open.len());
    get(&Client::new(), &format!("{page}/api/v1/overview"))
        .await
        .context("requests are answered meanwhile")?;
    drop(open);
    let client = Client::new();
    soon("places come back", async || {
        Ok((client.get(&url).send().await?.status() == StatusCode::OK).then_some(()))
    })
    .await
}
