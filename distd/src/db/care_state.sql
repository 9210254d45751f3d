-- How the store is, without a look at the rows: an index that holds all that is counted.
CREATE INDEX object_care_by_check_and_size ON object_care (checked_at, size);
DROP INDEX object_care_by_check;
