//! Disputes on a real L1: liars, griefers and honest challengers, all real processes or the real program's code.

mod commands;
mod common;
mod crowd;
mod fork;
mod griefer;
mod liars;
mod steps;
mod survival;
mod suspension;
mod upgrade;
