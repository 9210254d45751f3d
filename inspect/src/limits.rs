//! How much of an artifact is looked at. Hostile files ask for more than any honest one.

/// Bounds on one inspection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Entries of an archive that are counted and looked through by name.
    pub entries: usize,
    /// Entries that the report lists.
    pub listed_entries: usize,
    /// One file inside an archive read into memory, in bytes, uncompressed.
    pub file_bytes: u64,
    /// All that is read and decompressed together, in bytes.
    pub total_bytes: u64,
    /// An icon's PNG, in bytes, and its width and height in pixels.
    pub icon_bytes: usize,
    /// See [`Limits::icon_bytes`].
    pub icon_pixels: u32,
    /// One text field, in bytes.
    pub text_bytes: usize,
    /// Archives within archives, trees within trees.
    pub depth: u32,
}

impl Default for Limits {
    /// Enough for every honest artifact of up to 64 GiB; never more than 64 MiB of memory.
    fn default() -> Self {
        Self {
            entries: 500_000,
            listed_entries: 5_000,
            file_bytes: 16 * 1024 * 1024,
            total_bytes: 512 * 1024 * 1024,
            icon_bytes: 1024 * 1024,
            icon_pixels: 2_048,
            text_bytes: 4_096,
            depth: 16,
        }
    }
}
