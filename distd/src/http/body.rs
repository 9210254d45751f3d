//! An object as a response body: a block at a time, no thread held while the client takes its time.
//!
//! A block is small enough to stay in the processor's cache from the read over its verification to the socket, which is what a
//! download costs most.

use std::collections::VecDeque;
use std::io;
use std::ops::Range;

use axum::body::Body;
use bytes::Bytes;
use futures_util::stream;
use objstore::{BLOCK_BYTES, Digest};

use crate::ops::download::Content;

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

/// Reads the pieces in order, as the client takes them. A read error ends the body as an error, so that the client never takes
/// a short body for whole.
fn send(content: Content, pieces: Vec<Piece>) -> Body {
    let left: VecDeque<Piece> = pieces.into();
    Body::from_stream(stream::try_unfold((content, left), |(content, mut left)| async move {
        let Some(piece) = left.pop_front() else { return Ok(None) };
        let bytes = match piece {
            Piece::Text(text) => text,
            Piece::Bytes(range) => {
                let (now, later) = first_block(range);
                if !later.is_empty() {
                    left.push_front(Piece::Bytes(later));
                }
                read(&content, now).await?
            }
        };
        Ok::<_, io::Error>(Some((bytes, (content, left))))
    }))
}

/// What of a range is within the block that it begins in, so that no block of the object is verified twice; and the rest.
fn first_block(range: Range<u64>) -> (Range<u64>, Range<u64>) {
    let end = (range.start - range.start % BLOCK_BYTES + BLOCK_BYTES).min(range.end);
    (range.start..end, end..range.end)
}

async fn read(content: &Content, range: Range<u64>) -> io::Result<Bytes> {
    let at = range.start;
    content.read(range).await.inspect_err(|error| {
        tracing::error!(%error, at, "an object cannot be read; the download ends here");
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_cut_at_the_ends_of_blocks() {
        let check = |range: Range<u64>, now: Range<u64>| {
            let later = now.end..range.end;
            assert_eq!(first_block(range), (now, later));
        };
        check(0..10, 0..10);
        check(0..BLOCK_BYTES, 0..BLOCK_BYTES);
        check(5..BLOCK_BYTES + 1, 5..BLOCK_BYTES);
        check(BLOCK_BYTES..5 * BLOCK_BYTES, BLOCK_BYTES..2 * BLOCK_BYTES);
        check(7..7, 7..7);
    }
}
