-- Care of the store.

-- What is known of the file of an object: derived, and made again where it is missing or wrong.
CREATE TABLE object_care (
  digest     TEXT NOT NULL PRIMARY KEY CHECK (length(digest) = 64),
  size       INTEGER NOT NULL,
  sums       BLOB,           -- CRC-32 of each 256 KiB, little-endian; NULL: not made yet, or not needed
  checked_at TEXT NOT NULL   -- when its bytes were last held against its digest
) STRICT;

CREATE INDEX object_care_by_check ON object_care (checked_at);

-- Objects that nothing named when gc looked; deleted where that is still so after the grace period.
CREATE TABLE trash (
  digest     TEXT NOT NULL PRIMARY KEY CHECK (length(digest) = 64),
  size       INTEGER NOT NULL,
  trashed_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Until then gc deletes nothing: a backup is being made.
CREATE TABLE gc_holds (
  id         TEXT NOT NULL PRIMARY KEY,
  reason     TEXT NOT NULL,
  expires_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Releases whose artifacts retention gave up. Manifest, name and history stay.
CREATE TABLE expired_releases (
  app        TEXT NOT NULL,
  release    TEXT NOT NULL CHECK (length(release) = 64),
  expired_at TEXT NOT NULL,
  PRIMARY KEY (app, release)
) STRICT, WITHOUT ROWID;

-- The last run of each task: when, and what it said (JSON).
CREATE TABLE care_runs (
  task   TEXT NOT NULL PRIMARY KEY,
  at     TEXT NOT NULL,
  answer TEXT NOT NULL
) STRICT, WITHOUT ROWID;
