use jsonrpsee::{core::client::SubscriptionClientT, rpc_params, ws_client::WsClientBuilder};
use rollup::l1::L1Status;
use serde_json::{Value, json};

use crate::harness::*;

fn followed(head: u64, cursor: u64, healthy: bool) -> L1Status {
    L1Status { head, head_block: None, cursor, healthy }
}

/// The node is behind L1 as long as L1's head is not reached, and says how far it is.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_behind_l1_is_syncing() {
    let node = Node::sequencer().await;
    let syncing = || node.call::<Value>("eth_syncing", json!([]));
    let client =
        WsClientBuilder::default().build(format!("ws://{}", node.handle.local_addr())).await.unwrap();
    let mut told = client
        .subscribe::<Value, _>("eth_subscribe", rpc_params!["syncing"], "eth_unsubscribe")
        .await
        .unwrap();
    assert_eq!(told.next().await.unwrap().unwrap(), json!(false));

    // At block 0, with 260 L1 blocks to read.
    node.l1_status.send_replace(followed(261, 1, true));
    let progress = json!({
        "startingBlock": "0x0",
        "currentBlock": "0x0",
        "highestBlock": "0x0",
        "l1CurrentBlock": "0x1",
        "l1HighestBlock": "0x105",
    });
    assert_eq!(syncing().await, progress);
    assert_eq!(told.next().await.unwrap().unwrap(), json!({ "syncing": true, "status": progress }));

    // What counts is what is in the database.
    node.l1_status.send_replace(followed(261, 261, true));
    assert_eq!(syncing().await, progress);
    node.l1(200, Vec::new());
    node.mine();
    let status = syncing().await;
    assert_eq!((&status["currentBlock"], &status["highestBlock"]), (&json!("0x1"), &json!("0x1")));
    assert_eq!(status["l1CurrentBlock"], "0xc8");
    node.l1(261, Vec::new());
    assert_eq!(syncing().await, json!(false));
    assert_eq!(told.next().await.unwrap().unwrap(), json!(false));

    // Some blocks behind is how every node follows; not if its endpoint is away, or if they become many.
    node.l1_status.send_replace(followed(266, 261, true));
    assert_eq!(syncing().await, json!(false));
    node.l1_status.send_replace(followed(266, 261, false));
    assert_eq!(syncing().await["l1HighestBlock"], "0x10a");
    node.l1_status.send_replace(followed(267, 261, true));
    assert_eq!(syncing().await["l1CurrentBlock"], "0x105");
    node.end().await;
}

/// Until L1's head was reached once, or even seen, nothing says that the node is not behind.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_has_not_caught_up_yet_is_syncing() {
    let node = Node::with_l1(L1Status::default()).await;
    let syncing = || node.call::<Value>("eth_syncing", json!([]));
    assert_eq!(syncing().await["l1HighestBlock"], "0x1");
    node.l1_status.send_replace(followed(3, 2, true));
    node.l1(2, Vec::new());
    assert_eq!(syncing().await["l1CurrentBlock"], "0x2");
    node.l1(3, Vec::new());
    assert_eq!(syncing().await, json!(false));
    node.end().await;
}
