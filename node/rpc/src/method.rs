//! What is told of a method, and how it is called.

use std::{collections::HashMap, sync::Arc};

use futures::future::BoxFuture;

use super::{RpcError, answer::AnswerText};

/// What is told of a method.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Method {
    /// Its name, which begins with its namespace.
    pub(crate) name: &'static str,
    /// What it is for, in lines.
    pub(crate) about: &'static [&'static str],
    /// Parameters that must be there, each with the name of its schema.
    pub(crate) required: &'static [(&'static str, &'static str)],
    /// Parameters that may be left out.
    pub(crate) optional: &'static [(&'static str, &'static str)],
    /// The name of its answer's schema.
    pub(crate) result: &'static str,
    /// The most that one request may ask for: how many, and of what.
    pub(crate) limits: &'static [(u64, &'static str)],
}

/// A call that goes on.
pub(crate) type DirectCall = BoxFuture<'static, Result<AnswerText, RpcError>>;

/// Methods that are called without the server's library, by their names.
pub(crate) type DirectCalls = HashMap<&'static str, Arc<dyn Fn(Option<&str>) -> DirectCall + Send + Sync>>;
