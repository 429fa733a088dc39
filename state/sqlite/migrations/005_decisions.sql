-- A reject has a life: it is open until a later run has loaded its row or rejected it again, somebody has acknowledged it, or
-- a later full file lacks it.
ALTER TABLE rejects ADD COLUMN entity    TEXT    NOT NULL DEFAULT '';
ALTER TABLE rejects ADD COLUMN state     TEXT    NOT NULL DEFAULT 'open';
ALTER TABLE rejects ADD COLUMN ended_at  INTEGER NOT NULL DEFAULT 0;
ALTER TABLE rejects ADD COLUMN ended_run INTEGER NOT NULL DEFAULT 0; -- 0: somebody decided it
ALTER TABLE rejects ADD COLUMN who       TEXT    NOT NULL DEFAULT '';
ALTER TABLE rejects ADD COLUMN why       TEXT    NOT NULL DEFAULT '';
CREATE INDEX rejects_open ON rejects (entity, key) WHERE state = 'open';
