//! The list of all methods: their names, parameters, answers and limits, and what each is for.
//!
//! One table makes a method callable and documents it. The reference (`node/docs/methods.md`) and what `rpc.discover` answers
//! are made of it, so neither can name what is not there.

mod debug;
mod eth;
mod explorer;
mod node;
mod rollup;
mod state;
mod trace;

use std::{collections::BTreeMap, sync::Arc};

use jsonrpsee::{RpcModule, core::RegisterMethodError};

use super::{
    RpcError,
    context::Rpc,
    filters::Filters,
    listener::Namespaces,
    method::{DirectCalls, Method},
    openrpc,
    requests::Asker,
    subscriptions,
};

/// Makes methods callable, and a table of them:
/// name => function(parameters that must be there; parameters that may be left out) -> answer [limits]. Of each parameter and
/// of the answer, the name of its schema is told ([`openrpc`]).
macro_rules! methods {
    (of $context:ident; $(
        $(#[doc = $about:literal])+
        $name:literal => $method:ident(
            $($required:ident: $required_schema:ident),*; $($optional:ident: $optional_schema:ident),*
        ) -> $result:ident $([$($limit:expr => $what:literal),+])?,
    )*) => {
        /// What is told of them.
        pub(crate) const TABLE: &[$crate::method::Method] = &[$($crate::method::Method {
            name: $name,
            about: &[$($about),+],
            required: &[$((stringify!($required), stringify!($required_schema))),*],
            optional: &[$((stringify!($optional), stringify!($optional_schema))),*],
            result: stringify!($result),
            limits: &[$($(($limit as u64, $what)),+)?],
        }),*];

        /// Adds them to those that can be called.
        pub(crate) fn calls(context: &std::sync::Arc<$context>, calls: &mut $crate::method::DirectCalls) {
            $({
                let context = std::sync::Arc::clone(context);
                calls.insert($name, std::sync::Arc::new(move |params: Option<&str>| {
                    let is_long = params.is_some_and(|text| text.len() > $crate::answer::LONG);
                    #[allow(unused_variables, unused_mut, clippy::unused_unit, clippy::let_unit_value)]
                    let parsed = $crate::requests::in_place(is_long, || {
                        let mut args = $crate::args::Args::of(params)?;
                        $(let $required = args.required()?;)*
                        $(let $optional = args.optional()?;)*
                        Ok::<_, $crate::RpcError>(($($required,)* $($optional,)*))
                    });
                    let context = std::sync::Arc::clone(&context);
                    Box::pin(async move {
                        #[allow(unused_imports)]
                        use $crate::answer::IntoText as _;
                        #[allow(unused_variables, clippy::unused_unit, clippy::let_unit_value)]
                        let ($($required,)* $($optional,)*) = parsed?;
                        let returned = $context::$method(context, $($required,)* $($optional,)*).await?;
                        $crate::answer::Returned(returned).into_text()
                    }) as $crate::method::DirectCall
                }));
            })*
        }
    };
}
use methods;

/// What is registered elsewhere: by what it is there for.
const OTHERS: &[Method] = &[
    Method {
        name: "eth_subscribe",
        about: &[
            "Tells of `newHeads`, `logs`, `newPendingTransactions`, `transactionReceipts` or `syncing` as they come, over WebSocket.",
        ],
        required: &[("topic", "Topic")],
        optional: &[("options", "Anything")],
        result: "SubscriptionId",
        limits: &[],
    },
    Method {
        name: "eth_unsubscribe",
        about: &["Ends a subscription."],
        required: &[("subscription", "SubscriptionId")],
        optional: &[],
        result: "Boolean",
        limits: &[],
    },
    Method {
        name: "rpc_modules",
        about: &["The namespaces that are served here."],
        required: &[],
        optional: &[],
        result: "Modules",
        limits: &[],
    },
    Method {
        name: "rpc.discover",
        about: &["This document: the methods that are served here, in OpenRPC's form."],
        required: &[],
        optional: &[],
        result: "Anything",
        limits: &[],
    },
];

/// All methods that there can be, by their names.
pub(crate) fn table() -> Vec<Method> {
    let own = [rollup::TABLE, explorer::TABLE, state::TABLE, trace::TABLE];
    let parts = [eth::TABLE, eth::filters::TABLE, node::TABLE, debug::TABLE, OTHERS].into_iter().chain(own);
    let mut all: Vec<_> = parts.flatten().copied().collect();
    all.sort_by_key(|method| method.name);
    all
}

/// All methods whose answer is all that there is to them.
pub(crate) fn calls(rpc: &Arc<Rpc>, filters: &Arc<Filters>) -> DirectCalls {
    let mut calls = DirectCalls::new();
    eth::filters::calls(filters, &mut calls);
    eth::calls(rpc, &mut calls);
    node::calls(rpc, &mut calls);
    debug::calls(rpc, &mut calls);
    rollup::calls(rpc, &mut calls);
    explorer::calls(rpc, &mut calls);
    state::calls(rpc, &mut calls);
    trace::calls(rpc, &mut calls);
    calls
}

/// The same and subscriptions, as the server's library calls them.
pub(crate) fn module(rpc: Arc<Rpc>, calls: &DirectCalls) -> Result<RpcModule<Arc<Rpc>>, RegisterMethodError> {
    let mut module = RpcModule::new(rpc);
    for (name, call) in calls {
        let call = Arc::clone(call);
        module.register_async_method(name, move |params, _, _| call(params.as_str()))?;
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

/// Those methods that are in some namespaces, and those that tell which these are.
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
    let served = table().into_iter().filter(|method| namespaces.have(method.name));
    let document = openrpc::document(served);
    let document = serde_json::value::to_raw_value(&document).unwrap_or_default();
    module.register_method("rpc.discover", move |_, _, _| Ok::<_, RpcError>(document.clone()))?;
    Ok(module)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::{fs, path::Path};

    use super::*;
    use crate::openrpc::{reference, schemas};

    #[test]
    fn every_schema_that_is_named_is_there() {
        let schemas = schemas();
        for method in table() {
            let named = method.required.iter().chain(method.optional).map(|(_, kind)| *kind);
            for kind in named.chain([method.result]) {
                assert!(schemas.contains_key(kind), "{}: no schema {kind}", method.name);
            }
        }
        // And those that they name themselves.
        let text = serde_json::to_string(&schemas).unwrap();
        for name in text.split("#/components/schemas/").skip(1) {
            let name = name.split('"').next().unwrap();
            assert!(schemas.contains_key(name), "no schema {name}");
        }
    }

    #[test]
    fn no_method_is_told_of_twice() {
        let table = table();
        for pair in table.windows(2) {
            assert_ne!(pair[0].name, pair[1].name);
        }
    }

    #[test]
    fn the_reference_is_that_of_the_table() {
        let is_public = |name: &str| {
            let method = format!("{name}_");
            Namespaces::public().have(&method)
        };
        let made = reference(&table(), is_public);
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/methods.md");
        if std::env::var_os("UPDATE_REFERENCE").is_some() {
            fs::write(&path, &made).unwrap();
        }
        let found = fs::read_to_string(&path).unwrap_or_default();
        assert!(found == made, "node/docs/methods.md is old: run this test with UPDATE_REFERENCE=1");
    }
}
