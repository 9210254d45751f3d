//! The API over real sockets: what is refused, and that refusing changes nothing.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod abuse;
mod access;
mod audit;
mod bad_input;
mod care;
mod chain;
mod concurrency;
mod download;
mod gates;
mod harness;
mod history;
mod inspection;
mod issuer;
mod links;
mod logs;
mod oidc;
mod openapi;
mod pages;
mod publish;
mod refusals;
mod revoke;
mod secrecy;
mod shutdown;
mod staging;
mod tokens;
mod walk;
