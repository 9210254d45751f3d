-- What holds channels where they are, what was withdrawn, and parts of releases that are not published yet.

-- Channels that stay where they are.
CREATE TABLE pins (
  app     TEXT NOT NULL REFERENCES apps (slug),
  channel TEXT NOT NULL,
  at      TEXT NOT NULL,
  by      TEXT NOT NULL,
  reason  TEXT,
  PRIMARY KEY (app, channel)
) STRICT, WITHOUT ROWID;

-- Releases that were withdrawn. No reference to releases, which is an index and is made again.
CREATE TABLE revocations (
  app     TEXT NOT NULL REFERENCES apps (slug),
  release TEXT NOT NULL CHECK (length(release) = 64),
  at      TEXT NOT NULL,
  by      TEXT NOT NULL,
  reason  TEXT NOT NULL,
  PRIMARY KEY (app, release)
) STRICT, WITHOUT ROWID;

-- One row for each ref under staging/: until when it is there, and what it needs.
CREATE TABLE stages (
  app        TEXT NOT NULL REFERENCES apps (slug),
  release    TEXT NOT NULL,  -- a release name
  part       TEXT NOT NULL,
  manifest   TEXT NOT NULL CHECK (length(manifest) = 64),
  staged_at  TEXT NOT NULL,
  staged_by  TEXT NOT NULL,
  expires_at TEXT NOT NULL,
  PRIMARY KEY (app, release, part)
) STRICT, WITHOUT ROWID;

CREATE INDEX stages_by_expiry ON stages (expires_at);

-- The artifacts of staged parts.
CREATE TABLE stage_objects (
  app     TEXT NOT NULL,
  release TEXT NOT NULL,
  part    TEXT NOT NULL,
  digest  TEXT NOT NULL CHECK (length(digest) = 64),
  PRIMARY KEY (app, release, part, digest),
  FOREIGN KEY (app, release, part) REFERENCES stages (app, release, part) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE INDEX stage_objects_by_object ON stage_objects (app, digest);
