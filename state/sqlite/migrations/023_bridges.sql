-- The bridges that share the work on a ledger in PostgreSQL. In a file there is one, which nobody enters.
CREATE TABLE bridges (
    id      TEXT    PRIMARY KEY, -- of one life of a bridge
    name    TEXT    NOT NULL,    -- of its machine and process
    version TEXT    NOT NULL,
    config  TEXT    NOT NULL DEFAULT '', -- which work it knows, as a hash
    lock    INTEGER NOT NULL,    -- the advisory lock that its session has
    began   INTEGER NOT NULL,
    seen    INTEGER NOT NULL,    -- by the database's clock, as began
    doing   TEXT    NOT NULL DEFAULT '[]', -- the work that is its own now, JSON
    drained INTEGER NOT NULL DEFAULT 0
);
