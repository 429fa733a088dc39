-- Who may come in: what browsers and programs keep stands here as a hash.
CREATE TABLE sessions (
    hash  TEXT    PRIMARY KEY,
    user  TEXT    NOT NULL,
    stamp TEXT    NOT NULL, -- of the password
    origin TEXT   NOT NULL,
    began INTEGER NOT NULL,
    seen  INTEGER NOT NULL,
    ends  INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX sessions_user ON sessions (user);
CREATE INDEX sessions_ends ON sessions (ends);

CREATE TABLE tokens (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    name    TEXT    NOT NULL,
    hash    TEXT    NOT NULL UNIQUE,
    role    TEXT    NOT NULL,
    shops   TEXT    NOT NULL, -- JSON
    who     TEXT    NOT NULL, -- has made it
    made    INTEGER NOT NULL,
    expires INTEGER NOT NULL, -- 0: never
    revoked INTEGER NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX tokens_name ON tokens (name) WHERE revoked = 0;

-- The audit: each entry carries the hash of the one before. AUTOINCREMENT remembers the highest number, so that entries which are
-- taken off the end are missed as well.
CREATE TABLE audit (
    n      INTEGER PRIMARY KEY AUTOINCREMENT,
    at     INTEGER NOT NULL,
    kind   TEXT    NOT NULL,
    who    TEXT    NOT NULL,
    origin TEXT    NOT NULL,
    what   TEXT    NOT NULL,
    about  TEXT    NOT NULL,
    why    TEXT    NOT NULL,
    before TEXT    NOT NULL,
    hash   TEXT    NOT NULL
);
CREATE INDEX audit_at ON audit (at);
CREATE TRIGGER audit_stays BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'the audit is only added to'); END;
CREATE TRIGGER audit_says BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'the audit is only added to'); END;
