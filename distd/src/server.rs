//! Everything that an operation works on: the database, the objects, the clock.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use jiff::{SignedDuration, Timestamp, TimestampRound, Unit};
use objstore::{Digest, DirLock, LockError, Options, Store};

use crate::config::Setting;
use crate::db::{self, Database};
use crate::ending::Ending;
use crate::inspection::Inspector;
use crate::keys::Keys;
use crate::metrics::Metrics;
use crate::oidc::Issuers;
use crate::ops::authenticate::Attempts;
use crate::ops::care::gc::{Ground, Uploads};
use crate::ops::care::{Chain, Policy, Unreadable};
use crate::ops::install::counts::Counts;
use crate::ops::refusals::Refusals;
use crate::ops::staging::DEFAULT_TTL;
use crate::ops::tokens::TokenUses;
use crate::site::Site;
use crate::webhooks::Sender;

/// Directories of the data directory that are there from the start, for people to put things into.
const DIRECTORIES: &[&str] = &["backups", "config", "logs"];

/// Tells the time. Tests inject their own.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Timestamp + Send + Sync>);

impl Clock {
    /// The system's clock.
    pub fn system() -> Self {
        Self::new(Timestamp::now)
    }

    /// A clock of one's own.
    pub fn new(now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// Now, to the millisecond: what columns hold.
    pub fn now(&self) -> Timestamp {
        let now = (self.0)();
        now.round(TimestampRound::new().smallest(Unit::Millisecond).mode(jiff::RoundMode::Trunc)).unwrap_or(now)
    }
}

/// What a server is told: in force from one request to the next when it is told anew.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How it is reached from outside.
    pub site: Site,
    /// How long things are kept that nothing names, and how often everything is read.
    pub policy: Policy,
    /// For how long a staged part is kept.
    pub stage_ttl: SignedDuration,
    /// Every option, and where its value is from.
    pub configuration: Vec<Setting>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { site: Site::default(), policy: Policy::default(), stage_ttl: DEFAULT_TTL, configuration: Vec::new() }
    }
}

/// One data directory and what is needed to serve it. Cheap to clone.
#[derive(Clone)]
pub struct Server {
    pub(crate) db: Database,
    pub(crate) store: Store,
    pub(crate) clock: Clock,
    pub(crate) inspector: Inspector,
    pub(crate) keys: Keys,
    pub(crate) uses: TokenUses,
    pub(crate) issuers: Issuers,
    pub(crate) attempts: Arc<Attempts>,
    pub(crate) refusals: Arc<Refusals>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) chain: Arc<Chain>,
    pub(crate) unreadable: Arc<Unreadable>,
    settings: Arc<RwLock<Arc<Settings>>>,
    data: Arc<Path>,
    reserve_bytes: u64,
    examined: Arc<Mutex<HashSet<Digest>>>,
    pub(crate) counts: Arc<Counts>,
    pub(crate) ending: Ending,
    pub(crate) webhooks: Arc<Sender>,
    _lock: Arc<DirLock>,
}

/// Why a data directory cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// It does not exist and cannot be made, or cannot be written.
    #[error("cannot use the data directory {path}: {source}", path = path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another `distd` serves it, or its lock cannot be taken.
    #[error("{}", describe(.0))]
    Lock(#[from] LockError),
    /// Its objects cannot be used.
    #[error(transparent)]
    Store(#[from] objstore::OpenError),
    /// The keys that sign links cannot be used.
    #[error("cannot use the keys that sign links (config/link.keys): {0}")]
    Keys(io::Error),
    /// Its database cannot be used.
    #[error(transparent)]
    Database(#[from] db::OpenError),
}

fn describe(error: &LockError) -> String {
    match error {
        LockError::Held { .. } => format!("another distd serves this data directory: {error}"),
        LockError::Io { source, .. } => format!("{error}: {source}"),
    }
}

impl Server {
    /// Opens a data directory, making it first where it does not exist, and holds its lock while the value lives.
    ///
    /// # Errors
    /// When another process serves it, or it cannot be read and written.
    pub fn open(data: &Path, options: Options, clock: Clock, inspector: Inspector) -> Result<Self, OpenError> {
        make_directories(data)?;
        let lock = DirLock::acquire(data)?;
        let store = Store::open(data, options)?;
        let db = Database::open(data)?;
        let keys = Keys::open(data).map_err(OpenError::Keys)?;
        let issuers = Issuers::new(clock.clone());
        let (attempts, refusals) = (Arc::new(Attempts::new()), Arc::new(Refusals::new()));
        let uses = TokenUses::default();
        Ok(Self {
            db,
            store,
            clock,
            inspector,
            issuers,
            keys,
            uses,
            attempts,
            refusals,
            metrics: Arc::default(),
            chain: Arc::default(),
            unreadable: Arc::default(),
            settings: Arc::default(),
            data: Arc::from(data),
            reserve_bytes: options.reserve_bytes,
            examined: Arc::default(),
            counts: Arc::default(),
            ending: Ending::default(),
            webhooks: Arc::default(),
            _lock: Arc::new(lock),
        })
    }

    /// What it was told, as it is in force now.
    pub(crate) fn settings(&self) -> Arc<Settings> {
        Arc::clone(&self.settings.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Tells it anew. Requests in flight go on as they began.
    pub fn change(&self, settings: Settings) {
        *self.settings.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(settings);
    }

    /// The same server, which sends webhooks with this.
    #[must_use]
    pub fn with_webhooks(self, sender: Sender) -> Self {
        Self { webhooks: Arc::new(sender), ..self }
    }

    /// What gc works on.
    pub(crate) fn ground(&self) -> Ground {
        Ground {
            db: self.db.clone(),
            store: self.store.clone(),
            clock: self.clock.clone(),
            policy: self.settings().policy,
            uploads: Uploads::Ours,
        }
    }

    /// The data directory.
    pub(crate) fn data(&self) -> &Path {
        &self.data
    }

    /// Free space that is never used up, in bytes.
    pub(crate) fn reserve_bytes(&self) -> u64 {
        self.reserve_bytes
    }

    /// Notes that an object is being looked at; `false` where someone does already.
    pub(crate) fn begin_examination(&self, digest: Digest) -> bool {
        self.examined.lock().unwrap_or_else(PoisonError::into_inner).insert(digest)
    }

    /// Ends what [`Server::begin_examination`] began.
    pub(crate) fn end_examination(&self, digest: Digest) {
        self.examined.lock().unwrap_or_else(PoisonError::into_inner).remove(&digest);
    }

    /// The same server, told of its end in this way.
    pub(crate) fn told_by(self, ending: Ending) -> Self {
        Self { ending, ..self }
    }
}

/// Makes the data directory itself and the directories for people.
///
/// # Errors
/// When one cannot be made.
pub fn make_directories(data: &Path) -> Result<(), OpenError> {
    for path in std::iter::once(data.to_owned()).chain(DIRECTORIES.iter().map(|name| data.join(name))) {
        create_durably(&path).map_err(|source| OpenError::Directory { path, source })?;
    }
    Ok(())
}

/// Makes a directory and those above it, and makes the name of each that is new durable.
fn create_durably(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    create_durably(parent)?;
    match fs::create_dir(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => fs::File::open(parent)?.sync_all(),
    }
}
