//! An object as a response body: read ahead, a few chunks in memory, no thread held while the client takes its time.

use std::io;
use std::ops::Range;

use axum::body::Body;
use bytes::Bytes;
use objstore::{BLOCK_BYTES, Digest};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use crate::ops::download::Content;

/// Bytes read at once.
const CHUNK_BYTES: u64 = 2 * BLOCK_BYTES;

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
pub(super) fn part(content: Content, range: Range<u64>) -> Body {
    send(content, vec![Piece::Bytes(range)])
}

/// A `multipart/byteranges` body (RFC 9110, section 14.6), its media type and its length in bytes.
pub(super) fn multipart(
    content: Content,
    digest: &Digest,
    media_type: &str,
    parts: Vec<Range<u64>>,
) -> (Body, String, u64) {
    let (boundary, len) = (boundary(digest), content.len());
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
    (send(content, pieces), format!("multipart/byteranges; boundary={boundary}"), total)
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
fn send(content: Content, pieces: Vec<Piece>) -> Body {
    let (sender, receiver) = mpsc::channel(CHUNKS_AHEAD);
    tokio::spawn(async move {
        for piece in pieces {
            let sent = match piece {
                Piece::Text(text) => sender.send(Ok(text)).await.is_ok(),
                Piece::Bytes(range) => send_range(&content, range, &sender).await,
            };
            if !sent {
                return;
            }
        }
    });
    Body::from_stream(ReceiverStream::new(receiver))
}

/// `false` when the client went away or the object could not be read. Whole chunks are read at multiples of their size, so that
/// no block of the object is verified twice.
async fn send_range(content: &Content, range: Range<u64>, sender: &mpsc::Sender<io::Result<Bytes>>) -> bool {
    let mut at = range.start;
    while at < range.end {
        let end = (at - at % CHUNK_BYTES + CHUNK_BYTES).min(range.end);
        let chunk = content.read(at..end).await;
        if let Err(error) = &chunk {
            tracing::error!(%error, at, "an object cannot be read; the download ends here");
        }
        let is_bad = chunk.is_err();
        if sender.send(chunk).await.is_err() || is_bad {
            return false;
        }
        at = end;
    }
    true
}
