-- Apps that are kept equal to the same app of another server: nothing is published or moved here.
CREATE TABLE mirrors (
  app        TEXT NOT NULL PRIMARY KEY REFERENCES apps (slug),
  source     TEXT NOT NULL,
  since      TEXT NOT NULL,
  -- When it was last found equal; never yet where NULL.
  updated_at TEXT
) STRICT, WITHOUT ROWID;
