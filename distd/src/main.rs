//! distd
fn main() {}
