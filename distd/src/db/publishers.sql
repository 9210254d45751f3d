-- Pipelines that may publish without a secret.
CREATE TABLE publishers (
  id         TEXT NOT NULL PRIMARY KEY,
  app        TEXT NOT NULL REFERENCES apps (slug),
  issuer     TEXT NOT NULL,
  rule       TEXT NOT NULL,  -- JSON: protocol::api::PublisherRule
  created_at TEXT NOT NULL,
  created_by TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX publishers_by_app ON publishers (app, issuer);

-- Identity tokens that were exchanged, until they expire: none is exchanged twice.
CREATE TABLE used_identities (
  issuer     TEXT NOT NULL,
  jti        TEXT NOT NULL,
  expires_at TEXT NOT NULL,
  PRIMARY KEY (issuer, jti)
) STRICT, WITHOUT ROWID;

CREATE INDEX used_identities_by_expiry ON used_identities (expires_at);
