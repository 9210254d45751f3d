//! distd
