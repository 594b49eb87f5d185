//! Tests of the machine as a whole. Parts have theirs beside them.

mod accel;
mod decode;
mod elf;
mod generated;
mod machine;
mod random;
mod semantics;
