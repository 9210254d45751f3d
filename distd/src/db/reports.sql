-- Version 2.

-- What the app asks of its artifacts and channels: protocol::AppRules.
ALTER TABLE apps ADD COLUMN rules TEXT NOT NULL DEFAULT '{}';

-- What inspection read out of an object; can be made again from its bytes (distd reindex).
CREATE TABLE reports (
  digest    TEXT NOT NULL CHECK (length(digest) = 64),
  inspector INTEGER NOT NULL,
  made_at   TEXT NOT NULL,
  report    TEXT NOT NULL,  -- JSON, without the next two
  icon      BLOB,           -- PNG
  entries   BLOB,           -- JSON, deflated (zlib): sqlar_uncompress(entries, entries_size)
  entries_size INTEGER NOT NULL,
  PRIMARY KEY (digest, inspector)
) STRICT, WITHOUT ROWID;
