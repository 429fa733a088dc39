-- Rows that were loaded without a part of what they carry: the first of each run.
CREATE TABLE warnings (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    drop_id INTEGER NOT NULL,
    run     INTEGER NOT NULL,
    pos     TEXT    NOT NULL, -- all of the position
    key     TEXT    NOT NULL,
    field   TEXT    NOT NULL,
    code    TEXT    NOT NULL,
    message TEXT    NOT NULL
);
CREATE INDEX warnings_drop ON warnings (drop_id, run);
CREATE INDEX warnings_run ON warnings (run);

ALTER TABLE runs ADD COLUMN warnings INTEGER NOT NULL DEFAULT 0;
-- JSON: the file's columns that feed no field, each with the field that is nearest to its name.
ALTER TABLE runs ADD COLUMN unmapped TEXT NOT NULL DEFAULT '[]';
