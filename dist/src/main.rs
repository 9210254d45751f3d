//! dist
fn main() {}
