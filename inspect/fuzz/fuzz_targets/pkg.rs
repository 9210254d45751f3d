//! Files that are detected as `pkg`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| -> libfuzzer_sys::Corpus { inspect_fuzz::inspect(bytes, inspect::Format::Pkg) });
