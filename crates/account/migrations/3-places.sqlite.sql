-- SQLite alone: records are no longer found by an index of their keys, but by row numbers that stand beside the heads.
-- A row number is eight bytes, most significant first. Record idx of a series is number (idx - 1) % 16 of block
-- (idx - 1) / 16; the last block of a series stands in its head, the ones before it in "place".

CREATE TABLE place (
    account_id BYTEA NOT NULL,
    series BYTEA NOT NULL,
    block BIGINT NOT NULL,
    rows BYTEA NOT NULL,
    PRIMARY KEY (account_id, series, block)
); -- one tree

ALTER TABLE head ADD COLUMN rows BYTEA NOT NULL DEFAULT x'';

-- Where a record is missing, its number is 0, so that those behind it keep their places.
INSERT INTO place SELECT account_id, series, block, unhex(group_concat(format('%016x', row), '' ORDER BY n)) FROM (
    SELECT blocks.account_id, blocks.series, blocks.block, n.column1 AS n, COALESCE(record.rowid, 0) AS row
    FROM (SELECT DISTINCT account_id, series, (idx - 1) / 16 AS block FROM record WHERE idx > 0) AS blocks
    CROSS JOIN head ON head.account_id = blocks.account_id AND head.series = blocks.series
    CROSS JOIN (VALUES (1), (2), (3), (4), (5), (6), (7), (8), (9), (10), (11), (12), (13), (14), (15), (16)) AS n
        ON n.column1 <= head.idx - blocks.block * 16
    LEFT JOIN record ON record.account_id = blocks.account_id AND record.series = blocks.series
        AND record.idx = blocks.block * 16 + n.column1
) GROUP BY account_id, series, block;

UPDATE head SET rows = place.rows FROM place
    WHERE place.account_id = head.account_id AND place.series = head.series AND place.block = (head.idx - 1) / 16;

DELETE FROM place WHERE EXISTS (SELECT 1 FROM head WHERE head.account_id = place.account_id
    AND head.series = place.series AND (head.idx - 1) / 16 = place.block);

ALTER TABLE record RENAME TO record_by_key;

CREATE TABLE record (
    row INTEGER PRIMARY KEY,          -- named, so that no tool that copies or shrinks the file counts anew
    account_id BYTEA NOT NULL,
    series BYTEA NOT NULL,
    idx BIGINT NOT NULL,
    prev BYTEA,
    header BYTEA NOT NULL,
    body BYTEA,
    body_hash BYTEA NOT NULL,
    received BIGINT NOT NULL
);

INSERT INTO record (row, account_id, series, idx, prev, header, body, body_hash, received)
    SELECT rowid, account_id, series, idx, prev, header, body, body_hash, received FROM record_by_key ORDER BY rowid;

DROP TABLE record_by_key;

CREATE INDEX record_removed ON record (account_id, series, idx) WHERE body IS NULL;
