//! The API over real sockets: what is refused, and that refusing changes nothing.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod access;
mod bad_input;
mod concurrency;
mod download;
mod harness;
mod inspection;
mod issuer;
mod links;
mod oidc;
mod openapi;
mod pages;
mod publish;
mod secrecy;
mod shutdown;
mod tokens;
mod walk;
