-- Sessions of browsers. A session is what its token is: it ends with it.
CREATE TABLE sessions (
  secret_sha256 TEXT NOT NULL PRIMARY KEY CHECK (length(secret_sha256) = 64),
  token_id      TEXT NOT NULL REFERENCES tokens (id),
  csrf          TEXT NOT NULL,  -- what forms of the session carry
  created_at    TEXT NOT NULL,
  expires_at    TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX sessions_by_expiry ON sessions (expires_at);

-- How often an artifact was downloaded on a day (UTC), and nothing of by whom.
CREATE TABLE downloads (
  app    TEXT NOT NULL REFERENCES apps (slug),
  digest TEXT NOT NULL CHECK (length(digest) = 64),
  day    TEXT NOT NULL CHECK (length(day) = 10),
  count  INTEGER NOT NULL,
  PRIMARY KEY (app, day, digest)
) STRICT, WITHOUT ROWID;

-- SHA-256 of each 10 MiB of an object, one after the other, 32 bytes each. Derived; can be made again from its bytes.
CREATE TABLE chunk_sums (
  digest TEXT NOT NULL PRIMARY KEY CHECK (length(digest) = 64),
  sums   BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- Installations that were begun through a link with a bounded number of uses, so that an installer that asks twice uses one.
CREATE TABLE link_installs (
  link       TEXT NOT NULL,
  fetch      TEXT NOT NULL CHECK (length(fetch) = 64),  -- SHA-256 of the capability
  expires_at TEXT NOT NULL,
  PRIMARY KEY (link, fetch)
) STRICT, WITHOUT ROWID;

CREATE INDEX link_installs_by_expiry ON link_installs (expires_at);
