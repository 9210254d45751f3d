//! Files compressed as a whole: gzip, xz, Zstandard, bzip2. Decompressed as a stream, with bounded memory.

use std::cell::Cell;
use std::io::{self, BufRead, BufReader, Read};
use std::rc::Rc;

use bzip2::bufread::BzDecoder;
use flate2::bufread::GzDecoder;
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

    /// What unpacking costs, in bytes out of zlib, which come fastest: what takes as long. What hardly shrank takes longest
    /// for what comes out of it, so that both ends count.
    pub(crate) fn cost(self, packed_bytes: u64, bytes: u64) -> u64 {
        let (into, out) = match self {
            Self::None => (0, 1),
            Self::Gzip => (6, 1),
            Self::Zstd => (6, 2),
            Self::Xz | Self::Lzma => (36, 4),
            Self::Bzip2 => (36, 15),
        };
        packed_bytes.saturating_mul(into).saturating_add(bytes.saturating_mul(out))
    }
}

/// What a stream of several costs, whatever it holds: buffers are made for each.
const STREAM_COST: u64 = 16 * 1024;
/// bzip2 makes larger ones.
const BZIP2_STREAM_COST: u64 = 96 * 1024;

/// How long decompressing is waited for, in the unit of [`Compression::cost`] rather than by a clock: a file is read as far on
/// every machine.
#[derive(Debug, Clone)]
pub(crate) struct Patience {
    left: Rc<Cell<u64>>,
}

impl Patience {
    pub(crate) fn new(cost: u64) -> Self {
        Self { left: Rc::new(Cell::new(cost)) }
    }

    /// Whether decompressing ended for this reason.
    pub(crate) fn is_exhausted(&self) -> bool {
        self.left.get() == 0
    }

    fn spend(&self, cost: u64) -> io::Result<()> {
        if self.is_exhausted() {
            return Err(io::Error::other("decompressing it takes longer than is waited for"));
        }
        self.left.set(self.left.get().saturating_sub(cost));
        Ok(())
    }
}

/// One end of a decompressor, where bytes are counted.
struct Metered<R> {
    inner: R,
    patience: Patience,
    /// What one byte costs here.
    unit: u64,
}

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.patience.spend(0)?;
        let read = self.inner.read(buffer)?;
        self.patience.spend(self.unit * read as u64)?;
        Ok(read)
    }
}

/// Decompresses `input` with at most `memory_bytes` for the dictionary, until `patience` ends. A file that wants more memory
/// fails with [`io::ErrorKind::OutOfMemory`] at the first read.
pub(crate) fn decompress<'a>(
    compression: Compression,
    input: impl Read + 'a,
    memory_bytes: u64,
    patience: &Patience,
) -> Box<dyn Read + 'a> {
    let patience = patience.clone();
    let input = Metered { inner: input, patience: patience.clone(), unit: compression.cost(1, 0) };
    let input = BufReader::with_capacity(BUFFER_BYTES, input);
    let inner: Box<dyn Read + 'a> = match compression {
        Compression::None => Box::new(input),
        Compression::Gzip => {
            let current = Some(GzDecoder::new(input));
            Box::new(Streams { current, next: next_gzip, cost: STREAM_COST, patience: patience.clone() })
        }
        Compression::Bzip2 => {
            let current = Some(BzDecoder::new(input));
            Box::new(Streams { current, next: next_bzip2, cost: BZIP2_STREAM_COST, patience: patience.clone() })
        }
        Compression::Xz => {
            let memory_kib = u32::try_from(memory_bytes / 1024).unwrap_or(u32::MAX);
            Box::new(XzStreams { input, decoder: XzStream::new_mem_limit(true, memory_kib), is_finished: false })
        }
        Compression::Zstd => Box::new(ZstdFrames::new(input, memory_bytes, patience.clone())),
        Compression::Lzma => Box::new(Refused),
    };
    Box::new(Metered { inner, patience, unit: compression.cost(0, 1) })
}

/// Streams one behind the other, each of which costs something, so that millions of empty ones are no way around patience.
struct Streams<D> {
    /// Absent behind the last.
    current: Option<D>,
    /// The next, where anything is behind this one.
    next: fn(D) -> io::Result<Option<D>>,
    /// Of each.
    cost: u64,
    patience: Patience,
}

impl<D: Read> Read for Streams<D> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(current) = &mut self.current {
            let read = current.read(buffer)?;
            if read > 0 || buffer.is_empty() {
                return Ok(read);
            }
            self.patience.spend(self.cost)?;
            self.current = match self.current.take() {
                Some(ended) => (self.next)(ended)?,
                None => None,
            };
        }
        Ok(0)
    }
}

fn next_gzip<R: BufRead>(ended: GzDecoder<R>) -> io::Result<Option<GzDecoder<R>>> {
    let mut input = ended.into_inner();
    Ok(if input.fill_buf()?.is_empty() { None } else { Some(GzDecoder::new(input)) })
}

fn next_bzip2<R: BufRead>(ended: BzDecoder<R>) -> io::Result<Option<BzDecoder<R>>> {
    let mut input = ended.into_inner();
    Ok(if input.fill_buf()?.is_empty() { None } else { Some(BzDecoder::new(input)) })
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
    patience: Patience,
}

impl<R: BufRead> ZstdFrames<R> {
    fn new(input: R, memory_bytes: u64, patience: Patience) -> Self {
        let mut decoder = FrameDecoder::new();
        decoder.set_max_window_size(memory_bytes);
        Self { input, decoder, is_within: false, patience }
    }

    /// Whether there is another frame, whose header is read then. Skippable frames are skipped.
    fn open_next(&mut self) -> io::Result<bool> {
        while !self.input.fill_buf()?.is_empty() {
            self.patience.spend(STREAM_COST)?;
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
