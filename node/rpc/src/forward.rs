//! What a replica cannot do itself, it asks of the sequencer.

use std::time::Duration;

use jsonrpsee::{
    core::{ClientError, client::ClientT, traits::ToRpcParams},
    http_client::{HttpClient, HttpClientBuilder},
};
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::{RpcError, sent::Sent};

/// How long the sequencer may take.
const TIMEOUT: Duration = Duration::from_secs(20);

/// A connection to the sequencer's RPC.
#[derive(Debug)]
pub(crate) struct Forward {
    client: HttpClient,
    /// The transactions that were passed on.
    pub(crate) sent: Sent,
}

/// Parameters that are passed on.
struct Raw(Box<RawValue>);

impl ToRpcParams for Raw {
    fn to_rpc_params(self) -> Result<Option<Box<RawValue>>, serde_json::Error> {
        Ok(Some(self.0))
    }
}

impl Forward {
    pub(crate) fn new(url: &str) -> Result<Self, ClientError> {
        let client = HttpClientBuilder::default().request_timeout(TIMEOUT).build(url)?;
        Ok(Self { client, sent: Sent::default() })
    }

    /// Makes the same request of the sequencer. Its errors are the answer, too.
    pub(crate) async fn request<R: DeserializeOwned>(
        &self,
        method: &str,
        params: &impl serde::Serialize,
    ) -> Result<R, RpcError> {
        let params = serde_json::value::to_raw_value(params).map_err(RpcError::internal)?;
        self.client.request(method, Raw(params)).await.map_err(|error| match error {
            ClientError::Call(error) => RpcError::Remote(error),
            error => {
                tracing::warn!(target: "node::rpc", %error, method, "sequencer does not answer");
                RpcError::refused("the sequencer does not answer: try again later")
            }
        })
    }
}
