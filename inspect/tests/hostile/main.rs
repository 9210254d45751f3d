//! Hostile files: each named kind of attack, and thousands of damaged fixtures. Every one is held to the bounds on
//! memory and processor time, and to what must be so of every report.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::large_stack_arrays, reason = "blocks of zeros, which are constants")]
#![allow(clippy::format_collect, clippy::format_push_string, reason = "texts are made once, and read easily this way")]

mod android;
mod apple;
mod archives;
#[allow(unreachable_pub, reason = "the fuzz targets use it as well")]
mod invariants;
mod kept;
mod making;
mod measure;
mod mutation;
mod packages;
#[allow(unreachable_pub, reason = "the fuzz targets use it as well")]
mod repair;
mod streams;
