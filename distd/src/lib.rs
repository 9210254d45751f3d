//! The dist server.
//!
//! One way for everything: `http` turns bytes into a call and an answer into bytes, `ops` decides whether and what, `db` and
//! the object store do it. `web` draws the pages that people see. See `docs/ARCHITECTURE.md`.

mod blocking;
pub mod buffers;
mod capability;
pub mod cli;
pub mod config;
pub mod db;
mod doctor;
mod ending;
pub mod exit;
pub mod faults;
mod healthcheck;
pub mod http;
mod inspection;
mod keys;
mod metrics;
mod oidc;
pub mod ops;
mod ownership;
pub mod proxies;
pub mod serve;
pub mod server;
pub mod site;
mod throttle;
pub mod tls;
pub mod web;
pub mod webhooks;

pub use inspection::{Inspector, worker};
pub use serve::Listening;
pub use server::{Clock, Server, Settings};
pub use site::{Handover, Site};
