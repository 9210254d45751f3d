//! The SHA-256 of each chunk of an object: with them an interrupted installation begins again with a chunk, not with the file.

use objstore::{Digest, Hasher, Store};

use super::super::OpError;
use super::super::care::examine;
use crate::Server;
use crate::blocking::blocking;
use crate::db;

/// Bytes of one chunk: 10 MiB.
pub(super) const CHUNK_BYTES: u64 = 10 * 1024 * 1024;

const BUFFER_BYTES: usize = 512 * 1024;

/// The sums of an object's chunks, in order; made the first time that they are asked for.
pub(super) async fn ensure(server: &Server, digest: Digest) -> Result<Vec<Digest>, OpError> {
    if let Some(sums) = known(server, digest).await? {
        return Ok(sums);
    }
    let _turn = server.inspector.turn(digest).await;
    if let Some(sums) = known(server, digest).await? {
        return Ok(sums);
    }
    let store = server.store.clone();
    let sums = match blocking(move || read(&store, &digest, CHUNK_BYTES)).await {
        Err(error @ OpError::ObjectDamaged { .. }) => {
            tokio::spawn(examine(server.clone(), digest));
            return Err(error);
        }
        read => read?,
    };
    let bytes: Vec<u8> = sums.iter().flat_map(|sum| *sum.as_bytes()).collect();
    server.db.write(move |tx| Ok::<_, OpError>(db::chunks::insert(tx, &digest, &bytes)?)).await?;
    Ok(sums)
}

async fn known(server: &Server, digest: Digest) -> Result<Option<Vec<Digest>>, OpError> {
    let found = server.db.read(move |connection| Ok::<_, OpError>(db::chunks::find(connection, &digest)?)).await?;
    Ok(found.map(|bytes| bytes.as_chunks::<32>().0.iter().map(|sum| Digest::from_bytes(*sum)).collect()))
}

/// Reads an object whole. The sums are those of its bytes: they are kept, and would outlive damage that they were made of.
fn read(store: &Store, digest: &Digest, chunk_bytes: u64) -> Result<Vec<Digest>, OpError> {
    let failed = |error: std::io::Error| OpError::storage("hashing the chunks of an object")(error.into());
    let object =
        store.read(digest).map_err(|error| OpError::storage("reading an object for its chunks")(error.into()))?;
    let mut buffer = vec![0; BUFFER_BYTES];
    let (mut sums, mut whole) = (Vec::new(), Hasher::new());
    let mut at = 0;
    while at < object.len() {
        let end = (at + chunk_bytes).min(object.len());
        let mut hasher = Hasher::new();
        while at < end {
            let wanted = usize::try_from(end - at).unwrap_or(usize::MAX).min(BUFFER_BYTES);
            let count = object.read_at(at, &mut buffer[..wanted]).map_err(failed)?;
            if count == 0 {
                return Err(failed(std::io::ErrorKind::UnexpectedEof.into()));
            }
            hasher.update(&buffer[..count]);
            whole.update(&buffer[..count]);
            at += count as u64;
        }
        sums.push(hasher.finish());
    }
    if whole.finish() == *digest { Ok(sums) } else { Err(OpError::ObjectDamaged { digest: *digest }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_chunk_is_hashed_by_itself() {
        let data = tempfile::tempdir().unwrap();
        let store = Store::open(data.path(), objstore::Options { reserve_bytes: 0 }).unwrap();
        let bytes: Vec<u8> = (0..=200).collect();
        let digest = Digest::of(&bytes);
        store.put(&bytes).unwrap();
        let expect = [Digest::of(&bytes[..100]), Digest::of(&bytes[100..200]), Digest::of(&bytes[200..])];
        assert_eq!(read(&store, &digest, 100).unwrap(), expect);
    }

    #[test]
    fn of_damaged_bytes_there_are_no_sums() {
        use std::os::unix::fs::PermissionsExt;
        let data = tempfile::tempdir().unwrap();
        let store = Store::open(data.path(), objstore::Options { reserve_bytes: 0 }).unwrap();
        let digest = store.put(&[7; 250]).unwrap().digest;
        let name = digest.to_string();
        let path = data.path().join("objects").join(&name[..2]).join(&name);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        std::fs::write(&path, [8; 250]).unwrap();
        assert!(matches!(read(&store, &digest, 100), Err(OpError::ObjectDamaged { digest: it }) if it == digest));
    }
}
