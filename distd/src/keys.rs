//! The keys that sign capabilities: a file of its own, so that neither the database nor a copy of it can make one.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use data_encoding::HEXLOWER;
use ring::hmac;
use subtle::ConstantTimeEq;

/// Where the file is in the data directory. Each line is a key: its id in 8 hexadecimal digits, a space, the key in 64.
const FILE: &str = "config/link.keys";

/// What names a key in what it signed.
pub(crate) type KeyId = [u8; 4];

/// The keys of one data directory. The last one signs, all of them verify. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Keys {
    path: Arc<PathBuf>,
    keys: Arc<RwLock<Vec<Key>>>,
}

#[derive(Clone)]
struct Key {
    id: KeyId,
    secret: [u8; 32],
}

/// What becomes of the keys before a new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OldKeys {
    /// What they signed stays good.
    Keep,
    /// What they signed is void.
    Drop,
}

impl Keys {
    /// Reads the file, making it with a first key where there is none.
    ///
    /// # Errors
    /// When it cannot be read or written, or holds something else.
    pub(crate) fn open(data: &Path) -> io::Result<Self> {
        let path = data.join(FILE);
        let keys = match fs::read_to_string(&path) {
            Ok(text) => {
                parse(&text).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "a line holds no key"))?
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(error),
        };
        let is_empty = keys.is_empty();
        let keys = Self { path: Arc::new(path), keys: Arc::new(RwLock::new(keys)) };
        if is_empty {
            keys.rotate(OldKeys::Drop)?;
        }
        Ok(keys)
    }

    /// Makes a new key, which signs from now on. It is durable on return. Gives its id.
    ///
    /// # Errors
    /// When the file cannot be written; the keys are as before then.
    pub(crate) fn rotate(&self, old: OldKeys) -> io::Result<KeyId> {
        let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        let mut wanted = if old == OldKeys::Keep { keys.clone() } else { Vec::new() };
        let key = Key { id: random()?, secret: random()? };
        let id = key.id;
        wanted.push(key);
        write(&self.path, &wanted)?;
        *keys = wanted;
        Ok(id)
    }

    /// The id of the key that signs now, and its signature of a message.
    pub(crate) fn sign(&self, message: impl FnOnce(KeyId) -> Vec<u8>) -> (Vec<u8>, hmac::Tag) {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        let key = keys.last().expect("there is one from the start, and rotation leaves one");
        let message = message(key.id);
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key.secret), &message);
        (message, tag)
    }

    /// Whether `tag` is the beginning of what the key of this id signed a message with. Takes the same time whatever differs.
    pub(crate) fn verify(&self, id: KeyId, message: &[u8], tag: &[u8]) -> bool {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        let key = keys.iter().find(|key| key.id == id);
        key.is_some_and(|key| {
            let whole = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key.secret), message);
            whole.as_ref().get(..tag.len()).is_some_and(|whole| bool::from(whole.ct_eq(tag)))
        })
    }
}

fn random<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(bytes)
}

fn parse(text: &str) -> Option<Vec<Key>> {
    let key = |line: &str| {
        let (id, secret) = line.split_once(' ')?;
        let decode = |text: &str| HEXLOWER.decode(text.trim().as_bytes()).ok();
        Some(Key { id: decode(id)?.try_into().ok()?, secret: decode(secret)?.try_into().ok()? })
    };
    text.lines().filter(|line| !line.trim().is_empty()).map(key).collect()
}

/// Puts a whole new file in place of the old one, readable by its owner only.
fn write(path: &Path, keys: &[Key]) -> io::Result<()> {
    let folder = path.parent().ok_or_else(|| io::Error::other("the file has no folder"))?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    for key in keys {
        writeln!(file, "{} {}", HEXLOWER.encode(&key.id), HEXLOWER.encode(&key.secret))?;
    }
    file.as_file().sync_all()?;
    file.persist(path)?;
    fs::File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_survive_a_restart_and_old_ones_verify_until_they_are_dropped() {
        let data = tempfile::tempdir().unwrap();
        fs::create_dir(data.path().join("config")).unwrap();
        let keys = Keys::open(data.path()).unwrap();
        let id = |message: &[u8]| KeyId::try_from(&message[..4]).unwrap();
        let (message, tag) = keys.sign(|id| id.to_vec());
        let again = Keys::open(data.path()).unwrap();
        assert!(again.verify(id(&message), &message, tag.as_ref()));
        assert!(!again.verify(id(&message), b"other", tag.as_ref()));
        again.rotate(OldKeys::Keep).unwrap();
        assert!(again.verify(id(&message), &message, tag.as_ref()));
        assert_ne!(again.sign(|id| id.to_vec()).0, message);
        again.rotate(OldKeys::Drop).unwrap();
        assert!(!again.verify(id(&message), &message, tag.as_ref()));
        assert!(!Keys::open(data.path()).unwrap().verify(id(&message), &message, tag.as_ref()));
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_reads_them() {
        use std::os::unix::fs::PermissionsExt;
        let data = tempfile::tempdir().unwrap();
        fs::create_dir(data.path().join("config")).unwrap();
        Keys::open(data.path()).unwrap();
        assert_eq!(fs::metadata(data.path().join(FILE)).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
