//! What the sources themselves must be: their layers and names, sizes and dependencies, and the documents that speak of them.

mod causes;
mod circles;
mod constants;
mod corpus;
mod dependencies;
mod files;
mod layers;
mod modules;
mod names;
