//! The disk that an image unpacks to, read where it is asked for: one run of blocks at a time.

use std::io::{self, Read, Seek};

use bzip2::read::BzDecoder;
use flate2::read::ZlibDecoder;
use lzfse_rust::LzfseRingDecoder;

use super::adc;
use super::koly::{Koly, RUN_LEN, SECTOR_BYTES, runs, u32_at, u64_at};
use crate::compression::{Compression, Patience, decompress};
use crate::filesystems::Blocks;
use crate::input::Input;

/// A compressed run, packed and unpacked. `hdiutil` makes them of 256 KiB or 1 MiB.
const RUN_BYTES: u64 = 4 * 1024 * 1024;
/// Runs that are kept unpacked.
const KEPT: usize = 8;
/// All that is kept unpacked.
const KEPT_BYTES: usize = 8 * 1024 * 1024;
/// Dictionary of a run in xz, which is never larger than what `hdiutil` puts in a run.
const XZ_BYTES: u64 = 16 * 1024 * 1024;

/// How the blocks of a run are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packing {
    Zeros,
    Raw,
    Adc,
    Zlib,
    Bzip2,
    Lzfse,
    Xz,
}

impl Packing {
    /// By the number that a run begins with; comments and the end mark are none.
    pub(super) fn of_run(kind: u32) -> Option<Self> {
        match kind {
            0 | 2 => Some(Self::Zeros),
            1 => Some(Self::Raw),
            0x8000_0004 => Some(Self::Adc),
            0x8000_0005 => Some(Self::Zlib),
            0x8000_0006 => Some(Self::Bzip2),
            0x8000_0007 => Some(Self::Lzfse),
            0x8000_0008 => Some(Self::Xz),
            _ => None,
        }
    }

    /// The word that reports have for it. Runs of zeros hold none.
    pub(super) fn word(self) -> Option<&'static str> {
        match self {
            Self::Zeros => None,
            Self::Raw => Some("none"),
            Self::Adc => Some("adc"),
            Self::Zlib => Some("zlib"),
            Self::Bzip2 => Some("bzip2"),
            Self::Lzfse => Some("lzfse"),
            Self::Xz => Some("lzma"),
        }
    }

    /// What unpacking a run is charged with. Beginning costs too, so that an image of tiny runs is no way around the
    /// limit.
    fn cost(self, packed_bytes: u64, bytes: u64) -> u64 {
        const KIB: u64 = 1024;
        match self {
            Self::Zeros | Self::Raw => bytes,
            Self::Adc | Self::Zlib | Self::Lzfse => Compression::Gzip.cost(packed_bytes, bytes.max(64 * KIB)),
            Self::Bzip2 => Compression::Bzip2.cost(packed_bytes, bytes.max(256 * KIB)),
            Self::Xz => Compression::Xz.cost(packed_bytes, bytes.max(1024 * KIB)),
        }
    }
}

/// Blocks that are kept in one way.
#[derive(Debug, Clone, Copy)]
struct Run {
    packing: Packing,
    /// Its first byte on the disk.
    start: u64,
    size_bytes: u64,
    file_offset: u64,
    packed_bytes: u64,
}

/// The unpacked disk.
pub(super) struct Disk<'a, R> {
    input: &'a mut Input<R>,
    /// By where they begin.
    runs: Vec<Run>,
    /// Unpacked runs by their index, the one that was asked for last at the end.
    kept: Vec<(usize, Vec<u8>)>,
}

impl<'a, R: Read + Seek> Disk<'a, R> {
    /// The disk that these block maps describe.
    pub(super) fn new(input: &'a mut Input<R>, koly: &Koly, maps: &[(String, Vec<u8>)]) -> Self {
        let mut runs: Vec<Run> = maps.iter().flat_map(|(_, map)| parse_runs(koly, map)).collect();
        runs.sort_by_key(|run| run.start);
        Self { input, runs, kept: Vec::new() }
    }

    /// Where in `kept` the unpacked run is.
    fn unpacked(&mut self, index: usize, run: Run) -> io::Result<usize> {
        if let Some(at) = self.kept.iter().position(|(kept, _)| *kept == index) {
            let run = self.kept.remove(at);
            self.kept.push(run);
            return Ok(self.kept.len() - 1);
        }
        let bytes = self.unpack(run)?;
        let kept_bytes = |kept: &[(usize, Vec<u8>)]| kept.iter().map(|(_, bytes)| bytes.len()).sum::<usize>();
        while self.kept.len() >= KEPT || kept_bytes(&self.kept) + bytes.len() > KEPT_BYTES {
            if self.kept.is_empty() {
                break;
            }
            self.kept.remove(0);
        }
        self.kept.push((index, bytes));
        Ok(self.kept.len() - 1)
    }

    fn unpack(&mut self, run: Run) -> io::Result<Vec<u8>> {
        if run.size_bytes > RUN_BYTES || run.packed_bytes > RUN_BYTES {
            return Err(io::Error::other(format!("a run of {} bytes, which is not unpacked", run.size_bytes)));
        }
        let cost = run.packing.cost(run.packed_bytes, run.size_bytes);
        self.input.spend(cost)?;
        let packed = self.input.read_at(run.file_offset, usize::try_from(run.packed_bytes).unwrap_or(0))?;
        let mut bytes = Vec::new();
        match run.packing {
            Packing::Zlib => ZlibDecoder::new(&packed[..]).take(run.size_bytes).read_to_end(&mut bytes),
            Packing::Bzip2 => BzDecoder::new(&packed[..]).take(run.size_bytes).read_to_end(&mut bytes),
            Packing::Lzfse => {
                let mut decoder = LzfseRingDecoder::default();
                decoder.reader_bytes(&packed).take(run.size_bytes).read_to_end(&mut bytes)
            }
            Packing::Xz => {
                let patience = Patience::new(cost.saturating_mul(2));
                let reader = decompress(Compression::Xz, &packed[..], XZ_BYTES, &patience);
                reader.take(run.size_bytes).read_to_end(&mut bytes)
            }
            Packing::Adc => adc::unpack(&packed, usize::try_from(run.size_bytes).unwrap_or(0), &mut bytes),
            Packing::Zeros | Packing::Raw => Ok(0),
        }
        .map_err(|why| io::Error::other(format!("the blocks at byte {} of the image: {why}", run.file_offset)))?;
        if bytes.len() as u64 != run.size_bytes {
            let why = format!("the blocks at byte {} of the image break off", run.file_offset);
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, why));
        }
        Ok(bytes)
    }
}

impl<R: Read + Seek> Blocks for Disk<'_, R> {
    fn read_at(&mut self, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        // Copying costs too, also what was unpacked before and what is zeros.
        self.input.spend((len as u64 / 4).max(64))?;
        let mut bytes = Vec::new();
        while bytes.len() < len {
            let at = offset.saturating_add(bytes.len() as u64);
            let index = self.runs.partition_point(|run| run.start <= at).checked_sub(1);
            let found = index.and_then(|index| Some((index, *self.runs.get(index)?)));
            let found = found.filter(|(_, run)| at - run.start < run.size_bytes);
            let nowhere = || io::Error::other(format!("no run of blocks holds byte {at} of the disk"));
            let (index, run) = found.ok_or_else(nowhere)?;
            let within = at - run.start;
            let wanted = usize::try_from(run.size_bytes - within).unwrap_or(usize::MAX).min(len - bytes.len());
            match run.packing {
                Packing::Zeros => bytes.resize(bytes.len() + wanted, 0),
                Packing::Raw => {
                    let read = self.input.read_at(run.file_offset.saturating_add(within), wanted)?;
                    if read.len() < wanted {
                        return Err(nowhere());
                    }
                    bytes.extend(read);
                }
                _ => {
                    let kept = self.unpacked(index, run)?;
                    let start = usize::try_from(within).unwrap_or(usize::MAX);
                    bytes.extend(self.kept[kept].1.get(start..start.saturating_add(wanted)).ok_or_else(nowhere)?);
                }
            }
        }
        Ok(bytes)
    }
}

/// The runs of one block map. Those whose numbers no disk has are left out, and with them what they hold.
fn parse_runs<'a>(koly: &'a Koly, map: &'a [u8]) -> impl Iterator<Item = Run> + 'a {
    let first = u64_at(map, 8).unwrap_or(0);
    let data = koly.data_offset.saturating_add(u64_at(map, 24).unwrap_or(0));
    runs(map).filter_map(move |raw: &[u8; RUN_LEN]| {
        let start = first.checked_add(u64_at(raw, 8)?)?.checked_mul(SECTOR_BYTES)?;
        let size_bytes = u64_at(raw, 16)?.checked_mul(SECTOR_BYTES)?;
        start.checked_add(size_bytes)?;
        Some(Run {
            packing: Packing::of_run(u32_at(raw, 0)?)?,
            start,
            size_bytes,
            file_offset: data.checked_add(u64_at(raw, 24)?)?,
            packed_bytes: u64_at(raw, 32)?,
        })
    })
}
