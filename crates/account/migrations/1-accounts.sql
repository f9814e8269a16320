-- Accounts, their credentials and devices, and the sealed records that devices append.
--
-- Columns are whole numbers (BIGINT) and bytes (BYTEA) only; times are seconds since 1970-01-01 UTC. account_id leads
-- every primary key, so that one statement touches one account and the tables can be spread by it. Names of accounts
-- are not here: account_id is made from the name with a secret that lies outside the database.
--
-- "one tree": SQLite keeps these rows, which are short, in the tree of their primary key and not in a second one.

CREATE TABLE account (
    account_id BYTEA NOT NULL,
    kind BIGINT NOT NULL,             -- 0 a person, 1 an organization
    created BIGINT NOT NULL,
    setup BIGINT NOT NULL,            -- which server secret its credentials were made with
    generation BIGINT NOT NULL,       -- how often credentials were changed
    delete_after BIGINT,
    PRIMARY KEY (account_id)
); -- one tree

CREATE TABLE credential (
    account_id BYTEA NOT NULL,
    method BIGINT NOT NULL,           -- 0 password, 1 recovery code
    record BYTEA NOT NULL,
    keybox BYTEA NOT NULL,
    memory_kib BIGINT NOT NULL,
    passes BIGINT NOT NULL,
    PRIMARY KEY (account_id, method)
); -- one tree

CREATE TABLE session (
    account_id BYTEA NOT NULL,
    device_id BYTEA NOT NULL,
    token BYTEA NOT NULL,             -- SHA-256 of what the device shows
    generation BIGINT NOT NULL,
    created BIGINT NOT NULL,
    seen BIGINT NOT NULL,
    fresh BIGINT NOT NULL,            -- until when the sign-in counts as just made
    label BYTEA,
    PRIMARY KEY (account_id, device_id)
); -- one tree

CREATE TABLE file (
    account_id BYTEA NOT NULL,
    file_id BYTEA NOT NULL,
    bytes BYTEA NOT NULL,
    PRIMARY KEY (account_id, file_id)
);

CREATE TABLE head (
    account_id BYTEA NOT NULL,
    series BYTEA NOT NULL,
    idx BIGINT NOT NULL,
    hash BYTEA NOT NULL,
    bytes BIGINT NOT NULL,            -- of all records of the series
    PRIMARY KEY (account_id, series)
); -- one tree

CREATE TABLE record (
    account_id BYTEA NOT NULL,
    series BYTEA NOT NULL,
    idx BIGINT NOT NULL,
    prev BYTEA,
    header BYTEA NOT NULL,
    body BYTEA,                       -- NULL after it was removed for good
    body_hash BYTEA NOT NULL,
    received BIGINT NOT NULL,
    PRIMARY KEY (account_id, series, idx)
);

CREATE INDEX record_removed ON record (account_id, series, idx) WHERE body IS NULL;

CREATE TABLE approval (
    account_id BYTEA NOT NULL,
    approval_id BYTEA NOT NULL,
    public BYTEA NOT NULL,
    claim BYTEA NOT NULL,
    created BIGINT NOT NULL,
    keybox BYTEA,
    PRIMARY KEY (account_id, approval_id)
);
