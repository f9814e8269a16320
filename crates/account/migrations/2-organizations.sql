-- Organizations: accounts of kind 1, whose members are accounts of persons, and whose machines append only.

CREATE TABLE member (
    account_id BYTEA NOT NULL,        -- the organization
    member_id BYTEA NOT NULL,         -- the person
    role BIGINT NOT NULL,             -- 0 owner, 1 auditor, 2 collector
    keybox BYTEA NOT NULL,            -- the keys of the role, sealed by the person
    label BYTEA NOT NULL,             -- what the organization calls the person, sealed
    since BIGINT NOT NULL,
    PRIMARY KEY (account_id, member_id)
);

CREATE TABLE membership (
    account_id BYTEA NOT NULL,        -- the person
    organization_id BYTEA NOT NULL,
    PRIMARY KEY (account_id, organization_id)
);

CREATE TABLE invite (
    account_id BYTEA NOT NULL,        -- the organization
    invite_id BYTEA NOT NULL,
    kind BIGINT NOT NULL,             -- 0 a member, 1 machines
    role BIGINT,                      -- of the member
    secret BYTEA NOT NULL,            -- SHA-256 of what the invited shows
    keybox BYTEA,                     -- the keys of the role, sealed to the invitation
    label BYTEA,                      -- what the organization calls the person, sealed
    created BIGINT NOT NULL,
    expires BIGINT NOT NULL,
    uses BIGINT,                      -- how many machines may still enroll; NULL for any number
    PRIMARY KEY (account_id, invite_id)
);

CREATE TABLE machine (
    account_id BYTEA NOT NULL,        -- the organization
    series BYTEA NOT NULL,
    token BYTEA NOT NULL,             -- SHA-256 of what the machine shows
    invite_id BYTEA NOT NULL,
    card BYTEA NOT NULL,              -- its key, sealed to the organization with the token that it enrolled with
    created BIGINT NOT NULL,
    PRIMARY KEY (account_id, series)
);

CREATE TABLE audit (
    account_id BYTEA NOT NULL,        -- the organization
    idx BIGINT NOT NULL,
    prev BYTEA NOT NULL,              -- the hash of the row before; zeros for the first
    time BIGINT NOT NULL,
    actor BYTEA NOT NULL,             -- a member or a machine
    action BIGINT NOT NULL,
    subject BYTEA,
    hash BYTEA NOT NULL,
    PRIMARY KEY (account_id, idx)
);

CREATE INDEX audit_time ON audit (account_id, time);
