-- Where an app's events are sent.
CREATE TABLE webhooks (
  id            TEXT NOT NULL PRIMARY KEY,
  app           TEXT NOT NULL REFERENCES apps (slug),
  url           TEXT NOT NULL,
  format        TEXT NOT NULL,
  events        TEXT NOT NULL,  -- JSON: an array of protocol::api::WebhookEvent
  secret        BLOB NOT NULL CHECK (length(secret) = 32),  -- as it is: it signs
  created_at    TEXT NOT NULL,
  created_by    TEXT NOT NULL,
  failing_since TEXT,
  disabled_at   TEXT
) STRICT, WITHOUT ROWID;

CREATE INDEX webhooks_by_app ON webhooks (app);

-- The queue, and after that the log. A row is written in the transaction of the change that it tells of.
CREATE TABLE webhook_deliveries (
  id           INTEGER PRIMARY KEY AUTOINCREMENT,
  webhook      TEXT NOT NULL REFERENCES webhooks (id) ON DELETE CASCADE,
  message      TEXT NOT NULL,
  event        TEXT NOT NULL,
  payload      TEXT NOT NULL,  -- JSON: protocol::api::WebhookPayload
  created_at   TEXT NOT NULL,
  state        TEXT NOT NULL CHECK (state IN ('waiting', 'delivered', 'failed')),
  once         INTEGER NOT NULL,  -- 1: it is tried once
  attempts     INTEGER NOT NULL DEFAULT 0,
  next_at      TEXT,              -- NULL unless it is waiting
  last_at      TEXT,
  status       INTEGER,
  milliseconds INTEGER,
  error        TEXT,
  answer       TEXT
) STRICT;

CREATE INDEX webhook_deliveries_due ON webhook_deliveries (next_at) WHERE state = 'waiting';
CREATE INDEX webhook_deliveries_by_webhook ON webhook_deliveries (webhook, id);
