/// Version 1 of the tables, as statements for `execute_batch` on a database without them.
///
/// - `refs` is what each ref is now: one row for each ref that exists.
/// - `reflog` is what each ref was: one row for each move, `seq` counting from 1 for each ref
///   without a gap, also across a deletion. A row is never changed.
///
/// The checks hold back what a slip with `sqlite3` could break: ids that are not 64 lowercase hex
/// digits, times of another width (they would no longer sort), lines that record no move.
pub const SCHEMA_1: &str = "
CREATE TABLE refs (
  app        TEXT NOT NULL,
  name       TEXT NOT NULL,
  target     TEXT NOT NULL CHECK (length(target) = 64 AND target NOT GLOB '*[^0-9a-f]*'),
  updated_at TEXT NOT NULL CHECK (length(updated_at) = 24 AND updated_at GLOB '[0-9]*Z'),
  PRIMARY KEY (app, name)
) STRICT, WITHOUT ROWID;

-- Which refs of an app point at a release?
CREATE INDEX refs_by_target ON refs (app, target);

CREATE TABLE reflog (
  app    TEXT NOT NULL,
  ref    TEXT NOT NULL,
  seq    INTEGER NOT NULL CHECK (seq >= 1),
  old    TEXT CHECK (length(old) = 64 AND old NOT GLOB '*[^0-9a-f]*'),
  new    TEXT CHECK (length(new) = 64 AND new NOT GLOB '*[^0-9a-f]*'),
  actor  TEXT NOT NULL,
  action TEXT NOT NULL,
  reason TEXT,
  at     TEXT NOT NULL CHECK (length(at) = 24 AND at GLOB '[0-9]*Z'),
  PRIMARY KEY (app, ref, seq),
  CHECK (old IS NOT new)
) STRICT, WITHOUT ROWID;
";

/// Version 2 of the tables, as statements for `execute_batch` after [`SCHEMA_1`]: an index that says where a release was
/// without reading whole reflogs. It holds `seq` too, as part of the primary key.
pub const SCHEMA_2: &str = "
CREATE INDEX reflog_by_new ON reflog (app, new, ref);
";
