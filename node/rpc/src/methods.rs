//! The list of all methods, with their parameters.

use std::{collections::BTreeMap, sync::Arc};

use alloy::primitives::{B256, Bytes, U64, keccak256};
use jsonrpsee::{RpcModule, core::RegisterMethodError};

use super::{
    RpcError,
    answer::LONG,
    args::Args,
    context::Rpc,
    filters::Filters,
    listener::Namespaces,
    requests::{Asker, in_place},
    subscriptions,
};

/// Registers methods: name => function(parameters that must be there; parameters that may be left out).
macro_rules! methods {
    ($module:ident of $context:ident: $($name:literal => $method:ident($($required:ident),*; $($optional:ident),*),)*) => {$(
        $module.register_async_method($name, |params, context, _| async move {
            #[allow(unused_variables, unused_mut, clippy::unused_unit, clippy::let_unit_value)]
            let ($($required,)* $($optional,)*) = in_place(params.as_str().is_some_and(|text| text.len() > LONG), || {
                let mut args = Args::new(&params)?;
                $(let $required = args.required()?;)*
                $(let $optional = args.optional()?;)*
                Ok::<_, RpcError>(($($required,)* $($optional,)*))
            })?;
            $context::$method(Arc::clone(&context), $($required,)* $($optional,)*).await
        })?;
    )*};
}

/// All methods.
pub(crate) fn module(rpc: Arc<Rpc>) -> Result<RpcModule<Arc<Rpc>>, RegisterMethodError> {
    let mut filters = RpcModule::new(Arc::new(Filters::new(rpc.clone())));
    methods! { filters of Filters:
        "eth_newFilter" => new_filter(filter;),
        "eth_newBlockFilter" => new_block_filter(;),
        "eth_newPendingTransactionFilter" => new_pending_transaction_filter(;),
        "eth_getFilterChanges" => filter_changes(id;),
        "eth_getFilterLogs" => filter_logs(id;),
        "eth_uninstallFilter" => uninstall_filter(id;),
    }
    let mut module = RpcModule::new(rpc);
    module.merge(filters)?;
    methods! { module of Rpc:
        "eth_chainId" => chain_id(;),
        "eth_config" => fork_config(;),
        "eth_syncing" => syncing(;),
        "eth_accounts" => accounts(;),
        "eth_blockNumber" => block_number(;),
        "eth_getBlockByNumber" => block_by_number(number; full),
        "eth_getBlockByHash" => block_by_hash(hash; full),
        "eth_getHeaderByNumber" => header_by_number(number;),
        "eth_getHeaderByHash" => header_by_hash(hash;),
        "eth_getBlockReceipts" => block_receipts(block;),
        "eth_getBlockTransactionCountByNumber" => transaction_count_by_number(number;),
        "eth_getBlockTransactionCountByHash" => transaction_count_by_hash(hash;),
        "eth_getUncleCountByBlockNumber" => uncle_count_by_number(number;),
        "eth_getUncleCountByBlockHash" => uncle_count_by_hash(hash;),
        "eth_getUncleByBlockNumberAndIndex" => uncle(block, index;),
        "eth_getUncleByBlockHashAndIndex" => uncle(block, index;),

        "eth_getBalance" => balance(address; block),
        "eth_getTransactionCount" => transaction_count(address; block),
        "eth_getCode" => code(address; block),
        "eth_getStorageAt" => storage_at(address, slot; block),
        "eth_getAccount" => account(address; block),
        "eth_getAccountInfo" => account_info(address; block),
        "eth_getProof" => proof(address, keys; block),

        "eth_sendRawTransaction" => send_raw_transaction(raw;),
        "eth_sendRawTransactionSync" => send_raw_transaction_sync(raw; timeout),
        "eth_fillTransaction" => fill_transaction(request;),
        "eth_getTransactionByHash" => transaction_by_hash(hash;),
        "eth_getTransactionReceipt" => transaction_receipt(hash;),
        "eth_getRawTransactionByHash" => raw_transaction(hash;),
        "eth_getTransactionByBlockNumberAndIndex" => transaction_by_block_and_index(block, index;),
        "eth_getTransactionByBlockHashAndIndex" => transaction_by_block_and_index(block, index;),
        "eth_getRawTransactionByBlockNumberAndIndex" => raw_transaction_by_block_and_index(block, index;),
        "eth_getRawTransactionByBlockHashAndIndex" => raw_transaction_by_block_and_index(block, index;),

        "eth_call" => call(request; block, state, overrides),
        "eth_estimateGas" => estimate_gas(request; block, state, overrides),
        "eth_createAccessList" => create_access_list(request; block, state),
        "eth_simulateV1" => simulate(payload; block),

        "eth_gasPrice" => gas_price(;),
        "eth_maxPriorityFeePerGas" => max_priority_fee(;),
        "eth_blobBaseFee" => blob_base_fee(;),
        "eth_feeHistory" => fee_history(count, newest; percentiles),

        "eth_getLogs" => logs(filter;),

        "web3_clientVersion" => client_version(;),
        "web3_sha3" => sha3(data;),
        "net_version" => net_version(;),
        "net_listening" => net_listening(;),
        "net_peerCount" => net_peer_count(;),

        "txpool_status" => txpool_status(;),
        "txpool_content" => txpool_content(;),
        "txpool_contentFrom" => txpool_content_from(address;),
        "txpool_inspect" => txpool_inspect(;),

        "debug_traceTransaction" => trace_transaction(hash; options),
        "debug_traceCall" => trace_call(request; block, options),
        "debug_traceBlockByNumber" => trace_block_by_number(block; options),
        "debug_traceBlockByHash" => trace_block_by_hash(block; options),
        "debug_getRawTransaction" => raw_transaction(hash;),
        "debug_getRawHeader" => raw_header(block;),
        "debug_getRawBlock" => raw_block(block;),
        "debug_getRawReceipts" => raw_receipts(block;),

        "recourse_status" => status(;),
        "recourse_outputAtBlock" => output_at_block(block;),
        "recourse_batchOfBlock" => batch_of_block(block;),
        "recourse_blobOfBatch" => blob_of_batch(batch, place;),
        "recourse_rollupConfig" => rollup_config(;),
        "optimism_outputAtBlock" => output_at_block(block;),
    }
    module.register_subscription(
        "eth_subscribe",
        "eth_subscription",
        "eth_unsubscribe",
        |params, pending, rpc, extensions| {
            let connection = extensions.get::<Asker>().map(|client| client.connection.clone());
            subscriptions::subscribe(params, pending, Arc::clone(&rpc), connection)
        },
    )?;
    Ok(module)
}

/// Those methods that are in some namespaces, and one that tells which these are.
pub(crate) fn with_namespaces(
    mut module: RpcModule<Arc<Rpc>>,
    namespaces: &Namespaces,
) -> Result<RpcModule<Arc<Rpc>>, RegisterMethodError> {
    let other: Vec<_> = module.method_names().filter(|name| !namespaces.have(name)).collect();
    for name in other {
        module.remove_method(name);
    }
    let names: Vec<_> = namespaces.names().collect();
    module.register_method("rpc_modules", move |_, _, _| {
        let modules: BTreeMap<_, _> = names.iter().map(|name| (*name, "1.0")).collect();
        Ok::<_, RpcError>(modules)
    })?;
    Ok(module)
}

/// What takes no more than a line.
impl Rpc {
    async fn chain_id(self: Arc<Self>) -> Result<U64, RpcError> {
        Ok(U64::from(self.chain.config().chain.chain_id))
    }

    async fn net_version(self: Arc<Self>) -> Result<String, RpcError> {
        Ok(self.chain.config().chain.chain_id.to_string())
    }

    /// The node keeps no keys.
    async fn accounts(self: Arc<Self>) -> Result<Vec<alloy::primitives::Address>, RpcError> {
        Ok(Vec::new())
    }

    async fn client_version(self: Arc<Self>) -> Result<String, RpcError> {
        let (version, os, arch) = (env!("CARGO_PKG_VERSION"), std::env::consts::OS, std::env::consts::ARCH);
        Ok(format!("recourse-node/v{version}/{os}-{arch}"))
    }

    async fn sha3(self: Arc<Self>, data: Bytes) -> Result<B256, RpcError> {
        Ok(keccak256(data))
    }

    async fn net_listening(self: Arc<Self>) -> Result<bool, RpcError> {
        Ok(true)
    }

    async fn net_peer_count(self: Arc<Self>) -> Result<U64, RpcError> {
        Ok(U64::ZERO)
    }
}
