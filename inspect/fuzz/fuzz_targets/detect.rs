//! Telling the format of any bytes.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| inspect_fuzz::detect(bytes));
