-- Version 1. The tables refs and reflog come from the refs crate.
-- Times are RFC 3339, UTC, with three fractional digits. Digests are 64 lowercase hexadecimal digits.

CREATE TABLE apps (
  slug       TEXT NOT NULL PRIMARY KEY,
  name       TEXT NOT NULL,
  access     TEXT NOT NULL CHECK (access IN ('public', 'link', 'token')),
  created_at TEXT NOT NULL,
  created_by TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Index over the manifests that releases/* refs point at; can be rebuilt from them.
CREATE TABLE releases (
  seq          INTEGER PRIMARY KEY,
  app          TEXT NOT NULL REFERENCES apps (slug),
  id           TEXT NOT NULL CHECK (length(id) = 64),
  name         TEXT NOT NULL,
  version      TEXT NOT NULL,
  build        TEXT,
  parent       TEXT,
  size_bytes   INTEGER NOT NULL,
  created_at   TEXT NOT NULL,
  published_at TEXT NOT NULL,
  published_by TEXT NOT NULL,
  UNIQUE (app, id),
  UNIQUE (app, name)
) STRICT;

-- Newest first, one app.
CREATE INDEX releases_by_age ON releases (app, seq);

-- Index over the artifact lines of those manifests; can be rebuilt from them.
CREATE TABLE artifacts (
  app      TEXT NOT NULL,
  release  TEXT NOT NULL,
  position INTEGER NOT NULL,
  platform TEXT NOT NULL,
  arch     TEXT NOT NULL,
  kind     TEXT NOT NULL,
  filename TEXT NOT NULL,
  size     INTEGER NOT NULL,
  sha256   TEXT NOT NULL CHECK (length(sha256) = 64),
  PRIMARY KEY (app, release, position),
  FOREIGN KEY (app, release) REFERENCES releases (app, id)
) STRICT, WITHOUT ROWID;

-- Answers "does this app hold these bytes" from the index alone.
CREATE INDEX artifacts_by_object ON artifacts (app, sha256, size);

-- Objects that an app has negotiated and that no release of it holds yet.
CREATE TABLE uploads (
  app         TEXT NOT NULL REFERENCES apps (slug),
  digest      TEXT NOT NULL CHECK (length(digest) = 64),
  size        INTEGER NOT NULL,
  actor       TEXT NOT NULL,
  created_at  TEXT NOT NULL,
  received_at TEXT,
  PRIMARY KEY (app, digest)
) STRICT, WITHOUT ROWID;

CREATE TABLE tokens (
  id            TEXT NOT NULL PRIMARY KEY,
  name          TEXT NOT NULL,
  secret_sha256 TEXT NOT NULL CHECK (length(secret_sha256) = 64),
  scopes        TEXT NOT NULL,
  created_at    TEXT NOT NULL,
  created_by    TEXT NOT NULL,
  expires_at    TEXT,
  revoked_at    TEXT,
  -- The last minute in which it was used; finer is not kept.
  used_at       TEXT,
  used_from     TEXT
) STRICT, WITHOUT ROWID;

-- Capability links. The text of a link is signed with a key that is not in the database.
CREATE TABLE links (
  id         TEXT NOT NULL PRIMARY KEY,
  app        TEXT NOT NULL REFERENCES apps (slug),
  channel    TEXT NOT NULL,
  note       TEXT,
  created_at TEXT NOT NULL,
  created_by TEXT NOT NULL,
  expires_at TEXT NOT NULL,
  max_uses   INTEGER,
  uses       INTEGER NOT NULL DEFAULT 0,
  revoked_at TEXT
) STRICT, WITHOUT ROWID;

CREATE INDEX links_by_app ON links (app, created_at);

-- Each row carries the hash of the row before it; rows are never changed and never removed.
CREATE TABLE audit_events (
  seq           INTEGER PRIMARY KEY,
  at            TEXT NOT NULL,
  actor         TEXT NOT NULL,
  token_id      TEXT,
  action        TEXT NOT NULL,
  app           TEXT,
  subject       TEXT NOT NULL,
  old           TEXT,
  new           TEXT,
  reason        TEXT,
  address       TEXT,
  request_id    TEXT,
  details       TEXT NOT NULL,
  previous_hash TEXT NOT NULL CHECK (length(previous_hash) = 64),
  hash          TEXT NOT NULL CHECK (length(hash) = 64)
) STRICT;

CREATE INDEX audit_events_by_app ON audit_events (app, seq);

CREATE TRIGGER audit_events_are_never_changed BEFORE UPDATE ON audit_events
BEGIN SELECT RAISE(ABORT, 'audit events are never changed'); END;

CREATE TRIGGER audit_events_are_never_removed BEFORE DELETE ON audit_events
BEGIN SELECT RAISE(ABORT, 'audit events are never removed'); END;
