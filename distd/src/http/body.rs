//! An object as a response body: read ahead, a few chunks in memory, no thread held while the client takes its time.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use axum::body::Body;
use bytes::Bytes;
use objstore::{Digest, ObjectReader};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use crate::blocking::blocking;

/// Bytes read at once.
const CHUNK_BYTES: usize = 512 * 1024;

/// Chunks between the disk and the network.
const CHUNKS_AHEAD: usize = 2;

/// Boundary of a `multipart/byteranges` body: as unlikely in the content as the digest itself.
fn boundary(digest: &Digest) -> String {
    format!("dist-{}", digest.short())
}

/// A piece of a body: words of ours, or bytes of the object.
enum Piece {
    Text(Bytes),
    Bytes(Range<u64>),
}

/// A body with one part of an object.
pub(super) fn part(reader: ObjectReader, range: Range<u64>) -> Body {
    send(reader, vec![Piece::Bytes(range)])
}

/// A `multipart/byteranges` body (RFC 9110, section 14.6), its media type and its length in bytes.
pub(super) fn multipart(
    reader: ObjectReader,
    digest: &Digest,
    media_type: &str,
    parts: Vec<Range<u64>>,
) -> (Body, String, u64) {
    let (boundary, len) = (boundary(digest), reader.len());
    let mut pieces = Vec::with_capacity(2 * parts.len() + 1);
    for range in parts {
        let (first, last) = (range.start, range.end - 1);
        let head = format!(
            "\r\n--{boundary}\r\nContent-Type: {media_type}\r\nContent-Range: bytes {first}-{last}/{len}\r\n\r\n"
        );
        pieces.extend([Piece::Text(head.into()), Piece::Bytes(range)]);
    }
    pieces.push(Piece::Text(format!("\r\n--{boundary}--\r\n").into()));
    let total = pieces.iter().map(Piece::len).sum();
    (send(reader, pieces), format!("multipart/byteranges; boundary={boundary}"), total)
}

impl Piece {
    fn len(&self) -> u64 {
        match self {
            Piece::Text(text) => text.len() as u64,
            Piece::Bytes(range) => range.end - range.start,
        }
    }
}

/// Reads the pieces in order. A read error ends the body as an error, so that the client never takes a short body for whole.
fn send(reader: ObjectReader, pieces: Vec<Piece>) -> Body {
    let (sender, receiver) = mpsc::channel(CHUNKS_AHEAD);
    let reader = Arc::new(reader);
    tokio::spawn(async move {
        for piece in pieces {
            let sent = match piece {
                Piece::Text(text) => sender.send(Ok(text)).await.is_ok(),
                Piece::Bytes(range) => send_range(&reader, range, &sender).await,
            };
            if !sent {
                return;
            }
        }
    });
    Body::from_stream(ReceiverStream::new(receiver))
}

/// `false` when the client went away or the object could not be read.
async fn send_range(reader: &Arc<ObjectReader>, range: Range<u64>, sender: &mpsc::Sender<io::Result<Bytes>>) -> bool {
    let mut at = range.start;
    while at < range.end {
        let wanted = usize::try_from(range.end - at).unwrap_or(usize::MAX).min(CHUNK_BYTES);
        let reader = Arc::clone(reader);
        let chunk = blocking(move || read_exactly(&reader, at, wanted)).await;
        if let Err(error) = &chunk {
            tracing::error!(%error, at, "an object cannot be read; the download ends here");
        }
        let is_bad = chunk.is_err();
        if sender.send(chunk).await.is_err() || is_bad {
            return false;
        }
        at += wanted as u64;
    }
    true
}

fn read_exactly(reader: &ObjectReader, at: u64, wanted: usize) -> io::Result<Bytes> {
    let mut chunk = vec![0; wanted];
    let mut filled = 0;
    while filled < wanted {
        match reader.read_at(at + filled as u64, &mut chunk[filled..])? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => filled += count,
        }
    }
    Ok(chunk.into())
}
