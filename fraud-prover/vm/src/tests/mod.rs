//! Tests of the machine as a whole. Parts have theirs beside them.

mod decode;
mod generated;
mod random;
mod semantics;
