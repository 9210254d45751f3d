-- What the console shows of staged releases, and finds in a long audit log.

-- How many parts the release has in all, where the job that staged this one knew.
ALTER TABLE stages ADD COLUMN of_parts INTEGER;

CREATE INDEX audit_events_by_actor ON audit_events (actor, seq);
CREATE INDEX audit_events_by_action ON audit_events (action, seq);
