//! Being told of a node's new blocks: by WebSocket, at the address of its HTTP endpoint. Nodes of this rollup answer both there.
//!
//! What it says is no more than a reason to ask it: a node that says nothing, or has no WebSocket, is asked every now and then.

use std::{sync::Arc, time::Duration};

use jsonrpsee::{
    core::{
        ClientError,
        client::{Subscription, SubscriptionClientT},
    },
    rpc_params,
    ws_client::{PingConfig, WsClientBuilder},
};
use serde::de::IgnoredAny;
use tokio::{sync::Notify, time::sleep};
use tracing::debug;

use super::{TARGET, nodes::TIME};
use rollup::shutdown::Shutdown;

/// Largest message taken: a header has some 2 kB.
const MAX_MESSAGE: u32 = 64 << 10;

/// Messages on the way, at most. Who sends more is connected to again.
const BUFFER: usize = 16;

/// When it is connected to again.
const AGAIN: Duration = Duration::from_secs(15);

/// Notifies `due` of each block that the node at a WebSocket address says it has, until shutdown.
pub(super) async fn listen(address: String, due: Arc<Notify>, mut shutdown: Shutdown) {
    while !shutdown.is_set() {
        let heard = async {
            let error = hear(&address, &due).await.err();
            debug!(target: TARGET, error = error.map(tracing::field::display), "the node does not tell of its blocks: it is asked");
            sleep(AGAIN).await;
        };
        tokio::select! {
            () = shutdown.wait() => return,
            () = heard => {}
        }
    }
}

/// Ends with the connection, or the subscription.
async fn hear(address: &str, due: &Notify) -> Result<(), ClientError> {
    let client = WsClientBuilder::default()
        .max_response_size(MAX_MESSAGE)
        .max_buffer_capacity_per_subscription(BUFFER)
        .connection_timeout(TIME)
        .request_timeout(TIME)
        // Who is not trusted does not say where else to ask. (The first address counts, too.)
        .max_redirections(1)
        .enable_ws_ping(PingConfig::default())
        .build(address)
        .await?;
    let mut blocks: Subscription<IgnoredAny> =
        client.subscribe("eth_subscribe", rpc_params!["newHeads"], "eth_unsubscribe").await?;
    while blocks.next().await.is_some() {
        due.notify_one();
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use jsonrpsee::{
        RpcModule,
        server::{Server, ServerHandle, SubscriptionMessage},
    };
    use serde_json::value::to_raw_value;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
        sync::broadcast,
        time::{sleep, timeout},
    };

    use super::*;

    /// Long enough for what has to come.
    const SOON: Duration = Duration::from_secs(20);

    /// A node that sends what it is given to all who subscribe to its blocks.
    async fn node(blocks: &broadcast::Sender<String>) -> (ServerHandle, String) {
        let mut module = RpcModule::new(blocks.clone());
        module
            .register_subscription(
                "eth_subscribe",
                "eth_subscription",
                "eth_unsubscribe",
                |_, pending, blocks, _| async move {
                    let mut blocks = blocks.subscribe();
                    let sink = pending.accept().await?;
                    while let Ok(block) = blocks.recv().await {
                        sink.send(SubscriptionMessage::from(to_raw_value(&block)?)).await?;
                    }
                    Ok(())
                },
            )
            .unwrap();
        let server = Server::builder().build("127.0.0.1:0").await.unwrap();
        let address = format!("ws://{}", server.local_addr().unwrap());
        (server.start(module), address)
    }

    #[tokio::test]
    async fn each_block_that_a_node_tells_of_is_a_reason_to_ask_it() {
        let (blocks, _) = broadcast::channel(4);
        let (_server, address) = node(&blocks).await;
        let due = Arc::new(Notify::new());
        let (stop, shutdown) = rollup::shutdown::channel();
        let listening = tokio::spawn(listen(address, due.clone(), shutdown));
        for block in ["a", "b"] {
            // Somebody listens, or does soon.
            while blocks.receiver_count() == 0 {
                sleep(Duration::from_millis(5)).await;
            }
            blocks.send(block.to_owned()).unwrap();
            timeout(SOON, due.notified()).await.unwrap();
        }
        stop.stop();
        timeout(SOON, listening).await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn a_message_that_is_longer_than_a_header_ends_the_connection() {
        let (blocks, _) = broadcast::channel(4);
        let (_server, address) = node(&blocks).await;
        let due = Notify::new();
        let told = async {
            while blocks.receiver_count() == 0 {
                sleep(Duration::from_millis(5)).await;
            }
            blocks.send("x".repeat(MAX_MESSAGE as usize + 1)).unwrap();
        };
        let (heard, ()) = timeout(SOON, async { tokio::join!(hear(&address, &due), told) }).await.unwrap();
        // However it ended, nothing was told of.
        drop(heard);
        assert!(timeout(Duration::ZERO, due.notified()).await.is_err());
    }

    #[tokio::test]
    async fn a_node_does_not_lead_elsewhere() {
        let [node, elsewhere] = [
            TcpListener::bind("127.0.0.1:0").await.unwrap(),
            TcpListener::bind("127.0.0.1:0").await.unwrap(),
        ];
        let [here, there] = [&node, &elsewhere].map(|one| format!("ws://{}", one.local_addr().unwrap()));
        tokio::spawn(async move {
            let (mut stream, _) = node.accept().await.unwrap();
            let _ = stream.read(&mut [0; 4096]).await;
            let answer = format!("HTTP/1.1 302 Found\r\nlocation: {there}\r\ncontent-length: 0\r\n\r\n");
            stream.write_all(answer.as_bytes()).await.unwrap();
        });
        let due = Notify::new();
        tokio::select! {
            heard = hear(&here, &due) => assert!(heard.is_err()),
            _ = elsewhere.accept() => panic!("it asks where it was led to"),
            () = sleep(SOON) => panic!("it does not give up"),
        }
    }
}
