//! Files that are detected as `apk`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| -> libfuzzer_sys::Corpus { inspect_fuzz::inspect(bytes, inspect::Format::Apk) });
