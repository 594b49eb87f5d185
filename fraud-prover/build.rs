//! The page is part of the binary: when it is built anew, so is the binary.

use std::{path::Path, process::exit};

fn main() {
    println!("cargo::rerun-if-changed=page/dist");
    if !Path::new("page/dist/index.html").exists() {
        println!("cargo::error=the challenger's page is not built: run `make page` first");
        exit(1);
    }
}
