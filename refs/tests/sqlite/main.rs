//! Refs and reflogs in a database: edits, reads, and several writers at once.

mod apply;
mod random_edits;
mod reads;
mod reflogs;
mod schema;
mod stays;
mod store;
mod writers;
