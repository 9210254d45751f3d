//! How `dist` speaks: answers on stdout, everything else on stderr.
//!
//! What a person reads is rendered by pure functions that are handed a [`Look`]; [`Output`] and [`Terminal`] are the only
//! places that write.

mod artifacts;
mod diff;
mod duration;
mod gates;
mod graph;
mod line;
mod log;
mod look;
mod moment;
mod output;
mod pager;
mod promotion;
mod report;
mod size;
mod table;
mod terminal;

pub(crate) use artifacts::{artifact_table, contents, findings, severity};
pub(crate) use diff::{Part, render_diff};
pub(crate) use duration::parse_seconds;
pub(crate) use gates::{gate_lines, gates, passed_line, wrap};
pub(crate) use log::{Detail, Lines, LogView};
pub(crate) use look::{Look, Times, Tone};
pub(crate) use moment::parse_since;
pub(crate) use output::{Format, Output, Reader, json_line, stream_stdout, write_json, write_stdout};
pub(crate) use pager::{Pager, Paging};
pub(crate) use promotion::{render_moved, render_passed, render_promotion, render_refusal, render_rollback};
pub(crate) use report::render_error;
pub(crate) use size::{parse_size, size};
pub(crate) use table::{Align, Table, key_values, printable};
pub(crate) use terminal::{Bar, Terminal, Voice};
