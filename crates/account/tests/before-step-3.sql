-- Makes the tables of an SQLite file as they were before heads led to records.
ALTER TABLE head RENAME TO new_head;
CREATE TABLE head (account_id BYTEA NOT NULL, series BYTEA NOT NULL, idx BIGINT NOT NULL, hash BYTEA NOT NULL,
    bytes BIGINT NOT NULL, PRIMARY KEY (account_id, series)) WITHOUT ROWID;
INSERT INTO head SELECT account_id, series, idx, hash, bytes FROM new_head;
DROP TABLE new_head;
DROP INDEX record_removed;
ALTER TABLE record RENAME TO new_record;
CREATE TABLE record (account_id BYTEA NOT NULL, series BYTEA NOT NULL, idx BIGINT NOT NULL, prev BYTEA,
    header BYTEA NOT NULL, body BYTEA, body_hash BYTEA NOT NULL, received BIGINT NOT NULL,
    PRIMARY KEY (account_id, series, idx));
INSERT INTO record SELECT account_id, series, idx, prev, header, body, body_hash, received FROM new_record
    ORDER BY random();
CREATE INDEX record_removed ON record (account_id, series, idx) WHERE body IS NULL;
DROP TABLE new_record;
DROP TABLE place;
DELETE FROM migration WHERE step = 3;
