//! Bytes and JSON: turns a request into one call of an operation, and its answer into a response.
//!
//! A handler extracts, calls, wraps. It has no SQL, no decision and no path of its own; every route is in `router.rs`.

mod apps;
mod audit;
mod body;
mod care;
mod channels;
mod compare;
mod disposition;
mod doctor;
mod error;
mod extract;
mod health;
mod installs;
mod layer;
mod links;
pub(crate) mod metrics;
mod objects;
mod openapi;
mod promotion;
mod publishers;
mod push;
mod ranges;
mod refusal;
mod releases;
mod reports;
mod router;
mod staging;
mod subpath;
mod tokens;
mod visitor;
mod webhooks;

pub(crate) use error::{Refused, Told};
pub(crate) use objects::{Delivery, deliver};
pub use openapi::document;
pub use router::router;
pub(crate) use visitor::{Visitor, cookie_secret, forget_cookie, keep_cookie, read_form};
