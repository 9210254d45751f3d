-- Whether an app has an object of some size, asked before its digest is known.

CREATE INDEX artifacts_by_size ON artifacts (app, size);
