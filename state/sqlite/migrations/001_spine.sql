-- Times are unix milliseconds, UTC; 0 is "not yet". Contents are JSON objects of canonical values.

CREATE TABLE drops (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    feed       TEXT    NOT NULL,
    remote     TEXT    NOT NULL,
    folder     TEXT    NOT NULL,
    name       TEXT    NOT NULL,
    path       TEXT    NOT NULL,
    size       INTEGER NOT NULL,
    mtime      INTEGER NOT NULL,
    sha256     TEXT    NOT NULL DEFAULT '',
    state      TEXT    NOT NULL,
    reason     TEXT    NOT NULL DEFAULT '',
    spool      TEXT    NOT NULL DEFAULT '',
    date       TEXT    NOT NULL DEFAULT '',
    seq        TEXT    NOT NULL DEFAULT '',
    place      TEXT    NOT NULL DEFAULT '', -- its place in the feed's order, compared as text; '': it has none
    gap        TEXT    NOT NULL DEFAULT '', -- what was missing before it, in words
    corrects   INTEGER NOT NULL DEFAULT 0,  -- a file of rejects that came back
    lists      INTEGER NOT NULL DEFAULT 0,  -- a manifest
    listed_by  INTEGER NOT NULL DEFAULT 0,  -- the manifest that lists it, and what that says of it
    listed_rows INTEGER NOT NULL DEFAULT -1,
    listed_sha256 TEXT NOT NULL DEFAULT '',
    previous   INTEGER NOT NULL DEFAULT 0,
    same       INTEGER NOT NULL DEFAULT 0,
    finish     TEXT    NOT NULL DEFAULT '',
    decided_by TEXT    NOT NULL DEFAULT '',
    seen_at    INTEGER NOT NULL DEFAULT 0,
    steady_at  INTEGER NOT NULL DEFAULT 0,
    listed_at  INTEGER NOT NULL DEFAULT 0,
    ready_at   INTEGER NOT NULL DEFAULT 0,
    claimed_at INTEGER NOT NULL DEFAULT 0,
    fetched_at INTEGER NOT NULL DEFAULT 0,
    settled_at INTEGER NOT NULL DEFAULT 0,
    decided_at INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX drops_place ON drops (feed, remote, folder, name);
CREATE INDEX drops_state ON drops (state, feed);
CREATE INDEX drops_content ON drops (feed, sha256) WHERE sha256 <> '';
CREATE INDEX drops_finish ON drops (feed) WHERE finish <> '';
CREATE INDEX drops_listed ON drops (listed_by, name) WHERE listed_by <> 0;
CREATE INDEX drops_order ON drops (feed, place) WHERE place <> '';
CREATE INDEX drops_path ON drops (remote, path) WHERE path <> '';

-- What was written of a drop for its sender: reject files and receipts.
CREATE TABLE papers (
    drop_id INTEGER NOT NULL REFERENCES drops,
    path    TEXT    NOT NULL,
    PRIMARY KEY (drop_id, path)
) WITHOUT ROWID;

-- What a manifest lists.
CREATE TABLE manifest_files (
    manifest INTEGER NOT NULL REFERENCES drops,
    feed     TEXT    NOT NULL,
    name     TEXT    NOT NULL,
    rows     INTEGER NOT NULL, -- -1: not said
    size     INTEGER NOT NULL, -- -1: not said
    sha256   TEXT    NOT NULL, -- '': not said
    PRIMARY KEY (manifest, name)
) WITHOUT ROWID;
CREATE INDEX manifest_files_name ON manifest_files (feed, name);

CREATE TABLE runs (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    drop_id   INTEGER NOT NULL REFERENCES drops,
    kind      TEXT    NOT NULL,
    state     TEXT    NOT NULL,
    forced    INTEGER NOT NULL DEFAULT 0,
    approved  INTEGER NOT NULL DEFAULT 0,
    rows      INTEGER NOT NULL DEFAULT 0,
    created   INTEGER NOT NULL DEFAULT 0,
    updated   INTEGER NOT NULL DEFAULT 0,
    unchanged INTEGER NOT NULL DEFAULT 0,
    adopted   INTEGER NOT NULL DEFAULT 0,
    superseded INTEGER NOT NULL DEFAULT 0,
    verified  INTEGER NOT NULL DEFAULT 0,
    scope     TEXT    NOT NULL DEFAULT '',
    attempts  INTEGER NOT NULL DEFAULT 0, -- begun, and not ended in an orderly way
    removed   INTEGER NOT NULL DEFAULT 0,
    collapsed INTEGER NOT NULL DEFAULT 0,
    rejected  INTEGER NOT NULL DEFAULT 0,
    parked    INTEGER NOT NULL DEFAULT 0,
    withdrawn INTEGER NOT NULL DEFAULT 0,
    requests  INTEGER NOT NULL DEFAULT 0,
    skipped   TEXT    NOT NULL DEFAULT '{}', -- what the reader left out, counted by word
    reason    TEXT    NOT NULL DEFAULT '',
    started   INTEGER NOT NULL,
    ended     INTEGER NOT NULL DEFAULT 0,
    told      INTEGER NOT NULL DEFAULT 0, -- its reject file and receipts are written
    pruned    INTEGER NOT NULL DEFAULT 0  -- nothing is left of its rejects and history
);
CREATE INDEX runs_drop ON runs (drop_id);
CREATE INDEX runs_old ON runs (ended) WHERE pruned = 0;

-- What planning asks for every row: narrow, and found by one descent of one tree.
CREATE TABLE links (
    entity TEXT    NOT NULL,
    key    TEXT    NOT NULL,
    id     INTEGER NOT NULL,
    print  INTEGER NOT NULL, -- fingerprint of accepted.content
    PRIMARY KEY (entity, key)
) WITHOUT ROWID;

-- The other half of a link: what Oro last accepted, and who set it.
CREATE TABLE accepted (
    link    INTEGER PRIMARY KEY AUTOINCREMENT,
    entity  TEXT    NOT NULL,
    key     TEXT    NOT NULL,
    oro_id  TEXT    NOT NULL,
    content TEXT    NOT NULL,
    removed INTEGER NOT NULL DEFAULT 0,
    feed    TEXT    NOT NULL DEFAULT '',
    drop_id INTEGER NOT NULL DEFAULT 0,
    run     INTEGER NOT NULL DEFAULT 0,
    line    INTEGER NOT NULL DEFAULT 0,
    origins TEXT    NOT NULL DEFAULT '', -- JSON: the drops that set fields before, where drop_id has not set them since
    at      INTEGER NOT NULL
);
CREATE INDEX accepted_feed ON accepted (entity, feed) WHERE removed = 0;

CREATE TABLE history (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    entity  TEXT    NOT NULL,
    key     TEXT    NOT NULL,
    drop_id INTEGER NOT NULL,
    run     INTEGER NOT NULL,
    line    INTEGER NOT NULL,
    fate    TEXT    NOT NULL,
    sent    TEXT    NOT NULL,
    before  TEXT    NOT NULL DEFAULT '{}', -- what the fields of sent were
    detail  TEXT    NOT NULL DEFAULT '',
    at      INTEGER NOT NULL
);
CREATE INDEX history_key ON history (entity, key);
CREATE INDEX history_run ON history (run, key);

CREATE TABLE rejects (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    drop_id INTEGER NOT NULL,
    run     INTEGER NOT NULL,
    planned INTEGER NOT NULL, -- 1: refused by planning, 0: by the shop
    line    INTEGER NOT NULL,
    off     INTEGER NOT NULL,
    segment TEXT    NOT NULL DEFAULT '',
    doc     TEXT    NOT NULL DEFAULT '',
    part    TEXT    NOT NULL DEFAULT '',
    key     TEXT    NOT NULL,
    field   TEXT    NOT NULL,
    code    TEXT    NOT NULL,
    message TEXT    NOT NULL,
    row     TEXT    NOT NULL
);
CREATE INDEX rejects_drop ON rejects (drop_id, run, line);
CREATE INDEX rejects_run ON rejects (run);

CREATE TABLE parked (
    entity         TEXT    NOT NULL,
    key            TEXT    NOT NULL,
    feed           TEXT    NOT NULL,
    drop_id        INTEGER NOT NULL,
    run            INTEGER NOT NULL,
    line           INTEGER NOT NULL,
    pos            TEXT    NOT NULL, -- all of the position
    missing_entity TEXT    NOT NULL,
    missing_key    TEXT    NOT NULL,
    record         TEXT    NOT NULL,
    remove         INTEGER NOT NULL DEFAULT 0,
    row            TEXT    NOT NULL,
    since          INTEGER NOT NULL,
    PRIMARY KEY (entity, key)
) WITHOUT ROWID;
CREATE INDEX parked_missing ON parked (missing_entity, missing_key);

CREATE TABLE batches (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    run       INTEGER NOT NULL,
    entity    TEXT    NOT NULL,
    operation TEXT    NOT NULL DEFAULT '',
    changes   TEXT    NOT NULL,
    sent      INTEGER NOT NULL
);
CREATE INDEX batches_run ON batches (run);

-- How far an export has read the shop's orders, and the last numbers that it gave.
CREATE TABLE cursors (
    export   TEXT    PRIMARY KEY,
    at       INTEGER NOT NULL,
    floor    INTEGER NOT NULL DEFAULT 0, -- orders submitted before are none of its business
    number   INTEGER NOT NULL DEFAULT 0, -- of files
    document INTEGER NOT NULL DEFAULT 0  -- of documents inside the files
) WITHOUT ROWID;

-- Which orders of the shop an export has looked at, and in which version.
CREATE TABLE sightings (
    export  TEXT    NOT NULL,
    oro_id  TEXT    NOT NULL,
    updated INTEGER NOT NULL, -- the shop's updatedAt when it was looked at
    again   INTEGER NOT NULL, -- when it was looked at, while it could change without another time stamp; else 0
    ignored INTEGER NOT NULL, -- it stood in the shop before the export's first start
    PRIMARY KEY (export, oro_id)
) WITHOUT ROWID;

-- A file for the ERP. Once it stands here, its name and its bytes never change.
CREATE TABLE outfiles (
    export    TEXT    NOT NULL,
    number    INTEGER NOT NULL,
    name      TEXT    NOT NULL,
    body      BLOB    NOT NULL,
    sha256    TEXT    NOT NULL,
    state     TEXT    NOT NULL,
    alarm     TEXT    NOT NULL DEFAULT '',
    reason    TEXT    NOT NULL DEFAULT '',
    staged    TEXT    NOT NULL DEFAULT '', -- the temporary file that holds the bytes and waits for its name
    owed      INTEGER NOT NULL,
    written   INTEGER NOT NULL DEFAULT 0,
    marked    INTEGER NOT NULL DEFAULT 0,  -- its marker is there too
    mtime     INTEGER NOT NULL DEFAULT 0,  -- the server's time of the file as it was first listed
    fetched   INTEGER NOT NULL DEFAULT 0,  -- a partner has read it to its end, at a server of the bridge's own
    fetched_by TEXT   NOT NULL DEFAULT '',
    fetched_from TEXT NOT NULL DEFAULT '', -- address
    picked_up INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (export, number)
);
CREATE INDEX outfiles_sha256 ON outfiles (sha256);
CREATE UNIQUE INDEX outfiles_name ON outfiles (export, name);
CREATE INDEX outfiles_state ON outfiles (export, state);
CREATE INDEX outfiles_alarm ON outfiles (export, alarm) WHERE alarm <> '';

-- An order in one of its versions, and the file that holds it.
CREATE TABLE outbox (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    export     TEXT    NOT NULL,
    kind       TEXT    NOT NULL,           -- of the document: orders
    number     INTEGER NOT NULL DEFAULT 0, -- of its file; 0 while it has none
    identifier TEXT    NOT NULL,
    oro_id     TEXT    NOT NULL,
    version    INTEGER NOT NULL,
    print      INTEGER NOT NULL,           -- fingerprint of what the ERP cares about
    content    TEXT    NOT NULL DEFAULT '',-- the order, while it waits for its file
    flags      TEXT    NOT NULL DEFAULT '',-- what was noticed and not corrected, separated by blanks
    stuck      TEXT    NOT NULL DEFAULT '',-- why it can't be written at all
    alarm      TEXT    NOT NULL DEFAULT '',
    submitted  INTEGER NOT NULL,
    noticed    INTEGER NOT NULL,
    answered   INTEGER NOT NULL DEFAULT 0,
    answer     TEXT    NOT NULL DEFAULT ''
);
CREATE UNIQUE INDEX outbox_order ON outbox (export, oro_id, version);
CREATE INDEX outbox_identifier ON outbox (identifier);
CREATE INDEX outbox_file ON outbox (export, number);
CREATE INDEX outbox_alarm ON outbox (export, alarm) WHERE alarm <> '';
CREATE INDEX outbox_open ON outbox (export, id) WHERE answered = 0;

-- What happened, for people.
CREATE TABLE events (
    id     INTEGER PRIMARY KEY AUTOINCREMENT,
    at     INTEGER NOT NULL,
    kind   TEXT    NOT NULL,
    feed   TEXT    NOT NULL DEFAULT '',
    export TEXT    NOT NULL DEFAULT '',
    drop_id INTEGER NOT NULL DEFAULT 0,
    doc    TEXT    NOT NULL DEFAULT '', -- the order
    remote TEXT    NOT NULL DEFAULT '', -- of what a partner did
    user   TEXT    NOT NULL DEFAULT '', -- the partner
    rest   TEXT    NOT NULL DEFAULT '{}' -- JSON: the other fields
);
CREATE INDEX events_at ON events (at);
CREATE INDEX events_drop ON events (drop_id) WHERE drop_id <> 0;
CREATE INDEX events_order ON events (doc) WHERE doc <> '';
CREATE INDEX events_visit ON events (id) WHERE remote <> '';

CREATE TABLE notes (
    name TEXT PRIMARY KEY,
    text TEXT NOT NULL
) WITHOUT ROWID;
