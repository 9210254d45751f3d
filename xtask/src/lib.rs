//! Project tasks: everything that is done to the workspace rather than by the product.
//!
//! One module per task ([`mod@test`], [`tidy`], [`docs`], [`fixtures`], [`demo`], [`mod@bench`], [`crash`], [`fuzz`],
//! [`browser`], [`conform`], [`image`], [`package`], [`proxies`]),
//! each with its `Options` and one `run`. What several tasks share sits in small rooms beside them:
//! [`workspace`] knows where things are and builds them, [`process`] runs commands, [`server`] and
//! [`client`] drive the built `distd` and `dist` from outside, [`store`] looks at what they left on
//! disk, [`manifest`] writes what they publish, [`tools`] sees to the programs that
//! Debian has to provide, [`digest`] computes SHA-256.
//!
//! Invariant: nothing here links the product. The tasks look at what it wrote and printed with
//! means of their own, so that a fault in its code cannot hide itself.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "tasks talk to the person at the terminal; there is no other output"
)]

pub mod bench;
pub mod browser;
pub mod client;
pub mod conform;
pub mod crash;
pub mod demo;
pub mod digest;
pub mod docs;
pub mod fixtures;
pub mod fuzz;
pub mod image;
pub mod manifest;
pub mod package;
pub mod process;
pub mod proxies;
pub mod screenshots;
pub mod server;
pub mod store;
pub mod test;
pub mod tidy;
pub mod tools;
pub mod workspace;
