//! The API over real sockets: what is refused, and that refusing changes nothing.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod abuse;
mod access;
mod audit;
mod bad_input;
mod browser;
mod care;
mod care_runs;
mod chain;
mod concurrency;
mod configuration;
mod console;
mod console_browser;
mod console_many;
mod damage;
mod doctor;
mod download;
mod files;
mod gates;
mod harness;
mod history;
mod inspection;
mod install;
mod ipas;
mod issuer;
mod links;
mod logs;
mod mail;
mod mirror;
mod oidc;
mod openapi;
mod pages;
mod process;
mod provisional;
mod publish;
mod refusals;
mod revoke;
mod secrecy;
mod sessions;
mod shutdown;
mod staging;
mod tokens;
mod walk;
mod webhooks;
