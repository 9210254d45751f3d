//! The command line against a real server, over real sockets.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod audit;
mod bad_input;
mod bundle;
mod care;
mod channels;
mod ci_system;
mod doctor;
mod gates;
mod harness;
mod history;
mod inspect;
mod inspection;
mod proxy;
mod publish;
mod pull;
mod resume;
mod staging;
mod trusted;
