//! Files compressed as a whole: gzip, xz, Zstandard, bzip2. Decompressed as a stream, with bounded memory.

use std::io::{self, BufRead, BufReader, Read};

use bzip2::bufread::MultiBzDecoder;
use flate2::bufread::MultiGzDecoder;
use lzma_rust2::{Action, Status, XzStream};
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};
use serde::{Deserialize, Serialize};

/// Memory that a decompressor may take for its dictionary or window: what `xz -8` and `zstd --ultra -20` ask for.
pub(crate) const MEMORY_BYTES: u64 = 34 * 1024 * 1024;

/// Read at a time.
const BUFFER_BYTES: usize = 64 * 1024;

/// How bytes are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// Not at all.
    None,
    /// gzip (RFC 1952).
    Gzip,
    /// xz (tukaani.org/xz/xz-file-format.txt).
    Xz,
    /// Zstandard (RFC 8878).
    Zstd,
    /// bzip2.
    Bzip2,
    /// The older LZMA format, which is recognised by name only and never decompressed.
    Lzma,
}

impl Compression {
    /// By the first bytes.
    pub(crate) fn of_head(head: &[u8]) -> Self {
        if head.starts_with(&[0x1f, 0x8b, 8]) {
            Self::Gzip
        } else if head.starts_with(b"\xfd7zXZ\0") {
            Self::Xz
        } else if head.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
            Self::Zstd
        } else if head.starts_with(b"BZh") {
            Self::Bzip2
        } else {
            Self::None
        }
    }

    /// Bytes out of a decompressor that are waited for: what each makes in about a second.
    pub(crate) fn patience_bytes(self) -> u64 {
        const MIB: u64 = 1024 * 1024;
        match self {
            Self::None | Self::Gzip => 448 * MIB,
            Self::Zstd => 320 * MIB,
            Self::Xz | Self::Lzma => 96 * MIB,
            Self::Bzip2 => 32 * MIB,
        }
    }
}

/// Decompresses `input` with at most `memory_bytes` for the dictionary. A file that wants more fails with
/// [`io::ErrorKind::OutOfMemory`] at the first read.
pub(crate) fn decompress<'a>(compression: Compression, input: impl Read + 'a, memory_bytes: u64) -> Box<dyn Read + 'a> {
    let input = BufReader::with_capacity(BUFFER_BYTES, input);
    match compression {
        Compression::None => Box::new(input),
        Compression::Gzip => Box::new(MultiGzDecoder::new(input)),
        Compression::Bzip2 => Box::new(MultiBzDecoder::new(input)),
        Compression::Xz => {
            let memory_kib = u32::try_from(memory_bytes / 1024).unwrap_or(u32::MAX);
            Box::new(XzStreams { input, decoder: XzStream::new_mem_limit(true, memory_kib), is_finished: false })
        }
        Compression::Zstd => Box::new(ZstdFrames::new(input, memory_bytes)),
        Compression::Lzma => Box::new(Refused),
    }
}

/// Says so when read.
struct Refused;

impl Read for Refused {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::new(io::ErrorKind::Unsupported, "compressed as LZMA without a container, which is not read"))
    }
}

/// xz through the decoder that takes bytes as they come. The crate's `XzReader` goes from one stream to the next by
/// recursion, so that a file of many empty ones would take the whole stack, and makes room for as many index records as
/// the file claims.
struct XzStreams<R> {
    input: R,
    decoder: XzStream,
    is_finished: bool,
}

impl<R: BufRead> Read for XzStreams<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while !self.is_finished && !buffer.is_empty() {
            let available = self.input.fill_buf()?;
            let is_end = available.is_empty();
            let action = if is_end { Action::Finish } else { Action::Run };
            let step = self.decoder.process(available, buffer, action)?;
            self.input.consume(step.bytes_consumed);
            self.is_finished = step.status == Status::StreamEnd;
            if step.bytes_produced > 0 {
                return Ok(step.bytes_produced);
            }
            if is_end && !self.is_finished {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the xz stream breaks off"));
            }
        }
        Ok(0)
    }
}

/// A Zstandard file is one frame after another; the decoder knows one.
struct ZstdFrames<R> {
    input: R,
    decoder: FrameDecoder,
    is_within: bool,
}

impl<R: BufRead> ZstdFrames<R> {
    fn new(input: R, memory_bytes: u64) -> Self {
        let mut decoder = FrameDecoder::new();
        decoder.set_max_window_size(memory_bytes);
        Self { input, decoder, is_within: false }
    }

    /// Whether there is another frame, whose header is read then. Skippable frames are skipped.
    fn open_next(&mut self) -> io::Result<bool> {
        while !self.input.fill_buf()?.is_empty() {
            match self.decoder.reset(&mut self.input) {
                Ok(()) => return Ok(true),
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame { length, .. })) => {
                    io::copy(&mut self.input.by_ref().take(u64::from(length)), &mut io::sink())?;
                }
                Err(error @ FrameDecoderError::WindowSizeTooBig { .. }) => {
                    return Err(io::Error::new(io::ErrorKind::OutOfMemory, error.to_string()));
                }
                Err(error) => return Err(io::Error::new(io::ErrorKind::InvalidData, error.to_string())),
            }
        }
        Ok(false)
    }
}

impl<R: BufRead> Read for ZstdFrames<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if !self.is_within && !self.open_next()? {
                return Ok(0);
            }
            self.is_within = true;
            while self.decoder.can_collect() == 0 && !self.decoder.is_finished() {
                let blocks = BlockDecodingStrategy::UptoBlocks(1);
                self.decoder.decode_blocks(&mut self.input, blocks).map_err(io::Error::other)?;
            }
            let read = self.decoder.read(buffer)?;
            if read > 0 || buffer.is_empty() {
                return Ok(read);
            }
            self.is_within = false;
        }
    }
}
